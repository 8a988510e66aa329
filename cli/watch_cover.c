/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/watch_cover.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/file.h"

enum { CHANGED_MOST = 1000, TREE_MOST = 20000 };

static void
lacks(struct watch_cover *c, const struct err *e)
{
	if (!c->lacks)
		c->why = *e;
	c->lacks = true;
}

int
cover_init(struct watch_cover *c, struct str root, const char *cookies, struct err *e)
{
	*c = (struct watch_cover){ .root = root };
	return cover_again(c, cookies, e);
}

void
cover_done(struct watch_cover *c)
{
	notice_free(c->notice);
	c->notice = NULL;
	map_done(&c->leaves);
	map_done(&c->folders);
	map_done(&c->devices);
	VEC_DONE(&c->places);
	VEC_DONE(&c->by_watch);
	VEC_DONE(&c->changed);
	arena_done(&c->arena);
}

int
cover_again(struct watch_cover *c, const char *cookies, struct err *e)
{
	const uint64_t generation = c->generation + 1;
	cover_done(c);
	*c = (struct watch_cover){ .root = c->root, .generation = generation };
	c->notice = notice_new(e);
	if (!c->notice)
		return -1;
	c->cookies = notice_add(c->notice, cookies, NOTICE_ALL, e);
	return c->cookies < 0 ? -1 : 0;
}

static const char *
absolute(struct watch_cover *c, struct str path, struct arena *a)
{
	if (path.n && path.p[0] == '/')
		return arena_z(a, path);
	return str_is(path, ".") ? arena_z(a, c->root) : path_join(a, c->root, path).p;
}

/* In the project's terms where it lies there. */
static struct str
relative(struct watch_cover *c, struct str path)
{
	if (!path_inside(path, c->root))
		return arena_str(&c->arena, path);
	return path.n == c->root.n ? STR(".") : arena_str(&c->arena, str_drop(path, c->root.n + 1));
}

static void
place(struct watch_cover *c, int watch, struct str path, bool file)
{
	while (c->by_watch.n <= (size_t)watch)
		VEC_PUSH(&c->by_watch, 0);
	for (uint32_t i = c->by_watch.v[watch]; i; i = c->places.v[i - 1].next)
		if (str_eq(c->places.v[i - 1].path, path))
			return;
	const struct watch_place p = { .path = path, .next = c->by_watch.v[watch], .file = file };
	VEC_PUSH(&c->places, p);
	c->by_watch.v[watch] = (uint32_t)c->places.n;
}

/* True: it is watched. */
static bool
add(struct watch_cover *c, struct str path, enum notice_depth depth, bool file)
{
	struct arena a = { 0 };
	struct err e = { 0 };
	const int watch = notice_add(c->notice, absolute(c, path, &a), depth, &e);
	arena_done(&a);
	if (watch < 0 && e.code != ERR_MISSING)
		lacks(c, &e);
	if (watch >= 0)
		place(c, watch, path, file);
	return watch >= 0;
}

/* Folders above: that they stay where they are. */
static void
add_above(struct watch_cover *c, struct str folder)
{
	for (struct str at = folder;;) {
		const bool last = str_is(at, "/");
		at = str_is(at, ".") ? c->root : path_dir(at);
		if (last || map_add(&c->folders, arena_str(&c->arena, at), 2) != 2 || !add(c, arena_str(&c->arena, at), NOTICE_SELF, false))
			return;
		if (map_get(&c->folders, at) == 1)
			return;
	}
}

static void
add_folder(struct watch_cover *c, struct str folder)
{
	for (struct str at = folder;; at = path_dir(at)) {
		if (map_get(&c->folders, at) == 1)
			return;
		const struct str kept = arena_str(&c->arena, at);
		if (add(c, kept, NOTICE_ALL, false)) {
			map_put(&c->folders, kept, 1);
			add_above(c, kept);
			return;
		}
		if (c->lacks || str_is(at, "/") || str_is(at, "."))
			return;
		map_add(&c->leaves, kept, 1); /* if it comes to be, what was missing in it may */
	}
}

/* A file system whose changes the kernel does not see all. */
static void
check_device(struct watch_cover *c, const struct file_stat *st, const char *path)
{
	char name[24];
	struct err e;
	snprintf(name, sizeof name, "%llx", (unsigned long long)st->dev);
	if (map_get(&c->devices, str_z(name)) != MAP_NONE)
		return;
	map_put(&c->devices, arena_str(&c->arena, str_z(name)), 1);
	if (notice_covers(path))
		return;
	(void)err_set(&e, ERR_WORLD, "'%s' is on a file system whose changes the kernel does not tell of", path);
	lacks(c, &e);
}

/* What a link leads to, in the end. */
static void
add_target(struct watch_cover *c, const char *path)
{
	char *real = realpath(path, NULL);
	if (real) {
		const struct str at = relative(c, str_z(real));
		map_add(&c->leaves, at, 1);
		add_folder(c, path_dir(at));
	}
	free(real);
}

void
cover_leaf(struct watch_cover *c, struct str path, bool listing)
{
	struct arena a = { 0 };
	struct file_stat st;
	const struct str kept = arena_str(&c->arena, path);
	const char *z = absolute(c, path, &a);
	if (listing)
		map_put(&c->leaves, kept, 2);
	else
		map_add(&c->leaves, kept, 1);
	add_folder(c, str_is(kept, ".") ? kept : path_dir(kept));
	for (struct str up = path_dir(kept); !str_is(up, ".") && !str_is(up, "/") && map_get(&c->leaves, up) == MAP_NONE; up = path_dir(up))
		map_put(&c->leaves, arena_str(&c->arena, up), 1);
	if (file_stat(AT_FDCWD, z, false, &st, NULL) == 0) {
		check_device(c, &st, z);
		if (st.type == FILE_LINK)
			add_target(c, z);
		else if (st.type == FILE_REGULAR && st.nlink > 1)
			(void)add(c, kept, NOTICE_ALL, true);
		if (listing)
			add_folder(c, kept);
	}
	arena_done(&a);
}

static bool
hidden(struct str name)
{
	return (name.n && name.p[0] == '.') || str_is(name, "__pycache__") || str_is(name, "node_modules");
}

void
cover_tree(struct watch_cover *c)
{
	VEC(struct str) todo = { 0 };
	c->tree = true;
	VEC_PUSH(&todo, STR("."));
	for (size_t i = 0; i < todo.n && i < TREE_MOST; i++) {
		struct arena a = { 0 };
		struct file_entry *v;
		size_t n;
		add_folder(c, todo.v[i]);
		if (file_list(AT_FDCWD, absolute(c, todo.v[i], &a), &a, &v, &n, NULL) == 0)
			for (size_t k = 0; k < n; k++)
				if (v[k].type == FILE_FOLDER && !hidden(v[k].name))
					VEC_PUSH(&todo, str_is(todo.v[i], ".") ? arena_str(&c->arena, v[k].name) :
										 path_join(&c->arena, todo.v[i], v[k].name));
		arena_done(&a);
	}
	VEC_DONE(&todo);
}

static void
matters(struct watch_cover *c, struct str path)
{
	c->generation++;
	if (c->changed.n < CHANGED_MOST)
		VEC_PUSH(&c->changed, arena_str(&c->arena, path));
}

static void
heard_at(struct watch_cover *c, const struct watch_place *p, const struct notice_event *ev)
{
	struct arena a = { 0 };
	if (ev->gone) {
		c->gone = true;
		matters(c, p->path);
	} else if (!ev->name.n) {
		if (p->file)
			matters(c, p->path);
	} else {
		const struct str path = str_is(p->path, ".") ? ev->name : path_join(&a, p->path, ev->name);
		const uint32_t folder = map_get(&c->leaves, p->path);
		if (map_get(&c->leaves, path) != MAP_NONE || (folder == 2 && ev->names)) {
			matters(c, path);
			c->gone |= ev->folder && ev->names; /* the way to a leaf is another one now */
		} else if (c->tree && !hidden(ev->name)) {
			matters(c, path);
			if (ev->folder && ev->names)
				add_folder(c, arena_str(&c->arena, path));
		}
	}
	arena_done(&a);
}

static void
heard(void *ctx, const struct notice_event *ev)
{
	struct watch_cover *c = ctx;
	if (ev->watch == c->cookies) {
		if (ev->names && ev->name.n < sizeof c->heard[0])
			memcpy(c->heard[c->nheard++ % WATCH_COOKIES], ev->name.p, ev->name.n + 1);
		return;
	}
	if (ev->watch < 0 || (size_t)ev->watch >= c->by_watch.n)
		return;
	for (uint32_t i = c->by_watch.v[ev->watch]; i; i = c->places.v[i - 1].next) {
		const struct watch_place p = c->places.v[i - 1]; /* the list may grow meanwhile */
		heard_at(c, &p, ev);
	}
}

void
cover_read(struct watch_cover *c)
{
	if (notice_read(c->notice, heard, c))
		return;
	c->generation++;
	c->gone = true; /* who knows what was lost */
}

bool
cover_met(const struct watch_cover *c, struct str cookie)
{
	for (unsigned i = 0; i < WATCH_COOKIES; i++)
		if (str_is(cookie, c->heard[i]))
			return true;
	return false;
}
