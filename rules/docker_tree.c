/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/docker_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "sys/file.h"

#define ENTRIES_MAX 4000000u
#define HOPS_MAX 40

static const struct archive_opts OPTS = { .links = ARCHIVE_LINKS_ROOT, .skip_devices = true };

struct merging {
	struct arena *a;
	VEC(struct docker_tree_entry) v;
	struct map by_path;
	uint32_t layer;
};

/* What lies below a path of an earlier layer is gone; of this one it stays. */
static void
hide_below(struct merging *m, struct str folder)
{
	for (size_t i = 0; i < m->v.n; i++) {
		struct docker_tree_entry *x = &m->v.v[i];
		if (x->layer < m->layer && !str_eq(x->path, folder) && path_inside(x->path, folder))
			x->gone = true;
	}
}

static void
hide(struct merging *m, struct str path)
{
	const uint32_t at = map_get(&m->by_path, path);
	if (at == MAP_NONE || m->v.v[at].layer == m->layer)
		return;
	const bool folder = m->v.v[at].type == ARCHIVE_FOLDER_ENTRY;
	m->v.v[at].gone = true;
	if (folder)
		hide_below(m, path);
}

/* True: it was a mark that hides something, no entry. */
static bool
whiteout(struct merging *m, struct str path)
{
	const struct str base = path_base(path), dir = path_dir(path);
	if (!str_starts(base, STR(".wh.")))
		return false;
	if (str_is(base, ".wh..wh..opq"))
		hide_below(m, dir);
	else
		hide(m, str_is(dir, ".") ? str_drop(base, 4) : path_join(m->a, dir, str_drop(base, 4)));
	return true;
}

static void
put(struct merging *m, const struct docker_tree_entry *x)
{
	const uint32_t at = map_get(&m->by_path, x->path);
	if (at == MAP_NONE) {
		VEC_PUSH(&m->v, *x);
		(void)map_put(&m->by_path, x->path, (uint32_t)m->v.n - 1);
		return;
	}
	if (!m->v.v[at].gone && m->v.v[at].type == ARCHIVE_FOLDER_ENTRY && x->type != ARCHIVE_FOLDER_ENTRY)
		hide_below(m, x->path);
	m->v.v[at] = *x;
}

/* A hard link is a file whose bytes lie under another name of its layer (or of one below, which is then copied). */
static bool
hardlink(struct merging *m, const struct archive_item *item, struct docker_tree_entry *x)
{
	const uint32_t at = map_get(&m->by_path, item->target);
	if (at == MAP_NONE || m->v.v[at].gone || m->v.v[at].type != ARCHIVE_FILE_ENTRY)
		return false;
	const struct str path = x->path;
	*x = m->v.v[at];
	x->path = path;
	return true;
}

static int
take(struct merging *m, const struct archive_item *item, struct err *e)
{
	if (whiteout(m, item->path))
		return 0;
	if (m->v.n >= ENTRIES_MAX)
		return err_set(e, ERR_INPUT, "a file system with more than %u entries", ENTRIES_MAX);
	struct docker_tree_entry x = { .type = item->type, .path = arena_str(m->a, item->path), .target = arena_str(m->a, item->target),
				       .layer = m->layer, .mode = item->mode, .uid = item->uid, .gid = item->gid, .size = item->size };
	x.content = x.path;
	if (item->type == ARCHIVE_HARDLINK_ENTRY && !hardlink(m, item, &x))
		return err_set(e, ERR_INPUT, "the hard link '" STR_FMT "' means nothing", STR_ARG(item->path));
	put(m, &x);
	return 0;
}

static int
read_layer(struct merging *m, struct blobs *b, const struct digest *d, struct err *e)
{
	struct archive_reader *r;
	struct archive_item item;
	char hex[DIGEST_HEX + 1];
	int got;
	digest_hex(d, hex);
	if (archive_open_blob(b, d, hex, &OPTS, &r, e) < 0)
		return -1;
	while ((got = archive_next(r, &item, e)) > 0) {
		if (take(m, &item, e) < 0) {
			got = -1;
			break;
		}
	}
	archive_close(r);
	return got < 0 ? err_wrap(e, "layer %.12s", hex) : 0;
}

static int
by_path(const void *a, const void *b)
{
	return str_cmp(((const struct docker_tree_entry *)a)->path, ((const struct docker_tree_entry *)b)->path);
}

int
docker_tree_read(struct blobs *b, const struct digest *layers, size_t n, struct arena *a, struct docker_tree *out, struct err *e)
{
	struct merging m = { .a = a };
	int bad = 0;
	for (size_t i = 0; i < n && bad == 0; i++) {
		m.layer = (uint32_t)i;
		bad = read_layer(&m, b, &layers[i], e);
	}
	if (bad == 0) {
		struct docker_tree t = { .v = arena_array(a, struct docker_tree_entry, m.v.n + 1), .nlayers = n };
		struct digest *d = arena_array(a, struct digest, n + 1);
		for (size_t i = 0; i < n; i++)
			d[i] = layers[i];
		t.layers = d;
		for (size_t i = 0; i < m.v.n; i++) {
			if (!m.v.v[i].gone)
				t.v[t.n++] = m.v.v[i];
		}
		if (t.n > 0)
			qsort(t.v, t.n, sizeof t.v[0], by_path);
		for (size_t i = 0; i < t.n; i++)
			(void)map_put(&t.by_path, t.v[i].path, (uint32_t)i);
		*out = t;
	}
	map_done(&m.by_path);
	VEC_DONE(&m.v);
	return bad;
}

void
docker_tree_done(struct docker_tree *t)
{
	map_done(&t->by_path);
}

const struct docker_tree_entry *
docker_tree_get(const struct docker_tree *t, struct str path)
{
	const uint32_t at = map_get(&t->by_path, path);
	return at == MAP_NONE ? NULL : &t->v[at];
}

/* done: clean and without links; one name is put behind it. */
static struct str
step_in(struct str done, struct str name, struct arena *a)
{
	if (str_is(name, ".."))
		return str_find_char(done, '/') == SIZE_MAX ? STR(".") : path_dir(done);
	return str_is(done, ".") ? name : path_join(a, done, name);
}

int
docker_tree_resolve(const struct docker_tree *t, struct str path, bool follow, struct arena *a, struct str *out, struct err *e)
{
	struct str done = STR("."), rest = path;
	for (int hops = 0; rest.n > 0;) {
		const struct str_cut c = str_cut(rest, '/');
		rest = c.tail;
		if (c.head.n == 0 || str_is(c.head, "."))
			continue;
		const struct str next = step_in(done, c.head, a);
		const struct docker_tree_entry *x = docker_tree_get(t, next);
		if (!x || x->type == ARCHIVE_FOLDER_ENTRY || (x->type == ARCHIVE_LINK_ENTRY && rest.n == 0 && !follow)) {
			done = next;
			continue;
		}
		if (x->type != ARCHIVE_LINK_ENTRY) {
			if (rest.n > 0)
				return err_set(e, ERR_INPUT, "'/" STR_FMT "' is no folder in the image", STR_ARG(next));
			done = next;
			continue;
		}
		if (++hops > HOPS_MAX)
			return err_set(e, ERR_INPUT, "too many links on the way to '" STR_FMT "' in the image", STR_ARG(path));
		if (str_starts(x->target, STR("/")))
			done = STR(".");
		rest = rest.n > 0 ? path_join(a, x->target, rest) : x->target;
	}
	*out = arena_str(a, done);
	return 0;
}

void
docker_tree_below(const struct docker_tree *t, struct str folder, size_t *first, size_t *n)
{
	size_t low = 0, high = t->n;
	if (str_is(folder, ".")) {
		*first = 0;
		*n = t->n;
		return;
	}
	while (low < high) {
		const size_t mid = (low + high) / 2;
		if (str_cmp(t->v[mid].path, folder) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	*first = low;
	while (low < t->n && str_starts(t->v[low].path, folder))
		low++;
	*n = low - *first;
}

int
docker_tree_walk(struct blobs *b, const struct docker_tree *t, uint32_t layer,
		 int (*call)(void *ctx, const struct archive_item *item, struct archive_reader *r, struct err *e), void *ctx, struct err *e)
{
	struct archive_reader *r;
	struct archive_item item;
	int got;
	if (archive_open_blob(b, &t->layers[layer], "a layer", &OPTS, &r, e) < 0)
		return -1;
	while ((got = archive_next(r, &item, e)) > 0) {
		if (item.type == ARCHIVE_FILE_ENTRY && call(ctx, &item, r, e) < 0) {
			got = -1;
			break;
		}
	}
	archive_close(r);
	return got < 0 ? -1 : 0;
}

struct wanted_file {
	struct str path;
	size_t limit;
	struct buf *out;
	bool found;
};

static int
take_file(void *ctx, const struct archive_item *item, struct archive_reader *r, struct err *e)
{
	struct wanted_file *w = ctx;
	if (!str_eq(item->path, w->path))
		return 0;
	buf_reset(w->out); /* twice in a layer: the later one counts */
	w->found = true;
	return archive_read_all(r, w->limit, w->out, e);
}

int
docker_tree_file(struct blobs *b, const struct docker_tree *t, struct str path, size_t limit, struct buf *out, struct err *e)
{
	struct arena a = { 0 };
	struct str at;
	int bad = docker_tree_resolve(t, path, true, &a, &at, e);
	const struct docker_tree_entry *x = bad == 0 ? docker_tree_get(t, at) : NULL;
	if (bad == 0 && (!x || x->type != ARCHIVE_FILE_ENTRY)) {
		bad = err_set(e, ERR_MISSING, "the image has no '/" STR_FMT "'", STR_ARG(path));
	} else if (bad == 0) {
		struct wanted_file w = { .path = x->content, .limit = limit, .out = out };
		bad = docker_tree_walk(b, t, x->layer, take_file, &w, e);
		if (bad == 0 && !w.found)
			bad = err_set(e, ERR_DAMAGED, "'/" STR_FMT "' is not where it was", STR_ARG(path));
	}
	arena_done(&a);
	return bad;
}
