/* SPDX-License-Identifier: Apache-2.0
 *
 * project: one project, opened: its root, IR, lock, cache and the graph that the rules made of them. The ctx of every rule.
 *
 * Life: project_find -> project_open (reads pawl.yaml, makes the IR) -> project_graph (nodes and edges) -> plan, run -> project_close.
 * Owned by one thread; the pool threads of a rule touch only what the rule hands them.
 */
#ifndef PAWL_RULES_PROJECT_H
#define PAWL_RULES_PROJECT_H

#include "base/diag.h"
#include "cache/cache.h"
#include "engine/graph.h"
#include "rules/ir.h"
#include "rules/lock.h"

struct project_opts {
	struct str root;              /* absolute */
	struct str file;              /* relative to it */
	struct str stack;             /* --stack; empty: default */
	struct str user_file;         /* absolute: the user's configuration; empty: none */
	const struct ir_pair *params; /* -p */
	size_t nparams;
	const struct str *params_files;
	size_t nparams_files;
	const char *const *environ_;  /* the caller's variables */
	bool offline, locked, no_cache;
	int64_t since;                /* results made from then on are good whatever their `cache:` says: an earlier round made them; 0: none */
	const struct unfold *unfold;  /* outputs that the pipeline hangs on and that are known (rules/unfold.h); borrowed; NULL: none */
	const struct ir *part;        /* NULL; else the IR of a part (rules/part.h), which is taken instead of reading the file; borrowed */
};

/* What a person may want to see while it happens. Loop thread only; any may be NULL. */
struct project_watch {
	void *ctx;
	void (*line)(void *ctx, node_id n, int stream, int64_t at, struct str text); /* a line of a step's output, secrets masked */
	void (*progress)(void *ctx, node_id n, struct str text); /* "resolving 12 requirements with uv", "numpy 17.1 MB" */
};

struct project {
	struct project_opts opts;
	struct project_watch watch;
	struct arena arena;
	struct str root;              /* absolute path, for messages and child processes only: it never enters a key */
	int fd;                       /* of root */
	struct ir ir;
	const struct ir_stack *stack;
	struct lock lock;             /* pawl.lock as read; rules/lock.h */
	struct cache *cache;
	struct graph graph;
	struct str id;                /* names the project's own records: fingerprint of root + NUL + pipeline */
	struct diags diags;
	struct loop *loop;            /* sys/loop.h; set by who runs (cli), NULL while only planning */
	struct orchestrator *orchestrator; /* backends/orchestrator.h, by the stack; opened with the loop */
	struct leaves *leaves;        /* rules/snapshot.h: what this invocation looked at */
	struct notes *notes;          /* messages for the person, printed by cli after the fact (rules/notes.h) */
	/* state of single rules, made on first use and freed by project_close */
	struct code_state *code;      /* rules/code.h */
	struct tool_state *tool;      /* rules/tool.h */
	struct image_state *image;    /* rules/image.h */
	struct docker_state *docker;  /* rules/dockerfile.h */
	struct python_state *python;  /* rules/interpreter.h; in the project's arena */
	struct rundirs *rundirs;      /* rules/rundirs.h */
	struct kept *kept;            /* rules/kept.h */
	struct shares *shares;        /* rules/share.h */
	struct madepaths *made;       /* rules/madepaths.h; of the graph, once it is sealed */
};

/* The nearest folder at or above start that has the file; ERR_MISSING with "run 'pawl init'" when there is none. */
int project_find(struct str start, struct str file, struct arena *a, struct str *root, struct err *e);
/* -1 with ERR_INPUT and the mistakes in *d for a broken pipeline file: then *out is there as well, for the texts that *d shows, and is good for nothing
 * but project_close. */
int project_open(const struct project_opts *o, struct cache *c, struct project **out, struct diags *d, struct err *e);
void project_close(struct project *p);

/* What names a project's own records (struct project, id): of this root and pipeline. */
struct str project_name(struct str root, struct str pipeline, struct arena *a);

/* Nodes and edges of all steps, images and what they stand on; sealed. */
int project_graph(struct project *p, struct err *e);

/* Nodes that cannot be had for what the file says at this place: e becomes a mistake with that place, unless p->diags tells it already or it is not for
 * people to mend. Returns -1; e keeps its code. */
int project_mistake(struct project *p, struct place at, const struct err *e);

/* Give it the loop that it will run on, and open the stack's orchestrator. Once, before run(). */
int project_ready(struct project *p, struct loop *l, struct err *e);
void project_rest(struct project *p); /* close it again, before the loop is freed */

/* A variable of the caller; NULL: not set. */
const char *project_env(const struct project *p, struct str name);

#endif
