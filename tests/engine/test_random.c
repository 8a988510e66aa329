/* SPDX-License-Identifier: Apache-2.0
 *
 * Random graphs and random edits, reverts, interrupts, kills and runs at the same time. After each run the world is compared with one made from
 * scratch by a model (a plain walk in topological order), what was made with a model of need (a key was not seen before), and the plan of before
 * with what happened.
 *
 * SOAK=N is how many such cycles there are (10,000). The seed of a round is printed; a round that fails is made shorter, turn by turn and event by
 * event, as long as it fails, and the command that repeats the rest is printed: PAWL_SEED, PAWL_TURNS, PAWL_SKIP (events, "turn.number").
 */
#include "tests/engine/world.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define TURNS 12
#define EVENTS 6 /* of a turn at most */

struct model {
	struct digest key[2000]; /* keys that have a result in the cache */
	size_t n;
	bool killed;             /* a run was killed: more than the model knows may have a result */
};

static uint64_t seed, round_seed;

static uint32_t
pick(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % n;
}

/* Dice of their own for each event, so that leaving one out changes no other. */
static void
throw_for(int turn, int event)
{
	seed = (round_seed + (uint64_t)turn * 1000 + (uint64_t)event + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	for (int i = 0; i < 3; i++)
		(void)pick(2);
}

static bool
left_out(int turn, int event)
{
	char text[24];
	const char *all = getenv("PAWL_SKIP");
	(void)snprintf(text, sizeof text, " %d.%d ", turn, event);
	return all && strstr(all, text);
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
		for (uint32_t k = 0, n = pick(4) ? 0 : 1 + pick(3); k < n; k++)
			t->peeks[k] = &w->v[pick(nleaf)];
		for (uint32_t k = 1; k < 3; k++) /* each question once */
			for (uint32_t j = 0; j < k; j++)
				if (t->peeks[k] && t->peeks[k] == t->peeks[j])
					t->peeks[k] = NULL;
		if (!t->peeks[1])
			t->peeks[2] = NULL;
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
		switch (pick(7)) {
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
		case 4: /* back to the beginning */
			for (size_t i = 0; i < w->n; i++)
				w->v[i].value = w->v[i].first;
			break;
		case 5: /* a fresh clone */
			for (size_t i = 0; i < w->n; i++)
				memset(&w->v[i].placed, 0, sizeof w->v[i].placed);
			break;
		default:
			t->damaged = true;
			memset(&t->placed, 0, sizeof t->placed);
			break;
		}
}

/* What a result is kept under: its key, and the answers to what was looked at beside it. */
static struct digest
known_as(const struct world *w, node_id n)
{
	const struct thing *t = w->g.node[n.i].data;
	struct arena a = { 0 };
	AUTO_BUF b = { 0 };
	struct observed_fact facts[3];
	const size_t nfacts = peek(t, &a, facts);
	buf_put(&b, (struct str){ (const char *)w->run.node[n.i].key_digest.b, 32 });
	for (size_t i = 0; i < nfacts; i++)
		buf_printf(&b, " " STR_FMT "=" STR_FMT, STR_ARG(facts[i].question), STR_ARG(facts[i].answer));
	arena_done(&a);
	return digest_of(buf_str(&b));
}

static void
learn(struct model *m, const struct world *w, node_id n)
{
	assert_true(m->n < sizeof m->key / sizeof *m->key);
	m->key[m->n++] = known_as(w, n);
}

/* What a run from scratch gives, and whether it was needed to make the thing. */
struct truth {
	struct digest digest; /* of output o, or of the source */
	struct digest whole;
	bool good;            /* it has a result */
};

static bool
is_known(const struct model *m, const struct world *w, node_id n)
{
	const struct digest d = known_as(w, n), *key = &d;
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
	bool known = is_known(m, w, n);
	if (m->killed && !known && r->result && !made) {
		learn(m, w, n);
		known = true;
	}
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
		learn(m, w, n);
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
		const node_id n = { i };
		if (r->result && r->state != RUN_FAILED && !is_known(m, w, n) && (r->state == RUN_MADE || m->killed))
			learn(m, w, n);
		if (r->result && r->state != RUN_FAILED)
			assert_true(is_known(m, w, n) && digest_eq(&result_output(r->result, STR("o"))->digest, &x->placed));
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

/* What a second process tells the first. */
struct other {
	size_t nmade;
	char made[600][32];
	int right;
};

/* After a fork: the cache and the loop of the parent are not ours. */
static void
move_out(struct world *w)
{
	assert_int_equal(cache_open(str_z(w->folder), &w->cache, &w->err), 0);
	w->loop = loop_new(&w->err);
	w->opts.cache = w->cache;
	w->order[0] = 0;
}

/* Another process runs the same project until it is killed when one of its things starts; nothing of its workspace is left. */
__attribute__((unused)) static void
killed(struct world *w, struct model *m)
{
	struct thing *t = &w->v[pick((uint32_t)w->n)];
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		move_out(w);
		t->interrupt = SIGKILL;
		go(w);
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	m->killed = true;
}

static int
made_both(const struct world *w, const int *before, const struct other *o)
{
	int n = 0;
	for (size_t i = 0; i < o->nmade; i++)
		for (size_t k = 0; k < w->n; k++)
			n += strcmp(w->v[k].name, o->made[i]) == 0 && w->v[k].made != before[k] && !w->v[k].fails && !w->v[k].damaged;
	return n;
}

/* Two processes at once, each with a workspace of its own, on one cache: both are right, and together they make nothing twice. */
__attribute__((unused)) static void
at_once(struct world *w, struct model *m)
{
	struct other *o = mmap(NULL, sizeof *o, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int before[600], pipes[2];
	bool damaged = false;
	assert_true(o != MAP_FAILED);
	assert_int_equal(pipe(pipes), 0);
	for (size_t i = 0; i < w->n; i++) {
		before[i] = w->v[i].made;
		damaged = damaged || w->v[i].damaged;
	}
	m->killed = true;
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		move_out(w);
		(void)!write(pipes[1], "x", 1);
		go(w);
		for (size_t i = 0; i < w->n; i++)
			if (w->v[i].made != before[i])
				(void)snprintf(o->made[o->nmade++], sizeof o->made[0], "%s", w->v[i].name);
		o->right = 1;
		_exit(0);
	}
	char x;
	(void)!read(pipes[0], &x, 1);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	go(w);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(status == 0 && o->right);
	check(w, m, before);
	if (!damaged)
		assert_int_equal(made_both(w, before, o), 0);
	assert_int_equal(munmap(o, sizeof *o), 0);
}

/* What comes between two runs that are checked. */
static void
between(struct world *w, struct model *m, int turn)
{
	throw_for(turn, 0);
	const int edits = (int)pick(4), disturbance = (int)pick(10);
	for (int k = 1; k <= edits; k++) {
		throw_for(turn, k);
		if (!left_out(turn, k))
			random_edit(w);
	}
	throw_for(turn, EVENTS);
	if (left_out(turn, EVENTS))
		return;
	if (disturbance < 2)
		disturbed(w, m);
#ifndef __SANITIZE_THREAD__ /* it follows no fork */
	else if (disturbance == 2)
		killed(w, m);
	else if (disturbance == 3)
		at_once(w, m);
#endif
}

/* Number of cycles. */
static int
one_round(int turns)
{
	seed = round_seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	struct world *w = random_world();
	struct model *m = calloc(1, sizeof *m);
	int turn = 0;
	assert_non_null(m);
	for (size_t i = 0; i < w->n; i++)
		w->v[i].first = w->v[i].value;
	for (; turn < turns && m->n < 1200; turn++) {
		int before[600];
		for (size_t i = 0; i < w->n; i++)
			before[i] = w->v[i].made;
		go(w);
		check(w, m, before);
		check_plan(w);
		between(w, m, turn);
	}
	free(m);
	world_free(w);
	return turn;
}

static int
number(const char *name, int otherwise)
{
	const char *given = getenv(name);
	return given ? atoi(given) : otherwise;
}

static void
random_edits(void **state)
{
	const char *given = getenv("PAWL_SEED");
	const int turns = number("PAWL_TURNS", TURNS);
	const int soak = number("SOAK", 10000);
	(void)state;
	round_seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000000;
	(void)fprintf(stderr, "PAWL_SEED=%" PRIu64 " and up\n", round_seed);
	for (int done = 0; done < soak; round_seed++) {
		done += one_round(turns);
		if (given)
			break;
	}
}

/* Does the round fail so? */
static bool
fails(const char *self, int turns, const char *skip)
{
	char text[32];
	const pid_t child = fork();
	if (child == 0) {
		const int out = open("/dev/null", O_RDWR);
		(void)dup2(out, 1);
		(void)dup2(out, 2);
		(void)snprintf(text, sizeof text, "%" PRIu64, round_seed);
		(void)setenv("PAWL_SEED", text, 1);
		(void)snprintf(text, sizeof text, "%d", turns);
		(void)setenv("PAWL_TURNS", text, 1);
		(void)setenv("PAWL_SKIP", skip, 1);
		(void)execl(self, self, (char *)NULL);
		_exit(127);
	}
	int status = 0;
	return child > 0 && waitpid(child, &status, 0) == child && status != 0;
}

static void
shrink(void)
{
	static char skip[8192] = " ";
	const char *self = "/proc/self/exe";
	int turns = 1;
	while (turns < TURNS && !fails(self, turns, skip))
		turns++;
	for (int turn = 0; turn < turns; turn++)
		for (int k = 1; k <= EVENTS; k++) {
			const size_t n = strlen(skip);
			(void)snprintf(skip + n, sizeof skip - n, "%d.%d ", turn, k);
			if (!fails(self, turns, skip))
				skip[n] = 0;
		}
	(void)fprintf(stderr, "repeat it by: PAWL_SEED=%" PRIu64 " PAWL_TURNS=%d PAWL_SKIP='%s'\n", round_seed, turns, skip);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_edits),
	};
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed && !getenv("PAWL_SEED"))
		shrink();
	return failed;
}
