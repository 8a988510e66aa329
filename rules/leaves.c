/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/leaves.h"

#include <stdlib.h>
#include <string.h>

#include "sys/clock.h"
#include "sys/file.h"

struct leaves *
leaves_new(void)
{
	struct leaves *l = mem_zalloc(sizeof *l);
	pthread_mutex_init(&l->mutex, NULL);
	l->root = AT_FDCWD;
	l->expiry = INT64_MAX;
	return l;
}

void
leaves_free(struct leaves *l)
{
	if (!l)
		return;
	VEC_DONE(&l->v);
	VEC_DONE(&l->vars);
	map_done(&l->index);
	map_done(&l->var_index);
	arena_done(&l->arena);
	pthread_mutex_destroy(&l->mutex);
	free(l);
}

void
leaves_root(struct leaves *l, int root)
{
	l->root = root;
}

/* With the mutex held. */
static void
put(struct leaves *l, struct leaf leaf)
{
	uint32_t i = map_get(&l->index, leaf.path);
	leaf.at = clock_real();
	if (i != MAP_NONE) {
		leaf.path = l->v.v[i].path;
		leaf.shared |= l->v.v[i].shared;
		l->v.v[i] = leaf;
		return;
	}
	leaf.path = arena_str(&l->arena, leaf.path);
	map_put(&l->index, leaf.path, (uint32_t)l->v.n);
	VEC_PUSH(&l->v, leaf);
}

void
leaves_path(struct leaves *l, struct str path, const struct stat_sig *st)
{
	struct leaf leaf = { .path = path, .kind = st ? LEAF_FILE : LEAF_MISSING, .shared = true };
	if (st)
		leaf.sig = *st;
	pthread_mutex_lock(&l->mutex);
	put(l, leaf);
	pthread_mutex_unlock(&l->mutex);
}

void
leaves_own(struct leaves *l, struct str path, const struct stat_sig *st)
{
	const struct leaf leaf = { .path = path, .kind = LEAF_FILE, .sig = *st };
	pthread_mutex_lock(&l->mutex);
	put(l, leaf);
	pthread_mutex_unlock(&l->mutex);
}

bool
leaves_names(int root, const char *path, struct fp *out)
{
	struct arena a = { 0 };
	struct file_entry *v;
	size_t n;
	bool ok = file_list(root, path, &a, &v, &n, NULL) == 0;
	if (ok) {
		struct fp_stream *s = fp_begin();
		for (size_t i = 0; i < n; i++) /* a name cannot hold a NUL: it ends each */
			fp_add(s, (struct str){ v[i].name.p, v[i].name.n + 1 });
		*out = fp_end(s);
	}
	arena_done(&a);
	return ok;
}

void
leaves_folder(struct leaves *l, struct str path)
{
	struct leaf leaf = { .path = path, .kind = LEAF_FOLDER, .shared = true };
	struct arena tmp = { 0 };
	const char *z = arena_z(&tmp, path.n ? path : STR("."));
	struct file_stat st;
	if (file_stat(l->root, z, true, &st, NULL) == 0 && leaves_names(l->root, z, &leaf.names))
		leaf.sig = stat_sig_of(&st);
	else
		leaf.kind = LEAF_MISSING;
	arena_done(&tmp);
	pthread_mutex_lock(&l->mutex);
	put(l, leaf);
	pthread_mutex_unlock(&l->mutex);
}

void
leaves_var(struct leaves *l, struct str name, const char *value)
{
	struct leaf_var var = { .set = value != NULL };
	if (value)
		var.value = fp_of(str_z(value));
	pthread_mutex_lock(&l->mutex);
	if (map_get(&l->var_index, name) == MAP_NONE) {
		var.name = arena_str(&l->arena, name);
		map_put(&l->var_index, var.name, (uint32_t)l->vars.n);
		VEC_PUSH(&l->vars, var);
	}
	pthread_mutex_unlock(&l->mutex);
}

void
leaves_expiry(struct leaves *l, int64_t at)
{
	pthread_mutex_lock(&l->mutex);
	if (at < l->expiry)
		l->expiry = at;
	pthread_mutex_unlock(&l->mutex);
}

void
leaves_never(struct leaves *l)
{
	pthread_mutex_lock(&l->mutex);
	l->never = true;
	pthread_mutex_unlock(&l->mutex);
}

size_t
leaves_count(struct leaves *l)
{
	pthread_mutex_lock(&l->mutex);
	size_t n = l->v.n;
	pthread_mutex_unlock(&l->mutex);
	return n;
}

void
leaves_each(struct leaves *l, void (*call)(void *ctx, struct str path, bool folder), void *ctx)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const struct leaf *x = &l->v.v[i];
		if (x->kind != LEAF_MISSING && x->path.n && x->path.p[0] != '/')
			call(ctx, x->path, x->kind == LEAF_FOLDER);
	}
}
