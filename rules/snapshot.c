/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "rules/snapshot_block.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/pool.h"

enum { GRAIN = 512 }; /* leaves that a thread takes at a time */

/* The comparison of one block with the world. */
struct checking {
	const struct snapshot_block *b;
	const uint8_t *skip;  /* by leaf; NULL: none is skipped */
	int root;
	uint32_t most;        /* changed files that are no end yet */
	atomic_bool changed;  /* beyond what a part can deal with */
	atomic_uint nchanged;
	uint32_t few[SNAPSHOT_FEW_MOST];
};

static bool
same_file(const struct stored_leaf *x, const struct statx *st)
{
	return makedev(st->stx_dev_major, st->stx_dev_minor) == x->dev && st->stx_ino == x->ino && st->stx_size == x->size &&
	       st->stx_mtime.tv_sec * NS_PER_S + st->stx_mtime.tv_nsec == x->mtime &&
	       st->stx_ctime.tv_sec * NS_PER_S + st->stx_ctime.tv_nsec == x->ctime && st->stx_mode == x->mode;
}

static bool
same_content(const struct stored_leaf *x, int folder, const char *name)
{
	struct content c;
	AUTO_FD fd = file_open(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, NULL);
	return fd >= 0 && content_of_fd(fd, &c, NULL) == 0 && fp_eq(c.fp, (struct fp){ x->hi, x->lo });
}

/* *file: it is a file now. */
static bool
same_leaf(const struct checking *c, int folder, const struct stored_leaf *x, bool *file)
{
	const unsigned mask = STATX_TYPE | STATX_MODE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_CTIME;
	const char *name = snapshot_text(c->b, x->name);
	const uint32_t kind = x->kind & ~SNAPSHOT_SHARED;
	struct statx st;
	struct fp names;
	bool listing = kind == LEAF_FOLDER;
	bool there = folder >= 0 && statx(folder, name, (listing ? 0 : AT_SYMLINK_NOFOLLOW) | AT_STATX_DONT_SYNC, mask, &st) == 0;
	*file = there && S_ISREG(st.stx_mode);
	if (kind == LEAF_MISSING)
		return !there;
	if (!there)
		return false;
	if (same_file(x, &st))
		return kind != LEAF_YOUNG || same_content(x, folder, name);
	if (kind == LEAF_YOUNG)
		return false;
	/* What a link leads to may have been reported under the link's name: then that is what must be the same. */
	if (S_ISLNK(st.stx_mode) && statx(folder, name, AT_STATX_DONT_SYNC, mask, &st) == 0 && same_file(x, &st))
		return true;
	return listing && leaves_names(folder, name, &names) && names.hi == x->hi && names.lo == x->lo;
}

/* One more leaf is not what it was. Files that only their own node looked at are collected; anything else ends the comparison. */
static void
differs(struct checking *c, uint32_t i, const struct stored_leaf *x, bool file)
{
	const uint32_t at = file && (x->kind == LEAF_FILE || x->kind == LEAF_YOUNG) && c->most ?
				    atomic_fetch_add_explicit(&c->nchanged, 1, memory_order_relaxed) : UINT32_MAX;
	if (at < c->most)
		c->few[at] = i;
	else
		atomic_store_explicit(&c->changed, true, memory_order_relaxed);
}

static void
check_some(void *ctx, size_t chunk)
{
	struct checking *c = ctx;
	AUTO_FD folder = -1;
	uint32_t open_folder = UINT32_MAX;
	size_t end = (chunk + 1) * GRAIN < c->b->h.nleaves ? (chunk + 1) * GRAIN : c->b->h.nleaves;
	for (size_t i = chunk * GRAIN; i < end && !atomic_load_explicit(&c->changed, memory_order_relaxed); i++) {
		const struct stored_leaf x = snapshot_leaf(c->b, (uint32_t)i);
		bool file;
		if (c->skip && c->skip[i])
			continue;
		if (x.folder != open_folder) {
			file_closep(&folder);
			folder = openat(c->root, snapshot_folder(c->b, x.folder), O_PATH | O_DIRECTORY | O_CLOEXEC);
			open_folder = x.folder;
		}
		if (!same_leaf(c, folder, &x, &file))
			differs(c, (uint32_t)i, &x, file);
	}
}

static const char *
find_var(const char *const *environ_, const char *name)
{
	size_t n = strlen(name);
	for (; *environ_; environ_++)
		if (strncmp(*environ_, name, n) == 0 && (*environ_)[n] == '=')
			return *environ_ + n + 1;
	return NULL;
}

static bool
same_vars(const struct snapshot_block *b, const char *const *environ_)
{
	for (size_t i = 0; i < b->h.nvars; i++) {
		struct stored_var x;
		memcpy(&x, b->vars + i * sizeof x, sizeof x);
		const char *value = find_var(environ_, snapshot_text(b, x.name));
		if ((value != NULL) != (x.set != 0))
			return false;
		if (value && !fp_eq(fp_of(str_z(value)), (struct fp){ x.hi, x.lo }))
			return false;
	}
	return true;
}

/* False: something else than a few files differs. Those files are added to out. */
static bool
compare(struct checking *c, const char *const *environ_, struct arena *a, struct snapshot_seen *out)
{
	if (clock_real() >= c->b->h.expiry || (environ_ && !same_vars(c->b, environ_)))
		return false;
	c->most = out ? SNAPSHOT_FEW_MOST - (uint32_t)out->nchanged : 0;
	size_t chunks = (c->b->h.nleaves + GRAIN - 1) / GRAIN;
	pool_each(chunks, 1, chunks < 2 ? 1 : 0, check_some, c); /* a thread for a few files costs more than it brings */
	if (atomic_load(&c->changed))
		return false;
	const uint32_t n = atomic_load(&c->nchanged);
	for (uint32_t i = 0; i < n; i++) {
		const struct stored_leaf x = snapshot_leaf(c->b, c->few[i]);
		out->changed[out->nchanged++] =
			path_join(a, str_z(snapshot_folder(c->b, x.folder)), str_z(snapshot_text(c->b, x.name)));
	}
	return true;
}

static bool
open_record(struct view *v, const struct snapshot_key *k, char what, struct snapshot_block *b)
{
	AUTO_BUF key = { 0 };
	struct str bytes;
	snapshot_record(k, what, &key);
	return view_get(v, TABLE_SNAPSHOT, buf_str(&key), &bytes) && snapshot_open(bytes, b);
}

/* seen NULL: any difference is an end. */
static bool
look(struct view *v, const struct snapshot_key *k, int root, const char *const *environ_, struct arena *a, struct snapshot_seen *seen,
     struct str *answer)
{
	struct snapshot_block whole, later;
	struct checking first = { .b = &whole, .root = root }, second = { .b = &later, .root = root };
	if (!open_record(v, k, SNAPSHOT_WHOLE, &whole))
		return false;
	const bool two = open_record(v, k, SNAPSHOT_LATER, &later) && later.h.id == whole.h.id;
	uint8_t *skip = two ? mem_zalloc(whole.h.nleaves + 1) : NULL;
	for (uint32_t i = 0; two && i < later.h.nskips; i++) {
		uint32_t at;
		memcpy(&at, later.skips + i * sizeof at, sizeof at);
		if (at < whole.h.nleaves)
			skip[at] = 1;
	}
	first.skip = skip;
	if (two && later.h.nleaves > SNAPSHOT_LATER_MOST)
		seen = NULL;
	bool ok = compare(&first, environ_, a, seen) && (!two || compare(&second, environ_, a, seen));
	free(skip);
	*answer = two ? later.answer : whole.answer;
	if (seen)
		seen->id = whole.h.id;
	return ok;
}

bool
snapshot_check(struct view *v, const struct snapshot_key *k, int root, const char *const *environ_, struct str *answer)
{
	return look(v, k, root, environ_, NULL, NULL, answer);
}

enum snapshot_state
snapshot_look(struct view *v, const struct snapshot_key *k, int root, const char *const *environ_, struct arena *a,
	      struct snapshot_seen *out)
{
	*out = (struct snapshot_seen){ .checked_at = clock_real() };
	if (!look(v, k, root, environ_, a, out, &out->answer))
		return SNAPSHOT_OTHER;
	return out->nchanged ? SNAPSHOT_FEW : SNAPSHOT_SAME;
}

bool
snapshot_exclusive(struct view *v, const struct snapshot_key *k, const struct str *paths, size_t n)
{
	struct snapshot_block whole, later;
	if (!open_record(v, k, SNAPSHOT_WHOLE, &whole))
		return false;
	const bool two = open_record(v, k, SNAPSHOT_LATER, &later) && later.h.id == whole.h.id;
	for (size_t i = 0; i < n; i++) {
		const struct snapshot_block *b = &later;
		uint32_t at = two ? snapshot_find(b, paths[i]) : UINT32_MAX;
		if (at == UINT32_MAX) {
			b = &whole;
			at = snapshot_find(b, paths[i]);
		}
		const uint32_t kind = at == UINT32_MAX ? 0 : snapshot_leaf(b, at).kind;
		if (kind != LEAF_FILE && kind != LEAF_YOUNG)
			return false;
	}
	return true;
}

static void
each_in(const struct snapshot_block *b, bool leaves, void (*leaf)(void *ctx, struct str path, bool listing),
	void (*var)(void *ctx, const struct snapshot_var *x), void *ctx)
{
	struct arena a = { 0 };
	for (uint32_t i = 0; leaves && i < b->h.nleaves; i++) {
		const struct stored_leaf x = snapshot_leaf(b, i);
		leaf(ctx, path_join(&a, str_z(snapshot_folder(b, x.folder)), str_z(snapshot_text(b, x.name))),
		     (x.kind & ~SNAPSHOT_SHARED) == LEAF_FOLDER);
		if (i % 4096 == 0)
			arena_reset(&a);
	}
	for (uint32_t i = 0; i < b->h.nvars; i++) {
		struct stored_var x;
		memcpy(&x, b->vars + i * sizeof x, sizeof x);
		var(ctx, &(struct snapshot_var){ str_z(snapshot_text(b, x.name)), x.set != 0, { x.hi, x.lo } });
	}
	arena_done(&a);
}

bool
snapshot_each(struct view *v, const struct snapshot_key *k, uint64_t known, void (*leaf)(void *ctx, struct str path, bool listing),
	      void (*var)(void *ctx, const struct snapshot_var *x), void *ctx, struct snapshot_facts *out)
{
	struct snapshot_block whole, later;
	if (!open_record(v, k, SNAPSHOT_WHOLE, &whole))
		return false;
	each_in(&whole, whole.h.id != known, leaf, var, ctx);
	*out = (struct snapshot_facts){ .id = whole.h.id, .expiry = whole.h.expiry, .answer = whole.answer };
	if (open_record(v, k, SNAPSHOT_LATER, &later) && later.h.id == whole.h.id) {
		each_in(&later, true, leaf, var, ctx); /* the leaves that it replaces have the same paths */
		out->answer = later.answer;
		out->expiry = later.h.expiry < out->expiry ? later.h.expiry : out->expiry;
	}
	return true;
}

bool
snapshot_same_var(const struct snapshot_var *x, const char *const *environ_)
{
	struct arena a = { 0 };
	const char *value = find_var(environ_, arena_z(&a, x->name));
	arena_done(&a);
	return (value != NULL) == x->set && (!value || fp_eq(fp_of(str_z(value)), x->value));
}
