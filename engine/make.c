/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "engine/observed.h"
#include "engine/sched.h"
#include "sys/clock.h"

enum { ASIDE_MOST = 1024 }; /* nodes without room in their pools that one scan passes over */
#define BUSY_DELAY (50 * NS_PER_MS)
#define TICK (100 * NS_PER_MS)

static size_t
needs_of(const struct sched *s, node_id n, const struct pool_need **need)
{
	const struct rule *rule = s->g->node[n.i].rule;
	*need = NULL;
	return rule->needs && !s->slot[n.i].restore ? rule->needs(s->o->plan.ctx, n, need) : 0;
}

static enum lane
lane_of(const struct sched *s, node_id n)
{
	return s->g->node[n.i].rule->job && !s->slot[n.i].restore ? LANE_JOBS : LANE_OTHERS;
}

static void
give_place(struct sched *s, node_id n)
{
	const struct pool_need *need;
	const size_t nneed = needs_of(s, n, &need);
	pools_give(&s->pools, need, nneed);
	s->active[lane_of(s, n)]--;
}

static void
try_again(void *ctx)
{
	struct sched *s = ctx;
	s->busy_timer = 0;
	for (size_t i = 0; i < s->busy.n; i++)
		sched_ready(s, s->busy.v[i]);
	s->busy.n = 0;
	sched_pump(s);
}

static void
tick(void *ctx)
{
	struct sched *s = ctx;
	s->tick_timer = 0;
	if (!s->running.n)
		return;
	s->o->watch.tick(s->o->watch.ctx, (uint32_t)s->running.n, s->done, s->total);
	s->tick_timer = loop_timer(s->o->loop, clock_mono() + TICK, tick, s);
}

/* The claim of the node's key. False: another process has it; we come back. */
static bool
claim(struct sched *s, node_id n, claim_id *id)
{
	char name[4 + DIGEST_HEX + 1] = "key:";
	struct err e = { 0 };
	*id = 0;
	if (!s->o->plan.cache)
		return true;
	digest_hex(&facts_at(&s->f, n)->key_digest, name + 4);
	if (claim_take(&s->rec.set, str_z(name), id, &e) == 0 || e.code != ERR_BUSY)
		return true; /* where claims cannot be had, work may be done twice; the result is the same */
	s->slot[n.i].phase = PHASE_BUSY;
	VEC_PUSH(&s->busy, n);
	if (!s->busy_timer)
		s->busy_timer = loop_timer(s->o->loop, clock_mono() + BUSY_DELAY, try_again, s);
	return false;
}

/* Another process may have made it since we looked. */
static bool
made_meanwhile(struct sched *s, node_id n)
{
	if (facts_at(&s->f, n)->reason.code == REASON_FORCED)
		return false;
	sched_view(s, true);
	struct plan_node p = *facts_at(&s->f, n);
	if (facts_lookup(&s->f, n, &p, s->slot[n.i].damaged_at) != FOUND_HIT)
		return false;
	p.state = PLAN_HIT;
	p.reason = (struct reason){ 0 };
	*sched_own(s, n) = p;
	s->out->node[n.i].reason = (struct reason){ 0 };
	return true;
}

static void task_done(struct task *t, const struct result *r, bool uncachable, const struct err *e);
static void task_ended(struct task *t);

/* The node with its key's fields: those of a HIT are still in its record. */
static const struct plan_node *
with_key(struct sched *s, node_id n)
{
	struct key k;
	if (facts_at(&s->f, n)->key.n || !facts_fields(facts_at(&s->f, n), s->arena, &k))
		return facts_at(&s->f, n);
	struct plan_node *p = sched_own(s, n);
	p->key = k;
	return p;
}

static struct job *
job_new(struct sched *s, node_id n, claim_id claim_of_it)
{
	const struct plan_node *p = with_key(s, n);
	const struct node *x = &s->g->node[n.i];
	struct job *j = arena_new(s->arena, struct job); /* a rule that looks at it after done finds it still there */
	const struct result **of = arena_array(s->arena, const struct result *, x->nin);
	*j = (struct job){ .s = s, .claim = claim_of_it, .began = clock_mono(), .restore = s->slot[n.i].restore, .placed = true };
	j->task = (struct task){
		.node = n,
		.ctx = s->o->plan.ctx,
		.inputs = facts_inputs(&s->f, n, true, of),
		.key = &p->key,
		.key_digest = p->key_digest,
		.arena = s->arena,
		.loop = s->o->loop,
		.done = task_done,
		.ended = task_ended,
		.attempts = 1,
	};
	j->index = s->running.n;
	VEC_PUSH(&s->running, j);
	return j;
}

/* Its place is taken. */
static void
start(struct sched *s, node_id n)
{
	struct slot *slot = &s->slot[n.i];
	struct run_node *r = &s->out->node[n.i];
	claim_id id = 0;
	if (!slot->restore && !claim(s, n, &id)) {
		give_place(s, n);
		return;
	}
	if (!slot->restore && made_meanwhile(s, n)) {
		claim_give(&s->rec.set, id);
		give_place(s, n);
		sched_hit(s, n);
		return;
	}
	slot->phase = PHASE_RUNNING;
	r->started_at = clock_real();
	struct job *j = job_new(s, n, id);
	if (!s->tick_timer && s->o->watch.tick)
		s->tick_timer = loop_timer(s->o->loop, clock_mono() + TICK, tick, s);
	const struct rule *rule = s->g->node[n.i].rule;
	if (slot->restore) {
		rule->restore(&j->task, facts_at(&s->f, n)->result);
		return;
	}
	if (s->o->watch.node_start)
		s->o->watch.node_start(s->o->watch.ctx, n, &r->reason);
	rule->start(&j->task);
}

/* True: something left the lane; who knows what that made ready. */
static bool
next_in_lane(struct sched *s, enum lane lane)
{
	struct queue_item x;
	bool any = false;
	pools_scan(&s->pools);
	s->aside.n = 0;
	while (s->aside.n < ASIDE_MOST && s->active[lane] < s->limit[lane] && !recorder_behind(&s->rec) && !s->stopping &&
	       queue_pop(&s->ready[lane], &x)) {
		if (!sched_goes(s, x.node)) { /* cancel_waiting ends it */
			VEC_PUSH(&s->aside, x);
			continue;
		}
		const struct pool_need *need;
		const size_t nneed = needs_of(s, x.node, &need);
		if (!pools_take(&s->pools, need, nneed)) {
			VEC_PUSH(&s->aside, x);
			continue;
		}
		s->active[lane]++;
		any = true;
		start(s, x.node);
	}
	for (size_t i = 0; i < s->aside.n; i++)
		queue_push(&s->ready[lane], s->aside.v[i]);
	return any;
}

/* After a failure or an interrupt: what has not started never will, unless it always does. True: something was cancelled. */
static bool
cancel_waiting(struct sched *s)
{
	VEC(struct queue_item) stay = { 0 };
	struct queue_item x;
	size_t busy = 0;
	bool any = false;
	for (size_t i = 0; i < s->busy.n; i++) {
		const node_id n = s->busy.v[i];
		if (sched_goes(s, n)) {
			s->busy.v[busy++] = n;
			continue;
		}
		any = true;
		sched_end(s, n, RUN_CANCELLED);
	}
	s->busy.n = busy;
	for (enum lane l = LANE_JOBS; l < LANES; l++) {
		stay.n = 0;
		while (queue_pop(&s->ready[l], &x)) {
			if (sched_goes(s, x.node)) {
				VEC_PUSH(&stay, x);
				continue;
			}
			any = true;
			sched_end(s, x.node, RUN_CANCELLED);
		}
		for (size_t i = 0; i < stay.n; i++)
			queue_push(&s->ready[l], stay.v[i]);
	}
	VEC_DONE(&stay);
	return any;
}

bool
make_next(struct sched *s)
{
	const bool halted = s->halted;
	if (halted && cancel_waiting(s))
		return true;
	if (s->stopping)
		return false;
	const bool others = next_in_lane(s, LANE_OTHERS), jobs = next_in_lane(s, LANE_JOBS);
	return others || jobs || s->halted != halted;
}

void
make_stop(struct sched *s, bool hard)
{
	/* A rule may end its task at once, which takes it out of running: walk over those that were not asked yet. */
	for (size_t i = 0; i < s->running.n;) {
		struct job *j = s->running.v[i];
		const struct rule *rule = s->g->node[j->task.node.i].rule;
		if (j->killed || (j->stopped && !hard) || j->restore || !rule->stop) {
			i++;
			continue;
		}
		j->stopped = true;
		j->killed = hard;
		rule->stop(&j->task, hard);
		i = 0;
	}
}

static void
leave_place(struct sched *s, struct job *j)
{
	if (j->placed)
		give_place(s, j->task.node);
	j->placed = false;
}

static void
task_ended(struct task *t)
{
	struct job *j = (struct job *)t;
	leave_place(j->s, j);
	sched_pump(j->s);
}

static void
forget_job(struct sched *s, struct job *j)
{
	struct job *last = s->running.v[--s->running.n];
	s->running.v[j->index] = last;
	last->index = j->index;
	leave_place(s, j);
}

/* What was to be put back is damaged or gone: make it. */
static void
make_instead(struct sched *s, node_id n, const struct err *e)
{
	struct plan_node *p = sched_own(s, n);
	s->slot[n.i].damaged_at = p->result->made_at;
	p->state = PLAN_RUN;
	p->result = NULL;
	p->reason = (struct reason){ .code = REASON_EVICTED, .text = arena_printf(s->arena, "%s", e->text) };
	sched_make(s, n);
}

static void
restored(struct sched *s, struct job *j, const struct err *e)
{
	const node_id n = j->task.node;
	if (!e) {
		keep_hit(s, n);
		recorder_touch(&s->rec); /* it may have kept what lay there before */
		sched_end(s, n, RUN_RESTORED);
	} else if (e->code == ERR_DAMAGED || e->code == ERR_MISSING) {
		make_instead(s, n, e);
	} else if (e->code == ERR_INTERRUPTED) {
		sched_end(s, n, RUN_CANCELLED);
	} else {
		sched_fail(s, n, e);
	}
}

/* What the maker looked at beside its inputs becomes part of the key. */
static void
learn_observed(struct sched *s, node_id n, const struct result *r)
{
	if (!s->g->node[n.i].rule->observe)
		return;
	struct plan_node *p = sched_own(s, n);
	struct key k;
	observed_base(&p->key, r->nobserved, s->arena, &k);
	for (size_t i = 0; i < r->nobserved; i++)
		key_text(&k, OBSERVED_TAG, r->observed[i].question, r->observed[i].answer);
	p->key = k;
	p->key_digest = key_done(&p->key);
}

/* What the maker gave, completed and in our own memory. */
static const struct result *
complete(struct sched *s, const struct job *j, const struct result *r)
{
	const node_id n = j->task.node;
	const struct plan_node *p = facts_at(&s->f, n);
	AUTO_BUF key = { 0 };
	AUTO_BUF bytes = { 0 };
	struct key k = p->key;
	key_encode(&k, &key);
	struct result x = *r;
	x.outputs = arena_array(&s->scratch, struct output, r->noutputs);
	for (size_t i = 0; i < r->noutputs; i++)
		x.outputs[i] = r->outputs[i];
	result_sort(&x);
	x.kind = str_z(s->g->node[n.i].rule->kind);
	x.node = s->g->node[n.i].name;
	x.key = buf_str(&key);
	x.used_at = x.made_at = clock_real();
	if (!(x.seconds > 0))
		x.seconds = (double)(clock_mono() - j->began) / (double)NS_PER_S;
	if (digest_is_zero(&x.digest))
		x.digest = result_outputs_digest(&x);
	result_encode(&x, &bytes);
	struct result *out = arena_new(s->arena, struct result);
	struct err e = { 0 };
	if (result_decode(buf_str(&bytes), s->arena, out, &e) < 0)
		(void)err_wrap(&s->bug, "%s", e.text);
	arena_reset(&s->scratch);
	return out;
}

static void
made(struct sched *s, struct job *j, const struct result *r, bool uncachable)
{
	const node_id n = j->task.node;
	struct run_node *out = &s->out->node[n.i];
	learn_observed(s, n, r);
	const struct result *x = complete(s, j, r);
	const node_id changed = keep_changed_input(s, n);
	if (changed.i != UINT32_MAX) {
		uncachable = true;
		out->note = arena_printf(s->arena, STR_FMT ": " STR_FMT " changed while it ran: its result is used now, but not recorded",
					 STR_ARG(s->g->node[n.i].name), STR_ARG(s->g->node[changed.i].name));
	}
	struct plan_node *p = sched_own(s, n);
	p->result = x;
	p->in_place = true;
	keep_made(s, n, x, !uncachable);
	if (!uncachable)
		keep_observed(s, n, r);
	sched_end(s, n, RUN_MADE);
}

static void
not_made(struct sched *s, struct job *j, const struct result *r, const struct err *e)
{
	const node_id n = j->task.node;
	const double seconds = (double)(clock_mono() - j->began) / (double)NS_PER_S;
	if (e->code == ERR_INTERRUPTED && s->stopping && !s->late) {
		sched_end(s, n, RUN_CANCELLED);
		return;
	}
	if (r)
		learn_observed(s, n, r);
	const struct result *x = r ? complete(s, j, r) : NULL;
	struct err why = *e;
	if (s->late && e->code == ERR_INTERRUPTED)
		(void)err_set(&why, ERR_FAILED, "ended after %.3g s: the time limit of the whole run (--timeout) was over", seconds);
	keep_failed(s, n, x, seconds);
	s->out->node[n.i].result = x;
	sched_fail(s, n, &why);
}

static void
task_done(struct task *t, const struct result *r, bool uncachable, const struct err *e)
{
	struct job *j = (struct job *)t;
	struct sched *s = j->s;
	const node_id n = t->node;
	struct run_node *out = &s->out->node[n.i];
	assert(s->slot[n.i].phase == PHASE_RUNNING && (e ? e->code != ERR_NONE : r != NULL));
	forget_job(s, j);
	out->ended_at = clock_real();
	out->seconds = (double)(clock_mono() - j->began) / (double)NS_PER_S;
	out->attempts = j->restore ? 0 : t->attempts;
	out->exit = t->exit;
	recorder_claim(&s->rec, j->claim);
	if (j->restore)
		restored(s, j, e);
	else if (e)
		not_made(s, j, r, e);
	else
		made(s, j, r, uncachable);
	if (j->claim)
		recorder_touch(&s->rec);
	sched_pump(s);
}
