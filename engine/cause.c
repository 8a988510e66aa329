/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cause.h"

#include <assert.h>
#include <limits.h>

#include "engine/observed.h"

enum { ASKED_MOST = 64, VALUE_SHOWN = 60 };

/* Lower is told first. */
static int
rank(enum reason_code c)
{
	switch (c) {
	case REASON_COMMAND:
		return 0;
	case REASON_PARAMS:
		return 1;
	case REASON_CODE:
		return 2;
	case REASON_ENV_VAR:
		return 3;
	case REASON_ENVIRONMENT:
		return 4;
	case REASON_TOOL:
		return 5;
	case REASON_OBSERVED:
		return 6;
	case REASON_INPUT:
		return 7;
	case REASON_NONE:
	case REASON_NEW:
	case REASON_EXPIRED:
	case REASON_EVICTED:
	case REASON_FORCED:
	case REASON_UPSTREAM:
	case REASON_FAILED_BEFORE:
		break;
	}
	return 8;
}

enum origin { OWN, FROM_SOURCE, FROM_MADE, ENGINES }; /* in the order of telling */

static const struct key_field *
either(const struct key_change *c)
{
	return c->b ? c->b : c->a;
}

static enum origin
origin_of(const struct facts *f, node_id n, const struct key_change *c, node_id *from)
{
	const struct graph *g = f->o->graph;
	const struct key_field *k = either(c);
	const uint32_t edge = graph_input(g, n, k->tag, k->name);
	*from = NODE_NONE;
	if (edge == UINT32_MAX)
		return g->node[n.i].rule->source && str_eq(k->tag, STR("result")) ? ENGINES : OWN;
	*from = g->edge[edge].from;
	return g->node[from->i].rule->source ? FROM_SOURCE : FROM_MADE;
}

/* In the rule's words, completed by ours. */
static struct reason
words(const struct facts *f, node_id n, const struct key_change *c, enum origin o, struct arena *a)
{
	const struct node *x = facts_node(f, n);
	struct reason r = { 0 };
	if (x->rule->explain)
		x->rule->explain(f->o->ctx, n, c, a, &r);
	if (r.code == REASON_NONE)
		r.code = o == OWN ? REASON_COMMAND : REASON_INPUT;
	if (r.text.n)
		return r;
	const struct key_field *k = either(c);
	assert(k);
	const char *what = !c->a ? "is new" : !c->b ? "is gone" : "changed";
	if (o == ENGINES)
		r.text = arena_printf(a, STR_FMT " changed", STR_ARG(x->name));
	else if (c->a && c->b && c->a->has_value && c->b->has_value && o == OWN && c->a->value.n + c->b->value.n <= VALUE_SHOWN)
		r.text = arena_printf(a, STR_FMT "%s" STR_FMT " changed: " STR_FMT " -> " STR_FMT, STR_ARG(k->tag), k->name.n ? " " : "",
				      STR_ARG(k->name), STR_ARG(c->a->value), STR_ARG(c->b->value));
	else
		r.text = arena_printf(a, STR_FMT "%s" STR_FMT " %s", STR_ARG(k->tag), k->name.n ? " " : "", STR_ARG(k->name), what);
	return r;
}

size_t
cause_changes(const struct facts *f, node_id n, struct key *old, const struct key *now, struct arena *a, struct key_change **out,
	      size_t *unchanged)
{
	struct key present = *now;
	struct key_change *v;
	const size_t all = key_diff(old, &present, a, &v);
	size_t put = 0, differing = 0;
	for (size_t i = 0; i < all; i++) {
		differing += v[i].b != NULL;
		node_id from;
		/* A field of an edge that the present key lacks is not known yet. */
		if (!v[i].b && origin_of(f, n, &v[i], &from) != OWN && from.i != UINT32_MAX)
			continue;
		/* Nor is what nobody asked about again: it was looked at, now it was not. */
		if (!v[i].b && str_is(v[i].a->tag, OBSERVED_TAG))
			continue;
		v[put++] = v[i];
	}
	*out = v;
	*unchanged = now->n - differing;
	return put;
}

/* The change to tell first. Of thousands, some are asked: one input is as good as another. */
static bool
choose(const struct facts *f, node_id n, struct key *old, const struct key *now, struct arena *a, struct why_link *best,
       node_id *from)
{
	struct key_change *v;
	size_t unchanged;
	size_t asked[ENGINES + 1] = { 0 };
	int best_score = INT_MAX;
	const size_t all = cause_changes(f, n, old, now, a, &v, &unchanged);
	for (size_t i = 0; i < all; i++) {
		node_id at;
		const enum origin o = origin_of(f, n, &v[i], &at);
		if (asked[o]++ >= ASKED_MOST)
			continue;
		const struct reason r = words(f, n, &v[i], o, a);
		/* What changed says more than what came or went. */
		const int score = o == ENGINES ? INT_MAX - 1 : (rank(r.code) * (ENGINES + 1) + (int)o) * 2 + !(v[i].a && v[i].b);
		if (score >= best_score)
			continue;
		best_score = score;
		*best = (struct why_link){ .node = n, .change = v[i], .reason = r };
		*from = at;
	}
	return all > 0;
}

static void
link_add(struct cause_chain *c, const struct why_link *l)
{
	if (c && c->n < CAUSE_DEPTH)
		c->v[c->n++] = *l;
}

/* A made node whose output is another one, though its last key is the present one: it was made since. */
static void
link_made(const struct facts *f, node_id n, struct arena *a, struct cause_chain *chain)
{
	struct why_link l = { .node = n, .reason = { .code = REASON_INPUT } };
	l.reason.text = arena_printf(a, STR_FMT " was made since, and came out otherwise", STR_ARG(facts_node(f, n)->name));
	link_add(chain, &l);
}

bool
cause_find(const struct facts *f, node_id n, struct key *old, const struct key *now, struct arena *a, struct reason *out,
	   struct cause_chain *chain)
{
	struct why_link l = { 0 };
	node_id from = NODE_NONE;
	if (!choose(f, n, old, now, a, &l, &from))
		return false;
	*out = l.reason;
	link_add(chain, &l);
	bool deeper = true; /* sources all the way: their words replace the ones above */
	for (int depth = 1; depth < CAUSE_DEPTH && from.i != UINT32_MAX; depth++) {
		const struct plan_node *p = facts_at(f, from);
		const struct rule *rule = facts_node(f, from)->rule;
		struct last last;
		struct key before, present;
		const node_id at = from;
		deeper = deeper && rule->source;
		if ((!deeper && !chain) || !facts_fields(p, a, &present) || !facts_last(f, at, a, &last) ||
		    key_decode(last.key, a, &before, NULL) < 0)
			break;
		l = (struct why_link){ 0 };
		from = NODE_NONE;
		if (!choose(f, at, &before, &present, a, &l, &from)) {
			if (!rule->source)
				link_made(f, at, a, chain);
			break;
		}
		link_add(chain, &l);
		if (!deeper || !rule->explain)
			continue;
		out->text = l.reason.text;
		out->file = l.reason.file;
		out->line = l.reason.line;
	}
	return true;
}
