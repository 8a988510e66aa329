/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/clock.h"

void
file_closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing was written through it */
	*fd = -1;
}

int
file_close(int *fd, const char *what, struct err *e)
{
	const int r = close(*fd);
	*fd = -1;
	/* The descriptor is gone even after EINTR, which says nothing about the data. */
	return r < 0 && errno != EINTR ? err_os(e, "close '%s'", what) : 0;
}

static int64_t
ns(struct timespec t)
{
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static enum file_type
type_of(mode_t mode)
{
	if (S_ISREG(mode))
		return FILE_REGULAR;
	if (S_ISDIR(mode))
		return FILE_FOLDER;
	return S_ISLNK(mode) ? FILE_LINK : FILE_OTHER;
}

static struct file_stat
stat_of(const struct stat *st)
{
	return (struct file_stat){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime = ns(st->st_mtim),
		.ctime = ns(st->st_ctim),
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.nlink = (uint32_t)st->st_nlink,
		.type = type_of(st->st_mode),
	};
}

int
file_stat(int at, const char *path, bool follow, struct file_stat *out, struct err *e)
{
	struct stat st;
	if (fstatat(at, path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return err_os(e, "look at '%s'", path);
	*out = stat_of(&st);
	return 0;
}

int
file_stat_fd(int fd, struct file_stat *out, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_os(e, "look at descriptor %d", fd);
	*out = stat_of(&st);
	return 0;
}

bool
file_exists(int at, const char *path)
{
	struct stat st;
	return fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int
file_open(int at, const char *path, int flags, mode_t mode, struct err *e)
{
	int fd;
	do
		fd = openat(at, path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? err_os(e, "%s '%s'", flags & O_CREAT ? "create" : "open", path) : fd;
}

int
file_open_dir(int at, const char *path, struct err *e)
{
	int fd;
	do
		fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? err_os(e, "open folder '%s'", path) : fd;
}

/* what: as in "read 'x'", for messages. */
static int
read_rest(int fd, const char *what, size_t limit, struct buf *out, struct err *e)
{
	enum { CHUNK = 64 * 1024 };
	const size_t before = out->n;
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= limit)
		buf_reserve(out, (size_t)st.st_size + 1);
	for (;;) {
		const size_t got = out->n - before;
		if (out->cap - out->n < 2)
			buf_reserve(out, CHUNK);
		size_t room = out->cap - out->n - 1;
		if (room > limit - got)
			room = limit - got + 1; /* one byte more shows that the limit is passed; the NUL's place is free */
		if (room > out->cap - out->n - 1)
			room = out->cap - out->n - 1;
		const ssize_t n = read(fd, out->p + out->n, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0)
			out->n += (size_t)n;
		if (n > 0 && out->n - before <= limit)
			continue;
		const int failed = n < 0    ? err_os(e, "%s", what)
				   : n == 0 ? 0
					    : err_set(e, ERR_INPUT, "%s: it is larger than the limit of %zu bytes", what, limit);
		if (failed)
			out->n = before;
		if (out->p)
			out->p[out->n] = '\0';
		return failed;
	}
}

int
file_read(int at, const char *path, size_t limit, struct buf *out, struct err *e)
{
	AUTO_FD fd = file_open(at, path, O_RDONLY, 0, e);
	if (fd < 0)
		return -1;
	struct arena a = { 0 };
	const struct str what = arena_printf(&a, "read '%s'", path);
	const int r = read_rest(fd, what.p, limit, out, e);
	arena_done(&a);
	return r;
}

int
file_read_fd(int fd, size_t limit, struct buf *out, struct err *e)
{
	return read_rest(fd, "read", limit, out, e);
}

int
file_write_all(int fd, struct str data, struct err *e)
{
	while (data.n) {
		const ssize_t n = write(fd, data.p, data.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(e, "write");
		data = str_drop(data, (size_t)n);
	}
	return 0;
}

static int
write_new(int at, const char *path, struct str data, mode_t mode, bool sync, struct err *e)
{
	AUTO_FD fd = file_open(at, path, O_WRONLY | O_CREAT | O_EXCL, mode, e);
	if (fd < 0)
		return -1;
	if (file_write_all(fd, data, e) < 0)
		return err_wrap(e, "'%s'", path);
	if (sync && fsync(fd) < 0)
		return err_os(e, "sync '%s'", path);
	return file_close(&fd, path, e);
}

int
file_replace(int at, const char *path, struct str data, mode_t mode, bool sync, struct err *e)
{
	uint64_t random;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return err_os(e, "get random bytes");
	struct arena a = { 0 };
	const struct str whole = str_z(path), folder = path_dir(whole);
	const struct str name = arena_printf(&a, ".%016" PRIx64 ".tmp", random);
	const struct str temporary = path_join(&a, folder, name);
	int r = write_new(at, temporary.p, data, mode, sync, e);
	if (r == 0)
		r = file_rename(at, temporary.p, at, path, e);
	if (r == 0 && sync)
		r = file_sync_dir(at, arena_z(&a, folder), e);
	else if (r < 0)
		(void)unlinkat(at, temporary.p, 0); /* it may not be there */
	arena_done(&a);
	return r < 0 ? err_wrap(e, "write '%s'", path) : 0;
}

int
file_rename(int at, const char *from, int at2, const char *to, struct err *e)
{
	if (renameat(at, from, at2, to) < 0)
		return err_os(e, "rename '%s' to '%s'", from, to);
	return 0;
}

int
file_link_read(int at, const char *path, struct arena *a, struct str *out, struct err *e)
{
	char target[4097]; /* PATH_MAX and one byte that shows a longer one */
	const ssize_t n = readlinkat(at, path, target, sizeof target);
	if (n < 0)
		return err_os(e, "read link '%s'", path);
	if ((size_t)n == sizeof target)
		return err_set(e, ERR_WORLD, "read link '%s': its target is longer than %zu bytes", path, sizeof target - 1);
	*out = arena_str(a, (struct str){ target, (size_t)n });
	return 0;
}

int
file_sync_dir(int at, const char *path, struct err *e)
{
	AUTO_FD fd = file_open_dir(at, path, e);
	if (fd < 0)
		return -1;
	/* Some file systems cannot sync a folder and say so by EINVAL: nothing is lost that could be kept. */
	if (fsync(fd) < 0 && errno != EINVAL)
		return err_os(e, "sync folder '%s'", path);
	return 0;
}
