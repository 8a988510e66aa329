/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "backends/layer_entry.h"

/* Folders whose modes differ from 0755 on every system; an entry of ours must not make them less than they are. */
static const struct {
	struct str path;
	uint32_t mode;
} MODES[] = {
	{ STR_INIT("tmp"), 01777 },
	{ STR_INIT("var/tmp"), 01777 },
	{ STR_INIT("root"), 0700 },
};

static void
usual_mode(struct layer_entry *x)
{
	for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++) {
		if (x->type == LAYER_FOLDER && !x->raw && str_eq(x->path, MODES[i].path))
			x->mode = MODES[i].mode;
	}
}

static int
add_parents(struct layer *l, const struct layer_entry *x, struct err *e)
{
	for (size_t i = str_find_char(x->path, '/'); i < x->path.n; i++) {
		if (x->path.p[i] != '/')
			continue;
		const struct str up = str_take(x->path, i);
		const uint32_t at = map_get(&l->paths, up);
		if (at == MAP_NONE) {
			if (layer_add_folder(l, up, e) < 0)
				return -1;
		} else if (l->entries.v[at]->type != LAYER_FOLDER) {
			return err_set(e, ERR_INPUT, "'" STR_FMT "' lies below '" STR_FMT "', which is no folder", STR_ARG(x->path),
				       STR_ARG(up));
		}
	}
	return 0;
}

static int
by_path(const void *a, const void *b)
{
	return str_cmp((*(struct layer_entry *const *)a)->path, (*(struct layer_entry *const *)b)->path);
}

/* The file that a hard link means at last; NULL: there is none. */
static struct layer_entry *
file_of(const struct layer *l, const struct layer_entry *x)
{
	for (int hops = 0; hops < 40; hops++) {
		const uint32_t at = map_get(&l->paths, x->target);
		if (at == MAP_NONE)
			return NULL;
		struct layer_entry *to = l->entries.v[at];
		if (to->type == LAYER_FILE)
			return to;
		if (to->type != LAYER_HARDLINK)
			return NULL;
		x = to;
	}
	return NULL;
}

/* x comes before its file: x becomes the file and the file a hard link to it. */
static void
trade(struct layer_entry *x, struct layer_entry *file)
{
	const struct str first = x->path, second = file->path;
	*x = *file;
	x->path = first;
	file->path = second;
	file->type = LAYER_HARDLINK;
	file->target = first;
	file->size = 0;
}

static int
order_hardlinks(struct layer *l, struct layer_entry **v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct layer_entry *x = v[i];
		if (x->type != LAYER_HARDLINK)
			continue;
		struct layer_entry *file = file_of(l, x);
		if (!file)
			return err_set(e, ERR_INPUT, "the hard link '" STR_FMT "' means '" STR_FMT "', which is no file of this layer",
				       STR_ARG(x->path), STR_ARG(x->target));
		if (str_cmp(x->path, file->path) < 0) {
			trade(x, file);
		} else {
			x->target = file->path;
			x->mode = file->mode;
			x->uid = file->uid;
			x->gid = file->gid;
		}
	}
	return 0;
}

int
layer_order(struct layer *l, struct layer_entry ***v, size_t *n, struct err *e)
{
	for (size_t i = 0; i < l->entries.n; i++) { /* grows while we walk; what is added has its parents added in turn */
		if (l->entries.v[i] && add_parents(l, l->entries.v[i], e) < 0)
			return -1;
	}
	struct layer_entry **sorted = arena_array(&l->arena, struct layer_entry *, l->entries.n + 1);
	size_t count = 0;
	for (size_t i = 0; i < l->entries.n; i++) {
		if (l->entries.v[i]) {
			usual_mode(l->entries.v[i]);
			sorted[count++] = l->entries.v[i];
		}
	}
	if (count > 0)
		qsort(sorted, count, sizeof sorted[0], by_path);
	if (order_hardlinks(l, sorted, count, e) < 0)
		return -1;
	*v = sorted;
	*n = count;
	return 0;
}
