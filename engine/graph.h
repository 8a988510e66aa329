/* SPDX-License-Identifier: Apache-2.0
 *
 * graph: what there is and what needs what. Nodes and edges in arrays, 32-bit ids, up to a million nodes.
 *
 * A node has a rule (how its kind behaves), a name ("step:train", unique) and data that only its rule understands. An edge leads
 * from what is needed to what needs it:
 *	EDGE_INPUT  the result of `from` (or one of its outputs, `port`) enters the key of `to` as field (tag, name)
 *	EDGE_ORDER  `from` first; its result does not matter (if it is skipped by its condition `to` is made all the same, if it fails not)
 *	EDGE_NEED   `from` must be there when `to` is made; when `to` is a hit, `from` is not even looked at (images of steps)
 * After graph_seal the graph does not change, edges are sorted by (to, kind, tag, name), and order[] is topological. Names and data are
 * borrowed and must outlive the graph. One thread builds; any thread may read a sealed graph.
 */
#ifndef PAWL_ENGINE_GRAPH_H
#define PAWL_ENGINE_GRAPH_H

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"

typedef struct {
	uint32_t i;
} node_id;
#define NODE_NONE ((node_id){ UINT32_MAX })
#define GRAPH_MAX_NODES 4000000u /* whoever builds from a user's file refuses more before */

enum edge_kind { EDGE_INPUT, EDGE_ORDER, EDGE_NEED };

struct rule;

struct node {
	const struct rule *rule;
	struct str name;
	void *data;
	uint32_t in, nin;   /* edges that lead here: edge[in .. in+nin) after the seal */
	uint32_t out, nout; /* out_edge[out .. out+nout): indices of edges that lead away */
};

struct edge {
	node_id from, to;
	enum edge_kind kind;
	const char *tag; /* EDGE_INPUT: the field's tag, static text */
	struct str name; /* the field's name */
	struct str port; /* output of `from` by name; empty: its result as a whole */
};

struct graph {
	struct node *node;
	uint32_t nnodes;
	struct edge *edge;
	uint32_t nedges;
	uint32_t *out_edge;
	node_id *order; /* topological, stable: among free nodes the one that was added first */
	struct map names;
	uint32_t node_cap, edge_cap;
	bool sealed;
};

void graph_done(struct graph *g);
node_id graph_add(struct graph *g, const struct rule *rule, struct str name, void *data); /* the name must be new */
node_id graph_find(const struct graph *g, struct str name);                               /* or NODE_NONE */
void graph_edge(struct graph *g, node_id from, node_id to, enum edge_kind kind, const char *tag, struct str name, struct str port);
/* Equal edges become one. ERR_INPUT: a cycle, with its path "a -> b -> a" in the message. ERR_BUG: two inputs for one field. */
int graph_seal(struct graph *g, struct err *e);
/* Index of the EDGE_INPUT edge that gives `to` its field (tag, name), or UINT32_MAX. */
uint32_t graph_input(const struct graph *g, node_id to, struct str tag, struct str name);

#endif
