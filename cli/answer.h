/* SPDX-License-Identifier: Apache-2.0
 *
 * answer: plans and runs as the JSON objects of the contract. Each returned value is the caller's.
 */
#ifndef PAWL_CLI_ANSWER_H
#define PAWL_CLI_ANSWER_H

#include "cli/session.h"
#include "engine/run.h"

struct js *answer_plan(struct session *s);
/* images_only: `build`, without steps. all: plain hits too; without them it costs only what the run did. id: the run's name. */
struct js *answer_run(struct session *s, const struct run *r, struct str id, bool images_only, bool all);
struct js *answer_reason(const struct reason *r); /* null for REASON_NONE */
/* {"outputs": ..., "key": ...} and the rest of what a step's end says; also for events. */
struct js *answer_step_end(const struct node *n, const struct run_node *r);
struct js *answer_error(const struct err *e); /* {"schema":1,"errors":[...]} */

struct run_counts {
	size_t steps, hit, restored, made, cutoff, failed, skipped, cancelled;
	size_t images, images_made, images_hit, images_unused, images_failed;
	double saved_s;
};
struct run_counts answer_counts(struct session *s, const struct run *r);
struct str answer_name(const struct node *n); /* "train" of "step:train" */

#endif
