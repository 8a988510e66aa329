/* SPDX-License-Identifier: Apache-2.0
 *
 * facts: what plan and run ask about one node: its inputs, its key, its record, why it is made. Private to engine/.
 *
 * The same functions serve both: in a plan all knowledge is plan[]; a run puts what it learns beside it in own[].
 */
#ifndef PAWL_ENGINE_FACTS_H
#define PAWL_ENGINE_FACTS_H

#include "engine/plan.h"

struct facts {
	const struct plan_opts *o;
	struct view *view;                   /* NULL: no records */
	const struct plan_node *plan;        /* by node_id */
	const struct plan_node *const *own;  /* by node_id; NULL, or NULL there: the plan's */
	struct arena *arena;
};

/* A view of the records, or NULL when there are none to read. */
struct view *facts_view(struct cache *c);

static inline const struct plan_node *
facts_at(const struct facts *f, node_id n)
{
	return f->own && f->own[n.i] ? f->own[n.i] : &f->plan[n.i];
}

static inline const struct node *
facts_node(const struct facts *f, node_id n)
{
	return &f->o->graph->node[n.i];
}

/* of[] has room for all edges that lead to n. all: ORDER and NEED edges too. */
struct inputs facts_inputs(const struct facts *f, node_id n, bool all, const struct result **of);

/* The key of in->node into p (has_key, key, key_digest), in f->arena. seen: the result of a source, NULL for a made node. Inputs that
 * are not known leave has_key false and the key with the other fields. */
int facts_key(const struct facts *f, const struct inputs *in, const struct result *seen, struct plan_node *p, struct err *e);

/* The fields of a node's key: p->key, or of a HIT those in its record. False: there are none. */
bool facts_fields(const struct plan_node *p, struct arena *a, struct key *out);

/* Look at a source now: result (in f->arena) and key into p. */
int facts_look(const struct facts *f, const struct inputs *in, struct plan_node *p, struct err *e);

enum found { FOUND_NONE, FOUND_HIT, FOUND_EXPIRED, FOUND_EVICTED };
/* The record of p->key_digest, when it may be used: p->result, in_place, saved_s, estimate_s. not_made_at: a record of that time is known
 * to be damaged (0: none is). */
enum found facts_lookup(const struct facts *f, node_id n, struct plan_node *p, int64_t not_made_at);

/* Why n is made when its record was not usable for `found`; fills reason and estimate_s. False: nothing that is known differs from
 * the last time, and p has no whole key: it hangs on its inputs alone (REASON_UPSTREAM). */
bool facts_reason(const struct facts *f, node_id n, enum found found, struct plan_node *p);

/* The last record under the project's name, else under the pipeline's. */
bool facts_last(const struct facts *f, node_id n, struct arena *a, struct last *out);

#endif
