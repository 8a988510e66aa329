/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/step.h"

#include <stdlib.h>

#include "base/vec.h"
#include "rules/foreach.h"
#include "rules/observed.h"
#include "rules/share.h"
#include "rules/snapshot.h"
#include "rules/template.h"
#include "sys/clock.h"

/* The elements of one step of the file. */
struct elements {
	struct step **v;
	size_t n;
};

struct building {
	struct project *p;
	struct elements *of; /* by position of ir->steps */
};

const struct step_input *
step_input(const struct step *s, struct str name)
{
	for (size_t i = 0; i < s->d.ir->ninputs; i++)
		if (str_eq(s->inputs[i].ir->name, name))
			return &s->inputs[i];
	return NULL;
}

const struct result *
step_source_result(const struct inputs *in, const struct step_source *s)
{
	const uint32_t edge = graph_input(in->graph, in->node, STR("input"), s->field);

	if (in->of == NULL || edge == UINT32_MAX)
		return NULL;
	return in->of[edge - in->graph->node[in->node.i].in];
}

static size_t
position(const struct ir *ir, struct str step)
{
	return (size_t)(ir_step(ir, step) - ir->steps);
}

static int
output_specs(struct project *p, struct step *s, struct err *e)
{
	const struct ir_step *ir = s->d.ir;

	s->d.output_paths = arena_array(&p->arena, struct str, ir->noutputs);
	s->outputs = arena_array(&p->arena, struct out_spec, ir->noutputs);
	for (size_t i = 0; i < ir->noutputs; i++) {
		const struct ir_output *o = &ir->outputs[i];
		struct str path = { 0 };

		if (o->path.n > 0 && !s->d.unknown && template_path(&o->path, &p->ir, &s->d.items, &p->arena, &path, e) < 0)
			return err_wrap(e, "step '" STR_FMT "': output '" STR_FMT "'", STR_ARG(s->d.name), STR_ARG(o->name));
		s->d.output_paths[i] = path;
		s->outputs[i] = (struct out_spec){ .name = o->name, .path = path, .folder = o->folder };
	}
	return 0;
}

static int
add_element(struct building *b, const struct foreach_element *el, struct step **out, struct err *e)
{
	struct project *p = b->p;
	struct step *s = arena_new(&p->arena, struct step);
	const struct ir_step *ir = el->step;

	s->d = (struct step_data){ .project = p, .ir = ir, .name = el->name, .items = el->items,
				   .code = NODE_NONE, .venv = NODE_NONE, .image = NODE_NONE, .unknown = ir->nforeach > 0 && !el->items.n };
	s->environment = ir->environment.n > 0 ? ir_environment(&p->ir, ir->environment) : NULL;
	if (output_specs(p, s, e) < 0 || when_parse(ir->when, &p->arena, &s->when, e) < 0)
		return -1;
	s->needs = arena_array(&p->arena, struct pool_need, ir->nresources + 1);
	s->nneeds = ir->nresources;
	for (size_t i = 0; i < ir->nresources; i++)
		s->needs[i] = (struct pool_need){ .name = ir->resources[i].name, .amount = ir->resources[i].amount };
	if (ir->max_parallel > 0)
		s->needs[s->nneeds++] = (struct pool_need){ .name = step_pool(ir, &p->arena), .amount = 1 };
	const struct str name = arena_printf(&p->arena, "step:" STR_FMT, STR_ARG(el->name));

	if (graph_find(&p->graph, name).i != NODE_NONE.i)
		return err_set(e, ERR_INPUT, "two steps have the name '" STR_FMT "'", STR_ARG(el->name));
	s->d.node = graph_add(&p->graph, &rule_step, name, s);
	*out = s;
	return 0;
}

struct str
step_pool(const struct ir_step *s, struct arena *a)
{
	return arena_printf(a, "elements of " STR_FMT, STR_ARG(s->name)); /* no name that a stack can give */
}

static int
expand(struct building *b, size_t i, struct err *e)
{
	struct project *p = b->p;
	const struct ir_step *ir = &p->ir.steps[i];
	const struct foreach_source from = { .root = p->fd, .unfold = p->opts.unfold };
	struct foreach_element *el = NULL;
	size_t n = 0;

	if (foreach_expand(ir, &from, &p->arena, &el, &n, e) < 0)
		return -1;
	if (el == NULL) {
		el = arena_new(&p->arena, struct foreach_element);
		*el = (struct foreach_element){ .name = ir->name, .step = ir };
		n = 1;
	}
	b->of[i] = (struct elements){ .v = arena_array(&p->arena, struct step *, n), .n = n };
	for (size_t k = 0; k < n; k++)
		if (add_element(b, &el[k], &b->of[i].v[k], e) < 0)
			return -1;
	return 0;
}

/* All elements of the step that the input names, in order. */
static int
step_sources(struct building *b, struct step *s, struct step_input *in, struct err *e)
{
	struct project *p = b->p;
	const struct ir_input *ir = in->ir;
	const struct elements *el = &b->of[position(&p->ir, ir->step)];
	const bool mapped = ir_step(&p->ir, ir->step)->nforeach > 0;

	in->v = arena_array(&p->arena, struct step_source, el->n);
	in->n = el->n;
	for (size_t i = 0; i < el->n; i++) {
		const struct step *from = el->v[i];
		size_t k = 0;

		s->of_unknown |= from->d.unknown;

		while (k < from->d.ir->noutputs && !str_eq(from->d.ir->outputs[k].name, ir->output))
			k++;
		if (k == from->d.ir->noutputs)
			return err_set(e, ERR_BUG, "step '" STR_FMT "': input '" STR_FMT "' names an output that is not there",
				       STR_ARG(s->d.name), STR_ARG(ir->name));
		in->v[i] = (struct step_source){
			.from = from->d.node,
			.field = mapped ? arena_printf(&p->arena, STR_FMT "/%06zu", STR_ARG(ir->name), i) : ir->name,
			.port = ir->output,
			.path = from->d.output_paths[k],
		};
	}
	return 0;
}

static int
resolve_input(struct building *b, struct step *s, struct step_input *in, struct err *e)
{
	struct project *p = b->p;
	const struct ir_input *ir = in->ir;
	struct step_source one = { .field = ir->name, .path = ir->path };

	if (s->d.unknown && (ir->kind != INPUT_STEP || ir->item_path.n > 0))
		return 0; /* of no element in particular */
	switch (ir->kind) {
	case INPUT_STEP:
		return step_sources(b, s, in, e);
	case INPUT_PATH:
		one.from = add_file(p, ir->path, e);
		break;
	case INPUT_GLOB:
		one.from = add_glob(p, ir->path, e);
		break;
	case INPUT_URI:
		return err_set(e, ERR_INPUT, "step '" STR_FMT "': input '" STR_FMT "': inputs by URI are not possible yet; fetch '" STR_FMT
					     "' in a step of its own",
			       STR_ARG(s->d.name), STR_ARG(ir->name), STR_ARG(ir->path));
	}
	in->v = arena_new(&p->arena, struct step_source);
	*in->v = one;
	in->n = 1;
	return one.from.i == NODE_NONE.i ? -1 : 0;
}

static int
environment_edges(struct project *p, struct step *s, struct err *e)
{
	node_id identity, need;

	if (s->environment == NULL || s->d.ir->isolation == ISOLATION_NONE || s->d.ir->isolation == ISOLATION_DEFAULT)
		return 0;
	if (s->d.ir->isolation == ISOLATION_VENV) {
		identity = add_venv_identity(p, s->environment, e);
		if (identity.i == NODE_NONE.i)
			return -1;
		need = s->d.venv = add_venv(p, s->environment, e);
	} else {
		identity = add_environment_identity(p, s->environment, e);
		if (identity.i == NODE_NONE.i)
			return -1;
		need = s->d.image = add_image(p, s->environment, e);
	}
	if (need.i == NODE_NONE.i)
		return -1;
	graph_edge(&p->graph, identity, s->d.node, EDGE_INPUT, "environment", s->environment->name, STR(""));
	graph_edge(&p->graph, need, s->d.node, EDGE_NEED, NULL, STR(""), STR(""));
	return 0;
}

/* After all elements of that step. */
static void
order_edges(struct building *b, struct step *s, struct str step)
{
	const struct elements *el = &b->of[position(&b->p->ir, step)];

	for (size_t k = 0; k < el->n; k++)
		graph_edge(&b->p->graph, el->v[k]->d.node, s->d.node, EDGE_ORDER, NULL, STR(""), STR(""));
}

static int
connect(struct building *b, struct step *s, struct err *e)
{
	struct project *p = b->p;
	const struct ir_step *ir = s->d.ir;

	s->inputs = arena_array(&p->arena, struct step_input, ir->ninputs);
	for (size_t i = 0; i < ir->ninputs; i++) {
		struct step_input *in = &s->inputs[i];

		in->ir = &ir->inputs[i];
		if (resolve_input(b, s, in, e) < 0)
			return -1;
		for (size_t k = 0; k < in->n; k++)
			graph_edge(&p->graph, in->v[k].from, s->d.node, EDGE_INPUT, "input", in->v[k].field, in->v[k].port);
	}
	for (size_t i = 0; i < ir->pass_env.n; i++) {
		const node_id var = add_var(p, ir->pass_env.v[i], e);

		if (var.i == NODE_NONE.i)
			return -1;
		graph_edge(&p->graph, var, s->d.node, EDGE_INPUT, "pass-env", ir->pass_env.v[i], STR(""));
	}
	for (size_t i = 0; i < ir->after.n; i++)
		order_edges(b, s, ir->after.v[i]);
	for (size_t i = 0; i < ir->nforeach; i++)
		if (ir->foreach[i].kind == FOREACH_STEP)
			order_edges(b, s, ir->foreach[i].step); /* what it says is in the elements: they run alone */
	if (s->d.unknown)
		return 0;
	if (environment_edges(p, s, e) < 0)
		return -1;
	return add_code(p, &s->d, s->d.node, e);
}

int
add_steps(struct project *p, struct err *e)
{
	struct building b = { .p = p, .of = mem_zalloc((p->ir.nsteps + 1) * sizeof *b.of) };
	int ret = 0;

	for (size_t i = 0; i < p->ir.nsteps && ret == 0; i++)
		ret = expand(&b, i, e);
	for (size_t i = 0; i < p->ir.nsteps && ret == 0; i++)
		for (size_t k = 0; k < b.of[i].n && ret == 0; k++)
			if (connect(&b, b.of[i].v[k], e) < 0) {
				ret = err_wrap(e, "step '" STR_FMT "'", STR_ARG(b.of[i].v[k]->d.name));
				(void)project_mistake(p, p->ir.steps[i].at, e);
			}
	free(b.of);
	return ret;
}

static enum usable
usable(void *ctx, node_id n, const struct result *r)
{
	struct project *p = ctx;
	const struct ir_cache *c = &step_of(&p->graph, n)->d.ir->cache;

	const bool now = p->opts.since > 0 && r->made_at >= p->opts.since;

	if (!c->on) {
		leaves_never(p->leaves);
		return now ? USABLE_YES : USABLE_EXPIRED;
	}
	if (c->expires <= 0)
		return USABLE_YES;
	if (clock_real() - r->made_at >= c->expires && !now)
		return USABLE_EXPIRED;
	leaves_expiry(p->leaves, r->made_at + c->expires);
	return USABLE_YES;
}

static bool
in_place(void *ctx, node_id n, const struct result *r, bool *evicted)
{
	(void)n;
	return outputs_in_place(ctx, r, evicted);
}

static size_t
needs(void *ctx, node_id n, const struct pool_need **out)
{
	struct project *p = ctx;
	const struct step *s = step_of(&p->graph, n);

	*out = s->needs;
	return s->nneeds;
}

struct condition {
	struct project *p;
	const struct step *s;
	const struct inputs *in;
	struct arena arena;
};

enum { VALUE_MAX = 65536 };

/* The content of an upstream output as a value. */
static int
input_value(struct condition *c, struct str name, const struct js **value, struct err *e)
{
	const struct step_input *in = step_input(c->s, name);
	AUTO_BUF text = { 0 };

	if (in == NULL || in->n != 1)
		return err_set(e, ERR_INPUT, "the condition's ${inputs." STR_FMT "} is not one value", STR_ARG(name));
	const struct result *r = step_source_result(c->in, &in->v[0]);

	if (r == NULL)
		return 0;
	const struct output *o = in->v[0].port.n > 0 ? result_output(r, in->v[0].port) : r->noutputs == 1 ? &r->outputs[0] : NULL;

	if (o == NULL || o->type == OUTPUT_TREE)
		return err_set(e, ERR_INPUT, "the condition's ${inputs." STR_FMT "} is not one file", STR_ARG(name));
	int ret = in->v[0].port.n > 0 ? blobs_read(c->p->cache->blobs, &o->digest, VALUE_MAX, &text, e) : -1;

	if (ret < 0 && o->path.n > 0)
		ret = file_read(c->p->fd, arena_z(&c->arena, o->path), VALUE_MAX, &text, e);
	if (ret == 0)
		*value = js_keep(&c->arena, when_value(buf_str(&text), &c->arena));
	return ret;
}

static int
lookup(void *ctx, const struct ir_piece *ref, const struct js **value, struct err *e)
{
	struct condition *c = ctx;

	*value = NULL;
	if (ref->kind == PIECE_INPUT)
		return input_value(c, ref->text, value, e);
	if (ref->kind == PIECE_PARAM) {
		const struct ir_param *param = ir_param(&c->p->ir, ref->text);

		if (param == NULL)
			return err_set(e, ERR_INPUT, "there is no parameter '" STR_FMT "'", STR_ARG(ref->text));
		*value = param->value;
		return 0;
	}
	const struct str *item = foreach_item(&c->s->d.items, ref->text);

	if (item == NULL)
		return err_set(e, ERR_INPUT, "there is no item '" STR_FMT "'", STR_ARG(ref->text));
	*value = js_keep(&c->arena, when_value(*item, &c->arena));
	return 0;
}

/* How many elements it is, or takes from, is not known. */
static bool
takes_unknown(const struct step *s)
{
	return s->d.unknown || s->of_unknown;
}

static bool
wanted(void *ctx, const struct inputs *in, bool *unknown, struct err *e)
{
	struct project *p = ctx;
	struct condition c = { .p = p, .s = step_of(in->graph, in->node), .in = in };
	enum when_truth truth = WHEN_TRUE;

	if (takes_unknown(c.s)) {
		*unknown = true;
		return true;
	}
	if (c.s->d.ir->when.n == 0)
		return true;
	if (when_eval(&c.s->when, lookup, &c, &truth, e) < 0)
		(void)err_wrap(e, "step '" STR_FMT "': when", STR_ARG(c.s->d.name));
	arena_done(&c.arena);
	*unknown = truth == WHEN_UNKNOWN;
	return truth != WHEN_FALSE;
}

static int
observe(void *ctx, node_id n, struct str question, struct arena *a, struct str *answer)
{
	struct project *p = ctx;

	return observed_answer(p, step_of(&p->graph, n), question, a, answer);
}

static bool
always(void *ctx, node_id n)
{
	const struct project *p = ctx;

	return step_of(&p->graph, n)->d.ir->always;
}

const struct rule rule_step = {
	.kind = "step",
	.schema = 1,
	.fields = step_fields,
	.usable = usable,
	.in_place = in_place,
	.restore = step_restore,
	.start = share_start,
	.stop = share_stop,
	.observe = observe,
	.explain = step_explain,
	.needs = needs,
	.job = true,
	.wanted = wanted,
	.always = always,
};
