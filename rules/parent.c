/* SPDX-License-Identifier: Apache-2.0
 *
 *	pinned, scratch:   rule_parent_pinned  [look: pawl.lock]
 *	else:              rule_parent         [start: parent_make on a pool thread] -> pin to pawl.lock [ended]
 */
#include "rules/parent.h"

#include <stdlib.h>
#include <string.h>

#include "backends/layout.h"
#include "cache/stats.h"
#include "rules/dockerfile.h"
#include "rules/image_inside.h"
#include "rules/parent_inside.h"
#include "rules/snapshot.h"
#include "sys/loop.h"

static const struct rule rule_parent_pinned;

/* ---- names and pins ---- */

struct str
parent_name(const struct ir_environment *env, struct arena *a)
{
	const struct ir_parent *p = &env->parent;
	AUTO_BUF name = { 0 };
	switch (p->kind) {
	case PARENT_NONE:
	case PARENT_DOCKERFILE:
		break;
	case PARENT_REGISTRY:
		buf_put(&name, p->ref);
		break;
	case PARENT_SCRATCH:
		buf_puts(&name, "scratch");
		break;
	case PARENT_OCI:
		buf_printf(&name, "oci:" STR_FMT, STR_ARG(p->ref));
		break;
	case PARENT_DOCKER_ARCHIVE:
		buf_printf(&name, "docker-archive:" STR_FMT, STR_ARG(p->ref));
		break;
	case PARENT_BOOTSTRAP:
		buf_printf(&name, STR_FMT ":" STR_FMT, STR_ARG(p->distribution), STR_ARG(p->suite));
		for (size_t i = 0; i < p->packages.n; i++)
			buf_printf(&name, "+" STR_FMT, STR_ARG(p->packages.v[i]));
		break;
	}
	if (env->platform.n > 0 || env->platforms.n > 0)
		buf_printf(&name, "@" STR_FMT, STR_ARG(environment_platform(env)));
	return arena_str(a, buf_str(&name));
}

static void
bootstrap_fields(struct key *k, const struct ir_environment *env)
{
	AUTO_BUF packages = { 0 };
	for (size_t i = 0; i < env->parent.packages.n; i++)
		buf_printf(&packages, STR_FMT "\n", STR_ARG(env->parent.packages.v[i]));
	key_text(k, "bootstrap", STR("distribution"), env->parent.distribution);
	key_text(k, "bootstrap", STR("suite"), env->parent.suite);
	key_text(k, "bootstrap", STR("packages"), buf_str(&packages));
	key_text(k, "bootstrap", STR("platform"), environment_platform(env));
	key_num(k, "bootstrap", STR("recipe"), BOOTSTRAP_RECIPE);
	key_num(k, "bootstrap", STR("format"), LAYER_FORMAT);
}

struct parent_place
parent_place(const struct ir_environment *env, struct arena *a)
{
	const struct str platform = environment_platform(env);
	struct key k;
	struct digest d;
	char hex[DIGEST_HEX + 1];
	switch (env->parent.kind) {
	case PARENT_REGISTRY:
		return (struct parent_place){ "parents", arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(env->parent.ref), STR_ARG(platform)) };
	case PARENT_BOOTSTRAP:
		key_init(&k, a, 1, "bootstrap");
		bootstrap_fields(&k, env);
		d = key_done(&k);
		digest_hex(&d, hex);
		return (struct parent_place){ "bootstraps", arena_str(a, str_z(hex)) };
	case PARENT_NONE:
	case PARENT_SCRATCH:
	case PARENT_OCI:
	case PARENT_DOCKER_ARCHIVE:
	case PARENT_DOCKERFILE:
		break;
	}
	return (struct parent_place){ 0 };
}

bool
parent_locked(struct project *p, const struct ir_environment *env, struct arena *a, struct parent_info *out)
{
	if (env->dockerfile.n > 0)
		return false; /* what it makes of its parents is known when it is made */
	if (env->parent.kind == PARENT_SCRATCH) {
		*out = (struct parent_info){ .kind = PARENT_SCRATCH, .name = STR("scratch"), .digest = digest_of(STR("scratch")),
					     .platform = environment_platform(env), .looked = true, .packaged = true };
		return true;
	}
	const struct parent_place at = parent_place(env, a);
	if (!at.section)
		return false;
	struct parent_info i;
	if (parent_read(lock_get(&p->lock, at.section, at.name), a, &i, NULL) < 0 || i.kind != env->parent.kind)
		return false;
	if (env->parent.kind == PARENT_BOOTSTRAP && i.nlayers != 1)
		return false;
	*out = i;
	return true;
}

/* ---- nodes ---- */

/* Does pawl.lock say all that is asked of it? */
static bool
pinned(struct project *p, const struct parent_data *d)
{
	struct arena a = { 0 };
	struct parent_info i;
	const bool yes = parent_locked(p, d->env, &a, &i) && (!d->python || i.looked) && (!d->packages || i.packaged);
	arena_done(&a);
	return yes;
}

node_id
add_parent(struct project *p, const struct ir_environment *env, struct err *e)
{
	if (env->dockerfile.n > 0)
		return add_dockerfile(p, env, e);
	if (env->parent.kind == PARENT_NONE) {
		(void)err_set(e, ERR_INPUT, "the environment '" STR_FMT "' has no parent; add 'parent: scratch' or another one", STR_ARG(env->name));
		return NODE_NONE;
	}
	const struct str bare = parent_name(env, &p->arena), name = arena_printf(&p->arena, "parent:" STR_FMT, STR_ARG(bare));
	node_id n = graph_find(&p->graph, name);
	if (n.i == NODE_NONE.i) {
		struct parent_data *d = arena_new(&p->arena, struct parent_data);
		*d = (struct parent_data){ .env = env, .name = bare, .platform = environment_platform(env) };
		n = graph_add(&p->graph, &rule_parent, name, d);
	}
	struct node *node = &p->graph.node[n.i];
	struct parent_data *d = node->data;
	d->python = d->python || env->python.on || env->key == PARENT_KEY_ABI;
	d->packages = d->packages || env->key == PARENT_KEY_PACKAGES || env->sbom || env->apt.n > 0;
	node->rule = pinned(p, d) ? &rule_parent_pinned : &rule_parent;
	return n;
}

static const struct parent_data *
data_of(const struct graph *g, node_id n)
{
	return g->node[n.i].data;
}

/* ---- the pinned one ---- */

static int
look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	struct project *p = ctx;
	const struct parent_data *d = data_of(in->graph, in->node);
	struct parent_info i;
	const struct parent_place at = parent_place(d->env, a);
	if (!parent_locked(p, d->env, a, &i))
		return err_set(e, ERR_BUG, "the pin of '" STR_FMT "' is gone", STR_ARG(d->name));
	i.name = d->name;
	if (at.section)
		lock_use(&p->lock, at.section, at.name);
	parent_result(&i, a, out);
	return 0;
}

/* ---- the made one ---- */

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	struct project *p = ctx;
	const struct parent_data *d = data_of(in->graph, in->node);
	const struct ir_parent *parent = &d->env->parent;
	struct arena *a = k->arena;
	struct digest digest;
	struct content c;
	key_num(k, "parent", STR("python"), d->python);
	if (d->packages)
		key_num(k, "parent", STR("packages"), 1);
	key_text(k, "parent", STR("platform"), d->platform);
	switch (parent->kind) {
	case PARENT_REGISTRY:
		key_text(k, "parent", STR("reference"), parent->ref);
		return 0;
	case PARENT_OCI: {
		const struct str_cut cut = str_rcut(parent->ref, ':');
		const bool whole = !cut.ok || file_exists(p->fd, arena_z(a, parent->ref));
		const struct str folder = whole ? parent->ref : cut.head;
		struct file_stat st;
		const struct str index = path_join(a, folder, STR("index.json"));
		if (layout_digest(p->fd, arena_z(a, folder), whole ? (struct str){ 0 } : cut.tail, d->platform, &digest, e) < 0)
			return -1;
		if (file_stat(p->fd, arena_z(a, index), true, &st, e) < 0)
			return -1;
		const struct stat_sig sig = stat_sig_of(&st);
		leaves_path(p->leaves, index, &sig);
		key_digest(k, "parent", STR("manifest"), &digest);
		return 0;
	}
	case PARENT_DOCKER_ARCHIVE: {
		struct file_stat st;
		if (file_stat(p->fd, arena_z(a, parent->ref), true, &st, e) < 0 ||
		    stats_content(p->cache->stats, p->fd, arena_z(a, parent->ref), &st, &c, e) < 0)
			return -1;
		const struct stat_sig sig = stat_sig_of(&st);
		leaves_path(p->leaves, parent->ref, &sig);
		key_digest(k, "parent", STR("archive"), &c.digest);
		key_text(k, "compressor", STR(""), str_z(layer_compressor(LAYER_GZIP)));
		return 0;
	}
	case PARENT_BOOTSTRAP:
		bootstrap_fields(k, d->env);
		key_text(k, "compressor", STR(""), str_z(layer_compressor(LAYER_GZIP)));
		return 0;
	case PARENT_NONE:
	case PARENT_SCRATCH:
	case PARENT_DOCKERFILE:
		break;
	}
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

static bool
in_place(void *ctx, node_id n, const struct result *r, bool *evicted)
{
	struct project *p = ctx;
	(void)r;
	*evicted = false;
	const struct parent_data *d = data_of(&p->graph, n);
	return !parent_place(d->env, &p->arena).section || pinned(p, d);
}

/* Loop thread: the pin goes to pawl.lock. takes v. */
static int
pin(struct project *p, const struct parent_data *d, struct js *v, struct err *e)
{
	const struct parent_place at = parent_place(d->env, &p->arena);
	if (!at.section) {
		js_free(v);
		return 0;
	}
	lock_use(&p->lock, at.section, at.name);
	return lock_set(&p->lock, at.section, at.name, v, e);
}

static void
restore(struct task *t, const struct result *r)
{
	struct project *p = t->ctx;
	struct err e = { 0 };
	struct js *v = NULL;
	if (js_parse(r->info, "parent", &v, &e) < 0 || pin(p, data_of(t->inputs.graph, t->node), v, &e) < 0)
		t->done(t, NULL, true, &e);
	else
		t->done(t, r, false, NULL);
}

struct making {
	struct task *task;
	const struct parent_data *data;
	atomic_bool stop;
	struct arena arena;
	struct parent_info info;
	struct js *pin;
	struct err err;
	bool bad;
};

static void
work(void *ctx)
{
	struct making *m = ctx;
	struct parent_data d = *m->data;
	d.stop = &m->stop;
	m->bad = parent_make(m->task->ctx, &d, &m->arena, &m->info, &m->pin, &m->err) < 0;
}

static void
ended(void *ctx)
{
	struct making *m = ctx;
	struct task *t = m->task;
	struct result r = { 0 };
	if (!m->bad) {
		parent_result(&m->info, &m->arena, &r);
		m->bad = pin(t->ctx, m->data, m->pin, &m->err) < 0;
		m->pin = NULL;
		for (size_t i = 0; m->info.kind == PARENT_BOOTSTRAP && i < m->info.nlayers; i++) {
			(void)image_state_of(t->ctx);
			image_note_made(t->ctx, (struct str){ 0 }, &m->info.layers[i].digest);
		}
	}
	/* What a tag means today is pawl.lock's to keep, not the cache's. */
	const bool tag = m->data->env->parent.kind == PARENT_REGISTRY && str_find(m->data->env->parent.ref, STR("@sha256:")) == SIZE_MAX;
	t->attempts = 1;
	t->done(t, m->bad ? NULL : &r, tag, m->bad ? &m->err : NULL);
	js_free(m->pin);
	arena_done(&m->arena);
	free(m);
}

static void
start(struct task *t)
{
	struct project *p = t->ctx;
	const struct parent_data *d = data_of(t->inputs.graph, t->node);
	if (p->lock.locked && parent_place(d->env, t->arena).section) {
		struct err e = { 0 };
		(void)err_set(&e, ERR_INPUT, "pawl.lock has no pin of the parent '" STR_FMT "', and --locked forbids to add it: run 'pawl lock'",
			      STR_ARG(d->name));
		t->done(t, NULL, true, &e);
		return;
	}
	if (p->watch.progress)
		p->watch.progress(p->watch.ctx, t->node, d->env->parent.kind == PARENT_BOOTSTRAP ? STR("unpacking packages") : STR("resolving"));
	struct making *m = mem_zalloc(sizeof *m);
	m->task = t;
	m->data = d;
	t->rule_data = m;
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

static void
explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	struct project *p = ctx;
	(void)c;
	out->code = REASON_ENVIRONMENT;
	out->text = arena_printf(a, "the parent image '" STR_FMT "' changed", STR_ARG(data_of(&p->graph, n)->name));
}

static const struct rule rule_parent_pinned = { .kind = "parent", .schema = 1, .source = true, .look = look, .explain = explain };

const struct rule rule_parent = {
	.kind = "parent",
	.schema = 1,
	.fields = fields,
	.usable = usable,
	.in_place = in_place,
	.restore = restore,
	.start = start,
	.stop = stop,
	.explain = explain,
};
