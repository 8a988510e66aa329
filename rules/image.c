/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/image.h"

#include <stdlib.h>
#include <string.h>

#include "rules/apt.h"
#include "rules/image_attest.h"
#include "rules/image_inside.h"
#include "rules/wants.h"
#include "rules/wheels.h"

#define IMAGE_FORMAT 1 /* config and manifest as we write them */

/* ---- state of a project ---- */

struct image_state *
image_state_of(struct project *p)
{
	if (!p->image) {
		p->image = mem_zalloc(sizeof *p->image);
		(void)pthread_mutex_init(&p->image->mu, NULL);
	}
	return p->image;
}

void
image_state_free(struct image_state *s)
{
	if (!s)
		return;
	batch_done(&s->batch);
	VEC_DONE(&s->made);
	arena_done(&s->arena);
	(void)pthread_mutex_destroy(&s->mu);
	free(s);
}

void
image_note_made(struct project *p, struct str environment, const struct digest *d)
{
	struct image_state *s = p->image;
	pthread_mutex_lock(&s->mu);
	VEC_PUSH(&s->made, ((struct image_made){ environment, *d }));
	pthread_mutex_unlock(&s->mu);
}

void
image_records(struct project *p, struct batch *b)
{
	struct image_state *s = p->image;
	if (!s)
		return;
	pthread_mutex_lock(&s->mu);
	struct rd rest = { .rest = buf_str(&s->batch.ops) };
	struct batch_op op;
	while (batch_next(&rest, &op))
		batch_put(b, op.table, op.key, op.value);
	batch_done(&s->batch);
	s->batch = (struct batch){ 0 };
	pthread_mutex_unlock(&s->mu);
}

/* ---- nodes ---- */

static bool
named_before(struct project *p, const struct ir_environment *env, size_t i, struct str pattern)
{
	for (size_t k = 0; k < i; k++) {
		if (str_eq(image_include_pattern(p, env->include.v[k], &p->arena), pattern))
			return true;
	}
	return false;
}

static int
add_inputs(struct project *p, struct image_data *d, node_id n, struct err *e)
{
	const struct ir_environment *env = d->env;
	if (env->parent.kind != PARENT_NONE || env->dockerfile.n > 0) {
		d->parent = add_base(p, env, e);
		if (d->parent.i == NODE_NONE.i)
			return -1;
		graph_edge(&p->graph, d->parent, n, EDGE_INPUT, "parent", STR(""), STR(""));
	}
	if (env->python.on && (env->parent.kind != PARENT_NONE || env->dockerfile.n > 0)) {
		d->requirements = add_requirements(p, env, true, e);
		if (d->requirements.i == NODE_NONE.i)
			return -1;
		graph_edge(&p->graph, d->requirements, n, EDGE_INPUT, "python", STR(""), STR(""));
	}
	for (size_t i = 0; i < env->include.n; i++) {
		const struct str pattern = image_include_pattern(p, env->include.v[i], &p->arena);
		if (named_before(p, env, i, pattern))
			continue;
		const node_id files = add_glob(p, pattern, e);
		if (files.i == NODE_NONE.i)
			return -1;
		graph_edge(&p->graph, files, n, EDGE_INPUT, "include", pattern, STR(""));
	}
	return 0;
}

node_id
add_image(struct project *p, const struct ir_environment *env, struct err *e)
{
	const struct str name = arena_printf(&p->arena, "image:" STR_FMT, STR_ARG(env->name));
	node_id n = graph_find(&p->graph, name);
	if (n.i != NODE_NONE.i)
		return n;
	struct image_data *d = arena_new(&p->arena, struct image_data);
	*d = (struct image_data){ .env = env, .parent = NODE_NONE, .requirements = NODE_NONE };
	n = graph_add(&p->graph, &rule_image, name, d);
	return add_inputs(p, d, n, e) < 0 ? NODE_NONE : n;
}

static const struct image_data *
data_of(const struct graph *g, node_id n)
{
	return g->node[n.i].data;
}

/* ---- the rule ---- */

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	struct project *p = ctx;
	const struct ir_environment *env = data_of(in->graph, in->node)->env;
	const struct builder_kind *b = builder_find(p->stack ? p->stack->builder : (struct str){ 0 }, e);
	AUTO_BUF words = { 0 };
	struct image_files code;
	if (!b || image_code_now(p, env, k->arena, &code, e) < 0)
		return -1;
	for (size_t i = 0; i < env->entrypoint.n; i++)
		buf_printf(&words, STR_FMT "\n", STR_ARG(env->entrypoint.v[i]));
	const struct digest d = image_files_digest(&code);
	key_digest(k, "code", STR(""), &d);
	for (size_t i = 0; i < env->env.n; i++)
		key_text(k, "env", env->env.v[i].name, env->env.v[i].value);
	const struct str *code_path;
	const size_t npath = environment_code(p, env, &code_path);
	for (size_t i = 0; i < npath; i++)
		key_text(k, "local-package", code_path[i], STR("1"));
	for (size_t i = 0; i < env->labels.n; i++)
		key_text(k, "label", env->labels.v[i].name, env->labels.v[i].value);
	key_text(k, "config", STR("workdir"), env->workdir);
	key_text(k, "config", STR("user"), env->user);
	key_text(k, "config", STR("entrypoint"), buf_str(&words));
	key_text(k, "config", STR("platform"), environment_platform(env));
	if (env->python.layers.n > 0)
		key_text(k, "config", STR("python.layers"), env->python.layers);
	key_num(k, "format", STR("image"), IMAGE_FORMAT);
	key_num(k, "format", STR("layer"), LAYER_FORMAT);
	key_num(k, "format", STR("wheel"), WHEEL_FORMAT);
	key_text(k, "format", STR("compressor"), str_z(b->identity(BUILDER_FILES, image_compression(env))));
	if (env->sbom || env->provenance)
		key_num(k, "attest", env->sbom && env->provenance ? STR("both") : env->sbom ? STR("sbom") : STR("provenance"), ATTEST_FORMAT);
	return 0;
}

static enum usable
usable(void *ctx, node_id n, const struct result *r)
{
	struct project *p = ctx;
	(void)n;
	for (size_t i = 0; i < r->noutputs; i++) {
		if (r->outputs[i].type != OUTPUT_VALUE && !blobs_has(p->cache->blobs, &r->outputs[i].digest, NULL))
			return USABLE_EVICTED;
	}
	return USABLE_YES;
}

static void
explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct key_field *f = c->b ? c->b : c->a;
	(void)ctx;
	(void)n;
	out->code = REASON_ENVIRONMENT;
	if (str_is(f->tag, "code")) {
		out->code = REASON_CODE;
		out->text = STR("the code of a step that uses it changed");
	} else if (str_is(f->tag, "include")) {
		out->text = arena_printf(a, "a file of include '" STR_FMT "' changed", STR_ARG(f->name));
	} else if (str_is(f->tag, "env")) {
		out->text = arena_printf(a, "its variable " STR_FMT " changed", STR_ARG(f->name));
	} else if (str_is(f->tag, "label") || str_is(f->tag, "config")) {
		out->text = arena_printf(a, "its " STR_FMT " changed", STR_ARG(f->name));
	} else if (str_is(f->tag, "parent")) {
		out->text = STR("its parent changed");
	} else if (str_is(f->tag, "python")) {
		out->text = STR("its Python packages changed");
	} else if (str_is(f->tag, "format")) {
		out->code = REASON_TOOL;
		out->text = STR("this version of pawl writes images otherwise");
	}
}

const struct rule rule_image = {
	.kind = "image",
	.schema = 1,
	.fields = fields,
	.usable = usable,
	.start = image_start,
	.stop = image_stop,
	.explain = explain,
};
