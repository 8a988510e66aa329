/* SPDX-License-Identifier: Apache-2.0
 *
 * A step's own fields. What comes from other nodes (inputs, code, tools, environment, variables of the caller) the engine adds by edges.
 *
 *	tag         name        value
 *	command     shell|words the command as written, references by name
 *	input-path  input       where it lies (of a pattern: the pattern)
 *	output      output      its path, '/' behind a folder's; empty: in the cache only
 *	param       parameter   its text: those that the step binds, less cache.ignore
 *	item        name        the element's value
 *	env         variable    as written; the environment's where the step does not set it
 *	secret      name        empty
 *	salt        -           cache.salt
 *	isolation   -           none, venv, image
 *	strict      -           true; else it is not there
 * Not in it: timeout, retry, resources, cache.expires, when, after.
 */
#include <string.h>

#include "rules/observed.h"
#include "rules/step.h"

static void
quoted(struct buf *out, struct str word)
{
	buf_putc(out, '\'');
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, word.p[i]);
	buf_putc(out, '\'');
}

static void
command_field(const struct ir_step *ir, struct key *k)
{
	AUTO_BUF b = { 0 };

	if (ir->shell) {
		key_text(k, "command", STR("shell"), ir->words[0].source);
		return;
	}
	for (size_t i = 0; i < ir->nwords; i++) {
		if (i > 0)
			buf_putc(&b, ' ');
		quoted(&b, ir->words[i].source);
	}
	key_text(k, "command", STR("words"), buf_str(&b));
}

static void
path_fields(const struct step *s, struct key *k)
{
	AUTO_BUF b = { 0 };

	for (size_t i = 0; i < s->d.ir->ninputs; i++) {
		const struct step_input *in = &s->inputs[i];

		buf_reset(&b);
		for (size_t j = 0; j < in->n; j++) {
			if (j > 0)
				buf_putc(&b, '\n');
			buf_put(&b, in->v[j].path);
		}
		key_text(k, "input-path", in->ir->name, buf_str(&b));
	}
	for (size_t i = 0; i < s->d.ir->noutputs; i++) {
		buf_reset(&b);
		buf_put(&b, s->outputs[i].path);
		if (s->outputs[i].folder)
			buf_putc(&b, '/');
		key_text(k, "output", s->outputs[i].name, buf_str(&b));
	}
}

static bool
ignored(const struct ir_step *ir, struct str param)
{
	const struct str prefix = STR("params.");

	for (size_t i = 0; i < ir->cache.ignore.n; i++) {
		const struct str what = ir->cache.ignore.v[i];

		if (str_starts(what, prefix) && str_eq(str_drop(what, prefix.n), param))
			return true;
	}
	return false;
}

static bool
sets(const struct ir_step *ir, struct str variable)
{
	for (size_t i = 0; i < ir->env.n; i++)
		if (str_eq(ir->env.v[i].name, variable))
			return true;
	return false;
}

static void
variable_fields(const struct step *s, struct key *k)
{
	const struct ir_step *ir = s->d.ir;

	for (size_t i = 0; i < ir->env.n; i++)
		key_text(k, "env", ir->env.v[i].name, ir->env.v[i].value);
	for (size_t i = 0; s->environment != NULL && i < s->environment->env.n; i++)
		if (!sets(ir, s->environment->env.v[i].name))
			key_text(k, "env", s->environment->env.v[i].name, s->environment->env.v[i].value);
	for (size_t i = 0; i < ir->secrets.n; i++)
		key_text(k, "secret", ir->secrets.v[i], STR(""));
}

static const char *
isolation_name(enum ir_isolation i)
{
	switch (i) {
	case ISOLATION_DEFAULT:
	case ISOLATION_NONE:
		return "none";
	case ISOLATION_VENV:
		return "venv";
	case ISOLATION_IMAGE:
		return "image";
	}
	return "none";
}

int
step_fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct project *p = ctx;
	const struct step *s = step_of(in->graph, in->node);
	const struct ir_step *ir = s->d.ir;

	command_field(ir, k);
	path_fields(s, k);
	for (size_t i = 0; i < ir->params.n; i++) {
		const struct ir_param *param = ir_param(&p->ir, ir->params.v[i]);

		if (param == NULL)
			return err_set(e, ERR_BUG, "parameter '" STR_FMT "' is not there", STR_ARG(ir->params.v[i]));
		if (!ignored(ir, param->name))
			key_text(k, "param", param->name, param->text);
	}
	for (size_t i = 0; i < s->d.items.n; i++)
		key_text(k, "item", s->d.items.v[i].name, s->d.items.v[i].value);
	variable_fields(s, k);
	if (ir->cache.salt.n > 0)
		key_text(k, "salt", STR(""), ir->cache.salt);
	key_text(k, "isolation", STR(""), str_z(isolation_name(ir->isolation)));
	if (ir->strict) /* a result that was found without it may have read what is forbidden now */
		key_text(k, "strict", STR(""), STR("true"));
	return 0;
}

/* What a tag means to people: code, and how to say it ("%s" is the field's name). */
static const struct meaning {
	const char *tag;
	enum reason_code code;
	const char *noun; /* in front of the name */
} meanings[] = {
	{ "command", REASON_COMMAND, "its command" },
	{ "input-path", REASON_COMMAND, "the path of input" },
	{ "output", REASON_COMMAND, "output" },
	{ "param", REASON_PARAMS, "params:" },
	{ "item", REASON_PARAMS, "item" },
	{ "env", REASON_ENV_VAR, "env:" },
	{ "pass-env", REASON_ENV_VAR, "variable" },
	{ "secret", REASON_ENV_VAR, "secret" },
	{ "salt", REASON_COMMAND, "cache.salt" },
	{ "isolation", REASON_ENVIRONMENT, "isolation" },
	{ "strict", REASON_COMMAND, "strict" },
	{ "environment", REASON_ENVIRONMENT, "environment" },
	{ "input", REASON_INPUT, "input" },
	{ "code", REASON_CODE, "code" },
	{ "tool", REASON_TOOL, "tool" },
	{ "observed", REASON_OBSERVED, "observed" },
};

static const struct meaning *
meaning_of(struct str tag)
{
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (str_is(tag, meanings[i].tag))
			return &meanings[i];
	return NULL;
}

enum { SHOWN = 60 };

static bool
short_line(const struct key_field *f)
{
	return f->has_value && f->value.n <= SHOWN && f->value.n > 0 && str_find_char(f->value, '\n') == SIZE_MAX;
}

/* A file that it used without declaring it. */
static void
explain_observed(const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct key_field *f = c->b != NULL ? c->b : c->a;
	const struct str path = observed_path(f->name);
	const bool was = c->a != NULL && str_is(c->a->value, "missing"), is = c->b != NULL && str_is(c->b->value, "missing");
	const char *what = c->a == NULL || c->b == NULL ? "was looked at in another run" : was ? "is there now" : is ? "is gone" : "changed";

	out->file = arena_str(a, path);
	if (str_starts(f->name, STR("names ")))
		out->text = arena_printf(a, STR_FMT ": the names in the folder changed (observed)", STR_ARG(path));
	else
		out->text = arena_printf(a, STR_FMT " %s (observed)", STR_ARG(path), what);
}

void
step_explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	struct project *p = ctx;
	const struct key_field *f = c->b != NULL ? c->b : c->a;
	const struct meaning *m = meaning_of(f->tag);
	const struct str_cut name = str_cut(f->name, '/');
	struct str subject;

	if (m == NULL)
		return;
	out->code = m->code;
	if (m->code == REASON_OBSERVED) {
		explain_observed(c, a, out);
		return;
	}
	if (str_is(f->tag, "command") || f->name.n == 0)
		subject = str_z(m->noun);
	else
		subject = arena_printf(a, "%s " STR_FMT, m->noun, STR_ARG(str_is(f->tag, "input") ? name.head : f->name));
	if (c->a != NULL && c->b != NULL && short_line(c->a) && short_line(c->b) && !str_is(f->tag, "input") &&
	    !str_is(f->tag, "pass-env"))
		out->text = arena_printf(a, STR_FMT " " STR_FMT " -> " STR_FMT, STR_ARG(subject), STR_ARG(c->a->value),
					 STR_ARG(c->b->value));
	else
		out->text = arena_printf(a, STR_FMT " %s", STR_ARG(subject),
					 c->a == NULL ? "is new" : c->b == NULL ? "is gone" : "changed");
	if (str_is(f->tag, "input") && c->a != NULL && c->b != NULL) {
		const uint32_t edge = graph_input(&p->graph, n, f->tag, f->name);

		if (edge != UINT32_MAX && p->graph.edge[edge].port.n > 0)
			out->text = arena_printf(a, "input " STR_FMT " changed (" STR_FMT "." STR_FMT ")", STR_ARG(name.head),
						 STR_ARG(str_drop(p->graph.node[p->graph.edge[edge].from.i].name, 5)),
						 STR_ARG(p->graph.edge[edge].port));
	}
}
