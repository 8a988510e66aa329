/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cache/gc.h"
#include "sys/pool.h"

struct checked {
	struct digest digest;
	enum err_code code;
};

struct verify {
	struct cache *c;
	VEC(struct checked) v;
	uint64_t bytes;
};

static bool
add(void *ctx, const struct digest *d, const struct file_stat *st)
{
	struct verify *w = ctx;
	VEC_PUSH(&w->v, (struct checked){ .digest = *d });
	w->bytes += st->size;
	return true;
}

static void
check(void *ctx, size_t i)
{
	struct verify *w = ctx;
	struct err e = { 0 };
	if (blobs_check(w->c->blobs, &w->v.v[i].digest, &e) < 0)
		w->v.v[i].code = e.code;
}

/* A blob that cannot be read at all (bad sector) is as good as damaged; one that is gone meanwhile was collected. */
static void
sum_up(struct verify *w, bool repair, struct arena *a, struct verify_report *r)
{
	r->blobs = w->v.n;
	r->bytes = w->bytes;
	r->damaged = arena_array(a, struct digest, w->v.n + 1);
	for (size_t i = 0; i < w->v.n; i++) {
		const struct checked *k = &w->v.v[i];
		if (k->code == ERR_NONE || k->code == ERR_MISSING)
			continue;
		r->damaged[r->ndamaged++] = k->digest;
		if (!repair || blobs_remove(w->c->blobs, &k->digest, NULL) < 0)
			r->left++;
	}
	r->blobs_damaged = r->ndamaged;
}

int
cache_verify(struct cache *c, bool repair, struct arena *a, struct verify_report *out, struct err *e)
{
	if (repair && c->degraded)
		return err_set(e, ERR_FULL, "the cache in '" STR_FMT "' cannot be written, so it cannot be repaired",
			       STR_ARG(c->folder));
	struct verify_report r = { 0 };
	if (records_verify(c->records, repair, &r.records, &r.records_damaged, e) < 0)
		return -1;
	r.left = repair ? 0 : r.records_damaged;
	struct verify w = { .c = c };
	if (blobs_each(c->blobs, add, &w, e) < 0)
		return -1;
	pool_each(w.v.n, 1, 0, check, &w);
	sum_up(&w, repair, a, &r);
	VEC_DONE(&w.v);
	*out = r;
	return 0;
}
