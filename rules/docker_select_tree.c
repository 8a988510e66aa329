/* SPDX-License-Identifier: Apache-2.0
 *
 * COPY --from=STAGE: the same selection, from layers. Owners and modes stay as they are there.
 */
#include <string.h>

#include "base/vec.h"
#include "rules/docker_select.h"
#include "sys/file.h"

struct walk {
	const struct docker_tree *t;
	const struct docker_select *s;
	struct arena *a;
	VEC(struct docker_item) items;
	bool many;
	struct err *e;
};

static int
push(struct walk *w, const struct docker_tree_entry *x, struct str to, bool leaf)
{
	if (w->items.n >= DOCKER_ITEMS_MAX)
		return err_set(w->e, ERR_INPUT, "more than %d files are named at once", DOCKER_ITEMS_MAX);
	const enum docker_item_type type = x->type == ARCHIVE_FOLDER_ENTRY ? DOCKER_ITEM_FOLDER :
					   x->type == ARCHIVE_LINK_ENTRY   ? DOCKER_ITEM_LINK :
									     DOCKER_ITEM_FILE;
	VEC_PUSH(&w->items, ((struct docker_item){ .type = type, .to = to, .from = x->path, .target = x->target, .leaf = leaf, .mode = x->mode,
						   .uid = x->uid, .gid = x->gid, .size = x->size, .entry = x }));
	return 0;
}

static struct str
below(struct str folder, struct str name, struct arena *a)
{
	return folder.n == 0 || str_is(folder, ".") ? name : path_join(a, folder, name);
}

static int
folder(struct walk *w, struct str path, struct str to)
{
	size_t first, n;
	docker_tree_below(w->t, path, &first, &n);
	for (size_t i = first; i < first + n; i++) {
		const struct docker_tree_entry *x = &w->t->v[i];
		if (!path_inside(x->path, path))
			continue;
		const struct str in = str_is(path, ".") ? x->path : str_drop(x->path, path.n + 1);
		if (docker_excluded(w->s, in, x->path))
			continue;
		if (push(w, x, below(to, in, w->a), false) < 0)
			return -1;
	}
	return 0;
}

static int
top(struct walk *w, struct str path, struct str kept)
{
	struct str real;
	if (docker_tree_resolve(w->t, path, true, w->a, &real, w->e) < 0)
		return -1;
	const struct docker_tree_entry *x = docker_tree_get(w->t, real);
	const bool root = str_is(real, ".");
	if (!x && !root)
		return err_set(w->e, ERR_INPUT, "'/" STR_FMT "' is not there", STR_ARG(path));
	for (size_t i = 0; w->s->parents && i < kept.n; i++) {
		const struct docker_tree_entry *up = kept.p[i] == '/' ? docker_tree_get(w->t, str_take(kept, i)) : NULL;
		if (up && up->type == ARCHIVE_FOLDER_ENTRY && push(w, up, up->path, false) < 0)
			return -1;
	}
	if (!root && x->type != ARCHIVE_FOLDER_ENTRY)
		return docker_excluded(w->s, path_base(path), path) ? 0 : push(w, x, w->s->parents ? kept : path_base(path), !w->s->parents);
	const struct str to = w->s->parents && !str_is(kept, ".") ? kept : (struct str){ 0 };
	if (to.n > 0 && push(w, x, to, false) < 0)
		return -1;
	return folder(w, real, to);
}

static int
matches(struct walk *w, struct str pattern)
{
	struct docker_glob g;
	size_t count = 0;
	if (docker_glob_compile(DOCKER_GLOB_FILE, pattern, w->a, &g, w->e) < 0)
		return -1;
	for (size_t i = 0; i < w->t->n; i++) {
		if (!docker_glob_match(&g, w->t->v[i].path))
			continue;
		count++;
		if (top(w, w->t->v[i].path, w->t->v[i].path) < 0)
			return -1;
	}
	w->many = w->many || count > 1;
	return 0;
}

int
docker_select_tree(const struct docker_tree *t, const struct docker_select *s, struct arena *a, struct docker_selection *out, size_t *wrong,
		   struct err *e)
{
	struct walk w = { .t = t, .s = s, .a = a, .many = s->nsources > 1, .e = e };
	int bad = 0;
	for (size_t i = 0; i < s->nsources && bad == 0; i++) {
		struct str kept;
		const struct str path = docker_source_path(s->sources[i], a, &kept);
		*wrong = i;
		bad = docker_glob_magic(path) ? matches(&w, path) : top(&w, path, kept);
	}
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
