/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/map.h"
#include "rules/otherlock.h"
#include "sys/file.h"

/*
 * uv.lock holds one graph for all targets. From the package of the project, along dependencies whose markers are true for the target:
 *
 *	package -> dependencies                      extra of a package -> optional-dependencies.EXTRA
 *	the project's groups -> dev-dependencies.GROUP
 */

struct want {
	uint32_t package;
	struct str extra; /* empty: the package itself */
};

struct graph_uv {
	struct otherlock_walk *w;
	const struct js *packages;
	struct map first;      /* name -> its first package; further ones of a name follow by next */
	uint32_t *next;
	VEC(struct want) queue;
	struct map seen;
};

static struct str
name_of(const struct js *package)
{
	return js_str(js_get(package, "name"));
}

static int
index_packages(struct graph_uv *g)
{
	size_t n = js_len(g->packages);

	if (n > OTHERLOCK_PACKAGES)
		return err_set(g->w->e, ERR_INPUT, "more than %d packages", OTHERLOCK_PACKAGES);
	g->next = arena_array(g->w->a, uint32_t, n);
	for (size_t i = n; i-- > 0;) {
		struct str name = name_of(js_at(g->packages, i));
		if (!name.n)
			return err_set(g->w->e, ERR_INPUT, "package %zu has no name", i + 1);
		g->next[i] = map_put(&g->first, name, (uint32_t)i);
	}
	return 0;
}

static void
want(struct graph_uv *g, uint32_t package, struct str extra)
{
	struct str key = arena_printf(g->w->a, "%u/" STR_FMT, package, STR_ARG(extra));

	if (map_put(&g->seen, key, 1) != MAP_NONE)
		return;
	VEC_PUSH(&g->queue, ((struct want){ package, extra }));
}

/* The package that a dependency means: by name, and by version and source where those are said. */
static int
find(struct graph_uv *g, const struct js *dependency, uint32_t *out)
{
	struct str name = name_of(dependency), version = js_str(js_get(dependency, "version"));
	const struct js *source = js_get(dependency, "source");

	for (uint32_t i = map_get(&g->first, name); i != MAP_NONE; i = g->next[i]) {
		const struct js *p = js_at(g->packages, i);
		if (version.n && !str_eq(version, js_str(js_get(p, "version"))))
			continue;
		if (source && !js_equal(source, js_get(p, "source")))
			continue;
		*out = i;
		return 0;
	}
	return err_set(g->w->e, ERR_INPUT, "a package depends on '" STR_FMT "%s" STR_FMT "', which is not in it", STR_ARG(str_take(name, 100)),
		       version.n ? " " : "", STR_ARG(str_take(version, 60)));
}

static int
depend(struct graph_uv *g, const struct js *list)
{
	for (size_t i = 0; i < js_len(list); i++) {
		const struct js *d = js_at(list, i), *extras = js_get(d, "extra");
		uint32_t to = 0;
		bool on;
		if (otherlock_marker(g->w, js_str(js_get(d, "marker")), &on) < 0)
			return err_wrap(g->w->e, "dependency '" STR_FMT "'", STR_ARG(str_take(name_of(d), 100)));
		if (!on)
			continue;
		if (find(g, d, &to) < 0)
			return -1;
		want(g, to, (struct str){ 0 });
		for (size_t k = 0; k < js_len(extras); k++)
			want(g, to, js_str(js_at(extras, k)));
	}
	return 0;
}

/* ---- what a package is ---- */

static int
add_wheels(struct graph_uv *g, const struct js *p, struct str from, struct resolver_package *out)
{
	const struct js *list = js_get(p, "wheels");
	size_t n = js_len(list);

	if (n > OTHERLOCK_FILES)
		return err_set(g->w->e, ERR_INPUT, "more than %d files", OTHERLOCK_FILES);
	out->v = arena_array(g->w->a, struct resolver_file, n);
	for (size_t i = 0; i < n; i++) {
		const struct js *f = js_at(list, i);
		if (otherlock_file(g->w, js_str(js_get(f, "url")), from, js_str(js_get(f, "path")), js_str(js_get(f, "filename")),
				   js_str(js_get(f, "hash")), js_num(js_get(f, "size")), &out->v[i]) < 0)
			return -1;
	}
	out->n = n;
	return 0;
}

static int
add_sdist(struct graph_uv *g, const struct js *p, struct str from, struct resolver_package *out)
{
	const struct js *f = js_get(p, "sdist");

	if (js_type(f) != JS_MAP)
		return 0;
	out->source.kind = SOURCE_ARCHIVE;
	return otherlock_file(g->w, js_str(js_get(f, "url")), from, js_str(js_get(f, "path")), (struct str){ 0 }, js_str(js_get(f, "hash")),
			      js_num(js_get(f, "size")), &out->source.file);
}

/* "https://host/repo?rev=main&subdirectory=x#commit" */
static int
add_git(struct graph_uv *g, struct str git, struct resolver_package *out)
{
	struct str_cut c = str_rcut(git, '#');
	struct str_cut query = str_cut(c.head, '?');

	if (!c.ok || !otherlock_commit(c.tail))
		return err_set(g->w->e, ERR_INPUT, "its source '" STR_FMT "' names no commit", STR_ARG(str_take(git, 200)));
	out->source = (struct resolver_source){ .kind = SOURCE_GIT, .repository = arena_str(g->w->a, query.head),
						.commit = arena_str(g->w->a, c.tail) };
	for (struct str_cut part = { .tail = query.tail, .ok = query.ok }; part.ok;) {
		part = str_cut(part.tail, '&');
		if (str_starts(part.head, STR("subdirectory=")))
			out->source.subdirectory = arena_str(g->w->a, str_drop(part.head, 13));
	}
	return 0;
}

/* A wheel or an archive alone, by URL or path: its own entry says nothing of where it is, the source does. */
static int
add_direct(struct graph_uv *g, const struct js *p, struct str url, struct str path, struct resolver_package *out)
{
	const struct js *wheel = js_at(js_get(p, "wheels"), 0), *sdist = js_get(p, "sdist");
	const struct js *f = wheel ? wheel : sdist;
	struct str sub = js_str(js_get(js_get(p, "source"), "subdirectory"));
	struct resolver_file *to = wheel ? out->v = arena_new(g->w->a, struct resolver_file) : &out->source.file;

	if (wheel) {
		out->n = 1;
	} else {
		out->source.kind = SOURCE_ARCHIVE;
		out->source.subdirectory = arena_str(g->w->a, sub);
	}
	return otherlock_file(g->w, url, g->w->lock->folder, path, js_str(js_get(f, "filename")), js_str(js_get(f, "hash")),
			      js_num(js_get(f, "size")), to);
}

static int
take_package(struct graph_uv *g, const struct js *p)
{
	const struct js *source = js_get(p, "source");
	struct resolver_package r = { .name = arena_str(g->w->a, name_of(p)), .version = arena_str(g->w->a, js_str(js_get(p, "version"))) };
	struct str registry = js_str(js_get(source, "registry")), git = js_str(js_get(source, "git")), url = js_str(js_get(source, "url"));
	struct str path = js_str(js_get(source, "path")), folder = js_str(js_get(source, "editable"));
	int bad;

	if (!folder.n)
		folder = js_str(js_get(source, "directory"));
	if (folder.n) {
		otherlock_add_folder(g->w, r.name, folder);
		return 0;
	}
	if (js_get(source, "virtual"))
		return 0; /* nothing of it is installed */
	if (git.n) {
		bad = add_git(g, git, &r);
	} else if (url.n || path.n) {
		bad = add_direct(g, p, url, path, &r);
	} else {
		struct str from = str_find(registry, STR("://")) == SIZE_MAX || str_starts(registry, STR("file://")) ?
					  otherlock_path(g->w, registry) : g->w->lock->folder;
		bad = add_wheels(g, p, from, &r) < 0 || add_sdist(g, p, from, &r) < 0;
	}
	if (bad)
		return err_wrap(g->w->e, "package '" STR_FMT "'", STR_ARG(str_take(r.name, 100)));
	VEC_PUSH(&g->w->packages, r);
	return 0;
}

static int
expand(struct graph_uv *g, const struct want *x)
{
	const struct js *p = js_at(g->packages, x->package);

	if (x->extra.n)
		return depend(g, js_get_str(js_get(p, "optional-dependencies"), x->extra));
	return take_package(g, p) < 0 ? -1 : depend(g, js_get(p, "dependencies"));
}

/* ---- where it begins ---- */

static bool
is_member(const struct otherlock_walk *w, const struct js *package, struct str folder)
{
	static const char *const kinds[] = { "virtual", "editable", "directory" };
	const struct js *source = js_get(package, "source");

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct str path = js_str(js_get(source, kinds[i]));
		if (path.n && str_eq(otherlock_path(w, path), folder))
			return true;
	}
	return false;
}

static int
enter_member(struct graph_uv *g, uint32_t i, bool *known)
{
	const struct js *p = js_at(g->packages, i), *extras = js_get(p, "optional-dependencies"), *groups = js_get(p, "dev-dependencies");
	const struct otherlock_question *q = g->w->q;

	want(g, i, (struct str){ 0 });
	for (size_t k = 0; k < q->ngroups; k++) {
		struct str norm = q->groups[k];
		(void)pep503_name(q->groups[k], g->w->a, &norm);
		const struct js *group = js_get_str(groups, norm);
		const bool extra = js_get_str(extras, norm) != NULL;
		known[k] = known[k] || group || extra;
		if (extra)
			want(g, i, norm);
		if (depend(g, group) < 0)
			return -1;
	}
	return 0;
}

/* Markers of extras and groups that exclude each other have names such as extra-5-churn-gpu. */
static void
conflicts(struct graph_uv *g)
{
	const struct otherlock_question *q = g->w->q;
	size_t n = js_len(g->packages), most = n * q->ngroups * 2;
	VEC(struct str) v = { 0 };

	for (size_t i = 0; i < n && q->ngroups && most < 100000; i++) {
		const struct js *p = js_at(g->packages, i);
		struct str name = name_of(p);
		if (!js_get(p, "optional-dependencies") && !js_get(p, "dev-dependencies"))
			continue;
		for (size_t k = 0; k < q->ngroups; k++) {
			VEC_PUSH(&v, arena_printf(g->w->a, "extra-%zu-" STR_FMT "-" STR_FMT, name.n, STR_ARG(name), STR_ARG(q->groups[k])));
			VEC_PUSH(&v, arena_printf(g->w->a, "group-%zu-" STR_FMT "-" STR_FMT, name.n, STR_ARG(name), STR_ARG(q->groups[k])));
		}
	}
	struct str *to = arena_array(g->w->a, struct str, v.n + 1);
	if (v.n)
		memcpy(to, v.v, v.n * sizeof *to);
	to[v.n] = STR("-"); /* no name: that the list is never empty makes `extra` a set */
	g->w->env.extras = to;
	g->w->env.nextras = v.n + 1;
	VEC_DONE(&v);
}

static void
group_names(struct graph_uv *g, struct str *known, size_t most, size_t *n)
{
	static const char *const keys[] = { "optional-dependencies", "dev-dependencies" };

	*n = 0;
	for (size_t i = 0; i < js_len(g->packages); i++)
		for (size_t k = 0; k < 2; k++) {
			const struct js *m = js_get(js_at(g->packages, i), keys[k]);
			if (!js_get(js_get(js_at(g->packages, i), "source"), "registry"))
				for (void *it = js_first(m); it && *n < most; it = js_next(m, it))
					known[(*n)++] = js_key(it);
		}
}

static int
enter(struct graph_uv *g)
{
	const struct otherlock_question *q = g->w->q;
	const struct js *members = js_get(js_get(g->w->lock->doc, "manifest"), "members");
	struct str folder = q->member.n ? q->member : g->w->lock->folder;
	bool *known = arena_array(g->w->a, bool, q->ngroups), any = false;

	for (uint32_t i = 0; i < js_len(g->packages); i++) {
		if (!is_member(g->w, js_at(g->packages, i), folder))
			continue;
		any = true;
		if (enter_member(g, i, known) < 0)
			return -1;
	}
	for (size_t m = 0; !any && !q->member.n && m < js_len(members); m++) {
		for (uint32_t i = map_get(&g->first, js_str(js_at(members, m))); i != MAP_NONE; i = g->next[i])
			if (enter_member(g, i, known) < 0)
				return -1;
	}
	if (!any && (q->member.n || !js_len(members)))
		return err_set(g->w->e, ERR_INPUT, "it has no project in the folder '" STR_FMT "'", STR_ARG(folder));
	for (size_t k = 0; k < q->ngroups; k++)
		if (!known[k]) {
			struct str names[64];
			size_t n;
			group_names(g, names, 64, &n);
			return otherlock_no_group(g->w, q->groups[k], names, n);
		}
	return 0;
}

static int
walk(struct graph_uv *g)
{
	struct str python = js_str(js_get(g->w->lock->doc, "requires-python"));
	bool on;

	if (otherlock_python(g->w, python, &on) < 0)
		return -1;
	if (!on)
		return err_set(g->w->e, ERR_INPUT, "it is for Python " STR_FMT ", and the environment has " STR_FMT, STR_ARG(python),
			       STR_ARG(g->w->env.python_full_version));
	if (index_packages(g) < 0)
		return -1;
	conflicts(g);
	if (enter(g) < 0)
		return -1;
	for (size_t i = 0; i < g->queue.n; i++) {
		const struct want x = g->queue.v[i];
		if (expand(g, &x) < 0)
			return -1;
	}
	return 0;
}

int
otherlock_uv(struct otherlock_walk *w)
{
	struct graph_uv g = { .w = w, .packages = js_get(w->lock->doc, "package") };
	const int bad = walk(&g);

	map_done(&g.first);
	map_done(&g.seen);
	VEC_DONE(&g.queue);
	return bad;
}
