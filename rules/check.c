/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/check.h"

#include "base/suggest.h"
#include "rules/schema.h"

/* The value, item or entry below n that says the text. */
static const struct yaml_node *
find_text(const struct yaml_node *n, struct str text)
{
	if (yaml_scalar(n))
		return str_eq(n->text, text) ? n : NULL;
	if (yaml_is(n, YAML_LIST)) {
		for (uint32_t i = 0; i < n->n; i++)
			if (yaml_scalar(n->items[i]) && str_eq(n->items[i]->text, text))
				return n->items[i];
	}
	if (yaml_is(n, YAML_MAP)) {
		for (uint32_t i = 0; i < n->n; i++)
			if (yaml_scalar(n->entries[i].value) && str_eq(n->entries[i].value->text, text))
				return n->entries[i].value;
		for (uint32_t i = 0; i < n->n; i++)
			if (str_eq(n->entries[i].key, text))
				return n->entries[i].value;
	}
	return NULL;
}

/* key may be two in a row: "python.lock". */
static struct place
find_place(const struct yaml_node *n, const char *key, struct str text, struct place otherwise)
{
	struct str_cut c = str_cut(str_z(key), '.');
	const struct yaml_entry *e = NULL;

	for (uint32_t i = 0; n && yaml_is(n, YAML_MAP) && i < n->n; i++)
		if (str_eq(n->entries[i].key, c.head))
			e = &n->entries[i];
	if (!e)
		return otherwise;
	if (c.ok)
		return find_place(e->value, c.tail.p, text,
				  yaml_at(e->value)); /* once: keys here have one dot at most */
	const struct yaml_node *found = find_text(e->value, text);

	return yaml_at(found ? found : e->value);
}

struct place
check_step_at(const struct check *c, const struct ir_step *s, const char *key, struct str text)
{
	const struct yaml_node *n = c->step_nodes ? c->step_nodes[s - c->ir->steps] : NULL;

	return find_place(n, key, text, s->at);
}

struct place
check_environment_at(const struct check *c, const struct ir_environment *env, const char *key,
		     struct str text)
{
	const struct yaml_node *n =
		c->environment_nodes ? c->environment_nodes[env - c->ir->environments] : NULL;

	return find_place(n, key, text, env->at);
}

/* Against very many names a slip is looked for in the first 5,000 only. */
struct str
check_near_step(struct check *c, struct str word)
{
	const size_t n = c->ir->nsteps < 5000 ? c->ir->nsteps : 5000;
	struct str *names = arena_array(c->a, struct str, n);

	for (size_t i = 0; i < n; i++)
		names[i] = c->ir->steps[i].name;
	return suggest(word, names, n);
}

struct str
check_outputs_of(struct check *c, const struct ir_step *s)
{
	AUTO_BUF b = { 0 };

	for (size_t i = 0; i < s->noutputs && b.n < 300; i++)
		buf_printf(&b, "%s" STR_FMT, i ? ", " : "", STR_ARG(s->outputs[i].name));
	return b.n ? arena_str(c->a, buf_str(&b)) : STR("no outputs");
}

bool
check_output_ref(struct check *c, struct place at, struct str front, struct str step, struct str output)
{
	const struct ir_step *s = ir_step(c->ir, step);
	struct str hint = STR("");

	if (!s) {
		const struct str near = check_near_step(c, step);

		if (near.n)
			hint = arena_printf(c->a, "did you mean '" STR_FMT "." STR_FMT "'?", STR_ARG(near),
					    STR_ARG(output));
		CHECK_ERROR(c, at, "unknown-step", hint,
			    STR_FMT " '" STR_FMT "', but there is no step '" STR_FMT "'", STR_ARG(front),
			    STR_ARG(step), STR_ARG(step));
		return false;
	}
	if (ir_step_output(s, output))
		return true;
	struct str names[50], near;
	size_t n = 0;

	for (; n < s->noutputs && n < 50; n++)
		names[n] = s->outputs[n].name;
	near = suggest(output, names, n);
	if (near.n == 0 && output.n == 0 && n == 1)
		near = names[0];
	const struct str has = check_outputs_of(c, s);

	if (near.n)
		hint = arena_printf(c->a, "did you mean '" STR_FMT "." STR_FMT "'?", STR_ARG(step),
				    STR_ARG(near));
	else
		hint = arena_printf(c->a, "a file of that name is written './" STR_FMT "%s" STR_FMT "'",
				    STR_ARG(step), output.n ? "." : "", STR_ARG(output));
	if (output.n)
		CHECK_ERROR(c, at, "unknown-output", hint,
			    STR_FMT " output '" STR_FMT "." STR_FMT "', but '" STR_FMT "' has: " STR_FMT,
			    STR_ARG(front), STR_ARG(step), STR_ARG(output), STR_ARG(step), STR_ARG(has));
	else
		CHECK_ERROR(c, at, "unknown-output", hint,
			    STR_FMT " step '" STR_FMT "' without one of its outputs; it has: " STR_FMT,
			    STR_ARG(front), STR_ARG(step), STR_ARG(has));
	return false;
}

void
check_ir(struct check *c)
{
	check_environments(c);
	check_steps(c);
	check_order(c);
	check_paths(c);
}
