/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/codec.h"
#include "engine/observed.h"
#include "engine/sched.h"
#include "sys/clock.h"

static void
put_last(struct sched *s, node_id n, const struct last *l)
{
	const struct plan_opts *o = &s->o->plan;
	const struct str name = s->g->node[n.i].name;
	last_put(&s->rec.batch, o->project, name, l);
	if (o->pipeline.n)
		last_put(&s->rec.batch, o->pipeline, name, l);
}

/* What a source's result was made of, under its digest: runs that are compared later know no more of it than that. */
static void
put_fields(struct sched *s, const struct plan_node *p, struct str key)
{
	AUTO_BUF name = { 0 };
	if (!p->result || p->key.n < 2 || key.n > KEPT_FIELDS_MOST)
		return;
	buf_put(&name, STR(KEPT_FIELDS));
	put_digest(&name, &p->result->digest);
	batch_put(&s->rec.batch, TABLE_MISC, buf_str(&name), key);
}

/* The last record of a source, when it says something else. */
static void
put_source(struct sched *s, node_id n)
{
	const struct plan_node *p = facts_at(&s->f, n);
	struct slot *slot = &s->slot[n.i];
	if (slot->noted || !p->has_key)
		return;
	slot->noted = true;
	sched_view(s, false);
	if (last_is(s->f.view, s->o->plan.project, s->g->node[n.i].name, &p->key_digest, false))
		return;
	AUTO_BUF key = { 0 };
	struct key k = p->key;
	key_encode(&k, &key);
	struct last l = { .at = clock_real(), .key_digest = p->key_digest, .key = buf_str(&key) };
	if (p->result)
		l.result_digest = p->result->digest;
	put_last(s, n, &l);
	put_fields(s, p, buf_str(&key));
}

/* Call each(s, source) once for each source that n's key stands on, through sources only. False stops: the node it stopped at is
 * returned, else NODE_NONE. */
static node_id
each_source(struct sched *s, node_id n, bool (*each)(struct sched *s, node_id n))
{
	const size_t base = s->stack.n;
	const uint32_t turn = ++s->turn;
	node_id stopped = NODE_NONE;
	VEC_PUSH(&s->stack, n);
	while (s->stack.n > base && stopped.i == UINT32_MAX) {
		const node_id at = s->stack.v[--s->stack.n];
		const struct node *x = &s->g->node[at.i];
		if (s->slot[at.i].turn == turn)
			continue;
		s->slot[at.i].turn = turn;
		if (at.i != n.i && !each(s, at))
			stopped = at;
		for (uint32_t i = x->in; i < x->in + x->nin && s->g->edge[i].kind == EDGE_INPUT; i++)
			if (s->g->node[s->g->edge[i].from.i].rule->source)
				VEC_PUSH(&s->stack, s->g->edge[i].from);
	}
	s->stack.n = base;
	return stopped;
}

static bool
note_source(struct sched *s, node_id n)
{
	put_source(s, n);
	return true;
}

static void
put_node(struct sched *s, node_id n, struct last l)
{
	const struct plan_node *p = facts_at(&s->f, n);
	AUTO_BUF key = { 0 };
	struct key k = p->key;
	if (k.n)
		key_encode(&k, &key);
	l.at = clock_real();
	l.key_digest = p->key_digest;
	l.key = k.n || !p->result ? buf_str(&key) : p->result->key;
	put_last(s, n, &l);
	(void)each_source(s, n, note_source); /* which never stops it */
	recorder_touch(&s->rec);
}

static void
put_result(struct sched *s, const struct digest *key, const struct result *r)
{
	AUTO_BUF bytes = { 0 };
	result_encode(r, &bytes);
	batch_put(&s->rec.batch, TABLE_RESULT, (struct str){ (const char *)key->b, sizeof key->b }, buf_str(&bytes));
}

void
keep_made(struct sched *s, node_id n, const struct result *r, bool record)
{
	if (s->o->dry_records)
		return;
	if (record)
		put_result(s, &facts_at(&s->f, n)->key_digest, r);
	put_node(s, n, (struct last){ .unrecorded = !record, .seconds = r->seconds, .result_digest = r->digest, .log = r->log });
}

void
keep_observed(struct sched *s, node_id n, const struct result *r)
{
	if (s->o->dry_records || !s->g->node[n.i].rule->observe)
		return;
	sched_view(s, false);
	observed_put(s->f.view, &s->rec.batch, &facts_at(&s->f, n)->base, r->observed, r->nobserved);
}

void
keep_failed(struct sched *s, node_id n, const struct result *r, double seconds)
{
	if (s->o->dry_records)
		return;
	struct last l = { .failed = true, .seconds = seconds };
	if (r)
		l.log = r->log;
	put_node(s, n, l);
}

void
keep_hit(struct sched *s, node_id n)
{
	const struct plan_node *p = facts_at(&s->f, n);
	if (s->o->dry_records)
		return;
	sched_view(s, false);
	if (last_is(s->f.view, s->o->plan.project, s->g->node[n.i].name, &p->key_digest, false))
		return;
	struct result used = *p->result;
	used.used_at = clock_real();
	put_result(s, &p->key_digest, &used);
	put_node(s, n, (struct last){ .seconds = used.seconds, .result_digest = used.digest, .log = used.log });
}

/* Looked at again, in scratch memory. A computed source sees the inputs that the key saw: if one of those changed, it is found itself. */
static bool
same_source(struct sched *s, node_id n)
{
	const struct node *x = &s->g->node[n.i];
	const struct plan_node *p = facts_at(&s->f, n);
	struct result now = { 0 };
	struct err gone; /* what cannot be looked at any more has changed */
	if (!p->result || (x->rule->same && x->rule->same(s->o->plan.ctx, n)))
		return true;
	const struct inputs in = facts_inputs(&s->f, n, false, s->of);
	bool same = x->rule->look(s->o->plan.ctx, &in, &s->scratch, &now, &gone) == 0;
	if (same) {
		result_sort(&now);
		if (digest_is_zero(&now.digest))
			now.digest = result_outputs_digest(&now);
		const struct digest was = result_outputs_digest(p->result), is = result_outputs_digest(&now);
		same = digest_eq(&now.digest, &p->result->digest) && digest_eq(&was, &is);
	}
	arena_reset(&s->scratch);
	return same;
}

node_id
keep_changed_input(struct sched *s, node_id n)
{
	return each_source(s, n, same_source);
}
