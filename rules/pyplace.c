/* SPDX-License-Identifier: Apache-2.0
 *
 * Places that code itself names, for rules/pyclosure.c: folders on sys.path, files that are loaded or run by their path, modules that are started
 * as programs, and what the entry points of distributions in the project lead to.
 */
#include "cache/cache.h"
#include "rules/leaves.h"
#include "rules/pyclosure.h"
#include "sys/file.h"

#define MAX_POINTS_FILE (1u << 20) /* bytes of an entry_points.txt */

/* A place as a path relative to the root; false: outside. */
static bool
inside(struct closure *c, uint32_t m, const struct pyimport *i, struct str *out)
{
	const struct str root = c->files->project->root;
	struct str path = i->module;
	if (path.n && path.p[0] == '/') {
		if (!path_inside(path, root))
			return false;
		path = str_drop(path, root.n + (path.n > root.n));
	} else if (i->level) {
		path = path_join(c->arena, c->modules.v[m].folder, path);
	}
	*out = path_clean(c->arena, path);
	return !str_is(*out, "..") && !str_starts(*out, STR("../")) && out->n > 0;
}

static void
search(struct closure *c, struct str folder, bool front)
{
	for (size_t i = 0; i < c->nsearch; i++)
		if (str_eq(c->search[i], folder))
			return;
	for (size_t i = 0; i < c->added.n; i++)
		if (str_eq(c->added.v[i].folder, folder))
			return;
	const struct search_add add = { .folder = folder, .front = front };
	VEC_PUSH(&c->added, add);
}

/* It runs as a program of its own: its __main__ block counts. */
static void
program(struct closure *c, uint32_t m)
{
	c->modules.v[m].main = true;
	const struct closure_item item = { .kind = ITEM_IMPORT, .module = m };
	VEC_PUSH(&c->queue, item);
}

static void
file(struct closure *c, uint32_t m, const struct pyimport *i, struct str path)
{
	struct pyfile *x = closure_look(c, path);
	if (x->type == PYFILE_FOLDER)
		x = closure_look(c, path_join(c->arena, path, STR("__main__.py")));
	if (x->type != PYFILE_FILE)
		return;
	if (!str_ends(x->path, STR(".py")) && !str_ends(x->path, STR(".pyw")))
		closure_content(c, x); /* whatever it is to whom runs it */
	const uint32_t t = closure_at(c, x, path_dir(x->path), PYMOD_FILE);
	if (t == UINT32_MAX)
		return;
	closure_import(c, t, m, i->line);
	if (str_is(i->name, "!="))
		program(c, t);
	closure_widen(c, t, "it is loaded by its path");
}

void
closure_place(struct closure *c, uint32_t m, const struct pyimport *i)
{
	struct str path;
	if (str_is(i->name, "!")) {
		bool ours = i->standard;
		uint32_t t = closure_find(c, i->module, m, i->line, &ours);
		if (t != UINT32_MAX && c->modules.v[t].kind == PYMOD_PACKAGE)
			t = closure_inside(c, c->modules.v[t].folder, STR("__main__"), m, i->line);
		if (t != UINT32_MAX)
			program(c, t);
		else if (!ours && !i->standard)
			closure_third_party(c, i->module);
	} else if (!inside(c, m, i, &path)) {
		return;
	} else if (str_is(i->name, "<") || str_is(i->name, ">")) {
		search(c, path, str_is(i->name, "<"));
	} else {
		file(c, m, i, path);
	}
}

void
closure_target(struct closure *c, struct str target)
{
	const struct str_cut cut = str_cut(str_trim(str_cut(str_trim(target), ' ').head), ':');
	bool ours = false;
	const uint32_t m = closure_find(c, str_trim(cut.head), UINT32_MAX, 0, &ours);
	if (m == UINT32_MAX) {
		if (!ours && cut.head.n)
			closure_third_party(c, str_trim(cut.head));
	} else if (cut.ok && cut.tail.n) {
		closure_follow(c, m, str_trim(cut.tail));
	} else {
		closure_widen(c, m, "an entry point names it");
	}
}

/* entry_points.txt of a distribution that lies on the search path: its text counts, and all that it names. */
static void
read_points(struct closure *c, struct str path)
{
	struct project *p = c->files->project;
	AUTO_BUF text = { 0 };
	struct pyfile *x = closure_look(c, path);
	if (x->type != PYFILE_FILE || file_read(p->fd, arena_z(c->arena, path), MAX_POINTS_FILE, &text, NULL) < 0)
		return;
	closure_content(c, x);
	for (struct str_cut line = { .tail = arena_str(c->arena, buf_str(&text)), .ok = true }; line.ok;) {
		line = str_cut(line.tail, '\n');
		const struct str_cut cut = str_cut(line.head, '=');
		if (cut.ok && str_trim(line.head).p[0] != '#')
			closure_target(c, cut.tail);
	}
}

bool
closure_points(struct closure *c)
{
	static const char *const forms[] = { "*.dist-info/entry_points.txt", "*.egg-info/entry_points.txt" };
	struct project *p = c->files->project;
	if (!c->points || c->points_read)
		return false;
	c->points_read = true;
	for (size_t i = 0; i < c->nsearch; i++) {
		leaves_folder(p->leaves, c->search[i]);
		for (size_t k = 0; k < 2; k++) {
			struct str *v;
			size_t n;
			if (path_has_glob(c->search[i]) ||
			    path_glob(p->fd, path_clean(c->arena, path_join(c->arena, c->search[i], str_z(forms[k]))), c->arena, &v, &n, NULL) < 0)
				continue;
			for (size_t j = 0; j < n; j++)
				read_points(c, v[j]);
		}
	}
	const struct pyhost *h = c->files->host;
	for (size_t i = 0; h && h->asked && i < h->ndists; i++)
		for (size_t k = 0; k < h->dists[i].npoints; k++)
			closure_target(c, h->dists[i].points[k]);
	return true;
}
