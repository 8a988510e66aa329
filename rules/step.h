/* SPDX-License-Identifier: Apache-2.0
 *
 * step: what the files of rule_step share. The data of a step node is a struct step; its head is the struct step_data that other rules see.
 *
 *	step.c      nodes and edges of all steps; the rule's table
 *	step_key.c  the node's own fields, and what a changed one means
 *	step_env.c  variables and command line of one attempt
 *	step_run.c  attempts: prepare, run, collect, clean up, again
 *	step_restore.c  recorded outputs put back
 */
#ifndef PAWL_RULES_STEP_H
#define PAWL_RULES_STEP_H

#include "rules/outputs.h"
#include "rules/rules.h"
#include "rules/when.h"

/* One thing that an input names: a file, a folder, a pattern, an output of one element of a step. */
struct step_source {
	node_id from;
	struct str field;  /* name of its edge */
	struct str port;   /* of a step; else empty */
	struct str path;   /* in the project; empty: an output that is kept in the cache only */
};

struct step_input {
	const struct ir_input *ir;
	struct step_source *v; /* in order; one unless it is a mapped step */
	size_t n;
};

struct step {
	struct step_data d;
	struct step_input *inputs; /* by position of d.ir->inputs */
	struct out_spec *outputs;  /* by position of d.ir->outputs */
	const struct ir_environment *environment; /* NULL: none */
	struct when when;
	struct pool_need *needs;
	size_t nneeds;
	bool of_unknown; /* an input is of a step whose elements are not known yet */
};

static inline struct step *
step_of(const struct graph *g, node_id n)
{
	return g->node[n.i].data;
}

const struct step_input *step_input(const struct step *s, struct str name); /* NULL: not there */
/* The result of a source when n is made or planned; NULL: not known. */
const struct result *step_source_result(const struct inputs *in, const struct step_source *s);

int step_fields(void *ctx, const struct inputs *in, struct key *k, struct err *e);
void step_explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out);

/* What one attempt needs to know to put its command together. All texts live as long as arena. */
struct step_paths {
	struct str *v; /* of one input, in order: relative to the project, or absolute for what was put into the scratch folder */
	size_t n;
};

struct step_call {
	const struct step *step;
	struct project *project;
	struct arena *arena;
	struct str scratch;         /* absolute; holds run/, in/ and the script; empty: nothing has needed one yet */
	struct str run_dir;         /* scratch + "/run" */
	struct step_paths *inputs;  /* by position */
	struct str *outputs;        /* paths by position */
	struct str venv, venv_bin;  /* empty: none */
	struct str bytecode;        /* rules/bytecode.h: where packages' bytecode is kept; empty: nowhere */
	const struct js *image_config; /* NULL: none */
	struct str workdir;            /* of the image */
	/* filled in by step_command: */
	const char **argv, **envp;
	struct str *secrets;
	size_t nsecrets;
};

/* The scratch folder, taken when first needed: to make and to sweep one costs more than all else of a short step. Any thread. */
int step_scratch(struct step_call *c, struct err *e);
bool step_has_run_dir(const struct step *s); /* something of it is written there, or names it */
/* Fails with ERR_FAILED for what the step is to blame for: an argument that no kernel takes. */
int step_command(struct step_call *c, struct err *e);
/* A secret that is not there: ERR_FAILED with its name and what to do. */
int step_secrets(struct project *p, const struct step *s, struct err *e);

void step_start(struct task *t);
void step_stop(struct task *t, bool hard);
void step_restore(struct task *t, const struct result *r);

#endif
