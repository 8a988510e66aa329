/* SPDX-License-Identifier: Apache-2.0
 *
 * part: the steps that a few changed files reach, without reading the pipeline file or building the whole graph.
 *
 * When a snapshot is stored, the table of parts is stored beside it: the sealed graph, the paths that nodes own, and each step of the IR on its own.
 * After an edit of a few files (SNAPSHOT_FEW) part_find walks that graph: forward from the changed files to the steps that must be decided again,
 * and backward from those to all that they stand on; only these steps of the IR are read. What follows is an ordinary run with these steps as
 * targets, so that nothing is decided here: a part that is too large costs time, and one is refused where it could be too small:
 *   - what changed, and each output of a step that is reached, must be a file that nobody else looked at (leaves_own), at a path of one node;
 *   - forward, only files and steps may be reached; backward, no image.
 *
 * Stored (this machine's byte order, position-independent; checked by the record's fingerprint):
 *	head | nnodes x node | nedges x u32 from, by node | nedges x u32 to, by node | nouts x u32 path | npaths x { path, node } sorted |
 *	nsteps x { name, offset and length of its JSON, first node, nodes } | nfiles x u32 path | the IR without steps | steps | texts
 */
#ifndef PAWL_RULES_PART_H
#define PAWL_RULES_PART_H

#include "rules/project.h"
#include "rules/snapshot.h"

#define PART_LEAST_STEPS 32 /* a pipeline with fewer is read as quickly as a whole */

struct part {
	struct ir ir;          /* complete but for the other steps; in the arena */
	struct str *targets;   /* node names of the steps to decide again */
	size_t ntargets;
	struct snapshot_part own;
};

/* Beside the block with that id, from a sealed graph. Nothing for a pipeline that is too small. */
void part_put(struct batch *b, const struct snapshot_key *k, uint64_t id, const struct project *p);
/* False: no part, or one that is as good as the whole. */
bool part_find(struct view *v, const struct snapshot_key *k, const struct snapshot_seen *seen, struct arena *a, struct part *out);

#endif
