/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sched.h"

#include <assert.h>
#include <stdlib.h>

#include "sys/pool.h"

enum { OTHERS_MOST = 64 }; /* nodes that are no jobs, at the same time */
#define UNKNOWN_SECONDS 1.0 /* the weight of a node that nobody has made yet */

/* The longest way from each node to the end, by recorded seconds. */
static void
weigh(struct sched *s)
{
	for (uint32_t i = s->g->nnodes; i-- > 0;) {
		const node_id n = s->g->order[i];
		const struct node *x = &s->g->node[n.i];
		const struct plan_node *p = facts_at(&s->f, n);
		double after = 0;
		s->place[n.i] = i;
		for (uint32_t j = 0; j < x->nout; j++) {
			const double w = s->slot[s->g->edge[s->g->out_edge[x->out + j]].to.i].weight;
			after = w > after ? w : after;
		}
		const bool free = x->rule->source || p->state == PLAN_HIT;
		s->slot[n.i].weight = after + (free ? 0 : p->estimate_s < 0 ? UNKNOWN_SECONDS : p->estimate_s);
	}
}

void
sched_init(struct sched *s, const struct run_opts *o, const struct plan *plan, struct arena *a, struct run *out)
{
	const struct graph *g = plan->graph;
	uint32_t widest = 0;
	for (uint32_t i = 0; i < g->nnodes; i++)
		widest = g->node[i].nin > widest ? g->node[i].nin : widest;
	*out = (struct run){ .graph = g, .arena = a, .node = arena_array(a, struct run_node, g->nnodes) };
	*s = (struct sched){ .o = o, .g = g, .out = out, .arena = a };
	s->own = mem_zalloc((g->nnodes + 1) * sizeof *s->own);
	s->slot = mem_zalloc((g->nnodes + 1) * sizeof *s->slot);
	s->place = mem_zalloc((g->nnodes + 1) * sizeof *s->place);
	s->of = mem_zalloc((widest + 1) * sizeof *s->of);
	s->f = (struct facts){ .o = &o->plan, .plan = plan->node, .own = s->own, .arena = a };
	s->limit[LANE_JOBS] = o->jobs ? o->jobs : pool_cpus();
	s->limit[LANE_OTHERS] = OTHERS_MOST;
	pools_init(&s->pools, o->pools, o->npools, a);
	recorder_init(&s->rec, o, sched_pump, s);
	weigh(s);
}

void
sched_done(struct sched *s)
{
	view_end(s->f.view);
	loop_remove(s->o->loop, s->busy_timer);
	loop_remove(s->o->loop, s->tick_timer);
	recorder_done(&s->rec);
	VEC_DONE(&s->running);
	VEC_DONE(&s->todo);
	VEC_DONE(&s->stack);
	VEC_DONE(&s->aside);
	VEC_DONE(&s->busy);
	VEC_DONE(&s->ready[LANE_JOBS]);
	VEC_DONE(&s->ready[LANE_OTHERS]);
	arena_done(&s->scratch);
	free(s->own);
	free(s->slot);
	free(s->place);
	free(s->of);
}

void
sched_view(struct sched *s, bool fresh)
{
	if (s->f.view && fresh) {
		view_end(s->f.view);
		s->f.view = NULL;
	}
	if (!s->f.view)
		s->f.view = facts_view(s->o->plan.cache);
}

struct plan_node *
sched_own(struct sched *s, node_id n)
{
	struct plan_node *p = arena_new(s->arena, struct plan_node);
	*p = *facts_at(&s->f, n);
	s->own[n.i] = p;
	return p;
}

static void
enqueue(struct sched *s, node_id n)
{
	s->slot[n.i].phase = PHASE_QUEUED;
	VEC_PUSH(&s->todo, n);
}

void
sched_activate(struct sched *s, node_id n)
{
	const size_t base = s->stack.n;
	VEC_PUSH(&s->stack, n);
	while (s->stack.n > base) {
		const node_id at = s->stack.v[--s->stack.n];
		struct slot *slot = &s->slot[at.i];
		if (slot->phase != PHASE_OUT)
			continue;
		const struct node *x = &s->g->node[at.i];
		slot->phase = PHASE_WAITING;
		s->left++;
		s->total += !x->rule->source;
		for (uint32_t i = x->in; i < x->in + x->nin && s->g->edge[i].kind != EDGE_NEED; i++) {
			const node_id from = s->g->edge[i].from;
			if (s->slot[from.i].phase == PHASE_DONE)
				continue;
			slot->wait++;
			VEC_PUSH(&s->stack, from);
		}
		if (!slot->wait)
			enqueue(s, at);
	}
}

void
sched_end(struct sched *s, node_id n, enum run_state state)
{
	struct slot *slot = &s->slot[n.i];
	const struct node *x = &s->g->node[n.i];
	struct run_node *r = &s->out->node[n.i];
	assert(slot->phase != PHASE_OUT && slot->phase != PHASE_DONE);
	slot->phase = PHASE_DONE;
	slot->moved |= state == RUN_MADE || state == RUN_RESTORED;
	r->state = state;
	r->key_digest = facts_at(&s->f, n)->key_digest;
	if (state != RUN_SKIPPED && state != RUN_CANCELLED && state != RUN_FAILED)
		r->result = facts_at(&s->f, n)->result;
	if (state == RUN_FAILED) {
		if (s->out->status == RUN_OK)
			s->out->status = RUN_HAS_FAILED;
		s->halted |= !s->o->keep_going;
	}
	s->left--;
	s->done += !x->rule->source;
	if (s->o->watch.node_end && (!x->rule->source || state == RUN_FAILED))
		s->o->watch.node_end(s->o->watch.ctx, n, r);
	for (uint32_t i = 0; i < x->nout; i++) {
		const struct edge *e = &s->g->edge[s->g->out_edge[x->out + i]];
		struct slot *to = &s->slot[e->to.i];
		const enum phase waits = e->kind == EDGE_NEED ? PHASE_NEEDS : PHASE_WAITING;
		if (to->phase != waits || --to->wait)
			continue;
		if (e->kind == EDGE_NEED)
			sched_ready(s, e->to);
		else
			enqueue(s, e->to);
	}
}

void
sched_fail(struct sched *s, node_id n, const struct err *e)
{
	struct err *kept = arena_new(s->arena, struct err);
	*kept = *e;
	s->out->node[n.i].error = kept;
	sched_end(s, n, RUN_FAILED);
}

/* What became of the nodes that lead to n. */
struct above {
	node_id culprit; /* one that failed, or was skipped because of a failure */
	bool failed, cancelled, skipped;
	bool fresh;  /* an input is another result than the plan's */
	bool moved;  /* something in the world is new */
	bool made;   /* a node above, over INPUT edges, was made */
};

static bool
always(const struct sched *s, node_id n)
{
	const struct rule *rule = s->g->node[n.i].rule;
	return rule->always && rule->always(s->o->plan.ctx, n);
}

bool
sched_goes(const struct sched *s, node_id n)
{
	return !s->halted || (!s->stopping && always(s, n));
}

static struct above
look_above(const struct sched *s, node_id n, bool needs)
{
	struct above a = { .culprit = NODE_NONE };
	const bool any_order = always(s, n);
	const struct node *x = &s->g->node[n.i];
	for (uint32_t i = x->in; i < x->in + x->nin; i++) {
		const struct edge *e = &s->g->edge[i];
		const struct slot *from = &s->slot[e->from.i];
		const enum run_state state = s->out->node[e->from.i].state;
		if ((e->kind == EDGE_NEED) != needs)
			continue;
		a.moved |= from->moved;
		if (e->kind == EDGE_ORDER && any_order)
			continue;
		if (!a.failed && (state == RUN_FAILED || from->blocked)) {
			a.failed = true;
			a.culprit = e->from;
		}
		a.cancelled |= state == RUN_CANCELLED;
		if (e->kind != EDGE_INPUT)
			continue;
		a.skipped |= state == RUN_SKIPPED;
		a.fresh |= facts_at(&s->f, e->from)->result != s->f.plan[e->from.i].result;
		a.made |= from->above_made || state == RUN_MADE;
	}
	return a;
}

static void
skip(struct sched *s, node_id n, struct str why)
{
	s->out->node[n.i].reason = (struct reason){ .text = why };
	sched_end(s, n, RUN_SKIPPED);
}

/* A skipped node says what failed; what is behind it says the same. */
static struct reason
blamed(struct sched *s, node_id culprit)
{
	if (s->out->node[culprit.i].state == RUN_SKIPPED)
		return s->out->node[culprit.i].reason;
	return (struct reason){ .code = REASON_UPSTREAM,
				.text = arena_printf(s->arena, STR_FMT " failed", STR_ARG(s->g->node[culprit.i].name)) };
}

/* True: n has ended because of what leads to it. */
static bool
ended_above(struct sched *s, node_id n, const struct above *a)
{
	if (a->failed) {
		s->slot[n.i].blocked = true;
		s->out->node[n.i].reason = blamed(s, a->culprit);
		sched_end(s, n, RUN_SKIPPED);
	} else if (a->cancelled) {
		sched_end(s, n, RUN_CANCELLED);
	} else if (a->skipped) {
		skip(s, n, STR("what it needs was skipped"));
	}
	return a->failed || a->cancelled || a->skipped;
}

void
sched_ready(struct sched *s, node_id n)
{
	struct slot *slot = &s->slot[n.i];
	const struct above a = look_above(s, n, true);
	if (!slot->restore && ended_above(s, n, &a))
		return;
	const bool job = s->g->node[n.i].rule->job && !slot->restore;
	slot->phase = PHASE_READY;
	queue_push(&s->ready[job ? LANE_JOBS : LANE_OTHERS],
		   (struct queue_item){ .weight = slot->weight, .place = s->place[n.i], .node = n });
}

void
sched_make(struct sched *s, node_id n)
{
	struct slot *slot = &s->slot[n.i];
	const struct node *x = &s->g->node[n.i];
	slot->restore = false;
	if (!sched_goes(s, n)) {
		sched_end(s, n, RUN_CANCELLED);
		return;
	}
	s->out->node[n.i].reason = facts_at(&s->f, n)->reason;
	slot->phase = PHASE_NEEDS;
	slot->wait = 0;
	for (uint32_t i = x->in + x->nin; i-- > x->in && s->g->edge[i].kind == EDGE_NEED;) {
		sched_activate(s, s->g->edge[i].from);
		slot->wait += s->slot[s->g->edge[i].from.i].phase != PHASE_DONE;
	}
	if (!slot->wait)
		sched_ready(s, n);
}

void
sched_hit(struct sched *s, node_id n)
{
	struct slot *slot = &s->slot[n.i];
	if (facts_at(&s->f, n)->in_place) {
		keep_hit(s, n);
		sched_end(s, n, slot->above_made ? RUN_CUTOFF : RUN_HIT);
	} else if (!sched_goes(s, n)) {
		sched_end(s, n, RUN_CANCELLED);
	} else {
		slot->restore = true;
		sched_ready(s, n);
	}
}

static void
decide_source(struct sched *s, node_id n, const struct above *a)
{
	const struct plan_node *known = facts_at(&s->f, n);
	if ((known->result || known->failed) && !a->fresh && !a->moved) {
		if (known->failed)
			sched_fail(s, n, known->error);
		else
			sched_end(s, n, RUN_HIT);
		return;
	}
	struct err e = { 0 };
	struct plan_node *p = sched_own(s, n);
	const struct result *before = known->result;
	*p = (struct plan_node){ .state = PLAN_HIT, .wanted = known->wanted };
	const struct inputs in = facts_inputs(&s->f, n, false, s->of);
	if (facts_look(&s->f, &in, p, &e) < 0) {
		sched_fail(s, n, &e);
		return;
	}
	if (before && digest_eq(&before->digest, &p->result->digest)) {
		const struct digest old = result_outputs_digest(before), now = result_outputs_digest(p->result);
		if (digest_eq(&old, &now))
			s->own[n.i] = NULL; /* the same as the plan saw: nobody below has to think again */
	}
	sched_end(s, n, RUN_HIT);
}

static bool
is_forced(const struct sched *s, node_id n)
{
	const struct plan_opts *o = &s->o->plan;
	if ((o->force && s->g->node[n.i].rule->job) || o->no_cache)
		return true;
	for (size_t i = 0; i < o->nforced; i++)
		if (o->forced[i].i == n.i)
			return true;
	return false;
}

/* Key and record anew. */
static void
decide_again(struct sched *s, node_id n)
{
	struct err e = { 0 };
	struct plan_node *p = sched_own(s, n);
	*p = (struct plan_node){ .state = PLAN_RUN, .wanted = p->wanted, .estimate_s = p->estimate_s };
	const struct inputs in = facts_inputs(&s->f, n, false, s->of);
	if (facts_key(&s->f, &in, NULL, p, &e) < 0) {
		sched_fail(s, n, &e);
		return;
	}
	assert(p->has_key);
	sched_view(s, false);
	enum found found = FOUND_NONE;
	if (is_forced(s, n))
		p->reason = (struct reason){ .code = REASON_FORCED,
					     .text = s->o->plan.no_cache ? STR("--no-cache") : str_z(reason_text(REASON_FORCED)) };
	else
		found = facts_lookup(&s->f, n, p, 0);
	if (found == FOUND_HIT) {
		p->state = PLAN_HIT;
		sched_hit(s, n);
		return;
	}
	(void)facts_reason(&s->f, n, found, p); /* with a whole key there is always one */
	sched_make(s, n);
}

/* False: skipped or failed by its condition. */
static bool
wanted(struct sched *s, node_id n)
{
	const struct rule *rule = s->g->node[n.i].rule;
	bool unknown = false;
	struct err e = { 0 };
	if (!rule->wanted)
		return true;
	const struct inputs in = facts_inputs(&s->f, n, false, s->of);
	const bool yes = rule->wanted(s->o->plan.ctx, &in, &unknown, &e);
	if (e.code != ERR_NONE)
		sched_fail(s, n, &e);
	else if (!yes)
		skip(s, n, STR("its condition is false"));
	return yes && e.code == ERR_NONE;
}

static void
decide(struct sched *s, node_id n)
{
	const struct above a = look_above(s, n, false);
	const struct plan_node *p = facts_at(&s->f, n);
	if (ended_above(s, n, &a))
		return;
	s->slot[n.i].above_made = a.made;
	if (s->g->node[n.i].rule->source) {
		decide_source(s, n, &a);
		return;
	}
	if (!wanted(s, n))
		return;
	const bool stale = a.fresh || !p->has_key || (p->state != PLAN_HIT && p->state != PLAN_RUN);
	if (!stale && p->state == PLAN_HIT)
		sched_hit(s, n);
	else if (!stale)
		sched_make(s, n);
	else
		decide_again(s, n);
}

/* Nothing runs, nothing can start, and yet something is left: a mistake of ours, told instead of waiting for ever. */
static void
check_stuck(struct sched *s)
{
	if (s->left && !s->running.n && !s->busy.n && !s->rec.busy && !s->rec.dirty && s->bug.code == ERR_NONE) {
		for (uint32_t i = 0; i < s->g->nnodes && s->bug.code == ERR_NONE; i++)
			if (s->slot[i].phase != PHASE_OUT && s->slot[i].phase != PHASE_DONE)
				(void)err_set(&s->bug, ERR_BUG, "'" STR_FMT "' waits for something that never comes",
					      STR_ARG(s->g->node[i].name));
		s->left = 0;
	}
}

void
sched_pump(void *sched)
{
	struct sched *s = sched;
	if (s->pumping || !s->begun)
		return;
	s->pumping = true;
	bool more = true;
	while (more || s->todo.n) {
		while (s->todo_at < s->todo.n)
			decide(s, s->todo.v[s->todo_at++]);
		s->todo_at = s->todo.n = 0;
		more = make_next(s);
	}
	view_end(s->f.view);
	s->f.view = NULL;
	s->pumping = false;
	check_stuck(s);
	if (s->left || s->running.n)
		return;
	if (!s->ending) {
		s->ending = true;
		recorder_blobs(&s->rec);
		run_ending(s);
		recorder_last(&s->rec);
	}
	recorder_flush(&s->rec);
	if (recorder_clean(&s->rec))
		loop_stop(s->o->loop);
}
