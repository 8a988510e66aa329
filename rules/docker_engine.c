/* SPDX-License-Identifier: Apache-2.0
 *
 *	start [loop: files of copy: nodes, parents]  ->  make [pool: parents and context into the store, the builder's job]  ->  a parent's result
 */
#include "rules/docker_engine.h"

#include <stdlib.h>
#include <string.h>

#include "backends/oci.h"
#include "rules/image_inside.h"
#include "rules/parent_inside.h"

#define CREATED "2000-01-01T00:00:00Z" /* as all that we make */

const struct builder_kind *
docker_engine_builder(const struct project *p)
{
	const struct builder_kind *b = builder_find(p->stack ? p->stack->builder : (struct str){ 0 }, NULL);
	return b && b->build ? b : NULL;
}

static const struct js *
settings_of(const struct project *p)
{
	const struct js *s = p->stack ? js_get(p->stack->settings, "builder") : NULL;
	return js_type(s) == JS_MAP ? s : NULL;
}

/* ---- parents ---- */

/* A name that no registry has: the builder must find the image that it was given. */
static struct str
local_name(const struct digest *manifest, struct arena *a)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(manifest, hex);
	return arena_printf(a, "localhost/pawl-parent:%s", arena_z(a, str_take(str_z(hex), 32)));
}

static int
put_json(struct project *p, struct buf *text, struct digest *d, uint64_t *size, struct err *e)
{
	*size = text->n;
	return blobs_put(p->cache->blobs, buf_str(text), d, e);
}

/* The parent as an image of our own writing: what it has at the registry need not be here, and a bootstrapped root has no manifest. */
static int
image_of(struct docker_work *w, const struct ir_environment *env, const struct parent_info *i, struct layout_image *out, struct err *e)
{
	struct arena *a = &w->arena;
	AUTO_BUF text = { 0 };
	AUTO_BUF config = { 0 };
	AUTO_BUF manifest = { 0 };
	AUTO_JS doc = NULL;
	struct oci_manifest *m = &out->parts;
	const struct oci_settings s = { .platform = i->platform };
	const bool bare = digest_is_zero(&i->config);
	struct oci_added *added = arena_array(a, struct oci_added, i->nlayers + 1);
	if (parent_fetch(w->project, env, i, e) < 0 || parent_config(w->project, env, i, &text, e) < 0 ||
	    js_parse(buf_str(&text), "the parent's config", &doc, e) < 0)
		return -1;
	m->nlayers = i->nlayers;
	m->layers = arena_array(a, struct oci_layer, i->nlayers + 1);
	for (size_t k = 0; k < i->nlayers; k++) {
		m->layers[k] = (struct oci_layer){ i->layers[k].digest, i->layers[k].diff_id, i->layers[k].size, i->layers[k].media };
		added[k] = (struct oci_added){ i->layers[k].diff_id, i->name };
	}
	if (!bare) /* with a line of history a layer, which not every config has and buildah wants */
		js_del(doc, "history"), js_del(doc, "rootfs");
	oci_config_write(doc, &s, added, i->nlayers, &config);
	if (put_json(w->project, &config, &m->config, &m->config_size, e) < 0)
		return -1;
	oci_manifest_write(m, &manifest);
	out->platform = i->platform;
	return put_json(w->project, &manifest, &out->manifest, &out->manifest_size, e);
}

struct engine_parent {
	struct str node;             /* "parent:python:3.11-slim" */
	const struct ir_environment *env;
	struct parent_info info;
	struct builder_parent image; /* its name is set once it is known */
};

struct engine {
	struct docker_work *w;
	VEC(struct engine_parent) parents;
	bool by_reference;           /* the builder pulls from registries itself, and takes nothing of ours */
};

static int
add_engine_parent(struct engine *x, const struct docker_use *use, struct err *e)
{
	const struct task *t = x->w->task;
	const struct graph *g = t->inputs.graph;
	const struct node *n = &g->node[t->node.i];
	const struct str name = g->node[use->parent.i].name;
	for (size_t i = 0; i < x->parents.n; i++) {
		if (str_eq(x->parents.v[i].node, name))
			return 0;
	}
	struct engine_parent p = { .node = name, .env = use->env };
	for (uint32_t i = 0; i < n->nin; i++) {
		const struct edge *edge = &g->edge[n->in + i];
		if (edge->from.i != use->parent.i || !t->inputs.of[i])
			continue;
		if (parent_of_result(t->inputs.of[i], &x->w->arena, &p.info, e) < 0)
			return -1;
	}
	if (p.info.kind == PARENT_SCRATCH) {
		p.image.name = STR("scratch");
	} else if (x->by_reference && p.info.kind == PARENT_REGISTRY) {
		char digest[DIGEST_TEXT + 1];
		digest_text(&p.info.digest, digest);
		p.image.name = arena_printf(&x->w->arena, STR_FMT "@%s", STR_ARG(p.env->parent.ref), digest);
	} else {
		if (image_of(x->w, p.env, &p.info, &p.image.image, e) < 0)
			return -1;
		p.image.name = local_name(&p.image.image.manifest, &x->w->arena);
	}
	VEC_PUSH(&x->parents, p);
	return 0;
}

static struct str
name_of(void *ctx, const struct docker_instruction *in, struct str written)
{
	const struct engine *x = ctx;
	const struct docker_env *d = x->w->node->d;
	for (size_t i = 0; i < d->uses.n; i++) {
		const struct docker_use *use = &d->uses.v[i];
		if (use->in != in)
			continue;
		const struct str node = d->project->graph.node[use->parent.i].name;
		for (size_t k = 0; k < x->parents.n; k++) {
			if (str_eq(x->parents.v[k].node, node))
				return x->parents.v[k].image.name;
		}
	}
	return written;
}

/* ---- the context ---- */

static int
put_file(struct docker_work *w, const struct docker_item *x, struct builder_file *out, struct err *e)
{
	const struct str context = w->node->d->env->context;
	struct str path = x->from;
	if (!str_is(context, ".") && str_starts(path, context))
		path = str_drop(path, context.n + 1);
	*out = (struct builder_file){ .path = path, .target = x->target, .from = arena_z(&w->arena, x->from), .exec = (x->mode & 0111) != 0,
				      .content = { .digest = x->digest, .size = x->size } };
	if (!str_is(context, ".") && !path_inside(x->from, context))
		return err_set(e, ERR_INPUT, "'" STR_FMT "' lies outside the context '" STR_FMT "': contexts that are folders of their own want the image builder "
					     "'native'", STR_ARG(x->from), STR_ARG(context));
	return 0;
}

static int
by_path(const void *a, const void *b)
{
	return str_cmp(((const struct builder_file *)a)->path, ((const struct builder_file *)b)->path);
}

/* All files that its COPYs and ADDs name, each once. */
static int
pack_context(struct docker_work *w, struct digest *out, struct err *e)
{
	size_t all = 0, n = 0;
	uint64_t size;
	for (size_t i = 0; i < w->ncopied; i++)
		all += w->copied[i]->n;
	struct builder_file *v = arena_array(&w->arena, struct builder_file, all + 1);
	for (size_t i = 0; i < w->ncopied; i++) {
		for (size_t k = 0; k < w->copied[i]->n; k++) {
			const struct docker_item *x = &w->copied[i]->v[k];
			if (x->type == DOCKER_ITEM_FOLDER || x->from.n == 0)
				continue;
			if (put_file(w, x, &v[n++], e) < 0)
				return -1;
		}
	}
	qsort(v, n, sizeof *v, by_path);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || !str_eq(v[i].path, v[kept - 1].path))
			v[kept++] = v[i];
	}
	return builder_context(w->project->cache->blobs, w->project->fd, v, kept, out, &size, e);
}

/* ---- the result ---- */

/* Of what the engine wrote the parts that say what the image is. */
static int
put_config(struct docker_work *w, const struct js *doc, struct parent_info *i, struct err *e)
{
	static const char *const kept[] = { "architecture", "os", "variant", "author", "config", "rootfs" };
	AUTO_JS out = js_map();
	AUTO_BUF text = { 0 };
	struct js *history = js_list();
	const struct js *old = js_get(doc, "history");
	for (size_t k = 0; k < sizeof kept / sizeof kept[0]; k++) {
		if (js_get(doc, kept[k]))
			js_set(out, kept[k], js_copy(js_get(doc, kept[k])));
	}
	js_set(out, "created", js_textz(CREATED));
	for (size_t k = 0; k < js_len(old); k++) {
		struct js *line = js_copy(js_at(old, k));
		js_set(line, "created", js_textz(CREATED));
		js_push(history, line);
	}
	js_set(out, "history", history);
	js_write(out, &text);
	i->config_size = text.n;
	return blobs_put(w->project->cache->blobs, buf_str(&text), &i->config, e);
}

/* A layer that a parent has is that parent's, with its own bytes. */
static bool
of_parent(const struct engine *x, const struct digest *diff_id, struct parent_layer *out)
{
	for (size_t i = 0; i < x->parents.n; i++) {
		const struct parent_info *p = &x->parents.v[i].info;
		for (size_t k = 0; k < p->nlayers; k++) {
			if (!digest_eq(&p->layers[k].diff_id, diff_id))
				continue;
			*out = p->layers[k];
			out->kind = p->kind == PARENT_BOOTSTRAP ? STR("bootstrap") : STR("parent");
			out->name = p->name;
			return true;
		}
	}
	return false;
}

static int
take(struct engine *x, const struct layout_read *image, struct err *e)
{
	struct docker_work *w = x->w;
	const struct docker_env *d = w->node->d;
	struct parent_info i = { .kind = PARENT_DOCKERFILE, .name = d->file.text.file, .platform = d->file.stages[d->file.target].platform };
	AUTO_BUF text = { 0 };
	AUTO_JS doc = NULL;
	if (blobs_read(w->project->cache->blobs, &image->parts.config, OCI_JSON_LIMIT, &text, e) < 0 ||
	    js_parse(buf_str(&text), "the image's config", &doc, e) < 0)
		return -1;
	i.nlayers = image->parts.nlayers;
	i.layers = arena_array(&w->arena, struct parent_layer, i.nlayers + 1);
	for (size_t k = 0; k < i.nlayers; k++) {
		const struct oci_layer *l = &image->parts.layers[k];
		if (of_parent(x, &l->diff_id, &i.layers[k]))
			continue;
		i.layers[k] = (struct parent_layer){ l->digest, l->diff_id, l->size, l->media, STR("dockerfile"), d->file.text.file };
		image_note_made(w->project, (struct str){ 0 }, &l->digest);
	}
	struct docker_layers l = { .v = i.layers, .n = i.nlayers, .none = arena_array(&w->arena, bool, i.nlayers + 1),
				   .from = arena_array(&w->arena, struct str, i.nlayers + 1) };
	if (put_config(w, doc, &i, e) < 0 || docker_look(w, &l, doc, &i, e) < 0)
		return -1;
	i.digest = i.config;
	parent_result(&i, &w->arena, &w->result);
	return 0;
}

/* ---- the job ---- */

static int
job(struct engine *x, const struct digest *context, struct str text, struct err *e)
{
	struct docker_work *w = x->w;
	const struct docker_env *d = w->node->d;
	const struct ir_environment *env = d->env;
	const struct builder_kind *builder = docker_engine_builder(w->project);
	struct builder_parent *parents = arena_array(&w->arena, struct builder_parent, x->parents.n + 1);
	struct str *args = arena_array(&w->arena, struct str, env->args.n + 1);
	struct builder_build j = { .dockerfile = text, .context = *context, .platform = environment_platform(env), .args = args, .nargs = env->args.n,
				   .parents = parents, .environ_ = w->project->opts.environ_, .settings = settings_of(w->project), .stop = &w->stop };
	struct layout_read image;
	for (size_t i = 0; i < env->args.n; i++)
		args[i] = arena_printf(&w->arena, STR_FMT "=" STR_FMT, STR_ARG(env->args.v[i].name), STR_ARG(env->args.v[i].value));
	for (size_t i = 0; i < x->parents.n; i++) {
		const struct engine_parent *p = &x->parents.v[i];
		if (!digest_is_zero(&p->image.image.manifest))
			parents[j.nparents++] = p->image;
	}
	if (env->secrets.n > 0)
		return err_set(e, ERR_INPUT, "environment '" STR_FMT "': secrets of a build want the image builder 'native'", STR_ARG(env->name));
	if (builder->build(&j, w->project->cache->blobs, &w->arena, &image, e) < 0)
		return err_wrap(e, "environment '" STR_FMT "', " STR_FMT, STR_ARG(env->name), STR_ARG(d->file.text.file));
	return take(x, &image, e);
}

static int
make(struct docker_work *w, struct err *e)
{
	const struct docker_env *d = w->node->d;
	struct engine x = { .w = w, .by_reference = docker_engine_builder(w->project) == &builder_kaniko };
	AUTO_BUF text = { 0 };
	struct digest context;
	int bad = 0;
	for (size_t i = 0; i < d->uses.n && bad == 0; i++)
		bad = add_engine_parent(&x, &d->uses.v[i], e);
	if (bad == 0) {
		docker_render(d, name_of, &x, &w->arena, &text);
		bad = pack_context(w, &context, e);
	}
	if (bad == 0)
		bad = job(&x, &context, buf_str(&text), e);
	VEC_DONE(&x.parents);
	return bad;
}

static void
start(struct task *t)
{
	docker_work_start(t, make);
}

/* ---- the key ---- */

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct docker_node *n = docker_node_of(in);
	struct project *p = ctx;
	AUTO_BUF text = { 0 };
	(void)e;
	dockerfile_fields(p, n->d->env, k);
	key_text(k, "builder", STR(""), str_z(docker_engine_builder(p)->name));
	if (settings_of(p) && js_get(settings_of(p), "network")) {
		js_write(js_get(settings_of(p), "network"), &text);
		key_text(k, "builder", STR("network"), buf_str(&text));
	}
	for (size_t i = 0; i < n->d->env->secrets.n; i++)
		key_text(k, "secret", n->d->env->secrets.v[i].name, STR(""));
	docker_look_fields(n, k);
	key_text(k, "platform", STR(""), n->d->file.stages[n->d->file.target].platform);
	return 0;
}

static void
explain(void *ctx, node_id id, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct project *p = ctx;
	const struct docker_node *n = p->graph.node[id.i].data;
	const struct key_field *f = c->b ? c->b : c->a;
	out->code = REASON_ENVIRONMENT;
	out->file = n->d->file.text.file;
	if (str_is(f->tag, "dockerfile"))
		out->text = arena_printf(a, "what " STR_FMT " stands on or copies changed (" STR_FMT ")", STR_ARG(out->file), STR_ARG(f->name));
	else
		out->text = arena_printf(a, STR_FMT ": " STR_FMT " " STR_FMT " changed", STR_ARG(out->file), STR_ARG(f->tag), STR_ARG(f->name));
}

const struct rule rule_docker_engine = { .kind = "dockerfile", .schema = 1, .fields = fields, .usable = docker_usable, .start = start,
					 .stop = docker_work_stop, .explain = explain };
