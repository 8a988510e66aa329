/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/facts.h"

#include <assert.h>
#include <string.h>

#include "engine/cause.h"
#include "engine/observed.h"

struct view *
facts_view(struct cache *c)
{
	struct view *v = NULL;
	if (!c || !c->records || view_begin(c->records, &v, NULL) < 0)
		return NULL; /* a cache that cannot be read is an empty one */
	return v;
}

struct inputs
facts_inputs(const struct facts *f, node_id n, bool all, const struct result **of)
{
	const struct graph *g = f->o->graph;
	const struct node *x = &g->node[n.i];
	for (uint32_t i = 0; i < x->nin; i++) {
		const struct edge *e = &g->edge[x->in + i];
		of[i] = all || e->kind == EDGE_INPUT ? facts_at(f, e->from)->result : NULL;
	}
	return (struct inputs){ .graph = g, .node = n, .of = of };
}

/* What a consumer of one output sees: its content, and that it is a program. */
static struct digest
seen_of(const struct output *o)
{
	uint8_t b[1 + sizeof o->digest.b] = { 'x' };
	if (o->type != OUTPUT_EXEC)
		return o->digest;
	memcpy(b + 1, o->digest.b, sizeof o->digest.b);
	return digest_of((struct str){ (const char *)b, sizeof b });
}

static int
add_input(struct key *k, const struct graph *g, const struct edge *x, const struct result *r, struct err *e)
{
	const struct output *o = x->port.n ? result_output(r, x->port) : NULL;
	if (x->port.n && !o)
		return err_set(e, ERR_BUG, "'" STR_FMT "' needs the output '" STR_FMT "' of '" STR_FMT "', which did not make it",
			       STR_ARG(g->node[x->to.i].name), STR_ARG(x->port), STR_ARG(g->node[x->from.i].name));
	const struct digest seen = o ? seen_of(o) : r->digest;
	key_digest(k, x->tag, x->name, &seen);
	return 0;
}

int
facts_key(const struct facts *f, const struct inputs *in, const struct result *seen, struct plan_node *p, struct err *e)
{
	const struct graph *g = f->o->graph;
	const struct node *x = &g->node[in->node.i];
	struct key k;
	bool whole = true;
	key_init(&k, f->arena, x->rule->schema, x->rule->kind);
	for (uint32_t i = 0; i < x->nin; i++) {
		const struct edge *edge = &g->edge[x->in + i];
		if (edge->kind != EDGE_INPUT)
			break; /* sorted: inputs come first */
		if (!in->of[i])
			whole = false;
		else if (add_input(&k, g, edge, in->of[i], e) < 0)
			return -1;
	}
	if (x->rule->fields && x->rule->fields(f->o->ctx, in, &k, e) < 0)
		return err_wrap(e, STR_FMT, STR_ARG(x->name));
	if (seen && !key_find(&k, STR("result"), STR("")))
		key_digest(&k, "result", STR(""), &seen->digest);
	p->has_key = whole;
	p->key_digest = p->base = whole ? key_done(&k) : (struct digest){ 0 };
	p->key = k;
	return 0;
}

bool
facts_fields(const struct plan_node *p, struct arena *a, struct key *out)
{
	*out = p->key;
	return p->key.n || (p->result && key_decode(p->result->key, a, out, NULL) == 0);
}

int
facts_look(const struct facts *f, const struct inputs *in, struct plan_node *p, struct err *e)
{
	const struct node *x = facts_node(f, in->node);
	struct result *r = arena_new(f->arena, struct result);
	if (x->rule->look(f->o->ctx, in, f->arena, r, e) < 0)
		return -1;
	result_sort(r);
	if (digest_is_zero(&r->digest))
		r->digest = result_outputs_digest(r);
	if (facts_key(f, in, r, p, e) < 0)
		return -1;
	p->result = r;
	p->in_place = true;
	p->estimate_s = 0;
	return 0;
}

/* The record of exactly this key. */
static enum found
look_record(const struct facts *f, node_id n, const struct digest *key, struct plan_node *p, int64_t not_made_at)
{
	const struct rule *rule = facts_node(f, n)->rule;
	struct str bytes;
	if (!view_get(f->view, TABLE_RESULT, (struct str){ (const char *)key->b, sizeof key->b }, &bytes))
		return FOUND_NONE;
	struct result *r = arena_new(f->arena, struct result);
	if (result_decode(bytes, f->arena, r, NULL) < 0)
		return FOUND_NONE;
	if (not_made_at && r->made_at == not_made_at)
		return FOUND_EVICTED;
	p->estimate_s = r->seconds;
	switch (rule->usable ? rule->usable(f->o->ctx, n, r) : USABLE_YES) {
	case USABLE_EXPIRED:
		return FOUND_EXPIRED;
	case USABLE_EVICTED:
		return FOUND_EVICTED;
	case USABLE_YES:
		break;
	}
	bool evicted = false;
	p->in_place = !rule->in_place || rule->in_place(f->o->ctx, n, r, &evicted);
	if (!p->in_place && evicted)
		return FOUND_EVICTED;
	p->result = r;
	p->saved_s = r->seconds;
	p->key_digest = *key;
	return FOUND_HIT;
}

/* The fields of the base key: those that the plan found are in its record alone. */
static bool
base_fields(const struct facts *f, const struct plan_node *p, struct arena *a, struct key *out)
{
	struct key k;
	struct str bytes;
	struct result r;
	if (p->key.n || (p->result && key_decode(p->result->key, a, &k, NULL) == 0))
		observed_base(p->key.n ? &p->key : &k, 0, a, out);
	else if (view_get(f->view, TABLE_RESULT, (struct str){ (const char *)p->key_digest.b, sizeof p->key_digest.b }, &bytes) &&
		 result_decode(bytes, a, &r, NULL) == 0 && key_decode(r.key, a, &k, NULL) == 0)
		observed_base(&k, 0, a, out);
	else
		return false;
	return true;
}

enum found
facts_lookup(const struct facts *f, node_id n, struct plan_node *p, int64_t not_made_at)
{
	struct observed_lists lists;
	struct arena scratch = { 0 };
	struct key base;
	enum found found = FOUND_NONE;
	assert(p->has_key);
	if (!f->view)
		return FOUND_NONE;
	if (!facts_node(f, n)->rule->observe || !observed_find(f->view, &p->base, &scratch, &lists)) {
		const struct digest key = p->base;
		arena_done(&scratch);
		return look_record(f, n, &key, p, not_made_at);
	}
	const bool known = base_fields(f, p, &scratch, &base);
	for (size_t i = 0; known && i < lists.n && found != FOUND_HIT; i++) {
		struct key k;
		observed_ask(f, n, &base, &lists.v[i], &scratch, &k);
		const struct digest key = key_done(&k);
		const enum found now = look_record(f, n, &key, p, not_made_at);
		if (now != FOUND_NONE)
			found = now;
		if (now == FOUND_HIT)
			p->key = (struct key){ 0 }; /* its fields are the record's */
	}
	arena_done(&scratch);
	return found;
}

bool
facts_last(const struct facts *f, node_id n, struct arena *a, struct last *out)
{
	const struct str name = facts_node(f, n)->name;
	return last_find(f->view, f->o->project, name, a, out) ||
	       (f->o->pipeline.n && last_find(f->view, f->o->pipeline, name, a, out));
}

/* The last time, the maker looked at things: what they are now is part of the present key. */
static void
ask_again(const struct facts *f, node_id n, const struct last *last, struct plan_node *p)
{
	struct key earlier;
	if (facts_node(f, n)->rule->observe && key_decode(last->key, f->arena, &earlier, NULL) == 0)
		observed_again(f, n, &earlier, p);
}

static struct reason
plain(enum reason_code c)
{
	return (struct reason){ .code = c, .text = str_z(reason_text(c)) };
}

static bool
changed_reason(const struct facts *f, node_id n, struct str last_key, struct plan_node *p)
{
	struct key old;
	if (key_decode(last_key, f->arena, &old, NULL) < 0) {
		p->reason = plain(REASON_NEW);
		return true;
	}
	if (cause_find(f, n, &old, &p->key, f->arena, &p->reason, NULL))
		return true;
	if (old.schema != p->key.schema || p->has_key) {
		p->reason = (struct reason){ .code = REASON_TOOL, .text = STR("this version of pawl makes it in another way") };
		return true;
	}
	p->reason = plain(REASON_UPSTREAM);
	return false;
}

bool
facts_reason(const struct facts *f, node_id n, enum found found, struct plan_node *p)
{
	struct last last;
	const bool have = facts_last(f, n, f->arena, &last);
	if (p->estimate_s <= 0 && have)
		p->estimate_s = last.seconds;
	if (p->reason.code != REASON_NONE)
		return true; /* forced */
	if (found == FOUND_EXPIRED || found == FOUND_EVICTED) {
		p->reason = plain(found == FOUND_EXPIRED ? REASON_EXPIRED : REASON_EVICTED);
		return true;
	}
	if (!have) {
		p->reason = plain(REASON_NEW);
		return true;
	}
	ask_again(f, n, &last, p);
	if (!p->has_key || !digest_eq(&last.key_digest, &p->key_digest))
		return changed_reason(f, n, last.key, p);
	p->reason = plain(last.failed ? REASON_FAILED_BEFORE : last.unrecorded ? REASON_EXPIRED : REASON_EVICTED);
	if (last.unrecorded)
		p->reason.text = STR("its last result was not kept");
	return true;
}
