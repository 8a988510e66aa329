/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/ir_read.h"

#include <stdlib.h>

#include "rules/check.h"
#include "sys/file.h"

enum { JSON_MOST = 256 << 20, MEMBERS_MOST = 3000000 };

void
ir_bad(struct ir_reader *r, const char *key, const char *expected)
{
	if (r->bad)
		return;
	r->bad = true;
	if (r->name.n)
		(void)err_set(r->e, ERR_INPUT, "%s '" STR_FMT "': '%s' must be %s", r->section,
			      STR_ARG(str_take(r->name, 100)), key, expected);
	else
		(void)err_set(r->e, ERR_INPUT, "'%s' must be %s", key, expected);
}

void
ir_keys(struct ir_reader *r, const struct js *map, const char *const *names)
{
	if (js_type(map) != JS_MAP)
		return;
	for (void *it = js_first(map); it; it = js_next(map, it)) {
		const struct str key = js_key(it);
		size_t i = 0;

		while (names[i] && !str_is(key, names[i]))
			i++;
		if (!names[i])
			ir_bad(r, arena_z(r->a, str_take(key, 100)), "left out: it is not known");
	}
}

static struct str
checked_text(struct ir_reader *r, const struct js *v, const char *key)
{
	const struct str s = js_str(v);

	if (js_type(v) == JS_TEXT && str_find_char(s, '\0') == SIZE_MAX)
		return arena_str(r->a, s);
	ir_bad(r, key, "a text");
	return STR("");
}

struct str
ir_text(struct ir_reader *r, const struct js *map, const char *key)
{
	const struct js *v = js_get(map, key);

	return v ? checked_text(r, v, key) : STR("");
}

struct str
ir_clean(struct ir_reader *r, const struct js *map, const char *key)
{
	const struct str s = ir_text(r, map, key);

	if (s.n && (!str_eq(path_clean(r->a, s), s) || !path_inside(s, STR(".")) || s.n > 4000))
		ir_bad(r, key, "a clean path inside the project");
	return s;
}

static int
by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct ir_texts
ir_list(struct ir_reader *r, const struct js *map, const char *key, enum name_kind names, bool set)
{
	const struct js *list = js_get(map, key);
	struct ir_texts t = { 0 };
	size_t kept = 0;

	if (!list)
		return t;
	if (js_type(list) != JS_LIST)
		ir_bad(r, key, "a list");
	t.n = js_len(list);
	t.v = arena_array(r->a, struct str, t.n);
	for (size_t i = 0; i < t.n; i++) {
		t.v[i] = checked_text(r, js_at(list, i), key);
		if (!name_ok(names, t.v[i]))
			ir_bad(r, key, name_rule(names));
	}
	if (!set)
		return t;
	if (t.n > 1)
		qsort(t.v, t.n, sizeof *t.v, by_text);
	for (size_t i = 0; i < t.n; i++)
		if (kept == 0 || !str_eq(t.v[i], t.v[kept - 1]))
			t.v[kept++] = t.v[i];
	t.n = kept;
	return t;
}

const struct js *
ir_map(struct ir_reader *r, const struct js *map, const char *key)
{
	const struct js *v = js_get(map, key);

	if (v && js_type(v) != JS_MAP)
		ir_bad(r, key, "a map");
	return js_type(v) == JS_MAP ? v : NULL;
}

struct ir_member *
ir_members(struct ir_reader *r, const struct js *map, const char *key, enum name_kind names, size_t *n)
{
	const struct js *m = ir_map(r, map, key);
	struct ir_member *v = arena_array(r->a, struct ir_member, js_len(m));

	*n = 0;
	if (js_len(m) > MEMBERS_MOST) {
		ir_bad(r, key, "smaller");
		return v;
	}
	for (void *it = m ? js_first(m) : NULL; it; it = js_next(m, it)) {
		v[*n] = (struct ir_member){ arena_str(r->a, js_key(it)), js_value(it) };
		if (!name_ok(names, v[*n].name) || str_find_char(v[*n].name, '\0') != SIZE_MAX)
			ir_bad(r, key, name_rule(names));
		++*n;
	}
	if (*n > 1)
		qsort(v, *n, sizeof *v, by_text);
	return v;
}

struct ir_pairs
ir_table(struct ir_reader *r, const struct js *map, const char *key, enum name_kind names)
{
	struct ir_pairs p = { 0 };
	const struct ir_member *m = ir_members(r, map, key, names, &p.n);

	p.v = arena_array(r->a, struct ir_pair, p.n);
	for (size_t i = 0; i < p.n; i++)
		p.v[i] = (struct ir_pair){ m[i].name, checked_text(r, m[i].value, key) };
	return p;
}

int64_t
ir_int(struct ir_reader *r, const struct js *map, const char *key, int64_t most)
{
	const struct js *v = js_get(map, key);

	if (!v)
		return 0;
	if (js_type(v) != JS_INT || js_num(v) < 0 || js_num(v) > most)
		ir_bad(r, key, "a whole number in its range");
	return r->bad ? 0 : js_num(v);
}

bool
ir_bool(struct ir_reader *r, const struct js *map, const char *key, bool absent)
{
	const struct js *v = js_get(map, key);

	if (!v)
		return absent;
	if (js_type(v) != JS_BOOL)
		ir_bad(r, key, "true or false");
	return js_true(v);
}

static void
read_param(struct ir_reader *r, const struct ir_member *m, struct ir_param *out)
{
	out->name = m->name;
	out->value = js_keep(r->a, js_copy(m->value));
	out->is_text = js_type(m->value) == JS_TEXT;
	if (out->is_text) {
		out->text = checked_text(r, m->value, "params");
		return;
	}
	AUTO_BUF b = { 0 };

	js_write(m->value, &b);
	out->text = arena_str(r->a, buf_str(&b));
}

static void
read_parent(struct ir_reader *r, const struct js *v, struct ir_parent *p)
{
	static const char *const keys[] = { "registry",  "scratch", "oci",      "docker_archive",
					    "bootstrap", "suite",   "packages", NULL };
	const int kinds = !!js_get(v, "registry") + !!js_get(v, "scratch") + !!js_get(v, "oci") +
			  !!js_get(v, "docker_archive") + !!js_get(v, "bootstrap");

	if (!v)
		return;
	ir_keys(r, v, keys);
	if (kinds != 1)
		ir_bad(r, "parent", "of one kind");
	if (js_get(v, "registry")) {
		p->kind = PARENT_REGISTRY;
		p->ref = ir_text(r, v, "registry");
	} else if (ir_bool(r, v, "scratch", false)) {
		p->kind = PARENT_SCRATCH;
	} else if (js_get(v, "oci")) {
		p->kind = PARENT_OCI;
		p->ref = ir_clean(r, v, "oci");
	} else if (js_get(v, "docker_archive")) {
		p->kind = PARENT_DOCKER_ARCHIVE;
		p->ref = ir_clean(r, v, "docker_archive");
	} else if (js_get(v, "bootstrap")) {
		p->kind = PARENT_BOOTSTRAP;
		p->distribution = ir_text(r, v, "bootstrap");
		p->suite = ir_text(r, v, "suite");
		p->packages = ir_list(r, v, "packages", NAME_ANY, true);
	}
}

static void
read_python(struct ir_reader *r, const struct js *v, struct ir_python *p)
{
	static const char *const keys[] = { "requirements", "constraints", "groups",    "index",  "pyproject",
					    "lock",         "replicate",   "installer", "layers", NULL };

	if (!v)
		return;
	ir_keys(r, v, keys);
	p->on = true;
	p->requirements = ir_list(r, v, "requirements", NAME_ANY, false);
	p->constraints = ir_list(r, v, "constraints", NAME_ANY, false);
	p->groups = ir_list(r, v, "groups", NAME_ANY, true);
	p->index = ir_list(r, v, "index", NAME_ANY, false);
	p->pyproject = ir_clean(r, v, "pyproject");
	p->lock = ir_clean(r, v, "lock");
	p->replicate = ir_bool(r, v, "replicate", false);
	p->layers = ir_text(r, v, "layers");
	const struct str installer = ir_text(r, v, "installer");

	if (installer.n && !str_is(installer, "uv") && !str_is(installer, "pip"))
		ir_bad(r, "installer", "uv or pip");
	p->installer = str_is(installer, "uv") ? INSTALLER_UV
		       : installer.n           ? INSTALLER_PIP
					       : INSTALLER_DEFAULT;
}

static void
read_choices(struct ir_reader *r, const struct js *v, struct ir_environment *env)
{
	const struct str key = ir_text(r, v, "key"), compression = ir_text(r, v, "compression");
	const struct ir_texts attest = ir_list(r, v, "attest", NAME_ANY, true);

	if (key.n && !str_is(key, "abi") && !str_is(key, "packages"))
		ir_bad(r, "key", "abi or packages");
	if (compression.n && !str_is(compression, "zstd"))
		ir_bad(r, "compression", "zstd");
	for (size_t i = 0; i < attest.n; i++)
		if (!str_is(attest.v[i], "sbom") && !str_is(attest.v[i], "provenance"))
			ir_bad(r, "attest", "sbom and provenance");
	env->key = str_is(key, "abi") ? PARENT_KEY_ABI : key.n ? PARENT_KEY_PACKAGES : PARENT_KEY_DIGEST;
	env->compression = compression.n ? COMPRESS_ZSTD : COMPRESS_GZIP;
	env->sbom = ir_texts_have(&attest, STR("sbom"));
	env->provenance = ir_texts_have(&attest, STR("provenance"));
}

static void
read_environment(struct ir_reader *r, const struct js *v, struct ir_environment *env)
{
	static const char *const keys[] = { "parent",   "dockerfile", "context", "apt",     "python",
					    "target",   "args",       "contexts", "secrets",
					    "include",  "env",        "labels",  "workdir", "user",
					    "platform", "entrypoint", "key", "compression", "attest", "apt_sources",
					    "apt_keys", NULL };

	if (js_type(v) != JS_MAP)
		ir_bad(r, "it", "a map");
	ir_keys(r, v, keys);
	read_parent(r, ir_map(r, v, "parent"), &env->parent);
	env->dockerfile = ir_clean(r, v, "dockerfile");
	env->context = ir_clean(r, v, "context");
	env->target = ir_text(r, v, "target");
	env->args = ir_table(r, v, "args", NAME_VAR);
	env->contexts = ir_table(r, v, "contexts", NAME_ANY);
	env->secrets = ir_table(r, v, "secrets", NAME_DOTTED);
	if (env->parent.kind == PARENT_NONE && env->dockerfile.n == 0)
		ir_bad(r, "parent", "there, or 'dockerfile'");
	env->apt = ir_list(r, v, "apt", NAME_ANY, true);
	env->apt_sources = ir_list(r, v, "apt_sources", NAME_ANY, false);
	env->apt_keys = ir_list(r, v, "apt_keys", NAME_ANY, true);
	for (size_t i = 0; i < env->apt_keys.n; i++)
		if (!path_inside(path_clean(r->a, env->apt_keys.v[i]), STR(".")))
			ir_bad(r, "apt_keys", "paths inside the project");
	read_python(r, ir_map(r, v, "python"), &env->python);
	env->include = ir_list(r, v, "include", NAME_ANY, true);
	for (size_t i = 0; i < env->include.n; i++)
		if (!path_inside(path_clean(r->a, env->include.v[i]), STR(".")))
			ir_bad(r, "include", "paths inside the project");
	env->env = ir_table(r, v, "env", NAME_VAR);
	env->labels = ir_table(r, v, "labels", NAME_ANY);
	env->workdir = ir_text(r, v, "workdir");
	env->user = ir_text(r, v, "user");
	if (js_type(js_get(v, "platform")) == JS_LIST)
		env->platforms = ir_list(r, v, "platform", NAME_ANY, true);
	else
		env->platform = ir_text(r, v, "platform");
	env->entrypoint = ir_list(r, v, "entrypoint", NAME_ANY, false);
	read_choices(r, v, env);
}

static struct str
kind_of(struct ir_reader *r, const struct js *v, const char *key, struct str absent)
{
	const struct js *m = js_get(v, key);
	const struct str kind = !m                     ? STR("")
				: js_type(m) == JS_MAP ? ir_text(r, m, "kind")
						       : checked_text(r, m, key);

	return kind.n ? kind : absent;
}

static void
read_pools(struct ir_reader *r, const struct js *v, struct ir_stack *s)
{
	size_t n;
	const struct ir_member *m = ir_members(r, v, "pools", NAME_DOTTED, &n);

	s->pools = arena_array(r->a, struct ir_resource, n);
	for (; s->npools < n && !r->bad; s->npools++) {
		const struct js *value = m[s->npools].value;
		struct ir_resource *out = &s->pools[s->npools];
		bool ok;

		out->name = m[s->npools].name;
		if (str_is(out->name, "memory"))
			ok = js_type(value) == JS_TEXT ? size_parse(js_str(value), &out->amount)
						       : js_type(value) == JS_INT && js_num(value) >= 0 &&
								 (out->amount = js_num(value), true);
		else
			ok = (js_type(value) == JS_INT || js_type(value) == JS_REAL) &&
			     amount_of(js_double(value), &out->amount);
		if (!ok)
			ir_bad(r, "pools", "a map of amounts");
	}
}

static void
read_stack(struct ir_reader *r, const struct js *v, struct ir_stack *s)
{
	static const char *const keys[] = { "orchestrator", "builder", "registry", "insecure", "reuse", "store",
					    "remote",       "pools",   "secrets",  NULL };

	if (js_type(v) != JS_MAP)
		ir_bad(r, "it", "a map");
	ir_keys(r, v, keys);
	s->orchestrator = kind_of(r, v, "orchestrator", STR("local"));
	s->builder = kind_of(r, v, "builder", STR("native"));
	s->registry = ir_text(r, v, "registry");
	s->store = ir_text(r, v, "store");
	s->remote = ir_text(r, v, "remote");
	s->insecure = ir_bool(r, v, "insecure", false);
	s->reuse = ir_bool(r, v, "reuse", false);
	s->settings = js_keep(r->a, js_type(v) == JS_MAP ? js_copy(v) : js_map());
	read_pools(r, v, s);
}

static void
read_stacks(struct ir_reader *r, const struct js *doc, struct ir *ir)
{
	size_t n, k = 0;
	const struct ir_member *m = ir_members(r, doc, "stacks", NAME_DOTTED, &n);
	bool local = false;

	r->section = "stack";
	ir->stacks = arena_array(r->a, struct ir_stack, n + 1);
	for (size_t i = 0; i <= n; i++) {
		if (!local && (i == n || str_cmp(STR("local"), m[i].name) < 0)) {
			ir_stack_implied(&ir->stacks[k++], r->a);
			local = true;
		}
		if (i == n)
			break;
		local |= str_is(m[i].name, "local");
		r->name = m[i].name;
		ir->stacks[k].name = m[i].name;
		read_stack(r, m[i].value, &ir->stacks[k++]);
	}
	ir->nstacks = k;
	r->name = STR("");
}

static void
read_all(struct ir_reader *r, const struct js *doc, struct ir *ir)
{
	static const char *const keys[] = { "schema",       "pipeline", "params", "steps",
					    "environments", "stacks",   "hooks", "made", NULL };
	const struct ir_member *m;

	if (js_type(doc) != JS_MAP)
		ir_bad(r, "the document", "a map");
	ir_keys(r, doc, keys);
	if (js_num(js_get(doc, "schema")) != IR_SCHEMA)
		ir_bad(r, "schema", "1");
	ir->pipeline = ir_text(r, doc, "pipeline");
	if (!name_ok(NAME_DOTTED, ir->pipeline))
		ir_bad(r, "pipeline", name_rule(NAME_DOTTED));
	ir->hooks = ir_read_hooks(r, doc);
	ir->made = ir_list(r, doc, "made", NAME_ANY, false);
	m = ir_members(r, doc, "params", NAME_ID, &ir->nparams);
	ir->params = arena_array(r->a, struct ir_param, ir->nparams);
	for (size_t i = 0; i < ir->nparams; i++)
		read_param(r, &m[i], &ir->params[i]);
	m = ir_members(r, doc, "environments", NAME_DOTTED, &ir->nenvironments);
	ir->environments = arena_array(r->a, struct ir_environment, ir->nenvironments);
	r->section = "environment";
	for (size_t i = 0; i < ir->nenvironments && !r->bad; i++) {
		r->name = ir->environments[i].name = m[i].name;
		read_environment(r, m[i].value, &ir->environments[i]);
	}
	r->name = STR("");
	m = ir_members(r, doc, "steps", NAME_ID, &ir->nsteps);
	ir->steps = arena_array(r->a, struct ir_step, ir->nsteps);
	r->section = "step";
	for (size_t i = 0; i < ir->nsteps && !r->bad; i++) {
		r->name = ir->steps[i].name = m[i].name;
		ir_read_step(r, m[i].value, &ir->steps[i]);
	}
	r->name = STR("");
	read_stacks(r, doc, ir);
}

/* What names refer to, cycles, paths: the same checks as for pawl.yaml, without places and without looking at
 * the disk. */
static int
check_read(const struct ir *ir, struct err *e)
{
	struct arena scratch = { 0 };
	struct diags d = { 0 };
	struct check c = { .ir = ir, .a = &scratch, .d = &d, .root = -1 };
	int rc = 0;

	check_ir(&c);
	if (d.nerrors)
		rc = d.nerrors > 1 ? err_set(e, ERR_INPUT, STR_FMT " (and %zu more)", STR_ARG(d.v[0].message),
					     d.nerrors - 1)
				   : err_set(e, ERR_INPUT, STR_FMT, STR_ARG(d.v[0].message));
	diags_done(&d);
	arena_done(&scratch);
	return rc;
}

int
ir_read(struct str json, struct arena *a, struct ir *out, struct err *e)
{
	struct ir ir = { .arena = a };
	struct ir_reader r = { .a = a, .e = e };
	AUTO_JS doc = NULL;

	if (json.n > JSON_MOST)
		return err_set(e, ERR_INPUT, "the IR is larger than %d MiB", JSON_MOST >> 20);
	if (js_parse(json, "the IR", &doc, e) < 0)
		return -1;
	read_all(&r, doc, &ir);
	if (r.bad || check_read(&ir, e) < 0)
		return err_wrap(e, "the IR");
	*out = ir;
	return 0;
}
