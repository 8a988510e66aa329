/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/explain.h"

#include <string.h>

#include "engine/cause.h"

/* The first node that at waits for, or NODE_NONE. A source waits for what is ordered before it, too. */
static node_id
waits_for(const struct facts *f, node_id at)
{
	const struct graph *g = f->o->graph;
	const struct node *x = &g->node[at.i];
	for (uint32_t i = x->in; i < x->in + x->nin && g->edge[i].kind != EDGE_NEED; i++) {
		const enum plan_state s = f->plan[g->edge[i].from.i].state;
		if (g->edge[i].kind == EDGE_ORDER && !x->rule->source)
			continue;
		if (s == PLAN_RUN || s == PLAN_MAYBE)
			return g->edge[i].from;
	}
	return NODE_NONE;
}

static bool
old_key(const struct facts *f, node_id n, struct arena *a, struct key *out)
{
	struct last last;
	return facts_last(f, n, a, &last) && key_decode(last.key, a, out, NULL) == 0;
}

/* From a node that waits to the one that surely runs, and from there to its leaf. */
static void
walk(const struct facts *f, node_id n, struct arena *a, struct cause_chain *chain)
{
	while (n.i != UINT32_MAX && chain->n < CAUSE_DEPTH) {
		const struct plan_node *p = &f->plan[n.i];
		struct key old, now;
		struct reason reason;
		(void)facts_fields(p, a, &now); /* without fields nothing differs */
		if (p->reason.code != REASON_UPSTREAM && p->reason.code != REASON_FORCED && old_key(f, n, a, &old) &&
		    cause_find(f, n, &old, &now, a, &reason, chain))
			return;
		chain->v[chain->n++] = (struct why_link){ .node = n, .reason = p->reason };
		n = p->reason.code == REASON_UPSTREAM ? waits_for(f, n) : NODE_NONE;
	}
}

int
explain(const struct plan_opts *o, const struct plan *p, node_id n, struct str against, struct arena *a, struct why *out,
	struct err *e)
{
	const struct plan_node *x = &p->node[n.i];
	struct facts f = { .o = o, .plan = p->node, .arena = a };
	struct cause_chain chain = { .n = 0 };
	struct why why = { .state = x->state, .reason = x->reason };
	struct key old, now;
	(void)facts_fields(x, a, &now); /* a node that nobody looked at has none */
	if (against.n && key_decode(against, a, &old, e) < 0)
		return err_wrap(e, "the key to compare '" STR_FMT "' with", STR_ARG(o->graph->node[n.i].name));
	f.view = facts_view(o->cache);
	why.never_made = !against.n && !old_key(&f, n, a, &old);
	why.unchanged = now.n;
	if (!why.never_made)
		why.nchanges = cause_changes(&f, n, &old, &now, a, &why.changes, &why.unchanged);
	const bool found = against.n && cause_find(&f, n, &old, &now, a, &why.reason, &chain);
	if (!found && (x->state == PLAN_RUN || x->state == PLAN_MAYBE || why.nchanges))
		walk(&f, n, a, &chain);
	view_end(f.view);
	why.chain = arena_array(a, struct why_link, chain.n);
	why.nchain = chain.n;
	if (chain.n)
		memcpy(why.chain, chain.v, chain.n * sizeof *chain.v);
	*out = why;
	return 0;
}
