/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/ir.h"

/* Every sorted array of the IR begins its elements with the name. */
static const void *
find(const void *v, size_t n, size_t size, struct str name)
{
	const char *base = v;
	size_t low = 0, high = n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const struct str *key = (const void *)(base + mid * size);
		const int c = str_cmp(*key, name);

		if (c == 0)
			return key;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

_Static_assert(offsetof(struct ir_param, name) == 0 && offsetof(struct ir_step, name) == 0 &&
		       offsetof(struct ir_environment, name) == 0 && offsetof(struct ir_stack, name) == 0 &&
		       offsetof(struct ir_input, name) == 0 && offsetof(struct ir_output, name) == 0 &&
		       offsetof(struct ir_foreach, name) == 0 && offsetof(struct ir_resource, name) == 0,
	       "find() looks at the name first");

const struct ir_param *
ir_param(const struct ir *ir, struct str name)
{
	return find(ir->params, ir->nparams, sizeof *ir->params, name);
}

const struct ir_step *
ir_step(const struct ir *ir, struct str name)
{
	return find(ir->steps, ir->nsteps, sizeof *ir->steps, name);
}

const struct ir_environment *
ir_environment(const struct ir *ir, struct str name)
{
	return find(ir->environments, ir->nenvironments, sizeof *ir->environments, name);
}

const struct ir_stack *
ir_stack(const struct ir *ir, struct str name)
{
	if (name.n)
		return find(ir->stacks, ir->nstacks, sizeof *ir->stacks, name);
	const struct ir_stack *local = find(ir->stacks, ir->nstacks, sizeof *ir->stacks, STR("local"));

	const struct ir_stack *written = NULL;
	size_t n = 0;

	for (size_t i = 0; i < ir->nstacks; i++)
		if (!ir->stacks[i].implied && !ir->stacks[i].of_user) {
			written = &ir->stacks[i];
			n++;
		}
	/* Beside a local stack that nobody wrote down, the only one that somebody did is meant. */
	return n == 1 && (!local || local->implied || local == written) ? written : local;
}

const struct ir_input *
ir_step_input(const struct ir_step *s, struct str name)
{
	return find(s->inputs, s->ninputs, sizeof *s->inputs, name);
}

const struct ir_output *
ir_step_output(const struct ir_step *s, struct str name)
{
	return find(s->outputs, s->noutputs, sizeof *s->outputs, name);
}

const struct ir_foreach *
ir_step_foreach(const struct ir_step *s, struct str name)
{
	return find(s->foreach, s->nforeach, sizeof *s->foreach, name);
}

bool
ir_texts_have(const struct ir_texts *t, struct str text)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(t->v[i], text))
			return true;
	return false;
}

enum ir_isolation
ir_isolation(const struct ir_step *s, const struct ir_stack *stack)
{
	return str_is(stack->orchestrator, "local") ? s->isolation : ISOLATION_IMAGE;
}

void
ir_stack_implied(struct ir_stack *out, struct arena *a)
{
	*out = (struct ir_stack){
		.name = STR("local"), .orchestrator = STR("local"), .builder = STR("native"), .implied = true
	};
	out->settings = js_keep(a, js_map());
}
