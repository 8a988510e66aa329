/* SPDX-License-Identifier: Apache-2.0
 *
 * args: the command line, by one table of options. All texts are borrowed from argv.
 */
#ifndef PAWL_CLI_ARGS_H
#define PAWL_CLI_ARGS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "rules/ir.h"

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct words {
	const char **v;
	size_t n;
};

struct args {
	/* before or after the verb */
	const char *dir, *file, *stack, *events;
	bool json, quiet, verbose, help;
	enum color color;
	/* of verbs */
	struct words params, params_files, force, output, update, words;
	bool force_all, dry_run, keep_going, no_cache, offline, locked, push, shell, exit_code, digest, all, repair;
	const char *jobs, *timeout, *against, *format, *since, *out, *max_age, *keep_runs, *max_size, *verify;
	const struct verb *verb;
};

struct verb {
	const char *name;
	const char *words;   /* of its usage: "[STEP...]" */
	const char *summary;
	int (*main)(struct args *a, struct err *e); /* exit status, or -1 with e */
};

extern const struct verb verbs[]; /* cli/verbs.c; ends with a NULL name */

/* -1 with ERR_INPUT: a text that says what is wrong and what to type. */
int args_parse(int argc, const char *const *argv, struct arena *a, struct args *out, struct err *e);
/* -p NAME=VALUE cut in two; ERR_INPUT without '='. */
int args_params(const struct args *a, struct arena *arena, struct ir_pair **out, struct err *e);
void args_usage(struct buf *out);                         /* pawl --help */
void args_verb_usage(const struct verb *v, struct buf *out); /* pawl VERB --help */
/* "300ms", "5s", "2m", "1h", "7d" to ns. */
int args_duration(const char *text, int64_t *ns, struct err *e);

#endif
