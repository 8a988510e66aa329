/* SPDX-License-Identifier: Apache-2.0
 *
 *	look [collect] -> decide [decide] -> records go, durably [remove_results] -> blobs go [remove_blobs]
 */
#include "cache/gc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/vec.h"
#include "cache/claim.h"
#include "cache/lease.h"
#include "cache/stats.h"
#include "sys/clock.h"
#include "sys/file.h"

#define DAY (INT64_C(86400) * NS_PER_S)
#define COMMIT_MS 10000
#define STATS_AGES 3 /* times max_age that a file may go unasked for */

enum rank { RANK_UNREAD, RANK_OLD, RANK_YOUNG, RANK_ROOT }; /* the order of going; roots stay */

struct item {
	enum table table;
	enum rank rank;
	struct str key;
	struct gc_item is;
	double worth; /* seconds per byte */
	bool gone;
};

struct blob {
	struct digest digest;
	uint64_t size;
	bool young;    /* than the oldest held lease, or leased: stays in any case */
	uint32_t users; /* items and other roots that name it */
};

struct gc {
	struct cache *c;
	const struct gc_opts *o;
	struct arena arena;
	VEC(struct item) items;
	VEC(struct blob) blobs; /* by digest */
	struct map results;     /* key of a result -> place in items */
	enum table table;       /* being walked */
	int64_t now, oldest, max_age;
	uint64_t bytes;
};

/* ---- look ------------------------------------------------------------------------------------------------------ */

static bool
add_item(void *ctx, struct str key, struct str value)
{
	struct gc *g = ctx;
	struct item it = { .table = g->table, .rank = RANK_YOUNG, .key = arena_str(&g->arena, key) };
	if (!g->o->describe(g->o->ctx, g->c, g->table, it.key, value, &g->arena, &it.is))
		it = (struct item){ .table = it.table, .key = it.key, .rank = RANK_UNREAD };
	else if (g->table == TABLE_LAST)
		it.rank = RANK_ROOT;
	else if (it.is.used_at < g->now - g->max_age)
		it.rank = RANK_OLD;
	if (g->table == TABLE_RESULT)
		(void)map_put(&g->results, it.key, (uint32_t)g->items.n);
	VEC_PUSH(&g->items, it);
	return true;
}

static bool
add_blob(void *ctx, const struct digest *d, const struct file_stat *st)
{
	struct gc *g = ctx;
	VEC_PUSH(&g->blobs, ((struct blob){ .digest = *d, .size = st->size, .young = st->mtime >= g->oldest }));
	g->bytes += st->size;
	return true;
}

static struct blob *
blob_of(struct gc *g, const struct digest *d)
{
	size_t lo = 0, hi = g->blobs.n;
	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		const int c = digest_cmp(&g->blobs.v[mid].digest, d);
		if (c == 0)
			return &g->blobs.v[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static void
use(struct gc *g, const struct digest *d)
{
	struct blob *b = blob_of(g, d);
	if (b)
		b->users++;
}

/* What a last record names: blobs, and results by their keys. */
static void
root(struct gc *g, const struct item *it)
{
	for (size_t i = 0; i < it->is.nrefs; i++) {
		const struct digest *d = &it->is.refs[i];
		const uint32_t r = map_get(&g->results, (struct str){ (const char *)d->b, sizeof d->b });
		if (r != MAP_NONE && g->items.v[r].rank != RANK_UNREAD)
			g->items.v[r].rank = RANK_ROOT;
	}
}

static void
weigh(struct gc *g, struct item *it)
{
	uint64_t bytes = 1;
	for (size_t i = 0; i < it->is.nrefs; i++) {
		const struct blob *b = blob_of(g, &it->is.refs[i]);
		use(g, &it->is.refs[i]);
		bytes += b ? b->size : 0;
	}
	it->worth = it->is.seconds / (double)bytes;
}

static int
collect(struct gc *g, struct err *e)
{
	struct digest *leased;
	size_t nleased;
	if (lease_read(g->c, &g->arena, &leased, &nleased, &g->oldest, e) < 0 || blobs_each(g->c->blobs, add_blob, g, e) < 0)
		return -1;
	struct view *v;
	if (view_begin(g->c->records, &v, e) < 0)
		return -1;
	g->table = TABLE_RESULT;
	(void)view_each(v, TABLE_RESULT, (struct str){ 0 }, add_item, g); /* damaged ones name nothing; verify removes them */
	g->table = TABLE_LAST;
	(void)view_each(v, TABLE_LAST, (struct str){ 0 }, add_item, g);
	view_end(v);
	for (size_t i = 0; i < g->items.n; i++)
		if (g->items.v[i].table == TABLE_LAST)
			root(g, &g->items.v[i]);
	for (size_t i = 0; i < g->items.n; i++)
		weigh(g, &g->items.v[i]);
	for (size_t i = 0; i < g->o->nkeep; i++)
		use(g, &g->o->keep[i]);
	for (size_t i = 0; i < nleased; i++) {
		struct blob *b = blob_of(g, &leased[i]);
		if (b)
			b->young = true;
	}
	return 0;
}

/* ---- decide ---------------------------------------------------------------------------------------------------- */

static int
by_worth(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->worth < y->worth || x->worth > y->worth)
		return x->worth < y->worth ? -1 : 1;
	if (x->is.used_at != y->is.used_at)
		return x->is.used_at < y->is.used_at ? -1 : 1;
	return str_cmp(x->key, y->key);
}

static bool
goes(const struct blob *b)
{
	return b->users == 0 && !b->young;
}

/* Marks what goes; returns the bytes that stay. */
static uint64_t
decide(struct gc *g)
{
	uint64_t stay = g->bytes;
	const uint64_t limit = g->o->max_bytes;
	for (size_t i = 0; i < g->blobs.n; i++)
		stay -= goes(&g->blobs.v[i]) ? g->blobs.v[i].size : 0;
	if (g->items.n > 0)
		qsort(g->items.v, g->items.n, sizeof *g->items.v, by_worth);
	for (size_t i = 0; i < g->items.n; i++) {
		struct item *it = &g->items.v[i];
		it->gone = it->rank == RANK_UNREAD || (it->rank == RANK_OLD && (limit == 0 || stay > limit)) ||
			   (it->rank == RANK_YOUNG && limit > 0 && stay > limit);
		for (size_t k = 0; it->gone && k < it->is.nrefs; k++) {
			struct blob *b = blob_of(g, &it->is.refs[k]);
			if (!b)
				continue;
			b->users--;
			stay -= goes(b) ? b->size : 0;
		}
	}
	return stay;
}

static void
report(const struct gc *g, struct gc_report *out)
{
	struct gc_report r = { .blobs = g->blobs.n, .bytes = g->bytes };
	for (size_t i = 0; i < g->items.n; i++) {
		const bool result = g->items.v[i].table == TABLE_RESULT;
		r.results += result;
		r.results_removed += result && g->items.v[i].gone;
	}
	for (size_t i = 0; i < g->blobs.n; i++) {
		if (!goes(&g->blobs.v[i]))
			continue;
		r.blobs_removed++;
		r.bytes_removed += g->blobs.v[i].size;
	}
	*out = r;
}

/* ---- do -------------------------------------------------------------------------------------------------------- */

struct sweep {
	struct batch *b;
	int64_t before;
	size_t n;
};

static bool
add_stat(void *ctx, struct str key, struct str value)
{
	struct sweep *s = ctx;
	if (stats_asked_before(value, s->before)) {
		batch_del(s->b, TABLE_STAT, key);
		s->n++;
	}
	return true;
}

/* What else is old. */
static size_t
prune(struct gc *g, struct batch *b)
{
	struct sweep s = { .b = b, .before = g->now - STATS_AGES * g->max_age };
	struct view *v;
	if (view_begin(g->c->records, &v, NULL) == 0) {
		(void)view_each(v, TABLE_STAT, (struct str){ 0 }, add_stat, &s);
		view_end(v);
	}
	return s.n + (g->o->prune ? g->o->prune(g->o->ctx, g->c, g->now, g->max_age, b) : 0);
}

static int
remove_results(struct gc *g, struct gc_report *r, struct err *e)
{
	struct batch b = { 0 };
	r->records_removed = prune(g, &b);
	for (size_t i = 0; i < g->items.n; i++)
		if (g->items.v[i].gone)
			batch_del(&b, g->items.v[i].table, g->items.v[i].key);
	const int rc = g->o->dry_run ? 0 : records_commit(g->c->records, &b, true, COMMIT_MS, e);
	batch_done(&b);
	return rc;
}

static int
by_digest(const void *a, const void *b)
{
	return digest_cmp(a, b);
}

/* Out of sight first, then a second look at the leases: whoever leased a blob before he looked for it gets it back, and whoever
 * looked afterwards did not see it. */
static int
remove_blobs(struct gc *g, struct gc_report *r, struct err *e)
{
	VEC(struct digest) buried = { 0 };
	VEC(int64_t) used = { 0 };
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < g->blobs.n; i++) {
		int64_t at;
		struct err why = { 0 };
		if (!goes(&g->blobs.v[i]))
			continue;
		if (blobs_bury(g->c->blobs, &g->blobs.v[i].digest, &at, &why) == 0) {
			VEC_PUSH(&buried, g->blobs.v[i].digest);
			VEC_PUSH(&used, at);
		} else if (why.code != ERR_MISSING) {
			rc = err_set(e, why.code, "%s", why.text);
		}
	}
	struct digest *leased = NULL;
	size_t nleased = 0;
	int64_t oldest = 0;
	if (rc == 0)
		rc = lease_read(g->c, &g->arena, &leased, &nleased, &oldest, e);
	for (size_t i = 0; rc == 0 && i < buried.n; i++) {
		const struct digest *d = &buried.v[i];
		const bool held = nleased > 0 && bsearch(d, leased, nleased, sizeof *leased, by_digest);
		if (!held && used.v[i] < oldest && used.v[i] < g->now)
			continue;
		rc = blobs_unbury(g->c->blobs, d, e);
		r->blobs_removed--;
		r->bytes_removed -= blob_of(g, d)->size;
	}
	VEC_DONE(&buried);
	VEC_DONE(&used);
	return rc < 0 ? -1 : blobs_graves_empty(g->c->blobs, e);
}

static bool
layer_stays(void *ctx, const struct digest *d)
{
	const struct blob *b = blob_of(ctx, d);
	return b && !goes(b);
}

static int
sweep_unpacked(struct gc *g, struct gc_report *r, struct err *e)
{
	const struct unpacked_opts o = { .now = g->now, .max_age = g->max_age, .oldest = g->oldest, .dry_run = g->o->dry_run,
					 .needed = layer_stays, .ctx = g };
	return unpacked_sweep(g->c, &o, &r->unpacked, e);
}

static int
collect_and_remove(struct gc *g, struct gc_report *out, struct err *e)
{
	if (!g->o->dry_run && blobs_unbury_all(g->c->blobs, e) < 0)
		return -1;
	if (collect(g, e) < 0)
		return -1;
	(void)decide(g);
	struct gc_report r;
	report(g, &r);
	if (remove_results(g, &r, e) < 0 || (!g->o->dry_run && remove_blobs(g, &r, e) < 0))
		return -1;
	if (sweep_unpacked(g, &r, e) < 0)
		return -1;
	*out = r;
	return 0;
}

int
gc_run(struct cache *c, const struct gc_opts *o, struct gc_report *out, struct err *e)
{
	if (c->degraded && !o->dry_run)
		return err_set(e, ERR_FULL, "the cache in '" STR_FMT "' cannot be written, so nothing can be removed from it",
			       STR_ARG(c->folder));
	AUTO_FD claim = claim_try(c, STR("gc"), e);
	if (claim < 0)
		return err_wrap(e, "another process is making the cache in '" STR_FMT "' smaller", STR_ARG(c->folder));
	struct gc g = { .c = c, .o = o, .now = clock_real(), .max_age = o->max_age > 0 ? o->max_age : 30 * DAY };
	const int rc = collect_and_remove(&g, out, e);
	VEC_DONE(&g.items);
	VEC_DONE(&g.blobs);
	map_done(&g.results);
	arena_done(&g.arena);
	return rc;
}
