/* SPDX-License-Identifier: Apache-2.0 */
#include "hashing/key.h"
#include "rules/apt.h"
#include "rules/dockerfile.h"
#include "rules/interpreter.h"
#include "rules/rules.h"
#include "rules/wants.h"
#include "sys/file.h"

/*
 * What an environment is, without building it: a source over its parent's pin, its requirements' pins, the files that it includes, and its own
 * settings. Two kinds: env:NAME is the image, env:NAME/venv what a step with `isolation: venv` sees: interpreter, packages, variables.
 */
struct env_data {
	const struct ir_environment *env;
	const struct interpreter *python; /* of a venv; NULL: an image */
};

static struct env_data *
data_of(void *ctx, node_id n)
{
	return ((struct project *)ctx)->graph.node[n.i].data;
}

static void
text_list(struct key *k, const char *tag, const struct ir_texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		key_text(k, tag, arena_printf(k->arena, "%04zu", i), t->v[i]);
}

static void
pair_list(struct key *k, const char *tag, const struct ir_pairs *t)
{
	for (size_t i = 0; i < t->n; i++)
		key_text(k, tag, t->v[i].name, t->v[i].value);
}

static void
one_text(struct key *k, const char *name, struct str value)
{
	if (value.n)
		key_text(k, "config", str_z(name), value);
}

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct env_data *d = data_of(ctx, in->node);
	const struct ir_environment *env = d->env;

	(void)e;
	pair_list(k, "variable", &env->env);
	const struct str *code;
	const size_t ncode = environment_code(ctx, env, &code);
	for (size_t i = 0; i < ncode; i++)
		key_text(k, "local-package", code[i], STR("1"));
	if (d->python) {
		interpreter_fields(d->python, k);
		return 0;
	}
	/* No step can see its image's labels, or how its packages are spread over layers. */
	text_list(k, "entrypoint", &env->entrypoint);
	one_text(k, "workdir", env->workdir);
	one_text(k, "user", env->user);
	one_text(k, "platform", env->platform);
	if (env->dockerfile.n)
		dockerfile_fields(ctx, env, k);
	return 0;
}

static int
look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	const struct graph *g = in->graph;
	const struct node *n = &g->node[in->node.i];
	struct key k;

	key_init(&k, a, 1, "environment");
	if (fields(ctx, in, &k, e) < 0)
		return -1;
	for (uint32_t i = 0; i < n->nin; i++) {
		const struct edge *x = &g->edge[n->in + i];
		if (x->kind != EDGE_INPUT)
			continue;
		if (!in->of[i])
			return err_set(e, ERR_BUG, "an environment whose parts are not known");
		const struct output *port = x->port.n ? result_output(in->of[i], x->port) : NULL;
		if (x->port.n && !port)
			return err_set(e, ERR_BUG, "the parent of an environment does not say its '" STR_FMT "'", STR_ARG(x->port));
		key_digest(&k, x->tag, x->name, port ? &port->digest : &in->of[i]->digest);
	}
	*out = (struct result){ .kind = STR("env"), .node = n->name, .digest = key_done(&k) };
	return 0;
}

static void
explain_change(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct env_data *d = data_of(ctx, n);
	const struct key_field *f = c->b ? c->b : c->a;
	const char *how = !c->a ? "was added" : !c->b ? "is gone" : "changed";

	*out = (struct reason){ .code = REASON_ENVIRONMENT };
	if (str_is(f->tag, "variable"))
		out->text = arena_printf(a, "environment '" STR_FMT "': variable " STR_FMT " %s", STR_ARG(d->env->name), STR_ARG(f->name), how);
	else if (str_is(f->tag, "interpreter"))
		out->text = STR("the Python interpreter changed");
	else if (str_is(f->tag, "requirements"))
		out->text = arena_printf(a, "the Python packages of environment '" STR_FMT "' changed", STR_ARG(d->env->name));
	else
		out->text = arena_printf(a, "environment '" STR_FMT "': " STR_FMT "%s" STR_FMT " %s", STR_ARG(d->env->name), STR_ARG(f->tag),
					 f->name.n ? " " : "", STR_ARG(f->name), how);
}

const struct rule rule_env = {
	.kind = "env", .schema = 1, .source = true, .look = look, .fields = fields, .explain = explain_change,
};

/* ---- nodes ---- */

static bool
add_edge(struct project *p, node_id from, node_id to, const char *tag, struct str name)
{
	if (from.i == NODE_NONE.i)
		return false;
	graph_edge(&p->graph, from, to, EDGE_INPUT, tag, name, (struct str){ 0 });
	return true;
}

/* The whole parent, or the part of it that `key` names. */
static bool
add_parent_edge(struct project *p, const struct ir_environment *env, node_id to, struct err *e)
{
	static const struct str ports[] = { [PARENT_KEY_DIGEST] = STR_INIT(""), [PARENT_KEY_ABI] = STR_INIT("python"),
					    [PARENT_KEY_PACKAGES] = STR_INIT("packages") };
	const node_id from = add_parent(p, env, e);

	if (from.i == NODE_NONE.i)
		return false;
	graph_edge(&p->graph, from, to, EDGE_INPUT, "parent", (struct str){ 0 }, ports[env->key]);
	return true;
}

static bool
add_parts(struct project *p, const struct ir_environment *env, node_id n, struct err *e)
{
	if (env->parent.kind != PARENT_NONE && !env->dockerfile.n && !add_parent_edge(p, env, n, e))
		return false;
	if (env->apt.n && !add_edge(p, add_apt(p, env, e), n, "apt", (struct str){ 0 }))
		return false;
	if (env->python.on && !add_edge(p, add_requirements(p, env, true, e), n, "requirements", (struct str){ 0 }))
		return false;
	if (env->dockerfile.n && dockerfile_identity(p, env, n, e) < 0)
		return false;
	for (size_t i = 0; i < env->include.n; i++) {
		struct str path = env->include.v[i];
		node_id from = path_has_glob(path) ? add_glob(p, path, e) : add_file(p, path, e);
		bool twice = false;
		for (size_t k = 0; k < i; k++)
			twice = twice || str_eq(path, env->include.v[k]);
		if (from.i == NODE_NONE.i || (!twice && !add_edge(p, from, n, "include", path)))
			return false;
	}
	return true;
}

static node_id
add_node(struct project *p, const struct ir_environment *env, struct str name, const struct interpreter *py)
{
	struct env_data *d = arena_new(&p->arena, struct env_data);

	*d = (struct env_data){ .env = env, .python = py };
	return graph_add(&p->graph, &rule_env, name, d);
}

node_id
add_environment_identity(struct project *p, const struct ir_environment *env, struct err *e)
{
	struct str name = arena_printf(&p->arena, "env:" STR_FMT, STR_ARG(env->name));
	node_id n = graph_find(&p->graph, name);

	if (n.i != NODE_NONE.i)
		return n;
	n = add_node(p, env, name, NULL);
	return add_parts(p, env, n, e) ? n : NODE_NONE;
}

node_id
add_venv_identity(struct project *p, const struct ir_environment *env, struct err *e)
{
	struct str name = arena_printf(&p->arena, "env:" STR_FMT "/venv", STR_ARG(env->name));
	node_id n = graph_find(&p->graph, name);
	const struct interpreter *py;

	if (n.i != NODE_NONE.i)
		return n;
	node_id requirements = add_requirements(p, env, false, e);
	if (requirements.i == NODE_NONE.i || interpreter_find(p, &py, e) < 0)
		return NODE_NONE;
	n = add_node(p, env, name, py);
	return add_edge(p, requirements, n, "requirements", (struct str){ 0 }) ? n : NODE_NONE;
}
