/* SPDX-License-Identifier: Apache-2.0
 *
 *	image_start [loop thread: inputs, code]  ->  work [pool thread: layers found or made, config, manifest]  ->  ended [loop thread]
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backends/layout.h"
#include "backends/oci.h"
#include "rules/image_attest.h"
#include "rules/image_inside.h"
#include "rules/wants.h"
#include "sys/loop.h"
#include "sys/pool.h"

struct building {
	struct task *task;
	struct project *project;
	const struct image_data *data;
	struct arena arena;
	struct parent_info parent;
	struct wheel_set wheels;
	struct str python_path; /* of local packages, with the environment's own in front; empty: none */
	struct image_files include, code;
	struct image_parts parts;
	struct js *config;      /* the parent's */
	struct image_layers layers;
	struct digest manifest, config_digest;
	uint64_t manifest_size, config_size;
	struct output documents[2]; /* image_attest.h */
	size_t ndocuments;
	atomic_bool stop;
	struct err err;
	bool bad;
};

/* ---- what is going on, for a person ---- */

struct progress {
	struct project *project;
	node_id node;
	char text[160];
};

static void
show(void *ctx)
{
	struct progress *s = ctx;
	s->project->watch.progress(s->project->watch.ctx, s->node, str_z(s->text));
	free(s);
}

static void
tell(struct building *b, struct str what)
{
	if (!b->project->watch.progress)
		return;
	struct progress *s = mem_zalloc(sizeof *s);
	s->project = b->project;
	s->node = b->task->node;
	const size_t n = what.n < sizeof s->text - 1 ? what.n : sizeof s->text - 1;
	memcpy(s->text, what.p, n);
	loop_post(b->task->loop, show, s);
}

/* ---- layers ---- */

/* The layers of a bucket's wheels, each for itself: they are kept for other buckets and images. */
static int
make_parts(struct building *b, const struct builder_kind *builder, struct layer_spec *s, struct err *e)
{
	struct image_state *state = b->project->image;
	for (size_t i = 0; i < s->nparts; i++) {
		AUTO_BUF record = { 0 };
		if (s->parts[i].out.state != IMAGE_LAYER_BUILD)
			continue;
		if (layer_make(b->project, builder, &s->parts[i], &record, e) < 0)
			return -1;
		pthread_mutex_lock(&state->mu);
		layer_record(&s->parts[i], buf_str(&record), &state->batch);
		pthread_mutex_unlock(&state->mu);
	}
	return 0;
}

static void
make_one(void *ctx, size_t i)
{
	struct building *b = ctx;
	struct layer_spec *s = &b->parts.v[i];
	struct image_state *state = b->project->image;
	struct err e = { 0 };
	AUTO_BUF record = { 0 };
	if (s->out.state != IMAGE_LAYER_BUILD || atomic_load(&b->stop))
		return;
	const struct builder_kind *builder = builder_find(b->project->stack->builder, &e);
	tell(b, s->history);
	const bool failed = !builder || make_parts(b, builder, s, &e) < 0 || layer_make(b->project, builder, s, &record, &e) < 0;
	pthread_mutex_lock(&state->mu);
	if (failed && !b->bad) {
		b->bad = true;
		b->err = e;
	} else if (!failed) {
		layer_record(s, buf_str(&record), &state->batch);
	}
	pthread_mutex_unlock(&state->mu);
	if (!failed)
		image_note_made(b->project, b->data->env->name, &s->out.digest);
}

/* The wheels whose layers are missing, several at a time. */
static int
fetch_wheels(struct building *b, struct err *e)
{
	struct wheel_set missing = { .v = arena_array(&b->arena, struct wheel_pin, b->wheels.n + 1) };
	for (size_t i = 0; i < b->parts.n; i++) {
		struct layer_spec *s = &b->parts.v[i];
		if (s->out.state != IMAGE_LAYER_BUILD || s->files)
			continue;
		if (s->nparts == 0)
			missing.v[missing.n++] = s->wheel;
		for (size_t k = 0; k < s->nparts; k++)
			if (!layer_find(b->project, &s->parts[k], &b->arena))
				missing.v[missing.n++] = s->parts[k].wheel;
	}
	const struct wheel_workshop w = { .env = b->data->env, .parent = &b->parent, .progress = wheel_arrived, .ctx = b->task };
	return missing.n > 0 ? wheels_fetch(b->project, &missing, &w, &b->stop, e) : 0;
}

static int
make_layers(struct building *b, struct err *e)
{
	for (size_t i = 0; i < b->parts.n; i++)
		(void)layer_find(b->project, &b->parts.v[i], &b->arena);
	if (fetch_wheels(b, e) < 0)
		return -1;
	pool_each(b->parts.n, 1, 0, make_one, b);
	if (b->bad)
		return err_set(e, b->err.code, "%s", b->err.text);
	if (atomic_load(&b->stop))
		return err_set(e, ERR_INTERRUPTED, "the image of '" STR_FMT "' was ended before it was done", STR_ARG(b->data->env->name));
	const size_t n = b->parent.nlayers + b->parts.n;
	b->layers.v = arena_array(&b->arena, struct image_layer, n + 1);
	b->layers.n = n;
	image_parent_layers(b->project, &b->parent, &b->arena, b->layers.v);
	for (size_t i = 0; i < b->parts.n; i++)
		b->layers.v[b->parent.nlayers + i] = b->parts.v[i].out;
	return 0;
}

/* ---- config and manifest ---- */

static struct str *
pairs(const struct ir_pairs *p, struct arena *a)
{
	struct str *v = arena_array(a, struct str, p->n + 1);
	for (size_t i = 0; i < p->n; i++)
		v[i] = arena_printf(a, STR_FMT "=" STR_FMT, STR_ARG(p->v[i].name), STR_ARG(p->v[i].value));
	return v;
}

/* Variables, and where Python finds local packages, which are code. */
static struct str *
variables(const struct building *b, size_t *n, struct arena *a)
{
	const struct ir_pairs *env = &b->data->env->env;
	struct str *v = pairs(env, a);
	size_t at = env->n;

	for (size_t i = 0; i < env->n; i++)
		if (str_is(env->v[i].name, "PYTHONPATH"))
			at = i;
	*n = env->n;
	if (!b->python_path.n)
		return v;
	v[at] = arena_printf(a, "PYTHONPATH=" STR_FMT, STR_ARG(b->python_path));
	*n += at == env->n;
	return v;
}

static struct str
packages_text(const struct ir_environment *env, struct arena *a)
{
	AUTO_BUF b = { 0 };
	buf_puts(&b, "apt");
	for (size_t i = 0; i < env->apt.n; i++)
		buf_printf(&b, " " STR_FMT, STR_ARG(env->apt.v[i]));
	return arena_str(a, buf_str(&b));
}

static int
put_config(struct building *b, struct err *e)
{
	const struct ir_environment *env = b->data->env;
	size_t nenv;
	struct str *vars = variables(b, &nenv, &b->arena);
	const struct oci_settings s = { .platform = b->parent.platform,
					.env = vars,
					.nenv = nenv,
					.labels = pairs(&env->labels, &b->arena),
					.nlabels = env->labels.n,
					.workdir = env->workdir,
					.user = env->user,
					.entrypoint = env->entrypoint.v,
					.nentrypoint = env->entrypoint.n };
	/* A parent without a config brings its layers' diff_ids along here; one with a config has them in it. */
	const bool bare = digest_is_zero(&b->parent.config);
	struct oci_added *added = arena_array(&b->arena, struct oci_added, b->layers.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < b->parent.nlayers; i++) {
		const bool apt = str_is(b->parent.layers[i].kind, "apt"); /* ours, on top of the parent's */
		if (bare || apt)
			added[n++] = (struct oci_added){ b->parent.layers[i].diff_id, apt ? packages_text(env, &b->arena) : b->parent.name };
	}
	for (size_t i = 0; i < b->parts.n; i++)
		added[n++] = (struct oci_added){ b->parts.v[i].out.diff_id, b->parts.v[i].history };
	AUTO_BUF text = { 0 };
	oci_config_write(b->config, &s, added, n, &text);
	b->config_size = text.n;
	return blobs_put(b->project->cache->blobs, buf_str(&text), &b->config_digest, e);
}

static int
put_manifest(struct building *b, struct err *e)
{
	struct oci_manifest m = { .config = b->config_digest, .config_size = b->config_size, .nlayers = b->layers.n };
	m.layers = arena_array(&b->arena, struct oci_layer, m.nlayers + 1);
	for (size_t i = 0; i < m.nlayers; i++) {
		const struct image_layer *l = &b->layers.v[i];
		m.layers[i] = (struct oci_layer){ l->digest, l->diff_id, l->size, l->media };
	}
	AUTO_BUF text = { 0 };
	oci_manifest_write(&m, &text);
	b->manifest_size = text.n;
	return blobs_put(b->project->cache->blobs, buf_str(&text), &b->manifest, e);
}

static int
put_document(struct building *b, const char *name, void (*write)(const struct attest *x, struct buf *out), const struct attest *x, struct err *e)
{
	AUTO_BUF text = { 0 };
	struct output o = { .name = str_z(name), .type = OUTPUT_FILE };
	write(x, &text);
	o.size = text.n;
	if (blobs_put(b->project->cache->blobs, buf_str(&text), &o.digest, e) < 0)
		return -1;
	b->documents[b->ndocuments++] = o;
	return 0;
}

/* A Dockerfile's last stage says nothing of its packages: they are read from its layers, where these are here. */
static int
read_packages(struct building *b, struct err *e)
{
	struct parent_info *p = &b->parent;
	struct oci_layer *v = arena_array(&b->arena, struct oci_layer, p->nlayers + 1);
	for (size_t i = 0; i < p->nlayers; i++) {
		if (!blobs_has(b->project->cache->blobs, &p->layers[i].digest, NULL))
			return 0;
		v[i] = (struct oci_layer){ p->layers[i].digest, p->layers[i].diff_id, p->layers[i].size, p->layers[i].media };
	}
	if (packages_of_layers(b->project->cache->blobs, v, p->nlayers, &b->arena, &p->packages, e) < 0)
		return -1;
	p->packaged = true;
	return 0;
}

static int
put_documents(struct building *b, struct err *e)
{
	const struct ir_environment *env = b->data->env;
	if (env->sbom && !b->parent.packaged && read_packages(b, e) < 0)
		return -1;
	const struct attest x = { .name = image_repo_tag(b->project, env, &b->arena),
				  .pipeline = b->project->ir.pipeline,
				  .environment = env->name,
				  .builder = b->project->stack->builder.n > 0 ? b->project->stack->builder : STR("native"),
				  .manifest = b->manifest,
				  .parent = &b->parent,
				  .wheels = &b->wheels,
				  .key = b->task->key,
				  .key_digest = b->task->key_digest };
	if (env->provenance && put_document(b, "provenance", attest_provenance, &x, e) < 0)
		return -1;
	return env->sbom ? put_document(b, "sbom", attest_sbom, &x, e) : 0;
}

/* A bootstrapped root has no config: what every shell expects. */
static struct js *
bootstrap_config(void)
{
	struct js *env = js_list(), *config = js_map(), *doc = js_map();
	js_push(env, js_textz("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
	js_set(config, "Env", env);
	js_set(doc, "config", config);
	return doc;
}

static int
read_config(struct building *b, struct err *e)
{
	AUTO_BUF text = { 0 };
	if (b->parent.kind == PARENT_BOOTSTRAP) {
		b->config = bootstrap_config();
		return 0;
	}
	if (parent_config(b->project, b->data->env, &b->parent, &text, e) < 0)
		return -1;
	return js_parse(buf_str(&text), "the parent's config", &b->config, e);
}

static int
build(struct building *b, struct err *e)
{
	const struct ir_environment *env = b->data->env;
	if (read_config(b, e) < 0)
		return -1;
	struct str workdir = image_workdir(env, b->config), set = { 0 };
	for (size_t i = 0; i < env->env.n; i++)
		if (str_is(env->env.v[i].name, "PYTHONPATH"))
			set = env->env.v[i].value;
	b->python_path = environment_python_path(b->project, env, workdir.n ? workdir : STR("/"), set, &b->arena);
	if (image_parts(b->project, env, &b->parent, &b->wheels, &b->include, &b->code, workdir, &b->arena, &b->parts, e) < 0)
		return -1;
	if (make_layers(b, e) < 0)
		return -1;
	return put_config(b, e) < 0 || put_manifest(b, e) < 0 || put_documents(b, e) < 0 ? -1 : 0;
}

/* The cache is an OCI layout: other tools find the image in it by this name. It works without. */
static void
enter_index(struct building *b)
{
	const struct cache *c = b->project->cache;
	const char *folder = arena_z(&b->arena, path_join(&b->arena, c->folder, STR("blobs")));
	const struct str name = image_repo_tag(b->project, b->data->env, &b->arena);
	if (!c->degraded)
		(void)layout_name(folder, name, &b->manifest, b->manifest_size, b->parent.platform, NULL);
}

/* Somebody may have made it already. */
static bool
find(struct building *b)
{
	struct image_found f;
	if (!image_reuse_find(b->project, b->data->env, &b->task->key_digest, &b->arena, &f))
		return false;
	b->manifest = f.manifest;
	b->manifest_size = f.manifest_size;
	b->config_digest = f.config;
	b->config_size = f.config_size;
	b->layers = f.layers;
	tell(b, STR("found in the registry"));
	return true;
}

static void
work(void *ctx)
{
	struct building *b = ctx;
	struct err e = { 0 };
	if (find(b))
		return;
	if (build(b, &e) < 0) {
		b->bad = true;
		b->err = e;
		return;
	}
	enter_index(b);
}

/* ---- the ends in the loop's thread ---- */

static void
result_of(struct building *b, struct result *r)
{
	AUTO_JS info = image_info_js(&b->layers);
	AUTO_BUF text = { 0 };
	js_write(info, &text);
	struct output *v = arena_array(&b->arena, struct output, b->layers.n + 2 + b->ndocuments);
	size_t n = 0;
	for (size_t i = 0; i < b->ndocuments; i++)
		v[n++] = b->documents[i];
	v[n++] = (struct output){ .name = STR("manifest"), .type = OUTPUT_FILE, .digest = b->manifest, .size = b->manifest_size };
	v[n++] = (struct output){ .name = STR("config"), .type = OUTPUT_FILE, .digest = b->config_digest, .size = b->config_size };
	for (size_t i = 0; i < b->layers.n; i++) {
		/* Layers that are here are kept with the image; those of a parent in a registry may never come here. */
		const bool here = blobs_has(b->project->cache->blobs, &b->layers.v[i].digest, NULL);
		v[n++] = (struct output){ .name = arena_printf(&b->arena, "layer/%03zu", i),
					  .type = here ? OUTPUT_FILE : OUTPUT_VALUE,
					  .digest = b->layers.v[i].digest,
					  .size = b->layers.v[i].size };
	}
	*r = (struct result){ .digest = b->manifest, .outputs = v, .noutputs = n, .info = arena_str(&b->arena, buf_str(&text)) };
	result_sort(r);
}

static void
ended(void *ctx)
{
	struct building *b = ctx;
	struct task *t = b->task;
	struct result r = { 0 };
	if (!b->bad)
		result_of(b, &r);
	t->attempts = 1;
	t->done(t, b->bad ? NULL : &r, false, b->bad ? &b->err : NULL);
	js_free(b->config);
	arena_done(&b->arena);
	free(b);
}

static const struct result *
input_of(const struct task *t, node_id from)
{
	const struct graph *g = t->inputs.graph;
	const struct node *n = &g->node[t->node.i];
	for (uint32_t i = 0; i < n->nin; i++) {
		if (g->edge[n->in + i].from.i == from.i && t->inputs.of[i])
			return t->inputs.of[i];
	}
	return NULL;
}

static int
prepare(struct building *b, struct err *e)
{
	const struct task *t = b->task;
	const struct image_data *d = b->data;
	const struct result *parent = input_of(t, d->parent), *wheels = input_of(t, d->requirements);
	if (!parent || parent_of_result(parent, &b->arena, &b->parent, e) < 0)
		return parent ? -1 : err_set(e, ERR_BUG, "an image without the result of its parent");
	if (wheels && wheel_set_of(wheels, &b->arena, &b->wheels, e) < 0)
		return -1;
	image_include_of(&t->inputs, &b->arena, &b->include);
	if (image_code_now(b->project, d->env, &b->arena, &b->code, e) < 0)
		return -1;
	/* The key was taken from the code a moment ago; what is built must be that. */
	const struct key_field *f = key_find(t->key, STR("code"), STR(""));
	struct key k;
	key_init(&k, &b->arena, 0, "check");
	const struct digest now = image_files_digest(&b->code);
	key_digest(&k, "code", STR(""), &now);
	(void)key_done(&k);
	const struct key_field *again = key_find(&k, STR("code"), STR(""));
	if (f && !digest_eq(&f->hash, &again->hash))
		return err_set(e, ERR_BUSY, "the code of environment '" STR_FMT "' changed while its image was planned; run again", STR_ARG(d->env->name));
	return 0;
}

static int
possible(const struct ir_environment *env, struct err *e)
{
	if (env->parent.kind == PARENT_NONE && env->dockerfile.n == 0)
		return err_set(e, ERR_INPUT, "the environment '" STR_FMT "' has no parent; an image needs one: 'parent: scratch' at least",
			       STR_ARG(env->name));
	return 0;
}

void
image_stop(struct task *t, bool hard)
{
	struct building *b = t->rule_data;
	(void)hard;
	if (b)
		atomic_store(&b->stop, true); /* layers that are being made are finished and kept */
}

void
image_start(struct task *t)
{
	struct building *b = mem_zalloc(sizeof *b);
	b->task = t;
	b->project = t->ctx;
	t->rule_data = b;
	b->data = t->inputs.graph->node[t->node.i].data;
	(void)image_state_of(b->project);
	if (possible(b->data->env, &b->err) < 0 || prepare(b, &b->err) < 0) {
		b->bad = true;
		ended(b);
		return;
	}
	loop_work(t->loop, work, ended, b);
}
