/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/map.h"
#include "rules/otherlock.h"

/*
 * poetry.lock. Since 2.1 each package names its groups and their markers. Before, the groups are in pyproject.toml, and the way from them along
 * dependencies says which packages are meant.
 */

struct want {
	uint32_t package;
	struct str extra;  /* empty: the package itself */
};

struct graph_poetry {
	struct otherlock_walk *w;
	const struct js *packages;
	struct map first;  /* name -> its first package; further ones of a name follow by next */
	uint32_t *next;
	VEC(struct want) queue;
	struct map seen;
	struct str *groups;
	size_t ngroups;
};

static struct str
norm_of(struct otherlock_walk *w, struct str name)
{
	struct str norm = name;

	(void)pep503_name(name, w->a, &norm);
	return norm;
}

/* ---- poetry's own constraints: ^1.2, ~1.2, 1.2.*, >=1,<2, 1 || 2 ---- */

/* The first version beyond what "^1.2.3" (caret) or "~1.2.3" allows: a clause. */
static struct str
beyond(const struct pep440 *v, bool caret, struct arena *a)
{
	size_t at = 0;
	AUTO_BUF b = { 0 };
	uint64_t n = 0;

	if (caret)
		while (at + 1 < v->nrelease && str_is(v->release[at], "0"))
			at++;
	else
		at = v->nrelease > 1 ? 1 : 0;
	buf_puts(&b, "<");
	for (size_t i = 0; i < at; i++)
		buf_printf(&b, STR_FMT ".", STR_ARG(v->release[i]));
	if (!str_u64(v->release[at], &n))
		n = UINT64_MAX - 1;
	buf_printf(&b, "%llu.dev0", (unsigned long long)n + 1);
	return arena_str(a, buf_str(&b));
}

static bool
holds(struct str clause, const struct pep440 *v, struct arena *a)
{
	struct pep440_spec spec;

	return pep440_spec_parse(clause, a, &spec) && pep440_spec_holds(&spec, v, a);
}

static bool
allows_one(struct str c, const struct pep440 *v, struct arena *a)
{
	struct pep440 base;
	const bool caret = str_starts(c, STR("^")), tilde = str_starts(c, STR("~")) && !str_starts(c, STR("~="));

	if (str_is(c, "*") || !c.n)
		return true;
	if (caret || tilde) {
		struct str text = str_trim(str_drop(c, 1));
		return pep440_parse(text, a, &base) && holds(arena_printf(a, ">=" STR_FMT, STR_ARG(text)), v, a) &&
		       holds(beyond(&base, caret, a), v, a);
	}
	if (c.p[0] >= '0' && c.p[0] <= '9')
		return holds(arena_printf(a, "==" STR_FMT, STR_ARG(c)), v, a);
	if (str_starts(c, STR("=")) && !str_starts(c, STR("==")))
		return holds(arena_printf(a, "=" STR_FMT, STR_ARG(c)), v, a);
	return holds(c, v, a);
}

static bool
allows(struct str constraint, const struct pep440 *v, struct arena *a)
{
	for (struct str_cut any = { .tail = constraint, .ok = true }; any.ok;) {
		bool all = true;
		any = str_cut(any.tail, '|');
		if (!str_trim(any.head).n && any.ok)
			continue; /* between the two bars of || */
		for (struct str_cut c = { .tail = any.head, .ok = true }; c.ok && all;) {
			c = str_cut(c.tail, ',');
			all = allows_one(str_trim(c.head), v, a);
		}
		if (all)
			return true;
	}
	return false;
}

static int
python_allows(struct otherlock_walk *w, struct str constraint, bool *value)
{
	struct pep440 v;

	if (!pep440_parse(w->env.python_full_version, w->a, &v))
		return err_set(w->e, ERR_BUG, "'" STR_FMT "' is no version of Python", STR_ARG(w->env.python_full_version));
	*value = !constraint.n || allows(constraint, &v, w->a);
	return 0;
}

/* ---- what a package is ---- */

static int
add_file(struct otherlock_walk *w, const struct js *f, struct str url, struct str path, struct resolver_package *r)
{
	struct str name = js_str(js_get(f, "file")), hash = js_str(js_get(f, "hash"));
	struct resolver_file file;

	if (hash.n && !str_starts(hash, STR("sha256:")))
		return 0; /* of an index of old */
	if (otherlock_file(w, url, w->lock->folder, path, name, hash, 0, &file) < 0)
		return -1;
	if (str_ends(file.file, STR(".whl")))
		r->v[r->n++] = file;
	else if (r->source.kind == SOURCE_NONE || str_ends(file.file, STR(".tar.gz")))
		r->source = (struct resolver_source){ .kind = SOURCE_ARCHIVE, .file = file };
	return 0;
}

static int
add_files(struct otherlock_walk *w, const struct js *p, struct str url, struct str path, struct resolver_package *r)
{
	const struct js *files = js_get(p, "files");

	if (!files) /* 1.x */
		files = js_get_str(js_get(js_get(w->lock->doc, "metadata"), "files"), js_str(js_get(p, "name")));
	size_t n = js_len(files);
	if (n > OTHERLOCK_FILES)
		return err_set(w->e, ERR_INPUT, "more than %d files", OTHERLOCK_FILES);
	r->v = arena_array(w->a, struct resolver_file, n);
	for (size_t i = 0; i < n; i++)
		if (add_file(w, js_at(files, i), url, path, r) < 0)
			return -1;
	return 0;
}

static int
take_package(struct otherlock_walk *w, const struct js *p)
{
	const struct js *source = js_get(p, "source");
	struct resolver_package r = { .name = arena_str(w->a, js_str(js_get(p, "name"))), .version = arena_str(w->a, js_str(js_get(p, "version"))) };
	struct str type = js_str(js_get(source, "type")), url = js_str(js_get(source, "url"));
	struct str none = { 0 }, sub = js_str(js_get(source, "subdirectory"));
	int bad = 0;

	if (str_is(type, "directory")) {
		otherlock_add_folder(w, r.name, url);
		return 0;
	}
	if (str_is(type, "git")) {
		struct str commit = js_str(js_get(source, "resolved_reference"));
		if (!otherlock_commit(commit))
			bad = err_set(w->e, ERR_INPUT, "its resolved_reference is no commit");
		r.source = (struct resolver_source){ .kind = SOURCE_GIT, .repository = arena_str(w->a, url), .commit = arena_str(w->a, commit),
						     .subdirectory = arena_str(w->a, sub) };
	} else if (str_is(type, "url")) {
		bad = add_files(w, p, url, none, &r);
	} else if (str_is(type, "file")) {
		bad = add_files(w, p, none, url, &r);
	} else {
		bad = add_files(w, p, none, none, &r);
	}
	if (r.source.kind == SOURCE_ARCHIVE)
		r.source.subdirectory = arena_str(w->a, sub);
	if (bad)
		return err_wrap(w->e, "package '" STR_FMT "'", STR_ARG(str_take(r.name, 100)));
	VEC_PUSH(&w->packages, r);
	return 0;
}

/* ---- since 2.1: each package says its groups ---- */

static bool
has_group(const struct graph_poetry *g, struct str name)
{
	for (size_t i = 0; i < g->ngroups; i++)
		if (str_eq(g->groups[i], name))
			return true;
	return false;
}

static int
in_groups(struct graph_poetry *g, const struct js *p, bool *on)
{
	const struct js *list = js_get(p, "groups"), *markers = js_get(p, "markers");

	*on = false;
	for (size_t i = 0; i < js_len(list) && !*on; i++) {
		struct str group = js_str(js_at(list, i));
		if (!has_group(g, norm_of(g->w, group)))
			continue;
		struct str marker = js_type(markers) == JS_MAP ? js_str(js_get_str(markers, group)) : js_str(markers);
		if (otherlock_marker(g->w, marker, on) < 0)
			return err_wrap(g->w->e, "package '" STR_FMT "'", STR_ARG(str_take(js_str(js_get(p, "name")), 100)));
	}
	return 0;
}

static int
by_groups(struct graph_poetry *g)
{
	for (size_t i = 0; i < js_len(g->packages); i++) {
		const struct js *p = js_at(g->packages, i);
		bool on, python;
		if (in_groups(g, p, &on) < 0 || python_allows(g->w, js_str(js_get(p, "python-versions")), &python) < 0)
			return -1;
		if (on && python && take_package(g->w, p) < 0)
			return -1;
	}
	return 0;
}

/* ---- before: along the dependencies ---- */

static int
index_packages(struct graph_poetry *g)
{
	size_t n = js_len(g->packages);

	g->next = arena_array(g->w->a, uint32_t, n);
	for (size_t i = n; i-- > 0;)
		g->next[i] = map_put(&g->first, norm_of(g->w, js_str(js_get(js_at(g->packages, i), "name"))), (uint32_t)i);
	return 0;
}

static void
want(struct graph_poetry *g, uint32_t package, struct str extra)
{
	struct str key = arena_printf(g->w->a, "%u/" STR_FMT, package, STR_ARG(extra));

	if (map_put(&g->seen, key, 1) != MAP_NONE)
		return;
	VEC_PUSH(&g->queue, ((struct want){ package, extra }));
}

/* The version of a package that is meant; one that is not in the lock is not for any target it was made for, so it is left out. */
static int
want_name(struct graph_poetry *g, struct str name, struct str constraint, const struct js *extras)
{
	uint32_t found = MAP_NONE;

	for (uint32_t i = map_get(&g->first, norm_of(g->w, name)); i != MAP_NONE; i = g->next[i]) {
		const struct js *p = js_at(g->packages, i);
		struct pep440 v;
		bool python;
		if (python_allows(g->w, js_str(js_get(p, "python-versions")), &python) < 0)
			return -1;
		if (!python)
			continue;
		if (found == MAP_NONE || (pep440_parse(js_str(js_get(p, "version")), g->w->a, &v) && constraint.n && allows(constraint, &v, g->w->a)))
			found = i;
	}
	if (found == MAP_NONE)
		return 0;
	want(g, found, (struct str){ 0 });
	for (size_t i = 0; i < js_len(extras); i++)
		want(g, found, norm_of(g->w, js_str(js_at(extras, i))));
	return 0;
}

/* One of the forms of a dependency: "^1.0", {version, markers, python, optional, extras}. optional: only those that are, or only the others. */
static int
depend_one(struct graph_poetry *g, struct str name, const struct js *v, bool optional)
{
	bool on, python;

	if (js_type(v) == JS_TEXT)
		return optional ? 0 : want_name(g, name, js_str(v), NULL);
	if (js_type(v) != JS_MAP || js_true(js_get(v, "optional")) != optional)
		return 0;
	if (otherlock_marker(g->w, js_str(js_get(v, "markers")), &on) < 0 || python_allows(g->w, js_str(js_get(v, "python")), &python) < 0)
		return err_wrap(g->w->e, "dependency '" STR_FMT "'", STR_ARG(str_take(name, 100)));
	return on && python ? want_name(g, name, js_str(js_get(v, "version")), js_get(v, "extras")) : 0;
}

static int
depend(struct graph_poetry *g, struct str name, const struct js *v, bool optional)
{
	if (js_type(v) != JS_LIST)
		return depend_one(g, name, v, optional);
	for (size_t i = 0; i < js_len(v); i++)
		if (depend_one(g, name, js_at(v, i), optional) < 0)
			return -1;
	return 0;
}

static int
depend_all(struct graph_poetry *g, const struct js *map)
{
	for (void *it = js_first(map); it; it = js_next(map, it))
		if (!str_is(js_key(it), "python") && depend(g, js_key(it), js_value(it), false) < 0)
			return -1;
	return 0;
}

static struct str
name_in(struct str text)
{
	size_t n = 0;

	while (n < text.n && text.p[n] != ' ' && text.p[n] != '[' && text.p[n] != '(' && text.p[n] != ';' && text.p[n] != '=' && text.p[n] != '>' &&
	       text.p[n] != '<' && text.p[n] != '!' && text.p[n] != '~' && text.p[n] != '@')
		n++;
	return str_trim(str_take(text, n));
}

/* Names of an extra, each an optional dependency of the same package. */
static int
depend_extra(struct graph_poetry *g, const struct js *names, const struct js *dependencies)
{
	for (size_t i = 0; i < js_len(names); i++) {
		struct str name = name_in(js_str(js_at(names, i)));
		const struct js *v = NULL;
		for (void *it = js_first(dependencies); it && !v; it = js_next(dependencies, it))
			if (str_eq(norm_of(g->w, js_key(it)), norm_of(g->w, name)))
				v = js_value(it);
		if (v ? depend(g, name, v, true) < 0 : want_name(g, name, (struct str){ 0 }, NULL) < 0)
			return -1;
	}
	return 0;
}

static const struct js *
get_norm(struct graph_poetry *g, const struct js *map, struct str name)
{
	for (void *it = js_first(map); it; it = js_next(map, it))
		if (str_eq(norm_of(g->w, js_key(it)), name))
			return js_value(it);
	return NULL;
}

static int
expand(struct graph_poetry *g, const struct want *x)
{
	const struct js *p = js_at(g->packages, x->package), *dependencies = js_get(p, "dependencies");

	if (!x->extra.n)
		return take_package(g->w, p) < 0 ? -1 : depend_all(g, dependencies);
	const struct marker_env kept = g->w->env;
	g->w->env.extras = &x->extra;
	g->w->env.nextras = 1;
	const int bad = depend_extra(g, get_norm(g, js_get(p, "extras"), x->extra), dependencies);
	g->w->env = kept;
	return bad;
}

/* PEP 621: texts. */
static int
depend_texts(struct graph_poetry *g, const struct js *list)
{
	for (size_t i = 0; i < js_len(list); i++) {
		struct str text = js_str(js_at(list, i));
		struct pep508 r;
		bool on;
		size_t at;
		if (pep508_parse(text, g->w->a, &r, &at, g->w->e) < 0)
			return err_wrap(g->w->e, "pyproject.toml: '" STR_FMT "'", STR_ARG(str_take(text, 100)));
		if (otherlock_marker(g->w, r.marker, &on) < 0)
			return -1;
		AUTO_JS extras = js_list();
		AUTO_BUF specs = { 0 };
		for (size_t k = 0; k < r.nextras; k++)
			js_push(extras, js_text(r.extras[k]));
		for (size_t k = 0; k < r.nspecs; k++)
			buf_printf(&specs, "%s%s" STR_FMT, k ? "," : "", pep440_op_text(r.specs[k].op), STR_ARG(r.specs[k].text));
		if (on && want_name(g, r.name, buf_str(&specs), extras) < 0)
			return -1;
	}
	return 0;
}

static int
by_walk(struct graph_poetry *g)
{
	const struct js *top = g->w->lock->pyproject, *project = js_get(top, "project"), *tool = js_get(js_get(top, "tool"), "poetry");

	if (!top)
		return err_set(g->w->e, ERR_INPUT, "it is of poetry before 2.1, and there is no pyproject.toml beside it that says what the project "
						   "needs; run 'poetry lock' with a newer poetry");
	if (index_packages(g) < 0 || depend_all(g, js_get(tool, "dependencies")) < 0 || depend_texts(g, js_get(project, "dependencies")) < 0)
		return -1;
	for (size_t i = 0; i < g->w->q->ngroups; i++) {
		struct str name = norm_of(g->w, g->w->q->groups[i]);
		const struct js *group = js_get(get_norm(g, js_get(tool, "group"), name), "dependencies");
		const struct js *extra = get_norm(g, js_get(tool, "extras"), name);
		if (str_is(name, "dev") && !group)
			group = js_get(tool, "dev-dependencies");
		if (depend_all(g, group) < 0 || (extra && depend_extra(g, extra, js_get(tool, "dependencies")) < 0) ||
		    depend_texts(g, get_norm(g, js_get(project, "optional-dependencies"), name)) < 0)
			return -1;
	}
	for (size_t i = 0; i < g->queue.n; i++) {
		const struct want x = g->queue.v[i];
		if (expand(g, &x) < 0)
			return -1;
	}
	return 0;
}

/* ---- */

/* The lock's extras and groups: what the user names must be among them. */
static int
choose_groups(struct graph_poetry *g, bool by_package)
{
	const struct otherlock_question *q = g->w->q;
	const struct js *extras = js_get(g->w->lock->doc, "extras"), *tool = js_get(js_get(g->w->lock->pyproject, "tool"), "poetry");
	struct str *chosen = arena_array(g->w->a, struct str, q->ngroups);
	size_t nchosen = 0;

	g->groups = arena_array(g->w->a, struct str, q->ngroups + 1);
	g->groups[g->ngroups++] = STR("main");
	for (size_t i = 0; i < q->ngroups; i++) {
		struct str name = norm_of(g->w, q->groups[i]), known[64];
		size_t n = 0;
		bool ok = get_norm(g, extras, name) || str_is(name, "main") || get_norm(g, js_get(tool, "group"), name) ||
			  (str_is(name, "dev") && js_get(tool, "dev-dependencies"));
		if (get_norm(g, extras, name))
			chosen[nchosen++] = name;
		else
			g->groups[g->ngroups++] = name;
		for (void *it = js_first(extras); it && n < 32; it = js_next(extras, it))
			known[n++] = js_key(it);
		for (size_t k = 0; k < js_len(g->packages) && by_package && !ok; k++) {
			const struct js *list = js_get(js_at(g->packages, k), "groups");
			for (size_t m = 0; m < js_len(list); m++) {
				struct str group = js_str(js_at(list, m));
				ok = ok || str_eq(norm_of(g->w, group), name);
				bool there = n == 64;
				for (size_t x = 0; x < n; x++)
					there = there || str_eq(known[x], group);
				if (!there)
					known[n++] = group;
			}
		}
		if (!ok)
			return otherlock_no_group(g->w, q->groups[i], known, n);
	}
	g->w->env.extras = chosen;
	g->w->env.nextras = nchosen;
	return 0;
}

int
otherlock_poetry(struct otherlock_walk *w)
{
	struct graph_poetry g = { .w = w, .packages = js_get(w->lock->doc, "package") };
	struct str python = js_str(js_get(js_get(w->lock->doc, "metadata"), "python-versions"));
	const bool by_package = js_len(g.packages) == 0 || js_get(js_at(g.packages, 0), "groups");
	bool on;

	if (js_len(g.packages) > OTHERLOCK_PACKAGES)
		return err_set(w->e, ERR_INPUT, "more than %d packages", OTHERLOCK_PACKAGES);
	if (python_allows(w, python, &on) < 0)
		return -1;
	if (!on)
		return err_set(w->e, ERR_INPUT, "it is for Python " STR_FMT ", and the environment has " STR_FMT, STR_ARG(python),
			       STR_ARG(w->env.python_full_version));
	int bad = choose_groups(&g, by_package);
	if (!bad)
		bad = by_package ? by_groups(&g) : by_walk(&g);
	map_done(&g.first);
	map_done(&g.seen);
	VEC_DONE(&g.queue);
	return bad;
}
