/* SPDX-License-Identifier: Apache-2.0
 *
 * layer: canonical image layers.
 *
 * Entries are collected in any order, then written once: sorted by path, ustar (pax only where a name or size needs it), owner 0:0
 * without names, mode 0755 for folders and executables, 0644 else, mtime LAYER_MTIME, every parent folder with an entry of its own,
 * the same path twice: the later wins. Compressed as members that concatenate. Equal entries give equal bytes on every machine.
 *
 * Refused (ERR_INPUT, the message names the entry): paths that are absolute, empty or not clean, names that begin with ".wh." (OCI reads
 * them as deletions), and entries that lie below one that is no folder. /tmp, /var/tmp and /root keep their usual modes.
 *
 * A layer made of a root file system, or of what a command changed in one (layer_add_raw), keeps owners, modes and extended attributes, and may hide what
 * lies below it; all else holds for it as well.
 */
#ifndef PAWL_BACKENDS_LAYER_H
#define PAWL_BACKENDS_LAYER_H

#include "backends/tar.h"
#include "base/buf.h"
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

/* Content on its way from an archive: the layer keeps it in a file of its own without a name. Spool it, then add it at its offset. */
int layer_spool(struct layer *l, struct str bytes, struct err *e);
uint64_t layer_spooled(const struct layer *l); /* bytes so far: the offset of the next */
int layer_spool_read(const struct layer *l, uint64_t offset, uint64_t size, struct buf *out, struct err *e); /* appended */
int layer_add_spooled(struct layer *l, struct str path, bool exec, uint64_t offset, uint64_t size, struct err *e);

enum layer_type {
	LAYER_FILE,
	LAYER_FOLDER,
	LAYER_LINK,
	LAYER_HARDLINK,
	LAYER_FIFO,
	LAYER_WHITEOUT, /* path is not there, whatever the layers below say */
	LAYER_OPAQUE,   /* the folder at path has nothing of the layers below in it */
};
struct layer_raw {
	enum layer_type type;
	struct str path, target;   /* target: of a link as it is, of a hard link the path of a file that is added as well */
	uint32_t mode, uid, gid;   /* mode: permission bits, set-id and sticky bits */
	uint64_t offset, size;     /* LAYER_FILE: spooled */
	const struct tar_xattr *xattrs; /* sorted by name; not of links */
	size_t nxattrs;
};
int layer_add_raw(struct layer *l, const struct layer_raw *r, struct err *e);
/* The entry of that path keeps its content and gets this mode and owner (a link: only the owner). ERR_BUG: there is none. */
int layer_own(struct layer *l, struct str path, uint32_t mode, uint32_t uid, uint32_t gid, struct err *e);
/* A path as layer_add takes it? NULL, or what is wrong with it. */
const char *layer_path_wrong(struct str path);
/* Write its entries into an empty folder that nobody else can write to: files 0444 or 0555, folders 0755; raw owners and modes are left
 * out. b: for entries that are blobs. Any thread. */
int layer_unpack(struct layer *l, struct blobs *b, int at, struct err *e);
/* Write it into the blob store. media is static text. Any thread. */
int layer_write(struct layer *l, struct blobs *b, enum layer_compression c, struct layer_info *out, struct err *e);
/* The layer is one that layer_join takes: its end (two zero blocks) is a member of its own. Before it is written. */
void layer_part(struct layer *l);
/* Layers of that sort as one, in this order: their members are taken as they are, nothing is compressed again. Later entries of a path win, as in any
 * archive. Any thread. */
int layer_join(struct blobs *b, enum layer_compression c, const struct digest *layers, size_t n, struct layer_info *out, struct err *e);
struct str layer_media(enum layer_compression c); /* static */
/* Compressor with version, for keys: "libdeflate 1.14 level 1, 1 MiB". Static. */
const char *layer_compressor(enum layer_compression c);

#endif
