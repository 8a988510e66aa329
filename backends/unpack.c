/* SPDX-License-Identifier: Apache-2.0
 *
 * unpack: a layer as a folder that overlay takes as one of its lower ones.
 */
#include <errno.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/archive.h"
#include "backends/sandbox.h"
#include "cache/claim.h"
#include "cache/unpacked.h"
#include "sys/clock.h"
#include "sys/file.h"

struct unpacking {
	int root; /* descriptor of the folder */
	bool is_root;
	struct arena arena;
	struct archive_reader *reader;
};

/* The folder that `path` lies in, made if missing; never through a link, whatever an earlier entry has put there. */
static int
open_parent(struct unpacking *u, struct str path, struct err *e)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	const char *dir = arena_z(&u->arena, path_dir(path));
	int fd = (int)syscall(SYS_openat2, u->root, dir, &how, sizeof how);
	if (fd < 0 && errno == ENOENT) {
		if (file_mkdirs(u->root, dir, e) < 0)
			return -1;
		fd = (int)syscall(SYS_openat2, u->root, dir, &how, sizeof how);
	}
	return fd < 0 ? err_os(e, "entry '" STR_FMT "'", STR_ARG(path)) : fd;
}

/* Extended attributes, after the owner: a change of owner takes capabilities away. Without root there is nobody to give them. */
static int
mark(struct unpacking *u, int at, const char *name, const struct archive_item *item, struct err *e)
{
	const char *path = arena_printf(&u->arena, "/proc/self/fd/%d/%s", at, name).p;
	for (size_t i = 0; i < item->nxattrs; i++) {
		const struct tar_xattr *x = &item->xattrs[i];
		if (!u->is_root && !str_starts(x->name, STR("user.")))
			continue;
		if (lsetxattr(path, arena_z(&u->arena, x->name), x->value.p, x->value.n, 0) < 0 && errno != ENOTSUP)
			return err_os(e, "give '" STR_FMT "' its attribute " STR_FMT, STR_ARG(item->path), STR_ARG(x->name));
	}
	return 0;
}

static int
own(struct unpacking *u, int at, const char *name, const struct archive_item *item, struct err *e)
{
	if (u->is_root && fchownat(at, name, item->uid, item->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_os(e, "give '" STR_FMT "' its owner", STR_ARG(item->path));
	/* set-id bits go with the owner, so they are set after it; without root they would name the wrong one */
	mode_t mode = item->mode & (u->is_root ? 07777 : 0777);
	/* without root its owner has to read it, and to write what comes later into a folder */
	const mode_t mine = u->is_root ? 0 : item->type == ARCHIVE_FOLDER_ENTRY ? 0700 : 0600;
	if (item->type != ARCHIVE_LINK_ENTRY && fchmodat(at, name, mode | mine, 0) < 0)
		return err_os(e, "give '" STR_FMT "' its mode", STR_ARG(item->path));
	return item->nxattrs > 0 ? mark(u, at, name, item, e) : 0;
}

static int
write_file(struct unpacking *u, int at, const char *name, const struct archive_item *item, struct err *e)
{
	static _Thread_local char piece[1 << 16];
	size_t n;
	(void)unlinkat(at, name, 0); /* an entry that comes twice: the later one counts */
	AUTO_FD fd = file_open(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, e);
	if (fd < 0)
		return -1;
	for (;;) {
		if (archive_read(u->reader, piece, sizeof piece, &n, e) < 0)
			return -1;
		if (!n)
			break;
		if (file_write_all(fd, (struct str){ piece, n }, e) < 0)
			return err_wrap(e, "entry '" STR_FMT "'", STR_ARG(item->path));
	}
	return file_close(&fd, name, e) < 0 ? -1 : own(u, at, name, item, e);
}

/* OCI's ".wh.NAME" becomes overlay's character device 0:0, ".wh..wh..opq" its attribute on the folder. */
static int
white_out(struct unpacking *u, int at, struct str name, struct err *e)
{
	if (str_is(name, ".wh..wh..opq")) {
		char path[64];
		snprintf(path, sizeof path, "/proc/self/fd/%d", at);
		/* root mounts with the one, and for a command that runs as somebody else with the other */
		if (u->is_root && setxattr(path, "trusted.overlay.opaque", "y", 1, 0) < 0)
			return err_os(e, "mark a folder as opaque");
		if (setxattr(path, "user.overlay.opaque", "y", 1, 0) < 0)
			return err_os(e, "mark a folder as opaque");
		return 0;
	}
	const char *hidden = arena_z(&u->arena, str_drop(name, 4));
	if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return err_set(e, ERR_DAMAGED, "a whiteout of '%s'", hidden);
	(void)unlinkat(at, hidden, 0); /* the same layer never has both; if it does, it is hidden */
	if (mknodat(at, hidden, S_IFCHR, makedev(0, 0)) < 0)
		return err_os(e, "hide '%s'", hidden);
	return 0;
}

static int
link_to(struct unpacking *u, int at, const char *name, const struct archive_item *item, struct err *e)
{
	(void)unlinkat(at, name, 0);
	if (item->type == ARCHIVE_LINK_ENTRY) {
		if (symlinkat(arena_z(&u->arena, item->target), at, name) < 0)
			return err_os(e, "make the link '" STR_FMT "'", STR_ARG(item->path));
		return own(u, at, name, item, e);
	}
	AUTO_FD from = open_parent(u, item->target, e);
	if (from < 0)
		return -1;
	if (linkat(from, arena_z(&u->arena, path_base(item->target)), at, name, 0) < 0)
		return err_os(e, "make the hard link '" STR_FMT "'", STR_ARG(item->path));
	return 0;
}

static int
place(struct unpacking *u, const struct archive_item *item, struct err *e)
{
	struct str base = path_base(item->path);
	const char *name = arena_z(&u->arena, base);
	struct file_stat st;
	AUTO_FD at = open_parent(u, item->path, e);
	if (at < 0)
		return -1;
	if (str_starts(base, STR(".wh.")))
		return white_out(u, at, base, e);
	switch (item->type) {
	case ARCHIVE_FILE_ENTRY:
		return write_file(u, at, name, item, e);
	case ARCHIVE_FOLDER_ENTRY:
		if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
			return err_os(e, "make the folder '" STR_FMT "'", STR_ARG(item->path));
		if (file_stat(at, name, false, &st, e) < 0)
			return -1;
		if (st.type != FILE_FOLDER)
			return err_set(e, ERR_DAMAGED, "'" STR_FMT "' is a folder and something else as well", STR_ARG(item->path));
		return own(u, at, name, item, e);
	case ARCHIVE_LINK_ENTRY:
	case ARCHIVE_HARDLINK_ENTRY:
		return link_to(u, at, name, item, e);
	}
	return 0;
}

static int
unpack_into(struct cache *c, const struct digest *layer, const char *what, const char *folder, struct err *e)
{
	const struct archive_opts o = { .links = ARCHIVE_LINKS_ROOT, .skip_devices = true };
	struct unpacking u = { .is_root = geteuid() == 0 };
	struct archive_item item;
	int rc = 1;
	AUTO_FD root = file_open_dir(AT_FDCWD, folder, e);
	if (root < 0 || archive_open_blob(c->blobs, layer, what, &o, &u.reader, e) < 0)
		return -1;
	u.root = root;
	while (rc > 0 && (rc = archive_next(u.reader, &item, e)) > 0) {
		if (place(&u, &item, e) < 0)
			rc = -1;
		arena_reset(&u.arena);
	}
	archive_close(u.reader);
	arena_done(&u.arena);
	return rc;
}

/* One of several that want the same layer makes it; the others wait for its claim. Its descriptor. */
static int
wait_for_claim(struct cache *c, struct str name, struct err *e)
{
	for (;;) {
		struct err busy;
		int fd = claim_try(c, name, &busy);
		if (fd >= 0)
			return fd;
		if (busy.code != ERR_BUSY) {
			*e = busy;
			return -1;
		}
		clock_sleep(5 * NS_PER_MS);
	}
}

/* The layer's blob is gone when it was what is wrong: ERR_DAMAGED then, and it can be fetched or made again. */
static int
blame_blob(struct cache *c, const struct digest *layer, struct err *e)
{
	struct err damage = { 0 };
	if (blobs_check(c->blobs, layer, &damage) == 0 || damage.code != ERR_DAMAGED)
		return -1;
	(void)blobs_remove(c->blobs, layer, NULL); /* it is found to be damaged again next time */
	*e = damage;
	return -1;
}

/* Under its claim. Nothing is synced: after a crash the seal tells what did not reach the disk. */
static int
unpack_anew(struct cache *c, const struct digest *layer, const char *hex, const char *name, struct arena *a, struct err *e)
{
	struct str roots = path_join(a, c->folder, STR(UNPACKED_ROOTS)), scratch;
	if (file_mkdirs(AT_FDCWD, arena_z(a, roots), e) < 0 || unpacked_remove(c, name, e) < 0 ||
	    file_scratch_dir(arena_z(a, roots), ".new-", a, &scratch, e) < 0)
		return -1;
	const char *from = arena_z(a, scratch);
	int rc = unpack_into(c, layer, hex, from, e);
	if (rc < 0)
		rc = blame_blob(c, layer, e);
	else if (chmod(from, 0755) < 0)
		rc = err_os(e, "set the mode of '%s'", from);
	else if (unpacked_seal(c, name, from, e) < 0 || file_rename(AT_FDCWD, from, c->fd, name, e) < 0)
		rc = -1;
	if (rc < 0)
		(void)file_remove_tree(AT_FDCWD, from, NULL); /* the first failure is the one to tell */
	return rc;
}

int
sandbox_unpack(struct cache *c, const struct digest *layer, struct arena *a, struct str *folder, struct err *e)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(layer, hex);
	/* owners differ between root and others, so their folders do */
	struct str name = arena_printf(a, UNPACKED_ROOTS "/%s%s", hex, geteuid() == 0 ? "" : "-user");
	const char *z = arena_z(a, name);
	unpacked_use(c, z);
	if (!unpacked_whole(c, z)) {
		AUTO_FD claim = wait_for_claim(c, name, e);
		if (claim < 0)
			return -1;
		if (!unpacked_whole(c, z) && unpack_anew(c, layer, hex, z, a, e) < 0)
			return err_wrap(e, "unpack layer %.12s", hex);
	}
	*folder = path_join(a, c->folder, name);
	return 0;
}
