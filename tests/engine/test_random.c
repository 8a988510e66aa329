/* SPDX-License-Identifier: Apache-2.0
 *
 * Random graphs and random edits. After each run the world is compared with one made from scratch by a model (a plain walk in
 * topological order), what was made with a model of need (a key was not seen before), and the plan of before with what happened.
 * PAWL_SEED repeats a run of it.
 */
#include "tests/engine/world.h"

#include <time.h>

struct model {
	struct digest key[600]; /* keys that have a result in the cache */
	size_t n;
};

static uint64_t seed;

static uint32_t
pick(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % n;
}

static struct world *
random_world(void)
{
	struct world *w = world_new();
	const uint32_t nleaf = 1 + pick(8), ncode = pick(5), nstep = 2 + pick(30), nimage = pick(4);
	char name[32];
	for (uint32_t i = 0; i < nleaf; i++) {
		(void)snprintf(name, sizeof name, "leaf:%u", i);
		add(w, &leaf, name)->value = pick(3);
	}
	for (uint32_t i = 0; i < ncode; i++) {
		(void)snprintf(name, sizeof name, "code:%u", i);
		struct thing *c = add(w, &code, name);
		for (uint32_t k = 1 + pick(3); k; k--)
			input(w, &w->v[pick(nleaf)], c);
	}
	for (uint32_t i = 0; i < nimage; i++) {
		(void)snprintf(name, sizeof name, "image:%u", i);
		struct thing *t = add(w, &image, name);
		input(w, &w->v[pick(nleaf)], t);
		t->pace = (enum pace)pick(3);
	}
	for (uint32_t i = 0; i < nstep; i++) {
		(void)snprintf(name, sizeof name, "step:%u", i);
		struct thing *t = add(w, &step, name);
		t->mod = pick(3) ? 0 : 1 + pick(3);
		t->pace = (enum pace)pick(3);
		for (uint32_t k = pick(4); k; k--) {
			struct thing *from = &w->v[pick((uint32_t)w->n - 1)];
			if (w->g.node[from->n.i].rule != &image)
				input(w, from, t);
		}
		if (nimage && pick(3) == 0)
			edge(w, &w->v[nleaf + ncode + pick(nimage)], t, EDGE_NEED);
		if (i && pick(4) == 0)
			edge(w, &w->v[nleaf + ncode + nimage + pick(i)], t, EDGE_ORDER);
	}
	w->ropts.jobs = 1 + pick(6);
	return w;
}

static void
random_edit(struct world *w)
{
	struct thing *t = &w->v[pick((uint32_t)w->n)];
	const struct rule *rule = w->g.node[t->n.i].rule;
	if (rule == &leaf)
		t->value = pick(3);
	else if (rule == &code)
		return;
	else
		switch (pick(5)) {
		case 0:
			t->value = pick(3);
			break;
		case 1:
			t->param = pick(2);
			break;
		case 2:
			memset(&t->placed, 0, sizeof t->placed);
			break;
		case 3:
			t->fails = !pick(3);
			break;
		default:
			t->damaged = true;
			memset(&t->placed, 0, sizeof t->placed);
			break;
		}
}

/* What a run from scratch gives, and whether it was needed to make the thing. */
struct truth {
	struct digest digest; /* of output o, or of the source */
	struct digest whole;
	bool good;            /* it has a result */
};

static bool
is_known(const struct model *m, const struct digest *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (digest_eq(&m->key[i], key))
			return true;
	return false;
}

/* n's inputs as they would be from scratch. False: something that n needs has no result. */
static bool
true_inputs(struct world *w, node_id n, const struct truth *truth, struct arena *a, struct inputs *out)
{
	const struct node *x = &w->g.node[n.i];
	const struct result **of = arena_array(a, const struct result *, x->nin);
	bool good = true;
	for (uint32_t j = 0; j < x->nin; j++) {
		const struct edge *e = &w->g.edge[x->in + j];
		good &= e->kind == EDGE_NEED || truth[e->from.i].good;
		if (e->kind != EDGE_INPUT)
			continue;
		struct result *in = arena_new(a, struct result);
		in->digest = truth[e->from.i].whole;
		in->outputs = arena_new(a, struct output);
		in->noutputs = 1;
		in->outputs[0] = (struct output){ .name = STR("o"), .digest = truth[e->from.i].digest };
		of[j] = in;
	}
	*out = (struct inputs){ .graph = &w->g, .node = n, .of = of };
	return good;
}

static bool
an_image_failed(const struct world *w, node_id n)
{
	const struct node *x = &w->g.node[n.i];
	for (uint32_t j = x->in; j < x->in + x->nin; j++) {
		const enum run_state s = w->run.node[w->g.edge[j].from.i].state;
		if (w->g.edge[j].kind == EDGE_NEED && (s == RUN_FAILED || s == RUN_SKIPPED))
			return true;
	}
	return false;
}

static void
check_made(struct world *w, struct model *m, node_id n, const struct inputs *in, bool made, struct truth *truth)
{
	const struct thing *t = w->g.node[n.i].data;
	const struct run_node *r = &w->run.node[n.i];
	const bool known = is_known(m, &r->key_digest);
	if (r->state == RUN_SKIPPED) {
		assert_true(an_image_failed(w, n) && !made && (!known || t->damaged));
		return;
	}
	if (r->state == RUN_FAILED) {
		assert_true(made && t->fails);
		return;
	}
	const struct digest expected = compute(t, in);
	assert_int_equal(made, r->state == RUN_MADE);
	assert_true(!made || !known || r->reason.code == REASON_EVICTED);
	assert_true(made || known);
	assert_true(digest_eq(&expected, &t->placed)); /* the workspace is as from scratch */
	assert_true(digest_eq(&result_output(r->result, STR("o"))->digest, &expected));
	*truth = (struct truth){ expected, r->result->digest, true };
	if (!known)
		m->key[m->n++] = r->key_digest;
	assert_true(m->n < sizeof m->key / sizeof *m->key);
}

static void
check(struct world *w, struct model *m, const int *made_before)
{
	struct truth truth[600] = { 0 };
	struct arena a = { 0 };
	for (uint32_t i = 0; i < w->g.nnodes; i++) {
		const node_id n = w->g.order[i];
		const struct thing *t = w->g.node[n.i].data;
		const struct rule *rule = w->g.node[n.i].rule;
		const enum run_state state = w->run.node[n.i].state;
		const bool made = t->made != made_before[n.i];
		struct inputs in;
		const bool good = true_inputs(w, n, truth, &a, &in);
		if (rule->source) {
			struct result out = { 0 };
			if (good)
				assert_int_equal(rule->look(w, &in, &a, &out, NULL), 0);
			truth[n.i] = (struct truth){ out.digest, out.digest, good };
		} else if (rule == &image && (state == RUN_UNUSED || state == RUN_NONE)) {
			assert_false(made);
			truth[n.i].good = true;
		} else if (!good) {
			assert_true(state == RUN_SKIPPED && !made);
		} else {
			check_made(w, m, n, &in, made, &truth[n.i]);
		}
	}
	arena_done(&a);
}

/* A run that stops at the first failure, or at a signal: whatever it did make is recorded and right; the next run goes on from there. */
static void
disturbed(struct world *w, struct model *m)
{
	struct thing *t = &w->v[pick((uint32_t)w->n)];
	w->ropts.keep_going = false;
	t->interrupt = pick(2) ? SIGINT : 0;
	go(w);
	t->interrupt = 0;
	w->ropts.keep_going = true;
	for (uint32_t i = 0; i < w->g.nnodes; i++) {
		const struct run_node *r = &w->run.node[i];
		const struct thing *x = w->g.node[i].data;
		if (w->g.node[i].rule->source)
			continue;
		if (r->state == RUN_MADE && !is_known(m, &r->key_digest))
			m->key[m->n++] = r->key_digest;
		if (r->result && r->state != RUN_FAILED)
			assert_true(is_known(m, &r->key_digest) && digest_eq(&result_output(r->result, STR("o"))->digest, &x->placed));
	}
}

/* What the plan said is what happened. */
static void
check_plan(const struct world *w)
{
	for (uint32_t i = 0; i < w->g.nnodes; i++) {
		const struct plan_node *p = &w->plan.node[i];
		const enum run_state s = w->run.node[i].state;
		if (w->g.node[i].rule->source || s == RUN_SKIPPED)
			continue;
		if (p->state == PLAN_UNUSED)
			assert_true(s == RUN_UNUSED || s == RUN_HIT || s == RUN_MADE || s == RUN_RESTORED || s == RUN_FAILED);
		if (p->state == PLAN_HIT && p->in_place)
			assert_true(s == RUN_HIT || s == RUN_CUTOFF || s == RUN_MADE || s == RUN_UNUSED); /* made: something above was damaged */
		if (p->state == PLAN_RUN && p->has_key)
			assert_true(s == RUN_MADE || s == RUN_FAILED);
	}
}

static void
random_edits(void **state)
{
	const char *given = getenv("PAWL_SEED");
	const uint64_t first = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000;
	const int rounds = given ? 1 : 40;
	(void)state;
	for (int round = 0; round < rounds; round++) {
		seed = first + (uint64_t)round;
		(void)fprintf(stderr, "PAWL_SEED=%" PRIu64 "%s", seed, round + 1 < rounds ? "\r" : "\n");
		seed = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
		struct world *w = random_world();
		struct model m = { .n = 0 };
		for (int turn = 0; turn < 12; turn++) {
			int before[600];
			for (size_t i = 0; i < w->n; i++)
				before[i] = w->v[i].made;
			go(w);
			check(w, &m, before);
			check_plan(w);
			if (m.n > 400)
				break;
			for (uint32_t k = pick(4); k; k--)
				random_edit(w);
			if (pick(4) == 0)
				disturbed(w, &m);
		}
		world_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_edits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
