/* SPDX-License-Identifier: Apache-2.0
 *
 * world: node kinds whose world is a table in memory, over a real cache in a scratch folder.
 *
 * A leaf has a value. A made thing's output is a function of its own value and its inputs' outputs, modulo `mod` (small: it often comes
 * out the same). Its workspace is `placed`: the digest of the output that lies there. What was made is counted.
 */
#ifndef PAWL_TESTS_ENGINE_WORLD_H
#define PAWL_TESTS_ENGINE_WORLD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/vec.h"
#include "cache/claim.h"
#include "engine/explain.h"
#include "engine/run.h"
#include "sys/clock.h"
#include "sys/file.h"

enum pace { AT_ONCE, POSTED, ON_THREAD, UNTIL_STOPPED, TIDIES_UP }; /* TIDIES_UP: its program ends before it is done */

struct thing {
	char name[32];
	int64_t value;   /* of a leaf; a made thing's own field "command" */
	int64_t first;   /* what it was at the beginning */
	int64_t param;   /* its own field "param" */
	int64_t mod;     /* outputs there can be; 0: any */
	int64_t noise;   /* in its output, but not in its key */
	struct digest placed;
	enum pace pace;
	bool missing;    /* leaf: look fails */
	bool fails, uncachable, damaged, expired, evicted;
	bool off;        /* condition: false */
	bool always;     /* whatever becomes of what it only comes after */
	int interrupt;   /* signal that it raises when it starts; 0: none */
	struct thing *peeks[3]; /* looked at in this order without being inputs, each only if the one before is not 0; NULL at the end */
	struct thing *edits; /* its value grows by one while this one is made */
	int made, restored, looked, stops;
	struct pool_need need;
	const char *file; /* leaf: shown in reasons */
	node_id n;
	struct task *task;
	struct world *w;
	loop_id timer;
};

struct world {
	struct thing v[600];
	size_t n;
	struct graph g;
	struct cache *cache;
	struct loop *loop;
	struct arena arena; /* of one plan and run */
	char folder[64];
	struct plan plan;
	struct run run;
	int now, most;      /* running jobs */
	char order[4096];   /* names of made things in the order of their starting */
	struct plan_opts opts;
	struct run_opts ropts;
	int rc;
	struct err err;
};

static struct thing *
thing_of(const struct inputs *in)
{
	return in->graph->node[in->node.i].data;
}

static struct thing *
thing_at(void *ctx, node_id n)
{
	return ((struct world *)ctx)->g.node[n.i].data;
}

static int
leaf_look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	struct thing *t = thing_of(in);
	char text[32];
	(void)ctx;
	(void)a;
	t->looked++;
	if (t->missing)
		return err_set(e, ERR_MISSING, "no file '%s'", t->name);
	out->digest = digest_of((struct str){ text, (size_t)snprintf(text, sizeof text, "%" PRId64, t->value) });
	return 0;
}

static void
leaf_explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct thing *t = thing_at(ctx, n);
	(void)c;
	out->code = REASON_INPUT;
	out->text = arena_printf(a, "%s changed", t->name);
	if (t->file) {
		out->file = str_z(t->file);
		out->line = 7;
	}
}

/* A computed source, as the code of a step over its files: its value is what its inputs are modulo mod. */
static int
code_look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	struct thing *t = thing_of(in);
	AUTO_BUF b = { 0 };
	(void)ctx;
	(void)a;
	(void)e;
	t->looked++;
	for (uint32_t i = 0; i < in->graph->node[in->node.i].nin; i++)
		if (in->of[i])
			buf_put(&b, (struct str){ (const char *)in->of[i]->digest.b, 32 });
	out->digest = digest_of(buf_str(&b));
	return 0;
}

static void
code_explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct key_field *k = c->b ? c->b : c->a;
	(void)ctx;
	(void)n;
	out->code = REASON_CODE;
	out->text = arena_printf(a, STR_FMT " definition changed", STR_ARG(k->name));
	out->file = k->name;
	out->line = 3;
}

static int
made_fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct thing *t = thing_of(in);
	(void)ctx;
	(void)e;
	key_num(k, "command", STR(""), t->value);
	key_num(k, "param", STR("lr"), t->param);
	key_text(k, "name", STR(""), str_z(t->name));
	return 0;
}

static void
made_explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct key_field *k = c->b ? c->b : c->a;
	(void)ctx;
	(void)n;
	out->code = str_is(k->tag, "command") ? REASON_COMMAND : str_is(k->tag, "param") ? REASON_PARAMS :
		    str_is(k->tag, "code") ? REASON_CODE : str_is(k->tag, "observed") ? REASON_OBSERVED : REASON_INPUT;
	out->text = arena_printf(a, STR_FMT " " STR_FMT " changed", STR_ARG(k->tag), STR_ARG(k->name));
}

/* What it looks at beside its inputs: names and values. */
static size_t
peek(const struct thing *t, struct arena *a, struct observed_fact v[3])
{
	size_t n = 0;
	for (const struct thing *const *at = (const struct thing *const *)t->peeks; n < 3 && *at; at++) {
		v[n++] = (struct observed_fact){ str_z((*at)->name), arena_printf(a, "%" PRId64, (*at)->value) };
		if (!(*at)->value)
			break;
	}
	for (size_t i = 1; i < n; i++) /* few: sorted by exchanging neighbours */
		for (size_t k = i; k > 0 && str_cmp(v[k - 1].question, v[k].question) > 0; k--) {
			const struct observed_fact x = v[k];
			v[k] = v[k - 1];
			v[k - 1] = x;
		}
	return n;
}

/* The output of t by its inputs: what a step does. */
static struct digest
compute(const struct thing *t, const struct inputs *in)
{
	AUTO_BUF b = { 0 };
	char text[32];
	const struct node *x = &in->graph->node[in->node.i];
	buf_printf(&b, "%s %" PRId64 " %" PRId64 " %" PRId64, t->mod ? "" : t->name, t->value, t->param, t->noise);
	for (uint32_t i = 0; i < x->nin; i++) {
		const struct edge *e = &in->graph->edge[x->in + i];
		if (e->kind != EDGE_INPUT)
			continue;
		assert_non_null(in->of[i]);
		const struct output *o = e->port.n ? result_output(in->of[i], e->port) : NULL;
		buf_put(&b, (struct str){ (const char *)(o ? o->digest.b : in->of[i]->digest.b), 32 });
	}
	struct arena a = { 0 };
	struct observed_fact facts[3];
	const size_t nfacts = peek(t, &a, facts);
	for (size_t i = 0; i < nfacts; i++)
		buf_printf(&b, " " STR_FMT "=" STR_FMT, STR_ARG(facts[i].question), STR_ARG(facts[i].answer));
	arena_done(&a);
	struct digest d = digest_of(buf_str(&b));
	if (!t->mod)
		return d;
	uint64_t number;
	memcpy(&number, d.b, sizeof number);
	return digest_of((struct str){ text, (size_t)snprintf(text, sizeof text, "%" PRIu64, number % (uint64_t)t->mod) });
}

static void
thing_done(void *ctx)
{
	struct thing *t = ctx;
	struct task *task = t->task;
	struct err e = { 0 };
	t->timer = 0;
	t->task = NULL;
	t->w->now--;
	if (t->fails) {
		task->exit = 7;
		(void)err_set(&e, ERR_FAILED, "exit status 7");
		memset(&t->placed, 0, sizeof t->placed);
		const struct result r = { .log = digest_of(STR("log")) };
		task->done(task, &r, false, &e);
		return;
	}
	struct output o[2] = { { .name = STR_INIT("o"), .type = OUTPUT_VALUE, .digest = compute(t, &task->inputs) },
			       { .name = STR_INIT("a"), .type = OUTPUT_VALUE, .digest = digest_of(STR("constant")) } };
	t->placed = o[0].digest;
	t->damaged = false;
	struct observed_fact facts[3];
	const size_t nfacts = peek(t, task->arena, facts);
	const struct result r = { .outputs = o, .noutputs = 2, .log = digest_of(STR("log")), .observed = facts, .nobserved = nfacts };
	if (t->edits)
		t->edits->value++;
	task->done(task, &r, t->uncachable, NULL);
}

static void
tidy_up(void *ctx)
{
	struct thing *t = ctx;
	loop_post(t->task->loop, thing_done, t);
	t->task->ended(t->task);
}

static void
think(void *ctx)
{
	(void)ctx;
}

static void
nothing(void *ctx)
{
	(void)ctx;
}

static void
made_start(struct task *task)
{
	struct world *w = task->ctx;
	struct thing *t = thing_at(w, task->node);
	t->task = task;
	t->made++;
	w->now++;
	w->most = w->now > w->most ? w->now : w->most;
	(void)snprintf(w->order + strlen(w->order), sizeof w->order - strlen(w->order), "%s ", t->name);
	for (uint32_t i = 0; i < w->g.node[task->node.i].nin; i++)
		assert_true(task->inputs.of[i] || w->g.edge[w->g.node[task->node.i].in + i].kind == EDGE_ORDER);
	if (t->interrupt)
		assert_int_equal(kill(getpid(), t->interrupt), 0);
	switch (t->pace) {
	case AT_ONCE:
		thing_done(t);
		break;
	case POSTED:
		loop_post(task->loop, thing_done, t);
		break;
	case ON_THREAD:
		loop_work(task->loop, think, thing_done, t);
		break;
	case TIDIES_UP:
		loop_post(task->loop, tidy_up, t);
		break;
	case UNTIL_STOPPED:
		t->timer = loop_timer(task->loop, clock_mono() + 600 * NS_PER_S, nothing, t);
		break;
	}
}

static void
made_stop(struct task *task, bool hard)
{
	struct world *w = task->ctx;
	struct thing *t = thing_at(w, task->node);
	struct err e = { 0 };
	t->stops++;
	if (t->pace != UNTIL_STOPPED || (t->fails && !hard))
		return;
	loop_remove(task->loop, t->timer);
	t->task = NULL;
	w->now--;
	(void)err_set(&e, ERR_INTERRUPTED, "stopped");
	task->done(task, NULL, false, &e);
}

static enum usable
made_usable(void *ctx, node_id n, const struct result *r)
{
	const struct thing *t = thing_at(ctx, n);
	(void)r;
	return t->expired ? USABLE_EXPIRED : USABLE_YES;
}

static bool
made_in_place(void *ctx, node_id n, const struct result *r, bool *evicted)
{
	const struct thing *t = thing_at(ctx, n);
	const struct output *o = result_output(r, STR("o"));
	*evicted = t->evicted;
	return digest_eq(&o->digest, &t->placed);
}

static void
made_restore(struct task *task, const struct result *r)
{
	struct thing *t = thing_at(task->ctx, task->node);
	struct err e = { 0 };
	if (t->damaged) {
		(void)err_set(&e, ERR_DAMAGED, "the blob of '%s' is damaged", t->name);
		task->done(task, NULL, false, &e);
		return;
	}
	t->restored++;
	t->placed = result_output(r, STR("o"))->digest;
	task->done(task, r, false, NULL);
}

static size_t
made_needs(void *ctx, node_id n, const struct pool_need **out)
{
	struct thing *t = thing_at(ctx, n);
	*out = &t->need;
	return t->need.name.n ? 1 : 0;
}

static bool
made_wanted(void *ctx, const struct inputs *in, bool *unknown, struct err *e)
{
	(void)ctx;
	(void)unknown;
	(void)e;
	return !thing_of(in)->off;
}

static int
made_observe(void *ctx, node_id n, struct str question, struct arena *a, struct str *answer)
{
	struct world *w = ctx;
	(void)n;
	for (size_t i = 0; i < w->n; i++)
		if (str_is(question, w->v[i].name)) {
			*answer = arena_printf(a, "%" PRId64, w->v[i].value);
			return 0;
		}
	return -1;
}

static bool
made_always(void *ctx, node_id n)
{
	return thing_at(ctx, n)->always;
}

static const struct rule leaf = { .kind = "leaf", .schema = 1, .source = true, .look = leaf_look, .explain = leaf_explain };
static const struct rule code = { .kind = "code", .schema = 1, .source = true, .look = code_look, .explain = code_explain };
#define MADE                                                                                                               \
	.schema = 1, .fields = made_fields, .usable = made_usable, .in_place = made_in_place, .restore = made_restore, \
	.start = made_start, .stop = made_stop, .explain = made_explain, .needs = made_needs, .wanted = made_wanted, \
	.always = made_always
static const struct rule step = { .kind = "step", .job = true, .observe = made_observe, MADE };
static const struct rule image = { .kind = "image", MADE };

static struct world *
world_new(void)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	/* In memory where that is to be had: what a disk costs is not asked here. */
	(void)snprintf(w->folder, sizeof w->folder, "%s/pawl-test-engine-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(w->folder));
	assert_int_equal(cache_open(str_z(w->folder), &w->cache, &w->err), 0);
	w->loop = loop_new(&w->err);
	assert_non_null(w->loop);
	w->opts = (struct plan_opts){ .graph = &w->g, .cache = w->cache, .ctx = w, .project = STR("/here\0p"), .pipeline = STR("p") };
	w->ropts.keep_going = true;
	w->ropts.jobs = 4;
	return w;
}

static void
world_free(struct world *w)
{
	graph_done(&w->g);
	arena_done(&w->arena);
	cache_close(w->cache);
	loop_free(w->loop);
	assert_int_equal(file_remove_tree(AT_FDCWD, w->folder, NULL), 0);
	free(w);
}

static struct thing *
add(struct world *w, const struct rule *rule, const char *name)
{
	assert_true(w->n < sizeof w->v / sizeof *w->v);
	struct thing *t = &w->v[w->n++];
	(void)snprintf(t->name, sizeof t->name, "%s", name);
	t->w = w;
	t->n = graph_add(&w->g, rule, str_z(t->name), t);
	return t;
}

static void
input(struct world *w, struct thing *from, struct thing *to)
{
	const bool made = !w->g.node[from->n.i].rule->source;
	const char *tag = w->g.node[from->n.i].rule == &code ? "code" : "input";
	graph_edge(&w->g, from->n, to->n, EDGE_INPUT, tag, str_z(from->name), made ? STR("o") : STR(""));
}

__attribute__((unused)) static void
edge(struct world *w, struct thing *from, struct thing *to, enum edge_kind kind)
{
	graph_edge(&w->g, from->n, to->n, kind, NULL, STR(""), STR(""));
}

__attribute__((unused)) static struct thing *
get(struct world *w, const char *name)
{
	const node_id n = graph_find(&w->g, str_z(name));
	assert_int_not_equal(n.i, UINT32_MAX);
	return w->g.node[n.i].data;
}

static void
seal(struct world *w)
{
	if (!w->g.sealed)
		assert_int_equal(graph_seal(&w->g, &w->err), 0);
}

static void
make_plan(struct world *w)
{
	seal(w);
	arena_done(&w->arena);
	assert_int_equal(plan_make(&w->opts, &w->arena, &w->plan, &w->err), 0);
}

static void
go(struct world *w)
{
	make_plan(w);
	w->order[0] = '\0';
	w->most = 0;
	w->ropts.plan = w->opts;
	w->ropts.loop = w->loop;
	w->rc = run(&w->ropts, &w->plan, &w->arena, &w->run, &w->err);
	if (w->rc < 0)
		fail_msg("run: %s", w->err.text);
	assert_null(w->run.unrecorded);
}

/* "load made, scale cutoff": the states of made things in the order of adding. */
__attribute__((unused)) static void
states(struct world *w, const char *expected)
{
	AUTO_BUF b = { 0 };
	for (uint32_t i = 0; i < w->g.nnodes; i++)
		if (!w->g.node[i].rule->source)
			buf_printf(&b, "%s" STR_FMT " %s", b.n ? ", " : "", STR_ARG(w->g.node[i].name), run_state_name(w->run.node[i].state));
	assert_string_equal(buf_z(&b), expected);
}

__attribute__((unused)) static void
plans(struct world *w, const char *expected)
{
	static const char *const names[] = { "unseen", "hit", "run", "maybe", "skip", "unused" };
	AUTO_BUF b = { 0 };
	make_plan(w);
	for (uint32_t i = 0; i < w->g.nnodes; i++) {
		const struct plan_node *p = &w->plan.node[i];
		if (!w->g.node[i].rule->source)
			buf_printf(&b, "%s" STR_FMT " %s%s%s", b.n ? ", " : "", STR_ARG(w->g.node[i].name), names[p->state],
				   p->reason.code ? " " : "", reason_name(p->reason.code));
	}
	assert_string_equal(buf_z(&b), expected);
}

#endif
