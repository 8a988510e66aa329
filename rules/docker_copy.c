/* SPDX-License-Identifier: Apache-2.0
 *
 * The layers of COPY, ADD and WORKDIR.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/docker_add.h"
#include "sys/file.h"

struct copying {
	struct docker_work *w;
	struct docker_operands o;
	struct docker_place p;
	const struct docker_selection *s;
	const struct docker_tree *tree; /* where it comes from; NULL: the project */
	struct layer *l;
	uint64_t *offset;               /* by item: where its bytes were spooled */
	struct map by_content;          /* path in a layer to the first item that wants it, while that layer is walked */
	uint32_t *next;                 /* by item: the next that wants the same */
	struct err *e;
};

/* ---- folders ---- */

static const struct docker_place_folder *
there(const struct docker_place *p, struct str path)
{
	size_t low = 0, high = p->n;
	while (low < high) {
		const size_t mid = (low + high) / 2;
		const int c = str_cmp(p->there[mid].path, path);
		if (c == 0)
			return &p->there[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static int
add_folder(struct copying *c, struct str path, uint32_t mode, uint32_t uid, uint32_t gid)
{
	return layer_add_raw(c->l, &(struct layer_raw){ .type = LAYER_FOLDER, .path = path, .mode = mode, .uid = uid, .gid = gid }, c->e);
}

/* Folders that are in the image keep what they are; those that are new on the way belong to whom --chown says. */
static int
add_way(struct copying *c, struct str path, bool itself)
{
	for (size_t i = 0; i <= path.n; i++) {
		if (i < path.n ? path.p[i] != '/' : !itself)
			continue;
		const struct str up = str_take(path, i);
		const struct docker_place_folder *f = there(&c->p, up);
		if (str_is(up, "."))
			continue;
		if (f ? add_folder(c, up, f->mode, f->uid, f->gid) < 0 : add_folder(c, up, 0755, c->p.uid, c->p.gid) < 0)
			return -1;
	}
	return 0;
}

/* ---- bytes from layers ---- */

static int
spool(void *ctx, const struct archive_item *item, struct archive_reader *r, struct err *e)
{
	struct copying *c = ctx;
	const uint32_t first = map_get(&c->by_content, item->path);
	static _Thread_local char room[1 << 16];
	size_t n;
	if (first == MAP_NONE)
		return 0;
	const uint64_t at = layer_spooled(c->l);
	do {
		if (archive_read(r, room, sizeof room, &n, e) < 0 || layer_spool(c->l, (struct str){ room, n }, e) < 0)
			return -1;
	} while (n > 0);
	if (layer_spooled(c->l) - at != item->size)
		return err_set(e, ERR_DAMAGED, "'" STR_FMT "' is shorter than it says", STR_ARG(item->path));
	for (uint32_t i = first; i != MAP_NONE; i = c->next[i])
		c->offset[i] = at;
	return 0;
}

static int
spool_layer(struct copying *c, uint32_t layer)
{
	int bad = 0;
	size_t n = 0;
	for (size_t i = 0; i < c->s->n; i++) {
		const struct docker_item *x = &c->s->v[i];
		if (x->type != DOCKER_ITEM_FILE || !x->entry || x->entry->layer != layer)
			continue;
		c->next[i] = map_put(&c->by_content, x->entry->content, (uint32_t)i);
		n++;
	}
	if (n > 0)
		bad = docker_tree_walk(c->w->project->cache->blobs, c->tree, layer, spool, c, c->e);
	map_done(&c->by_content);
	c->by_content = (struct map){ 0 };
	return bad;
}

/* Each archive once. */
static int
spool_archive(struct copying *c, size_t first)
{
	static const struct archive_opts opts = { .links = ARCHIVE_LINKS_ROOT, .skip_devices = true };
	const struct digest *d = &c->s->v[first].archive;
	struct archive_reader *r;
	struct archive_item item;
	int got;
	for (size_t i = first; i < c->s->n; i++) {
		const struct docker_item *x = &c->s->v[i];
		if (x->type == DOCKER_ITEM_FILE && digest_eq(&x->archive, d))
			c->next[i] = map_put(&c->by_content, x->from, (uint32_t)i);
	}
	if (archive_open_blob(c->w->project->cache->blobs, d, "an archive", &opts, &r, c->e) < 0)
		return -1;
	while ((got = archive_next(r, &item, c->e)) > 0) {
		if (item.type == ARCHIVE_FILE_ENTRY && spool(c, &item, r, c->e) < 0) {
			got = -1;
			break;
		}
	}
	archive_close(r);
	map_done(&c->by_content);
	c->by_content = (struct map){ 0 };
	return got;
}

static int
spool_archives(struct copying *c)
{
	for (size_t i = 0; i < c->s->n; i++) {
		bool before = digest_is_zero(&c->s->v[i].archive);
		for (size_t k = 0; k < i && !before; k++)
			before = digest_eq(&c->s->v[k].archive, &c->s->v[i].archive);
		if (!before && spool_archive(c, i) < 0)
			return -1;
		/* Items of one archive follow each other: past them at once. */
		while (!before && i + 1 < c->s->n && digest_eq(&c->s->v[i + 1].archive, &c->s->v[i].archive))
			i++;
	}
	return 0;
}

static int
spool_all(struct copying *c)
{
	c->offset = arena_array(&c->w->arena, uint64_t, c->s->n + 1);
	c->next = arena_array(&c->w->arena, uint32_t, c->s->n + 1);
	for (uint32_t k = 0; c->tree && k < c->tree->nlayers; k++) {
		if (spool_layer(c, k) < 0)
			return -1;
	}
	return spool_archives(c);
}

/* ---- items ---- */

static int
put_file(struct copying *c, const struct docker_item *x, size_t i, struct str path)
{
	struct project *p = c->w->project;
	const struct content content = { .digest = x->digest, .size = x->size };
	if (x->entry || !digest_is_zero(&x->archive))
		return layer_add_spooled(c->l, path, false, c->offset[i], x->size, c->e);
	if (x->blob)
		return layer_add_blob(c->l, path, false, &x->digest, x->size, c->e);
	if (x->from.n == 0)
		return layer_add_bytes(c->l, path, false, x->bytes, c->e);
	return layer_add_file(c->l, path, false, p->fd, arena_z(&c->w->arena, x->from), &content, c->e);
}

static int
add_item(struct copying *c, size_t i)
{
	const struct docker_item *x = &c->s->v[i];
	const struct str path = docker_item_path(&c->p, x, c->p.folder, &c->w->arena);
	const uint32_t uid = c->p.chown ? c->p.uid : x->uid, gid = c->p.chown ? c->p.gid : x->gid;
	const uint32_t mode = c->o.has_mode && x->type != DOCKER_ITEM_LINK ? c->o.mode : x->mode;
	if (add_way(c, path, false) < 0)
		return -1;
	switch (x->type) {
	case DOCKER_ITEM_FOLDER:
		return there(&c->p, path) ? add_way(c, path, true) : add_folder(c, path, mode, uid, gid);
	case DOCKER_ITEM_LINK:
		return layer_add_raw(c->l, &(struct layer_raw){ .type = LAYER_LINK, .path = path, .target = x->target, .uid = uid, .gid = gid }, c->e);
	case DOCKER_ITEM_FILE:
		break;
	}
	return put_file(c, x, i, path) < 0 ? -1 : layer_own(c->l, path, mode, uid, gid, c->e);
}

static int
write_layer(struct docker_work *w, struct layer *l, struct err *e)
{
	struct layer_info info;
	if (layer_entries(l) == 0) {
		docker_layer_result(w, NULL, &w->result);
		return 0;
	}
	if (layer_write(l, w->project->cache->blobs, LAYER_GZIP, &info, e) < 0)
		return -1;
	docker_layer_result(w, &info, &w->result);
	return 0;
}

static int
copy(struct copying *c)
{
	if (spool_all(c) < 0)
		return -1;
	if (c->p.folder && add_way(c, c->p.dest, true) < 0)
		return -1;
	/* Folders first: an item's own mode counts more than what it has as somebody's way. */
	for (size_t i = 0; i < c->s->n; i++) {
		if (c->s->v[i].type != DOCKER_ITEM_FOLDER && add_item(c, i) < 0)
			return -1;
	}
	for (size_t i = 0; i < c->s->n; i++) {
		if (c->s->v[i].type == DOCKER_ITEM_FOLDER && add_item(c, i) < 0)
			return -1;
	}
	return write_layer(c->w, c->l, c->e);
}

static void
folder_or_not(struct copying *c)
{
	if (!c->o.link)
		return;
	c->p.folder = c->o.dest_folder || c->s->many || c->s->n == 0;
	for (size_t i = 0; i < c->s->n && !c->p.folder; i++)
		c->p.folder = !c->s->v[i].leaf;
}

int
docker_copy_layer(struct docker_work *w, struct err *e)
{
	struct copying c = { .w = w, .e = e };
	struct docker_tree from = { 0 };
	struct docker_selection s = { 0 };
	const struct inputs *in = &w->task->inputs;
	const struct result *origin = docker_input(in, "origin"), *place = docker_input(in, "place");
	int bad = docker_operands_read(docker_input(in, "copy"), &w->arena, &c.o, e);
	if (bad == 0 && place)
		bad = docker_place_read(place, &w->arena, &c.p, e);
	else if (bad == 0)
		docker_place_plain(&c.o, &c.p);
	if (bad == 0 && origin) {
		bad = docker_select_origin(w->project, origin, &c.o, &w->arena, &from, &s, e);
		c.tree = &from;
	}
	c.s = origin ? &s : w->selected;
	struct docker_added added = { .fetched_before = c.p.fetched };
	if (bad == 0 && c.s && w->node->in->kind == DOCKER_ADD) {
		bad = docker_add_items(w, &c.o, c.s, &added, e);
		c.s = &added.files;
	}
	if (bad == 0 && !c.s)
		bad = err_set(e, ERR_BUG, "a copy of nothing");
	if (bad == 0) {
		c.l = layer_new();
		if (!place)
			folder_or_not(&c);
		bad = copy(&c);
		layer_free(c.l);
	}
	docker_added_done(&added, &w->arena);
	docker_tree_done(&from);
	return bad < 0 ? docker_blame(w->node->d, w->node->in->at, e) : 0;
}

int
docker_workdir_layer(struct docker_work *w, struct err *e)
{
	struct copying c = { .w = w, .e = e };
	if (docker_place_read(docker_input(&w->task->inputs, "place"), &w->arena, &c.p, e) < 0)
		return -1;
	c.l = layer_new();
	int bad = 0;
	if (!str_is(c.p.dest, ".") && !there(&c.p, c.p.dest))
		bad = add_way(&c, c.p.dest, true);
	if (bad == 0)
		bad = write_layer(w, c.l, e);
	layer_free(c.l);
	return bad < 0 ? docker_blame(w->node->d, w->node->in->at, e) : 0;
}
