/* SPDX-License-Identifier: Apache-2.0
 *
 * step_watch: the declared inputs of a running step, to see whether it wrote to one.
 *
 * What lies there is looked at before the step starts and once more when it has ended. Contents are compared, not times: a touched
 * input is unchanged. The first look is the base line, not the plan, so that of two steps that run at once only those are blamed in
 * whose time an input changed.
 */
#ifndef PAWL_RULES_STEP_WATCH_H
#define PAWL_RULES_STEP_WATCH_H

#include "rules/step.h"

struct watched {
	struct str path;
	struct digest planned, before; /* zero: it was not there */
	enum output_type planned_type, before_type;
};

struct watch {
	struct watched *v;
	size_t n;
};

/* What the step's inputs are by the results of their nodes. Loop thread; results are borrowed. */
void watch_init(struct watch *w, const struct step *s, const struct inputs *in, struct arena *a);
/* The base line. *changed: a path that is not what the plan saw, or empty. Any thread. */
void watch_before(struct watch *w, struct project *p, struct str *changed);
/* A path that is no longer what it was, or empty. Any thread. */
struct str watch_after(const struct watch *w, struct project *p);

#endif
