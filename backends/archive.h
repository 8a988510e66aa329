/* SPDX-License-Identifier: Apache-2.0
 *
 * archive: reading tar (plain, gzip, zstd, xz, bzip2) and zip. The one door to libarchive. What is read is hostile.
 *
 * Refused, with a message that names the entry: absolute paths and paths with "..", names that are no UTF-8 where asked, devices, fifos and
 * sockets (unless skipped), links that lead out, entries that go through a link of the same archive, encrypted entries, and
 * archives beyond their limits: bytes in all, entries, bytes per byte of input. One thread at a time per reader.
 */
#ifndef PAWL_BACKENDS_ARCHIVE_H
#define PAWL_BACKENDS_ARCHIVE_H

#include "backends/tar.h"
#include "cache/blobs.h"

enum archive_type { ARCHIVE_FILE_ENTRY, ARCHIVE_FOLDER_ENTRY, ARCHIVE_LINK_ENTRY, ARCHIVE_HARDLINK_ENTRY };

enum archive_links {
	ARCHIVE_LINKS_REFUSED, /* wheels */
	ARCHIVE_LINKS_INSIDE,  /* relative ones that stay inside */
	ARCHIVE_LINKS_ROOT,    /* root file systems: absolute ones mean the root; relative ones must not climb above it */
};

struct archive_opts {
	enum archive_links links;
	bool skip_devices;    /* devices, fifos and sockets are left out instead of refused (roots that a bootstrap made) */
	uint64_t total;       /* bytes of all contents; 0: 64 GiB */
	uint64_t entries;     /* 0: 2 million */
	uint64_t ratio;       /* contents may be so many times the input, once beyond 64 MiB; 0: 1200 */
	bool zip;             /* only zip; else any of the above */
};

struct archive_item {     /* borrowed until the next call */
	enum archive_type type;
	struct str path;      /* clean, relative, no '/' at the end, never empty */
	struct str target;    /* of a link as it is; of a hard link clean and relative */
	uint64_t size;
	uint32_t mode;        /* permission, set-id and sticky bits */
	uint32_t uid, gid;
	struct tar_xattr *xattrs; /* security.capability and those of users, sorted by name */
	size_t nxattrs;
};

struct archive_reader;

/* Of a blob: read through the store's check when it can be streamed (tar), checked first when not (zip). what: for messages. */
int archive_open_blob(struct blobs *b, const struct digest *d, const char *what, const struct archive_opts *o, struct archive_reader **out,
		      struct err *e);
/* Of a file, or of an open descriptor (borrowed, read to its end). */
int archive_open_file(const char *path, const struct archive_opts *o, struct archive_reader **out, struct err *e);
int archive_open_fd(int fd, const char *what, const struct archive_opts *o, struct archive_reader **out, struct err *e);
/* Of bytes, borrowed until close. */
int archive_open_bytes(struct str bytes, const char *what, const struct archive_opts *o, struct archive_reader **out, struct err *e);
void archive_close(struct archive_reader *r); /* NULL is fine */

/* The next entry: 1, 0 at the end, -1. At the end the whole input has been read and its digest checked (blobs). */
int archive_next(struct archive_reader *r, struct archive_item *out, struct err *e);
/* Every entry of a layer of a root file system, in order; devices and the like are left out. call returns 0 to go on, or -1. */
int archive_scan(struct blobs *b, const struct digest *d, const char *what,
		 int (*call)(void *ctx, struct archive_reader *r, const struct archive_item *x, struct err *e), void *ctx, struct err *e);
/* Content of the present file; *n 0 at its end. Not reading it is fine. */
int archive_read(struct archive_reader *r, void *to, size_t size, size_t *n, struct err *e);
/* All of it, at most limit bytes; appended. */
int archive_read_all(struct archive_reader *r, size_t limit, struct buf *out, struct err *e);
/* Without "./" in front and '/' at the end: NULL and the clean path, or what is wrong with it. "." itself gives an empty path. */
const char *archive_path(struct str raw, struct arena *a, struct str *clean);

const char *archive_library_version(void); /* of libarchive */

#endif
