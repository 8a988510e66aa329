/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/userns.h"

#include <pwd.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/file.h"

#define SUBIDS_MAX ((size_t)1 << 20) /* bytes of /etc/subuid */

/* Ids of the host that belong to the caller. */
struct range {
	uint64_t from, n;
};

/* The largest range of the caller, who is known by name or number there. */
static bool
find_range(const char *path, struct range *out)
{
	AUTO_BUF text = { 0 };
	char number[16];
	const struct passwd *pw = getpwuid(geteuid());
	snprintf(number, sizeof number, "%u", (unsigned)geteuid());
	*out = (struct range){ 0 };
	if (file_read(AT_FDCWD, path, SUBIDS_MAX, &text, NULL) < 0)
		return false;
	for (struct str rest = buf_str(&text); rest.n;) {
		const struct str_cut line = str_cut(rest, '\n'), who = str_cut(line.head, ':'), from = str_cut(who.tail, ':');
		struct range r;
		rest = line.tail;
		if (!str_is(who.head, number) && !(pw && str_is(who.head, pw->pw_name)))
			continue;
		if (str_u64(from.head, &r.from) && str_u64(str_trim(from.tail), &r.n) && r.from + r.n <= UINT32_MAX && r.n > out->n)
			*out = r;
	}
	return out->n > 0;
}

/* newuidmap PID 0 OWN 1 1 FROM N */
static int
run_tool(const char *tool, pid_t pid, unsigned own, struct range r)
{
	char text[4][24];
	snprintf(text[0], sizeof text[0], "%d", (int)pid);
	snprintf(text[1], sizeof text[1], "%u", own);
	snprintf(text[2], sizeof text[2], "%llu", (unsigned long long)r.from);
	snprintf(text[3], sizeof text[3], "%llu", (unsigned long long)r.n);
	int status = 0;
	const pid_t child = fork();
	if (child == 0) {
		AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null >= 0)
			(void)dup2(null, STDERR_FILENO); /* what it says is no news: one id is enough then */
		execlp(tool, tool, text[0], "0", text[1], "1", "1", text[2], text[3], (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* A process that stays outside and maps our ids once we are inside. Exit: 0 both are mapped, 1 neither, 2 the users alone. */
static pid_t
start_mapper(struct range uids, struct range gids, int *go)
{
	int ends[2];
	const pid_t us = getpid();
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	const pid_t pid = fork();
	if (pid == 0) {
		char c;
		close(ends[1]);
		if (read(ends[0], &c, 1) != 1 || run_tool("newuidmap", us, geteuid(), uids) < 0)
			_exit(1);
		_exit(run_tool("newgidmap", us, getegid(), gids) < 0 ? 2 : 0);
	}
	close(ends[0]);
	*go = ends[1];
	if (pid < 0)
		file_closep(go);
	return pid;
}

static int
write_proc(const char *path, const char *text, struct err *e)
{
	AUTO_FD fd = file_open(AT_FDCWD, path, O_WRONLY, 0, e);
	return fd < 0 ? -1 : file_write_all(fd, str_z(text), e);
}

static int
map_one(const char *which, unsigned inside, unsigned outside, struct err *e)
{
	char map[48];
	snprintf(map, sizeof map, "%u %u 1\n", inside, outside);
	return write_proc(which, map, e);
}

int
userns_enter_as(unsigned uid, unsigned gid, struct err *e)
{
	const uid_t own = geteuid();
	const gid_t group = getegid();
	if (unshare(CLONE_NEWUSER) < 0)
		return err_os(e, "make a user namespace");
	if (write_proc("/proc/self/setgroups", "deny", e) < 0 || map_one("/proc/self/uid_map", uid, own, e) < 0 ||
	    map_one("/proc/self/gid_map", gid, group, e) < 0)
		return err_wrap(e, "map ids of the user namespace");
	return 0;
}

int
userns_enter(bool *many, struct err *e)
{
	struct range uids, gids;
	int go = -1, status = 0;
	const uid_t own = geteuid();
	const gid_t group = getegid();
	*many = false;
	const bool may = find_range("/etc/subuid", &uids) && find_range("/etc/subgid", &gids);
	const pid_t mapper = may ? start_mapper(uids, gids, &go) : -1;
	if (mapper < 0)
		return userns_enter_as(0, 0, e);
	if (unshare(CLONE_NEWUSER) < 0) {
		(void)err_os(e, "make a user namespace");
		file_closep(&go);
		(void)waitpid(mapper, NULL, 0);
		return -1;
	}
	(void)!write(go, "", 1); /* a mapper that died shows in its status */
	file_closep(&go);
	const int mapped = waitpid(mapper, &status, 0) == mapper && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	*many = mapped == 0;
	if (mapped == 0)
		return 0;
	if ((mapped == 1 && map_one("/proc/self/uid_map", 0, own, e) < 0) || write_proc("/proc/self/setgroups", "deny", e) < 0 ||
	    map_one("/proc/self/gid_map", 0, group, e) < 0)
		return err_wrap(e, "map ids of the user namespace");
	return 0;
}
