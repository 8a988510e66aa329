/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pyproject.h"

#include <string.h>

#include "base/suggest.h"
#include "base/toml.h"
#include "rules/snapshot.h"
#include "rules/wants.h"
#include "sys/file.h"

#define GROUPS_MAX 200 /* groups that include each other */

static struct place
place_of(const struct pyproject *t, const struct js *place, size_t n)
{
	struct js_place at = toml_place(place);

	return (struct place){ .file = t->path, .line = at.line, .column = at.column, .length = (uint32_t)n };
}

static int
mistake(struct project *p, struct place at, struct str hint, struct str text, struct err *e)
{
	diags_add(&p->diags, SEVERITY_ERROR, at, "pyproject", hint, STR_FMT, STR_ARG(text));
	return err_set(e, ERR_INPUT, STR_FMT ": " STR_FMT, STR_ARG(at.file), STR_ARG(text));
}

static bool
is_dynamic(const struct js *project)
{
	const struct js *list = js_get(project, "dynamic");

	for (size_t i = 0; i < js_len(list); i++)
		if (str_is(js_str(js_at(list, i)), "dependencies"))
			return true;
	return false;
}

int
pyproject_read(struct project *p, struct str folder, struct pyproject *out, struct err *e)
{
	struct pyproject t = { .folder = folder };
	struct js *doc = NULL, *places = NULL;
	struct err why = { 0 };
	struct js_place at;
	AUTO_BUF text = { 0 };

	t.path = path_clean(&p->arena, path_join(&p->arena, folder, STR("pyproject.toml")));
	if (wants_read(p, t.path, &text, e) < 0)
		return -1;
	struct str kept = arena_str(&p->arena, buf_str(&text));
	diags_source(&p->diags, t.path, kept);
	if (!str_utf8(kept))
		return mistake(p, (struct place){ .file = t.path }, (struct str){ 0 }, STR("it is not UTF-8"), e);
	if (toml_parse_at(kept, "it", &doc, &places, &at, &why) < 0) {
		struct str said = str_starts(str_z(why.text), STR("it: ")) ? str_drop(str_z(why.text), 4) : str_z(why.text);
		return mistake(p, (struct place){ .file = t.path, .line = at.line, .column = at.column }, (struct str){ 0 }, said, e);
	}
	t.doc = js_keep(&p->arena, doc);
	t.places = js_keep(&p->arena, places);
	const struct js *project = js_get(t.doc, "project");
	t.has_project = js_type(project) == JS_MAP;
	t.dynamic = is_dynamic(project);
	struct str name = js_str(js_get(project, "name"));
	if (!name.n)
		name = js_str(js_get(js_get(js_get(t.doc, "tool"), "poetry"), "name"));
	(void)pep503_name(name, &p->arena, &t.name); /* else it has none */
	*out = t;
	return 0;
}

/* ---- where uv finds a package ---- */

static struct str
norm_of(struct project *p, struct str name)
{
	struct str norm = name;

	(void)pep503_name(name, &p->arena, &norm);
	return norm;
}

static const struct js *
get_norm(struct project *p, const struct js *map, struct str name)
{
	for (void *it = js_first(map); it; it = js_next(map, it))
		if (str_eq(norm_of(p, js_key(it)), name))
			return js_value(it);
	return NULL;
}

static bool
has_name(struct project *p, struct str folder, struct str name)
{
	AUTO_BUF text = { 0 };
	AUTO_JS doc = NULL;
	struct str path = path_clean(&p->arena, path_join(&p->arena, folder, STR("pyproject.toml")));

	if (wants_read(p, path, &text, NULL) < 0 || toml_parse(buf_str(&text), "it", &doc, NULL) < 0)
		return false;
	return str_eq(norm_of(p, js_str(js_get(js_get(doc, "project"), "name"))), name);
}

/* The member of the nearest workspace at or above the folder that has the name; empty: none. */
static struct str
workspace_member(struct project *p, struct str folder, struct str name)
{
	for (int depth = 0; depth < 32; depth++) {
		AUTO_BUF text = { 0 };
		AUTO_JS doc = NULL;
		struct str path = path_clean(&p->arena, path_join(&p->arena, folder, STR("pyproject.toml")));
		const struct js *members = NULL;
		if (wants_read(p, path, &text, NULL) == 0 && toml_parse(buf_str(&text), "it", &doc, NULL) == 0)
			members = js_get(js_get(js_get(js_get(doc, "tool"), "uv"), "workspace"), "members");
		for (size_t i = 0; i < js_len(members); i++) {
			struct str *v;
			size_t n;
			struct str pattern = path_clean(&p->arena, path_join(&p->arena, folder, path_join(&p->arena, js_str(js_at(members, i)),
															STR("pyproject.toml"))));
			leaves_folder(p->leaves, path_dir(path_dir(pattern)));
			if (path_glob(p->fd, pattern, &p->arena, &v, &n, NULL) < 0)
				continue;
			for (size_t k = 0; k < n; k++)
				if (has_name(p, path_dir(v[k]), name))
					return path_dir(v[k]);
		}
		if (members && has_name(p, folder, name))
			return folder;
		if (members || str_is(folder, "/"))
			break;
		folder = path_clean(&p->arena, path_join(&p->arena, folder, STR("..")));
	}
	return (struct str){ 0 };
}

/* The text of a source: what stands behind '@'. Empty: an index. */
static struct str
where_of(struct project *p, const struct pyproject *t, struct str name, const struct js *source)
{
	struct str path = js_str(js_get(source, "path")), git = js_str(js_get(source, "git")), url = js_str(js_get(source, "url"));
	struct str sub = js_str(js_get(source, "subdirectory"));
	const char *hash = sub.n ? "#subdirectory=" : "";

	if (js_true(js_get(source, "workspace")))
		path = workspace_member(p, t->folder, name);
	else if (path.n && path.p[0] != '/')
		path = path_join(&p->arena, t->folder, path);
	if (path.n) {
		path = path_clean(&p->arena, path);
		return path.p[0] == '/' || str_starts(path, STR("../")) || str_is(path, "..") ? path :
											arena_printf(&p->arena, "./" STR_FMT, STR_ARG(path));
	}
	if (git.n) {
		struct str rev = js_str(js_get(source, "rev"));
		rev = rev.n ? rev : js_str(js_get(source, "tag"));
		rev = rev.n ? rev : js_str(js_get(source, "branch"));
		return arena_printf(&p->arena, "git+" STR_FMT "%s" STR_FMT "%s" STR_FMT, STR_ARG(git), rev.n ? "@" : "", STR_ARG(rev), hash, STR_ARG(sub));
	}
	if (url.n)
		return arena_printf(&p->arena, STR_FMT "%s" STR_FMT, STR_ARG(url), hash, STR_ARG(sub));
	return (struct str){ 0 };
}

static void
push(struct pyproject_list *out, struct str text, struct place at)
{
	VEC_PUSH(out, ((struct reqfile_source){ .text = text, .at = at }));
}

static void
add_source(struct project *p, const struct pyproject *t, const struct pep508 *r, const struct js *source, struct str text, struct place at,
	   struct pyproject_list *out)
{
	struct str where = where_of(p, t, r->name, source), marker = js_str(js_get(source, "marker")), both = r->marker;
	AUTO_BUF b = { 0 };

	if (!where.n) {
		push(out, text, at);
		return;
	}
	if (marker.n)
		both = r->marker.n ? arena_printf(&p->arena, "(" STR_FMT ") and (" STR_FMT ")", STR_ARG(r->marker), STR_ARG(marker)) : marker;
	buf_put(&b, r->name);
	for (size_t i = 0; i < r->nextras; i++)
		buf_printf(&b, "%s" STR_FMT "%s", i ? "," : "[", STR_ARG(r->extras[i]), i + 1 == r->nextras ? "]" : "");
	buf_printf(&b, " @ " STR_FMT, STR_ARG(where));
	if (both.n)
		buf_printf(&b, " ; " STR_FMT, STR_ARG(both));
	push(out, arena_str(&p->arena, buf_str(&b)), at);
}

/* Requirements of a list of texts; a broken one is reported when the set is read. */
static void
add_text(struct project *p, const struct pyproject *t, struct str text, struct place at, struct pyproject_list *out)
{
	const struct js *sources = js_get(js_get(js_get(t->doc, "tool"), "uv"), "sources");
	struct pep508 r;
	size_t where;

	if (!sources || pep508_parse(text, &p->arena, &r, &where, NULL) < 0 || r.url.n) {
		push(out, text, at);
		return;
	}
	const struct js *s = get_norm(p, sources, r.name);
	if (js_type(s) == JS_LIST)
		for (size_t i = 0; i < js_len(s); i++)
			add_source(p, t, &r, js_at(s, i), text, at, out);
	else
		add_source(p, t, &r, s, text, at, out);
}

static int
add_texts(struct project *p, const struct pyproject *t, const struct js *list, const struct js *places, struct str what, struct pyproject_list *out,
	  struct err *e)
{
	if (list && js_type(list) != JS_LIST)
		return mistake(p, place_of(t, places, 1), (struct str){ 0 }, arena_printf(&p->arena, STR_FMT ": expected a list of requirements", STR_ARG(what)),
			       e);
	for (size_t i = 0; i < js_len(list); i++) {
		struct str text = js_str(js_at(list, i));
		struct place at = place_of(t, js_at(places, i), text.n + 2);
		if (js_type(js_at(list, i)) != JS_TEXT)
			return mistake(p, at, (struct str){ 0 }, arena_printf(&p->arena, STR_FMT ": expected a text such as \"six>=1.16\"", STR_ARG(what)), e);
		add_text(p, t, text, at, out);
	}
	return 0;
}

/* ---- dependencies ---- */

int
pyproject_dependencies(struct project *p, const struct pyproject *t, const struct str *extras, size_t nextras, struct pyproject_list *out,
		       struct err *e)
{
	const struct js *project = js_get(t->doc, "project"), *places = js_get(t->places, "project");

	if (add_texts(p, t, js_get(project, "dependencies"), js_get(places, "dependencies"), STR("project.dependencies"), out, e) < 0)
		return -1;
	for (size_t i = 0; i < nextras; i++) {
		const struct js *list = get_norm(p, js_get(project, "optional-dependencies"), extras[i]);
		if (add_texts(p, t, list, get_norm(p, js_get(places, "optional-dependencies"), extras[i]), STR("project.optional-dependencies"), out, e) < 0)
			return -1;
	}
	return 0;
}

struct groups {
	struct str v[GROUPS_MAX];
	struct place at[GROUPS_MAX];
	size_t n;
};

static int
want_group(struct project *p, struct groups *g, struct str name, struct place at, struct err *e)
{
	for (size_t i = 0; i < g->n; i++)
		if (str_eq(g->v[i], name))
			return 0; /* a cycle adds nothing: what it includes is there already */
	if (g->n == GROUPS_MAX)
		return mistake(p, at, (struct str){ 0 }, arena_printf(&p->arena, "more than %d groups include each other", GROUPS_MAX), e);
	g->at[g->n] = at;
	g->v[g->n++] = name;
	return 0;
}

static int
expand_group(struct project *p, const struct pyproject *t, struct groups *g, size_t at, struct pyproject_list *out, struct err *e)
{
	const struct js *list = get_norm(p, js_get(t->doc, "dependency-groups"), g->v[at]);
	const struct js *places = get_norm(p, js_get(t->places, "dependency-groups"), g->v[at]);

	if (js_type(list) != JS_LIST)
		return mistake(p, g->at[at], (struct str){ 0 }, arena_printf(&p->arena, "there is no dependency group '" STR_FMT "'", STR_ARG(g->v[at])), e);
	for (size_t i = 0; i < js_len(list); i++) {
		const struct js *v = js_at(list, i), *place = js_at(places, i);
		struct str include = js_str(js_get(v, "include-group"));
		if (js_type(v) == JS_TEXT) {
			add_text(p, t, js_str(v), place_of(t, place, js_str(v).n + 2), out);
			continue;
		}
		struct place where = place_of(t, js_get(place, "include-group"), include.n + 2);
		if (!include.n || js_len(v) != 1)
			return mistake(p, where, (struct str){ 0 },
				       arena_printf(&p->arena, "dependency group '" STR_FMT "': expected a text or {include-group = \"NAME\"}", STR_ARG(g->v[at])), e);
		if (want_group(p, g, norm_of(p, include), where, e) < 0)
			return -1;
	}
	return 0;
}

int
pyproject_group(struct project *p, const struct pyproject *t, struct str name, struct place at, struct pyproject_list *out, struct err *e)
{
	const struct js *extras = js_get(js_get(t->doc, "project"), "optional-dependencies"), *groups = js_get(t->doc, "dependency-groups");
	struct str norm = norm_of(p, name), known[64];
	const bool extra = get_norm(p, extras, norm), group = get_norm(p, groups, norm);
	size_t n = 0;

	if (!extra && !group) {
		for (void *it = js_first(extras); it && n < 32; it = js_next(extras, it))
			known[n++] = js_key(it);
		for (void *it = js_first(groups); it && n < 64; it = js_next(groups, it))
			known[n++] = js_key(it);
		struct str near = suggest(name, known, n);
		return mistake(p, at, near.n ? arena_printf(&p->arena, "did you mean '" STR_FMT "'?", STR_ARG(near)) : near,
			       arena_printf(&p->arena, STR_FMT " has no group or extra '" STR_FMT "'", STR_ARG(t->path), STR_ARG(name)), e);
	}
	if (extra && add_texts(p, t, get_norm(p, extras, norm), get_norm(p, js_get(js_get(t->places, "project"), "optional-dependencies"), norm),
			       STR("project.optional-dependencies"), out, e) < 0)
		return -1;
	if (!group)
		return 0;
	struct groups *g = arena_new(&p->arena, struct groups);
	if (want_group(p, g, norm, at, e) < 0)
		return -1;
	for (size_t i = 0; i < g->n; i++)
		if (expand_group(p, t, g, i, out, e) < 0)
			return -1;
	return 0;
}

/* ---- where its code lies ---- */

static bool
is_folder(struct project *p, struct str path)
{
	struct file_stat st;

	leaves_folder(p->leaves, path_dir(path));
	return file_stat(p->fd, arena_z(&p->arena, path), true, &st, NULL) == 0 && st.type == FILE_FOLDER;
}

/* What the build backends are told: setuptools, poetry, hatch, uv. */
static struct str
told(const struct js *tool)
{
	const struct js *setuptools = js_get(tool, "setuptools");
	struct str where = js_str(js_at(js_get(js_get(js_get(setuptools, "packages"), "find"), "where"), 0));

	if (!where.n)
		where = js_str(js_get(js_get(setuptools, "package-dir"), ""));
	if (!where.n)
		where = js_str(js_get(js_at(js_get(js_get(tool, "poetry"), "packages"), 0), "from"));
	if (!where.n)
		where = js_str(js_get(js_get(js_get(tool, "uv"), "build-backend"), "module-root"));
	if (!where.n) {
		const struct js *wheel = js_get(js_get(js_get(js_get(tool, "hatch"), "build"), "targets"), "wheel");
		struct str package = js_str(js_at(js_get(wheel, "packages"), 0));
		if (str_find_char(package, '/') != SIZE_MAX)
			where = path_dir(package);
	}
	return where;
}

struct str
pyproject_code(struct project *p, struct str folder)
{
	AUTO_BUF text = { 0 };
	AUTO_JS doc = NULL;
	struct str path = path_clean(&p->arena, path_join(&p->arena, folder, STR("pyproject.toml"))), where = { 0 };

	if (wants_read(p, path, &text, NULL) == 0 && toml_parse(buf_str(&text), "it", &doc, NULL) == 0)
		where = told(js_get(doc, "tool"));
	if (where.n && where.p[0] != '/')
		return path_clean(&p->arena, path_join(&p->arena, folder, where));
	struct str src = path_clean(&p->arena, path_join(&p->arena, folder, STR("src")));
	return is_folder(p, src) ? src : path_clean(&p->arena, folder);
}
