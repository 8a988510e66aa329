/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/interpreter.h"
#include "rules/parent.h"
#include "rules/requirements.h"
#include "rules/wheelset.h"
#include "sys/file.h"
#include "sys/loop.h"

/* One resolving: prepared and ended in the loop's thread, done on a thread of the pool, where only this is touched. */
struct resolving {
	struct task *task;
	struct project *project;
	struct requirements_data *data;
	struct python_target target;
	struct resolver_question question;
	const struct resolver *resolver;
	struct arena arena;
	atomic_bool stop;
	bool bad;
	struct err err;
	struct wheel_set wheels;
	struct str *urls;
};

/* ---- what the program says, with the lines of the user ---- */

static bool
mentions(struct str text, struct str name)
{
	for (size_t i = 0; i + name.n <= text.n; i++) {
		if (strncasecmp(text.p + i, name.p, name.n))
			continue;
		char before = i ? text.p[i - 1] : ' ', after = i + name.n < text.n ? text.p[i + name.n] : ' ';
		if (!isalnum((unsigned char)before) && before != '-' && !isalnum((unsigned char)after) && after != '-')
			return true;
	}
	return false;
}

static void
add_places(struct resolving *r)
{
	const struct reqset *s = r->data->set;
	AUTO_BUF b = { 0 };
	size_t shown = 0;

	for (size_t i = 0; i < s->n && shown < 5; i++) {
		const struct requirement *q = &s->v[i];
		if (!mentions(str_z(r->err.text), q->r.name))
			continue;
		shown++;
		if (q->at.file.n)
			buf_printf(&b, "\n  " STR_FMT ":%u: " STR_FMT, STR_ARG(q->at.file), q->at.line, STR_ARG(str_take(q->text, 80)));
	}
	if (!b.n)
		return;
	struct err e = r->err;
	(void)err_set(&r->err, e.code, "%s\n" "asked for by:%s", e.text, buf_z(&b));
}

/* ---- versions to keep ---- */

static bool
wanted_anyway(const struct reqset *s, const struct wheel_pin *w, struct arena *a)
{
	struct pep440 v;

	if (!pep440_parse(w->version, a, &v))
		return false;
	for (size_t i = 0; i < s->n; i++) {
		if (!str_eq(s->v[i].r.name, w->name))
			continue;
		for (size_t k = 0; k < s->v[i].r.nspecs; k++)
			if (!pep440_spec_holds(&s->v[i].r.specs[k], &v, a))
				return false;
	}
	return true;
}

/* How many of the set's requirements an entry of the lock was made for. */
static size_t
likeness(const struct reqset *s, const struct js *entry)
{
	const struct js *list = js_get(entry, "requires");
	size_t n = 0;

	for (size_t i = 0; i < js_len(list); i++) {
		struct str text = js_str(js_at(list, i));
		size_t end = 0;
		while (end < text.n && (isalnum((unsigned char)text.p[end]) || text.p[end] == '-'))
			end++;
		for (size_t k = 0; k < s->n; k++)
			if (str_eq(s->v[k].r.name, str_take(text, end))) {
				n++;
				break;
			}
	}
	return n;
}

/* The nearest earlier answer for the same Python: its versions stay where nothing speaks against them, so that one changed line
 * changes one package. */
static void
prefer(struct resolving *r)
{
	const struct js *all = js_get(r->project->lock.doc, "requirements"), *best = NULL;
	size_t most = 0;
	struct wheel_set old;

	for (void *it = js_first(all); it; it = js_next(all, it)) {
		const struct js *target = js_get(js_value(it), "target");
		if (!str_eq(js_str(js_get(target, "python")), r->target.version) ||
		    !str_eq(js_str(js_get(target, "platform")), r->target.platform))
			continue;
		size_t n = likeness(r->data->set, js_value(it));
		if (n > most) {
			most = n;
			best = js_value(it);
		}
	}
	if (r->project->lock.moving_all || !best || wheel_set_read(js_get(best, "wheels"), &r->arena, &old, NULL) < 0)
		return;
	struct str *v = arena_array(&r->arena, struct str, old.n);
	size_t n = 0;
	for (size_t i = 0; i < old.n; i++)
		if (wanted_anyway(r->data->set, &old.v[i], &r->arena) && !lock_moves(&r->project->lock, old.v[i].name))
			v[n++] = arena_printf(&r->arena, STR_FMT "==" STR_FMT, STR_ARG(old.v[i].name), STR_ARG(old.v[i].version));
	r->question.prefer = v;
	r->question.nprefer = n;
}

/* ---- the pool's part ---- */

static void
work(void *ctx)
{
	struct resolving *r = ctx;
	struct resolver_answer answer;
	struct arena scratch = { 0 };

	r->bad = resolver_scratch(r->project, &r->arena, &r->question.scratch, &r->err) < 0;
	if (r->bad)
		return;
	r->bad = r->resolver->resolve(&r->question, &r->arena, &answer, &r->err) < 0 ||
		 wheels_choose(&answer, r->data->set, &r->target, r->resolver->name, &r->arena, &r->wheels, &r->urls, &r->err) < 0;
	(void)file_remove_tree(AT_FDCWD, arena_z(&scratch, r->question.scratch), NULL); /* swept with tmp/ else */
	arena_done(&scratch);
}

/* ---- the loop's part ---- */

static void
end(struct resolving *r, const struct result *result)
{
	struct task *t = r->task;
	struct err e = r->err;
	bool bad = r->bad;

	t->rule_data = NULL;
	arena_done(&r->arena);
	free(r);
	t->done(t, bad ? NULL : result, false, bad ? &e : NULL);
}

static void
remember_urls(struct resolving *r)
{
	struct batch b = { 0 };

	for (size_t i = 0; i < r->wheels.n; i++)
		if (r->urls[i].n)
			wheel_url_put(&b, wheel_pin_file(&r->wheels.v[i]), r->urls[i]);
	if (b.n)
		(void)records_commit(r->project->cache->records, &b, false, 1000, NULL); /* else they are asked for again */
	batch_done(&b);
}

static void
done(void *ctx)
{
	struct resolving *r = ctx;
	struct requirements_data *d = r->data;
	struct arena *a = r->task->arena;
	AUTO_BUF info = { 0 };
	struct result result;

	if (r->bad) {
		if (r->err.code == ERR_INPUT)
			add_places(r);
		(void)err_wrap(&r->err, "environment '" STR_FMT "': resolve its requirements", STR_ARG(d->env->name));
		end(r, NULL);
		return;
	}
	struct digest question = question_digest(d->set, &r->target, a);
	char hex[DIGEST_HEX + 1];
	digest_hex(&question, hex);
	struct wheel_set all;
	wants_with_local(d->wants, &r->wheels, a, &all);
	AUTO_JS told = requirements_entry(d->set, &r->target, &all);
	struct js *entry = requirements_entry(d->set, &r->target, &r->wheels);
	js_write(told, &info);
	requirements_result(d, arena_str(a, buf_str(&info)), &all.digest, a, &result);
	result.node = r->project->graph.node[r->task->node.i].name;
	lock_use(&r->project->lock, "requirements", str_z(hex));
	r->bad = lock_set(&r->project->lock, "requirements", str_z(hex), entry, &r->err) < 0;
	if (!r->bad) {
		remember_urls(r);
		d->target = (struct python_target){ arena_str(a, r->target.version), arena_str(a, r->target.full),
						    arena_str(a, r->target.platform), arena_str(a, r->target.glibc) };
		d->question = question;
		d->has_target = true;
	}
	end(r, &result);
}

static int
find_target(struct resolving *r, struct err *e)
{
	const struct task *t = r->task;
	const struct node *n = &r->project->graph.node[t->node.i];
	struct parent_info info;

	if (r->data->has_target) {
		r->target = r->data->target;
		return 0;
	}
	for (uint32_t i = 0; i < n->nin; i++) {
		if (!t->inputs.of[i] || !str_is(r->project->graph.edge[n->in + i].name, "python"))
			continue;
		if (parent_of_result(t->inputs.of[i], &r->arena, &info, e) < 0)
			return -1;
		return target_of_parent(&info, r->data->env, &r->target, e);
	}
	return err_set(e, ERR_BUG, "requirements without a target");
}

static int
prepare(struct resolving *r, struct err *e)
{
	struct resolver_question *q = &r->question;
	const struct project *p = r->project;
	const struct interpreter *py;

	if (p->opts.locked)
		return err_set(e, ERR_INPUT, "--locked: pawl.lock has no answer for these requirements; run 'pawl lock' and commit it");
	if (find_target(r, e) < 0 || resolver_question_of(r->data->set, &r->target, p->root, &r->arena, q, e) < 0)
		return -1;
	q->offline = p->opts.offline;
	q->envp = p->opts.environ_;
	q->cwd = p->fd;
	q->stop = &r->stop;
	if (interpreter_find(r->project, &py, NULL) == 0) {
		q->interpreter = py->executable;
		q->native = !r->data->image && str_eq(py->series, r->target.version);
	}
	if (resolver_choose(r->data->env->python.installer, q, &r->arena, &r->resolver, e) < 0)
		return -1;
	prefer(r);
	return 0;
}

/* A lock that is read as it is waited for its parent only. */
static void
answer_exact(struct task *t, struct requirements_data *d)
{
	struct resolving r = { .task = t, .project = t->ctx, .data = d };
	const struct wheel_set *wheels;
	struct result result;
	struct err e = { 0 };
	AUTO_BUF info = { 0 };

	int bad = find_target(&r, &e) < 0 || wants_wheels(r.project, d->wants, &r.target, &wheels, &e) < 0;
	if (!bad) {
		struct wheel_set all;
		wants_with_local(d->wants, wheels, t->arena, &all);
		AUTO_JS entry = requirements_entry(d->set, &r.target, &all);
		js_write(entry, &info);
		requirements_result(d, arena_str(t->arena, buf_str(&info)), &all.digest, t->arena, &result);
		result.node = r.project->graph.node[t->node.i].name;
	} else {
		(void)err_wrap(&e, "environment '" STR_FMT "'", STR_ARG(d->env->name));
	}
	arena_done(&r.arena);
	t->attempts = 1;
	t->done(t, bad ? NULL : &result, false, bad ? &e : NULL);
}

void
requirements_start(struct task *t)
{
	struct project *p = t->ctx;

	if (((struct requirements_data *)p->graph.node[t->node.i].data)->wants->exact) {
		answer_exact(t, p->graph.node[t->node.i].data);
		return;
	}
	struct resolving *r = mem_zalloc(sizeof *r);
	r->task = t;
	r->project = p;
	r->data = p->graph.node[t->node.i].data;
	t->rule_data = r;
	t->attempts = 1;
	r->bad = prepare(r, &r->err) < 0;
	if (r->bad) {
		(void)err_wrap(&r->err, "environment '" STR_FMT "'", STR_ARG(r->data->env->name));
		end(r, NULL);
		return;
	}
	if (p->watch.progress)
		p->watch.progress(p->watch.ctx, t->node,
				  arena_printf(&r->arena, "resolving %zu requirement%s with %s", r->question.nrequirements,
					       r->question.nrequirements == 1 ? "" : "s", r->resolver->name));
	loop_work(t->loop, work, done, r);
}

void
requirements_stop(struct task *t, bool hard)
{
	struct resolving *r = t->rule_data;

	(void)hard;
	if (r)
		atomic_store(&r->stop, true);
}
