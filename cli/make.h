/* SPDX-License-Identifier: Apache-2.0
 *
 * make: carry a plan out for `run` and `build`, from the project's lock to the record of the run.
 *
 *	snapshot says no -> the project's claim -> open, plan -> run -> pawl.lock, history, snapshot
 */
#ifndef PAWL_CLI_MAKE_H
#define PAWL_CLI_MAKE_H

#include "cli/session.h"
#include "engine/run.h"

struct made {
	struct run run;
	struct str id;        /* of the run */
	struct js *answer;    /* the final object; the caller's */
};

/* targets: which kind the words name. Prints progress, not the answer. */
int make(struct session *s, enum session_targets t, struct made *out, struct err *e);
/* Mistakes in the options of run and build, before anything is looked at. */
int make_check(const struct args *a, struct err *e);
/* True: a `pawl watch` of this project knows that nothing has changed; the line was printed. Asked before the cache is opened. */
bool make_watched(struct session *s);
/* True: the snapshot of an earlier invocation answers; the line was printed. Else it may have found that make has to look at a part only. */
bool make_nothing(struct session *s);
int make_status(const struct run *r); /* exit status */

#endif
