/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cache/stats.h"
#include "rules/leaves.h"
#include "sys/clock.h"
#include "sys/pool.h"

#define VERSION 1
#define GRAIN 512                           /* leaves that a thread takes at a time */
#define YOUNG (2 * NS_PER_S)                /* without an entry in the stat table: older than that is settled */
#define AGAIN_MAX (UINT64_C(64) << 20)      /* bytes of young files that are hashed once more */

struct head {
	uint32_t version, nfolders, nleaves, nvars, answer_n, texts_n;
	int64_t expiry;
};

struct stored_leaf {
	uint32_t folder, name; /* index; offset in the texts */
	uint32_t kind, mode;
	uint64_t dev, ino, size;
	int64_t mtime, ctime;
	uint64_t names_hi, names_lo;
};

struct stored_var {
	uint32_t name, set;
	uint64_t hi, lo;
};

static void
record_key(const struct snapshot_key *k, struct buf *out)
{
	const struct str parts[] = { k->root, k->arguments };
	struct fp fp = fp_of_list(parts, 2);
	buf_u64(out, fp.hi);
	buf_u64(out, fp.lo);
}

/* Is the signature good for the future? A young file is hashed once more; its content must be what it was. */
static bool
settle(struct leaves *l, struct leaf *leaf, struct stats *s, uint64_t *again)
{
	struct content was, now;
	struct file_stat st;
	bool settled;
	if (leaf->kind != LEAF_FILE)
		return true;
	if (!stats_peek(s, &leaf->sig, &was, &settled)) /* a link, a folder's own signature, a program */
		return leaf->sig.mtime < leaf->at - YOUNG && leaf->sig.ctime < leaf->at - YOUNG;
	if (settled)
		return true;
	*again += leaf->sig.size;
	if (*again > AGAIN_MAX)
		return false;
	int64_t youngest = leaf->sig.mtime > leaf->sig.ctime ? leaf->sig.mtime : leaf->sig.ctime;
	int64_t wait = youngest + 3 * clock_tick() - clock_real();
	if (wait > 0 && wait < NS_PER_S)
		clock_sleep(wait);
	struct arena tmp = { 0 };
	const char *path = arena_z(&tmp, leaf->path);
	bool same = stats_content(s, l->root, path, NULL, &now, NULL) == 0 && digest_eq(&was.digest, &now.digest) &&
		    file_stat(l->root, path, true, &st, NULL) == 0;
	arena_done(&tmp);
	if (!same)
		return false;
	const struct stat_sig sig = stat_sig_of(&st);
	return stat_sig_eq(&sig, &leaf->sig) && stats_peek(s, &sig, &now, &settled) && settled;
}

static int
by_path(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;
	struct str dx = path_dir(x->path), dy = path_dir(y->path);
	int c = str_cmp(dx, dy);
	return c ? c : str_cmp(x->path, y->path);
}

static uint32_t
add_text(struct buf *texts, struct str s)
{
	uint32_t at = (uint32_t)texts->n;
	buf_put(texts, s);
	buf_putc(texts, '\0');
	return at;
}

static void
raw(struct buf *out, const void *p, size_t n)
{
	buf_put(out, (struct str){ p, n });
}

static void
encode(struct leaves *l, struct str answer, struct buf *out)
{
	AUTO_BUF texts = { 0 }, folders = { 0 }, leaves = { 0 }, vars = { 0 };
	struct head h = { .version = VERSION, .nleaves = (uint32_t)l->v.n, .nvars = (uint32_t)l->vars.n,
			  .answer_n = (uint32_t)answer.n, .expiry = l->expiry };
	struct str folder = { 0 };
	for (size_t i = 0; i < l->v.n; i++) {
		const struct leaf *x = &l->v.v[i];
		struct str dir = path_dir(x->path);
		if (!h.nfolders || !str_eq(dir, folder)) {
			buf_u32(&folders, add_text(&texts, dir));
			folder = dir;
			h.nfolders++;
		}
		const struct stored_leaf s = { .folder = h.nfolders - 1, .name = add_text(&texts, path_base(x->path)),
					       .kind = (uint32_t)x->kind, .mode = x->sig.mode, .dev = x->sig.dev,
					       .ino = x->sig.ino, .size = x->sig.size, .mtime = x->sig.mtime,
					       .ctime = x->sig.ctime, .names_hi = x->names.hi, .names_lo = x->names.lo };
		raw(&leaves, &s, sizeof s);
	}
	for (size_t i = 0; i < l->vars.n; i++) {
		const struct leaf_var *x = &l->vars.v[i];
		const struct stored_var s = { .name = add_text(&texts, x->name), .set = x->set, .hi = x->value.hi,
					      .lo = x->value.lo };
		raw(&vars, &s, sizeof s);
	}
	h.texts_n = (uint32_t)texts.n;
	raw(out, &h, sizeof h);
	buf_put(out, buf_str(&folders));
	buf_put(out, buf_str(&leaves));
	buf_put(out, buf_str(&vars));
	buf_put(out, answer);
	buf_put(out, buf_str(&texts));
}

void
snapshot_put(struct batch *b, const struct snapshot_key *k, struct leaves *l, struct stats *s, struct str answer)
{
	AUTO_BUF key = { 0 }, value = { 0 };
	uint64_t again = 0;
	bool ok = !l->never;
	for (size_t i = 0; i < l->v.n && ok; i++)
		ok = settle(l, &l->v.v[i], s, &again);
	record_key(k, &key);
	if (!ok) {
		batch_del(b, TABLE_SNAPSHOT, buf_str(&key));
		return;
	}
	if (l->v.n)
		qsort(l->v.v, l->v.n, sizeof *l->v.v, by_path);
	map_done(&l->index); /* the order has changed; nobody reports after this */
	encode(l, answer, &value);
	batch_put(b, TABLE_SNAPSHOT, buf_str(&key), buf_str(&value));
}

/* A block that was taken apart; everything points into it. */
struct block {
	struct head h;
	const char *folders, *leaves, *vars, *texts;
	struct str answer;
	int root;
	atomic_bool changed;
};

static const char *
take(struct str *rest, uint64_t n)
{
	const char *p = rest->p;
	if (n > rest->n)
		return NULL;
	*rest = str_drop(*rest, (size_t)n);
	return p;
}

/* A text of the block; the texts end with a NUL, so an offset inside is safe. */
static const char *
text(const struct block *b, uint32_t at)
{
	return at < b->h.texts_n ? b->texts + at : "";
}

static bool
take_apart(struct str bytes, struct block *b)
{
	const char *head = take(&bytes, sizeof b->h);
	if (!head)
		return false;
	memcpy(&b->h, head, sizeof b->h);
	if (b->h.version != VERSION)
		return false;
	b->folders = take(&bytes, (uint64_t)b->h.nfolders * 4);
	b->leaves = b->folders ? take(&bytes, (uint64_t)b->h.nleaves * sizeof(struct stored_leaf)) : NULL;
	b->vars = b->leaves ? take(&bytes, (uint64_t)b->h.nvars * sizeof(struct stored_var)) : NULL;
	const char *answer = b->vars ? take(&bytes, b->h.answer_n) : NULL;
	if (!answer || bytes.n != b->h.texts_n || (bytes.n && bytes.p[bytes.n - 1]))
		return false;
	b->answer = (struct str){ answer, b->h.answer_n };
	b->texts = bytes.p;
	return true;
}

static bool
same_file(const struct stored_leaf *x, const struct statx *st)
{
	return makedev(st->stx_dev_major, st->stx_dev_minor) == x->dev && st->stx_ino == x->ino && st->stx_size == x->size &&
	       st->stx_mtime.tv_sec * NS_PER_S + st->stx_mtime.tv_nsec == x->mtime &&
	       st->stx_ctime.tv_sec * NS_PER_S + st->stx_ctime.tv_nsec == x->ctime && st->stx_mode == x->mode;
}

static bool
same_leaf(const struct block *b, int folder, const struct stored_leaf *x)
{
	const unsigned mask = STATX_TYPE | STATX_MODE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_CTIME;
	const char *name = text(b, x->name);
	struct statx st;
	struct fp names;
	bool listing = x->kind == LEAF_FOLDER;
	bool there = folder >= 0 && statx(folder, name, (listing ? 0 : AT_SYMLINK_NOFOLLOW) | AT_STATX_DONT_SYNC, mask, &st) == 0;
	if (x->kind == LEAF_MISSING)
		return !there;
	if (!there)
		return false;
	if (same_file(x, &st))
		return true;
	/* What a link leads to may have been reported under the link's name: then that is what must be the same. */
	if (S_ISLNK(st.stx_mode) && statx(folder, name, AT_STATX_DONT_SYNC, mask, &st) == 0 && same_file(x, &st))
		return true;
	return listing && leaves_names(folder, name, &names) && names.hi == x->names_hi && names.lo == x->names_lo;
}

static void
check_some(void *ctx, size_t chunk)
{
	struct block *b = ctx;
	AUTO_FD folder = -1;
	uint32_t open_folder = UINT32_MAX;
	size_t end = (chunk + 1) * GRAIN < b->h.nleaves ? (chunk + 1) * GRAIN : b->h.nleaves;
	for (size_t i = chunk * GRAIN; i < end && !atomic_load_explicit(&b->changed, memory_order_relaxed); i++) {
		struct stored_leaf x;
		memcpy(&x, b->leaves + i * sizeof x, sizeof x);
		if (x.folder != open_folder) {
			uint32_t at = UINT32_MAX;
			file_closep(&folder);
			if (x.folder < b->h.nfolders)
				memcpy(&at, b->folders + (size_t)x.folder * 4, 4);
			folder = openat(b->root, text(b, at), O_PATH | O_DIRECTORY | O_CLOEXEC);
			open_folder = x.folder;
		}
		if (!same_leaf(b, folder, &x))
			atomic_store_explicit(&b->changed, true, memory_order_relaxed);
	}
}

static const char *
find_var(const char *const *environ_, const char *name)
{
	size_t n = strlen(name);
	for (; environ_ && *environ_; environ_++)
		if (strncmp(*environ_, name, n) == 0 && (*environ_)[n] == '=')
			return *environ_ + n + 1;
	return NULL;
}

static bool
same_vars(const struct block *b, const char *const *environ_)
{
	for (size_t i = 0; i < b->h.nvars; i++) {
		struct stored_var x;
		memcpy(&x, b->vars + i * sizeof x, sizeof x);
		const char *value = find_var(environ_, text(b, x.name));
		if ((value != NULL) != (x.set != 0))
			return false;
		if (value && !fp_eq(fp_of(str_z(value)), (struct fp){ x.hi, x.lo }))
			return false;
	}
	return true;
}

bool
snapshot_check(struct view *v, const struct snapshot_key *k, int root, const char *const *environ_, struct str *answer)
{
	AUTO_BUF key = { 0 };
	struct str bytes;
	struct block b = { .root = root };
	record_key(k, &key);
	if (!view_get(v, TABLE_SNAPSHOT, buf_str(&key), &bytes) || !take_apart(bytes, &b) || clock_real() >= b.h.expiry ||
	    !same_vars(&b, environ_))
		return false;
	size_t chunks = (b.h.nleaves + GRAIN - 1) / GRAIN;
	pool_each(chunks, 1, chunks < 2 ? 1 : 0, check_some, &b); /* a thread for a few files costs more than it brings */
	if (atomic_load(&b.changed))
		return false;
	*answer = b.answer;
	return true;
}
