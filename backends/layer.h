/* SPDX-License-Identifier: Apache-2.0
 *
 * layer: canonical image layers.
 *
 * Entries are collected in any order, then written once: sorted by path, ustar (pax only where a name or size needs it), owner 0:0
 * without names, mode 0755 for folders and executables, 0644 else, mtime LAYER_MTIME, every parent folder with an entry of its own,
 * the same path twice: the later wins. Compressed as members that concatenate. Equal entries give equal bytes on every machine.
 */
#ifndef PAWL_BACKENDS_LAYER_H
#define PAWL_BACKENDS_LAYER_H

#include "cache/blobs.h"
#include "hashing/digest.h"
#include "hashing/tree.h"

#define LAYER_FORMAT 1           /* enters keys; raised when bytes would change for the same entries */
#define LAYER_MTIME 946684800    /* 2000-01-01: before 1980 zip and some tools complain */

enum layer_compression { LAYER_GZIP, LAYER_ZSTD, LAYER_TAR };

struct layer; /* being collected */

struct layer_info {
	struct digest digest, diff_id; /* of the compressed and of the plain tar */
	uint64_t size;                 /* bytes compressed */
	uint64_t tar_size;
	struct str media;              /* "application/vnd.oci.image.layer.v1.tar+gzip" */
};

struct layer *layer_new(void);
void layer_free(struct layer *l);
/* Paths: relative, clean ("usr/lib/x"); one that is absolute, escapes or is empty is ERR_INPUT. Texts are copied. */
int layer_add_bytes(struct layer *l, struct str path, bool exec, struct str bytes, struct err *e);
int layer_add_blob(struct layer *l, struct str path, bool exec, const struct digest *d, uint64_t size, struct err *e);
/* A file in the file system, whose content is known: checked against it while it is written. */
int layer_add_file(struct layer *l, struct str path, bool exec, int at, const char *from, const struct content *c, struct err *e);
int layer_add_link(struct layer *l, struct str path, struct str target, struct err *e);
int layer_add_folder(struct layer *l, struct str path, struct err *e);
size_t layer_entries(const struct layer *l);
/* Write it into the blob store. media is static text. Any thread. */
int layer_write(struct layer *l, struct blobs *b, enum layer_compression c, struct layer_info *out, struct err *e);
/* Compressor with version, for keys: "zlib-ng 2.1 level 1". Static. */
const char *layer_compressor(enum layer_compression c);

#endif
