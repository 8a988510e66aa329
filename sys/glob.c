/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/vec.h"
#include "sys/file.h"

static const size_t MOST = 8u << 20; /* files that one pattern may give, and folders that it may visit */

struct walk {
	int root;
	struct str pattern;
	struct arena *arena;             /* of the results */
	struct arena scratch;
	VEC(struct str) found;
	VEC(struct str) todo;            /* folders to list */
	bool skipped_named[3];           /* the pattern names that folder of SKIPPED */
	void (*folder)(void *ctx, struct str path);
	void *ctx;
};

static const char *const SKIPPED[3] = { ".git", "__pycache__", ".pawl" };

/* Length of the folders in front that have no pattern characters: "data/raw" of "data/raw/x?.csv". */
static size_t
fixed_length(struct str pattern)
{
	size_t end = 0;
	for (size_t i = 0; i < pattern.n; i++) {
		if (pattern.p[i] != '/')
			continue;
		if (path_has_glob(str_take(pattern, i)) || str_find_char(str_take(pattern, i), '\\') != SIZE_MAX)
			break;
		end = i;
	}
	return end;
}

/* May the folder hold matches? Its names must match those of the pattern, one by one, up to a "**". */
static bool
leads_on(struct str pattern, struct str folder)
{
	for (;;) {
		const struct str_cut p = str_cut(pattern, '/'), f = str_cut(folder, '/');
		if (str_is(p.head, "**"))
			return true;
		if (!p.ok || !path_match(p.head, f.head)) /* the pattern's last name is that of a file */
			return false;
		if (!f.ok)
			return true;
		pattern = p.tail;
		folder = f.tail;
	}
}

static bool
is_skipped(const struct walk *w, struct str name)
{
	for (size_t i = 0; i < 3; i++)
		if (!w->skipped_named[i] && str_is(name, SKIPPED[i]))
			return true;
	return false;
}

/* A link counts when what it leads to is a file. */
static bool
is_file(const struct walk *w, const char *path, enum file_type type)
{
	struct file_stat st;
	if (type != FILE_LINK)
		return type == FILE_REGULAR;
	return file_stat(w->root, path, true, &st, NULL) == 0 && st.type == FILE_REGULAR;
}

static int
visit(struct walk *w, struct str folder, struct err *e)
{
	struct file_entry *v;
	size_t n;
	struct err why;
	if (w->folder)
		w->folder(w->ctx, folder);
	if (file_list(w->root, arena_z(&w->scratch, folder), &w->scratch, &v, &n, &why) < 0) {
		if (why.code == ERR_MISSING) /* it has just gone, or the fixed part names no folder: nothing matches */
			return 0;
		if (e)
			*e = why;
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		const struct str path = path_join(&w->scratch, folder, v[i].name);
		if (v[i].type == FILE_FOLDER) {
			if (!is_skipped(w, v[i].name) && leads_on(w->pattern, path))
				VEC_PUSH(&w->todo, path);
		} else if (path_match(w->pattern, path) && is_file(w, path.p, v[i].type)) {
			VEC_PUSH(&w->found, arena_str(w->arena, path));
		}
	}
	if (w->found.n > MOST || w->todo.n > MOST)
		return err_set(e, ERR_INPUT, "pattern '" STR_FMT "': more than %zu files or folders", STR_ARG(w->pattern), MOST);
	return 0;
}

static int
by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void
note_names(struct walk *w)
{
	struct str rest = w->pattern;
	while (rest.n) {
		const struct str_cut c = str_cut(rest, '/');
		for (size_t i = 0; i < 3; i++)
			w->skipped_named[i] |= str_is(c.head, SKIPPED[i]);
		rest = c.tail;
	}
}

int
path_glob(int root, struct str pattern, struct arena *a, struct str **out, size_t *n, struct err *e)
{
	return path_glob_through(root, pattern, NULL, NULL, a, out, n, e);
}

int
path_glob_through(int root, struct str pattern, void (*folder)(void *ctx, struct str path), void *ctx, struct arena *a,
		  struct str **out, size_t *n, struct err *e)
{
	if (!path_inside(pattern, STR(".")))
		return err_set(e, ERR_INPUT, "pattern '" STR_FMT "' leads out of the folder", STR_ARG(pattern));
	struct walk w = { .root = root, .pattern = pattern, .arena = a, .folder = folder, .ctx = ctx };
	note_names(&w);
	const size_t fixed = fixed_length(pattern);
	const struct str start = fixed ? str_take(pattern, fixed) : STR(".");
	int r = 0;
	VEC_PUSH(&w.todo, start);
	while (w.todo.n && r == 0)
		r = visit(&w, w.todo.v[--w.todo.n], e);
	if (r == 0) {
		struct str *v = arena_array(a, struct str, w.found.n);
		if (w.found.n) {
			memcpy(v, w.found.v, w.found.n * sizeof *v);
			qsort(v, w.found.n, sizeof *v, by_bytes);
		}
		*out = v;
		*n = w.found.n;
	}
	VEC_DONE(&w.found);
	VEC_DONE(&w.todo);
	arena_done(&w.scratch);
	return r;
}
