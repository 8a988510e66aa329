/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run.h"

#include <assert.h>
#include <signal.h>

#include "engine/sched.h"
#include "sys/clock.h"

#define PATIENCE (10 * NS_PER_S) /* between the soft and the hard stop */

static const char *const names[] = {
#define X(id, text) text,
	RUN_STATES(X)
#undef X
};

const char *
run_state_name(enum run_state state)
{
	assert((size_t)state < sizeof names / sizeof *names);
	return names[state];
}

struct stopper {
	struct sched *s;
	loop_id patience, limit; /* timers; 0: none */
};

static void
stop_hard(void *ctx)
{
	struct stopper *st = ctx;
	loop_remove(st->s->o->loop, st->patience);
	st->patience = 0;
	make_stop(st->s, true);
	sched_pump(st->s);
}

static void
stop_soft(struct stopper *st)
{
	struct sched *s = st->s;
	s->halted = s->stopping = true;
	st->patience = loop_timer(s->o->loop, clock_mono() + PATIENCE, stop_hard, st);
	make_stop(s, false);
	sched_pump(s);
}

static void
on_signal(void *ctx, int signal)
{
	struct stopper *st = ctx;
	struct run *out = st->s->out;
	const bool again = out->status == RUN_WAS_INTERRUPTED;
	if (st->s->ending) /* all is done, and on its way into the records */
		return;
	if (!again) {
		out->status = RUN_WAS_INTERRUPTED;
		out->signal = signal;
	}
	if (again || st->s->stopping)
		stop_hard(st);
	else
		stop_soft(st);
}

static void
on_limit(void *ctx)
{
	struct stopper *st = ctx;
	st->limit = 0;
	if (st->s->stopping || st->s->ending)
		return;
	st->s->late = true;
	if (st->s->out->status == RUN_OK)
		st->s->out->status = RUN_HAS_FAILED;
	stop_soft(st);
}

static void
begin(void *ctx)
{
	struct sched *s = ctx;
	const struct graph *g = s->g;
	s->begun = true; /* a signal that came before finds nothing to end; what follows is cancelled */
	for (uint32_t i = 0; i < g->nnodes; i++)
		if (s->f.plan[g->order[i].i].wanted)
			sched_activate(s, g->order[i]);
	/* What nodes that surely run NEED is begun at once, beside what they wait for. */
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const struct node *x = &g->node[i];
		if (s->slot[i].phase == PHASE_OUT || s->f.plan[i].state != PLAN_RUN || s->f.plan[i].failed)
			continue;
		for (uint32_t j = x->in + x->nin; j-- > x->in && g->edge[j].kind == EDGE_NEED;)
			sched_activate(s, g->edge[j].from);
	}
	sched_pump(s);
}

static void
mark_unused(struct sched *s)
{
	for (uint32_t i = 0; i < s->g->nnodes; i++)
		if (s->slot[i].phase == PHASE_OUT && s->f.plan[i].state != PLAN_UNSEEN)
			s->out->node[i].state = RUN_UNUSED;
}

void
run_ending(struct sched *s)
{
	mark_unused(s);
	s->out->seconds = (double)(clock_mono() - s->began) / (double)NS_PER_S;
	if (s->o->last)
		s->o->last(s->o->last_ctx, s->out, &s->rec.batch);
}

int
run(const struct run_opts *o, const struct plan *plan, struct arena *a, struct run *out, struct err *e)
{
	static const int signals[] = { SIGINT, SIGTERM };
	struct sched *s = arena_new(a, struct sched); /* outlives a commit that is under way when the loop fails */
	struct run result;
	struct stopper st = { .s = s };
	sched_init(s, o, plan, a, &result);
	s->began = clock_mono();
	int status = loop_signals(o->loop, signals, sizeof signals / sizeof *signals, on_signal, &st, e);
	if (status == 0) {
		if (o->timeout > 0)
			st.limit = loop_timer(o->loop, s->began + o->timeout, on_limit, &st);
		loop_post(o->loop, begin, s);
		status = loop_run(o->loop, e);
		loop_remove(o->loop, st.limit);
		loop_remove(o->loop, st.patience);
		(void)loop_signals(o->loop, NULL, 0, NULL, NULL, NULL); /* giving them back cannot fail in a way that matters */
	}
	if (s->rec.error.code != ERR_NONE) {
		result.unrecorded = arena_new(a, struct err);
		*result.unrecorded = s->rec.error;
	}
	if (status == 0 && s->bug.code != ERR_NONE) {
		*e = s->bug;
		status = -1;
	}
	if (!s->rec.busy)
		sched_done(s);
	if (status == 0)
		*out = result;
	return status;
}
