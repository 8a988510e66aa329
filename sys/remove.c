/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vec.h"
#include "sys/file.h"

/* A folder on the way down. Only the lowest is open: the way back is "..", checked against what it was, so that neither
 * the depth of a tree nor a folder that is moved while we are in it leads elsewhere. */
struct level {
	struct arena arena;
	char *name;             /* in its parent */
	dev_t dev;
	ino_t ino;
	struct file_entry *sub; /* folders in it that are still to be removed */
	size_t nsub, next;
};

struct levels {
	VEC_FIELDS(struct level);
};

/* unlinkat, which makes a read-only folder of our own writable first. */
static int
take_out(int at, const char *name, int flags)
{
	struct stat st;
	if (unlinkat(at, name, flags) == 0 || errno == ENOENT)
		return 0;
	if (errno != EACCES || fstat(at, &st) < 0 || fchmod(at, st.st_mode | S_IRWXU) < 0) {
		errno = errno == EPERM ? EACCES : errno;
		return -1;
	}
	return unlinkat(at, name, flags);
}

static int
open_folder(int at, const char *name, struct err *e)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags);
	/* The mode is changed only of what is a folder: fchmodat would follow a link. */
	struct stat st;
	if (fd < 0 && errno == EACCES && fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
	    fchmodat(at, name, S_IRWXU, 0) == 0)
		fd = openat(at, name, flags);
	return fd < 0 ? err_os(e, "open folder '%s'", name) : fd;
}

/* Enters the open folder fd: takes out all that is no folder, remembers the others. */
static int
enter(struct levels *s, int fd, const char *name, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_os(e, "look at '%s'", name);
	VEC_RESERVE(s, s->n + 1);
	struct level *l = &s->v[s->n++];
	*l = (struct level){ .name = mem_strdup(name), .dev = st.st_dev, .ino = st.st_ino };
	struct file_entry *v;
	size_t n;
	if (file_list(fd, ".", &l->arena, &v, &n, e) < 0)
		return -1;
	l->sub = v;
	for (size_t i = 0; i < n; i++) {
		if (v[i].type == FILE_FOLDER)
			l->sub[l->nsub++] = v[i];
		else if (take_out(fd, v[i].name.p, 0) < 0)
			return err_os(e, "remove '%s'", v[i].name.p);
	}
	return 0;
}

static void
forget(struct levels *s)
{
	struct level *l = &s->v[--s->n];
	arena_done(&l->arena);
	free(l->name);
}

/* Leaves the lowest folder, which is empty now, for its parent and removes it there. */
static int
leave(struct levels *s, int *fd, struct err *e)
{
	const struct level *l = &s->v[s->n - 1], *parent = &s->v[s->n - 2];
	struct stat st;
	AUTO_FD up = file_open_dir(*fd, "..", e);
	if (up < 0)
		return -1;
	if (fstat(up, &st) < 0)
		return err_os(e, "look at '%s'", parent->name);
	if (st.st_dev != parent->dev || st.st_ino != parent->ino)
		return err_set(e, ERR_WORLD, "remove '%s': somebody moved it meanwhile", l->name);
	if (take_out(up, l->name, AT_REMOVEDIR) < 0)
		return err_os(e, "remove folder '%s'", l->name);
	forget(s);
	file_closep(fd);
	*fd = up;
	up = -1;
	return 0;
}

/* Empties the folder path; *fd is the lowest open one. */
static int
empty(struct levels *s, int *fd, const char *path, struct err *e)
{
	if (enter(s, *fd, path, e) < 0)
		return -1;
	while (s->n > 1 || s->v[0].next < s->v[0].nsub) {
		struct level *l = &s->v[s->n - 1];
		if (l->next == l->nsub) {
			if (leave(s, fd, e) < 0)
				return -1;
			continue;
		}
		const char *name = l->sub[l->next++].name.p;
		const int below = open_folder(*fd, name, e);
		if (below < 0)
			return -1;
		file_closep(fd);
		*fd = below;
		if (enter(s, *fd, name, e) < 0)
			return -1;
	}
	return 0;
}

int
file_remove_tree(int at, const char *path, struct err *e)
{
	struct stat st;
	if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_os(e, "remove '%s'", path);
	if (!S_ISDIR(st.st_mode)) {
		if (unlinkat(at, path, 0) < 0 && errno != ENOENT)
			return err_os(e, "remove '%s'", path);
		return 0;
	}
	AUTO_FD fd = open_folder(at, path, e);
	if (fd < 0)
		return -1;
	struct levels s = { 0 };
	const int r = empty(&s, &fd, path, e);
	while (s.n)
		forget(&s);
	VEC_DONE(&s);
	if (r < 0)
		return err_wrap(e, "remove '%s'", path);
	if (unlinkat(at, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_os(e, "remove folder '%s'", path);
	return 0;
}
