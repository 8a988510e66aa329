/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "rules/madepaths.h"
#include "rules/part_inside.h"
#include "rules/step.h"
#include "rules/unfold.h"

struct putting {
	const struct project *p;
	struct part_head h;
	struct buf nodes, in, out, outs, paths, steps, files, rest, json, texts;
	VEC(struct part_path) path;
};

static uint32_t
add_text(struct putting *t, struct str s)
{
	const uint32_t at = (uint32_t)t->texts.n;

	buf_put(&t->texts, s);
	buf_putc(&t->texts, '\0');
	return at;
}

static void
raw(struct buf *out, const void *p, size_t n)
{
	buf_put(out, (struct str){ p, n });
}

static void
put_outputs(struct putting *t, const struct step *s, uint32_t n, struct part_node *x)
{
	x->outs = t->h.nouts;
	for (size_t i = 0; i < s->d.ir->noutputs; i++) {
		const struct out_spec *o = &s->outputs[i];

		if (o->folder)
			x->kind = PART_TREES;
		if (o->path.n == 0)
			continue;
		const struct part_path path = { add_text(t, o->path), n };

		VEC_PUSH(&t->path, path);
		buf_u32(&t->outs, path.path);
		t->h.nouts++;
		x->nouts++;
	}
}

static void
put_node(struct putting *t, uint32_t n)
{
	const struct graph *g = &t->p->graph;
	const struct node *node = &g->node[n];
	struct part_node x = { .kind = PART_OTHER, .step = UINT32_MAX, .in = node->in, .nin = node->nin, .out = node->out, .nout = node->nout };

	if (node->rule == &rule_image) {
		x.kind = PART_IMAGE;
	} else if (node->rule == &rule_step) {
		const struct step *s = node->data;

		x.kind = PART_STEP;
		x.step = (uint32_t)(s->d.ir - t->p->ir.steps);
		x.name = add_text(t, node->name);
		put_outputs(t, s, n, &x);
	} else if (node->rule == &rule_file && str_starts(node->name, STR("file:"))) {
		const struct part_path path = { add_text(t, str_drop(node->name, 5)), n };

		x.kind = PART_FILE;
		VEC_PUSH(&t->path, path);
	}
	raw(&t->nodes, &x, sizeof x);
	for (uint32_t i = 0; i < node->nin; i++)
		buf_u32(&t->in, g->edge[node->in + i].from.i);
	for (uint32_t i = 0; i < node->nout; i++)
		buf_u32(&t->out, g->edge[g->out_edge[node->out + i]].to.i);
}

static int
by_text(const void *a, const void *b, void *texts)
{
	const struct part_path *x = a, *y = b;

	return strcmp((const char *)texts + x->path, (const char *)texts + y->path);
}

/* The nodes of a step of the IR follow each other (add_steps). False: they do not. */
static bool
put_steps(struct putting *t)
{
	const struct graph *g = &t->p->graph;
	const struct ir *ir = &t->p->ir;
	struct part_step *v = mem_zalloc((ir->nsteps + 1) * sizeof *v);
	bool ok = true;

	for (uint32_t i = 0; i < g->nnodes; i++) {
		if (g->node[i].rule != &rule_step)
			continue;
		struct part_step *s = &v[((const struct step *)g->node[i].data)->d.ir - ir->steps];

		if (s->n == 0)
			s->first = i;
		ok &= s->first + s->n == i;
		s->n++;
	}
	for (size_t i = 0; i < ir->nsteps; i++) {
		v[i].name = add_text(t, ir->steps[i].name);
		v[i].json = (uint32_t)t->json.n;
		ir_write_step(&ir->steps[i], &t->json);
		v[i].njson = (uint32_t)(t->json.n - v[i].json);
	}
	raw(&t->steps, v, ir->nsteps * sizeof *v);
	free(v);
	return ok;
}

static void
put_all(struct putting *t, struct buf *out)
{
	const struct buf *const parts[] = { &t->nodes, &t->in, &t->out, &t->outs, &t->paths, &t->steps, &t->files, &t->rest, &t->json, &t->texts };

	t->h.npaths = (uint32_t)t->path.n;
	t->h.rest_n = (uint32_t)t->rest.n;
	t->h.steps_n = (uint32_t)t->json.n;
	t->h.texts_n = (uint32_t)t->texts.n;
	raw(out, &t->h, sizeof t->h);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		buf_put(out, buf_str(parts[i]));
}

void
part_put(struct batch *b, const struct snapshot_key *k, uint64_t id, const struct project *p)
{
	struct putting t = { .p = p, .h = { .version = PART_VERSION, .nnodes = p->graph.nnodes, .nedges = p->graph.nedges,
					    .nsteps = (uint32_t)p->ir.nsteps, .nfiles = (uint32_t)p->ir.files.n, .id = id } };
	AUTO_BUF key = { 0 }, value = { 0 };

	/* What a changed output says may change the pipeline; a stack of the user is not in its IR. */
	if (p->ir.nsteps < PART_LEAST_STEPS || unfold_any(&p->ir) || p->stack->of_user)
		return;
	for (uint32_t i = 0; i < p->graph.nnodes; i++)
		put_node(&t, i);
	const bool ok = put_steps(&t);

	for (size_t i = 0; i < p->ir.files.n; i++)
		buf_u32(&t.files, add_text(&t, p->ir.files.v[i]));
	if (t.path.n)
		qsort_r(t.path.v, t.path.n, sizeof *t.path.v, by_text, t.texts.p);
	raw(&t.paths, t.path.v, t.path.n * sizeof *t.path.v);
	struct arena tmp = { 0 };
	struct ir ir = p->ir;

	ir.made = madepaths_in_listed(p->made, &tmp);
	ir_write_rest(&ir, &t.rest);
	arena_done(&tmp);
	snapshot_record(k, SNAPSHOT_PARTS, &key);
	put_all(&t, &value);
	if (ok && value.n < UINT32_MAX)
		batch_put(b, TABLE_SNAPSHOT, buf_str(&key), buf_str(&value));
	struct buf *const done[] = { &t.nodes, &t.in, &t.out, &t.outs, &t.paths, &t.steps, &t.files, &t.rest, &t.json, &t.texts };

	for (size_t i = 0; i < sizeof done / sizeof *done; i++)
		buf_done(done[i]);
	VEC_DONE(&t.path);
}
