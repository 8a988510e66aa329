/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/suggest.h"
#include "base/vec.h"
#include "rules/check.h"
#include "rules/schema.h"
#include "rules/template.h"
#include "rules/when.h"

static struct str
did_you_mean(struct check *c, struct str word, const struct str *names, size_t n)
{
	return schema_suggest(word, names, n, c->a);
}

static struct str
near_param(struct check *c, struct str word)
{
	struct str names[200];
	size_t n = 0;

	for (; n < c->ir->nparams && n < 200; n++)
		names[n] = c->ir->params[n].name;
	return did_you_mean(c, word, names, n);
}

/* Names of the inputs, outputs or foreach names of a step, for a suggestion. */
static struct str
near_named(struct check *c, struct str word, const void *v, size_t n, size_t size)
{
	struct str names[100];
	const char *p = v;
	size_t k = 0;

	for (; k < n && k < 100; k++)
		names[k] = *(const struct str *)(const void *)(p + k * size);
	return did_you_mean(c, word, names, k);
}

static bool
env_has(const struct ir_step *s, struct str name)
{
	for (size_t i = 0; i < s->env.n; i++)
		if (str_eq(s->env.v[i].name, name))
			return true;
	return false;
}

static bool
environment_has(const struct check *c, const struct ir_step *s, struct str name)
{
	const struct ir_environment *env = s->environment.n ? ir_environment(c->ir, s->environment) : NULL;

	for (size_t i = 0; env && i < env->env.n; i++)
		if (str_eq(env->env.v[i].name, name))
			return true;
	return false;
}

/* One substitution of a step. where: "run", "variable 'X'". at is asked for only when something is wrong. */
struct use {
	const struct ir_step *step;
	const char *key;   /* where its text stands in the tree */
	struct str source; /* the text */
	struct str where;
	unsigned may; /* bits of piece kinds */
};

static void
bad_use(struct check *c, const struct use *u, const char *code, struct str hint, const struct ir_piece *p,
	const char *what)
{
	const struct place at = check_step_at(c, u->step, u->key, u->source);

	CHECK_ERROR(c, at, code, hint, "step '" STR_FMT "': " STR_FMT " names '${%s." STR_FMT "}', %s",
		    STR_ARG(u->step->name), STR_ARG(u->where), template_space(p->kind),
		    STR_ARG(str_take(p->text, 100)), what);
}

static void
use_param(struct check *c, const struct use *u, const struct ir_piece *p)
{
	const struct ir_step *s = u->step;

	if (!ir_param(c->ir, p->text)) {
		bad_use(c, u, "unknown-param", near_param(c, p->text), p,
			"but the pipeline has no such parameter");
	} else if (!ir_texts_have(&s->params, p->text)) {
		const struct str hint =
			arena_printf(c->a, "add '" STR_FMT "' to the step's 'params:'", STR_ARG(p->text));

		bad_use(c, u, "unbound-param", hint, p, "which is not in the step's 'params:'");
	}
}

static void
use_env(struct check *c, const struct use *u, const struct ir_piece *p)
{
	const struct ir_step *s = u->step;

	if (env_has(s, p->text) || ir_texts_have(&s->pass_env, p->text) || environment_has(c, s, p->text))
		return;
	if (ir_texts_have(&s->secrets, p->text)) {
		const struct str hint =
			arena_printf(c->a, "let the command read the variable $" STR_FMT, STR_ARG(p->text));

		bad_use(c, u, "secret-in-command", hint, p, "but a secret must not become part of a command");
		return;
	}
	bad_use(c, u, "unknown-variable",
		STR("add it to 'env:' or 'pass_env:', or write $NAME for the shell"), p,
		"which is in neither 'env:' nor 'pass_env:'");
}

static void
check_piece(struct check *c, const struct use *u, const struct ir_piece *p)
{
	const struct ir_step *s = u->step;

	if (p->kind != PIECE_TEXT && !(u->may & 1u << p->kind)) {
		bad_use(c, u, "bad-substitution", STR(""), p, "which cannot be used there");
		return;
	}
	switch (p->kind) {
	case PIECE_TEXT:
	case PIECE_RUN_DIR:
		break;
	case PIECE_INPUT:
		if (!ir_step_input(s, p->text))
			bad_use(c, u, "unknown-input",
				near_named(c, p->text, s->inputs, s->ninputs, sizeof *s->inputs), p,
				"but the step has no such input");
		break;
	case PIECE_OUTPUT:
		if (!ir_step_output(s, p->text))
			bad_use(c, u, "unknown-output",
				near_named(c, p->text, s->outputs, s->noutputs, sizeof *s->outputs), p,
				"but the step has no such output");
		break;
	case PIECE_PARAM:
		use_param(c, u, p);
		break;
	case PIECE_ENV:
		use_env(c, u, p);
		break;
	case PIECE_ITEM:
		if (!ir_step_foreach(s, p->text))
			bad_use(c, u, "unknown-item",
				near_named(c, p->text, s->foreach, s->nforeach, sizeof *s->foreach), p,
				s->nforeach ? "but its 'foreach:' has no such name"
					    : "but the step has no 'foreach:'");
		break;
	}
}

static void
check_template(struct check *c, const struct use *u, const struct ir_template *t)
{
	for (size_t i = 0; i < t->n; i++)
		check_piece(c, u, &t->v[i]);
}

enum {
	MAY_RUN = 1u << PIECE_INPUT | 1u << PIECE_OUTPUT | 1u << PIECE_PARAM | 1u << PIECE_ENV |
		  1u << PIECE_ITEM | 1u << PIECE_RUN_DIR,
	MAY_ENV = MAY_RUN & ~(1u << PIECE_ENV),
	MAY_PATH = 1u << PIECE_PARAM | 1u << PIECE_ITEM,
	MAY_ITEM = 1u << PIECE_ITEM,
};

static void
check_templates(struct check *c, const struct ir_step *s)
{
	for (size_t i = 0; i < s->nwords; i++)
		check_template(c, &(struct use){ s, "run", s->words[i].source, STR("run"), MAY_RUN },
			       &s->words[i]);
	for (size_t i = 0; i < s->env.n; i++) {
		if (template_is_literal(&s->env.t[i]))
			continue;
		const struct str where =
			arena_printf(c->a, "variable '" STR_FMT "'", STR_ARG(s->env.v[i].name));

		check_template(c, &(struct use){ s, "env", s->env.t[i].source, where, MAY_ENV },
			       &s->env.t[i]);
	}
	for (size_t i = 0; i < s->noutputs; i++) {
		if (template_is_literal(&s->outputs[i].path))
			continue;
		const struct str where =
			arena_printf(c->a, "output '" STR_FMT "'", STR_ARG(s->outputs[i].name));

		check_template(c, &(struct use){ s, "outputs", s->outputs[i].name, where, MAY_PATH },
			       &s->outputs[i].path);
	}
	for (size_t i = 0; i < s->ninputs; i++) {
		if (s->inputs[i].item_path.n == 0)
			continue;
		const struct str where =
			arena_printf(c->a, "input '" STR_FMT "'", STR_ARG(s->inputs[i].name));

		check_template(c, &(struct use){ s, "inputs", s->inputs[i].path, where, MAY_ITEM },
			       &s->inputs[i].item_path);
	}
}

/* ${params.N} of a condition needs no binding; ${inputs.N} must be made by a step. */
static void
check_when(struct check *c, const struct ir_step *s)
{
	struct when w;
	struct err e;

	if (s->when.n == 0)
		return;
	if (when_parse(s->when, c->a, &w, &e) < 0) {
		CHECK_ERROR(c, check_step_at(c, s, "when", s->when), "bad-condition", STR(""),
			    "step '" STR_FMT "': when: %s", STR_ARG(s->name), e.text);
		return;
	}
	const struct use u = { s, "when", s->when, STR("when"),
			       1u << PIECE_INPUT | 1u << PIECE_ITEM | 1u << PIECE_PARAM };

	for (size_t i = 0; i < w.nrefs; i++) {
		const struct ir_piece *p = &w.refs[i];
		const struct ir_input *in = p->kind == PIECE_INPUT ? ir_step_input(s, p->text) : NULL;

		if (p->kind == PIECE_PARAM && !ir_param(c->ir, p->text))
			bad_use(c, &u, "unknown-param", near_param(c, p->text), p,
				"but the pipeline has no such parameter");
		else if (p->kind != PIECE_PARAM)
			check_piece(c, &u, p);
		if (in && in->kind != INPUT_STEP)
			bad_use(c, &u, "bad-condition", STR(""), p, "which is no output of a step");
	}
}

static void
check_ignore(struct check *c, const struct ir_step *s)
{
	for (size_t i = 0; i < s->cache.ignore.n; i++) {
		const struct str text = s->cache.ignore.v[i];
		const struct str_cut cut = str_cut(text, '.');
		const bool known = (str_is(cut.head, "params") && ir_texts_have(&s->params, cut.tail)) ||
				   (str_is(cut.head, "env") &&
				    (env_has(s, cut.tail) || ir_texts_have(&s->pass_env, cut.tail))) ||
				   (str_is(cut.head, "inputs") && ir_step_input(s, cut.tail));

		if (!known)
			CHECK_ERROR(c, check_step_at(c, s, "cache.ignore", text), "unknown-ignore",
				    STR("write params.N, env.N or inputs.N of this step"),
				    "step '" STR_FMT "': cache ignores '" STR_FMT
				    "', which the step does not have",
				    STR_ARG(s->name), STR_ARG(text));
	}
}

static void
check_variables(struct check *c, const struct ir_step *s)
{
	for (size_t i = 0; i < s->pass_env.n; i++)
		if (env_has(s, s->pass_env.v[i]))
			CHECK_ERROR(c, check_step_at(c, s, "pass_env", s->pass_env.v[i]), "same-variable",
				    STR("keep one of the two"),
				    "step '" STR_FMT "': the variable '" STR_FMT
				    "' is in 'env' and in 'pass_env'",
				    STR_ARG(s->name), STR_ARG(s->pass_env.v[i]));
	for (size_t i = 0; i < s->secrets.n; i++)
		if (env_has(s, s->secrets.v[i]) || ir_texts_have(&s->pass_env, s->secrets.v[i]))
			CHECK_ERROR(c, check_step_at(c, s, "secrets", s->secrets.v[i]), "same-variable",
				    STR("keep it in 'secrets' alone"),
				    "step '" STR_FMT "': the secret '" STR_FMT "' is also an open variable",
				    STR_ARG(s->name), STR_ARG(s->secrets.v[i]));
}

static void
check_environment_of(struct check *c, const struct ir_step *s)
{
	const struct ir_environment *env = s->environment.n ? ir_environment(c->ir, s->environment) : NULL;
	const struct place at = check_step_at(c, s, "isolation", STR(""));

	if (s->environment.n && !env) {
		CHECK_ERROR(c, check_step_at(c, s, "environment", s->environment), "unknown-environment",
			    near_named(c, s->environment, c->ir->environments, c->ir->nenvironments,
				       sizeof *c->ir->environments),
			    "step '" STR_FMT "': there is no environment '" STR_FMT "'", STR_ARG(s->name),
			    STR_ARG(s->environment));
		return;
	}
	if (s->isolation == ISOLATION_VENV && !(env && env->python.on))
		CHECK_ERROR(c, at, "bad-isolation", STR("give the step an environment with 'python:'"),
			    "step '" STR_FMT "': isolation 'venv' needs an environment with 'python:'",
			    STR_ARG(s->name));
	if (s->isolation == ISOLATION_IMAGE && !env)
		CHECK_ERROR(c, at, "bad-isolation", STR("give the step an 'environment:'"),
			    "step '" STR_FMT "': isolation 'image' needs an environment", STR_ARG(s->name));
}

static void
check_refs(struct check *c, const struct ir_step *s)
{
	for (size_t i = 0; i < s->params.n; i++)
		if (!ir_param(c->ir, s->params.v[i]))
			CHECK_ERROR(c, check_step_at(c, s, "params", s->params.v[i]), "unknown-param",
				    near_param(c, s->params.v[i]),
				    "step '" STR_FMT "': the pipeline has no parameter '" STR_FMT "'",
				    STR_ARG(s->name), STR_ARG(s->params.v[i]));
	for (size_t i = 0; i < s->after.n; i++) {
		if (ir_step(c->ir, s->after.v[i]))
			continue;
		const struct str near = check_near_step(c, s->after.v[i]);
		const struct str hint =
			near.n ? arena_printf(c->a, "did you mean '" STR_FMT "'?", STR_ARG(near)) : STR("");

		CHECK_ERROR(c, check_step_at(c, s, "after", s->after.v[i]), "unknown-step", hint,
			    "step '" STR_FMT "': 'after' names '" STR_FMT "', which is no step",
			    STR_ARG(s->name), STR_ARG(s->after.v[i]));
	}
	for (size_t i = 0; i < s->ninputs; i++) {
		const struct ir_input *in = &s->inputs[i];

		if (in->kind != INPUT_STEP ||
		    (ir_step(c->ir, in->step) && ir_step_output(ir_step(c->ir, in->step), in->output)))
			continue;
		const struct str front = arena_printf(c->a, "step '" STR_FMT "': input '" STR_FMT "' names",
						      STR_ARG(s->name), STR_ARG(in->name));

		(void)check_output_ref(c, in->at, front, in->step, in->output); /* reported */
	}
	for (size_t i = 0; i < s->nforeach; i++) {
		const struct ir_foreach *f = &s->foreach[i];

		if (f->kind != FOREACH_STEP)
			continue;
		const struct str front = arena_printf(c->a, "step '" STR_FMT "': foreach '" STR_FMT "' names",
						      STR_ARG(s->name), STR_ARG(f->name));

		(void)check_output_ref(c, check_step_at(c, s, "foreach", f->name), front, f->step,
				       f->output); /* reported */
	}
}

/* A dynamic step writes one file; steps that it wrote are not dynamic themselves. */
static void
check_dynamic(struct check *c, const struct ir_step *s)
{
	if (!s->dynamic)
		return;
	if (s->noutputs != 1 || s->outputs[0].folder || s->nforeach > 0)
		CHECK_ERROR(c, check_step_at(c, s, "dynamic", STR("")), "bad-dynamic", STR("outputs: {steps: more.yaml}"),
			    "step '" STR_FMT "' is dynamic, so it has one output, a file with further steps%s", STR_ARG(s->name),
			    s->nforeach > 0 ? ", and no 'foreach:'" : "");
}

void
check_steps(struct check *c)
{
	for (size_t i = 0; i < c->ir->nsteps; i++) {
		const struct ir_step *s = &c->ir->steps[i];

		check_refs(c, s);
		check_environment_of(c, s);
		check_templates(c, s);
		check_when(c, s);
		check_dynamic(c, s);
		check_ignore(c, s);
		check_variables(c, s);
	}
}
