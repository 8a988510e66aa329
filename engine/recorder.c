/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/recorder.h"

#include <assert.h>

#include "cache/stats.h"
#include "sys/clock.h"

#define DELAY (50 * NS_PER_MS)
enum { BATCH_SOON = 200, CLAIMS_MOST = 1000 }; /* results that are worth a commit at once; descriptors that may wait for one */

void
recorder_init(struct recorder *r, const struct run_opts *o, void (*after)(void *ctx), void *ctx)
{
	*r = (struct recorder){ .o = o, .cache = o->plan.cache, .after = after, .ctx = ctx };
	claim_set_init(&r->set, r->cache);
}

static void
release(struct recorder *r, struct claims *c)
{
	for (size_t i = 0; i < c->n; i++)
		claim_give(&r->set, c->v[i]);
	c->n = 0;
}

void
recorder_done(struct recorder *r)
{
	assert(!r->busy);
	loop_remove(r->o->loop, r->timer);
	batch_done(&r->batch);
	batch_done(&r->flying);
	claim_set_done(&r->set);
	VEC_DONE(&r->claims);
	VEC_DONE(&r->flying_claims);
}

static void begin(struct recorder *r);

static void
due(void *ctx)
{
	struct recorder *r = ctx;
	r->timer = 0;
	if (r->dirty && !r->busy)
		begin(r);
}

static void
commit(void *ctx)
{
	struct recorder *r = ctx;
	(void)cache_commit(r->cache, &r->flying, &r->flying_error); /* looked at in committed */
}

static void
committed(void *ctx)
{
	struct recorder *r = ctx;
	if (r->flying_error.code != ERR_NONE && r->error.code == ERR_NONE)
		r->error = r->flying_error;
	batch_done(&r->flying);
	release(r, &r->flying_claims);
	r->busy = false;
	if (r->dirty)
		recorder_touch(r);
	r->after(r->ctx);
}

static void
add_more(struct recorder *r)
{
	if (r->o->records)
		r->o->records(r->o->records_ctx, &r->batch);
	if (r->cache->stats)
		stats_save(r->cache->stats, &r->batch);
}

static void
flush_blobs(void *ctx)
{
	struct recorder *r = ctx;
	struct err e = { 0 };
	(void)blobs_flush(r->cache->blobs, &e); /* what fails here fails again before the commit, which says so */
}

void
recorder_blobs(struct recorder *r)
{
	if (!r->cache || r->busy || !r->dirty || r->cache->degraded)
		return;
	loop_remove(r->o->loop, r->timer);
	r->timer = 0;
	r->flying_error = (struct err){ 0 };
	r->busy = true;
	loop_work(r->o->loop, flush_blobs, committed, r);
}

void
recorder_last(struct recorder *r)
{
	if (!r->cache)
		return;
	add_more(r);
	r->dirty |= r->batch.n > 0;
}

static void
begin(struct recorder *r)
{
	assert(!r->busy && r->dirty);
	loop_remove(r->o->loop, r->timer);
	r->timer = 0;
	r->dirty = r->hurry = false;
	add_more(r);
	const struct batch batch = r->flying;
	const struct claims claims = r->flying_claims;
	r->flying = r->batch;
	r->flying_claims = r->claims;
	r->batch = batch;
	r->claims = claims;
	r->flying_error = (struct err){ 0 };
	r->busy = true;
	loop_work(r->o->loop, commit, committed, r);
}

void
recorder_touch(struct recorder *r)
{
	if (!r->cache) {
		batch_done(&r->batch);
		release(r, &r->claims);
		return;
	}
	r->dirty = true;
	if (r->busy)
		return; /* committed comes back here */
	if (r->hurry || r->claims.n >= BATCH_SOON)
		begin(r);
	else if (!r->timer)
		r->timer = loop_timer(r->o->loop, clock_mono() + DELAY, due, r);
}

void
recorder_claim(struct recorder *r, claim_id claim)
{
	if (claim)
		VEC_PUSH(&r->claims, claim);
}

bool
recorder_behind(const struct recorder *r)
{
	return r->claims.n + r->flying_claims.n >= CLAIMS_MOST;
}

void
recorder_flush(struct recorder *r)
{
	r->hurry = true;
	if (r->dirty && !r->busy)
		begin(r);
}

bool
recorder_clean(const struct recorder *r)
{
	return !r->dirty && !r->busy;
}
