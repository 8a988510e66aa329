/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/idmap.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "sys/file.h"

/* Ids that there are: the last one means "none". */
#define IDS UINT32_MAX

/* On the disk, as seen, how many. */
static int
write_map(pid_t pid, const char *which, uint32_t id, struct err *e)
{
	char path[64], map[160];
	int n = 0;
	if (id == 0)
		n = snprintf(map, sizeof map, "0 0 %u\n", IDS);
	else if (id == 1)
		n = snprintf(map, sizeof map, "0 1 1\n1 0 1\n2 2 %u\n", IDS - 2);
	else
		n = snprintf(map, sizeof map, "0 %u 1\n1 1 %u\n%u 0 1\n%u %u %u\n", id, id - 1, id, id + 1, id + 1, IDS - 1 - id);
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, which);
	AUTO_FD fd = file_open(AT_FDCWD, path, O_WRONLY, 0, e);
	return fd < 0 ? -1 : file_write_all(fd, (struct str){ map, (size_t)n }, e);
}

/* The child waits in a user namespace of its own until its end of the pipe is closed. */
static void
wait_inside(int ready, int end)
{
	char c = 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWUSER) < 0 || write(ready, &c, 1) != 1)
		_exit(1);
	(void)!read(end, &c, 1); /* whatever it says, the wait is over */
	_exit(0);
}

static int
map_child(pid_t pid, int ready, unsigned uid, unsigned gid, struct err *e)
{
	char path[64], c;
	if (read(ready, &c, 1) != 1)
		return err_set(e, ERR_DENIED, "make a user namespace for other ids: it is not allowed");
	if (write_map(pid, "uid_map", uid, e) < 0 || write_map(pid, "gid_map", gid, e) < 0)
		return -1;
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
	return file_open(AT_FDCWD, path, O_RDONLY, 0, e);
}

int
idmap_open(unsigned uid, unsigned gid, struct err *e)
{
	int ready[2], end[2];
	if (uid >= IDS - 1 || gid >= IDS - 1)
		return err_set(e, ERR_INPUT, "%u:%u is no user", uid, gid);
	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_os(e, "make a pipe");
	if (pipe2(end, O_CLOEXEC) < 0) {
		close(ready[0]);
		close(ready[1]);
		return err_os(e, "make a pipe");
	}
	const pid_t pid = fork();
	if (pid == 0) {
		close(ready[0]);
		close(end[1]);
		wait_inside(ready[1], end[0]);
	}
	close(ready[1]);
	close(end[0]);
	const int fd = pid < 0 ? err_os(e, "start a process") : map_child(pid, ready[0], uid, gid, e);
	close(ready[0]);
	close(end[1]);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0); /* it ends by itself */
	return fd;
}

int
idmap_copy(int idmap, const char *path, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)idmap };
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0)
		return err_os(e, "copy the mount of '%s'", path);
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0) {
		err_os(e, "show '%s' with other owners", path);
		file_closep(&fd);
		return -1;
	}
	return fd;
}

int
idmap_attach(int copy, const char *where, struct err *e)
{
	if (syscall(SYS_move_mount, copy, "", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) < 0)
		return err_os(e, "mount at '%s'", where);
	return 0;
}
