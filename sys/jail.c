/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "sys/fakeids.h"
#include "sys/file.h"
#include "sys/idmap.h"
#include "sys/jail_inside.h"
#include "sys/userns.h"

/* What Docker and Podman leave to a container's root. */
static int
drop_capabilities(struct err *e)
{
	static const int kept[] = { CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,      CAP_FSETID,           CAP_KILL,    CAP_SETGID,
				    CAP_SETUID, CAP_SETPCAP,      CAP_SETFCAP,     CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT };
	uint64_t keep = 0;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		keep |= UINT64_C(1) << kept[i];
	for (int c = 0; c <= CAP_LAST_CAP; c++)
		if (!(keep >> c & 1) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno != EINVAL)
			return err_os(e, "give up capabilities");
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted = (uint32_t)(keep >> (32 * i));
	if (syscall(SYS_capset, &head, data) < 0)
		return err_os(e, "give up capabilities");
	return 0;
}

/* The command's own process: identity, privileges, exec. */
static void
become(struct jail_build *b)
{
	const struct jail *j = b->j;
	struct err e;
	if (drop_capabilities(&e) < 0) { /* what changes ids is kept */
		dprintf(STDERR_FILENO, "pawl: %s\n", e.text);
		_exit(126);
	}
	const bool ids = !b->user_ns || j->build; /* else the only one that there is is ours already */
	if (b->one_id && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || fakeids_begin() < 0)) {
		dprintf(STDERR_FILENO, "pawl: prepare for owners that cannot be given: %s\n", strerror(errno));
		_exit(126);
	}
	if ((ids && (setgroups(0, NULL) < 0 || setgid(j->gid) < 0 || setuid(j->uid) < 0)) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		dprintf(STDERR_FILENO, "pawl: become user %u:%u: %s\n", j->uid, j->gid, strerror(errno));
		_exit(126);
	}
	signal(SIGPIPE, SIG_DFL);
	execvpe(j->argv[0], (char *const *)j->argv, (char *const *)j->envp);
	int why = errno;
	dprintf(STDERR_FILENO, "pawl: '%s' cannot be started in the image: %s\n", j->argv[0], strerror(why));
	_exit(why == ENOENT ? 127 : 126);
}

static int
exit_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Pid 1 of the namespace: builds the root, starts the command, reaps until the command has ended. Failures go through `report`. */
static void
init_main(struct jail_build *b, int report)
{
	struct err e = { 0 };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	if (jail_build_root(b, &e) < 0) {
		(void)!write(report, &e, sizeof e); /* the parent sees the end of the pipe in any case */
		_exit(125);
	}
	pid_t command = fork();
	if (command == 0) {
		signal(SIGTERM, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		become(b);
	}
	close(report);
	for (int status;;) {
		pid_t pid = wait(&status);
		if (pid == command)
			_exit(exit_of(status));
		if (pid < 0 && errno == ECHILD)
			_exit(125);
	}
}

static int
enter_namespaces(struct jail_build *b, struct err *e)
{
	int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | (b->j->network ? 0 : CLONE_NEWNET);
	bool many = false;
	if (b->user_ns && (b->j->build ? userns_enter(&many, e) : userns_enter_as(b->j->uid, b->j->gid, e)) < 0)
		return -1;
	b->one_id = b->user_ns && !many;
	if (unshare(flags) < 0)
		return err_os(e, "make namespaces");
	return 0;
}

/* As root for another user: what can be written outside is shown as his. False: the kernel or a file system cannot do that. */
static bool
copy_binds(struct jail_build *b)
{
	const struct jail *j = b->j;
	AUTO_FD idmap = idmap_open(j->uid, j->gid, NULL);
	int *copies = arena_array(&b->arena, int, j->nbinds + 1);
	bool all = idmap >= 0;
	for (size_t i = 0; i < j->nbinds; i++) {
		struct stat st;
		copies[i] = -1;
		if (all && j->binds[i].type == JAIL_PATH && !j->binds[i].read_only && stat(j->binds[i].from, &st) == 0) {
			copies[i] = idmap_copy(idmap, j->binds[i].from, NULL);
			all = copies[i] >= 0;
		}
	}
	for (size_t i = 0; i < j->nbinds && !all; i++)
		file_closep(&copies[i]);
	b->copies = all ? copies : NULL;
	return all;
}

int
jail_run(const struct jail *j, int *status, struct err *e)
{
	struct jail_build b = { .j = j, .root = -1, .user_ns = geteuid() != 0 };
	int report[2], raw = 0;
	struct err inner;
	if (j->build)
		umask(022); /* what is made shall not depend on the caller's */
	if (!b.user_ns && !j->build && (j->uid != 0 || j->gid != 0))
		b.user_ns = !copy_binds(&b);
	if (enter_namespaces(&b, e) < 0)
		return -1;
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_os(e, "make a pipe");
	pid_t init = fork();
	if (init < 0) {
		close(report[0]);
		close(report[1]);
		return err_os(e, "start a process in the namespaces");
	}
	if (init == 0)
		init_main(&b, report[1]);
	close(report[1]);
	signal(SIGTERM, SIG_IGN); /* the command gets them itself; we only pass on how it ended */
	signal(SIGINT, SIG_IGN);
	ssize_t n = read(report[0], &inner, sizeof inner);
	close(report[0]);
	while (waitpid(init, &raw, 0) < 0 && errno == EINTR)
		;
	arena_done(&b.arena);
	buf_done(&b.made);
	if (n == (ssize_t)sizeof inner) {
		*e = inner;
		return -1;
	}
	*status = exit_of(raw);
	return 0;
}

int
jail_works(struct err *e)
{
	int report[2];
	struct err inner;
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_os(e, "make a pipe");
	pid_t pid = fork();
	if (pid == 0) {
		const struct jail j = { .uid = 0, .gid = 0, .network = true };
		struct jail_build b = { .j = &j, .user_ns = geteuid() != 0 };
		struct err failed;
		if (enter_namespaces(&b, &failed) < 0) {
			(void)!write(report[1], &failed, sizeof failed);
			_exit(1);
		}
		_exit(0);
	}
	close(report[1]);
	ssize_t n = pid < 0 ? 0 : read(report[0], &inner, sizeof inner);
	close(report[0]);
	if (pid < 0)
		return err_os(e, "start a process");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (n == (ssize_t)sizeof inner) {
		*e = inner;
		return -1;
	}
	return 0;
}
