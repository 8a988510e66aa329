/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/ir_read.h"
#include "rules/template.h"
#include "sys/file.h"

static const int64_t ms = 1000000, most_ms = INT64_C(3153600000000); /* 100 years */

static struct ir_template
read_template(struct ir_reader *r, struct str text, const char *key)
{
	struct ir_template t = { 0 };
	struct err e;

	if (template_cut(text, r->a, &t, &e) < 0)
		ir_bad(r, key, e.text);
	return t;
}

static void
read_run(struct ir_reader *r, const struct js *v, struct ir_step *s)
{
	const struct js *run = js_get(v, "run");

	if (js_type(run) == JS_TEXT) {
		s->shell = true;
		s->nwords = 1;
		s->words = arena_new(r->a, struct ir_template);
		s->words[0] = read_template(r, ir_text(r, v, "run"), "run");
		return;
	}
	const struct ir_texts words = ir_list(r, v, "run", NAME_ANY, false);

	if (words.n == 0)
		ir_bad(r, "run", "a text or a list of words");
	s->words = arena_array(r->a, struct ir_template, words.n);
	for (; s->nwords < words.n; s->nwords++)
		s->words[s->nwords] = read_template(r, words.v[s->nwords], "run");
}

static void
read_input(struct ir_reader *r, const struct js *v, struct ir_input *in)
{
	static const char *const keys[] = {
		"step", "output", "path", "glob", "items", "uri", "digest", NULL
	};
	const char *path = js_get(v, "glob") ? "glob" : "path";

	if (js_type(v) != JS_MAP)
		ir_bad(r, "inputs", "a map of maps");
	ir_keys(r, v, keys);
	if (!!js_get(v, "step") + !!js_get(v, "path") + !!js_get(v, "glob") + !!js_get(v, "uri") != 1) {
		ir_bad(r, "inputs", "each of one kind");
	} else if (js_get(v, "step")) {
		in->kind = INPUT_STEP;
		in->step = ir_text(r, v, "step");
		in->output = ir_text(r, v, "output");
	} else if (js_get(v, "uri")) {
		in->kind = INPUT_URI;
		in->path = ir_text(r, v, "uri");
		if (!digest_parse(ir_text(r, v, "digest"), false, &in->digest))
			ir_bad(r, "digest", "sha256: and 64 hexadecimal digits");
	} else {
		in->kind = js_get(v, "glob") ? INPUT_GLOB : INPUT_PATH;
		if (!ir_bool(r, v, "items", false)) {
			in->path = ir_clean(r, v, path);
			return;
		}
		in->path = ir_text(r, v, path);
		in->item_path = read_template(r, in->path, "inputs");
		if (template_is_literal(&in->item_path))
			ir_bad(r, "items", "left out: the path has none");
	}
}

static void
read_output(struct ir_reader *r, const struct js *v, struct ir_output *out)
{
	static const char *const keys[] = { "path", "folder", NULL };
	const struct str path = ir_text(r, v, "path");

	if (js_type(v) != JS_MAP)
		ir_bad(r, "outputs", "a map of maps");
	ir_keys(r, v, keys);
	out->folder = ir_bool(r, v, "folder", false);
	out->path = read_template(r, path, "outputs");
	if (out->path.n && template_is_literal(&out->path)) {
		const struct str text = template_text(&out->path);

		if (!str_eq(path_clean(r->a, text), text) || !path_inside(text, STR(".")) ||
		    str_is(text, "."))
			ir_bad(r, "outputs", "a map with clean paths inside the project");
	}
}

static void
read_foreach(struct ir_reader *r, const struct js *v, struct ir_foreach *f)
{
	static const char *const keys[] = { "list", "range", "lines", "step", "output", NULL };
	const struct js *range = js_get(v, "range");

	if (js_type(v) != JS_MAP)
		ir_bad(r, "foreach", "a map of maps");
	ir_keys(r, v, keys);
	if (js_type(js_get(v, "list")) == JS_LIST) {
		f->kind = FOREACH_LIST;
		f->values = js_keep(r->a, js_copy(js_get(v, "list")));
	} else if (js_len(range) == 2 && js_type(js_at(range, 0)) == JS_INT &&
		   js_type(js_at(range, 1)) == JS_INT) {
		f->kind = FOREACH_RANGE;
		f->from = js_num(js_at(range, 0));
		f->to = js_num(js_at(range, 1));
	} else if (js_get(v, "lines")) {
		f->kind = FOREACH_LINES;
		f->file = ir_clean(r, v, "lines");
	} else if (js_get(v, "step")) {
		f->kind = FOREACH_STEP;
		f->step = ir_text(r, v, "step");
		f->output = ir_text(r, v, "output");
	} else {
		ir_bad(r, "foreach", "a map of lists, ranges, lines or steps");
	}
}

static void
read_io(struct ir_reader *r, const struct js *v, struct ir_step *s)
{
	const struct ir_member *m = ir_members(r, v, "inputs", NAME_ID, &s->ninputs);

	s->inputs = arena_array(r->a, struct ir_input, s->ninputs);
	for (size_t i = 0; i < s->ninputs; i++) {
		s->inputs[i].name = m[i].name;
		read_input(r, m[i].value, &s->inputs[i]);
	}
	m = ir_members(r, v, "outputs", NAME_ID, &s->noutputs);
	s->outputs = arena_array(r->a, struct ir_output, s->noutputs);
	for (size_t i = 0; i < s->noutputs; i++) {
		s->outputs[i].name = m[i].name;
		read_output(r, m[i].value, &s->outputs[i]);
	}
	m = ir_members(r, v, "foreach", NAME_ID, &s->nforeach);
	s->foreach = arena_array(r->a, struct ir_foreach, s->nforeach);
	for (size_t i = 0; i < s->nforeach; i++) {
		s->foreach[i].name = m[i].name;
		read_foreach(r, m[i].value, &s->foreach[i]);
	}
}

static void
read_env(struct ir_reader *r, const struct js *v, struct ir_step *s)
{
	const struct ir_pairs p = ir_table(r, v, "env", NAME_VAR);

	s->env.v = p.v;
	s->env.n = p.n;
	s->env.t = arena_array(r->a, struct ir_template, p.n);
	for (size_t i = 0; i < p.n; i++)
		s->env.t[i] = read_template(r, p.v[i].value, "env");
}

static void
read_policy(struct ir_reader *r, const struct js *v, struct ir_step *s)
{
	static const char *const cache_keys[] = { "on", "expires_ms", "salt", "ignore", NULL };
	static const char *const retry_keys[] = { "max", "delay_ms", "backoff", "on", NULL };
	const struct js *cache = ir_map(r, v, "cache"), *retry = ir_map(r, v, "retry"),
			*on = js_get(retry, "on"), *backoff = js_get(retry, "backoff");

	ir_keys(r, cache, cache_keys);
	s->cache.on = ir_bool(r, cache, "on", true);
	s->cache.expires = ir_int(r, cache, "expires_ms", most_ms) * ms;
	s->cache.salt = ir_text(r, cache, "salt");
	s->cache.ignore = ir_list(r, cache, "ignore", NAME_ANY, true);
	ir_keys(r, retry, retry_keys);
	s->retry.max = (uint32_t)ir_int(r, retry, "max", 1000000);
	s->retry.delay = ir_int(r, retry, "delay_ms", most_ms) * ms;
	s->retry.backoff = backoff ? js_double(backoff) : 1;
	if (!(s->retry.backoff >= 1 && s->retry.backoff <= 1000))
		ir_bad(r, "backoff", "a number from 1 to 1000");
	int *codes = arena_array(r->a, int, js_len(on));

	for (size_t i = 0; i < js_len(on); i++) {
		const int64_t code = js_num(js_at(on, i));

		if (code < 1 || code > 255 || (i && code <= codes[i - 1]))
			ir_bad(r, "on", "a sorted list of exit statuses from 1 to 255");
		codes[i] = (int)(code & 255);
	}
	s->retry.on = codes;
	s->retry.non = js_len(on);
	s->timeout = ir_int(r, v, "timeout_ms", most_ms) * ms;
}

static void
read_resources(struct ir_reader *r, const struct js *v, struct ir_step *s)
{
	const struct ir_member *m = ir_members(r, v, "resources", NAME_DOTTED, &s->nresources);
	const struct js *map = js_get(v, "resources");

	s->resources = arena_array(r->a, struct ir_resource, s->nresources);
	for (size_t i = 0; i < s->nresources; i++)
		s->resources[i] = (struct ir_resource){ m[i].name, ir_int(r, map, arena_z(r->a, m[i].name),
									  INT64_C(1) << 53) };
}

static enum ir_isolation
read_isolation(struct ir_reader *r, const struct js *v)
{
	const struct str s = ir_text(r, v, "isolation");

	for (int i = ISOLATION_NONE; i <= ISOLATION_IMAGE; i++)
		if (str_is(s, ir_isolation_names[i]))
			return (enum ir_isolation)i;
	ir_bad(r, "isolation", "none, venv or image");
	return ISOLATION_NONE;
}

struct ir_hooks
ir_read_hooks(struct ir_reader *r, const struct js *v)
{
	static const char *const keys[] = { "success", "failure", NULL };
	const struct js *h = js_get(v, "hooks");

	if (h && js_type(h) != JS_MAP)
		ir_bad(r, "hooks", "a map");
	if (!h || js_type(h) != JS_MAP)
		return (struct ir_hooks){ 0 };
	ir_keys(r, h, keys);
	return (struct ir_hooks){ ir_text(r, h, "success"), ir_text(r, h, "failure") };
}

void
ir_read_step(struct ir_reader *r, const struct js *v, struct ir_step *s)
{
	static const char *const keys[] = { "run",       "inputs",   "outputs", "params",     "code",
					    "env",       "pass_env", "secrets", "after",      "environment",
					    "isolation", "cache",    "retry",   "timeout_ms", "resources",
					    "when",      "foreach",  "max_parallel", "dynamic", "always", "hooks", "strict", NULL };

	if (js_type(v) != JS_MAP)
		ir_bad(r, "it", "a map");
	ir_keys(r, v, keys);
	read_run(r, v, s);
	read_io(r, v, s);
	s->params = ir_list(r, v, "params", NAME_ID, true);
	s->code = ir_list(r, v, "code", NAME_ANY, true);
	read_env(r, v, s);
	s->pass_env = ir_list(r, v, "pass_env", NAME_VAR, true);
	s->secrets = ir_list(r, v, "secrets", NAME_VAR, true);
	s->after = ir_list(r, v, "after", NAME_ID, true);
	s->environment = ir_text(r, v, "environment");
	s->isolation = read_isolation(r, v);
	read_policy(r, v, s);
	read_resources(r, v, s);
	s->when = ir_text(r, v, "when");
	s->max_parallel = (uint32_t)ir_int(r, v, "max_parallel", UINT32_MAX);
	s->dynamic = ir_bool(r, v, "dynamic", false);
	s->always = ir_bool(r, v, "always", false);
	s->strict = ir_bool(r, v, "strict", false);
	s->hooks = ir_read_hooks(r, v);
}
