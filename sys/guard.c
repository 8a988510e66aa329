/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "sys/file.h"

#define GROUPS_MAX 4096 /* that live at once; what is beyond is not guarded */

struct guard {
	pid_t pid;
	int pipe;
};

/* What travels: the group to add, or its negative to remove; a message each. */
static void
tell(struct guard *g, int32_t word)
{
	ssize_t n;

	do
		n = send(g->pipe, &word, sizeof word, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	/* The guard can only be gone if somebody killed it; then groups are ended by their jobs alone. */
}

/* The guard's whole life. Only async-signal-safe calls: other threads of the parent may have held locks. */
static void
watch(int pipe)
{
	int32_t group[GROUPS_MAX];
	int32_t word;
	size_t n = 0;
	ssize_t got;

	while ((got = read(pipe, &word, sizeof word)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got != (ssize_t)sizeof word)
			break;
		if (word > 0 && n < GROUPS_MAX)
			group[n++] = word;
		for (size_t i = 0; word < 0 && i < n; i++)
			if (group[i] == -word) {
				group[i] = group[--n];
				break;
			}
	}
	for (size_t i = 0; i < n; i++)
		kill(-group[i], SIGKILL);
	_exit(0);
}

struct guard *
guard_open(struct err *e)
{
	int ends[2];
	sigset_t all, old;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_os(e, "make a pipe for the guard of process groups"), NULL;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	const pid_t pid = fork();

	if (pid == 0) {
		/* Blocked for ever: a Ctrl-C or a TERM to the parent's group must not end the guard before the parent. */
		setsid();
		prctl(PR_SET_NAME, "pawl-guard");
		dup2(ends[0], 0);
		close_range(1, ~0U, 0);
		watch(0);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(ends[0]);
	if (pid < 0) {
		err_os(e, "start the guard of process groups");
		close(ends[1]);
		return NULL;
	}
	struct guard *g = mem_zalloc(sizeof *g);

	g->pid = pid;
	g->pipe = ends[1];
	return g;
}

void
guard_close(struct guard *g)
{
	if (g == NULL)
		return;
	close(g->pipe);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	free(g);
}

void
guard_add(struct guard *g, pid_t group)
{
	tell(g, group);
}

void
guard_remove(struct guard *g, pid_t group)
{
	tell(g, -group);
}
