/* SPDX-License-Identifier: Apache-2.0
 *
 * Environments with what they extend, and stacks.
 */
#include <stdlib.h>

#include "base/vec.h"
#include "rules/lower.h"
#include "rules/schema.h"
#include "sys/file.h"

enum { CHAIN_MOST = 32 };

/* An environment and what it extends, nearest first. */
struct chain {
	const struct yaml_node *v[CHAIN_MOST];
	size_t n;
};

static struct str
near_environment(struct lower *l, struct str name)
{
	struct str names[100];
	size_t n = 0;

	for (; n < l->environments.n && n < 100; n++)
		names[n] = l->environments.v[n].name;
	return schema_suggest(name, names, n, l->a);
}

/* Follows `extends`; a circle is reported by the member whose name comes first. */
static void
follow(struct lower *l, const struct lower_entry *e, struct chain *c)
{
	AUTO_BUF way = { 0 };
	const struct yaml_node *n = e->entry->value, *up;
	struct str least = e->name;

	buf_put(&way, e->name);
	c->v[c->n++] = n;
	while (yaml_is(up = yaml_get(n, "extends"), YAML_TEXT) && up->text.n) {
		const uint32_t i = map_get(&l->environments.by_name, up->text);

		if (i == MAP_NONE) {
			if (n == e->entry->value)
				LOWER_ERROR(
					l, yaml_at(up), "unknown-environment", near_environment(l, up->text),
					"environment '" STR_FMT "' extends '" STR_FMT "', which is not there",
					STR_ARG(e->name), STR_ARG(up->text));
			return;
		}
		buf_printf(&way, " -> " STR_FMT, STR_ARG(up->text));
		if (str_eq(up->text, e->name)) {
			if (str_eq(least, e->name))
				LOWER_ERROR(l, yaml_at(yaml_get(e->entry->value, "extends")), "cycle",
					    STR(""), "environments extend each other in a cycle: %s",
					    buf_z(&way));
			return;
		}
		if (str_cmp(up->text, least) < 0)
			least = up->text;
		n = l->environments.v[i].entry->value;
		for (size_t k = 0; k < c->n; k++)
			if (c->v[k] == n)
				return; /* a circle further up, which its own members report */
		if (c->n == CHAIN_MOST) {
			LOWER_ERROR(l, yaml_at(up), "too-deep", STR(""),
				    "environment '" STR_FMT "' extends more than %d others in a row",
				    STR_ARG(e->name), CHAIN_MOST);
			return;
		}
		c->v[c->n++] = n;
	}
}

/* The nearest value of a key. */
static const struct yaml_node *
get(const struct chain *c, const char *key)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct yaml_entry *e = yaml_entry(c->v[i], key);

		if (e)
			return e->value;
	}
	return NULL;
}

/* The chain of the maps under a key that is merged key by key; a null in between cuts off what lies above. */
static struct chain
maps(const struct chain *c, const char *key)
{
	struct chain out = { .n = 0 };

	for (size_t i = 0; i < c->n; i++) {
		const struct yaml_entry *e = yaml_entry(c->v[i], key);

		if (!e)
			continue;
		if (!yaml_is(e->value, YAML_MAP))
			break;
		out.v[out.n++] = e->value;
	}
	return out;
}

static int
by_first_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static struct ir_pairs
merged_pairs(struct lower *l, const struct chain *c, const char *key)
{
	const struct chain m = maps(c, key);
	struct map seen = { 0 };
	VEC(struct ir_pair) all = { 0 };

	for (size_t i = 0; i < m.n; i++) {
		const struct ir_pairs p = lower_pairs(l, m.v[i]);

		for (size_t k = 0; k < p.n; k++)
			if (map_add(&seen, p.v[k].name, 1 + (uint32_t)i) == 1 + i)
				VEC_PUSH(&all, p.v[k]);
	}
	struct ir_pairs out = { arena_array(l->a, struct ir_pair, all.n), all.n };

	for (size_t i = 0; i < all.n; i++)
		out.v[i] = all.v[i];
	if (out.n > 1)
		qsort(out.v, out.n, sizeof *out.v, by_first_text);
	VEC_DONE(&all);
	map_done(&seen);
	return out;
}

static bool
reference_ok(struct str ref)
{
	static const char marks[] = "._-/:@[]";

	for (size_t i = 0; i < ref.n; i++) {
		const char c = ref.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) &&
		    str_find_char(str_z(marks), c) == SIZE_MAX)
			return false;
	}
	return ref.n > 0 && ref.n < 500 && ref.p[0] != '-' && ref.p[0] != '/' && ref.p[0] != ':';
}

static void
parent_path(struct lower *l, struct ir_parent *p, const struct yaml_node *n, enum ir_parent_kind kind,
	    struct str path)
{
	p->kind = kind;
	if (path.n == 0)
		LOWER_ERROR(l, yaml_at(n), "bad-reference", STR(""), "'" STR_FMT "' lacks a path",
			    STR_ARG(n->text));
	else
		(void)lower_path(l, n, path, &p->ref); /* reported */
}

static void
lower_parent(struct lower *l, struct ir_parent *p, const struct yaml_node *n)
{
	if (!n || n->kind == YAML_NULL)
		return;
	p->at = yaml_at(n);
	if (n->kind == YAML_MAP) {
		p->kind = PARENT_BOOTSTRAP;
		p->distribution = lower_text(yaml_get(n, "bootstrap"));
		p->suite = lower_text(yaml_get(n, "suite"));
		p->packages = lower_set(l, yaml_get(n, "packages"));
		return;
	}
	const struct str text = lower_text(n);

	if (str_is(text, "scratch")) {
		p->kind = PARENT_SCRATCH;
	} else if (str_starts(text, STR("oci:"))) {
		parent_path(l, p, n, PARENT_OCI, str_drop(text, 4));
	} else if (str_starts(text, STR("docker-archive:"))) {
		parent_path(l, p, n, PARENT_DOCKER_ARCHIVE, str_drop(text, 15));
	} else if (text.n) {
		p->kind = PARENT_REGISTRY;
		p->ref = text;
		if (!reference_ok(text))
			LOWER_ERROR(l, yaml_at(n), "bad-reference",
				    STR("write it like python:3.11-slim or registry.example.com/team/base:1"),
				    "'" STR_FMT "' is no reference of an image",
				    STR_ARG(str_take(text, 100)));
	}
}

static void
lower_python(struct lower *l, struct ir_environment *env, const struct chain *c)
{
	const struct chain m = maps(c, "python");
	const struct yaml_node *layers = get(&m, "layers"), *first = get(c, "python");
	struct ir_python *p = &env->python;
	const struct str installer = lower_text(get(&m, "installer"));

	p->on = m.n > 0;
	env->python_at = yaml_at(first);
	p->requirements = lower_texts(l, get(&m, "requirements"));
	p->constraints = lower_texts(l, get(&m, "constraints"));
	p->groups = lower_set(l, get(&m, "groups"));
	p->index = lower_texts(l, get(&m, "index"));
	if (get(&m, "pyproject"))
		(void)lower_path(l, get(&m, "pyproject"), lower_text(get(&m, "pyproject")), &p->pyproject);
	if (get(&m, "lock"))
		(void)lower_path(l, get(&m, "lock"), lower_text(get(&m, "lock")), &p->lock);
	p->replicate = lower_truth(get(&m, "replicate"), false);
	p->installer = str_is(installer, "uv")    ? INSTALLER_UV
		       : str_is(installer, "pip") ? INSTALLER_PIP
						  : INSTALLER_DEFAULT;
	if (layers && layers->kind != YAML_NULL) {
		AUTO_BUF b = { 0 };
		AUTO_JS js = yaml_js(layers);

		js_write(js, &b);
		p->layers = arena_str(l->a, buf_str(&b));
	}
}

static struct ir_texts
lower_globs(struct lower *l, const struct yaml_node *n)
{
	struct ir_texts t = lower_texts(l, n);

	for (size_t i = 0; i < t.n; i++) {
		const struct yaml_node *item = yaml_is(n, YAML_LIST) && i < n->n ? n->items[i] : n;

		(void)lower_path(l, item, t.v[i], &t.v[i]); /* reported */
	}
	lower_sort_texts(&t);
	return t;
}

/* What belongs to a Dockerfile and means nothing without one. */
static void
lower_build(struct lower *l, struct ir_environment *env, const struct chain *c)
{
	static const char *const keys[] = { "target", "args", "contexts", "secrets" };
	const struct yaml_node *secrets = get(c, "secrets");

	for (size_t i = 0; i < sizeof keys / sizeof *keys && !get(c, "dockerfile"); i++)
		if (get(c, keys[i]))
			LOWER_ERROR(l, yaml_at(get(c, keys[i])), "missing-key", STR("leave it out, or add 'dockerfile:'"),
				    "environment '" STR_FMT "': '%s' without a Dockerfile", STR_ARG(env->name), keys[i]);
	env->target = lower_text(get(c, "target"));
	env->args = merged_pairs(l, c, "args");
	env->contexts = merged_pairs(l, c, "contexts");
	env->secrets = yaml_is(secrets, YAML_MAP) ? merged_pairs(l, c, "secrets") : (struct ir_pairs){ 0 };
	if (yaml_is(secrets, YAML_LIST)) {
		const struct ir_texts names = lower_set(l, secrets);

		env->secrets.v = arena_array(l->a, struct ir_pair, names.n);
		for (; env->secrets.n < names.n; env->secrets.n++)
			env->secrets.v[env->secrets.n] = (struct ir_pair){
				names.v[env->secrets.n], arena_printf(l->a, "env:" STR_FMT, STR_ARG(names.v[env->secrets.n]))
			};
	}
	for (size_t i = 0; i < env->secrets.n; i++)
		if (!str_starts(env->secrets.v[i].value, STR("env:")) && !str_starts(env->secrets.v[i].value, STR("file:")))
			LOWER_ERROR(l, yaml_at(yaml_get(secrets, arena_z(l->a, env->secrets.v[i].name))), "bad-choice",
				    STR("expected env:NAME or file:PATH"), "environment '" STR_FMT "': the secret '" STR_FMT "' comes from nowhere",
				    STR_ARG(env->name), STR_ARG(env->secrets.v[i].name));
}

static void
lower_platform(struct lower *l, struct ir_environment *env, const struct yaml_node *n)
{
	if (!yaml_is(n, YAML_LIST)) {
		env->platform = lower_text(n);
		return;
	}
	const struct ir_texts all = lower_set(l, n);

	for (size_t i = 0; i < all.n; i++)
		if (!str_starts(all.v[i], STR("linux/")) || all.v[i].n == 6)
			LOWER_ERROR(l, yaml_at(n), "bad-reference", STR("write it like linux/amd64"), "'" STR_FMT "' is no platform",
				    STR_ARG(str_take(all.v[i], 100)));
	if (all.n == 1)
		env->platform = all.v[0];
	else
		env->platforms = all;
}

/* A list of packages, or a map with one. */
static void
lower_apt(struct lower *l, struct ir_environment *env, const struct yaml_node *n)
{
	if (!yaml_is(n, YAML_MAP)) {
		env->apt = lower_set(l, n);
		return;
	}
	env->apt = lower_set(l, yaml_get(n, "packages"));
	env->apt_sources = lower_texts(l, yaml_get(n, "sources"));
	env->apt_keys = lower_globs(l, yaml_get(n, "keys"));
}

static void
lower_environment(struct lower *l, struct ir_environment *env, const struct lower_entry *e)
{
	struct chain c = { .n = 0 };
	const struct yaml_node *dockerfile, *context;

	env->name = e->name;
	env->at = yaml_key_at(e->entry);
	follow(l, e, &c);
	dockerfile = get(&c, "dockerfile");
	context = get(&c, "context");
	lower_parent(l, &env->parent, get(&c, "parent"));
	if (yaml_is(dockerfile, YAML_TEXT) && lower_path(l, dockerfile, dockerfile->text, &env->dockerfile)) {
		env->dockerfile_at = yaml_at(dockerfile);
		env->context = STR(".");
		if (yaml_is(context, YAML_TEXT))
			(void)lower_path(l, context, context->text, &env->context); /* reported */
	} else if (yaml_is(context, YAML_TEXT) && !dockerfile) {
		LOWER_ERROR(l, yaml_at(context), "missing-key", STR("leave it out, or add 'dockerfile:'"),
			    "environment '" STR_FMT "': a context without a Dockerfile", STR_ARG(env->name));
	}
	lower_build(l, env, &c);
	lower_apt(l, env, get(&c, "apt"));
	lower_python(l, env, &c);
	env->include = lower_globs(l, get(&c, "include"));
	env->env = merged_pairs(l, &c, "env");
	env->labels = merged_pairs(l, &c, "labels");
	env->workdir = lower_text(get(&c, "workdir"));
	env->user = lower_text(get(&c, "user"));
	lower_platform(l, env, get(&c, "platform"));
	env->entrypoint = lower_texts(l, get(&c, "entrypoint"));
	const struct ir_texts attest = lower_set(l, get(&c, "attest"));
	const struct str key = lower_text(get(&c, "key"));
	env->key = str_is(key, "abi") ? PARENT_KEY_ABI : str_is(key, "packages") ? PARENT_KEY_PACKAGES : PARENT_KEY_DIGEST;
	if (env->key != PARENT_KEY_DIGEST && env->dockerfile.n > 0)
		LOWER_ERROR(l, yaml_at(get(&c, "key")), "bad-choice", STR("leave it out: steps run again when what the Dockerfile builds on changes"),
			    "environment '" STR_FMT "': 'key: " STR_FMT "' needs a parent without a Dockerfile", STR_ARG(env->name), STR_ARG(key));
	env->compression = str_is(lower_text(get(&c, "compression")), "zstd") ? COMPRESS_ZSTD : COMPRESS_GZIP;
	env->sbom = ir_texts_have(&attest, STR("sbom"));
	env->provenance = ir_texts_have(&attest, STR("provenance"));
	if (yaml_is(e->entry->value, YAML_MAP) && !get(&c, "parent") && !dockerfile &&
	    !yaml_get(e->entry->value, "extends"))
		LOWER_ERROR(l, env->at, "missing-key",
			    STR("add 'parent: python:3.11-slim', 'parent: scratch' or 'dockerfile: FILE'"),
			    "environment '" STR_FMT "': it has neither a 'parent' nor a 'dockerfile'",
			    STR_ARG(env->name));
}

void
lower_environments(struct lower *l)
{
	struct ir *ir = l->ir;

	ir->nenvironments = l->environments.n;
	ir->environments = arena_array(l->a, struct ir_environment, ir->nenvironments);
	l->environment_nodes = arena_array(l->a, const struct yaml_node *, ir->nenvironments);
	for (size_t i = 0; i < ir->nenvironments; i++) {
		lower_environment(l, &ir->environments[i], &l->environments.v[i]);
		l->environment_nodes[i] = l->environments.v[i].entry->value;
	}
}
