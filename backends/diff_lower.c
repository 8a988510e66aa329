/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/diff_lower.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/vec.h"
#include "sys/file.h"

int
lower_open(struct lower *l, const struct str *roots, size_t n, struct arena *a, struct err *e)
{
	*l = (struct lower){ .fd = arena_array(a, int, n + 1) };
	for (size_t i = n; i-- > 0;) {
		const int fd = file_open_dir(AT_FDCWD, arena_z(a, roots[i]), e);
		if (fd < 0) {
			lower_close(l);
			return -1;
		}
		l->fd[l->n++] = fd;
	}
	return 0;
}

void
lower_close(struct lower *l)
{
	for (size_t i = 0; i < l->n; i++)
		file_closep(&l->fd[i]);
	l->n = 0;
}

/* The first byte of an attribute of overlay's; 0: it has none. */
static char
mark_of(int at, const char *path, const char *name)
{
	static const char *const forms[] = { "trusted", "user" };
	struct arena a = { 0 };
	const char *full = arena_printf(&a, "/proc/self/fd/%d/%s", at, path).p;
	char value[8] = { 0 };
	for (size_t i = 0; i < 2 && !value[0]; i++) {
		if (lgetxattr(full, arena_printf(&a, "%s.overlay.%s", forms[i], name).p, value, sizeof value) == 0)
			value[0] = '-'; /* there, and empty */
	}
	arena_done(&a);
	return value[0];
}

bool
overlay_whiteout(int at, const char *path, const struct stat *st)
{
	if (S_ISCHR(st->st_mode))
		return st->st_rdev == makedev(0, 0);
	return S_ISREG(st->st_mode) && st->st_size == 0 && mark_of(at, path, "whiteout") != 0;
}

bool
overlay_opaque(int at, const char *path)
{
	return mark_of(at, path, "opaque") == 'y';
}

/* From the uppermost of `in` that is a folder at path down to one that hides the rest. */
static struct shown
shown_below(const struct lower *l, struct shown in, const char *path, struct arena *a)
{
	uint32_t *v = arena_array(a, uint32_t, in.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		struct stat st;
		const int fd = l->fd[in.root[i]];
		if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISDIR(st.st_mode))
			break;
		v[n++] = in.root[i];
		if (overlay_opaque(fd, path))
			break;
	}
	return (struct shown){ v, n };
}

struct shown
lower_top(const struct lower *l, struct arena *a)
{
	uint32_t *v = arena_array(a, uint32_t, l->n + 1);
	for (size_t i = 0; i < l->n; i++)
		v[i] = (uint32_t)i;
	return shown_below(l, (struct shown){ v, l->n }, ".", a);
}

bool
lower_find(const struct lower *l, struct shown in, const char *path, struct arena *a, int *fd, struct stat *st, struct shown *of)
{
	*of = (struct shown){ 0 };
	for (size_t i = 0; i < in.n; i++) {
		const int root = l->fd[in.root[i]];
		if (fstatat(root, path, st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (overlay_whiteout(root, path, st))
			return false;
		*fd = root;
		if (S_ISDIR(st->st_mode))
			*of = shown_below(l, (struct shown){ in.root + i, in.n - i }, path, a);
		return true;
	}
	return false;
}

int
lower_names(const struct lower *l, struct shown of, const char *path, struct arena *a, struct map *names, struct str **list, size_t *n,
	    struct err *e)
{
	VEC(struct str) v = { 0 };
	int bad = 0;
	for (size_t i = 0; i < of.n && bad == 0; i++) {
		struct file_entry *x;
		size_t nx = 0;
		const int fd = l->fd[of.root[i]];
		bad = file_list(fd, path, a, &x, &nx, e);
		for (size_t k = 0; bad == 0 && k < nx; k++) {
			struct stat st;
			const char *full = arena_z(a, path_join(a, str_z(path), x[k].name));
			if (map_add(names, x[k].name, (uint32_t)i) != (uint32_t)i || fstatat(fd, full, &st, AT_SYMLINK_NOFOLLOW) < 0)
				continue; /* a higher one has it */
			if (!overlay_whiteout(fd, full, &st))
				VEC_PUSH(&v, x[k].name);
		}
	}
	*list = arena_array(a, struct str, v.n + 1);
	if (v.n > 0)
		memcpy(*list, v.v, v.n * sizeof *v.v);
	*n = v.n;
	VEC_DONE(&v);
	return bad;
}
