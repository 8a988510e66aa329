/* SPDX-License-Identifier: Apache-2.0
 *
 * madepaths: what pawl itself puts into the project: outputs of steps with the folders that lead to them, and pawl.lock. That such a name comes or goes tells
 * a step that listed a folder nothing: in which order steps run would decide it.
 *
 * Made from a sealed graph by one thread; then any thread.
 */
#ifndef PAWL_RULES_MADEPATHS_H
#define PAWL_RULES_MADEPATHS_H

#include "engine/graph.h"
#include "rules/ir.h"

struct madepaths;

/* more: paths beside those of the graph, of a graph that is a part (rules/part.h); borrowed. */
struct madepaths *madepaths_new(const struct graph *g, const struct ir_texts *more);
void madepaths_free(struct madepaths *m); /* NULL is fine */
bool madepaths_has(const struct madepaths *m, struct str path); /* m NULL: no */
void madepaths_listed(struct madepaths *m, struct str folder);  /* a folder whose names decide something */
/* The paths in folders that were listed: what a part has to know. */
struct ir_texts madepaths_in_listed(struct madepaths *m, struct arena *a);

#endif
