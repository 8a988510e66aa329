/* SPDX-License-Identifier: Apache-2.0
 *
 * Cycles among steps: a walk in depth with a stack of its own.
 */
#include "base/vec.h"
#include "rules/check.h"

enum colour { WHITE, GREY, BLACK }; /* not seen, on the way, done */

struct visit {
	uint32_t step, next; /* next: which of its needs comes next */
};

struct walk {
	struct check *c;
	uint8_t *colour;
	VEC(struct visit) stack;
	size_t found;
};

enum { CYCLES_MOST = 20 };

static size_t
needs(const struct ir_step *s)
{
	return s->ninputs + s->after.n + s->nforeach;
}

/* The k-th step that s needs; UINT32_MAX: that one names none, or one that is not there. */
static uint32_t
need(const struct walk *w, const struct ir_step *s, size_t k, struct place *at)
{
	struct str name = STR("");

	if (k < s->ninputs) {
		if (s->inputs[k].kind == INPUT_STEP)
			name = s->inputs[k].step;
		if (at)
			*at = s->inputs[k].at;
	} else if ((k -= s->ninputs) < s->after.n) {
		name = s->after.v[k];
		if (at)
			*at = check_step_at(w->c, s, "after", name);
	} else {
		const struct ir_foreach *f = &s->foreach[k - s->after.n];

		if (f->kind == FOREACH_STEP)
			name = f->step;
		if (at)
			*at = check_step_at(w->c, s, "foreach", f->name);
	}
	const struct ir_step *other = name.n ? ir_step(w->c->ir, name) : NULL;

	return other ? (uint32_t)(other - w->c->ir->steps) : UINT32_MAX;
}

/* The stack from the step that is met again up to its end is the cycle; it is told in the direction in which
 * data flows. */
static void
report(struct walk *w, uint32_t again, size_t k)
{
	const struct ir_step *steps = w->c->ir->steps;
	const struct visit *top = &w->stack.v[w->stack.n - 1];
	AUTO_BUF way = { 0 };
	struct place at;

	w->found++;
	(void)need(w, &steps[top->step], k, &at); /* for the place */
	buf_put(&way, steps[again].name);
	for (size_t i = w->stack.n; i-- > 0 && way.n < 600;) {
		if (w->stack.v[i].step == again && i != w->stack.n - 1)
			break;
		if (w->stack.v[i].step != again)
			buf_printf(&way, " -> " STR_FMT, STR_ARG(steps[w->stack.v[i].step].name));
		else
			break;
	}
	buf_printf(&way, " -> " STR_FMT, STR_ARG(steps[again].name));
	CHECK_ERROR(w->c, at, "cycle", STR(""), "the steps wait for each other in a cycle: %s", buf_z(&way));
}

static void
visit(struct walk *w, uint32_t start)
{
	w->colour[start] = GREY;
	VEC_PUSH(&w->stack, ((struct visit){ start, 0 }));
	while (w->stack.n) {
		struct visit *v = &w->stack.v[w->stack.n - 1];
		const struct ir_step *s = &w->c->ir->steps[v->step];

		if (v->next >= needs(s)) {
			w->colour[v->step] = BLACK;
			w->stack.n--;
			continue;
		}
		const size_t k = v->next++;
		const uint32_t other = need(w, s, k, NULL);

		if (other == UINT32_MAX || w->colour[other] == BLACK)
			continue;
		if (w->colour[other] == WHITE) {
			w->colour[other] = GREY;
			VEC_PUSH(&w->stack, ((struct visit){ other, 0 }));
		} else if (w->found < CYCLES_MOST) {
			report(w, other, k);
		}
	}
}

void
check_order(struct check *c)
{
	struct walk w = { .c = c, .colour = arena_array(c->a, uint8_t, c->ir->nsteps) };

	for (size_t i = 0; i < c->ir->nsteps; i++)
		if (w.colour[i] == WHITE)
			visit(&w, (uint32_t)i);
	VEC_DONE(&w.stack);
}
