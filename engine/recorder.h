/* SPDX-License-Identifier: Apache-2.0
 *
 * recorder: what a run learnt, on its way into the records. Private to engine/.
 *
 * Records are collected and committed on a pool thread, one commit at a time, at the latest 50 ms after the first of them; meanwhile the loop
 * goes on. A claim is given up only after the commit that holds its result, so that whoever waits for it finds the result.
 * A commit that fails is kept as `error`; the run goes on without being recorded.
 */
#ifndef PAWL_ENGINE_RECORDER_H
#define PAWL_ENGINE_RECORDER_H

#include "base/vec.h"
#include "cache/claim.h"
#include "engine/run.h"

struct claims {
	VEC_FIELDS(claim_id);
};

struct recorder {
	const struct run_opts *o;
	struct cache *cache;                  /* NULL: everything is dropped */
	struct batch batch, flying;           /* being filled; being committed */
	struct claim_set set;
	struct claims claims, flying_claims;
	bool dirty, busy, hurry;              /* something to commit; a commit is under way; do not wait for more */
	loop_id timer;
	struct err error, flying_error;       /* error: of the first commit that failed */
	void (*after)(void *ctx);             /* after each commit, in the loop's thread */
	void *ctx;
};

void recorder_init(struct recorder *r, const struct run_opts *o, void (*after)(void *ctx), void *ctx);
void recorder_done(struct recorder *r);             /* when nothing is under way */
void recorder_touch(struct recorder *r);            /* there is something new: in batch, or a blob */
void recorder_claim(struct recorder *r, claim_id claim); /* give it up after the next commit; 0 is fine. Before recorder_touch */
bool recorder_behind(const struct recorder *r);     /* so much is unrecorded that nothing new should start */
void recorder_blobs(struct recorder *r);            /* at the end: what is not durable yet begins to be, before its records are complete */
void recorder_last(struct recorder *r);             /* at the end: what the stat table and the rules learnt, if they did */
void recorder_flush(struct recorder *r);            /* commit now; `after` follows unless it is clean already */
bool recorder_clean(const struct recorder *r);

#endif
