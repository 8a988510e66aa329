/* SPDX-License-Identifier: Apache-2.0
 *
 * What starts when, and how it ends: places, pools, signals, time limits, other processes.
 */
#include "tests/engine/world.h"

static void
pools_and_places(void **state)
{
	struct world *w = world_new();
	static const struct run_pool pool[] = { { STR_INIT("gpus"), 2000 } };
	char name[16];
	(void)state;
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof name, "s%d", i);
		struct thing *t = add(w, &step, name);
		t->pace = i % 2 ? POSTED : ON_THREAD;
		t->need = (struct pool_need){ STR("gpus"), i == 20 ? 99000 : 1000 };
	}
	w->ropts.pools = pool;
	w->ropts.npools = 1;
	w->ropts.jobs = 8;
	go(w);
	assert_int_equal(w->most, 2);
	for (size_t i = 0; i < w->n; i++)
		assert_int_equal(w->run.node[i].state, RUN_MADE);
	w->opts.force = true;
	w->ropts.npools = 0;
	w->ropts.jobs = 3;
	go(w);
	assert_int_equal(w->most, 3);
	world_free(w);
}

/* Its place and its resources are free while it is not done yet; what waits for its result goes on waiting. */
static void
who_tidies_up_takes_no_place(void **state)
{
	static const struct {
		enum pace pace;
		int most;
	} rows[] = { { POSTED, 1 }, { TIDIES_UP, 2 } };
	static const struct run_pool pool[] = { { STR_INIT("gpus"), 1000 } };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world *w = world_new();
		struct thing *first = add(w, &step, "first"), *next = add(w, &step, "next"), *after = add(w, &step, "after");
		input(w, first, after);
		first->pace = next->pace = rows[i].pace;
		first->need = next->need = (struct pool_need){ STR("gpus"), 1000 };
		w->ropts.pools = pool;
		w->ropts.npools = 1;
		w->ropts.jobs = 1;
		go(w);
		assert_int_equal(w->most, rows[i].most);
		states(w, "first made, next made, after made");
		world_free(w);
	}
}

struct seen {
	struct world *w;
	int calls, made;
};

static void
at_the_end(void *ctx, struct run *r, struct batch *b)
{
	struct seen *s = ctx;
	s->calls++;
	for (size_t i = 0; i < s->w->n; i++)
		s->made += r->node[i].state == RUN_MADE;
	assert_true(r->seconds > 0);
	batch_put(b, TABLE_MISC, STR("last"), STR("words"));
}

/* What is said about the whole run and the last result are durable together: one commit. */
static void
the_last_words_are_in_the_last_commit(void **state)
{
	struct world *w = world_new();
	struct seen s = { .w = w };
	struct view *v;
	struct str value;
	(void)state;
	add(w, &step, "a")->pace = POSTED;
	add(w, &step, "b")->pace = ON_THREAD;
	w->ropts.last = at_the_end;
	w->ropts.last_ctx = &s;
	go(w);
	assert_int_equal(s.calls, 1);
	assert_int_equal(s.made, 2);
	assert_int_equal(view_begin(w->cache->records, &v, NULL), 0);
	assert_true(view_get(v, TABLE_MISC, STR("last"), &value) && str_is(value, "words"));
	assert_int_equal(view_count(v, TABLE_RESULT), 2);
	view_end(v);
	go(w); /* nothing is made, and still there is an end */
	assert_int_equal(s.calls, 2);
	assert_int_equal(s.made, 2);
	world_free(w);
}

static void
the_longest_way_goes_first(void **state)
{
	struct world *w = world_new();
	struct thing *s1 = add(w, &step, "short"), *a = add(w, &step, "a"), *b = add(w, &step, "b"), *c = add(w, &step, "c");
	(void)state;
	(void)s1;
	input(w, a, b);
	input(w, b, c);
	w->ropts.jobs = 1;
	for (size_t i = 0; i < w->n; i++)
		w->v[i].pace = POSTED;
	go(w);
	assert_string_equal(w->order, "a b short c ");
	world_free(w);
}

static void
an_interrupt_stops_softly_then_hard(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world *w = world_new();
		struct thing *fast = add(w, &step, "fast"), *slow = add(w, &step, "slow"), *after = add(w, &step, "after");
		input(w, fast, slow);
		input(w, slow, after);
		slow->pace = UNTIL_STOPPED;
		slow->interrupt = signals[i];
		go(w);
		states(w, "fast made, slow cancelled, after cancelled");
		assert_int_equal(w->run.status, RUN_WAS_INTERRUPTED);
		assert_int_equal(w->run.signal, signals[i]);
		assert_int_equal(slow->stops, 1);
		plans(w, "fast hit, slow run new, after run new");
		world_free(w);
	}
}

static void
interrupt_again(void *ctx)
{
	struct thing *t = ctx;
	if (t->stops)
		assert_int_equal(kill(getpid(), SIGINT), 0);
	else
		loop_post(t->w->loop, interrupt_again, t);
}

static void
a_second_signal_kills(void **state)
{
	struct world *w = world_new();
	struct thing *slow = add(w, &step, "slow");
	(void)state;
	slow->pace = UNTIL_STOPPED;
	slow->fails = true; /* ignores the first */
	slow->interrupt = SIGINT;
	loop_post(w->loop, interrupt_again, slow);
	go(w);
	states(w, "slow cancelled");
	assert_int_equal(slow->stops, 2);
	world_free(w);
}

static void
the_time_limit_ends_what_runs(void **state)
{
	struct world *w = world_new();
	struct thing *slow = add(w, &step, "slow"), *after = add(w, &step, "after");
	(void)state;
	input(w, slow, after);
	slow->pace = UNTIL_STOPPED;
	w->ropts.timeout = NS_PER_MS;
	go(w);
	states(w, "slow failed, after skipped");
	assert_int_equal(w->run.status, RUN_HAS_FAILED);
	world_free(w);
}

struct rival {
	struct world *w;
	struct thing *t;
	int claim;
	struct batch batch;
};

/* Another process ends: its result is committed before its claim is given up. */
static void
rival_ends(void *ctx)
{
	struct rival *r = ctx;
	assert_int_equal(r->t->made, 0);
	assert_int_equal(cache_commit(r->w->cache, &r->batch, NULL), 0);
	file_closep(&r->claim);
}

static void
rival_makes_it(bool here, const char *expected)
{
	struct world *w = world_new();
	struct thing *a = add(w, &step, "a"), *b = add(w, &step, "b");
	input(w, a, b);
	make_plan(w);
	struct rival r = { .w = w, .t = a };
	char name[4 + DIGEST_HEX + 1] = "key:";
	const struct digest key = w->plan.node[a->n.i].key_digest, out = digest_of(STR("theirs"));
	digest_hex(&key, name + 4);
	r.claim = claim_try(w->cache, str_z(name), &w->err);
	assert_true(r.claim >= 0);
	AUTO_BUF bytes = { 0 };
	struct output o = { .name = STR_INIT("o"), .type = OUTPUT_VALUE, .digest = out };
	const struct result theirs = { .digest = out, .outputs = &o, .noutputs = 1, .kind = STR("step"), .seconds = 2 };
	result_encode(&theirs, &bytes);
	batch_put(&r.batch, TABLE_RESULT, (struct str){ (const char *)key.b, 32 }, buf_str(&bytes));
	if (here)
		a->placed = out;
	loop_timer(w->loop, clock_mono() + 80 * NS_PER_MS, rival_ends, &r);
	go(w);
	states(w, expected);
	assert_int_equal(a->made, 0);
	world_free(w);
}

static void
another_process_makes_it(void **state)
{
	(void)state;
	rival_makes_it(true, "a hit, b made");
	rival_makes_it(false, "a restored, b made");
}

static void
signal_first(void *ctx)
{
	(void)ctx;
	assert_int_equal(kill(getpid(), SIGTERM), 0);
}

/* The signal is there before anything started, or arrives at any moment of the beginning. */
static void
a_signal_before_the_first_node(void **state)
{
	struct world *w = world_new();
	struct thing *a = add(w, &step, "a");
	(void)state;
	a->pace = UNTIL_STOPPED;
	w->ropts.jobs = 1;
	loop_post(w->loop, signal_first, NULL);
	go(w);
	states(w, "a cancelled");
	assert_int_equal(w->run.signal, SIGTERM);
	world_free(w);
}

static void
what_cannot_be_stopped_is_recorded(void **state)
{
	struct world *w = world_new();
	struct thing *img = add(w, &image, "img"), *a = add(w, &step, "a");
	(void)state;
	input(w, img, a);
	img->pace = ON_THREAD;
	img->interrupt = SIGINT;
	go(w);
	states(w, "img made, a cancelled");
	plans(w, "img hit, a run new");
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools_and_places),
		cmocka_unit_test(who_tidies_up_takes_no_place),
		cmocka_unit_test(the_last_words_are_in_the_last_commit),
		cmocka_unit_test(the_longest_way_goes_first),
		cmocka_unit_test(an_interrupt_stops_softly_then_hard),
		cmocka_unit_test(a_second_signal_kills),
		cmocka_unit_test(the_time_limit_ends_what_runs),
		cmocka_unit_test(another_process_makes_it),
		cmocka_unit_test(a_signal_before_the_first_node),
		cmocka_unit_test(what_cannot_be_stopped_is_recorded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
