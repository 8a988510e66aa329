/* SPDX-License-Identifier: Apache-2.0
 *
 * layer:ENV/apt. The info of its result: {"layer": {"digest", "diff_id", "size", "media"} (none: nothing was missing in the parent), "python",
 * "scheme", "interpreter", "glibc": what the layer has of them, "packages": [[name, version, arch]]: of the whole root}.
 */
#include "rules/apt_layer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/bootstrap.h"
#include "backends/pyroot.h"
#include "backends/sandbox.h"
#include "rules/dockerfile.h"
#include "rules/image_inside.h"
#include "rules/rundirs.h"
#include "sys/loop.h"


struct apt_layer_data {
	const struct ir_environment *env;
	struct apt_data *apt;
	struct image_layer planned;
};

/* ---- what both sorts of work need ---- */

/* Of a Dockerfile's base only the parents can be fetched; what it made is in the store, or made again. */
static int
have_layers(struct project *p, const struct ir_environment *env, const struct parent_info *i, struct err *e)
{
	const struct ir_environment *base = env->dockerfile.n > 0 ? dockerfile_base(p, env) : env;
	struct arena a = { 0 };
	struct parent_info from = *i;
	bool lacks = false;
	from.layers = arena_array(&a, struct parent_layer, i->nlayers + 1);
	from.nlayers = 0;
	for (size_t k = 0; k < i->nlayers; k++) {
		lacks = lacks || !blobs_has(p->cache->blobs, &i->layers[k].digest, NULL);
		if (i->layers[k].kind.n == 0 || str_is(i->layers[k].kind, "parent") || str_is(i->layers[k].kind, "bootstrap"))
			from.layers[from.nlayers++] = i->layers[k];
	}
	if (base)
		from.kind = base->parent.kind;
	const int bad = lacks && base ? parent_fetch(p, base, &from, e) : 0; /* what is missing still is said when it is unpacked */
	arena_done(&a);
	return bad;
}

int
apt_parent_packages(struct project *p, const struct ir_environment *env, struct parent_info *parent, struct arena *a, struct err *e)
{
	if (parent->packaged)
		return 0;
	struct oci_layer *v = arena_array(a, struct oci_layer, parent->nlayers + 1);
	for (size_t k = 0; k < parent->nlayers; k++)
		v[k] = (struct oci_layer){ parent->layers[k].digest, parent->layers[k].diff_id, parent->layers[k].size, parent->layers[k].media };
	if (have_layers(p, env, parent, e) < 0 || packages_of_layers(p->cache->blobs, v, parent->nlayers, a, &parent->packages, e) < 0)
		return -1;
	parent->packaged = true;
	return 0;
}

int
apt_job(struct project *p, const struct ir_environment *env, const struct parent_info *parent, struct arena *a, struct apt_job *out,
	struct err *e)
{
	struct str *roots = arena_array(a, struct str, parent->nlayers + 1), scratch;
	if (parent->nlayers == 0)
		return err_set(e, ERR_INPUT, "'apt:' on the parent '" STR_FMT "', which is empty; take one of Debian or Ubuntu", STR_ARG(parent->name));
	if (have_layers(p, env, parent, e) < 0)
		return -1;
	for (size_t k = 0; k < parent->nlayers; k++)
		if (sandbox_unpack(p->cache, &parent->layers[k].digest, a, &roots[k], e) < 0)
			return -1;
	if (rundirs_take(p->rundirs, a, &scratch, e) < 0)
		return -1;
	*out = (struct apt_job){ .blobs = p->cache->blobs, .roots = roots, .nroots = parent->nlayers, .scratch = scratch, .environ_ = p->opts.environ_ };
	return 0;
}

/* ---- the info ---- */

static struct js *
info_js(const struct apt_made *m)
{
	struct js *v = js_map(), *packages = js_list();
	if (m->layered) {
		struct js *l = js_map();
		js_set(l, "digest", digest_js(&m->layer.digest));
		js_set(l, "diff_id", digest_js(&m->layer.diff_id));
		js_set(l, "size", js_int((int64_t)m->layer.size));
		js_set(l, "media", js_text(m->layer.media));
		js_set(v, "layer", l);
	}
	js_set(v, "python", js_text(m->python));
	js_set(v, "scheme", js_text(m->scheme));
	js_set(v, "interpreter", js_text(m->interpreter));
	js_set(v, "glibc", js_text(m->glibc));
	for (size_t i = 0; i < m->packages.n; i++) {
		struct js *x = js_list();
		js_push(x, js_text(m->packages.v[i].name));
		js_push(x, js_text(m->packages.v[i].version));
		js_push(x, js_text(m->packages.v[i].arch));
		js_push(packages, x);
	}
	js_set(v, "packages", packages);
	return v;
}

static bool
read_packages(const struct js *list, struct arena *a, struct packages *out)
{
	out->n = js_len(list);
	out->v = arena_array(a, struct package, out->n + 1);
	out->manager = "deb";
	for (size_t i = 0; i < out->n; i++) {
		const struct js *x = js_at(list, i);
		out->v[i] = (struct package){ arena_str(a, js_str(js_at(x, 0))), arena_str(a, js_str(js_at(x, 1))), arena_str(a, js_str(js_at(x, 2))) };
		if (!packages_word(out->v[i].name) || !packages_word(out->v[i].version))
			return false;
	}
	return true;
}

int
apt_made_read(const struct result *r, struct arena *a, struct apt_made *out, struct err *e)
{
	AUTO_JS v = NULL;
	if (js_parse(r->info, "the record of a layer of packages", &v, e) < 0)
		return -1;
	const struct js *l = js_get(v, "layer");
	struct apt_made m = { .layered = l != NULL,
			      .python = arena_str(a, js_str(js_get(v, "python"))),
			      .scheme = arena_str(a, js_str(js_get(v, "scheme"))),
			      .interpreter = arena_str(a, js_str(js_get(v, "interpreter"))),
			      .glibc = arena_str(a, js_str(js_get(v, "glibc"))) };
	bool good = read_packages(js_get(v, "packages"), a, &m.packages);
	if (l)
		good = good && digest_parse(js_str(js_get(l, "digest")), false, &m.layer.digest) &&
		       digest_parse(js_str(js_get(l, "diff_id")), false, &m.layer.diff_id) && js_num(js_get(l, "size")) >= 0;
	if (!good)
		return err_set(e, ERR_DAMAGED, "the record of a layer of packages is not understood");
	m.layer.size = l ? (uint64_t)js_num(js_get(l, "size")) : 0;
	m.layer.media = arena_str(a, js_str(js_get(l, "media")));
	*out = m;
	return 0;
}

/* ---- nodes ---- */

static struct apt_layer_data *
data_of(void *ctx, node_id n)
{
	return ((struct project *)ctx)->graph.node[n.i].data;
}

static struct str
layer_name(struct project *p, const struct ir_environment *env)
{
	return arena_printf(&p->arena, "layer:" STR_FMT "/apt", STR_ARG(env->name));
}

node_id
add_apt_layer(struct project *p, const struct ir_environment *env, struct err *e)
{
	const struct str name = layer_name(p, env);
	node_id n = graph_find(&p->graph, name);
	if (n.i != NODE_NONE.i)
		return n;
	const node_id parent = add_parent(p, env, e), apt = parent.i == NODE_NONE.i ? NODE_NONE : add_apt(p, env, e);
	if (apt.i == NODE_NONE.i)
		return NODE_NONE;
	struct apt_layer_data *d = arena_new(&p->arena, struct apt_layer_data);
	*d = (struct apt_layer_data){ .env = env, .apt = p->graph.node[apt.i].data };
	n = graph_add(&p->graph, &rule_apt_layer, name, d);
	graph_edge(&p->graph, parent, n, EDGE_INPUT, "parent", STR("packages"), env->dockerfile.n ? STR("") : STR("packages"));
	graph_edge(&p->graph, apt, n, EDGE_INPUT, "apt", STR(""), STR(""));
	return n;
}

bool
apt_layer_planned(struct project *p, const struct ir_environment *env, struct image_layer *out)
{
	if (env->apt.n == 0)
		return false;
	const node_id n = graph_find(&p->graph, layer_name(p, env));
	*out = (struct image_layer){ .kind = "apt", .name = env->name, .state = IMAGE_LAYER_BUILD };
	if (n.i != NODE_NONE.i && data_of(p, n)->planned.kind)
		*out = data_of(p, n)->planned;
	return true;
}

/* Owners are what the user may give (backends/build_run.h). */
static const char *
privileges(void)
{
	struct arena a = { 0 };
	struct str mend;
	const char *r = geteuid() == 0 ? "root" : bootstrap_lacks(&a, &mend).n == 0 ? "subordinate" : "one";
	arena_done(&a);
	return r;
}

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct apt_layer_data *d = data_of(ctx, in->node);
	(void)e;
	key_num(k, "format", STR("recipe"), APT_RECIPE);
	key_num(k, "format", STR("layer"), LAYER_FORMAT);
	key_text(k, "format", STR("compressor"), str_z(layer_compressor(image_compression(d->env))));
	key_text(k, "privileges", STR(""), str_z(privileges()));
	return 0;
}

static enum usable
usable(void *ctx, node_id n, const struct result *r)
{
	struct project *p = ctx;
	struct apt_layer_data *d = data_of(ctx, n);
	struct apt_made m;
	for (size_t i = 0; i < r->noutputs; i++)
		if (r->outputs[i].type != OUTPUT_VALUE && !blobs_has(p->cache->blobs, &r->outputs[i].digest, NULL))
			return USABLE_EVICTED;
	if (apt_made_read(r, &p->arena, &m, NULL) < 0)
		return USABLE_EVICTED;
	if (m.layered)
		d->planned = (struct image_layer){ .kind = "apt", .name = d->env->name, .state = IMAGE_LAYER_HIT, .digest = m.layer.digest,
						   .diff_id = m.layer.diff_id, .size = m.layer.size, .media = m.layer.media };
	return USABLE_YES;
}

static void
explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct key_field *f = c->b ? c->b : c->a;
	(void)a;
	*out = (struct reason){ .code = REASON_ENVIRONMENT };
	(void)ctx;
	(void)n;
	if (str_is(f->tag, "format")) {
		out->code = REASON_TOOL;
		out->text = STR("this version of pawl installs packages otherwise");
	} else if (str_is(f->tag, "parent")) {
		out->text = STR("the packages of its parent changed");
	} else if (str_is(f->tag, "privileges")) {
		out->text = STR("made by a user with other privileges");
	}
}

/* ---- making ---- */

struct making {
	struct task *task;
	struct project *project;
	const struct apt_layer_data *data;
	struct arena arena;
	struct parent_info parent;
	struct apt_pins pins;
	struct apt_made made;
	atomic_bool stop;
	struct err err;
	bool bad;
};

/* What the layer brings of a Python and of the package state; it has the state as a whole. */
static int
look_inside(struct making *m, struct err *e)
{
	struct pyroot py;
	const struct oci_layer l = { m->made.layer.digest, m->made.layer.diff_id, m->made.layer.size, m->made.layer.media };
	if (pyroot_of_layers(m->project->cache->blobs, &l, 1, &m->arena, &py, e) < 0 ||
	    packages_of_layers(m->project->cache->blobs, &l, 1, &m->arena, &m->made.packages, e) < 0)
		return -1;
	m->made.python = py.version;
	m->made.scheme = py.scheme;
	m->made.interpreter = py.interpreter;
	m->made.glibc = py.glibc;
	return 0;
}

static int
make_with(struct making *m, const struct apt_job *j, struct err *e)
{
	struct layer *l = layer_new();
	const struct apt_question *q = &m->data->apt->question;
	struct layer_info info;
	int bad = apt_fetch(j, q, m->pins.v, m->pins.n, e);
	if (bad == 0)
		bad = apt_install(j, m->pins.v, m->pins.n, l, e);
	if (bad == 0)
		bad = layer_write(l, m->project->cache->blobs, image_compression(m->data->env), &info, e);
	layer_free(l);
	if (bad < 0)
		return -1;
	m->made.layered = true;
	m->made.layer = (struct parent_layer){ .digest = info.digest, .diff_id = info.diff_id, .size = info.size, .media = info.media };
	return look_inside(m, e);
}

static bool
all_here(const struct making *m)
{
	for (size_t i = 0; i < m->pins.n; i++)
		if (!blobs_has(m->project->cache->blobs, &m->pins.v[i].sha256, NULL))
			return false;
	return true;
}

static int
make(struct making *m, struct err *e)
{
	struct apt_job j;
	if (m->pins.n == 0) { /* the parent has all of it */
		if (apt_parent_packages(m->project, m->data->env, &m->parent, &m->arena, e) < 0)
			return -1;
		m->made.packages = m->parent.packages;
		return 0;
	}
	if (m->project->opts.offline && !all_here(m))
		return err_set(e, ERR_WORLD, "the network is needed for the packages of 'apt:', and --offline forbids it");
	if (apt_job(m->project, m->data->env, &m->parent, &m->arena, &j, e) < 0)
		return -1;
	j.stop = &m->stop;
	const int bad = make_with(m, &j, e);
	rundirs_give(m->project->rundirs, j.scratch);
	return bad;
}

static void
work(void *ctx)
{
	struct making *m = ctx;
	m->bad = make(m, &m->err) < 0;
	if (m->bad)
		(void)err_wrap(&m->err, "layer:" STR_FMT "/apt", STR_ARG(m->data->env->name));
}

static void
ended(void *ctx)
{
	struct making *m = ctx;
	struct task *t = m->task;
	struct result r = { 0 };
	if (!m->bad) {
		AUTO_JS info = info_js(&m->made);
		AUTO_BUF text = { 0 };
		js_write(info, &text);
		struct output *o = arena_new(&m->arena, struct output);
		*o = (struct output){ .name = STR("layer"), .type = OUTPUT_FILE, .digest = m->made.layer.digest, .size = m->made.layer.size };
		r = (struct result){ .digest = m->made.layer.digest, .outputs = o, .noutputs = m->made.layered, .info = arena_str(&m->arena, buf_str(&text)) };
		if (!m->made.layered)
			r.digest = digest_of(STR("no layer"));
		if (m->made.layered) {
			(void)image_state_of(m->project);
			image_note_made(m->project, m->data->env->name, &m->made.layer.digest);
		}
	}
	t->attempts = 1;
	t->done(t, m->bad ? NULL : &r, false, m->bad ? &m->err : NULL);
	arena_done(&m->arena);
	free(m);
}

static int
prepare(struct making *m, struct err *e)
{
	const struct inputs *in = &m->task->inputs;
	const struct result *parent = apt_input(in, "parent"), *apt = apt_input(in, "apt");
	AUTO_JS info = NULL;
	if (!parent || !apt)
		return err_set(e, ERR_BUG, "a layer of packages without its inputs");
	if (parent_of_result(parent, &m->arena, &m->parent, e) < 0 || js_parse(apt->info, "apt", &info, e) < 0 ||
	    apt_pins_read(info, &m->arena, &m->pins, e) < 0)
		return -1;
	return apt_spell_sources(m->data->apt, m->project->opts.offline || all_here(m), e);
}

static void
start(struct task *t)
{
	struct project *p = t->ctx;
	struct making *m = mem_zalloc(sizeof *m);
	m->task = t;
	m->project = p;
	m->data = data_of(p, t->node);
	t->rule_data = m;
	rundirs_ready(p);
	m->bad = prepare(m, &m->err) < 0;
	if (m->bad) {
		ended(m);
		return;
	}
	if (p->watch.progress)
		p->watch.progress(p->watch.ctx, t->node, arena_printf(&m->arena, "installing %zu Debian package%s", m->pins.n, m->pins.n == 1 ? "" : "s"));
	loop_work(t->loop, work, ended, m);
}

static void
stop(struct task *t, bool hard)
{
	struct making *m = t->rule_data;
	(void)hard;
	if (m)
		atomic_store(&m->stop, true);
}

const struct rule rule_apt_layer = {
	.kind = "layer", .schema = 1, .fields = fields, .usable = usable, .start = start, .stop = stop, .explain = explain,
};
