/* SPDX-License-Identifier: Apache-2.0
 *
 * cause: from two keys of a node to the leaf that made them differ. Private to engine/; explain.h shows what it finds.
 *
 * Which field is told first: commands before parameters before code before the rest, inputs last (the order of codes in cause.c); among
 * equals the node's own fields, then those from sources, then those from made nodes.
 */
#ifndef PAWL_ENGINE_CAUSE_H
#define PAWL_ENGINE_CAUSE_H

#include "engine/explain.h"
#include "engine/facts.h"

enum { CAUSE_DEPTH = 32 }; /* links of a chain */

struct cause_chain {
	struct why_link v[CAUSE_DEPTH];
	size_t n;
};

/* False: no field that both keys could have differs. now may lack inputs that are not known; they do not count as gone. Adds to chain,
 * which may be NULL. */
bool cause_find(const struct facts *f, node_id n, struct key *old, const struct key *now, struct arena *a, struct reason *out,
		struct cause_chain *chain);
/* The fields that differ in that sense, and how many of `now` do not. */
size_t cause_changes(const struct facts *f, node_id n, struct key *old, const struct key *now, struct arena *a,
		     struct key_change **out, size_t *unchanged);

#endif
