/* SPDX-License-Identifier: Apache-2.0
 *
 * tar: headers of canonical tar archives (POSIX ustar; pax extended headers only where a name, a link or a size needs them).
 *
 * Only numbers and names that the entry carries go in: no user names, no device numbers, no times but mtime.
 */
#ifndef PAWL_BACKENDS_TAR_H
#define PAWL_BACKENDS_TAR_H

#include "base/buf.h"

#define TAR_BLOCK 512

enum tar_type { TAR_FILE = '0', TAR_HARDLINK = '1', TAR_LINK = '2', TAR_FOLDER = '5', TAR_FIFO = '6' };

struct tar_xattr {
	struct str name, value;
};

struct tar_entry {
	enum tar_type type;
	struct str path;   /* clean, relative, no '/' at the end */
	struct str target; /* of a link */
	uint64_t size;     /* of a file */
	uint32_t mode;     /* permission bits */
	uint32_t uid, gid;
	int64_t mtime;
	const struct tar_xattr *xattrs; /* sorted by name; in pax records as star writes them */
	size_t nxattrs;
};

/* The header blocks of an entry, appended. The content follows, then tar_pad(size) zero bytes. */
void tar_header(const struct tar_entry *t, struct buf *out);
size_t tar_pad(uint64_t size);
#define TAR_END (2 * TAR_BLOCK) /* zero bytes that end an archive */

#endif
