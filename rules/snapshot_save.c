/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cache/stats.h"
#include "rules/snapshot_block.h"
#include "sys/clock.h"
#include "sys/file.h"

#define YOUNG (2 * NS_PER_S)           /* without an entry in the stat table: older than that is settled */
#define AGAIN_MAX (UINT64_C(64) << 20) /* bytes of young files that are hashed once more */
#define SMALL_MAX (UINT64_C(1) << 20)  /* bytes of young files that each check may hash */

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

static uint64_t
new_id(void)
{
	uint64_t id = 0;
	if (getrandom(&id, sizeof id, GRND_NONBLOCK) != sizeof id)
		id = (uint64_t)clock_real();
	return id | 1;
}

static void
forget(struct batch *b, const struct snapshot_key *k, char what)
{
	AUTO_BUF key = { 0 };
	snapshot_record(k, what, &key);
	batch_del(b, TABLE_SNAPSHOT, buf_str(&key));
}

uint64_t
snapshot_put(struct batch *b, const struct snapshot_key *k, struct leaves *l, struct stats *s, struct str answer)
{
	AUTO_BUF key = { 0 }, value = { 0 };
	uint64_t again = 0;
	const uint64_t id = new_id();
	bool ok = !l->never;
	for (size_t i = 0; i < l->v.n && ok; i++)
		ok = settle(l, &l->v.v[i], s, &again);
	forget(b, k, SNAPSHOT_LATER);
	forget(b, k, SNAPSHOT_PARTS);
	if (!ok) {
		forget(b, k, SNAPSHOT_WHOLE);
		return 0;
	}
	map_done(&l->index); /* the order changes; nobody reports after this */
	snapshot_encode(l->v.v, l->v.n, l->vars.v, l->vars.n, NULL, 0, l->expiry, id, answer, &value);
	snapshot_record(k, SNAPSHOT_WHOLE, &key);
	batch_put(b, TABLE_SNAPSHOT, buf_str(&key), buf_str(&value));
	return id;
}

/* What goes into a later block. */
struct later {
	const struct snapshot_block *whole;
	struct arena arena;
	VEC(struct leaf) v;
	VEC(struct leaf_var) vars;
	VEC(uint32_t) skips;
	struct map index;
};

static void
later_done(struct later *n)
{
	VEC_DONE(&n->v);
	VEC_DONE(&n->vars);
	VEC_DONE(&n->skips);
	map_done(&n->index);
	arena_done(&n->arena);
}

static void
later_add(struct later *n, const struct leaf *x, uint32_t in_whole)
{
	struct leaf leaf = *x;
	if (map_add(&n->index, x->path, (uint32_t)n->v.n) != n->v.n)
		return;
	if (in_whole != UINT32_MAX) {
		leaf.shared |= (snapshot_leaf(n->whole, in_whole).kind & SNAPSHOT_SHARED) != 0;
		VEC_PUSH(&n->skips, in_whole);
	}
	VEC_PUSH(&n->v, leaf);
}

/* A young file counts with its content until its times are old enough, so that nobody waits for that. */
static bool
grow_up(struct leaves *l, struct leaf *leaf, struct stats *s, uint64_t *small, uint64_t *again)
{
	struct content was;
	bool settled;
	if (leaf->kind != LEAF_FILE || !stats_peek(s, &leaf->sig, &was, &settled) || settled)
		return settle(l, leaf, s, again);
	*small += leaf->sig.size;
	if (*small > SMALL_MAX)
		return settle(l, leaf, s, again);
	leaf->kind = LEAF_YOUNG;
	leaf->names = was.fp;
	return true;
}

/* The leaves of the run: those that it was to decide about, and what nobody had looked at before. Everything else stays as the whole block has it:
 * others than the steps of the part may depend on it. */
static bool
add_new(struct later *n, const struct snapshot_part *part, struct leaves *l, struct stats *s)
{
	struct map own = { 0 };
	uint64_t again = 0, small = 0;
	bool ok = true;
	for (size_t i = 0; i < part->nown; i++)
		(void)map_add(&own, part->own[i], (uint32_t)i);
	for (size_t i = 0; i < l->v.n && ok; i++) {
		struct leaf *x = &l->v.v[i];
		const uint32_t at = snapshot_find(n->whole, x->path);
		if (at != UINT32_MAX && map_get(&own, x->path) == MAP_NONE)
			continue;
		ok = grow_up(l, x, s, &small, &again);
		if (ok)
			later_add(n, x, at);
	}
	map_done(&own);
	for (size_t i = 0; i < l->vars.n; i++)
		VEC_PUSH(&n->vars, l->vars.v[i]);
	return ok;
}

/* What an earlier later block says and this run did not decide about. */
static void
add_old(struct later *n, const struct snapshot_block *old, int64_t checked_at)
{
	for (uint32_t i = 0; i < old->h.nleaves; i++) {
		const struct stored_leaf x = snapshot_leaf(old, i);
		const struct str folder = str_z(snapshot_folder(old, x.folder));
		struct leaf leaf = { .path = path_join(&n->arena, folder, str_z(snapshot_text(old, x.name))),
				     .kind = (enum leaf_kind)(x.kind & ~SNAPSHOT_SHARED), .shared = (x.kind & SNAPSHOT_SHARED) != 0,
				     .sig = { x.dev, x.ino, x.size, x.mtime, x.ctime, x.mode }, .names = { x.hi, x.lo } };
		if (leaf.kind == LEAF_YOUNG && content_settled(&leaf.sig, checked_at))
			leaf.kind = LEAF_FILE; /* the check of this invocation read it at a time when the signature proved something */
		later_add(n, &leaf, snapshot_find(n->whole, leaf.path));
	}
	for (uint32_t i = 0; i < old->h.nvars; i++) {
		struct stored_var x;
		memcpy(&x, old->vars + i * sizeof x, sizeof x);
		const struct leaf_var var = { .name = str_z(snapshot_text(old, x.name)), .set = x.set != 0, .value = { x.hi, x.lo } };
		size_t j = 0;
		while (j < n->vars.n && !str_eq(n->vars.v[j].name, var.name))
			j++;
		if (j == n->vars.n)
			VEC_PUSH(&n->vars, var);
	}
}

void
snapshot_put_part(struct view *v, struct batch *b, const struct snapshot_key *k, const struct snapshot_part *part, struct leaves *l,
		  struct stats *s, struct str answer)
{
	AUTO_BUF whole_key = { 0 }, later_key = { 0 }, value = { 0 };
	struct str bytes;
	struct snapshot_block whole, old;
	struct later n = { .whole = &whole };
	snapshot_record(k, SNAPSHOT_WHOLE, &whole_key);
	snapshot_record(k, SNAPSHOT_LATER, &later_key);
	if (!view_get(v, TABLE_SNAPSHOT, buf_str(&whole_key), &bytes) || !snapshot_open(bytes, &whole) || whole.h.id != part->id)
		return; /* somebody else had a last word since */
	if (l->never || !add_new(&n, part, l, s)) {
		forget(b, k, SNAPSHOT_WHOLE);
	} else {
		int64_t expiry = l->expiry;
		if (view_get(v, TABLE_SNAPSHOT, buf_str(&later_key), &bytes) && snapshot_open(bytes, &old) && old.h.id == part->id) {
			expiry = old.h.expiry < expiry ? old.h.expiry : expiry;
			add_old(&n, &old, part->checked_at);
		}
		snapshot_encode(n.v.v, n.v.n, n.vars.v, n.vars.n, n.skips.v, n.skips.n, expiry, part->id, answer, &value);
		batch_put(b, TABLE_SNAPSHOT, buf_str(&later_key), buf_str(&value));
	}
	later_done(&n);
}
