/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/ir_json.h"

#include "rules/template.h"

const char *const ir_isolation_names[] = { "", "none", "venv", "image" };
const char *const ir_installer_names[] = { "", "uv", "pip" };

static const int64_t ms = 1000000;

/* Each puts a value only if it is not the default. */
static void
put_text(struct js *map, const char *key, struct str text)
{
	if (text.n)
		js_set(map, key, js_text(text));
}

static void
put_texts(struct js *map, const char *key, const struct ir_texts *t)
{
	if (t->n == 0)
		return;
	struct js *list = js_list();

	for (size_t i = 0; i < t->n; i++)
		js_push(list, js_text(t->v[i]));
	js_set(map, key, list);
}

static void
put_pairs(struct js *map, const char *key, const struct ir_pair *v, size_t n)
{
	if (n == 0)
		return;
	struct js *pairs = js_map();

	for (size_t i = 0; i < n; i++)
		js_set_str(pairs, v[i].name, js_text(v[i].value));
	js_set(map, key, pairs);
}

static void
put_int(struct js *map, const char *key, int64_t i)
{
	if (i)
		js_set(map, key, js_int(i));
}

static void
put_map(struct js *map, const char *key, struct js *value)
{
	if (js_len(value))
		js_set(map, key, value);
	else
		js_free(value);
}

static void
put_resources(struct js *map, const char *key, const struct ir_resource *v, size_t n)
{
	struct js *m = js_map();

	for (size_t i = 0; i < n; i++)
		js_set_str(m, v[i].name, js_int(v[i].amount));
	put_map(map, key, m);
}

/* "${" in a literal is spelt "$${" again. A literal never ends in '$' in front of a substitution: that is
 * read as the escape. */
static void
put_literal(struct str text, struct buf *out)
{
	for (size_t at; (at = str_find(text, STR("${"))) != SIZE_MAX; text = str_drop(text, at + 2)) {
		buf_put(out, str_take(text, at));
		buf_puts(out, "$${");
	}
	buf_put(out, text);
}

struct str
ir_template_source(const struct ir_template *t, struct arena *a)
{
	AUTO_BUF b = { 0 };

	for (size_t i = 0; i < t->n; i++) {
		const struct ir_piece *p = &t->v[i];

		if (p->kind == PIECE_TEXT) {
			put_literal(p->text, &b);
			continue;
		}
		buf_printf(&b, "${%s.", template_space(p->kind));
		buf_put(&b, p->text);
		buf_putc(&b, '}');
	}
	return arena_str(a, buf_str(&b));
}

static struct js *
template_js(const struct ir_template *t)
{
	struct arena a = { 0 };
	struct js *v = js_text(ir_template_source(t, &a));

	arena_done(&a);
	return v;
}

static struct js *
input_js(const struct ir_input *in)
{
	struct js *m = js_map();
	char digest[DIGEST_TEXT + 1];

	switch (in->kind) {
	case INPUT_STEP:
		js_set(m, "step", js_text(in->step));
		js_set(m, "output", js_text(in->output));
		break;
	case INPUT_PATH:
	case INPUT_GLOB:
		js_set(m, in->kind == INPUT_PATH ? "path" : "glob",
		       in->item_path.n ? template_js(&in->item_path) : js_text(in->path));
		if (in->item_path.n)
			js_set(m, "items", js_bool(true));
		break;
	case INPUT_URI:
		digest_text(&in->digest, digest);
		js_set(m, "uri", js_text(in->path));
		js_set(m, "digest", js_textz(digest));
		break;
	}
	return m;
}

static struct js *
output_js(const struct ir_output *out)
{
	struct js *m = js_map();

	if (out->path.n)
		js_set(m, "path", template_js(&out->path));
	if (out->folder)
		js_set(m, "folder", js_bool(true));
	return m;
}

static struct js *
foreach_js(const struct ir_foreach *f)
{
	struct js *m = js_map(), *range;

	switch (f->kind) {
	case FOREACH_LIST:
		js_set(m, "list", js_copy(f->values));
		break;
	case FOREACH_RANGE:
		range = js_list();
		js_push(range, js_int(f->from));
		js_push(range, js_int(f->to));
		js_set(m, "range", range);
		break;
	case FOREACH_LINES:
		js_set(m, "lines", js_text(f->file));
		break;
	case FOREACH_STEP:
		js_set(m, "step", js_text(f->step));
		js_set(m, "output", js_text(f->output));
		break;
	}
	return m;
}

static void
put_io(struct js *m, const struct ir_step *s)
{
	struct js *inputs = js_map(), *outputs = js_map(), *foreach = js_map();

	for (size_t i = 0; i < s->ninputs; i++)
		js_set_str(inputs, s->inputs[i].name, input_js(&s->inputs[i]));
	for (size_t i = 0; i < s->noutputs; i++)
		js_set_str(outputs, s->outputs[i].name, output_js(&s->outputs[i]));
	for (size_t i = 0; i < s->nforeach; i++)
		js_set_str(foreach, s->foreach[i].name, foreach_js(&s->foreach[i]));
	put_map(m, "inputs", inputs);
	put_map(m, "outputs", outputs);
	put_map(m, "foreach", foreach);
}

static void
put_policy(struct js *m, const struct ir_step *s)
{
	struct js *cache = js_map(), *retry = js_map(), *on = js_list();

	if (!s->cache.on)
		js_set(cache, "on", js_bool(false));
	put_int(cache, "expires_ms", s->cache.expires / ms);
	put_text(cache, "salt", s->cache.salt);
	put_texts(cache, "ignore", &s->cache.ignore);
	put_map(m, "cache", cache);
	put_int(retry, "max", s->retry.max);
	put_int(retry, "delay_ms", s->retry.delay / ms);
	if (s->retry.backoff != 1)
		js_set(retry, "backoff", js_real(s->retry.backoff));
	for (size_t i = 0; i < s->retry.non; i++)
		js_push(on, js_int(s->retry.on[i]));
	put_map(retry, "on", on);
	put_map(m, "retry", retry);
	put_int(m, "timeout_ms", s->timeout / ms);
}

static struct js *
run_js(const struct ir_step *s)
{
	if (s->shell)
		return template_js(&s->words[0]);
	struct js *list = js_list();

	for (size_t i = 0; i < s->nwords; i++)
		js_push(list, template_js(&s->words[i]));
	return list;
}

static void
put_hooks(struct js *m, const struct ir_hooks *h)
{
	struct js *hooks = js_map();

	put_text(hooks, "success", h->success);
	put_text(hooks, "failure", h->failure);
	put_map(m, "hooks", hooks);
}

static struct js *
step_js(const struct ir_step *s)
{
	struct js *m = js_map();

	js_set(m, "run", run_js(s));
	put_io(m, s);
	put_texts(m, "params", &s->params);
	put_texts(m, "code", &s->code);
	put_pairs(m, "env", s->env.v, s->env.n);
	put_texts(m, "pass_env", &s->pass_env);
	put_texts(m, "secrets", &s->secrets);
	put_texts(m, "after", &s->after);
	put_text(m, "environment", s->environment);
	js_set(m, "isolation", js_textz(ir_isolation_names[s->isolation]));
	put_policy(m, s);
	put_resources(m, "resources", s->resources, s->nresources);
	put_text(m, "when", s->when);
	put_int(m, "max_parallel", s->max_parallel);
	if (s->dynamic)
		js_set(m, "dynamic", js_bool(true));
	if (s->always)
		js_set(m, "always", js_bool(true));
	if (s->strict)
		js_set(m, "strict", js_bool(true));
	put_hooks(m, &s->hooks);
	return m;
}

static struct js *
parent_js(const struct ir_parent *p)
{
	struct js *m = js_map();

	switch (p->kind) {
	case PARENT_NONE:
		break;
	case PARENT_REGISTRY:
		js_set(m, "registry", js_text(p->ref));
		break;
	case PARENT_SCRATCH:
		js_set(m, "scratch", js_bool(true));
		break;
	case PARENT_OCI:
		js_set(m, "oci", js_text(p->ref));
		break;
	case PARENT_DOCKER_ARCHIVE:
		js_set(m, "docker_archive", js_text(p->ref));
		break;
	case PARENT_DOCKERFILE:
		break;
	case PARENT_BOOTSTRAP:
		js_set(m, "bootstrap", js_text(p->distribution));
		js_set(m, "suite", js_text(p->suite));
		put_texts(m, "packages", &p->packages);
		break;
	}
	return m;
}

static struct js *
python_js(const struct ir_python *p)
{
	struct js *m = js_map();

	put_texts(m, "requirements", &p->requirements);
	put_texts(m, "constraints", &p->constraints);
	put_texts(m, "groups", &p->groups);
	put_texts(m, "index", &p->index);
	put_text(m, "pyproject", p->pyproject);
	put_text(m, "lock", p->lock);
	if (p->replicate)
		js_set(m, "replicate", js_bool(true));
	put_text(m, "installer", str_z(ir_installer_names[p->installer]));
	put_text(m, "layers", p->layers);
	return m;
}

static struct js *
environment_js(const struct ir_environment *env)
{
	struct js *m = js_map();

	put_map(m, "parent", parent_js(&env->parent));
	put_text(m, "dockerfile", env->dockerfile);
	put_text(m, "context", env->context);
	put_text(m, "target", env->target);
	put_pairs(m, "args", env->args.v, env->args.n);
	put_pairs(m, "contexts", env->contexts.v, env->contexts.n);
	put_pairs(m, "secrets", env->secrets.v, env->secrets.n);
	put_texts(m, "apt", &env->apt);
	put_texts(m, "apt_sources", &env->apt_sources);
	put_texts(m, "apt_keys", &env->apt_keys);
	if (env->python.on)
		js_set(m, "python", python_js(&env->python));
	put_texts(m, "include", &env->include);
	put_pairs(m, "env", env->env.v, env->env.n);
	put_pairs(m, "labels", env->labels.v, env->labels.n);
	put_text(m, "workdir", env->workdir);
	put_text(m, "user", env->user);
	put_text(m, "platform", env->platform);
	put_texts(m, "platform", &env->platforms);
	put_texts(m, "entrypoint", &env->entrypoint);
	if (env->key != PARENT_KEY_DIGEST)
		js_set(m, "key", js_textz(env->key == PARENT_KEY_ABI ? "abi" : "packages"));
	if (env->compression == COMPRESS_ZSTD)
		js_set(m, "compression", js_textz("zstd"));
	if (env->sbom || env->provenance) {
		struct js *list = js_list();
		if (env->provenance)
			js_push(list, js_textz("provenance"));
		if (env->sbom)
			js_push(list, js_textz("sbom"));
		js_set(m, "attest", list);
	}
	return m;
}

void
ir_write_step(const struct ir_step *s, struct buf *out)
{
	AUTO_JS m = step_js(s);

	js_write(m, out);
}

static struct js *
rest_js(const struct ir *ir)
{
	struct js *top = js_map();
	struct js *params = js_map(), *environments = js_map(), *stacks = js_map();

	for (size_t i = 0; i < ir->nparams; i++)
		js_set_str(params, ir->params[i].name, js_copy(ir->params[i].value));
	for (size_t i = 0; i < ir->nenvironments; i++)
		js_set_str(environments, ir->environments[i].name, environment_js(&ir->environments[i]));
	for (size_t i = 0; i < ir->nstacks; i++)
		if (!ir->stacks[i].implied && !ir->stacks[i].of_user)
			js_set_str(stacks, ir->stacks[i].name, js_copy(ir->stacks[i].settings));
	js_set(top, "schema", js_int(IR_SCHEMA));
	js_set(top, "pipeline", js_text(ir->pipeline));
	js_set(top, "params", params);
	js_set(top, "environments", environments);
	put_hooks(top, &ir->hooks);
	put_texts(top, "made", &ir->made);
	return js_set(top, "stacks", stacks);
}

void
ir_write_rest(const struct ir *ir, struct buf *out)
{
	AUTO_JS top = rest_js(ir);

	js_write(top, out);
}

void
ir_write(const struct ir *ir, struct buf *out)
{
	AUTO_JS top = rest_js(ir);
	struct js *steps = js_map();

	for (size_t i = 0; i < ir->nsteps; i++)
		js_set_str(steps, ir->steps[i].name, step_js(&ir->steps[i]));
	js_set(top, "steps", steps);
	js_write(top, out);
	buf_putc(out, '\n');
}
