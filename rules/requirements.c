/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/requirements.h"

#include <string.h>

#include "cache/stats.h"
#include "rules/apt.h"
#include "rules/interpreter.h"
#include "rules/parent.h"
#include "rules/rules.h"
#include "rules/snapshot.h"
#include "rules/wheelset.h"
#include "sys/file.h"
#include "sys/file.h"

/* ---- the question ---- */

static void
set_fields(const struct reqset *s, struct key *k)
{
	for (size_t i = 0; i < s->n; i++)
		key_text(k, "requires", s->v[i].text, STR("1"));
	for (size_t i = 0; i < s->nconstraints; i++)
		key_text(k, "constraint", s->constraints[i].text, STR("1"));
	if (s->pre)
		key_text(k, "option", STR("pre"), STR("1"));
	if (s->no_deps)
		key_text(k, "option", STR("no-deps"), STR("1"));
	if (s->wheels_only)
		key_text(k, "option", STR("wheels-only"), STR("1"));
	for (size_t i = 0; i < s->nfrom_source; i++)
		key_text(k, "from-source", s->from_source[i], STR("1"));
	for (size_t i = 0; i < s->noptions; i++)
		key_text(k, "where", arena_printf(k->arena, "%03zu", i), s->plain[i]);
}

static void
target_fields(const struct reqset *s, const struct python_target *t, struct key *k)
{
	key_text(k, "target", STR("python"), t->version);
	if (s->full)
		key_text(k, "target", STR("python-full"), t->full);
	key_text(k, "target", STR("platform"), t->platform);
	key_text(k, "target", STR("libc"), t->glibc);
}

struct digest
question_digest(const struct reqset *s, const struct python_target *t, struct arena *a)
{
	struct key k;

	key_init(&k, a, 1, "requirements-question");
	set_fields(s, &k);
	target_fields(s, t, &k);
	return key_done(&k);
}

/* Of a lock that is read as it is: its answer, which needs no question. */
static struct digest
exact_question(const struct wheel_set *w, const struct python_target *t, struct arena *a)
{
	const struct reqset none = { 0 };
	struct key k;

	key_init(&k, a, 1, "requirements-exact");
	key_digest(&k, "wheels", (struct str){ 0 }, &w->digest);
	target_fields(&none, t, &k);
	return key_done(&k);
}

int
requirements_question(struct project *p, const struct ir_environment *env, const struct python_target *t, struct arena *a,
		      struct digest *out, struct err *e)
{
	struct wants *w;
	const struct wheel_set *wheels;

	if (environment_wants(p, env, &w, e) < 0)
		return -1;
	if (!w->exact) {
		*out = question_digest(&w->set, t, a);
		return 0;
	}
	if (wants_wheels(p, w, t, &wheels, e) < 0)
		return -1;
	struct wheel_set all;
	wants_with_local(w, wheels, a, &all);
	*out = exact_question(&all, t, a);
	return 0;
}

static struct str
lock_name(const struct digest *question, struct arena *a)
{
	char hex[DIGEST_HEX + 1];

	digest_hex(question, hex);
	return arena_str(a, str_z(hex));
}

static bool
locked(struct project *p, const struct digest *question, struct arena *a, struct wheel_set *out)
{
	struct str name = lock_name(question, a);

	lock_use(&p->lock, "requirements", name);
	const struct js *entry = lock_get(&p->lock, "requirements", name);
	return entry && wheel_set_of_entry(entry, a, out, NULL) == 0;
}

bool
requirements_known(struct project *p, const struct ir_environment *env, const struct python_target *t, struct arena *a,
		   struct wheel_set *out)
{
	struct wants *w;
	const struct wheel_set *wheels;
	struct digest question;

	if (environment_wants(p, env, &w, NULL) < 0)
		return false;
	if (w->exact) {
		if (wants_wheels(p, w, t, &wheels, NULL) < 0)
			return false;
		wants_with_local(w, wheels, a, out);
		return true;
	}
	question = question_digest(&w->set, t, a);
	if (w->set.n && !locked(p, &question, a, out))
		return false;
	wants_with_local(w, w->set.n ? out : &(struct wheel_set){ 0 }, a, out);
	return true;
}

struct js *
requirements_entry(const struct reqset *s, const struct python_target *t, const struct wheel_set *w)
{
	struct js *entry = js_map(), *target = js_map(), *requires = js_list(), *constraints = js_list();

	js_set(target, "python", js_text(t->version));
	js_set(target, "platform", js_text(t->platform));
	js_set(target, "libc", js_text(t->glibc));
	js_set(entry, "target", target);
	for (size_t i = 0; i < s->n; i++)
		js_push(requires, js_text(s->v[i].text));
	js_set(entry, "requires", requires);
	for (size_t i = 0; i < s->nconstraints; i++)
		js_push(constraints, js_text(s->constraints[i].text));
	if (s->nconstraints)
		js_set(entry, "constraints", constraints);
	else
		js_free(constraints);
	if (s->pre)
		js_set(entry, "pre", js_bool(true));
	if (s->full)
		js_set(target, "full", js_text(t->full));
	js_set(entry, "wheels", wheel_set_write(w));
	return entry;
}

/* ---- nodes ---- */

static struct requirements_data *
data_of(void *ctx, node_id n)
{
	return ((struct project *)ctx)->graph.node[n.i].data;
}

static struct str
file_url(struct project *p, struct str path)
{
	if (path.p[0] != '/')
		path = path_clean(&p->arena, path_join(&p->arena, p->root, path));
	return arena_printf(&p->arena, "file://" STR_FMT, STR_ARG(path));
}

/* Where the user says that packages are: a fresh clone has to find them again. */
static void
note_places(struct project *p, const struct reqset *s, const struct wheel_set *w)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct reqref *f = &s->v[i].ref;
		struct str url = f->secret;
		if (f->kind == REQREF_PATH)
			url = file_url(p, f->path);
		else if (f->kind != REQREF_URL)
			continue;
		for (size_t k = 0; k < w->n; k++)
			if (str_eq(w->v[k].name, s->v[i].r.name))
				wheel_url_note(p, wheel_pin_file(&w->v[k]), url);
	}
}

static int
know(struct project *p, struct requirements_data *d, struct err *e)
{
	const struct wheel_set *wheels;

	d->has_target = true;
	if (d->wants->exact) {
		if (wants_wheels(p, d->wants, &d->target, &wheels, e) < 0)
			return -1;
		wants_with_local(d->wants, wheels, &p->arena, &d->wheels);
		d->question = exact_question(&d->wheels, &d->target, &p->arena);
		d->locked = true;
		return 0;
	}
	d->question = question_digest(d->set, &d->target, &p->arena);
	d->locked = !d->set->n || locked(p, &d->question, &p->arena, &d->wheels);
	if (d->locked) {
		note_places(p, d->set, &d->wheels);
		wants_with_local(d->wants, &d->wheels, &p->arena, &d->wheels);
	}
	return 0;
}

static struct requirements_data *
new_data(struct project *p, const struct ir_environment *env, bool image, struct err *e)
{
	struct requirements_data *d = arena_new(&p->arena, struct requirements_data);
	struct err why = { 0 };

	*d = (struct requirements_data){ .project = p, .env = env, .image = image };
	if (environment_wants(p, env, &d->wants, e) < 0)
		return NULL;
	d->set = &d->wants->set;
	if (environment_target(p, env, image, &p->arena, &d->target, &why) < 0) {
		if (!image || why.code != ERR_MISSING) {
			if (e)
				*e = why;
			return NULL;
		}
		d->locked = wants_nothing(d->wants); /* nothing to resolve for any target */
		if (d->locked)
			wants_with_local(d->wants, &d->wheels, &p->arena, &d->wheels);
		return d;
	}
	return know(p, d, e) < 0 ? NULL : d;
}

static bool
same_question(const struct requirements_data *a, const struct requirements_data *b)
{
	if (a->has_target != b->has_target)
		return false;
	return a->has_target ? digest_eq(&a->question, &b->question) : a->image == b->image;
}

node_id
add_requirements(struct project *p, const struct ir_environment *env, bool image, struct err *e)
{
	struct requirements_data *d = new_data(p, env, image, e);
	bool has_parent = env->parent.kind != PARENT_NONE || env->dockerfile.n;
	struct str name = arena_printf(&p->arena, "requirements:" STR_FMT, STR_ARG(env->name));

	if (!d)
		return NODE_NONE;
	if (!image && has_parent) {
		/* The image's node has the plain name, unless both ask the same. */
		struct python_target other;
		struct digest q;
		bool same = environment_target(p, env, true, &p->arena, &other, NULL) == 0 &&
			    requirements_question(p, env, &other, &p->arena, &q, NULL) == 0;
		if (!same || !digest_eq(&q, &d->question))
			name = arena_printf(&p->arena, STR_FMT "/venv", STR_ARG(name));
	}
	node_id n = graph_find(&p->graph, name);
	if (n.i != NODE_NONE.i) {
		if (same_question(data_of(p, n), d))
			return n;
		(void)err_set(e, ERR_BUG, "two questions for '" STR_FMT "'", STR_ARG(name));
		return NODE_NONE;
	}
	node_id parent = NODE_NONE;
	if (!d->locked && !d->has_target) {
		parent = add_base(p, env, e);
		if (parent.i == NODE_NONE.i)
			return NODE_NONE;
	}
	n = graph_add(&p->graph, d->locked ? &rule_locked : &rule_requirements, name, d);
	if (parent.i != NODE_NONE.i)
		graph_edge(&p->graph, parent, n, EDGE_INPUT, "parent", STR("python"), STR("python"));
	return n;
}

void
requirements_result(const struct requirements_data *d, struct str info, const struct digest *digest, struct arena *a, struct result *out)
{
	*out = (struct result){ .digest = *digest, .kind = STR("requirements"), .info = info,
				.node = arena_printf(a, "requirements:" STR_FMT, STR_ARG(d->env->name)) };
}

static int
locked_look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	const struct requirements_data *d = data_of(ctx, in->node);
	AUTO_BUF info = { 0 };
	AUTO_JS entry = requirements_entry(d->set, &d->target, &d->wheels);

	(void)e;
	js_write(entry, &info);
	requirements_result(d, arena_str(a, buf_str(&info)), &d->wheels.digest, a, out);
	out->node = in->graph->node[in->node.i].name;
	return 0;
}

static int
locked_fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct requirements_data *d = data_of(ctx, in->node);

	(void)e;
	for (size_t i = 0; i < d->wheels.n; i++) {
		const struct wheel_pin *w = &d->wheels.v[i];
		char hex[DIGEST_HEX + 1];
		digest_hex(&w->sha256, hex);
		key_text(k, "wheel", w->name, arena_printf(k->arena, STR_FMT " %.12s", STR_ARG(w->version), hex));
	}
	key_digest(k, "wheels", (struct str){ 0 }, &d->wheels.digest);
	return 0;
}

static int
made_fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct requirements_data *d = data_of(ctx, in->node);

	(void)e;
	set_fields(d->set, k);
	if (d->wants->exact)
		key_digest(k, "lock", d->env->python.lock, &d->wants->digest);
	if (d->has_target)
		target_fields(d->set, &d->target, k);
	return 0;
}

static struct str
version_of(const struct key_field *f)
{
	return f && f->has_value ? str_cut(f->value, ' ').head : (struct str){ 0 };
}

static void
explain_change(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct requirements_data *d = data_of(ctx, n);
	const struct key_field *f = c->b ? c->b : c->a;

	*out = (struct reason){ .code = REASON_ENVIRONMENT };
	if (d->wants->exact)
		out->file = d->env->python.lock;
	else if (d->set->nfiles)
		out->file = d->set->files[0];
	if (str_is(f->tag, "wheel")) {
		struct str from = version_of(c->a), to = version_of(c->b);
		if (!c->a)
			out->text = arena_printf(a, "package " STR_FMT " " STR_FMT " was added", STR_ARG(f->name), STR_ARG(to));
		else if (!c->b)
			out->text = arena_printf(a, "package " STR_FMT " " STR_FMT " is gone", STR_ARG(f->name), STR_ARG(from));
		else if (str_eq(from, to))
			out->text = arena_printf(a, "package " STR_FMT " " STR_FMT ": another file", STR_ARG(f->name), STR_ARG(to));
		else
			out->text = arena_printf(a, "package " STR_FMT " " STR_FMT " -> " STR_FMT, STR_ARG(f->name), STR_ARG(from), STR_ARG(to));
	} else if (str_is(f->tag, "requires") || str_is(f->tag, "constraint")) {
		out->text = arena_printf(a, "%s '" STR_FMT "' %s", str_is(f->tag, "requires") ? "requirement" : "constraint", STR_ARG(f->name),
					 c->b ? "was added" : "is gone");
		for (size_t i = 0; c->b && i < d->set->n; i++)
			if (str_eq(d->set->v[i].text, f->name)) {
				out->file = d->set->v[i].at.file;
				out->line = d->set->v[i].at.line;
			}
	} else {
		out->text = arena_printf(a, "its " STR_FMT " " STR_FMT " changed", STR_ARG(f->tag), STR_ARG(f->name));
	}
}

/* ---- a recorded answer that the lock does not have ---- */

static bool
made_in_place(void *ctx, node_id n, const struct result *r, bool *evicted)
{
	const struct requirements_data *d = data_of(ctx, n);
	struct arena a = { 0 };

	(void)r;
	*evicted = false;
	if (d->wants->exact)
		return true;
	bool there = d->has_target && lock_get(&d->project->lock, "requirements", lock_name(&d->question, &a));
	arena_done(&a);
	return there;
}

static void
made_restore(struct task *t, const struct result *r)
{
	struct requirements_data *d = data_of(t->ctx, t->node);
	struct err e = { 0 };
	struct wheel_set s;
	AUTO_JS entry = NULL;

	if (wheel_set_of(r, t->arena, &s, &e) < 0 || js_parse(r->info, "the record", &entry, &e) < 0) {
		e.code = ERR_DAMAGED;
		t->done(t, NULL, false, &e);
		return;
	}
	if (!d->has_target) {
		/* The recorded answer names its target. */
		const struct js *target = js_get(entry, "target");
		d->target = (struct python_target){ arena_str(t->arena, js_str(js_get(target, "python"))),
						    arena_str(t->arena, js_str(js_get(target, "full"))),
						    arena_str(t->arena, js_str(js_get(target, "platform"))),
						    arena_str(t->arena, js_str(js_get(target, "libc"))) };
		d->question = question_digest(d->set, &d->target, t->arena);
		d->has_target = true;
	}
	if (d->wants->exact) {
		t->done(t, r, false, NULL);
		return;
	}
	struct str name = lock_name(&d->question, t->arena);
	lock_use(&d->project->lock, "requirements", name);
	struct wheel_set kept;
	wants_without_local(d->wants, &s, t->arena, &kept);
	if (lock_set(&d->project->lock, "requirements", name, requirements_entry(d->set, &d->target, &kept), &e) < 0)
		t->done(t, NULL, false, &e);
	else
		t->done(t, r, false, NULL);
}

const struct rule rule_locked = {
	.kind = "requirements", .schema = 1, .source = true, .look = locked_look, .fields = locked_fields, .explain = explain_change,
};

const struct rule rule_requirements = {
	.kind = "requirements", .schema = 1, .fields = made_fields, .in_place = made_in_place, .restore = made_restore,
	.start = requirements_start, .stop = requirements_stop, .explain = explain_change,
};
