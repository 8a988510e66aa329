/* SPDX-License-Identifier: Apache-2.0
 *
 * proc: other programs.
 *
 * proc_spawn starts one without a shell, in a process group of its own when asked, with exactly the descriptors and
 * variables that it is given (all others are closed by close-on-exec). Costs well below a millisecond (vfork class).
 * The child's death is seen through a pidfd. Signals blocked or ignored by us are reset in the child. Any thread.
 */
#ifndef PAWL_SYS_PROC_H
#define PAWL_SYS_PROC_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct observe_entry;

struct proc_opts {
	const char *const *argv;  /* argv[0] is looked up in PATH of envp unless it has a '/' */
	const char *const *envp;  /* "NAME=value", NULL at the end; NULL: ours */
	int cwd;                  /* folder's descriptor; 0 or AT_FDCWD: ours; a relative argv[0] with '/' is found from there */
	int in, out, err;         /* descriptors; -1: /dev/null; out and err may be one pipe */
	bool group;               /* new process group, whose id is the pid */
	bool die_with_parent;     /* SIGKILL to it when the thread that started it ends: start it from one that stays */
	const int *keep;          /* further descriptors (above 2) that stay open under their own numbers */
	size_t nkeep;
	/* For whoever starts many; each may be NULL. */
	const char *program;      /* proc_program() of argv[0] and envp: tried before PATH is searched */
	const sigset_t *signals;  /* proc_signals(): the others are left as they are */
	const struct observe_entry *observe; /* sys/observe.h; NULL: it is not observed */
};

struct proc {
	pid_t pid;
	int pidfd; /* readable when it has ended; owned by the caller, close after proc_reap */
};

struct proc_end {
	int status;        /* exit status, or 128 + signal */
	int signal;        /* that ended it, or 0 */
	double cpu_s;      /* user + system, of it and the children it waited for */
	uint64_t peak;     /* bytes of memory, resident at most; the kernel never tells less than ours at its start */
};

/* A program that cannot be started is ERR_MISSING (not found) or ERR_WORLD, reported here and not as exit 127. A script
 * without "#!" is run by /bin/sh. */
int proc_spawn(const struct proc_opts *o, struct proc *out, struct err *e);
/* Bytes as a file in memory, for `in`: nothing has to be written while the program runs, and no SIGPIPE can come. The caller's. */
int proc_input(struct str input, struct err *e);
int proc_reap(struct proc *p, struct proc_end *out, struct err *e); /* waits if it is still there; closes pidfd */
void proc_kill_group(pid_t group, int signal);

/* Run to the end and collect output (each at most limit bytes; the rest is dropped). stdin: input. out and err may be
 * NULL (to /dev/null). timeout_ms 0: none; past it the group is killed and this fails with ERR_BUSY. o->in/out/err/group
 * unused: it gets a group of its own. Output of processes that it leaves behind is not waited for. end may be NULL. */
int proc_run(const struct proc_opts *o, struct str input, size_t limit, int timeout_ms, struct buf *out, struct buf *err,
	     struct proc_end *end, struct err *e);

/* Absolute path of a program in PATH ("a:b"), or false. A name with '/' is checked itself. */
bool proc_find(const char *name, const char *path, struct arena *a, struct str *out);

/* Absolute path of what proc_spawn finds in PATH of envp, or NULL when the search has to be made there: no such program, one with '/', or a folder in
 * PATH that is relative to where the program starts. */
const char *proc_program(const char *name, const char *const *envp, struct arena *a);
/* Signals that we ignore or handle now. Take it when nothing changes that any more. */
void proc_signals(sigset_t *out);

/* A signal that means nothing to us: a closed pipe, a limit of file sizes. Children get it back. */
void proc_ignore(int signal);
/* Work in another folder from now on. */
int proc_enter(const char *folder, struct err *e);

#endif
