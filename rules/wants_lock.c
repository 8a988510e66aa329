/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/wants.h"

#include <string.h>

#include "base/toml.h"
#include "cache/stats.h"
#include "hashing/key.h"
#include "rules/interpreter.h"
#include "rules/snapshot.h"
#include "rules/wheelset.h"
#include "sys/file.h"

/* ---- locks of other tools ---- */

static int
lock_mistake(struct project *p, const struct wants *w, struct js_place at, const struct err *why, struct err *e)
{
	struct place place = { .file = w->env->python.lock, .line = at.line, .column = at.column };

	if (why->code == ERR_INPUT)
		diags_add(&p->diags, SEVERITY_ERROR, place, "lock-file", (struct str){ 0 }, "%s", why->text);
	return err_set(e, why->code, STR_FMT ": %s", STR_ARG(w->env->python.lock), why->text);
}

static struct otherlock_question
question_of(struct project *p, const struct wants *w, const struct marker_env *env)
{
	const struct ir_python *py = &w->env->python;
	struct otherlock_question q = { .env = env, .groups = py->groups.v, .ngroups = py->groups.n, .root = p->root };

	if (py->pyproject.n)
		q.member = str_is(path_base(py->pyproject), "pyproject.toml") ? path_dir(py->pyproject) : py->pyproject;
	return q;
}

/* Who names a lock that is no list of requirements is done with it; poetry's older ones say what is wanted in pyproject.toml. */
static int
read_pyproject(struct project *p, struct otherlock *l, struct err *e)
{
	AUTO_BUF text = { 0 };
	struct str path = path_clean(&p->arena, path_join(&p->arena, l->folder, STR("pyproject.toml")));
	struct err why = { 0 };
	struct js *doc;

	if (l->kind != OTHERLOCK_POETRY)
		return 0;
	if (wants_read(p, path, &text, &why) < 0) {
		if (why.code == ERR_MISSING)
			return 0;
		if (e)
			*e = why;
		return -1;
	}
	if (toml_parse(buf_str(&text), arena_z(&p->arena, path), &doc, e) < 0)
		return -1;
	l->pyproject = js_keep(&p->arena, doc);
	return 0;
}

/* What the machine's own Python, or a usual one, would be told: which folders are code does not wait for a parent. */
struct marker_env
wants_markers(struct project *p, const struct ir_environment *env)
{
	struct python_target t = { .version = STR("3.12"), .platform = STR("linux/amd64") };

	if (environment_target(p, env, env->parent.kind != PARENT_NONE || env->dockerfile.n > 0, &p->arena, &t, NULL) < 0)
		(void)environment_target(p, env, false, &p->arena, &t, NULL); /* else the usual one */
	return target_markers(&t, &p->arena);
}

/* Lines of a lock that names versions and hashes: every one pinned, so that nothing is left to choose. */
static int
check_pinned(struct project *p, const struct wants *w, struct err *e)
{
	int bad = 0;

	for (size_t i = 0; i < w->set.n; i++) {
		const struct requirement *q = &w->set.v[i];
		bool pinned = q->r.url.n || (q->r.nspecs == 1 && q->r.specs[0].op == OP_EQ && !q->r.specs[0].any && q->nhashes);
		if (pinned)
			continue;
		diags_add(&p->diags, SEVERITY_ERROR, q->at, "lock-file", STR("or name the file under 'requirements'"),
			  "a lock needs '" STR_FMT "==VERSION --hash=sha256:...'", STR_ARG(q->r.name));
		bad = err_set(e, ERR_INPUT, "'" STR_FMT "' is not pinned with hashes", STR_ARG(q->r.name));
	}
	return bad;
}

static int
read_lines(struct project *p, struct wants *w, struct err *e)
{
	const struct reqfile_reader reader = wants_reader(p);
	struct str path = w->env->python.lock;
	struct reqfile_source file = { .path = path, .at = w->env->python_at }, *s = &file;
	size_t n = 1;

	if (w->lock.kind == OTHERLOCK_PIPFILE) {
		const struct marker_env env = wants_markers(p, w->env);
		const struct otherlock_question q = question_of(p, w, &env);
		struct otherlock_answer folders = { 0 };
		struct str *lines;
		struct err why = { 0 };
		if (otherlock_lines(&w->lock, &q, &p->arena, &lines, &n, &folders, &why) < 0)
			return lock_mistake(p, w, (struct js_place){ 0 }, &why, e);
		s = arena_array(&p->arena, struct reqfile_source, n);
		for (size_t i = 0; i < n; i++)
			s[i] = (struct reqfile_source){ .text = lines[i], .at = { .file = path } };
		w->folders = folders.folders;
		w->nfolders = folders.nfolders;
	}
	if (reqset_read(s, n, &reader, &p->arena, &p->diags, &w->set, e) < 0)
		return -1;
	w->set.no_deps = true;
	wants_note(p, &w->set);
	return check_pinned(p, w, e);
}

static int
read_exact(struct project *p, struct wants *w, struct str text, struct err *e)
{
	const struct marker_env env = wants_markers(p, w->env);
	const struct otherlock_question q = question_of(p, w, &env);
	struct otherlock_answer answer;
	struct err why = { 0 };
	struct digest of_text = digest_of(text);
	struct key k;

	w->exact = true;
	if (read_pyproject(p, &w->lock, &why) < 0 || otherlock_select(&w->lock, &q, &p->arena, &answer, &why) < 0)
		return lock_mistake(p, w, (struct js_place){ 0 }, &why, e);
	w->folders = answer.folders;
	w->nfolders = answer.nfolders;
	key_init(&k, &p->arena, 1, "lock-file");
	key_digest(&k, "text", (struct str){ 0 }, &of_text);
	key_text(&k, "member", (struct str){ 0 }, q.member);
	for (size_t i = 0; i < q.ngroups; i++)
		key_text(&k, "group", q.groups[i], STR("1"));
	w->digest = key_done(&k);
	return 0;
}

int
wants_lock(struct project *p, struct wants *w, struct err *e)
{
	const struct ir_python *py = &w->env->python;
	AUTO_BUF text = { 0 };
	struct err why = { 0 };
	struct js_place at = { 0 };

	if (wants_read(p, py->lock, &text, &why) < 0) {
		if (why.code != ERR_MISSING && why.code != ERR_INPUT)
			return err_set(e, why.code, "%s", why.text);
		diags_add(&p->diags, SEVERITY_ERROR, w->env->python_at, "lock-file", (struct str){ 0 }, "the lock file '" STR_FMT "' %s",
			  STR_ARG(py->lock), why.code == ERR_MISSING ? "does not exist" : "is no file");
		return err_set(e, ERR_INPUT, "the lock file '" STR_FMT "' cannot be read", STR_ARG(py->lock));
	}
	int bad = str_utf8(buf_str(&text)) ? 0 : err_set(&why, ERR_INPUT, "it is not UTF-8");
	struct str kept = arena_str(&p->arena, buf_str(&text));
	diags_source(&p->diags, py->lock, kept);
	if (bad || otherlock_read(py->lock, kept, &p->arena, &w->lock, &at, &why) < 0)
		return lock_mistake(p, w, at, &why, e);
	if (w->lock.kind == OTHERLOCK_PIPFILE || w->lock.kind == OTHERLOCK_REQUIREMENTS)
		return read_lines(p, w, e);
	return read_exact(p, w, kept, e);
}

/* ---- an exact one's wheels ---- */

int
wants_file(struct project *p, struct str path, struct digest *sha256, uint64_t *size, struct err *e)
{
	struct file_stat st;
	struct content c;

	if (path_inside(path, p->root))
		path = str_drop(path, p->root.n + 1);
	char *z = arena_z(&p->arena, path);
	if (file_stat(p->fd, z, true, &st, e) < 0) {
		leaves_path(p->leaves, path, NULL);
		return -1;
	}
	struct stat_sig sig = stat_sig_of(&st);
	if (st.type != FILE_REGULAR)
		return err_set(e, ERR_MISSING, "'" STR_FMT "' is no file", STR_ARG(path));
	if (stats_content(p->cache->stats, p->fd, z, &st, &c, e) < 0)
		return -1;
	leaves_path(p->leaves, path, &sig);
	*sha256 = c.digest;
	*size = c.size;
	return 0;
}

/* A file that a folder holds has the hash that it has. */
static int
hash_here(struct project *p, struct resolver_file *f, struct err *e)
{
	struct err why = { 0 };

	if (!digest_is_zero(&f->sha256) || !str_starts(f->url, STR("file://")))
		return 0;
	if (wants_file(p, str_drop(f->url, 7), &f->sha256, &f->size, &why) == 0)
		return 0;
	return err_set(e, why.code == ERR_MISSING ? ERR_INPUT : why.code, "its file '" STR_FMT "': %s", STR_ARG(f->file), why.text);
}

static int
choose(struct project *p, struct wants *w, const struct python_target *t, struct str **urls, struct err *e)
{
	const struct marker_env env = target_markers(t, &p->arena);
	const struct otherlock_question q = question_of(p, w, &env);
	const struct reqset none = { 0 };
	struct otherlock_answer answer;

	if (otherlock_select(&w->lock, &q, &p->arena, &answer, e) < 0)
		return -1;
	for (size_t i = 0; i < answer.packages.n; i++) {
		struct resolver_package *k = &answer.packages.v[i];
		for (size_t m = 0; m < k->n; m++)
			if (hash_here(p, &k->v[m], e) < 0)
				return err_wrap(e, "package '" STR_FMT "'", STR_ARG(k->name));
	}
	return wheels_choose(&answer.packages, &none, t, "the lock", &p->arena, &w->wheels, urls, e);
}

static bool
same_target(const struct python_target *a, const struct python_target *b)
{
	return str_eq(a->version, b->version) && str_eq(a->full, b->full) && str_eq(a->platform, b->platform) && str_eq(a->glibc, b->glibc);
}

int
wants_wheels(struct project *p, struct wants *w, const struct python_target *t, const struct wheel_set **out, struct err *e)
{
	struct err why = { 0 };
	struct str *urls;

	if (!w->answered || !same_target(&w->target, t)) {
		w->answered = false;
		if (choose(p, w, t, &urls, &why) < 0)
			return lock_mistake(p, w, (struct js_place){ 0 }, &why, e);
		for (size_t i = 0; i < w->wheels.n; i++)
			if (urls[i].n)
				wheel_url_note(p, wheel_pin_file(&w->wheels.v[i]), urls[i]);
		w->target = (struct python_target){ arena_str(&p->arena, t->version), arena_str(&p->arena, t->full), arena_str(&p->arena, t->platform),
						    arena_str(&p->arena, t->glibc) };
		w->answered = true;
	}
	*out = &w->wheels;
	return 0;
}
