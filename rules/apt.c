/* SPDX-License-Identifier: Apache-2.0
 *
 *	locked:  rule_apt_locked  [look: pawl.lock]
 *	else:    rule_apt         [start: the parent's packages on a pool thread] -> known now: pins of pawl.lock
 *	                          -> else resolve on a pool thread -> pins to pawl.lock
 */
#include "rules/apt.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "rules/rundirs.h"
#include "sys/loop.h"

#define KEY_LIMIT ((size_t)1 << 20)

static const struct rule rule_apt_locked;

/* ---- the question ---- */

/* "deb ..." as it is; a name stands for what the caller's variable PAWL_APT_NAME says. */
static int
spell_source(struct project *p, struct str source, struct str *out, struct err *e)
{
	AUTO_BUF name = { 0 };
	if (str_find_char(source, ' ') != SIZE_MAX) {
		*out = source;
		return str_starts(source, STR("deb ")) ? 0 : err_set(e, ERR_INPUT, "'apt.sources': '" STR_FMT "': expected 'deb URL SUITE COMPONENT...'", STR_ARG(source));
	}
	buf_puts(&name, "PAWL_APT_");
	for (size_t i = 0; i < source.n; i++)
		buf_putc(&name, isalnum((unsigned char)source.p[i]) ? (char)toupper((unsigned char)source.p[i]) : '_');
	const char *value = project_env(p, buf_str(&name));
	if (!value || !*value)
		return err_set(e, ERR_INPUT, "'apt.sources' names '" STR_FMT "', but the variable %s is not set: give it the line of that source, 'deb URL SUITE "
					     "COMPONENT...'", STR_ARG(source), buf_z(&name));
	*out = arena_str(&p->arena, str_z(value));
	return 0;
}

static int
ask(struct apt_data *d, struct err *e)
{
	struct project *p = d->project;
	struct arena *a = &p->arena;
	const struct ir_environment *env = d->env;
	struct apt_key *keys = arena_array(a, struct apt_key, env->apt_keys.n + 1);
	d->question = (struct apt_question){ .packages = env->apt.v, .npackages = env->apt.n, .keys = keys };
	for (size_t i = 0; i < env->apt_keys.n; i++) {
		AUTO_BUF bytes = { 0 };
		if (file_read(p->fd, arena_z(a, env->apt_keys.v[i]), KEY_LIMIT, &bytes, e) < 0)
			return -1;
		keys[d->question.nkeys++].bytes = arena_str(a, buf_str(&bytes));
	}
	return 0;
}

/* Only when the network is used: a build from the lock needs nobody's variables. */
int
apt_spell_sources(struct apt_data *d, bool offline, struct err *e)
{
	if (offline)
		return 0;
	struct str *v = arena_array(&d->project->arena, struct str, d->env->apt_sources.n + 1);
	for (size_t i = 0; i < d->env->apt_sources.n; i++)
		if (spell_source(d->project, d->env->apt_sources.v[i], &v[i], e) < 0)
			return -1;
	d->question.sources = v;
	d->question.nsources = d->env->apt_sources.n;
	return 0;
}

/* Loop thread. */
static void
look_in_lock(struct apt_data *d, const struct packages *parent)
{
	struct project *p = d->project;
	d->known = true;
	d->name = apt_question_name(d, parent, &p->arena);
	lock_use(&p->lock, "apt", d->name);
	d->locked = apt_pins_read(lock_get(&p->lock, "apt", d->name), &p->arena, &d->pins, NULL) == 0;
}

/* ---- nodes ---- */

static struct apt_data *
data_of(void *ctx, node_id n)
{
	return ((struct project *)ctx)->graph.node[n.i].data;
}

node_id
add_apt(struct project *p, const struct ir_environment *env, struct err *e)
{
	const struct str name = arena_printf(&p->arena, "apt:" STR_FMT, STR_ARG(env->name));
	node_id n = graph_find(&p->graph, name);
	struct parent_info parent;
	if (n.i != NODE_NONE.i)
		return n;
	struct apt_data *d = arena_new(&p->arena, struct apt_data);
	*d = (struct apt_data){ .project = p, .env = env };
	if (ask(d, e) < 0)
		return NODE_NONE;
	const node_id on = add_parent(p, env, e);
	if (on.i == NODE_NONE.i)
		return NODE_NONE;
	if (parent_locked(p, env, &p->arena, &parent) && parent.packaged)
		look_in_lock(d, &parent.packages);
	n = graph_add(&p->graph, d->locked ? &rule_apt_locked : &rule_apt, name, d);
	graph_edge(&p->graph, on, n, EDGE_INPUT, "parent", STR("packages"), env->dockerfile.n ? STR("") : STR("packages"));
	for (size_t i = 0; i < env->apt_keys.n; i++) {
		const node_id key = add_file(p, env->apt_keys.v[i], e);
		if (key.i == NODE_NONE.i)
			return NODE_NONE;
		graph_edge(&p->graph, key, n, EDGE_INPUT, "key", env->apt_keys.v[i], STR(""));
	}
	return n;
}

const struct result *
apt_input(const struct inputs *in, const char *tag)
{
	const struct node *n = &in->graph->node[in->node.i];
	for (uint32_t i = 0; i < n->nin; i++) {
		const struct edge *x = &in->graph->edge[n->in + i];
		if (x->kind == EDGE_INPUT && strcmp(x->tag, tag) == 0)
			return in->of[i];
	}
	return NULL;
}

/* ---- what a person is told ---- */

static struct str
version_of(const struct key_field *f)
{
	return f && f->has_value ? str_cut(f->value, ' ').head : (struct str){ 0 };
}

static void
explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct key_field *f = c->b ? c->b : c->a;
	const struct apt_data *d = data_of(ctx, n);
	*out = (struct reason){ .code = REASON_ENVIRONMENT };
	if (!str_is(f->tag, "package")) {
		out->text = arena_printf(a, "environment '" STR_FMT "': " STR_FMT "%s" STR_FMT " of 'apt:' %s", STR_ARG(d->env->name), STR_ARG(f->tag),
					 f->name.n ? " " : "", STR_ARG(f->name), !c->a ? "was added" : !c->b ? "is gone" : "changed");
		return;
	}
	const struct str from = version_of(c->a), to = version_of(c->b);
	if (!c->a || !c->b)
		out->text = arena_printf(a, "Debian package " STR_FMT "%s" STR_FMT " %s", STR_ARG(f->name), from.n || to.n ? " " : "",
					 STR_ARG(c->b ? to : from), c->b ? "was added" : "is gone");
	else
		out->text = arena_printf(a, "Debian package " STR_FMT " " STR_FMT " -> " STR_FMT, STR_ARG(f->name), STR_ARG(from), STR_ARG(to));
}

/* ---- pinned ---- */

static void
result_of(const struct apt_data *d, const struct apt_pins *pins, struct str question, struct arena *a, struct result *out)
{
	AUTO_JS info = apt_entry(d, pins);
	AUTO_BUF text = { 0 };
	js_set(info, "question", js_text(question));
	js_write(info, &text);
	*out = (struct result){ .digest = pins->digest, .kind = STR("apt"), .info = arena_str(a, buf_str(&text)) };
}

static int
locked_look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	const struct apt_data *d = data_of(ctx, in->node);
	(void)e;
	result_of(d, &d->pins, d->name, a, out);
	out->node = in->graph->node[in->node.i].name;
	return 0;
}

static int
locked_fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct apt_data *d = data_of(ctx, in->node);
	(void)e;
	for (size_t i = 0; i < d->pins.n; i++) {
		const struct apt_deb *x = &d->pins.v[i];
		char hex[DIGEST_HEX + 1];
		digest_hex(&x->sha256, hex);
		key_text(k, "package", arena_printf(k->arena, STR_FMT ":" STR_FMT, STR_ARG(x->name), STR_ARG(x->arch)),
			 arena_printf(k->arena, STR_FMT " %.12s", STR_ARG(x->version), hex));
	}
	return 0;
}

static const struct rule rule_apt_locked = {
	.kind = "apt", .schema = 1, .source = true, .look = locked_look, .fields = locked_fields, .explain = explain,
};

/* ---- resolved ---- */

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct apt_data *d = data_of(ctx, in->node);
	(void)e;
	for (size_t i = 0; i < d->env->apt.n; i++)
		key_text(k, "package", d->env->apt.v[i], STR(""));
	for (size_t i = 0; i < d->env->apt_sources.n; i++)
		key_text(k, "source", arena_printf(k->arena, "%04zu", i), d->env->apt_sources.v[i]);
	key_text(k, "platform", STR(""), environment_platform(d->env));
	return 0;
}

static bool
in_place(void *ctx, node_id n, const struct result *r, bool *evicted)
{
	const struct apt_data *d = data_of(ctx, n);
	AUTO_JS info = NULL;
	struct arena a = { 0 };
	struct apt_pins pins;
	*evicted = false;
	const bool same = js_parse(r->info, "apt", &info, NULL) == 0 &&
			  apt_pins_read(lock_get(&d->project->lock, "apt", js_str(js_get(info, "question"))), &a, &pins, NULL) == 0 &&
			  digest_eq(&pins.digest, &r->digest);
	arena_done(&a);
	return same;
}

/* A recorded answer that the lock does not have: it goes there. Where the lock has another one, or it shall move, the lock is asked again. */
static void
restore(struct task *t, const struct result *r)
{
	struct apt_data *d = data_of(t->ctx, t->node);
	struct err e = { 0 };
	struct apt_pins pins;
	AUTO_JS info = NULL;
	if (js_parse(r->info, "apt", &info, &e) < 0 || apt_pins_read(info, t->arena, &pins, &e) < 0) {
		e.code = ERR_DAMAGED;
		t->done(t, NULL, false, &e);
	} else if (lock_stale(&d->project->lock, "apt", js_str(js_get(info, "question"))) ||
		   lock_get(&d->project->lock, "apt", js_str(js_get(info, "question")))) {
		t->inputs.graph->node[t->node.i].rule->start(t);
	} else if (apt_pin(d, arena_str(t->arena, js_str(js_get(info, "question"))), apt_entry(d, &pins), &e) < 0) {
		t->done(t, NULL, false, &e);
	} else {
		t->done(t, r, false, NULL);
	}
}

struct resolving {
	struct task *task;
	struct project *project;
	struct apt_data *data;
	struct arena arena;
	struct parent_info parent;
	struct apt_pins pins;
	atomic_bool stop;
	struct err err;
	bool bad;
};

static void
end(struct resolving *r)
{
	struct task *t = r->task;
	struct result out = { 0 };
	if (!r->bad)
		r->bad = apt_pin(r->data, r->data->name, apt_entry(r->data, &r->pins), &r->err) < 0;
	if (!r->bad)
		result_of(r->data, &r->pins, r->data->name, &r->arena, &out);
	t->attempts = 1;
	t->done(t, r->bad ? NULL : &out, false, r->bad ? &r->err : NULL);
	arena_done(&r->arena);
	free(r);
}

static void
resolve(void *ctx)
{
	struct resolving *r = ctx;
	struct apt_job job;
	r->bad = apt_job(r->project, r->data->env, &r->parent, &r->arena, &job, &r->err) < 0;
	if (!r->bad) {
		job.stop = &r->stop;
		r->bad = apt_resolve(&job, &r->data->question, &r->arena, &r->pins.v, &r->pins.n, &r->err) < 0;
		rundirs_give(r->project->rundirs, job.scratch);
	}
	if (r->bad)
		(void)err_wrap(&r->err, "environment '" STR_FMT "'", STR_ARG(r->data->env->name));
	else
		apt_pins_settle(&r->pins);
}

static void
resolved(void *ctx)
{
	end(ctx);
}

static void
look_at_parent(void *ctx)
{
	struct resolving *r = ctx;
	r->bad = apt_parent_packages(r->project, r->data->env, &r->parent, &r->arena, &r->err) < 0;
}

static int
may_resolve(struct resolving *r, struct err *e)
{
	const struct str env = r->data->env->name;
	if (r->project->lock.locked)
		return err_set(e, ERR_INPUT, "pawl.lock has no packages for 'apt:' of environment '" STR_FMT "', and --locked forbids to add them: run 'pawl lock'",
			       STR_ARG(env));
	if (r->project->opts.offline)
		return err_set(e, ERR_WORLD, "the packages for 'apt:' of environment '" STR_FMT "' have to be resolved; the network is needed, and --offline "
					     "forbids it", STR_ARG(env));
	return apt_spell_sources(r->data, false, e);
}

static void
looked_at_parent(void *ctx)
{
	struct resolving *r = ctx;
	struct task *t = r->task;
	if (!r->bad)
		look_in_lock(r->data, &r->parent.packages);
	if (!r->bad && r->data->locked) {
		r->pins = r->data->pins;
		end(r);
		return;
	}
	if (!r->bad)
		r->bad = may_resolve(r, &r->err) < 0;
	if (r->bad) {
		end(r);
		return;
	}
	if (r->project->watch.progress)
		r->project->watch.progress(r->project->watch.ctx, t->node, STR("resolving Debian packages"));
	loop_work(t->loop, resolve, resolved, r);
}

static void
start(struct task *t)
{
	struct resolving *r = mem_zalloc(sizeof *r);
	const struct result *parent = apt_input(&t->inputs, "parent");
	r->task = t;
	r->project = t->ctx;
	r->data = data_of(t->ctx, t->node);
	t->rule_data = r;
	rundirs_ready(r->project);
	r->bad = !parent || parent_of_result(parent, &r->arena, &r->parent, &r->err) < 0;
	if (!parent)
		(void)err_set(&r->err, ERR_BUG, "packages without the result of their parent");
	if (r->bad)
		end(r);
	else
		loop_work(t->loop, look_at_parent, looked_at_parent, r);
}

static void
stop(struct task *t, bool hard)
{
	struct resolving *r = t->rule_data;
	(void)hard;
	if (r)
		atomic_store(&r->stop, true);
}

const struct rule rule_apt = {
	.kind = "apt", .schema = 1, .fields = fields, .in_place = in_place, .restore = restore, .start = start, .stop = stop, .explain = explain,
};
