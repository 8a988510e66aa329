/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/unfolding.h"

#include <string.h>

#include "base/map.h"
#include "cli/answer.h"

static const struct step_data *
step_data(const struct graph *g, uint32_t i)
{
	return g->node[i].rule == &rule_step ? g->node[i].data : NULL;
}

/* The elements of a step of the file, in order of their nodes. *unknown: they are not known. */
static size_t
elements(struct session *s, struct str step, node_id **out, bool *unknown)
{
	const struct graph *g = &s->project->graph;
	size_t n = 0;
	*out = arena_array(&s->arena, node_id, g->nnodes + 1);
	*unknown = false;
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const struct step_data *d = step_data(g, i);
		if (!d || !str_eq(d->ir->name, step))
			continue;
		*unknown |= d->unknown;
		(*out)[n++] = (node_id){ i };
	}
	return n;
}

static void
add(struct session *s, const struct unfold_output *o)
{
	struct unfold_output *v = arena_array(&s->arena, struct unfold_output, s->unfold.n + 1);
	if (s->unfold.n)
		memcpy(v, s->unfold.v, s->unfold.n * sizeof *v);
	v[s->unfold.n++] = *o;
	s->unfold.v = v;
}

/* 1: known now, 0: not all results are there. */
static int
learn_one(struct session *s, struct unfold_output *o, unfolding_result *result, void *ctx, struct err *e)
{
	node_id *node;
	bool unknown;
	const size_t n = elements(s, o->step, &node, &unknown);
	const struct result **r = arena_array(&s->arena, const struct result *, n + 1);
	if (unknown)
		return 0;
	for (size_t i = 0; i < n; i++) {
		bool skipped;
		r[i] = result(ctx, node[i], &skipped);
		if (!r[i] && !skipped)
			return 0;
	}
	struct err why;
	if (unfold_read(s->cache, r, n, o, &s->arena, &why) < 0) {
		if (why.code == ERR_MISSING || why.code == ERR_DAMAGED)
			return 0; /* its step is made again */
		*e = why;
		return -1;
	}
	add(s, o);
	return 1;
}

int
unfolding_learn(struct session *s, unfolding_result *result, void *ctx, bool *more, struct err *e)
{
	*more = false;
	for (size_t i = 0; i < s->nlacking; i++) {
		const int rc = learn_one(s, &s->lacking[i], result, ctx, e);
		if (rc < 0)
			return -1;
		*more |= rc > 0;
	}
	if (s->unfold.n > UNFOLD_DEPTH * 100)
		return err_set(e, ERR_INPUT, "the pipeline goes on writing steps: more than %d outputs had to be known to know it", UNFOLD_DEPTH * 100);
	return 0;
}

int
unfolding_reopen(struct session *s, struct err *e)
{
	session_notes(s);
	s->notes_shown = 0;
	project_close(s->project);
	s->project = NULL;
	if (session_open(s, e) < 0)
		return -1;
	return s->args->all || s->args->update.n ? session_update(s, e) : 0;
}

size_t
unfolding_explain(struct session *s)
{
	const struct graph *g = &s->project->graph;
	size_t n = 0;
	for (uint32_t i = 0; s->nlacking && i < g->nnodes; i++) {
		const struct step_data *d = step_data(g, i);
		struct plan_node *p = &s->plan.node[i];
		if (!d || !d->unknown || !p->wanted)
			continue;
		AUTO_BUF text = { 0 };
		for (size_t k = 0; k < d->ir->nforeach; k++)
			if (d->ir->foreach[k].kind == FOREACH_STEP && !unfold_find(&s->unfold, d->ir->foreach[k].step, d->ir->foreach[k].output))
				buf_printf(&text, "%s" STR_FMT, text.n ? " and " : "its elements are known when ", STR_ARG(d->ir->foreach[k].step));
		buf_puts(&text, str_find(buf_str(&text), STR(" and ")) == SIZE_MAX ? " is made" : " are made");
		p->reason = (struct reason){ .code = REASON_UPSTREAM, .text = arena_str(&s->arena, buf_str(&text)) };
		n++;
	}
	return n;
}

/* By node: does it stand on one of those that are marked, by any edge? Marks are carried on. */
static void
spread(const struct graph *g, bool *mark)
{
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const node_id n = g->order[i];
		const struct node *x = &g->node[n.i];
		for (uint32_t k = x->in; k < x->in + x->nin && !mark[n.i]; k++)
			mark[n.i] = mark[g->edge[k].from.i];
	}
}

static bool *
unknown_cone(struct session *s)
{
	const struct graph *g = &s->project->graph;
	bool *mark = arena_array(&s->arena, bool, g->nnodes + 1);
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const struct step_data *d = step_data(g, i);
		mark[i] = d && d->unknown;
	}
	spread(g, mark);
	return mark;
}

size_t
unfolding_next(struct session *s, bool wanted, node_id **out)
{
	const bool *far = unknown_cone(s);
	size_t n = 0, cap = 0;
	for (size_t i = 0; i < s->nlacking; i++) {
		node_id *v;
		bool unknown;
		cap += elements(s, s->lacking[i].step, &v, &unknown);
	}
	*out = arena_array(&s->arena, node_id, cap + 1);
	for (size_t i = 0; i < s->nlacking; i++) {
		node_id *v;
		bool unknown;
		const size_t nv = elements(s, s->lacking[i].step, &v, &unknown);
		for (size_t k = 0; k < nv; k++)
			if (!far[v[k].i] && (!wanted || s->plan.node[v[k].i].wanted))
				(*out)[n++] = v[k];
	}
	return n;
}

static bool
has_failed(const struct run_node *r)
{
	return r->state == RUN_FAILED || r->state == RUN_CANCELLED || (r->state == RUN_SKIPPED && r->reason.code == REASON_UPSTREAM);
}

size_t
unfolding_rest(struct session *s, const struct run *r, node_id **out)
{
	const struct graph *g = &s->project->graph;
	bool *mark = unknown_cone(s);
	size_t n = 0;
	for (uint32_t i = 0; i < g->nnodes; i++)
		mark[i] |= has_failed(&r->node[i]);
	spread(g, mark);
	*out = arena_array(&s->arena, node_id, g->nnodes + 1);
	for (uint32_t i = 0; i < g->nnodes; i++)
		if (step_data(g, i) && s->plan.node[i].wanted && !mark[i])
			(*out)[n++] = (node_id){ i };
	return n;
}

void
unfolding_past_done(struct unfolding_past *past)
{
	map_done(&past->names);
}

static struct reason
copy_reason(const struct reason *r, struct arena *a)
{
	struct reason c = *r;
	c.text = arena_str(a, r->text);
	c.file = arena_str(a, r->file);
	return c;
}

void
unfolding_keep(struct session *s, const struct run *r, struct unfolding_past *past)
{
	past->seconds += r->seconds;
	s->before = &past->names;
	for (uint32_t i = 0; i < r->graph->nnodes; i++) {
		struct run_node x = r->node[i];
		if (x.state == RUN_NONE || x.state == RUN_HIT || x.state == RUN_UNUSED)
			continue;
		if (past->n == past->cap) {
			struct unfolding_done *v = arena_array(&s->arena, struct unfolding_done, past->cap * 2 + 64);
			if (past->n)
				memcpy(v, past->v, past->n * sizeof *v);
			past->v = v;
			past->cap = past->cap * 2 + 64;
		}
		x.reason = copy_reason(&x.reason, &s->arena);
		x.note = arena_str(&s->arena, x.note);
		const struct str name = arena_str(&s->arena, r->graph->node[i].name);
		past->v[past->n++] = (struct unfolding_done){ name, x };
		if (x.state == RUN_MADE)
			(void)map_put(&past->names, name, 0);
	}
}

/* Nobody came to it: what it needs has failed, or was not begun. */
static void
left_over(struct session *s, const struct graph *g, uint32_t i, struct run *r)
{
	struct run_node *x = &r->node[i];
	node_id failed = NODE_NONE;
	for (uint32_t k = g->node[i].in; k < g->node[i].in + g->node[i].nin; k++)
		if (r->node[g->edge[k].from.i].state == RUN_FAILED || r->node[g->edge[k].from.i].state == RUN_SKIPPED)
			failed = g->edge[k].from;
	x->state = RUN_CANCELLED;
	if (failed.i == NODE_NONE.i)
		return;
	x->state = RUN_SKIPPED;
	x->reason = (struct reason){ .code = REASON_UPSTREAM,
				     .text = arena_printf(&s->arena, STR_FMT " failed", STR_ARG(g->node[failed.i].name)) };
}

void
unfolding_merge(struct session *s, const struct plan *whole, const struct unfolding_past *past, struct run *r)
{
	const struct graph *g = r->graph;
	struct map by_name = { 0 };
	for (size_t i = 0; i < past->n; i++)
		(void)map_put(&by_name, past->v[i].name, (uint32_t)i); /* the last of a name counts */
	for (uint32_t k = 0; k < g->nnodes; k++) {
		const uint32_t i = g->order[k].i, at = map_get(&by_name, g->node[i].name);
		struct run_node *x = &r->node[i];
		if (at != MAP_NONE && (x->state == RUN_HIT || x->state == RUN_NONE)) {
			const struct result *now = x->result;
			*x = past->v[at].node;
			x->result = now ? now : x->result;
		}
		if (x->state == RUN_NONE && whole && whole->graph == g && whole->node[i].wanted && step_data(g, i))
			left_over(s, g, i, r);
	}
	r->seconds += past->seconds;
	map_done(&by_name);
}
