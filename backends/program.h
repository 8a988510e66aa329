/* SPDX-License-Identifier: Apache-2.0
 *
 * program: another program at work for us, its output seen line by line while it runs.
 *
 * stdout and stderr come together, in the order in which they were written, with secrets masked. The program gets a process group of its own; when
 * `stop` becomes true the group is asked to end (SIGTERM), ten seconds later it is killed. Blocks; any thread.
 */
#ifndef PAWL_BACKENDS_PROGRAM_H
#define PAWL_BACKENDS_PROGRAM_H

#include <stdatomic.h>

#include "backends/lines.h"
#include "base/arena.h"
#include "base/err.h"

struct program {
	const char *const *argv;  /* looked up in PATH of envp */
	const char *const *envp;
	const char *folder;       /* where it works; NULL: where we do */
	struct str input;         /* stdin */
	const struct masks *masks; /* NULL: no secrets */
	void (*line)(void *ctx, struct str text); /* NULL, or gets each line; borrowed text */
	void *ctx;
	const atomic_bool *stop;  /* NULL: runs to its end */
};

struct program_end {
	int status;      /* exit status, or 128 + signal */
	struct str tail; /* its last lines, as tail_text (backends/tail.h) gives them; in the arena */
};

/* A status other than 0 is no failure of this function. ERR_MISSING: there is no such program. ERR_INTERRUPTED: stopped. */
int program_run(const struct program *p, struct arena *a, struct program_end *out, struct err *e);

#endif
