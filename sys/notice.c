/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/notice.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/arena.h"

#define SELF (IN_MOVE_SELF | IN_DELETE_SELF)
#define ALL (SELF | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

struct notice {
	int fd;
};

struct notice *
notice_new(struct err *e)
{
	const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0)
		return err_os(e, "ask the kernel for notices of changes"), NULL;
	struct notice *n = mem_zalloc(sizeof *n);

	n->fd = fd;
	return n;
}

void
notice_free(struct notice *n)
{
	if (n == NULL)
		return;
	(void)close(n->fd); /* nothing was written */
	free(n);
}

int
notice_fd(const struct notice *n)
{
	return n->fd;
}

int
notice_add(struct notice *n, const char *path, enum notice_depth depth, struct err *e)
{
	const int watch = inotify_add_watch(n->fd, path, (depth == NOTICE_SELF ? SELF : ALL) | IN_MASK_ADD);

	if (watch >= 0)
		return watch;
	if (errno == ENOSPC)
		return err_set(e, ERR_FULL, "watch '%s': the kernel's limit of watches is reached; raise it with: sysctl -w "
					    "fs.inotify.max_user_watches=1048576", path);
	return err_os(e, "watch '%s'", path);
}

bool
notice_read(struct notice *n, void (*call)(void *ctx, const struct notice_event *ev), void *ctx)
{
	_Alignas(struct inotify_event) char room[65536];
	bool whole = true;
	int left = 0;

	/* What is there now, and no more: somebody may be faster than we are for ever. */
	if (ioctl(n->fd, FIONREAD, &left) < 0)
		return true;
	while (left > 0) {
		const ssize_t got = read(n->fd, room, sizeof room);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		left -= (int)got;
		for (const char *at = room; at < room + got;) {
			const struct inotify_event *x = (const struct inotify_event *)(const void *)at;

			at += sizeof *x + x->len;
			if (x->mask & IN_Q_OVERFLOW) {
				whole = false;
				continue;
			}
			const struct notice_event ev = {
				.watch = x->wd,
				.name = x->len ? str_z(x->name) : STR(""),
				.names = (x->mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) != 0,
				.folder = (x->mask & IN_ISDIR) != 0,
				.gone = (x->mask & (SELF | IN_UNMOUNT | IN_IGNORED)) != 0,
			};
			call(ctx, &ev);
		}
	}
	return whole;
}

bool
notice_covers(const char *path)
{
	struct statfs s;

	if (statfs(path, &s) < 0)
		return false;
	switch ((unsigned long)s.f_type) {
	case EXT4_SUPER_MAGIC: /* ext2 and ext3 as well */
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case F2FS_SUPER_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case SQUASHFS_MAGIC:
	case EROFS_SUPER_MAGIC_V1:
	case ISOFS_SUPER_MAGIC:
	case 0x2fc12fc1UL: /* zfs */
	case 0xca451a4eUL: /* bcachefs */
		return true;
	default:
		return false;
	}
}
