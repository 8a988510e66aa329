/* SPDX-License-Identifier: Apache-2.0
 *
 * run: carry a plan out. One event loop; ready nodes by critical path; pools; early cutoff; records in batches.
 *
 * The phases of a node are in engine/sched.h.
 * States at the end are the contract's: hit, restored, cutoff (something upstream ran and came out the same), made, failed, skipped, cancelled.
 *
 * Durability: finished results are collected and committed (cache_commit) when nothing is ready, at the latest 50 ms after the first of
 * them, and at the end. Each key is claimed (cache/claim.h) before it is made, and looked up again once claimed.
 */
#ifndef PAWL_ENGINE_RUN_H
#define PAWL_ENGINE_RUN_H

#include "engine/plan.h"
#include "sys/loop.h"

#define RUN_STATES(X)               \
	X(RUN_NONE, "")             \
	X(RUN_HIT, "hit")           \
	X(RUN_RESTORED, "restored") \
	X(RUN_CUTOFF, "cutoff")     \
	X(RUN_MADE, "made")         \
	X(RUN_FAILED, "failed")     \
	X(RUN_SKIPPED, "skipped")   \
	X(RUN_CANCELLED, "cancelled") \
	X(RUN_UNUSED, "unused")

enum run_state {
#define X(id, text) id,
	RUN_STATES(X)
#undef X
};
const char *run_state_name(enum run_state s);

struct run_node {
	enum run_state state;
	struct reason reason;        /* made, failed; skipped: what failed (REASON_UPSTREAM), or only a text about its condition */
	const struct result *result; /* when there is one */
	struct digest key_digest;
	double seconds;
	uint32_t attempts;
	int exit;
	struct err *error;           /* failed; skipped or cancelled: NULL */
	struct str note;             /* for the person: "an input changed while it ran ..."; empty: nothing */
	int64_t started_at, ended_at; /* clock_real; 0: never */
};

struct run {
	const struct graph *graph;
	struct run_node *node;
	enum { RUN_OK, RUN_HAS_FAILED, RUN_WAS_INTERRUPTED } status;
	int signal;                  /* that interrupted it */
	double seconds;
	struct err *unrecorded;      /* results could not be recorded (the first failure); NULL: all were */
	struct arena *arena;
};

/* What happens while it happens. Called in the loop's thread. Any may be NULL. */
struct run_watch {
	void *ctx;
	void (*node_start)(void *ctx, node_id n, const struct reason *why); /* is being made (not: restored) */
	void (*node_end)(void *ctx, node_id n, const struct run_node *r);   /* made kinds, and sources that failed; not for unused */
	/* about every 100 ms while something runs, for a live display */
	void (*tick)(void *ctx, uint32_t running, uint32_t done, uint32_t total);
};

struct run_pool {
	struct str name;
	int64_t amount;
};

struct run_opts {
	struct plan_opts plan;
	unsigned jobs;             /* -j; 0: pool_cpus() */
	const struct run_pool *pools;
	size_t npools;
	bool keep_going;           /* -k */
	int64_t timeout;           /* ns for the whole run; 0: none */
	struct run_watch watch;
	bool dry_records;          /* nothing is recorded (--verify); --no-cache records, it only looks nothing up (plan.no_cache) */
	struct loop *loop;         /* signals are handled by run: the first SIGINT or SIGTERM stops softly, ten seconds later or at a second one hard */
	/* Called before each commit, so that rules can add records of their own (facts, known blobs) to it; may be NULL. The stat table is
	 * saved by run itself. Commits happen on a pool thread: while run runs, nobody else commits. */
	void (*records)(void *ctx, struct batch *b);
	void *records_ctx;
	/* Everything has ended and *r is what run will give back, but for `unrecorded`: what the caller records about the whole run goes into b, and
	 * so into the last commit, whose blobs are on their way to the disk meanwhile. In the loop's thread, once; not when run fails. May be NULL. */
	void (*last)(void *ctx, struct run *r, struct batch *b);
	void *last_ctx;
};

/* -1 only for what ends the whole run (the world, our bugs); failed steps are in out. */
int run(const struct run_opts *o, const struct plan *plan, struct arena *a, struct run *out, struct err *e);

#endif
