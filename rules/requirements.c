/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/requirements.h"

#include <string.h>

#include "cache/stats.h"
#include "rules/interpreter.h"
#include "rules/parent.h"
#include "rules/rules.h"
#include "rules/snapshot.h"
#include "rules/wheelset.h"
#include "sys/file.h"

/* ---- the set of an environment ---- */

struct env_requirements {
	const struct ir_environment *env;
	struct reqset set;
	struct env_requirements *next;
};

/* What was read must be what the stat table remembers, or a later look at the signature would prove nothing. */
static int
read_file(void *ctx, struct str path, struct buf *out, struct err *e)
{
	struct project *p = ctx;
	char *z = arena_z(&p->arena, path);
	struct file_stat st;
	struct content c;

	if (file_stat(p->fd, z, true, &st, e) < 0) {
		leaves_path(p->leaves, path, NULL);
		return -1;
	}
	if (st.type != FILE_REGULAR)
		return err_set(e, ERR_INPUT, "'" STR_FMT "' is no file", STR_ARG(path));
	struct stat_sig sig = stat_sig_of(&st);
	if (stats_content(p->cache->stats, p->fd, z, &st, &c, e) < 0 || file_read(p->fd, z, REQFILE_LIMIT, out, e) < 0)
		return -1;
	struct digest d = digest_of(buf_str(out));
	if (digest_eq(&d, &c.digest))
		leaves_path(p->leaves, path, &sig);
	else
		leaves_never(p->leaves);
	return 0;
}

static struct reqfile_source
source_of(struct project *p, const struct ir_environment *env, struct str text, bool constraint)
{
	struct reqfile_source s = { .constraint = constraint, .at = env->python_at };
	struct str path = path_clean(&p->arena, text);
	bool named = str_ends(text, STR(".txt")) || str_ends(text, STR(".in"));

	if (named || (text.n < 4096 && file_exists(p->fd, arena_z(&p->arena, path))))
		s.path = path;
	else
		s.text = text;
	return s;
}

static int
refuse_unsupported(struct project *p, const struct ir_environment *env, struct err *e)
{
	const struct ir_python *py = &env->python;
	const struct {
		bool there;
		const char *name;
	} table[] = {
		{ py->pyproject.n > 0, "pyproject" }, { py->lock.n > 0, "lock" },    { py->replicate, "replicate" },
		{ py->groups.n > 0, "groups" },       { py->index.n > 0, "index" },
	};
	int bad = 0;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (!table[i].there)
			continue;
		diags_add(&p->diags, SEVERITY_ERROR, env->python_at, "not-supported", STR("use 'requirements:' with files or requirements"),
			  "environment '" STR_FMT "': '%s' under 'python' is not supported yet", STR_ARG(env->name), table[i].name);
		bad = err_set(e, ERR_INPUT, "environment '" STR_FMT "': '%s' under 'python' is not supported yet", STR_ARG(env->name),
			      table[i].name);
	}
	return bad;
}

int
environment_requirements(struct project *p, const struct ir_environment *env, const struct reqset **out, struct err *e)
{
	struct python_state *state = python_state(p);
	const struct ir_python *py = &env->python;
	const struct reqfile_reader reader = { read_file, p };
	size_t n = 0;

	for (struct env_requirements *r = state->sets; r; r = r->next)
		if (r->env == env) {
			*out = &r->set;
			return 0;
		}
	if (refuse_unsupported(p, env, e) < 0)
		return -1;
	struct reqfile_source *s = arena_array(&p->arena, struct reqfile_source, py->requirements.n + py->constraints.n);
	for (size_t i = 0; i < py->requirements.n; i++)
		s[n++] = source_of(p, env, py->requirements.v[i], false);
	for (size_t i = 0; i < py->constraints.n; i++)
		s[n++] = source_of(p, env, py->constraints.v[i], true);
	struct env_requirements *r = arena_new(&p->arena, struct env_requirements);
	r->env = env;
	if (reqset_read(s, n, &reader, &p->arena, &p->diags, &r->set, e) < 0)
		return err_wrap(e, "environment '" STR_FMT "'", STR_ARG(env->name));
	r->next = state->sets;
	state->sets = r;
	*out = &r->set;
	return 0;
}

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
}

static void
target_fields(const struct python_target *t, struct key *k)
{
	key_text(k, "target", STR("python"), t->version);
	key_text(k, "target", STR("platform"), t->platform);
	key_text(k, "target", STR("libc"), t->glibc);
}

struct digest
question_digest(const struct reqset *s, const struct python_target *t, struct arena *a)
{
	struct key k;

	key_init(&k, a, 1, "requirements-question");
	set_fields(s, &k);
	target_fields(t, &k);
	return key_done(&k);
}

int
requirements_question(struct project *p, const struct ir_environment *env, const struct python_target *t, struct arena *a,
		      struct digest *out, struct err *e)
{
	const struct reqset *s;

	if (environment_requirements(p, env, &s, e) < 0)
		return -1;
	*out = question_digest(s, t, a);
	return 0;
}

static struct str
lock_name(const struct digest *question, struct arena *a)
{
	char hex[DIGEST_HEX + 1];

	digest_hex(question, hex);
	return arena_str(a, str_z(hex));
}

bool
requirements_locked(struct project *p, const struct digest *question, struct arena *a, struct wheel_set *out)
{
	struct str name = lock_name(question, a);

	lock_use(&p->lock, "requirements", name);
	const struct js *entry = lock_get(&p->lock, "requirements", name);
	return entry && wheel_set_of_entry(entry, a, out, NULL) == 0;
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
	js_set(entry, "wheels", wheel_set_write(w));
	return entry;
}

/* ---- nodes ---- */

static struct requirements_data *
data_of(void *ctx, node_id n)
{
	return ((struct project *)ctx)->graph.node[n.i].data;
}

static struct requirements_data *
new_data(struct project *p, const struct ir_environment *env, bool image, struct err *e)
{
	struct requirements_data *d = arena_new(&p->arena, struct requirements_data);
	struct err why = { 0 };

	*d = (struct requirements_data){ .project = p, .env = env, .image = image };
	if (environment_requirements(p, env, &d->set, e) < 0)
		return NULL;
	if (environment_target(p, env, image, &p->arena, &d->target, &why) < 0) {
		if (!image || why.code != ERR_MISSING) {
			if (e)
				*e = why;
			return NULL;
		}
		d->locked = !d->set->n; /* nothing to resolve for any target */
		if (d->locked)
			wheel_set_settle(&d->wheels, &p->arena);
		return d;
	}
	d->has_target = true;
	d->question = question_digest(d->set, &d->target, &p->arena);
	d->locked = !d->set->n || requirements_locked(p, &d->question, &p->arena, &d->wheels);
	if (!d->set->n)
		wheel_set_settle(&d->wheels, &p->arena);
	return d;
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
		bool same = environment_target(p, env, true, &p->arena, &other, NULL) == 0;
		if (same)
			q = question_digest(d->set, &other, &p->arena);
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
		parent = add_parent(p, env, e);
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
	if (d->has_target)
		target_fields(&d->target, k);
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
	if (d->set->nfiles)
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
						    arena_str(t->arena, js_str(js_get(target, "platform"))),
						    arena_str(t->arena, js_str(js_get(target, "libc"))) };
		d->question = question_digest(d->set, &d->target, t->arena);
		d->has_target = true;
	}
	struct str name = lock_name(&d->question, t->arena);
	lock_use(&d->project->lock, "requirements", name);
	if (lock_set(&d->project->lock, "requirements", name, requirements_entry(d->set, &d->target, &s), &e) < 0)
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
