/* SPDX-License-Identifier: Apache-2.0
 *
 * content: fingerprint and digest of a file in one read, and when a stat signature may be trusted instead.
 *
 * Trust rule: a file whose (dev, ino, size, mtime, ctime, mode) equals the remembered one is unchanged only if both its
 * times were older than the moment of hashing by two clock ticks (content_settled); else it is read again. mtime alone
 * never decides anything.
 */
#ifndef PAWL_HASHING_CONTENT_H
#define PAWL_HASHING_CONTENT_H

#include "base/err.h"
#include "hashing/digest.h"
#include "hashing/fp.h"
#include "sys/file.h"

struct content {
	struct digest digest;
	struct fp fp;
	uint64_t size;
};

int content_of_fd(int fd, struct content *out, struct err *e); /* from the current offset to the end */

/* What the stat table remembers; compared as a whole. */
struct stat_sig {
	uint64_t dev, ino, size;
	int64_t mtime, ctime;
	uint32_t mode;
};
struct stat_sig stat_sig_of(const struct file_stat *st);
bool stat_sig_eq(const struct stat_sig *a, const struct stat_sig *b);
/* May the signature, taken before hashing began at `hashed_at` (clock_real), be trusted from now on? */
bool content_settled(const struct stat_sig *s, int64_t hashed_at);

#endif
