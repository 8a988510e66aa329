/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"

enum { CHUNK = 256 * 1024 };
static const size_t RANGE = 1u << 30; /* bytes asked of the kernel at a time */

static int
copy_by_hand(int src, int dst, off_t at, struct err *e)
{
	char *chunk = mem_alloc(CHUNK);
	int r = 0;
	while (r == 0) {
		const ssize_t n = pread(src, chunk, CHUNK, at);
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? err_os(e, "read") : file_write_all(dst, (struct str){ chunk, (size_t)n }, e);
		at += n > 0 ? n : 0;
	}
	free(chunk);
	return r;
}

int
file_copy_fd(int src, int dst, struct err *e)
{
	if (ioctl(dst, FICLONE, src) == 0)
		return 0;
	off_t at = 0;
	for (;;) {
		const ssize_t n = copy_file_range(src, &at, dst, NULL, RANGE, 0);
		if (n > 0)
			continue;
		/* Nothing at once: the end, or a file of /proc, which has bytes and no size. */
		if (n == 0 && at > 0)
			return 0;
		if (n == 0 || errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EBADF ||
		    errno == EPERM || errno == EACCES || errno == ETXTBSY)
			return copy_by_hand(src, dst, at, e);
		if (errno != EINTR)
			return err_os(e, "copy");
	}
}
