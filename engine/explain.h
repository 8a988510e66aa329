/* SPDX-License-Identifier: Apache-2.0
 *
 * explain: the first differing leaf and the chain to it, from stored fields.
 */
#ifndef PAWL_ENGINE_EXPLAIN_H
#define PAWL_ENGINE_EXPLAIN_H

#include "engine/plan.h"

struct why_link {                 /* from the node asked for down to the leaf */
	node_id node;
	struct key_change change; /* the field that differs; a or b NULL: added or gone; both NULL: another thing than a field */
	struct reason reason;     /* in the rule's words */
};

struct why {
	enum plan_state state;
	struct reason reason;
	struct why_link *chain;
	size_t nchain;
	struct key_change *changes; /* all differing fields of the node asked for */
	size_t nchanges;
	size_t unchanged;           /* fields that are the same */
	bool never_made;
};

/* Against the last record of each node (o->project), or against a given key of the node (against: encoded; empty: last). */
int explain(const struct plan_opts *o, const struct plan *p, node_id n, struct str against, struct arena *a, struct why *out,
	    struct err *e);

#endif
