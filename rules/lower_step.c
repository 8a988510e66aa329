/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "rules/lower.h"
#include "rules/schema.h"
#include "rules/template.h"
#include "sys/file.h"

static int
by_first_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static const char *
of_step(struct lower *l, const struct ir_step *s, const char *what, struct str name)
{
	if (name.n)
		return arena_printf(l->a, "step '" STR_FMT "': %s '" STR_FMT "'", STR_ARG(s->name), what,
				    STR_ARG(name))
			.p;
	return arena_printf(l->a, "step '" STR_FMT "': %s", STR_ARG(s->name), what).p;
}

static void
lower_run(struct lower *l, struct ir_step *s, const struct yaml_node *n)
{
	if (yaml_is(n, YAML_TEXT)) {
		s->shell = true;
		s->words = arena_new(l->a, struct ir_template);
		s->words[s->nwords++] = lower_template(l, n, n->text, of_step(l, s, "run", STR("")));
	}
	if (!yaml_is(n, YAML_LIST))
		return;
	if (n->n == 0)
		LOWER_ERROR(l, yaml_at(n), "empty", STR(""), "step '" STR_FMT "': the command has no words",
			    STR_ARG(s->name));
	s->words = arena_array(l->a, struct ir_template, n->n);
	for (uint32_t i = 0; i < n->n; i++)
		if (yaml_scalar(n->items[i]))
			s->words[s->nwords++] = lower_template(l, n->items[i], n->items[i]->text,
							       of_step(l, s, "run", STR("")));
}

static void
input_uri(struct lower *l, const struct ir_step *s, struct ir_input *in, const struct yaml_node *n)
{
	const struct yaml_node *digest = yaml_get(n, "digest");

	in->kind = INPUT_URI;
	in->path = lower_text(yaml_get(n, "uri"));
	if (yaml_is(digest, YAML_TEXT) && digest->text.n && !digest_parse(digest->text, false, &in->digest))
		LOWER_ERROR(l, yaml_at(digest), "bad-digest", STR(""),
			    "step '" STR_FMT "': input '" STR_FMT
			    "': a digest is 'sha256:' and 64 hexadecimal digits in lower case",
			    STR_ARG(s->name), STR_ARG(in->name));
	if (yaml_is(yaml_get(n, "uri"), YAML_TEXT) && str_find(in->path, STR("://")) == SIZE_MAX)
		LOWER_ERROR(l, yaml_at(yaml_get(n, "uri")), "bad-uri",
			    STR("write a file of the project as a plain text"),
			    "step '" STR_FMT "': input '" STR_FMT "': '" STR_FMT
			    "' is not a URI such as s3://bucket/key",
			    STR_ARG(s->name), STR_ARG(in->name), STR_ARG(str_take(in->path, 100)));
}

static void
input_path(struct lower *l, const struct ir_step *s, struct ir_input *in, const struct yaml_node *n)
{
	const struct ir_template t = lower_template(l, n, n->text, of_step(l, s, "input", in->name));

	if (!template_is_literal(&t)) {
		bool glob = false;

		in->item_path = t;
		in->path = t.source;
		for (size_t i = 0; i < t.n; i++)
			glob |= t.v[i].kind == PIECE_TEXT && path_has_glob(t.v[i].text);
		in->kind = glob ? INPUT_GLOB : INPUT_PATH;
		return;
	}
	const struct str text = template_text(&t);

	in->kind = path_has_glob(text) && !file_exists(l->o->root, arena_z(l->a, text)) ? INPUT_GLOB
											: INPUT_PATH;
	(void)lower_path(l, n, text, &in->path); /* what is wrong with it is reported */
}

/* Without '/', and the part before the first dot is a step's name: that step's output. All other texts are
 * paths. */
static void
input_text(struct lower *l, const struct ir_step *s, struct ir_input *in, const struct yaml_node *n)
{
	const struct str_cut c = str_cut(n->text, '.');

	if (str_find_char(n->text, '/') == SIZE_MAX && map_get(&l->steps.by_name, c.head) != MAP_NONE) {
		in->kind = INPUT_STEP;
		in->step = c.head;
		in->output = c.tail;
		return;
	}
	input_path(l, s, in, n);
}

static void
lower_inputs(struct lower *l, struct ir_step *s, const struct yaml_node *n)
{
	if (!yaml_is(n, YAML_MAP))
		return;
	s->inputs = arena_array(l->a, struct ir_input, n->n);
	for (uint32_t i = 0; i < n->n; i++) {
		const struct yaml_entry *e = &n->entries[i];
		struct ir_input *in = &s->inputs[s->ninputs++];

		*in = (struct ir_input){ .name = e->key, .kind = INPUT_PATH, .at = yaml_at(e->value) };
		if (yaml_is(e->value, YAML_MAP))
			input_uri(l, s, in, e->value);
		else if (yaml_is(e->value, YAML_TEXT) && e->value->text.n)
			input_text(l, s, in, e->value);
	}
	if (s->ninputs > 1)
		qsort(s->inputs, s->ninputs, sizeof *s->inputs, by_first_text);
}

static void
output_path(struct lower *l, const struct ir_step *s, struct ir_output *out, const struct yaml_node *n)
{
	struct str text = n->text, clean;

	while (text.n > 1 && text.p[text.n - 1] == '/') {
		out->folder = true;
		text = str_take(text, text.n - 1);
	}
	out->path = lower_template(l, n, text, of_step(l, s, "output", out->name));
	if (out->path.n && template_is_literal(&out->path) &&
	    lower_path(l, n, template_text(&out->path), &clean)) {
		if (str_is(clean, "."))
			LOWER_ERROR(l, yaml_at(n), "outside-project", STR(""),
				    "step '" STR_FMT "': output '" STR_FMT "' would be the whole project",
				    STR_ARG(s->name), STR_ARG(out->name));
		out->path = template_literal(clean, l->a);
	}
}

static void
lower_outputs(struct lower *l, struct ir_step *s, const struct yaml_node *n)
{
	const struct ir_texts names = lower_set(l, n);

	if (yaml_is(n, YAML_MAP)) {
		s->outputs = arena_array(l->a, struct ir_output, n->n);
		for (uint32_t i = 0; i < n->n; i++) {
			struct ir_output *out = &s->outputs[s->noutputs++];

			*out = (struct ir_output){ .name = n->entries[i].key,
						   .at = yaml_at(n->entries[i].value) };
			if (yaml_is(n->entries[i].value, YAML_TEXT))
				output_path(l, s, out, n->entries[i].value);
		}
		if (s->noutputs > 1)
			qsort(s->outputs, s->noutputs, sizeof *s->outputs, by_first_text);
		return;
	}
	s->outputs = arena_array(l->a, struct ir_output, names.n);
	for (; s->noutputs < names.n; s->noutputs++)
		s->outputs[s->noutputs] =
			(struct ir_output){ .name = names.v[s->noutputs], .at = yaml_at(n) };
}

static void
lower_step_env(struct lower *l, struct ir_step *s, const struct yaml_node *n)
{
	const struct ir_pairs p = lower_pairs(l, n);

	s->env.v = p.v;
	s->env.n = p.n;
	s->env.t = arena_array(l->a, struct ir_template, p.n);
	for (size_t i = 0; i < p.n; i++) {
		const char *name = arena_z(l->a, p.v[i].name);

		s->env.t[i] = lower_template(l, yaml_get(n, name), p.v[i].value,
					     of_step(l, s, "variable", p.v[i].name));
	}
}

static void
lower_cache(struct lower *l, struct ir_step *s, const struct yaml_node *n)
{
	s->cache.on = lower_truth(n, true);
	s->cache.expires = lower_duration(yaml_get(n, "expires"));
	s->cache.salt = lower_text(yaml_get(n, "salt"));
	s->cache.ignore = lower_set(l, yaml_get(n, "ignore"));
}

static int
by_int(const void *a, const void *b)
{
	const int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static void
lower_retry(struct lower *l, struct ir_step *s, const struct yaml_node *n)
{
	const struct yaml_node *backoff = yaml_get(n, "backoff"), *on = yaml_get(n, "on");
	const int64_t max = lower_int(yaml_is(n, YAML_INT) ? n : yaml_get(n, "max"), 0);
	size_t kept = 0;

	s->retry.max = max < 0 || max > 1000000 ? 0 : (uint32_t)max;
	s->retry.delay = lower_duration(yaml_get(n, "delay"));
	s->retry.backoff = yaml_is(backoff, YAML_REAL) ? backoff->real : (double)lower_int(backoff, 1);
	if (!on || (on->kind != YAML_LIST && on->kind != YAML_INT))
		return;
	const size_t count = on->kind == YAML_LIST ? on->n : 1;
	int *codes = arena_array(l->a, int, count);

	for (size_t i = 0; i < count; i++) {
		const struct yaml_node *item = on->kind == YAML_LIST ? on->items[i] : on;
		const int64_t code = lower_int(item, -1);

		if (code < 1 || code > 255)
			LOWER_ERROR(l, yaml_at(item), "bad-number", STR(""),
				    "step '" STR_FMT "': 'retry': 'on': an exit status is from 1 to 255",
				    STR_ARG(s->name));
		codes[i] = (int)(code & 255);
	}
	qsort(codes, count, sizeof *codes, by_int);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || codes[i] != codes[kept - 1])
			codes[kept++] = codes[i];
	s->retry.on = codes;
	s->retry.non = kept;
}

#define FOREACH_ERROR(l, s, n, f, ...)                                                                       \
	LOWER_ERROR(l, yaml_at(n), "bad-foreach",                                                            \
		    STR("write a list, \"${params.N}\", step.output, {range: [a, b]} or {lines: FILE}"),     \
		    "step '" STR_FMT "': foreach '" STR_FMT "': " __VA_ARGS__)

static void
foreach_text(struct lower *l, const struct ir_step *s, struct ir_foreach *f, const struct yaml_node *n)
{
	const struct ir_template t = lower_template(l, n, n->text, of_step(l, s, "foreach", f->name));
	const struct str_cut c = str_cut(n->text, '.');

	if (t.n == 1 && t.v[0].kind == PIECE_PARAM) {
		const struct ir_param *p = ir_param(l->ir, t.v[0].text);

		if (!p)
			LOWER_ERROR(l, yaml_at(n), "unknown-param", STR(""),
				    "step '" STR_FMT "': foreach '" STR_FMT
				    "': there is no parameter '" STR_FMT "'",
				    STR_ARG(s->name), STR_ARG(f->name), STR_ARG(t.v[0].text));
		else if (js_type(p->value) != JS_LIST)
			FOREACH_ERROR(l, s, n, f, "the parameter '" STR_FMT "' is not a list",
				      STR_ARG(s->name), STR_ARG(f->name), STR_ARG(p->name));
		else
			f->values = p->value;
		return;
	}
	if (template_is_literal(&t) && map_get(&l->steps.by_name, c.head) != MAP_NONE) {
		f->kind = FOREACH_STEP;
		f->step = c.head;
		f->output = c.tail;
		return;
	}
	if (t.n)
		FOREACH_ERROR(l, s, n, f, "'" STR_FMT "' is neither a parameter nor a step's output",
			      STR_ARG(s->name), STR_ARG(f->name), STR_ARG(str_take(n->text, 80)));
}

static void
foreach_map(struct lower *l, const struct ir_step *s, struct ir_foreach *f, const struct yaml_node *n)
{
	const struct yaml_node *range = yaml_get(n, "range"), *lines = yaml_get(n, "lines");

	if (!range == !lines)
		FOREACH_ERROR(l, s, n, f, "it has %s of range and lines", STR_ARG(s->name), STR_ARG(f->name),
			      range ? "both" : "neither");
	if (lines) {
		f->kind = FOREACH_LINES;
		(void)lower_path(l, lines, lower_text(lines), &f->file); /* reported */
		return;
	}
	f->kind = FOREACH_RANGE;
	if (!range || !yaml_is(range, YAML_LIST))
		return;
	if (range->n != 2) {
		FOREACH_ERROR(l, s, range, f, "a range has two numbers", STR_ARG(s->name), STR_ARG(f->name));
		return;
	}
	f->from = lower_int(range->items[0], 0);
	f->to = lower_int(range->items[1], 0);
	if (f->to < f->from)
		FOREACH_ERROR(l, s, range, f, "the range ends before it begins", STR_ARG(s->name),
			      STR_ARG(f->name));
}

static void
lower_foreach(struct lower *l, struct ir_step *s, const struct yaml_node *n)
{
	if (!yaml_is(n, YAML_MAP))
		return;
	s->foreach = arena_array(l->a, struct ir_foreach, n->n);
	for (uint32_t i = 0; i < n->n; i++) {
		const struct yaml_node *v = n->entries[i].value;
		struct ir_foreach *f = &s->foreach[s->nforeach++];

		*f = (struct ir_foreach){ .name = n->entries[i].key, .kind = FOREACH_LIST };
		if (yaml_is(v, YAML_LIST))
			f->values = lower_js(l, v);
		else if (yaml_is(v, YAML_TEXT))
			foreach_text(l, s, f, v);
		else if (yaml_is(v, YAML_MAP))
			foreach_map(l, s, f, v);
		if (f->kind == FOREACH_LIST && !f->values)
			f->values = js_keep(l->a, js_list());
	}
	if (s->nforeach > 1)
		qsort(s->foreach, s->nforeach, sizeof *s->foreach, by_first_text);
}

static void
lower_isolation(struct lower *l, struct ir_step *s, const struct yaml_node *n)
{
	const struct str text = lower_text(n);
	const struct ir_environment *env = s->environment.n ? ir_environment(l->ir, s->environment) : NULL;

	if (str_is(text, "image"))
		s->isolation = ISOLATION_IMAGE;
	else if (str_is(text, "venv") || (text.n == 0 && env && env->python.on))
		s->isolation = ISOLATION_VENV;
	else
		s->isolation = ISOLATION_NONE;
}

struct ir_hooks
lower_hooks(const struct yaml_node *n)
{
	return (struct ir_hooks){ lower_text(yaml_get(n, "success")), lower_text(yaml_get(n, "failure")) };
}

static void
lower_step(struct lower *l, struct ir_step *s, const struct lower_entry *e)
{
	const struct yaml_node *n = e->entry->value;

	s->name = e->name;
	s->at = yaml_key_at(e->entry);
	lower_run(l, s, yaml_get(n, "run"));
	lower_inputs(l, s, yaml_get(n, "inputs"));
	lower_outputs(l, s, yaml_get(n, "outputs"));
	s->params = lower_set(l, yaml_get(n, "params"));
	s->code = lower_set(l, yaml_get(n, "code"));
	lower_step_env(l, s, yaml_get(n, "env"));
	s->pass_env = lower_set(l, yaml_get(n, "pass_env"));
	s->secrets = lower_set(l, yaml_get(n, "secrets"));
	s->after = lower_set(l, yaml_get(n, "after"));
	s->environment = lower_text(yaml_get(n, "environment"));
	lower_isolation(l, s, yaml_get(n, "isolation"));
	lower_cache(l, s, yaml_get(n, "cache"));
	lower_retry(l, s, yaml_get(n, "retry"));
	s->timeout = lower_duration(yaml_get(n, "timeout"));
	s->resources = lower_resources(l, yaml_get(n, "resources"), &s->nresources);
	s->when = str_trim(lower_text(yaml_get(n, "when")));
	lower_foreach(l, s, yaml_get(n, "foreach"));
	s->max_parallel = (uint32_t)lower_int(yaml_get(n, "max_parallel"), 0);
	s->dynamic = lower_truth(yaml_get(n, "dynamic"), false);
	s->always = lower_truth(yaml_get(n, "always"), false);
	s->strict = lower_truth(yaml_get(n, "strict"), l->nroots > 0 && lower_truth(yaml_get(l->roots[0], "strict"), false));
	s->hooks = lower_hooks(yaml_get(n, "hooks"));
}

void
lower_steps(struct lower *l)
{
	struct ir *ir = l->ir;

	ir->nsteps = l->steps.n;
	ir->steps = arena_array(l->a, struct ir_step, ir->nsteps);
	l->step_nodes = arena_array(l->a, const struct yaml_node *, ir->nsteps);
	for (size_t i = 0; i < ir->nsteps; i++) {
		lower_step(l, &ir->steps[i], &l->steps.v[i]);
		l->step_nodes[i] = l->steps.v[i].entry->value;
	}
}
