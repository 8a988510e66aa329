/* SPDX-License-Identifier: Apache-2.0
 *
 *	sources -> what each names [named, matches] -> items [top, folder] -> contents of all files at once [contents]
 */
#include <string.h>
#include <sys/stat.h>

#include "base/vec.h"
#include "rules/docker_select.h"
#include "rules/snapshot.h"
#include "rules/workspace.h"
#include "sys/file.h"

#define HOPS_MAX 40

struct walk {
	struct project *p;
	struct str root;
	const struct docker_select *s;
	struct arena *a;
	VEC(struct docker_item) items;
	bool many;
	struct err *e;
};

/* From the project's root. */
static struct str
full(const struct walk *w, struct str path)
{
	return path_clean(w->a, path_join(w->a, w->root, path));
}

static struct str
below(struct str folder, struct str name, struct arena *a)
{
	return folder.n == 0 || str_is(folder, ".") ? name : path_join(a, folder, name);
}

static int
look(struct walk *w, struct str path, struct file_stat *st, struct err *e)
{
	const struct str at = full(w, path);
	if (file_stat(w->p->fd, arena_z(w->a, at), false, st, e) == 0)
		return 0;
	leaves_path(w->p->leaves, at, NULL);
	return -1;
}

static int
read_link(struct walk *w, struct str path, const struct file_stat *st, struct str *target, struct err *e)
{
	const struct str at = full(w, path);
	const struct stat_sig sig = stat_sig_of(st);
	if (file_link_read(w->p->fd, arena_z(w->a, at), w->a, target, e) < 0)
		return -1;
	leaves_path(w->p->leaves, at, &sig);
	return 0;
}

/* The path without links in it: an absolute target means the origin's root, and nothing leads out of it. */
static int
resolve(struct walk *w, struct str path, struct str *out, struct file_stat *st, struct err *e)
{
	struct str done = STR("."), rest = path, target;
	if (file_stat(w->p->fd, arena_z(w->a, w->root), true, st, e) < 0)
		return -1;
	for (int hops = 0; rest.n > 0;) {
		const struct str_cut c = str_cut(rest, '/');
		rest = c.tail;
		if (c.head.n == 0 || str_is(c.head, "."))
			continue;
		if (str_is(c.head, "..")) {
			done = str_find_char(done, '/') == SIZE_MAX ? STR(".") : path_dir(done);
			continue;
		}
		const struct str next = below(done, c.head, w->a);
		if (look(w, next, st, e) < 0)
			return -1;
		if (st->type != FILE_LINK) {
			done = next;
			continue;
		}
		if (++hops > HOPS_MAX)
			return err_set(e, ERR_INPUT, "too many links on the way to '" STR_FMT "'", STR_ARG(path));
		if (read_link(w, next, st, &target, e) < 0)
			return -1;
		if (str_starts(target, STR("/")))
			done = STR(".");
		rest = rest.n > 0 ? path_join(w->a, target, rest) : target;
	}
	*out = done;
	return str_is(done, ".") ? file_stat(w->p->fd, arena_z(w->a, w->root), true, st, e) : look(w, done, st, e);
}

static bool
ignored(const struct walk *w, struct str path)
{
	return w->s->ignore && !str_is(path, ".") && docker_ignored(w->s->ignore, path);
}

static int
push(struct walk *w, const struct docker_item *x)
{
	if (w->items.n >= DOCKER_ITEMS_MAX)
		return err_set(w->e, ERR_INPUT, "more than %d files are named at once", DOCKER_ITEMS_MAX);
	VEC_PUSH(&w->items, *x);
	return 0;
}

static int
push_entry(struct walk *w, struct str path, struct str to, const struct file_stat *st, bool leaf)
{
	struct docker_item x = { .to = to, .from = path, .leaf = leaf };
	switch (st->type) {
	case FILE_REGULAR:
		x.type = DOCKER_ITEM_FILE;
		x.mode = st->mode & S_IXUSR ? 0755 : 0644;
		break;
	case FILE_FOLDER:
		x.type = DOCKER_ITEM_FOLDER;
		x.mode = 0755;
		break;
	case FILE_LINK:
		x.type = DOCKER_ITEM_LINK;
		x.mode = 0777;
		if (read_link(w, path, st, &x.target, w->e) < 0)
			return -1;
		break;
	case FILE_OTHER:
		return err_set(w->e, ERR_INPUT, "'" STR_FMT "' is neither a file, a folder nor a link", STR_ARG(path));
	}
	return push(w, &x);
}

/* ---- folders ---- */

struct spot { /* a folder still to be listed */
	struct str path, in, to; /* in the origin; relative to the folder that was named; in the image */
};

struct walk_places {
	VEC_FIELDS(struct spot);
};

/* One name of a folder: an item, a folder to go into, or nothing. */
static int
found(struct walk *w, const struct spot *at, const struct file_entry *entry, struct walk_places *todo)
{
	const struct spot next = { below(at->path, entry->name, w->a), below(at->in, entry->name, w->a), below(at->to, entry->name, w->a) };
	const bool folder = entry->type == FILE_FOLDER;
	struct file_stat st;
	if (docker_excluded(w->s, next.in, next.path))
		return 0;
	const bool out = ignored(w, next.path);
	if (out && !(folder && w->s->ignore->has_back && docker_ignore_enters(w->s->ignore, next.path)))
		return 0;
	if (folder)
		VEC_PUSH(todo, next);
	if (out)
		return 0; /* its folder comes with what is taken back */
	if (look(w, next.path, &st, w->e) < 0)
		return -1;
	return push_entry(w, next.path, next.to, &st, false);
}

static int
folder(struct walk *w, struct str path, struct str to)
{
	struct walk_places todo = { 0 };
	int bad = 0;
	VEC_PUSH(&todo, ((struct spot){ path, { 0 }, to }));
	while (todo.n > 0 && bad == 0) {
		const struct spot at = todo.v[--todo.n];
		const struct str where = full(w, at.path);
		struct file_entry *v;
		size_t n;
		leaves_folder(w->p->leaves, where);
		bad = file_list(w->p->fd, arena_z(w->a, where), w->a, &v, &n, w->e);
		for (size_t i = 0; bad == 0 && i < n; i++)
			bad = found(w, &at, &v[i], &todo);
	}
	VEC_DONE(&todo);
	return bad;
}

/* ---- what a source names ---- */

/* The folders above what --parents keeps. */
static int
kept_folders(struct walk *w, struct str kept)
{
	for (size_t i = 0; i < kept.n; i++) {
		if (kept.p[i] == '/' &&
		    push(w, &(struct docker_item){ .type = DOCKER_ITEM_FOLDER, .to = str_take(kept, i), .from = str_take(kept, i), .mode = 0755 }) < 0)
			return -1;
	}
	return 0;
}

/* kept: what --parents keeps of the path. */
static int
top(struct walk *w, struct str path, struct str kept, struct err *e)
{
	struct file_stat st;
	struct str real;
	if (resolve(w, path, &real, &st, e) < 0)
		return -1;
	if (st.type != FILE_FOLDER && docker_excluded(w->s, path_base(path), path))
		return 0;
	if (w->s->parents && kept_folders(w, kept) < 0)
		return -1;
	if (st.type != FILE_FOLDER)
		return push_entry(w, real, w->s->parents ? kept : path_base(path), &st, !w->s->parents);
	const struct str to = w->s->parents && !str_is(kept, ".") ? kept : (struct str){ 0 };
	if (to.n > 0 && push_entry(w, real, to, &st, false) < 0)
		return -1;
	return folder(w, real, to);
}

/* Everything that the pattern matches; its first part without wildcards is walked from. */
static int
matches(struct walk *w, struct str pattern, struct str kept, size_t *count)
{
	struct docker_glob g;
	struct walk_places todo = { 0 };
	size_t fixed = 0, depth = 0;
	for (size_t i = 0; i < pattern.n && !docker_glob_magic(str_take(pattern, i)); i++)
		fixed = pattern.p[i] == '/' ? i : fixed;
	for (size_t i = 0; i < pattern.n; i++)
		depth += pattern.p[i] == '/';
	const struct str base = fixed > 0 ? str_take(pattern, fixed) : STR(".");
	const size_t drop = pattern.n - kept.n;
	int bad = docker_glob_compile(DOCKER_GLOB_FILE, pattern, w->a, &g, w->e);
	if (bad == 0)
		VEC_PUSH(&todo, ((struct spot){ .path = base }));
	for (size_t k = 0; bad == 0 && k < todo.n; k++) {
		const struct str at = todo.v[k].path, where = full(w, at);
		struct file_entry *v;
		size_t n, level = str_is(at, ".") ? 0 : 1;
		for (size_t i = 0; i < at.n; i++)
			level += at.p[i] == '/';
		leaves_folder(w->p->leaves, where);
		if (file_list(w->p->fd, arena_z(w->a, where), w->a, &v, &n, NULL) < 0)
			continue; /* not there, or no folder: nothing matches below it */
		for (size_t i = 0; bad == 0 && i < n; i++) {
			const struct str path = below(at, v[i].name, w->a);
			if (level == depth && docker_glob_match(&g, path) && !ignored(w, path)) {
				++*count;
				/* With --parents the part in front of "/./" has as many names in what matched as in the pattern. */
				struct str k2 = path;
				for (size_t j = 0; j < drop; j++) {
					if (pattern.p[j] == '/')
						k2 = str_cut(k2, '/').tail;
				}
				bad = top(w, path, k2, w->e);
			} else if (level < depth && v[i].type == FILE_FOLDER) {
				VEC_PUSH(&todo, ((struct spot){ .path = path }));
			}
		}
	}
	VEC_DONE(&todo);
	return bad;
}

static int
named(struct walk *w, struct str source)
{
	struct str kept;
	const struct str path = docker_source_path(source, w->a, &kept);
	struct err why = { 0 };
	size_t count = 0;
	if (docker_glob_magic(path)) {
		const int bad = matches(w, path, kept, &count);
		w->many = w->many || count > 1;
		return bad;
	}
	if (ignored(w, path) && !(w->s->ignore->has_back && docker_ignore_enters(w->s->ignore, path)))
		return err_set(w->e, ERR_INPUT, "'" STR_FMT "' is left out of the context by .dockerignore", STR_ARG(source));
	if (top(w, path, kept, &why) == 0)
		return 0;
	if (why.code == ERR_MISSING)
		return err_set(w->e, ERR_INPUT, "'" STR_FMT "' is not in the context '" STR_FMT "'", STR_ARG(source), STR_ARG(w->root));
	if (why.code != ERR_NONE)
		*w->e = why;
	return -1;
}

/* ---- contents ---- */

static int
contents(struct walk *w)
{
	struct str *paths = arena_array(w->a, struct str, w->items.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < w->items.n; i++) {
		struct docker_item *x = &w->items.v[i];
		x->from = full(w, x->from);
		if (x->type == DOCKER_ITEM_FILE)
			paths[n++] = x->from;
	}
	struct workspace_item *found_items = arena_array(w->a, struct workspace_item, n + 1);
	if (workspace_look_files(w->p, paths, n, REPORT_SHARED, found_items, w->e) < 0)
		return -1;
	n = 0;
	for (size_t i = 0; i < w->items.n; i++) {
		struct docker_item *x = &w->items.v[i];
		if (x->type != DOCKER_ITEM_FILE)
			continue;
		x->digest = found_items[n].digest;
		x->size = found_items[n++].size;
	}
	return 0;
}

int
docker_select_files(struct project *p, struct str root, const struct docker_select *s, struct arena *a, struct docker_selection *out, size_t *wrong,
		    struct err *e)
{
	struct walk w = { .p = p, .root = root, .s = s, .a = a, .many = s->nsources > 1, .e = e };
	int bad = 0;
	for (size_t i = 0; i < s->nsources && bad == 0; i++) {
		*wrong = i;
		bad = named(&w, s->sources[i]);
	}
	if (bad == 0)
		bad = contents(&w);
	if (bad == 0) {
		out->v = arena_array(a, struct docker_item, w.items.n + 1);
		if (w.items.n > 0)
			memcpy(out->v, w.items.v, w.items.n * sizeof *w.items.v);
		out->n = w.items.n;
		out->many = w.many || s->parents;
		docker_selection_sort(out);
	}
	VEC_DONE(&w.items);
	return bad;
}
