/* SPDX-License-Identifier: Apache-2.0
 *
 * layout: images in OCI layout folders and in archives that Docker loads (and that are OCI archives as well).
 */
#ifndef PAWL_BACKENDS_LAYOUT_H
#define PAWL_BACKENDS_LAYOUT_H

#include "backends/oci.h"
#include "cache/blobs.h"

/* An image whose blobs are all in the store. */
struct layout_image {
	struct digest manifest;
	uint64_t manifest_size;
	struct oci_manifest parts; /* config and layers */
	struct str name;           /* reference name: "base"; with Docker REPOSITORY:TAG in repo_tag */
	struct str repo_tag;       /* "churn:base" */
	struct str platform;
	/* The same for other platforms, under one index, which is a blob as well. */
	const struct layout_image *others;
	size_t nothers;
	struct digest index;       /* only with others */
	uint64_t index_size;
};

/* Make folder (below at) an OCI layout with this one image: blobs are checked copies, those there already are checked and kept, those of the
 * image that it held before are removed. ERR_INPUT: the folder is there and is no OCI layout. */
int layout_write(int at, const char *folder, struct blobs *b, const struct layout_image *i, struct err *e);
/* The image of a layout folder into the store, checked: manifest, config, layers. name may be empty when there is one image only. */
struct layout_read {
	struct digest manifest;
	struct oci_manifest parts; /* diff_ids filled in */
};
int layout_read(int at, const char *folder, struct str name, struct str platform, struct blobs *b, struct arena *a, struct layout_read *out,
		struct err *e);
/* Only its manifest's digest: reads index.json (and an index below it), not the layers. */
int layout_digest(int at, const char *folder, struct str name, struct str platform, struct digest *out, struct err *e);

/* Enter an image into the index.json of a layout that holds many (the cache's own), under name, in place of an older one; entries whose
 * manifest is no longer there are left out. */
int layout_name(const char *folder, struct str name, const struct digest *manifest, uint64_t size, struct str platform, struct err *e);

/* A tar that `docker load`, `podman load`, `ctr images import`, skopeo (docker-archive: and oci-archive:) take; or one of the two forms alone.
 * Docker's form has no other platforms, and layers in zstd, which not every Docker understands, are plain in it. have: diff_ids from below that
 * the receiver has already, whose bytes are left out. Written to fd from its start. */
enum archive_form { ARCHIVE_BOTH, ARCHIVE_DOCKER, ARCHIVE_OCI };
int archive_write(int fd, struct blobs *b, const struct layout_image *i, enum archive_form form, size_t have, struct err *e);
/* The image of a docker archive (docker save) into the store; its layers become our gzip layers where they are plain tars. */
int docker_archive_read(const char *path, struct blobs *b, struct arena *a, struct layout_read *out, struct err *e);

#endif
