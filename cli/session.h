/* SPDX-License-Identifier: Apache-2.0
 *
 * session: what one invocation of a verb works with, opened in the order that is needed and closed in one go.
 *
 *	session_cache   the user's cache
 *	session_find    which project: root folder and pipeline file
 *	session_open    the project: IR; mistakes in the user's files are printed here
 *	session_plan    the graph, and the plan over the targets that the words name
 */
#ifndef PAWL_CLI_SESSION_H
#define PAWL_CLI_SESSION_H

#include "cli/args.h"
#include "engine/plan.h"
#include "rules/part.h"
#include "rules/project.h"
#include "rules/rules.h"
#include "rules/unfold.h"

struct session {
	struct args *args;
	struct arena arena;
	struct cache *cache;
	struct str root, file; /* of the project: absolute folder, name in it */
	struct project *project;
	struct str id; /* of the project: names its records */
	struct diags *hold; /* NULL; else mistakes are kept here instead of printed (cli/past.h) */
	struct ir_pair *params;
	struct str *params_files; /* absolute */
	node_id *targets;
	size_t ntargets;
	node_id *forced;
	size_t nforced;
	struct plan_opts plan_opts;
	struct plan plan;
	size_t notes_shown;
	struct unfold unfold; /* outputs that the pipeline hangs on and that are known so far (rules/unfold.h) */
	int64_t since;        /* when an invocation of several rounds began; 0: this is the first */
	const struct map *before; /* names of nodes that earlier rounds made: not forced again; NULL: none */
	struct unfold_output *lacking; /* those that are not: set by session_plan */
	size_t nlacking;
	struct session_part *part; /* NULL; else only this part of the pipeline has to be looked at */
};

/* A part of the pipeline, and what an earlier invocation says of the rest: all of it is up to date. */
struct session_part {
	struct part part;
	size_t steps, images; /* of the whole pipeline */
	double saved_s;       /* likewise */
	struct str set;       /* of its steps (cli/history.h) */
};

void session_init(struct session *s, struct args *a);
void session_done(struct session *s); /* closes all that is open */

int session_cache_folder(struct session *s, struct str *out, struct err *e); /* where it is, or will be */
int session_cache(struct session *s, struct err *e);
int session_find(struct session *s, struct err *e);
int session_open(struct session *s, struct err *e);
struct str session_folder(struct session *s); /* the working folder */
void session_mistakes(struct session *s, struct diags *d); /* prints them: for people on stderr, and under --json as one object on stdout */

enum session_targets {
	TARGET_STEPS,  /* words name steps; none: all steps */
	TARGET_IMAGES, /* words name environments; none: all of them */
	TARGET_ANY,    /* words name steps or environments */
	TARGET_LOCK,   /* what pawl.lock lacks: parents, packages and requirements that are not resolved yet */
};
int session_plan(struct session *s, enum session_targets t, struct err *e);
/* The end of it: which nodes the words name, and the plan over them, of the graph as it is. */
int session_choose(struct session *s, enum session_targets t, struct err *e);
int session_plan_targets(struct session *s, struct err *e); /* again, over s->targets as they are now */

/* What `lock --update` and `--all` name is resolved again. After session_open, before session_plan. */
int session_update(struct session *s, struct err *e);

/* The node that a word names: "train" or "step:train" ... */
int session_node(struct session *s, struct str word, enum session_targets t, node_id *out, struct err *e);
/* Print the notes that came since the last call, on stderr. */
void session_notes(struct session *s);
/* The question that a snapshot answers: verb, file, stack, targets, parameters. */
struct str session_question(struct session *s, struct arena *a);

#endif
