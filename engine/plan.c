/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/plan.h"

#include <assert.h>
#include <stdlib.h>

#include "base/vec.h"
#include "engine/facts.h"

/* How strongly somebody NEEDs a node. */
enum asked { ASKED_NOT, ASKED_MAYBE, ASKED_RUN };

struct planner {
	struct facts f;
	const struct graph *g;
	struct plan_node *node;
	struct arena *arena;
	struct arena scratch;     /* of one node */
	const struct result **of; /* room for the inputs of any node */
	uint8_t *seen;            /* bool, by node: in found now or before */
	uint8_t *forced;          /* bool, by node */
	uint32_t *place;          /* by node: its place in order[] */
	VEC(node_id) stack, found;
};

/* Its result is known and lies where it has to be: whoever looks at the world may look. */
static bool
settled(const struct plan_node *p)
{
	return p->state == PLAN_SKIP || (p->result && p->in_place);
}

static struct reason
waits_for(struct planner *pl, node_id from)
{
	if (pl->g->node[from.i].rule->source && pl->node[from.i].reason.code == REASON_UPSTREAM)
		return pl->node[from.i].reason; /* a file that a step generates: it waits for the step */
	return (struct reason){ .code = REASON_UPSTREAM,
				.text = arena_printf(pl->arena, STR_FMT " is made first", STR_ARG(pl->g->node[from.i].name)) };
}

static struct err *
keep_err(struct planner *pl, const struct err *e)
{
	struct err *x = arena_new(pl->arena, struct err);
	*x = *e;
	return x;
}

static void
failed(struct planner *pl, node_id n, const struct err *e)
{
	struct plan_node *p = &pl->node[n.i];
	p->failed = true;
	p->error = keep_err(pl, e);
	p->state = PLAN_RUN;
	p->reason = (struct reason){ .code = REASON_INPUT, .text = str_z(p->error->text) };
}

/* What the edges that lead to n say before n itself is asked. */
struct upstream {
	bool skip;          /* an input is skipped */
	node_id failed;     /* an input could not be looked at */
	node_id unknown;    /* an input whose result is not known */
	node_id unsettled;  /* input or order: what is not in the world yet */
};

static struct upstream
look_up(const struct planner *pl, node_id n)
{
	struct upstream u = { .failed = NODE_NONE, .unknown = NODE_NONE, .unsettled = NODE_NONE };
	const struct node *x = &pl->g->node[n.i];
	for (uint32_t i = x->in; i < x->in + x->nin; i++) {
		const struct edge *e = &pl->g->edge[i];
		const struct plan_node *p = &pl->node[e->from.i];
		if (e->kind == EDGE_NEED)
			break;
		if (u.unsettled.i == UINT32_MAX && !settled(p))
			u.unsettled = e->from;
		if (e->kind == EDGE_ORDER)
			continue;
		u.skip |= p->state == PLAN_SKIP;
		if (p->failed)
			u.failed = e->from;
		if (u.unknown.i == UINT32_MAX && !p->result)
			u.unknown = e->from;
	}
	return u;
}

static void
plan_source(struct planner *pl, node_id n, const struct upstream *u)
{
	struct plan_node *p = &pl->node[n.i];
	struct err e = { 0 };
	if (u->unsettled.i != UINT32_MAX) {
		p->state = PLAN_MAYBE;
		p->reason = waits_for(pl, u->unsettled);
		return;
	}
	const struct inputs in = facts_inputs(&pl->f, n, false, pl->of);
	if (facts_look(&pl->f, &in, p, &e) < 0)
		failed(pl, n, &e);
	else
		p->state = PLAN_HIT;
}

/* False: it is skipped, or the question failed; p says so. */
static bool
wanted(struct planner *pl, node_id n, const struct inputs *in, bool *unknown)
{
	const struct rule *rule = pl->g->node[n.i].rule;
	struct err e = { 0 };
	*unknown = false;
	if (!rule->wanted)
		return true;
	const bool yes = rule->wanted(pl->f.o->ctx, in, unknown, &e);
	if (e.code != ERR_NONE) {
		failed(pl, n, &e);
		return false;
	}
	if (yes || *unknown)
		return true;
	pl->node[n.i].state = PLAN_SKIP;
	return false;
}

static bool
is_forced(struct planner *pl, node_id n)
{
	struct plan_node *p = &pl->node[n.i];
	if (pl->forced[n.i])
		p->reason = (struct reason){ .code = REASON_FORCED, .text = str_z(reason_text(REASON_FORCED)) };
	else if (pl->f.o->no_cache)
		p->reason = (struct reason){ .code = REASON_FORCED, .text = STR("--no-cache") };
	return p->reason.code == REASON_FORCED;
}

/* The record of n, when all its inputs are known. Most nodes of most plans end here, so their keys are made in scratch memory and only the
 * digest stays: the fields are in the record. */
static enum found
look_for_record(struct planner *pl, node_id n, const struct inputs *in, struct err *e)
{
	struct plan_node *p = &pl->node[n.i];
	struct facts f = pl->f;
	enum found found = FOUND_NONE;
	f.arena = &pl->scratch;
	if (facts_key(&f, in, NULL, p, e) == 0)
		found = facts_lookup(&pl->f, n, p, 0);
	p->key = (struct key){ 0 };
	arena_reset(&pl->scratch);
	return found;
}

static void
decide(struct planner *pl, node_id n, const struct inputs *in, const struct upstream *u, bool unsure)
{
	struct plan_node *p = &pl->node[n.i];
	struct err e = { 0 };
	enum found found = FOUND_NONE;
	if (!is_forced(pl, n) && !unsure && u->unknown.i == UINT32_MAX && pl->f.view)
		found = look_for_record(pl, n, in, &e);
	if (found == FOUND_HIT) {
		p->state = PLAN_HIT;
		return;
	}
	if (e.code != ERR_NONE || facts_key(&pl->f, in, NULL, p, &e) < 0) {
		failed(pl, n, &e);
		return;
	}
	if (u->failed.i != UINT32_MAX) {
		p->state = PLAN_RUN;
		p->reason = pl->node[u->failed.i].reason;
		return;
	}
	p->state = facts_reason(&pl->f, n, found, p) && !unsure ? PLAN_RUN : PLAN_MAYBE;
	const node_id first = u->unknown.i != UINT32_MAX ? u->unknown : unsure ? u->unsettled : NODE_NONE;
	if ((unsure || p->reason.code == REASON_UPSTREAM) && first.i != UINT32_MAX)
		p->reason = waits_for(pl, first);
}

static void
plan_node(struct planner *pl, node_id n)
{
	struct plan_node *p = &pl->node[n.i];
	const struct upstream u = look_up(pl, n);
	bool unsure;
	if (u.skip) {
		p->state = PLAN_SKIP;
		return;
	}
	if (pl->g->node[n.i].rule->source) {
		plan_source(pl, n, &u);
		return;
	}
	const struct inputs in = facts_inputs(&pl->f, n, false, pl->of);
	if (wanted(pl, n, &in, &unsure))
		decide(pl, n, &in, &u, unsure);
}

static int
by_place(const void *a, const void *b, void *place)
{
	const uint32_t *at = place;
	const uint32_t x = at[((const node_id *)a)->i], y = at[((const node_id *)b)->i];
	return (x > y) - (x < y);
}

/* Plan what was found, in topological order. */
static void
plan_found(struct planner *pl)
{
	if (pl->found.n)
		qsort_r(pl->found.v, pl->found.n, sizeof *pl->found.v, by_place, pl->place);
	for (size_t i = 0; i < pl->found.n; i++)
		plan_node(pl, pl->found.v[i]);
}

/* Everything that leads to n by INPUT and ORDER edges and was not found yet, n included. */
static void
find_from(struct planner *pl, node_id n)
{
	VEC_PUSH(&pl->stack, n);
	while (pl->stack.n) {
		const node_id at = pl->stack.v[--pl->stack.n];
		if (pl->seen[at.i])
			continue;
		pl->seen[at.i] = true;
		VEC_PUSH(&pl->found, at);
		const struct node *x = &pl->g->node[at.i];
		for (uint32_t i = x->in; i < x->in + x->nin && pl->g->edge[i].kind != EDGE_NEED; i++)
			VEC_PUSH(&pl->stack, pl->g->edge[i].from);
	}
}

static bool
is_sink(const struct graph *g, node_id n)
{
	return g->node[n.i].nout == 0; /* a node that is only NEEDed has an edge, and so has all that leads to it */
}

static void
find_targets(struct planner *pl)
{
	const struct plan_opts *o = pl->f.o;
	for (size_t i = 0; o->targets && i < o->ntargets; i++)
		find_from(pl, o->targets[i]);
	for (uint32_t i = 0; i < pl->g->nnodes && !o->targets; i++)
		if (is_sink(pl->g, (node_id){ i }))
			find_from(pl, (node_id){ i });
	for (size_t i = 0; i < pl->found.n; i++)
		pl->node[pl->found.v[i].i].wanted = true;
}

/* The nodes that planned ones NEED. True: there is something new to plan in found. */
static bool
find_needed(struct planner *pl)
{
	pl->found.n = 0;
	for (uint32_t i = 0; i < pl->g->nnodes; i++) {
		const struct node *x = &pl->g->node[i];
		const enum plan_state s = pl->node[i].state;
		if (s != PLAN_RUN && s != PLAN_MAYBE)
			continue;
		for (uint32_t j = x->in + x->nin; j-- > x->in && pl->g->edge[j].kind == EDGE_NEED;)
			find_from(pl, pl->g->edge[j].from);
	}
	return pl->found.n > 0;
}

/* What only MAYBE nodes ask for is at most MAYBE itself. Against the order, so that all who ask are known; what leads to a needed node is
 * asked for as strongly as that node. */
static void
soften(struct planner *pl)
{
	uint8_t *asked = mem_zalloc(pl->g->nnodes + 1); /* enum asked, by node */
	for (uint32_t i = pl->g->nnodes; i-- > 0;) {
		const node_id n = pl->g->order[i];
		const struct node *x = &pl->g->node[n.i];
		struct plan_node *p = &pl->node[n.i];
		if (!p->wanted && p->state == PLAN_RUN && asked[n.i] == ASKED_MAYBE)
			p->state = PLAN_MAYBE;
		const uint8_t need = p->state == PLAN_RUN ? ASKED_RUN : p->state == PLAN_MAYBE ? ASKED_MAYBE : ASKED_NOT;
		for (uint32_t j = x->in; j < x->in + x->nin; j++) {
			const struct edge *e = &pl->g->edge[j];
			const uint8_t how = e->kind == EDGE_NEED ? need : asked[n.i];
			if (asked[e->from.i] < how)
				asked[e->from.i] = how;
		}
	}
	free(asked);
}

/* What is left behind NEED edges of planned nodes: not used. */
static void
mark_unused(struct planner *pl)
{
	for (uint32_t i = pl->g->nnodes; i-- > 0;) {
		const node_id n = pl->g->order[i];
		const struct node *x = &pl->g->node[n.i];
		if (pl->node[n.i].state == PLAN_UNSEEN)
			continue;
		for (uint32_t j = x->in; j < x->in + x->nin; j++) {
			struct plan_node *p = &pl->node[pl->g->edge[j].from.i];
			if (p->state == PLAN_UNSEEN)
				p->state = PLAN_UNUSED;
		}
	}
}

static void
init(struct planner *pl, const struct plan_opts *o, struct arena *a)
{
	const struct graph *g = o->graph;
	uint32_t widest = 0;
	for (uint32_t i = 0; i < g->nnodes; i++)
		widest = g->node[i].nin > widest ? g->node[i].nin : widest;
	*pl = (struct planner){ .g = g, .arena = a, .node = arena_array(a, struct plan_node, g->nnodes) };
	pl->of = mem_zalloc((widest + 1) * sizeof *pl->of);
	pl->seen = mem_zalloc(g->nnodes + 1);
	pl->forced = mem_zalloc(g->nnodes + 1);
	pl->place = mem_zalloc((g->nnodes + 1) * sizeof *pl->place);
	pl->f = (struct facts){ .o = o, .view = facts_view(o->cache), .plan = pl->node, .arena = a };
	for (uint32_t i = 0; i < g->nnodes; i++) {
		pl->place[g->order[i].i] = i;
		pl->node[i].estimate_s = -1;
		pl->forced[i] = o->force && g->node[i].rule->job;
	}
	for (size_t i = 0; i < o->nforced; i++)
		pl->forced[o->forced[i].i] = true;
}

static void
done(struct planner *pl)
{
	view_end(pl->f.view);
	arena_done(&pl->scratch);
	free(pl->of);
	free(pl->seen);
	free(pl->forced);
	free(pl->place);
	VEC_DONE(&pl->stack);
	VEC_DONE(&pl->found);
}

int
plan_make(const struct plan_opts *o, struct arena *a, struct plan *out, struct err *e)
{
	struct planner pl;
	if (!o->graph->sealed)
		return err_set(e, ERR_BUG, "plan of a graph that is not sealed");
	init(&pl, o, a);
	find_targets(&pl);
	plan_found(&pl);
	while (find_needed(&pl))
		plan_found(&pl);
	soften(&pl);
	mark_unused(&pl);
	done(&pl);
	*out = (struct plan){ .graph = o->graph, .node = pl.node, .arena = a };
	return 0;
}
