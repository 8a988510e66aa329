/* SPDX-License-Identifier: Apache-2.0
 *
 * oci: manifests, configs and indexes of images as JSON (OCI image specification 1.0; Docker's schema 2 is read as well). What is read is hostile:
 * limits, digests, media types and counts are checked. What is written is canonical JSON: equal images give equal bytes.
 */
#ifndef PAWL_BACKENDS_OCI_H
#define PAWL_BACKENDS_OCI_H

#include "base/js.h"
#include "hashing/digest.h"

#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_INDEX "application/vnd.docker.distribution.manifest.list.v2+json"

#define OCI_JSON_LIMIT ((size_t)8 << 20)
#define OCI_LAYERS_MAX 500

struct oci_layer {
	struct digest digest, diff_id; /* diff_id: zero until the config was read */
	uint64_t size;
	struct str media;              /* OCI's name, also when the manifest was Docker's */
};

struct oci_manifest {
	struct digest config;
	uint64_t config_size;
	struct oci_layer *layers;
	size_t nlayers;
};

struct oci_descriptor {
	struct str media;
	struct digest digest;
	uint64_t size;
	struct str name; /* annotation org.opencontainers.image.ref.name; empty: none */
};

/* what: for messages ("python:3.11-slim"). ERR_INPUT. */
int oci_manifest_read(struct str json, const char *what, struct arena *a, struct oci_manifest *out, struct err *e);
bool oci_is_index(struct str media);
/* The manifest for a platform ("linux/arm64/v8"): of an index that has one, else ERR_MISSING with the platforms that it has. */
int oci_index_pick(struct str json, const char *what, struct str platform, struct arena *a, struct oci_descriptor *out, struct err *e);
/* The entry of an OCI layout's index.json: by its reference name, or (empty) the only one. */
int oci_layout_pick(struct str json, const char *what, struct str name, struct arena *a, struct oci_descriptor *out, struct err *e);
/* Puts the diff_ids of a config into m's layers; *config: the whole document, owned by the caller. ERR_INPUT: they do not fit. */
int oci_config_read(struct str json, const char *what, struct oci_manifest *m, struct js **config, struct err *e);

/* The changes that an environment makes to its parent's config; empty texts change nothing. */
struct oci_settings {
	struct str platform;
	const struct str *env;        /* "NAME=value": replaces or is added, in the order given */
	size_t nenv;
	const struct str *labels;     /* "name=value" */
	size_t nlabels;
	struct str workdir, user;
	const struct str *entrypoint; /* takes the parent's Cmd away */
	size_t nentrypoint;
};
/* A history line for each layer of our own: "wheel numpy 2.1.0". */
struct oci_added {
	struct digest diff_id;
	struct str created_by;
};
/* The config of parent (NULL: scratch) with layers added. Nothing volatile: "created" is the epoch of our layers, for every machine. */
void oci_config_write(const struct js *parent, const struct oci_settings *s, const struct oci_added *added, size_t nadded, struct buf *out);
void oci_manifest_write(const struct oci_manifest *m, struct buf *out);
/* One image for several platforms. */
struct oci_listed {
	struct digest manifest;
	uint64_t size;
	struct str platform;
};
void oci_index_of(const struct oci_listed *v, size_t n, struct buf *out);
/* index.json with one manifest, or (no platform) with one index; name: the reference's annotation; whole: its name with a host, for containerd. Each
 * may be empty. */
void oci_index_write(const struct digest *manifest, uint64_t size, struct str name, struct str whole, struct str platform, struct buf *out);

#endif
