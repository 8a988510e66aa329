/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/share.h"

#include <stdlib.h>

#include "base/vec.h"
#include "cache/turns.h"
#include "rules/notes.h"
#include "rules/step.h"
#include "sys/clock.h"
#include "sys/loop.h"

#define PAUSE (50 * NS_PER_MS) /* between two looks whether it is our turn */

struct shared_pool {
	struct str name;
	struct turns *turns; /* NULL: it could not be had, and is not shared */
};

struct holding {
	struct turns *turns;
	uint64_t ticket;
};

/* One step that waits for its turn, or has it. */
struct share {
	struct task *task;
	struct project *p;
	const struct step *step;
	void (*done)(struct task *t, const struct result *r, bool uncachable, const struct err *e); /* the engine's */
	VEC(struct holding) held; /* the last may be one that it stands in line for */
	bool in_line, told, started;
	size_t next; /* need that comes next */
	loop_id timer;
};

struct shares {
	VEC(struct shared_pool) pools;
	VEC(struct share *) v;
};

static void go_on(void *ctx);

void
shares_free(struct shares *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->pools.n; i++)
		turns_close(s->pools.v[i].turns);
	VEC_DONE(&s->pools);
	VEC_DONE(&s->v);
	free(s);
}

/* NULL: this one is nobody else's business, or the stack has none of it. */
static struct turns *
pool_of(struct project *p, struct str name)
{
	const struct ir_stack *k = p->stack;
	struct err e;
	if (str_is(name, "cpus") || str_is(name, "memory"))
		return NULL;
	for (size_t i = 0; i < p->shares->pools.n; i++)
		if (str_eq(p->shares->pools.v[i].name, name))
			return p->shares->pools.v[i].turns;
	for (size_t i = 0; i < k->npools; i++) {
		struct turns *t = NULL;
		if (!str_eq(k->pools[i].name, name) || k->pools[i].amount <= 0)
			continue;
		if (turns_open(p->cache, name, (uint64_t)k->pools[i].amount, &t, &e) < 0) {
			notes_add(p->notes, "the pool '" STR_FMT "' is not shared with other invocations: %s", STR_ARG(name), e.text);
			t = NULL;
		}
		VEC_PUSH(&p->shares->pools, ((struct shared_pool){ k->pools[i].name, t }));
		return t;
	}
	return NULL;
}

static void
give_back(struct share *x)
{
	for (size_t i = 0; i < x->held.n; i++)
		turns_leave(x->held.v[i].turns, x->held.v[i].ticket);
	x->held.n = 0;
}

static void
drop(struct share *x)
{
	struct shares *s = x->p->shares;
	give_back(x);
	for (size_t i = 0; i < s->v.n; i++)
		if (s->v.v[i] == x)
			s->v.v[i] = s->v.v[--s->v.n];
	VEC_DONE(&x->held);
	free(x);
}

static struct share *
share_of(const struct task *t)
{
	struct project *p = t->ctx;
	for (size_t i = 0; p->shares && i < p->shares->v.n; i++)
		if (p->shares->v.v[i]->task == t)
			return p->shares->v.v[i];
	return NULL;
}

static void
done(struct task *t, const struct result *r, bool uncachable, const struct err *e)
{
	struct share *x = share_of(t);
	t->done = x->done;
	drop(x);
	t->done(t, r, uncachable, e);
}

static void
tell(struct share *x, struct str name)
{
	if (!x->told && x->p->watch.progress)
		x->p->watch.progress(x->p->watch.ctx, x->task->node,
				     arena_printf(x->task->arena, "waiting for " STR_FMT ", which other invocations of pawl use", STR_ARG(name)));
	x->told = true;
}

static void
wait(struct share *x, struct str name)
{
	tell(x, name);
	x->timer = loop_timer(x->task->loop, clock_mono() + PAUSE, go_on, x);
}

/* Sharing that does not work is told and does not hold anybody up. */
static void
give_up(struct share *x, struct str name, const struct err *e)
{
	notes_add(x->p->notes, "the pool '" STR_FMT "' is not shared with other invocations: %s", STR_ARG(name), e->text);
	x->in_line = false;
	x->next++;
}

static void
go_on(void *ctx)
{
	struct share *x = ctx;
	struct err e;
	x->timer = 0;
	while (x->next < x->step->nneeds) {
		const struct pool_need *need = &x->step->needs[x->next];
		struct turns *t = need->amount > 0 ? pool_of(x->p, need->name) : NULL;
		struct holding h = { .turns = t };
		bool yes;
		if (!t) {
			x->next++;
			continue;
		}
		if (!x->in_line) {
			if (turns_join(t, (uint64_t)need->amount, &h.ticket, &e) < 0) {
				give_up(x, need->name, &e);
				continue;
			}
			VEC_PUSH(&x->held, h);
			x->in_line = true;
		}
		if (turns_ask(t, x->held.v[x->held.n - 1].ticket, &yes, &e) < 0) {
			give_up(x, need->name, &e);
			continue;
		}
		if (!yes) {
			wait(x, need->name);
			return;
		}
		x->in_line = false;
		x->next++;
	}
	x->started = true;
	step_start(x->task);
}

void
share_start(struct task *t)
{
	struct project *p = t->ctx;
	const struct step *s = step_of(t->inputs.graph, t->node);
	bool any = false;
	if (!p->shares)
		p->shares = mem_zalloc(sizeof *p->shares);
	for (size_t i = 0; i < s->nneeds; i++)
		any = any || (s->needs[i].amount > 0 && pool_of(p, s->needs[i].name));
	if (!any) {
		step_start(t);
		return;
	}
	struct share *x = mem_zalloc(sizeof *x);
	x->task = t;
	x->p = p;
	x->step = s;
	x->done = t->done;
	t->done = done;
	VEC_PUSH(&p->shares->v, x);
	go_on(x);
}

void
share_stop(struct task *t, bool hard)
{
	struct share *x = share_of(t);
	struct err e;
	if (!x || x->started) {
		step_stop(t, hard);
		return;
	}
	loop_remove(t->loop, x->timer);
	(void)err_set(&e, ERR_INTERRUPTED, "step '" STR_FMT "': ended as asked", STR_ARG(x->step->d.name));
	t->done(t, NULL, false, &e);
}
