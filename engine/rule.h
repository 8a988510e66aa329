/* SPDX-License-Identifier: Apache-2.0
 *
 * rule: how a kind of node behaves. engine/ knows nodes only through this table; rules/ fills it in.
 *
 * Two sorts:
 *   source   `look` finds the result each time, by looking at the world (files, variables, programs). No record, never made. It may also be
 *            computed from its inputs (a code closure over files). Cheap when nothing changed.
 *   made     a result is found by key in the records, or made by `start`.
 *
 * Every node has a key: a source's key describes what was seen (for explanations); a made node's key is its name in the cache.
 * The engine adds one field per EDGE_INPUT edge itself; `fields` adds the node's own.
 *
 * ctx is what the caller gave to plan_make (struct project of rules/). All functions are called in the thread of the loop unless
 * said otherwise. Arenas: results and reasons go to the arena that is passed.
 */
#ifndef PAWL_ENGINE_RULE_H
#define PAWL_ENGINE_RULE_H

#include "engine/graph.h"
#include "engine/reason.h"
#include "engine/result.h"
#include "hashing/key.h"

/* What the engine knows of a node's inputs when it calls a rule. */
struct inputs {
	const struct graph *graph;
	node_id node;
	/* By position of the edge: of[i] for graph->edge[node.in + i]. NULL: not known. Only INPUT edges have one, except in a task, where
	 * ORDER and NEED edges have theirs too. */
	const struct result *const *of;
};

/* A node that is being made. Created by the engine, given to start, ended by exactly one call of done. */
struct task {
	node_id node;
	void *ctx;
	struct inputs inputs;
	const struct key *key;
	struct digest key_digest;
	struct arena *arena;      /* lives until the end of the run */
	struct loop *loop;        /* sys/loop.h */
	void *rule_data;          /* the rule's own while it runs */
	/* Success: r is filled in (outputs sorted). Failure: r NULL and e says why (ERR_FAILED: the user's step failed; a result with log
	 * and info may be given then as well, for the history; ERR_INTERRUPTED: stopped as asked). uncachable: used in this run, but never
	 * recorded. What r points to is copied before done returns. kind, node, key, made_at, and digest and seconds where they are zero,
	 * are filled in by the engine. Loop thread only; the task is gone when done returns. */
	void (*done)(struct task *t, const struct result *r, bool uncachable, const struct err *e);
	/* The user's program has ended and will not be started again: another one may have its place and resources while the rule looks after what
	 * it left. Loop thread; at most once, before done; need not be called. */
	void (*ended)(struct task *t);
	uint32_t attempts;        /* set by the rule before done, 1 if it never retries */
	int exit;                 /* exit status of the user's program, set by the rule */
};

enum usable { USABLE_YES, USABLE_EXPIRED, USABLE_EVICTED };

struct pool_need { /* resources while it is made; names as in ir_resource */
	struct str name;
	int64_t amount;
};

struct rule {
	const char *kind;   /* "step" */
	uint32_t schema;    /* enters every key; raised when the meaning of a field changes */
	bool source;

	/* source: the result now. inputs.of are known. Also called only to see whether anything changed while a consumer was made: what is
	 * in `a` (and *out) may be gone after the call of fields that follows, or after look if none follows. */
	int (*look)(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e);
	/* source: is what the last look saw certainly as it was? Cheaper than look; false: look. May be NULL. */
	bool (*same)(void *ctx, node_id n);
	/* The node's own fields. Must not depend on anything that may change during a run; of a made node also asked while inputs are
	 * unknown (in->of NULL), and the answer must be the same. Of a source: after look, in the same state, and describes what look saw.
	 * The engine adds ("result", "", digest) to the key of a source that has no such field. May be NULL. */
	int (*fields)(void *ctx, const struct inputs *in, struct key *k, struct err *e);
	/* made: may a recorded result still be used? Looks, changes nothing. NULL: yes. */
	enum usable (*usable)(void *ctx, node_id n, const struct result *r);
	/* Is the result where it has to be (outputs in the workspace)? NULL: always. *evicted: it is not, and the blobs to put it
	 * back are missing, so it must be made. Changes nothing. */
	bool (*in_place)(void *ctx, node_id n, const struct result *r, bool *evicted);
	/* Put it back. Calls t->done with r on success, or with ERR_DAMAGED/ERR_MISSING: the engine then makes the node. */
	void (*restore)(struct task *t, const struct result *r);
	/* made: begin. Must end in t->done (also at once). */
	void (*start)(struct task *t);
	/* End early: hard false asks (SIGTERM), true kills. done must still be called (ERR_INTERRUPTED). */
	void (*stop)(struct task *t, bool hard);
	/* made: what the answer is now to a question of an observed_fact that an earlier run of the node gave (engine/result.h). -1: it cannot be
	 * said, which is as good as another answer. Asked often, so it looks cheaply, and reports what it looks at. NULL: the maker never looks at
	 * anything but its inputs. */
	int (*observe)(void *ctx, node_id n, struct str question, struct arena *a, struct str *answer);
	/* What a changed field means: code, text, file, line. c->a is the recorded field, c->b the present one; either may be NULL (not both).
	 * out comes zeroed; a text that is left empty is filled in by the engine. For a field that comes from another node, that node's own
	 * explanation, if it has one, replaces text, file and line; the code stays. NULL: the engine's words. */
	void (*explain)(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out);
	/* Resources; NULL: none but one place of -j when `job`. */
	size_t (*needs)(void *ctx, node_id n, const struct pool_need **out);
	/* Is it made whatever becomes of the nodes that ORDER edges lead from, and after a failure without keep_going? NULL: no. */
	bool (*always)(void *ctx, node_id n);
	bool job;           /* counts against -j (steps); others run beside them, on the pool of the loop */
	/* A condition: false means that the node is skipped. NULL: true. *unknown: it hangs on results that are not known yet. It failed
	 * when e->code is set (e comes zeroed). */
	bool (*wanted)(void *ctx, const struct inputs *in, bool *unknown, struct err *e);
};

#endif
