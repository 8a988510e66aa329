/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/layer_entry.h"
#include "sys/file.h"

#define READ_SIZE ((size_t)256 << 10)

static int
put_spooled(const struct layer *l, const struct layer_entry *x, int fd, struct err *e)
{
	off_t from = (off_t)x->offset;
	uint64_t left = x->size;
	AUTO_BUF piece = { 0 };

	while (left) {
		const ssize_t n = copy_file_range(l->spool, &from, fd, NULL, left < SSIZE_MAX ? (size_t)left : SSIZE_MAX, 0);
		if (n <= 0)
			break;
		left -= (uint64_t)n;
	}
	while (left) { /* a kernel or a file system that cannot */
		const uint64_t n = left < READ_SIZE ? left : READ_SIZE;
		buf_reset(&piece);
		if (layer_spool_read(l, x->offset + x->size - left, n, &piece, e) < 0 || file_write_all(fd, buf_str(&piece), e) < 0)
			return -1;
		left -= n;
	}
	return 0;
}

static int
put_blob(struct blobs *b, const struct layer_entry *x, int fd, struct err *e)
{
	struct blob_reader *r;
	char room[65536];
	size_t n;
	int bad;

	if (blob_open(b, &x->digest, &r, e) < 0)
		return -1;
	while ((bad = blob_next(r, room, sizeof room, &n, e)) == 0 && n)
		if ((bad = file_write_all(fd, (struct str){ room, n }, e)) < 0)
			break;
	blob_close(r);
	return bad;
}

static int
put_path(const struct layer_entry *x, int fd, struct err *e)
{
	AUTO_FD from = file_open(x->at, x->bytes.p, O_RDONLY | O_NOFOLLOW, 0, e);

	return from < 0 ? -1 : file_copy_fd(from, fd, e);
}

static int
put_content(const struct layer *l, struct blobs *b, const struct layer_entry *x, int fd, struct err *e)
{
	switch (x->source) {
	case SOURCE_BYTES:
		return file_write_all(fd, x->bytes, e);
	case SOURCE_BLOB:
		return put_blob(b, x, fd, e);
	case SOURCE_PATH:
		return put_path(x, fd, e);
	case SOURCE_SPOOL:
		return put_spooled(l, x, fd, e);
	}
	return 0;
}

static int
put_file(const struct layer *l, struct blobs *b, const struct layer_entry *x, int at, const char *path, struct err *e)
{
	int fd = file_open(at, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, e);

	if (fd < 0)
		return -1;
	int bad = put_content(l, b, x, fd, e);
	if (!bad && fchmod(fd, x->mode & 0111 ? 0555 : 0444) < 0)
		bad = err_os(e, "set the mode of '%s'", path);
	if (file_close(&fd, path, bad ? NULL : e) < 0)
		bad = -1;
	return bad;
}

/* Entries come sorted, folders before what is in them, and nothing lies below what is no folder (layer_order): in a folder of our own no
 * path leads elsewhere. */
int
layer_unpack(struct layer *l, struct blobs *b, int at, struct err *e)
{
	struct layer_entry **v;
	size_t n;
	int bad = 0;

	if (layer_order(l, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n && !bad; i++) {
		struct arena a = { 0 };
		const struct layer_entry *x = v[i];
		const char *path = arena_z(&a, x->path);
		switch (x->type) {
		case LAYER_FOLDER:
			if (mkdirat(at, path, 0755) < 0 && errno != EEXIST)
				bad = err_os(e, "make the folder '%s'", path);
			break;
		case LAYER_FILE:
			bad = put_file(l, b, x, at, path, e);
			break;
		case LAYER_LINK:
			if (symlinkat(arena_z(&a, x->target), at, path) < 0)
				bad = err_os(e, "make the link '%s'", path);
			break;
		case LAYER_HARDLINK:
			if (linkat(at, arena_z(&a, x->target), at, path, 0) < 0)
				bad = err_os(e, "make the link '%s'", path);
			break;
		case LAYER_FIFO:
		case LAYER_WHITEOUT:
		case LAYER_OPAQUE:
			break; /* of roots alone */
		}
		arena_done(&a);
	}
	return bad;
}
