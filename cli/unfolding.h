/* SPDX-License-Identifier: Apache-2.0
 *
 * unfolding: a pipeline that hangs on its own outputs (rules/unfold.h), opened again and again until it is whole. session_plan goes as far as recorded results
 * lead; make goes on from there: it runs what the lacking outputs stand on, and opens again.
 */
#ifndef PAWL_CLI_UNFOLDING_H
#define PAWL_CLI_UNFOLDING_H

#include "base/map.h"
#include "cli/session.h"
#include "engine/run.h"

/* The result of a node, NULL where there is none; *skipped where there will be none. */
typedef const struct result *unfolding_result(void *ctx, node_id n, bool *skipped);

/* Of what is lacking, what the results say goes into s->unfold. *more: something did, and the project has to be opened again. */
int unfolding_learn(struct session *s, unfolding_result *result, void *ctx, bool *more, struct err *e);
int unfolding_reopen(struct session *s, struct err *e); /* as session_open */

/* Says of planned nodes that stand for unknown elements what they wait for; returns how many of them the plan wants. */
size_t unfolding_explain(struct session *s);

/* The steps that lacking outputs need next: those that stand on no unknown elements themselves. In the session's arena. wanted: only what the plan wants. */
size_t unfolding_next(struct session *s, bool wanted, node_id **out);
/* Steps that the plan wants and that need neither unknown elements nor anything that r says has failed. */
size_t unfolding_rest(struct session *s, const struct run *r, node_id **out);

/* What earlier rounds of one invocation did. Its texts are copies in the session's arena. */
struct unfolding_done {
	struct str name;
	struct run_node node;
};
struct unfolding_past {
	struct unfolding_done *v;
	size_t n, cap;
	double seconds;
	struct map names; /* of what was made */
};
void unfolding_past_done(struct unfolding_past *past);
void unfolding_keep(struct session *s, const struct run *r, struct unfolding_past *past);
/* Nodes that a later round found done are what the earlier one made of them; what the whole plan wants and no round came to is skipped or cancelled. */
void unfolding_merge(struct session *s, const struct plan *whole, const struct unfolding_past *past, struct run *r);

#endif
