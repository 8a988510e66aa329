/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/otherlock.h"

#include <string.h>

#include "base/suggest.h"
#include "base/toml.h"
#include "rules/pytags.h"
#include "sys/file.h"

/* ---- reading ---- */

enum otherlock_kind
otherlock_kind_of(struct str path, struct str text)
{
	struct str base = path_base(path);

	if (str_is(base, "uv.lock"))
		return OTHERLOCK_UV;
	if (str_is(base, "poetry.lock"))
		return OTHERLOCK_POETRY;
	if (str_is(base, "Pipfile.lock"))
		return OTHERLOCK_PIPFILE;
	if (str_is(base, "pylock.toml") || (str_starts(base, STR("pylock.")) && str_ends(base, STR(".toml"))))
		return OTHERLOCK_PYLOCK;
	if (str_starts(str_trim(text), STR("{")))
		return OTHERLOCK_PIPFILE;
	if (str_find(text, STR("[[packages]]")) != SIZE_MAX)
		return OTHERLOCK_PYLOCK;
	if (str_find(text, STR("[[package]]")) != SIZE_MAX)
		return str_find(text, STR("lock-version")) != SIZE_MAX ? OTHERLOCK_POETRY : OTHERLOCK_UV;
	return OTHERLOCK_REQUIREMENTS;
}

static int
check_version(const struct otherlock *l, struct err *e)
{
	const struct js *meta = js_get(l->doc, "metadata");
	struct str v;

	switch (l->kind) {
	case OTHERLOCK_UV:
		if (js_num(js_get(l->doc, "version")) == 1)
			return 0;
		return err_set(e, ERR_INPUT, "expected version = 1 of uv's lock files");
	case OTHERLOCK_PYLOCK:
		v = js_str(js_get(l->doc, "lock-version"));
		if (str_is(v, "1") || str_starts(v, STR("1.")))
			return 0;
		return err_set(e, ERR_INPUT, "expected lock-version = \"1.0\"");
	case OTHERLOCK_POETRY:
		v = js_str(js_get(meta, "lock-version"));
		if (str_starts(v, STR("1.")) || str_starts(v, STR("2.")))
			return 0;
		return err_set(e, ERR_INPUT, "expected lock-version 1 or 2 under [metadata]; run 'poetry lock' anew");
	case OTHERLOCK_PIPFILE:
		if (js_type(js_get(l->doc, "default")) == JS_MAP || js_type(js_get(l->doc, "develop")) == JS_MAP)
			return 0;
		return err_set(e, ERR_INPUT, "expected a map under \"default\"");
	case OTHERLOCK_REQUIREMENTS:
		break;
	}
	return 0;
}

int
otherlock_read(struct str path, struct str text, struct arena *a, struct otherlock *out, struct js_place *at, struct err *e)
{
	struct otherlock l = { .path = path, .folder = path_dir(path), .kind = otherlock_kind_of(path, text) };
	struct js *doc = NULL;
	struct err why = { 0 };
	int bad = 0;

	*at = (struct js_place){ 0 };
	if (l.kind == OTHERLOCK_PIPFILE)
		bad = js_parse_at(text, "the lock", &doc, at, &why);
	else if (l.kind != OTHERLOCK_REQUIREMENTS)
		bad = toml_parse_at(text, "the lock", &doc, NULL, at, &why);
	if (!bad && doc) {
		l.doc = js_keep(a, doc);
		bad = check_version(&l, &why);
	}
	if (bad) {
		struct str said = str_z(why.text);
		if (str_starts(said, STR("the lock: ")))
			said = str_drop(said, 10);
		return err_set(e, why.code, STR_FMT, STR_ARG(said));
	}
	*out = l;
	return 0;
}

/* ---- what the formats share ---- */

int
otherlock_marker(struct otherlock_walk *w, struct str marker, bool *value)
{
	size_t at;

	*value = true;
	if (!str_trim(marker).n)
		return 0;
	if (marker_parse(marker, &w->env, w->a, NULL, value, &at, w->e) == 0)
		return 0;
	return err_wrap(w->e, "marker '" STR_FMT "'", STR_ARG(str_take(marker, 100)));
}

int
otherlock_python(struct otherlock_walk *w, struct str clauses, bool *value)
{
	struct pep440_spec spec;
	struct pep440 v;

	*value = true;
	if (!pep440_parse(w->env.python_full_version, w->a, &v))
		return err_set(w->e, ERR_BUG, "'" STR_FMT "' is no version of Python", STR_ARG(w->env.python_full_version));
	for (struct str_cut c = { .tail = clauses, .ok = true }; c.ok;) {
		c = str_cut(c.tail, ',');
		struct str one = str_trim(c.head);
		if (!one.n || str_is(one, "*"))
			continue;
		if (!pep440_spec_parse(one, w->a, &spec))
			return err_set(w->e, ERR_INPUT, "'" STR_FMT "' is no clause of a Python version", STR_ARG(str_take(one, 80)));
		*value = *value && pep440_spec_holds(&spec, &v, w->a);
	}
	return 0;
}

struct str
otherlock_path(const struct otherlock_walk *w, struct str path)
{
	if (str_starts(path, STR("file://")))
		path = str_drop(path, 7);
	return path_clean(w->a, path.n && path.p[0] == '/' ? path : path_join(w->a, w->lock->folder, path));
}

static struct str
file_name_of(struct str url)
{
	struct str_cut c = str_rcut(str_cut(str_cut(url, '#').head, '?').head, '/');

	return c.ok ? c.tail : url;
}

int
otherlock_file(struct otherlock_walk *w, struct str url, struct str from, struct str path, struct str name, struct str hash, int64_t size,
	       struct resolver_file *out)
{
	struct resolver_file f = { .size = size > 0 ? (uint64_t)size : 0 };

	if (!url.n && path.n) {
		struct str at = path_clean(w->a, path.p[0] == '/' ? path : path_join(w->a, from, path));
		if (at.p[0] != '/')
			at = path_clean(w->a, path_join(w->a, w->q->root, at));
		url = arena_printf(w->a, "file://" STR_FMT, STR_ARG(at));
	}
	f.url = url.n ? arena_str(w->a, url) : url;
	f.file = arena_str(w->a, name.n ? name : file_name_of(url));
	if (!f.file.n || f.file.n > 400)
		return err_set(w->e, ERR_INPUT, "a file without a name");
	if (hash.n) {
		if (!str_starts(hash, STR("sha256:")) || !digest_parse(str_drop(hash, 7), true, &f.sha256) ||
		    digest_is_zero(&f.sha256)) /* zero: unknown */
			return err_set(w->e, ERR_INPUT, "'" STR_FMT "' of '" STR_FMT "' is not sha256: and 64 hex digits", STR_ARG(str_take(hash, 100)),
				       STR_ARG(f.file));
	} else if (url.n && !str_starts(url, STR("file://"))) {
		return err_set(w->e, ERR_INPUT, "'" STR_FMT "' has no hash, so it cannot be checked", STR_ARG(f.file));
	}
	*out = f;
	return 0;
}

void
otherlock_add_folder(struct otherlock_walk *w, struct str name, struct str path)
{
	const struct otherlock_folder f = { arena_str(w->a, name), otherlock_path(w, path) };

	for (size_t i = 0; i < w->folders.n; i++)
		if (str_eq(w->folders.v[i].path, f.path))
			return;
	VEC_PUSH(&w->folders, f);
}

bool
otherlock_commit(struct str s)
{
	if (s.n != 40 && s.n != 64)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

int
otherlock_no_group(struct otherlock_walk *w, struct str group, const struct str *known, size_t n)
{
	struct str near = suggest(group, known, n);

	if (near.n)
		return err_set(w->e, ERR_INPUT, "it has no group or extra '" STR_FMT "'; did you mean '" STR_FMT "'?", STR_ARG(group), STR_ARG(near));
	return err_set(w->e, ERR_INPUT, "it has no group or extra '" STR_FMT "'", STR_ARG(group));
}

/* ---- the answer ---- */

static void
settle(struct otherlock_walk *w, struct otherlock_answer *out)
{
	struct otherlock_answer r = { .packages.n = w->packages.n, .nfolders = w->folders.n };

	r.packages.v = arena_array(w->a, struct resolver_package, w->packages.n);
	r.folders = arena_array(w->a, struct otherlock_folder, w->folders.n);
	if (w->packages.n)
		memcpy(r.packages.v, w->packages.v, w->packages.n * sizeof *w->packages.v);
	if (w->folders.n)
		memcpy(r.folders, w->folders.v, w->folders.n * sizeof *w->folders.v);
	*out = r;
}

static struct otherlock_walk
walk_of(const struct otherlock *l, const struct otherlock_question *q, struct arena *a, struct err *e)
{
	return (struct otherlock_walk){ .lock = l, .q = q, .env = *q->env, .a = a, .e = e };
}

int
otherlock_select(const struct otherlock *l, const struct otherlock_question *q, struct arena *a, struct otherlock_answer *out, struct err *e)
{
	struct err why = { 0 };
	struct otherlock_walk w = walk_of(l, q, a, &why);
	int bad = -1;

	switch (l->kind) {
	case OTHERLOCK_UV:
		bad = otherlock_uv(&w);
		break;
	case OTHERLOCK_PYLOCK:
		bad = otherlock_pylock(&w);
		break;
	case OTHERLOCK_POETRY:
		bad = otherlock_poetry(&w);
		break;
	case OTHERLOCK_PIPFILE:
	case OTHERLOCK_REQUIREMENTS:
		bad = err_set(&why, ERR_BUG, "a lock without files");
		break;
	}
	if (!bad)
		settle(&w, out);
	else if (e)
		*e = why;
	VEC_DONE(&w.packages);
	VEC_DONE(&w.folders);
	return bad;
}

/* ---- Pipfile.lock: sections of {"name": {"version": "==1.0", "hashes": [...], "markers": ...}} ---- */

struct pipfile {
	struct otherlock_walk w;
	VEC(struct str) lines;
};

static int
pipfile_entry(struct pipfile *p, struct str name, const struct js *v)
{
	struct str version = js_str(js_get(v, "version")), path = js_str(js_get(v, "path")), marker = js_str(js_get(v, "markers"));
	const struct js *hashes = js_get(v, "hashes"), *extras = js_get(v, "extras");
	AUTO_BUF b = { 0 };

	if (path.n) {
		otherlock_add_folder(&p->w, name, path);
		return 0;
	}
	buf_put(&b, name);
	for (size_t i = 0; i < js_len(extras); i++)
		buf_printf(&b, "%s" STR_FMT "%s", i ? "," : "[", STR_ARG(js_str(js_at(extras, i))), i + 1 == js_len(extras) ? "]" : "");
	struct str git = js_str(js_get(v, "git")), file = js_str(js_get(v, "file"));
	if (git.n) {
		struct str sub = js_str(js_get(v, "subdirectory"));
		buf_printf(&b, " @ git+" STR_FMT "@" STR_FMT "%s" STR_FMT, STR_ARG(git), STR_ARG(js_str(js_get(v, "ref"))),
			   sub.n ? "#subdirectory=" : "", STR_ARG(sub));
	} else if (file.n) {
		struct str where = str_find(file, STR("://")) == SIZE_MAX ? otherlock_path(&p->w, file) : file;
		buf_printf(&b, " @ %s" STR_FMT, where.p[0] == '.' || where.p[0] == '/' || str_find(where, STR("://")) != SIZE_MAX ? "" : "./", STR_ARG(where));
	} else if (!str_starts(version, STR("==")) || !js_len(hashes)) {
		return err_set(p->w.e, ERR_INPUT, "package '" STR_FMT "': expected \"version\": \"==...\" and \"hashes\"; run 'pipenv lock'",
			       STR_ARG(str_take(name, 100)));
	} else {
		buf_put(&b, version);
	}
	if (marker.n)
		buf_printf(&b, " ; " STR_FMT, STR_ARG(marker));
	for (size_t i = 0; i < js_len(hashes); i++)
		buf_printf(&b, " --hash=" STR_FMT, STR_ARG(js_str(js_at(hashes, i))));
	if (str_find_char(buf_str(&b), '\n') != SIZE_MAX || str_find_char(buf_str(&b), '\\') != SIZE_MAX)
		return err_set(p->w.e, ERR_INPUT, "package '" STR_FMT "': a text with a line end or a backslash", STR_ARG(str_take(name, 100)));
	VEC_PUSH(&p->lines, arena_str(p->w.a, buf_str(&b)));
	return 0;
}

static int
pipfile_section(struct pipfile *p, const struct js *section)
{
	if (js_len(section) > OTHERLOCK_PACKAGES)
		return err_set(p->w.e, ERR_INPUT, "more than %d packages", OTHERLOCK_PACKAGES);
	for (void *it = js_first(section); it; it = js_next(section, it))
		if (pipfile_entry(p, js_key(it), js_value(it)) < 0)
			return -1;
	return 0;
}

/* Groups: "dev" is the section "develop", others have their own name. */
static int
pipfile(struct pipfile *p)
{
	const struct js *doc = p->w.lock->doc, *requires = js_get(js_get(doc, "_meta"), "requires");
	struct str python = js_str(js_get(requires, "python_version"));

	if (python.n && !str_eq(python, p->w.env.python_version))
		return err_set(p->w.e, ERR_INPUT, "it is for Python " STR_FMT ", and the environment has " STR_FMT, STR_ARG(python),
			       STR_ARG(p->w.env.python_version));
	if (pipfile_section(p, js_get(doc, "default")) < 0)
		return -1;
	for (size_t i = 0; i < p->w.q->ngroups; i++) {
		struct str g = p->w.q->groups[i], known[32] = { STR("dev") };
		size_t n = 1;
		if (str_is(g, "default"))
			continue;
		for (void *it = js_first(doc); it && n < 32; it = js_next(doc, it))
			if (js_key(it).n && js_key(it).p[0] != '_')
				known[n++] = js_key(it);
		const struct js *s = js_get_str(doc, str_is(g, "dev") ? STR("develop") : g);
		if (js_type(s) != JS_MAP || str_starts(g, STR("_")))
			return otherlock_no_group(&p->w, g, known, n);
		if (pipfile_section(p, s) < 0)
			return -1;
	}
	return 0;
}

int
otherlock_lines(const struct otherlock *l, const struct otherlock_question *q, struct arena *a, struct str **lines, size_t *n,
		struct otherlock_answer *folders, struct err *e)
{
	struct err why = { 0 };
	struct pipfile p = { .w = walk_of(l, q, a, &why) };
	const int bad = pipfile(&p);

	if (!bad) {
		*lines = arena_array(a, struct str, p.lines.n);
		if (p.lines.n)
			memcpy(*lines, p.lines.v, p.lines.n * sizeof **lines);
		*n = p.lines.n;
		settle(&p.w, folders);
	} else if (e) {
		*e = why;
	}
	VEC_DONE(&p.lines);
	VEC_DONE(&p.w.packages);
	VEC_DONE(&p.w.folders);
	return bad;
}
