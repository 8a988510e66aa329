/* SPDX-License-Identifier: Apache-2.0
 *
 * How Python finds modules: folders, packages, namespace packages, extension modules; for rules/pyclosure.c.
 */
#include <string.h>

#include "rules/pyclosure.h"
#include "rules/snapshot.h"
#include "sys/file.h"

#define MAX_PARTS 64

static struct str
below(struct closure *c, struct str folder, struct str name)
{
	return path_clean(c->arena, path_join(c->arena, folder, name));
}

struct pyfile *
closure_look(struct closure *c, struct str path)
{
	struct pyfile *x = pyfiles_look(c->files, path);
	if (x->made_by.i == UINT32_MAX)
		return x;
	for (size_t i = 0; i < c->made.n; i++)
		if (c->made.v[i] == x)
			return x;
	VEC_PUSH(&c->made, x);
	return x;
}

uint32_t
closure_at(struct closure *c, struct pyfile *x, struct str folder, enum pymodule_kind kind)
{
	const struct str key = x ? x->path : arena_printf(c->arena, STR_FMT "/", STR_ARG(folder));
	const uint32_t there = map_get(&c->by_path, key);
	if (there != MAP_NONE)
		return there;
	if (c->modules.n >= CLOSURE_MAX_MODULES) {
		c->cut = true;
		return UINT32_MAX;
	}
	const struct pymodule m = { .kind = kind, .file = x, .folder = folder, .from = UINT32_MAX };
	map_put(&c->by_path, key, (uint32_t)c->modules.n);
	VEC_PUSH(&c->modules, m);
	if (x && kind != PYMOD_EXTENSION)
		pyfiles_want(c->files, x);
	return (uint32_t)c->modules.n - 1;
}

void
closure_import(struct closure *c, uint32_t m, uint32_t from, uint32_t line)
{
	struct pymodule *x = &c->modules.v[m];
	if (x->loaded)
		return;
	x->loaded = true;
	x->from = from;
	x->line = line;
	const struct closure_item item = { .kind = ITEM_IMPORT, .module = m };
	VEC_PUSH(&c->queue, item);
}

/* A folder, or one that will be there. */
static bool
is_folder(const struct pyfile *x)
{
	return x->type == PYFILE_FOLDER || (x->type == PYFILE_MISSING && x->made_below);
}

/* NAME in one folder: a package, an extension module, a file, or a folder that may be a namespace. UINT32_MAX: nothing. Names that the standard
 * library has are not looked for as extensions: nobody replaces those so. */
static uint32_t
in_folder(struct closure *c, struct str folder, struct str name, bool extensions)
{
	const struct str path = below(c, folder, name);
	struct pyfile *dir = closure_look(c, path);
	if (is_folder(dir) || dir->made_by.i != UINT32_MAX) {
		struct pyfile *init = closure_look(c, below(c, path, STR("__init__.py")));
		if (init->type == PYFILE_FILE)
			return closure_at(c, init, path, PYMOD_PACKAGE);
	}
	const struct pyhost *h = c->files->host;
	for (size_t i = 0; extensions && h && i < h->nsuffixes; i++) {
		struct pyfile *so = closure_look(c, arena_printf(c->arena, STR_FMT STR_FMT, STR_ARG(path), STR_ARG(h->suffixes[i])));
		if (so->type == PYFILE_FILE)
			return closure_at(c, so, folder, PYMOD_EXTENSION);
	}
	struct pyfile *py = closure_look(c, arena_printf(c->arena, STR_FMT ".py", STR_ARG(path)));
	if (py->type == PYFILE_FILE)
		return closure_at(c, py, folder, PYMOD_FILE);
	return UINT32_MAX;
}

static bool
identifier(struct str name)
{
	return name.n > 0 && name.n < 200 && str_find_char(name, '/') == SIZE_MAX && str_find_char(name, 0) == SIZE_MAX;
}

uint32_t
closure_inside(struct closure *c, struct str folder, struct str dotted, uint32_t from, uint32_t line)
{
	uint32_t m = UINT32_MAX;
	for (struct str_cut cut = { .tail = dotted, .ok = true }; cut.ok;) {
		cut = str_cut(cut.tail, '.');
		if (!identifier(cut.head))
			return UINT32_MAX;
		m = in_folder(c, folder, cut.head, true);
		const struct str path = below(c, folder, cut.head);
		if (m == UINT32_MAX && is_folder(closure_look(c, path)))
			m = closure_at(c, NULL, path, PYMOD_NAMESPACE);
		if (m == UINT32_MAX || (cut.ok && c->modules.v[m].kind != PYMOD_PACKAGE && c->modules.v[m].kind != PYMOD_NAMESPACE))
			return UINT32_MAX;
		closure_import(c, m, from, line);
		folder = c->modules.v[m].folder;
	}
	return m;
}

/* One folder of the search path for the first part of a name; namespace: the folder may be one of those. */
static uint32_t
first_part(struct closure *c, struct str name, bool standard)
{
	struct str space = { 0 };
	for (size_t i = 0; i < c->nsearch; i++) {
		const uint32_t m = in_folder(c, c->search[i], name, !standard);
		if (m != UINT32_MAX)
			return m;
		const struct str path = below(c, c->search[i], name);
		if (!standard && !space.n && is_folder(closure_look(c, path)))
			space = path;
	}
	return space.n ? closure_at(c, NULL, space, PYMOD_NAMESPACE) : UINT32_MAX;
}

uint32_t
closure_find(struct closure *c, struct str dotted, uint32_t from, uint32_t line, bool *ours)
{
	const struct str_cut cut = str_cut(dotted, '.');
	const bool standard = *ours; /* in: is it a name of the standard library? */
	*ours = false;
	if (!identifier(cut.head))
		return UINT32_MAX;
	const uint32_t m = first_part(c, cut.head, standard);
	if (m == UINT32_MAX)
		return UINT32_MAX;
	*ours = true;
	closure_import(c, m, from, line);
	if (!cut.ok)
		return m;
	if (c->modules.v[m].kind != PYMOD_PACKAGE && c->modules.v[m].kind != PYMOD_NAMESPACE)
		return UINT32_MAX;
	return closure_inside(c, c->modules.v[m].folder, cut.tail, from, line);
}

/* Every module in a folder and below it, whole: a computed import may be any of them. */
void
closure_package(struct closure *c, struct str folder, uint32_t from, uint32_t line)
{
	struct project *p = c->files->project;
	const struct str pattern = str_is(folder, ".") ? STR("**/*.py") : arena_printf(c->arena, STR_FMT "/**/*.py", STR_ARG(folder));
	struct str *v, last = { 0 };
	size_t n;
	leaves_folder(p->leaves, folder);
	if (path_has_glob(folder) || path_glob(p->fd, pattern, c->arena, &v, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		struct pyfile *x = closure_look(c, v[i]);
		const struct str dir = path_dir(v[i]);
		if (x->type != PYFILE_FILE || str_find(v[i], STR("site-packages/")) != SIZE_MAX)
			continue;
		if (!str_eq(dir, last))
			leaves_folder(p->leaves, dir);
		last = dir;
		const bool init = str_is(path_base(v[i]), "__init__.py");
		const uint32_t m = closure_at(c, x, dir, init ? PYMOD_PACKAGE : PYMOD_FILE);
		if (m == UINT32_MAX)
			return;
		closure_import(c, m, from, line);
		c->modules.v[m].why_wide = "an import whose name is computed may mean it";
		const struct closure_item item = { .kind = ITEM_WIDEN, .module = m };
		VEC_PUSH(&c->queue, item);
	}
}
