/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/idmap.h"
#include "sys/jail_inside.h"

int
jail_mount_at(const char *what, const char *where, const char *type, unsigned long flags, const char *data, struct err *e)
{
	if (mount(what, where, type, flags, data) < 0)
		return err_os(e, "mount %s on '%s'", type ? type : what, where);
	return 0;
}

static int
open_in(int root, const char *path, uint64_t flags, uint64_t mode)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .mode = mode, .resolve = RESOLVE_IN_ROOT };
	return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

int
jail_open_inside(struct jail_build *b, const char *path, uint64_t flags, uint64_t mode)
{
	return open_in(b->root, path, flags, mode);
}

/* Links with short names keep the mount data below a page, and names with ':' or ',' out of it. */
int
jail_overlay(struct jail_build *b, const char *const *roots, size_t n, const char *name, const char *upper, const char *work, const char *at,
	     struct err *e)
{
	AUTO_BUF data = { 0 };
	buf_puts(&data, "lowerdir=");
	for (size_t i = n; i-- > 0;) {
		char link[40];
		snprintf(link, sizeof link, "%s%zu", name, i);
		if (symlink(roots[i], link) < 0)
			return err_os(e, "link '%s'", roots[i]);
		buf_printf(&data, "%s%s", link, i ? ":" : "");
	}
	buf_printf(&data, ",upperdir=%s,workdir=%s%s", upper, work, b->user_ns ? ",userxattr" : "");
	/* the upper folder is read by others: changes are whole files at their own paths, as user namespaces have them anyway */
	if (b->j->build && !b->user_ns)
		buf_puts(&data, ",redirect_dir=off,index=off,metacopy=off");
	if (b->j->build) /* nobody needs half of a build after a crash: nothing is synced */
		buf_puts(&data, ",volatile");
	if (mkdir(at, 0755) < 0)
		return err_os(e, "make the mount point '%s'", at);
	return jail_mount_at("overlay", at, "overlay", MS_NODEV, buf_z(&data), e);
}

/* A name that was made in an open folder of the root. */
static void
remember(struct jail_build *b, int folder, const char *name)
{
	char link[40], path[4096];
	snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
	const ssize_t n = b->j->build ? readlink(link, path, sizeof path) : -1;
	struct str where = { path, n > 0 && (size_t)n < sizeof path ? (size_t)n : 0 };
	const struct str root = arena_printf(&b->arena, "%s/m", b->base);
	if (!str_starts(where, root))
		return;
	where = str_drop(where, root.n);
	buf_printf(&b->made, STR_FMT "/%s", STR_ARG(where), name);
	buf_putc(&b->made, '\0');
}

int
jail_mkdirs_inside(struct jail_build *b, const char *path, struct err *e)
{
	char *z = arena_z(&b->arena, str_z(path));
	for (char *p = z + 1;; p++) {
		if (*p && *p != '/')
			continue;
		char end = *p;
		*p = '\0';
		AUTO_FD there = jail_open_inside(b, z, O_PATH | O_DIRECTORY, 0);
		if (there < 0) {
			char *slash = strrchr(z, '/');
			const char *name = slash + 1;
			*slash = '\0';
			AUTO_FD parent = jail_open_inside(b, *z ? z : "/", O_PATH | O_DIRECTORY, 0);
			*slash = '/';
			if (*name && (parent < 0 || mkdirat(parent, name, 0755) < 0))
				return err_os(e, "make '%s' in the image", path);
			if (*name)
				remember(b, parent, name);
		}
		*p = end;
		if (!end)
			return 0;
	}
}

/* An empty file, unless something is there: a link or another file is mounted over just as well. */
static void
make_file(struct jail_build *b, const char *path)
{
	const struct str s = str_z(path);
	AUTO_FD folder = jail_open_inside(b, arena_z(&b->arena, path_dir(s)), O_PATH | O_DIRECTORY, 0);
	const char *name = arena_z(&b->arena, path_base(s));
	AUTO_FD made = folder < 0 ? -1 : openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (made >= 0)
		remember(b, folder, name);
}

/* A mount point: a folder for a folder, an empty file for anything else. Its descriptor, O_PATH. */
static int
make_point(struct jail_build *b, const char *to, bool folder, struct err *e)
{
	if (folder) {
		if (jail_mkdirs_inside(b, to, e) < 0)
			return -1;
	} else {
		if (jail_mkdirs_inside(b, arena_z(&b->arena, path_dir(str_z(to))), e) < 0)
			return -1;
		make_file(b, to);
	}
	int fd = jail_open_inside(b, to, O_PATH, 0);
	return fd < 0 ? err_os(e, "find '%s' in the image", to) : fd;
}

int
jail_mount_inside(struct jail_build *b, const char *where, const char *type, unsigned long flags, const char *data, struct err *e)
{
	char target[64];
	AUTO_FD point = make_point(b, where, true, e);
	if (point < 0)
		return -1;
	snprintf(target, sizeof target, "/proc/self/fd/%d", point);
	return jail_mount_at(type, target, type, flags, data, e);
}

/* Mounts `from` at `to`; from is of the host or, as "/proc/self/fd/N", of what we made. copy: what idmap_copy gave for it, or -1. */
static int
bind_path(struct jail_build *b, const struct jail_bind *bind, const char *from, int copy, struct err *e)
{
	struct stat st;
	if (stat(from, &st) < 0)
		return bind->optional ? 0 : err_os(e, "share '%s' with the image", bind->from ? bind->from : from);
	AUTO_FD point = make_point(b, bind->to, S_ISDIR(st.st_mode), e);
	if (point < 0)
		return -1;
	char target[64];
	snprintf(target, sizeof target, "/proc/self/fd/%d", point);
	if ((copy >= 0 ? idmap_attach(copy, target, e) : jail_mount_at(from, target, NULL, MS_BIND | MS_REC, NULL, e)) < 0)
		return err_wrap(e, "share '%s' with the image", bind->from ? bind->from : from);
	if (!bind->read_only)
		return 0;
	/* The descriptor is of the place below the mount: look it up again to reach what was mounted. */
	AUTO_FD on = jail_open_inside(b, bind->to, O_PATH, 0);
	snprintf(target, sizeof target, "/proc/self/fd/%d", on);
	unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
	if (mount(NULL, target, NULL, flags, NULL) < 0 && mount(NULL, target, NULL, flags | MS_NOEXEC, NULL) < 0)
		return err_os(e, "make '%s' read-only in the image", bind->to);
	return 0;
}

/* Several roots as one tree, or a folder of it; what is written there is lost. */
static int
bind_tree(struct jail_build *b, const struct jail_bind *bind, size_t i, struct err *e)
{
	char name[32], upper[40], work[40], at[40], from[64];
	snprintf(name, sizeof name, "t%zu_", i);
	snprintf(upper, sizeof upper, "%su", name);
	snprintf(work, sizeof work, "%sw", name);
	snprintf(at, sizeof at, "%sm", name);
	if (mkdir(upper, 0755) < 0 || mkdir(work, 0755) < 0)
		return err_os(e, "make the folders of '%s'", bind->to);
	if (jail_overlay(b, bind->roots, bind->nroots, name, upper, work, at, e) < 0)
		return -1;
	AUTO_FD top = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD sub = top < 0 ? -1 : open_in(top, bind->from && *bind->from ? bind->from : "/", O_PATH, 0);
	if (sub < 0)
		return err_os(e, "find '%s' in what is to be shared at '%s'", bind->from ? bind->from : "/", bind->to);
	snprintf(from, sizeof from, "/proc/self/fd/%d", sub);
	return bind_path(b, bind, from, -1, e);
}

/* The bytes of a descriptor as a file in memory. */
static int
bind_bytes(struct jail_build *b, const struct jail_bind *bind, size_t i, struct err *e)
{
	char name[32];
	snprintf(name, sizeof name, "f%zu", i);
	AUTO_FD to = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return err_os(e, "make a file in memory for '%s'", bind->to);
	AUTO_BUF bytes = { 0 };
	if (lseek(bind->fd, 0, SEEK_SET) < 0 || file_read_fd(bind->fd, SIZE_MAX / 4, &bytes, e) < 0 || file_write_all(to, buf_str(&bytes), e) < 0)
		return err_wrap(e, "give '%s' its content", bind->to);
	explicit_bzero(bytes.p, bytes.n);
	if (!b->one_id && fchown(to, bind->uid, bind->gid) < 0)
		return err_os(e, "give '%s' to %u:%u", bind->to, bind->uid, bind->gid);
	if (fchmod(to, bind->mode & 07777) < 0)
		return err_os(e, "set the mode of '%s'", bind->to);
	return bind_path(b, bind, arena_printf(&b->arena, "%s/%s", b->base, name).p, -1, e);
}

static int
bind_memory(struct jail_build *b, const struct jail_bind *bind, struct err *e)
{
	AUTO_BUF data = { 0 };
	buf_printf(&data, "mode=%o", bind->mode ? bind->mode & 07777 : 01777);
	if (bind->size)
		buf_printf(&data, ",size=%llu", (unsigned long long)bind->size);
	return jail_mount_inside(b, bind->to, "tmpfs", MS_NOSUID | MS_NODEV, buf_z(&data), e);
}

int
jail_bind_one(struct jail_build *b, const struct jail_bind *bind, size_t i, struct err *e)
{
	switch (bind->type) {
	case JAIL_PATH:
		return bind_path(b, bind, bind->from, b->copies && i != SIZE_MAX ? b->copies[i] : -1, e);
	case JAIL_TREE:
		return bind_tree(b, bind, i, e);
	case JAIL_BYTES:
		return bind_bytes(b, bind, i, e);
	case JAIL_MEMORY:
		return bind_memory(b, bind, e);
	}
	return 0;
}
