/* SPDX-License-Identifier: Apache-2.0
 *
 * sched: the state of one run. Private to engine/: sched.c decides what each node needs, make.c starts and ends it, keep.c
 * records it, run.c begins, interrupts and ends the whole.
 *
 *	OUT -> WAITING [sched_activate]    WAITING -> QUEUED [all inputs done]     QUEUED -> decided [decide]:
 *	    known and in place, skipped, failed -> DONE     to make -> NEEDS [sched_make]     to put back -> READY
 *	NEEDS -> READY [all it needs is there]     READY -> BUSY [somebody else has the claim] -> READY [again]
 *	READY -> RUNNING [start] -> DONE [task.done]     RUNNING -> NEEDS [what was to be put back is damaged]
 * Whoever ends a node calls sched_end; nothing here calls itself for the next node: sched_pump takes them from `todo`.
 */
#ifndef PAWL_ENGINE_SCHED_H
#define PAWL_ENGINE_SCHED_H

#include "base/vec.h"
#include "engine/facts.h"
#include "engine/pools.h"
#include "engine/queue.h"
#include "engine/recorder.h"
#include "engine/run.h"

enum phase { PHASE_OUT, PHASE_WAITING, PHASE_QUEUED, PHASE_NEEDS, PHASE_READY, PHASE_BUSY, PHASE_RUNNING, PHASE_DONE };

struct slot {
	uint32_t wait;      /* INPUT and ORDER edges whose node is not done; in NEEDS: the same of NEED edges */
	uint32_t turn;      /* of keep.c: visited in this walk */
	uint8_t phase;
	bool restore;       /* READY, RUNNING: to be put back, not made */
	bool above_made;    /* a node above it, over INPUT edges, was made in this run */
	bool moved;         /* what it has in the world is new: whoever looks there looks again */
	bool blocked;       /* skipped because something that it needs failed */
	bool noted;         /* a source: its last record is written */
	int64_t damaged_at; /* made_at of a record whose blobs are damaged; 0: none */
	double weight;      /* seconds from its start to the end of the longest way that it begins */
};

struct job {
	struct task task; /* first: task.done finds the job */
	struct sched *s;
	size_t index;     /* in running */
	claim_id claim;
	int64_t began;    /* clock_mono */
	bool restore, stopped, killed;
	bool placed;      /* its place in the lane and its resources are not given back yet */
};

enum lane { LANE_JOBS, LANE_OTHERS, LANES };

struct sched {
	const struct run_opts *o;
	const struct graph *g;
	struct run *out;
	struct arena *arena;
	struct arena scratch;
	struct facts f;
	const struct plan_node **own; /* by node: what this run knows better than the plan */
	struct slot *slot;
	uint32_t *place;
	const struct result **of;
	VEC(node_id) todo;            /* to decide, from todo_at on */
	size_t todo_at;
	VEC(node_id) stack;
	struct queue ready[LANES];
	uint32_t limit[LANES], active[LANES];
	VEC(struct queue_item) aside;
	VEC(node_id) busy;            /* others make them */
	loop_id busy_timer, tick_timer;
	VEC(struct job *) running;
	struct pools pools;
	struct recorder rec;
	uint32_t turn;
	uint32_t left, total, done;   /* activated nodes that are not done; of made kinds: all, done */
	int64_t began;                /* clock_mono */
	bool begun, pumping, ending;
	bool halted, stopping, late;  /* nothing new starts; nor may what runs go on; because the time limit was over */
	struct err bug;
};

void sched_init(struct sched *s, const struct run_opts *o, const struct plan *plan, struct arena *a, struct run *out);
void sched_done(struct sched *s);
void sched_activate(struct sched *s, node_id n); /* and all that leads to it by INPUT and ORDER */
void sched_pump(void *sched);                    /* go on as far as possible */
void sched_end(struct sched *s, node_id n, enum run_state state);
void sched_fail(struct sched *s, node_id n, const struct err *e);
void sched_make(struct sched *s, node_id n);     /* it has a key and must be made */
void sched_ready(struct sched *s, node_id n);
bool sched_goes(const struct sched *s, node_id n); /* may it still begin? */
struct plan_node *sched_own(struct sched *s, node_id n); /* own knowledge, a copy of what was known */
void sched_view(struct sched *s, bool fresh);    /* f.view is open; fresh: sees what was committed until now */
void sched_hit(struct sched *s, node_id n);      /* its record is usable */

/* run.c */
void run_ending(struct sched *s);                /* every node is done */

/* make.c */
bool make_next(struct sched *s);                 /* start what has a place; true: ask again */
void make_stop(struct sched *s, bool hard);      /* end what runs */

/* keep.c */
void keep_made(struct sched *s, node_id n, const struct result *r, bool record);
void keep_observed(struct sched *s, node_id n, const struct result *r); /* after keep_made: what it looked at beside its inputs */
void keep_failed(struct sched *s, node_id n, const struct result *r, double seconds);
void keep_hit(struct sched *s, node_id n);       /* if its last record is of another key */
node_id keep_changed_input(struct sched *s, node_id n); /* looks again at the sources of n: one that changed, or NODE_NONE */

#endif
