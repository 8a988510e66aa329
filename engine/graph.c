/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { CYCLE_SHOWN = 12 }; /* nodes of a cycle that a message names */

void
graph_done(struct graph *g)
{
	free(g->node);
	free(g->edge);
	free(g->out_edge);
	free(g->order);
	map_done(&g->names);
	*g = (struct graph){ 0 };
}

static uint32_t
grown(uint32_t cap)
{
	return cap < 64 ? 64 : cap + cap / 2;
}

node_id
graph_add(struct graph *g, const struct rule *rule, struct str name, void *data)
{
	assert(!g->sealed && g->nnodes < GRAPH_MAX_NODES);
	if (g->nnodes == g->node_cap) {
		g->node_cap = grown(g->node_cap);
		g->node = mem_grow(g->node, g->node_cap * sizeof *g->node);
	}
	node_id n = { g->nnodes };
	uint32_t there = map_add(&g->names, name, n.i);
	assert(there == n.i && "the name of a node must be new");
	(void)there; /* only the assertion looks at it */
	g->node[g->nnodes++] = (struct node){ .rule = rule, .name = name, .data = data };
	return n;
}

node_id
graph_find(const struct graph *g, struct str name)
{
	uint32_t i = map_get(&g->names, name);
	return i == MAP_NONE ? NODE_NONE : (node_id){ i };
}

void
graph_edge(struct graph *g, node_id from, node_id to, enum edge_kind kind, const char *tag, struct str name, struct str port)
{
	assert(!g->sealed && from.i < g->nnodes && to.i < g->nnodes);
	assert((kind == EDGE_INPUT) == (tag != NULL));
	if (g->nedges == g->edge_cap) {
		assert(g->nedges < UINT32_MAX / 2);
		g->edge_cap = grown(g->edge_cap);
		g->edge = mem_grow(g->edge, g->edge_cap * sizeof *g->edge);
	}
	g->edge[g->nedges++] = (struct edge){ .from = from, .to = to, .kind = kind, .tag = tag, .name = name, .port = port };
}

/* By kind, tag, name: what must be unique among the inputs of one node. */
static int
field_cmp(const struct edge *x, const struct edge *y)
{
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	int c = x->kind == EDGE_INPUT ? str_cmp(str_z(x->tag), str_z(y->tag)) : 0;
	return c ? c : str_cmp(x->name, y->name);
}

static int
edge_cmp(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;
	int c = field_cmp(x, y);
	if (c)
		return c;
	if (x->from.i != y->from.i)
		return x->from.i < y->from.i ? -1 : 1;
	return str_cmp(x->port, y->port);
}

/* Distribute edges by their `to`, keeping nothing of the old order. */
static void
bucket_edges(struct graph *g)
{
	struct edge *sorted = mem_alloc((g->nedges + 1) * sizeof *sorted);
	uint32_t at = 0;
	for (uint32_t i = 0; i < g->nedges; i++)
		g->node[g->edge[i].to.i].nin++;
	for (uint32_t i = 0; i < g->nnodes; i++) {
		g->node[i].in = at;
		at += g->node[i].nin;
		g->node[i].nin = 0;
	}
	for (uint32_t i = 0; i < g->nedges; i++) {
		struct node *n = &g->node[g->edge[i].to.i];
		sorted[n->in + n->nin++] = g->edge[i];
	}
	free(g->edge);
	g->edge = sorted;
	g->edge_cap = g->nedges + 1;
}

/* Sort the edges of each node, drop the ones that say the same twice, refuse two sources for one field. */
static int
tidy_edges(struct graph *g, struct err *e)
{
	uint32_t put = 0;
	for (uint32_t i = 0; i < g->nnodes; i++) {
		struct node *n = &g->node[i];
		uint32_t begin = put;
		if (n->nin > 1)
			qsort(&g->edge[n->in], n->nin, sizeof *g->edge, edge_cmp);
		for (uint32_t j = n->in; j < n->in + n->nin; j++) {
			const struct edge *last = put > begin ? &g->edge[put - 1] : NULL;
			if (last && edge_cmp(last, &g->edge[j]) == 0)
				continue;
			if (last && last->kind == EDGE_INPUT && field_cmp(last, &g->edge[j]) == 0)
				return err_set(e, ERR_BUG, "node '" STR_FMT "' has two sources for its field %s '" STR_FMT "'",
					       STR_ARG(n->name), last->tag, STR_ARG(last->name));
			g->edge[put++] = g->edge[j];
		}
		n->in = begin;
		n->nin = put - begin;
	}
	g->nedges = put;
	return 0;
}

static void
index_outs(struct graph *g)
{
	g->out_edge = mem_alloc((g->nedges + 1) * sizeof *g->out_edge);
	for (uint32_t i = 0; i < g->nedges; i++)
		g->node[g->edge[i].from.i].nout++;
	uint32_t at = 0;
	for (uint32_t i = 0; i < g->nnodes; i++) {
		g->node[i].out = at;
		at += g->node[i].nout;
		g->node[i].nout = 0;
	}
	for (uint32_t i = 0; i < g->nedges; i++) {
		struct node *n = &g->node[g->edge[i].from.i];
		g->out_edge[n->out + n->nout++] = i;
	}
}

/* A heap of node numbers, the smallest on top. */
static void
heap_push(uint32_t *h, uint32_t *n, uint32_t v)
{
	uint32_t i = (*n)++;
	for (; i && h[(i - 1) / 2] > v; i = (i - 1) / 2)
		h[i] = h[(i - 1) / 2];
	h[i] = v;
}

static uint32_t
heap_pop(uint32_t *h, uint32_t *n)
{
	uint32_t top = h[0], v = h[--*n], i = 0;
	for (;;) {
		uint32_t c = 2 * i + 1;
		if (c >= *n)
			break;
		if (c + 1 < *n && h[c + 1] < h[c])
			c++;
		if (h[c] >= v)
			break;
		h[i] = h[c];
		i = c;
	}
	h[i] = v;
	return top;
}

/* Fill order[] with what can be ordered; left[i] stays above 0 for nodes on or behind a cycle. */
static uint32_t
sort_nodes(struct graph *g, uint32_t *left)
{
	uint32_t *heap = mem_alloc((g->nnodes + 1) * sizeof *heap), nheap = 0, done = 0;
	for (uint32_t i = 0; i < g->nnodes; i++) {
		left[i] = g->node[i].nin;
		if (!left[i])
			heap_push(heap, &nheap, i);
	}
	while (nheap) {
		node_id n = { heap_pop(heap, &nheap) };
		g->order[done++] = n;
		for (uint32_t i = 0; i < g->node[n.i].nout; i++) {
			uint32_t to = g->edge[g->out_edge[g->node[n.i].out + i]].to.i;
			if (--left[to] == 0)
				heap_push(heap, &nheap, to);
		}
	}
	free(heap);
	return done;
}

static uint32_t
left_before(const struct graph *g, const uint32_t *left, uint32_t n)
{
	for (uint32_t i = 0; i < g->node[n].nin; i++) {
		uint32_t from = g->edge[g->node[n].in + i].from.i;
		if (left[from])
			return from;
	}
	return n; /* not reached: a node that is left has one before it that is left */
}

/* Every node that is left has one before it that is left too: walking back must come round. The walk ends at a node of the cycle; a
 * second walk collects it. */
static int
report_cycle(const struct graph *g, const uint32_t *left, struct err *e)
{
	uint32_t n = 0;
	while (!left[n])
		n++;
	for (uint32_t i = 0; i < g->nnodes; i++)
		n = left_before(g, left, n);
	uint32_t first = n, length = 0, at = n;
	do {
		at = left_before(g, left, at);
		length++;
		if (at < first)
			first = at;
	} while (at != n);
	uint32_t *path = mem_alloc((length + 1) * sizeof *path);
	at = first;
	for (uint32_t i = length + 1; i-- > 0; at = left_before(g, left, at))
		path[i] = at; /* from the end: the walk goes against the edges */
	AUTO_BUF text = { 0 };
	for (uint32_t i = 0; i <= length; i++) {
		if (length > CYCLE_SHOWN && i == CYCLE_SHOWN) {
			buf_printf(&text, " -> ... %u more", length - i);
			i = length;
		}
		buf_printf(&text, "%s" STR_FMT, i ? " -> " : "", STR_ARG(g->node[path[i]].name));
	}
	free(path);
	return err_set(e, ERR_INPUT, "a cycle: %s", buf_z(&text));
}

int
graph_seal(struct graph *g, struct err *e)
{
	assert(!g->sealed);
	bucket_edges(g);
	if (tidy_edges(g, e) < 0)
		return -1;
	index_outs(g);
	g->order = mem_alloc((g->nnodes + 1) * sizeof *g->order);
	uint32_t *left = mem_alloc((g->nnodes + 1) * sizeof *left);
	uint32_t done = sort_nodes(g, left);
	g->sealed = true;
	int result = done == g->nnodes ? 0 : report_cycle(g, left, e);
	free(left);
	return result;
}

uint32_t
graph_input(const struct graph *g, node_id to, struct str tag, struct str name)
{
	const struct node *n = &g->node[to.i];
	uint32_t low = n->in, high = n->in + n->nin;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct edge *x = &g->edge[mid];
		int c = x->kind == EDGE_INPUT ? str_cmp(str_z(x->tag), tag) : 1;
		if (!c)
			c = str_cmp(x->name, name);
		if (!c)
			return mid;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return UINT32_MAX;
}
