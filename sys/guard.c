/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "sys/file.h"

#define GROUPS_MAX 4096 /* that live at once; what is beyond is not guarded */

struct table {
	_Atomic uint32_t n;               /* places that were ever used */
	_Atomic int32_t group[GROUPS_MAX]; /* 0: free */
};

struct guard {
	pid_t pid;
	int pipe;
	struct table *table; /* shared */
};

/* The guard's whole life. Only async-signal-safe calls: other threads of the parent may have held locks. */
static void
watch(int pipe, struct table *t)
{
	char byte;
	ssize_t got;

	do
		got = read(pipe, &byte, 1);
	while (got > 0 || (got < 0 && errno == EINTR));
	for (uint32_t i = 0; i < t->n; i++) {
		const int32_t group = t->group[i];

		if (group > 1)
			kill(-group, SIGKILL);
	}
	_exit(0);
}

struct guard *
guard_open(struct err *e)
{
	int ends[2];
	sigset_t all, old;
	struct table *table = mmap(NULL, sizeof *table, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (table == MAP_FAILED || pipe2(ends, O_CLOEXEC) < 0) {
		err_os(e, "make a pipe for the guard of process groups");
		if (table != MAP_FAILED)
			munmap(table, sizeof *table);
		return NULL;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	const pid_t pid = fork();

	if (pid == 0) {
		/* Blocked for ever: a Ctrl-C or a TERM to the parent's group must not end the guard before the parent. */
		setsid();
		prctl(PR_SET_NAME, "pawl-guard");
		dup2(ends[0], 0);
		close_range(1, ~0U, 0);
		watch(0, table);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(ends[0]);
	if (pid < 0) {
		err_os(e, "start the guard of process groups");
		close(ends[1]);
		munmap(table, sizeof *table);
		return NULL;
	}
	struct guard *g = mem_zalloc(sizeof *g);

	g->pid = pid;
	g->pipe = ends[1];
	g->table = table;
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
	munmap(g->table, sizeof *g->table);
	free(g);
}

void
guard_add(struct guard *g, pid_t group)
{
	struct table *t = g->table;
	uint32_t i = 0;

	while (i < t->n && t->group[i] != 0)
		i++;
	if (i == GROUPS_MAX)
		return;
	t->group[i] = group;
	if (i == t->n)
		t->n = i + 1;
}

void
guard_remove(struct guard *g, pid_t group)
{
	struct table *t = g->table;

	for (uint32_t i = 0; i < t->n; i++)
		if (t->group[i] == group)
			t->group[i] = 0;
}
