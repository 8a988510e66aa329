/* SPDX-License-Identifier: Apache-2.0
 *
 * plan: what would be done and why. Pure data, made without side effects, the same for the same state.
 *
 * plan_make walks the graph once in topological order over what the targets need:
 *   sources are looked at; a made node whose inputs are all known gets its key and is looked up: HIT or RUN; one with an unknown input is
 *   RUN if its own fields differ from its last record (or it has none, or it is forced), else MAYBE (it may still be cut off).
 * Then what is only NEEDed: wanted if a node that needs it is RUN (or MAYBE: then at most MAYBE); else UNUSED.
 *
 *	        inputs known                 inputs unknown
 *	HIT <- record found, usable   RUN <- own fields differ, forced     MAYBE <- else         SKIP <- condition false
 *	RUN <- else                   [plan_make]                          UNUSED <- nobody who runs needs it
 */
#ifndef PAWL_ENGINE_PLAN_H
#define PAWL_ENGINE_PLAN_H

#include "cache/cache.h"
#include "engine/last.h"
#include "engine/rule.h"

enum plan_state { PLAN_UNSEEN, PLAN_HIT, PLAN_RUN, PLAN_MAYBE, PLAN_SKIP, PLAN_UNUSED };

struct plan_node {
	enum plan_state state;
	bool wanted;               /* a target leads to it */
	bool in_place;             /* HIT: nothing to restore */
	bool has_key;              /* all inputs are known; else key holds the fields that are, or is empty */
	struct reason reason;      /* RUN, MAYBE */
	struct key key;            /* of a HIT empty: its fields are result->key */
	struct digest key_digest;  /* when has_key */
	struct digest base;        /* when has_key: the same without what was observed (engine/observed.h) */
	const struct result *result; /* source, or HIT */
	double estimate_s;         /* seconds that making it takes, by its record or the last one; < 0: unknown */
	double saved_s;            /* HIT: what it cost when it was made */
	bool failed;               /* look or fields failed (a file is missing): the message is in error; its consumers are RUN */
	struct err *error;
};

struct plan {
	const struct graph *graph;
	struct plan_node *node; /* by node_id */
	struct arena *arena;
};

struct plan_opts {
	const struct graph *graph;
	struct cache *cache;       /* NULL: no records at all */
	void *ctx;
	struct str project;        /* names the records of "last": root folder and pipeline */
	struct str pipeline;       /* second name, for clones in other folders; empty: none */
	const node_id *targets;    /* NULL: every node that is not only NEEDed (sinks without NEED edges, and what leads to them) */
	size_t ntargets;
	bool force;                /* every job node */
	const node_id *forced;
	size_t nforced;
	bool no_cache;             /* no lookups: everything made is RUN */
};

int plan_make(const struct plan_opts *o, struct arena *a, struct plan *out, struct err *e);

#endif
