/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answer.h"

#include "cli/unfolding.h"
#include "rules/image.h"

static bool
is_step(const struct node *n)
{
	return n->rule == &rule_step;
}

static bool
is_image(const struct node *n)
{
	return n->rule == &rule_image;
}

struct str
answer_name(const struct node *n)
{
	return str_cut(n->name, ':').tail;
}

struct js *
answer_reason(const struct reason *r)
{
	if (r->code == REASON_NONE)
		return js_null();
	struct js *o = js_map();
	js_set(o, "code", js_textz(reason_name(r->code)));
	js_set(o, "text", js_text(r->text));
	if (r->file.n)
		js_set(o, "file", js_text(r->file));
	if (r->line)
		js_set(o, "line", js_int(r->line));
	return o;
}

static const char *
plan_step_state(enum plan_state s)
{
	switch (s) {
	case PLAN_HIT:
		return "hit";
	case PLAN_RUN:
		return "run";
	case PLAN_MAYBE:
		return "maybe";
	case PLAN_SKIP:
		return "skip";
	case PLAN_UNSEEN:
	case PLAN_UNUSED:
		break;
	}
	return "unused";
}

static const char *
plan_image_state(enum plan_state s)
{
	return s == PLAN_RUN ? "build" : plan_step_state(s);
}

static struct js *
plan_step(const struct node *n, const struct plan_node *p)
{
	struct js *o = js_map();
	js_set(o, "name", js_text(answer_name(n)));
	js_set(o, "state", js_textz(plan_step_state(p->state)));
	js_set(o, "reason", answer_reason(&p->reason));
	js_set(o, "estimate_s", p->estimate_s < 0 ? js_null() : js_real(p->estimate_s));
	return o;
}

static struct js *
layers_js(const struct image_layers *layers)
{
	static const char *const states[] = { "hit", "made", "build" };
	struct js *list = js_list();
	for (size_t i = 0; i < layers->n; i++) {
		const struct image_layer *l = &layers->v[i];
		bool known = !digest_is_zero(&l->digest);
		struct js *o = js_map();
		js_set(o, "kind", js_textz(l->kind));
		js_set(o, "name", js_text(l->name));
		js_set(o, "state", js_textz(states[l->state]));
		js_set(o, "digest", known ? digest_js(&l->digest) : js_null());
		js_set(o, "size", known ? js_int((int64_t)l->size) : js_null());
		js_push(list, o);
	}
	return list;
}

static struct js *
plan_image(struct session *s, node_id id)
{
	const struct node *n = &s->project->graph.node[id.i];
	const struct plan_node *p = &s->plan.node[id.i];
	const struct ir_environment *env = ir_environment(&s->project->ir, answer_name(n));
	struct image_layers layers = { 0 };
	struct js *o = js_map();
	if (env) /* layers that cannot be known yet are left out; the image's own state says what matters */
		(void)image_layers_planned(s->project, env, &s->arena, &layers, NULL);
	js_set(o, "environment", js_text(answer_name(n)));
	js_set(o, "state", js_textz(plan_image_state(p->state)));
	js_set(o, "reason", answer_reason(&p->reason));
	js_set(o, "layers", layers_js(&layers));
	return o;
}

struct js *
answer_plan(struct session *s)
{
	const struct graph *g = &s->project->graph;
	struct js *steps = js_list(), *images = js_list();
	size_t step[4] = { 0 }, image[4] = { 0 };
	double estimate = 0, saved = 0;
	const size_t unknown = unfolding_explain(s);
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const struct plan_node *p = &s->plan.node[i];
		if (is_step(&g->node[i]) && p->wanted) {
			js_push(steps, plan_step(&g->node[i], p));
			step[0] += p->state == PLAN_HIT, step[1] += p->state == PLAN_RUN;
			step[2] += p->state == PLAN_MAYBE, step[3] += p->state == PLAN_SKIP;
		} else if (is_image(&g->node[i])) {
			js_push(images, plan_image(s, (node_id){ i }));
			image[0] += p->state == PLAN_HIT, image[1] += p->state == PLAN_RUN;
			image[2] += p->state == PLAN_MAYBE;
			image[3] += p->state == PLAN_UNUSED || p->state == PLAN_UNSEEN;
		} else {
			continue;
		}
		if ((p->state == PLAN_RUN || p->state == PLAN_MAYBE) && p->estimate_s > 0)
			estimate += p->estimate_s;
		if (p->state == PLAN_HIT)
			saved += p->saved_s;
	}
	struct js *counts = js_map(), *summary = js_map(), *o = js_map();
	js_set(counts, "hit", js_int((int64_t)step[0]));
	js_set(counts, "run", js_int((int64_t)step[1]));
	js_set(counts, "maybe", js_int((int64_t)step[2]));
	js_set(counts, "skip", js_int((int64_t)step[3]));
	if (unknown) /* of the maybes: steps whose elements are not known yet */
		js_set(counts, "unknown", js_int((int64_t)unknown));
	js_set(summary, "steps", counts);
	counts = js_map();
	js_set(counts, "hit", js_int((int64_t)image[0]));
	js_set(counts, "build", js_int((int64_t)image[1]));
	js_set(counts, "maybe", js_int((int64_t)image[2]));
	js_set(counts, "unused", js_int((int64_t)image[3]));
	js_set(summary, "images", counts);
	js_set(summary, "estimate_s", js_real(estimate));
	js_set(summary, "saved_s", js_real(saved));
	js_set(o, "schema", js_int(1));
	js_set(o, "pipeline", js_text(s->project->ir.pipeline));
	js_set(o, "steps", steps);
	js_set(o, "images", images);
	return js_set(o, "summary", summary);
}

static struct js *
outputs_js(const struct result *r)
{
	struct js *map = js_map();
	for (size_t i = 0; r && i < r->noutputs; i++) {
		const struct output *out = &r->outputs[i];
		struct js *o = js_map();
		js_set(o, "digest", digest_js(&out->digest));
		js_set(o, "size", js_int((int64_t)out->size));
		js_set(o, "path", out->path.n ? js_text(out->path) : js_null());
		js_set_str(map, out->name, o);
	}
	return map;
}

struct js *
answer_step_end(const struct node *n, const struct run_node *r)
{
	struct js *o = js_map();
	js_set(o, "name", js_text(answer_name(n)));
	js_set(o, "state", js_textz(run_state_name(r->state)));
	js_set(o, "attempts", js_int(r->attempts));
	js_set(o, "seconds", js_real(r->seconds));
	js_set(o, "key", digest_is_zero(&r->key_digest) ? js_null() : digest_js(&r->key_digest));
	bool ran = r->state == RUN_MADE || r->state == RUN_FAILED;
	js_set(o, "exit", ran ? js_int(r->exit) : js_null());
	js_set(o, "reason", answer_reason(&r->reason));
	if (r->error)
		js_set(o, "error", js_textz(r->error->text));
	js_set(o, "outputs", outputs_js(r->result));
	if (r->result && !digest_is_zero(&r->result->log))
		js_set(o, "log", digest_js(&r->result->log));
	return o;
}

static const char *
run_image_state(enum run_state s)
{
	switch (s) {
	case RUN_MADE:
		return "made";
	case RUN_HIT:
	case RUN_RESTORED:
	case RUN_CUTOFF:
		return "hit";
	case RUN_FAILED:
	case RUN_SKIPPED:
	case RUN_CANCELLED:
		return "failed";
	case RUN_NONE:
	case RUN_UNUSED:
		break;
	}
	return "unused";
}

/* What failed on the way to an image, where the image itself was not even begun. */
static const struct err *
failure_of(const struct graph *g, const struct run *r, node_id at)
{
	for (uint32_t hops = 0; hops <= g->nnodes; hops++) {
		const struct node *n = &g->node[at.i];
		uint32_t next = UINT32_MAX;
		if (r->node[at.i].error)
			return r->node[at.i].error;
		for (uint32_t i = n->in; i < n->in + n->nin; i++) {
			const node_id from = g->edge[i].from;
			const enum run_state s = r->node[from.i].state;
			if (s == RUN_FAILED || (s == RUN_SKIPPED && next == UINT32_MAX))
				next = from.i;
			if (s == RUN_FAILED)
				break;
		}
		if (next == UINT32_MAX)
			break;
		at = (node_id){ next };
	}
	return NULL;
}

static struct js *
run_image(struct session *s, const struct run *r, node_id id)
{
	const struct node *n = &s->project->graph.node[id.i];
	const struct run_node *rn = &r->node[id.i];
	struct image_layers layers = { 0 };
	const char *state = run_image_state(rn->state);
	if (rn->result)
		(void)image_layers(s->project, answer_name(n), rn->result, &s->arena, &layers, NULL);
	struct js *o = js_map();
	js_set(o, "environment", js_text(answer_name(n)));
	js_set(o, "state", js_textz(state));
	js_set(o, "digest", rn->result ? digest_js(&rn->result->digest) : js_null());
	js_set(o, "ref", js_null());
	js_set(o, "layers", layers_js(&layers));
	const struct err *why = str_is(str_z(state), "failed") ? failure_of(&s->project->graph, r, id) : NULL;
	if (why)
		js_set(o, "error", js_textz(why->text));
	return o;
}

static void
count_step(struct run_counts *c, const struct run_node *r)
{
	c->steps++;
	c->hit += r->state == RUN_HIT;
	c->restored += r->state == RUN_RESTORED;
	c->made += r->state == RUN_MADE;
	c->cutoff += r->state == RUN_CUTOFF;
	c->failed += r->state == RUN_FAILED;
	c->skipped += r->state == RUN_SKIPPED;
	c->cancelled += r->state == RUN_CANCELLED;
	if ((r->state == RUN_HIT || r->state == RUN_RESTORED || r->state == RUN_CUTOFF) && r->result)
		c->saved_s += r->result->seconds;
}

/* The steps that were not looked at: all of them are hits. */
static void
add_rest(struct session *s, struct run_counts *c)
{
	double saved = s->part->saved_s;
	for (uint32_t i = 0; i < s->project->graph.nnodes; i++) {
		const struct plan_node *p = &s->plan.node[i];
		if (is_step(&s->project->graph.node[i]) && p->wanted && p->estimate_s > 0)
			saved -= p->estimate_s;
	}
	c->hit += s->part->steps > c->steps ? s->part->steps - c->steps : 0;
	c->steps = s->part->steps > c->steps ? s->part->steps : c->steps;
	c->images = c->images_unused = s->part->images;
	c->saved_s += saved > 0 ? saved : 0;
}

struct run_counts
answer_counts(struct session *s, const struct run *r)
{
	const struct graph *g = &s->project->graph;
	struct run_counts c = { 0 };
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const struct run_node *n = &r->node[i];
		if (is_step(&g->node[i]) && n->state != RUN_NONE)
			count_step(&c, n);
		if (!is_image(&g->node[i]))
			continue;
		c.images++;
		switch (run_image_state(n->state)[0]) {
		case 'm':
			c.images_made++;
			break;
		case 'h':
			c.images_hit++;
			break;
		case 'f':
			c.images_failed++;
			break;
		default:
			c.images_unused++;
		}
	}
	if (s->part)
		add_rest(s, &c);
	return c;
}

static struct js *
summary_js(const struct run_counts *c, const struct run *r, bool images_only)
{
	struct js *o = js_map(), *steps = js_map(), *images = js_map();
	js_set(steps, "hit", js_int((int64_t)c->hit));
	js_set(steps, "restored", js_int((int64_t)c->restored));
	js_set(steps, "made", js_int((int64_t)c->made));
	js_set(steps, "cutoff", js_int((int64_t)c->cutoff));
	js_set(steps, "failed", js_int((int64_t)c->failed));
	js_set(steps, "skipped", js_int((int64_t)c->skipped));
	js_set(steps, "cancelled", js_int((int64_t)c->cancelled));
	js_set(images, "hit", js_int((int64_t)c->images_hit));
	js_set(images, "made", js_int((int64_t)c->images_made));
	js_set(images, "unused", js_int((int64_t)c->images_unused));
	js_set(images, "failed", js_int((int64_t)c->images_failed));
	if (images_only)
		js_free(steps);
	else
		js_set(o, "steps", steps);
	js_set(o, "images", images);
	js_set(o, "seconds", js_real(r->seconds));
	return js_set(o, "saved_s", js_real(c->saved_s));
}

struct js *
answer_run(struct session *s, const struct run *r, struct str id, bool images_only, bool all)
{
	static const char *const status[] = { "ok", "failed", "interrupted" };
	const struct graph *g = &s->project->graph;
	struct js *steps = js_list(), *images = js_list(), *o = js_map();
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const struct run_node *n = &r->node[i];
		if (is_step(&g->node[i]) && n->state != RUN_NONE) {
			if (all || n->state != RUN_HIT)
				js_push(steps, answer_step_end(&g->node[i], n));
		} else if (is_image(&g->node[i]) && !(images_only && n->state == RUN_NONE)) {
			js_push(images, run_image(s, r, (node_id){ i }));
		}
	}
	struct run_counts c = answer_counts(s, r);
	js_set(o, "schema", js_int(1));
	js_set(o, "run", js_text(id));
	js_set(o, "pipeline", js_text(s->project->ir.pipeline));
	js_set(o, "status", js_textz(status[r->status]));
	if (images_only)
		js_free(steps);
	else
		js_set(o, "steps", steps);
	js_set(o, "images", images);
	return js_set(o, "summary", summary_js(&c, r, images_only));
}

struct js *
answer_error(const struct err *e)
{
	struct js *o = js_map(), *list = js_list();
	js_set(o, "file", js_null());
	js_set(o, "line", js_null());
	js_set(o, "column", js_null());
	js_set(o, "code", js_textz(e->code == ERR_INPUT ? "usage" : e->code == ERR_BUG ? "bug" : "world"));
	js_set(o, "message", js_textz(e->text));
	js_set(o, "hint", js_null());
	js_push(list, o);
	return js_set(js_set(js_map(), "schema", js_int(1)), "errors", list);
}
