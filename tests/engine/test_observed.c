/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/world.h"

#include "engine/observed.h"

/* raw -> load -> total; load looks at three more. */
static struct world *
peeking(void)
{
	struct world *w = world_new();
	struct thing *raw = add(w, &leaf, "raw"), *load = add(w, &step, "load"), *total = add(w, &step, "total");
	for (int i = 0; i < 3; i++) {
		char name[8];
		(void)snprintf(name, sizeof name, "seen%d", i);
		load->peeks[i] = add(w, &leaf, name);
	}
	input(w, raw, load);
	input(w, load, total);
	return w;
}

static void
what_was_seen_decides(void **state)
{
	struct world *w = peeking();
	(void)state;
	go(w);
	plans(w, "load hit, total hit");
	get(w, "seen1")->value = 7; /* nobody looked at it: seen0 is 0 */
	plans(w, "load hit, total hit");
	get(w, "seen0")->value = 1;
	plans(w, "load run observed, total maybe upstream");
	go(w);
	states(w, "load made, total made");
	plans(w, "load hit, total hit");
	get(w, "seen1")->value = 8; /* now it did */
	plans(w, "load run observed, total maybe upstream");
	go(w);
	get(w, "seen2")->value = 5;
	go(w);
	states(w, "load made, total made");
	assert_int_equal(get(w, "load")->made, 4);
	world_free(w);
}

static void
going_back_finds_each(void **state)
{
	static const struct {
		int64_t seen0, seen1, seen2;
	} rows[] = { { 0, 0, 0 }, { 1, 0, 0 }, { 1, 1, 0 }, { 1, 1, 5 }, { 2, 0, 9 }, { 0, 3, 3 } };
	struct world *w = peeking();
	(void)state;
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			get(w, "seen0")->value = rows[i].seen0;
			get(w, "seen1")->value = rows[i].seen1;
			get(w, "seen2")->value = rows[i].seen2;
			go(w);
			if (round)
				plans(w, "load hit, total hit");
		}
	assert_int_equal(get(w, "load")->made, 5); /* the last row asks what the first one asked */
	world_free(w);
}

static void
a_changed_input_is_told_first_and_both_count(void **state)
{
	struct world *w = peeking();
	(void)state;
	get(w, "seen0")->value = 1;
	go(w);
	get(w, "raw")->value = 4;
	plans(w, "load run input, total maybe upstream");
	go(w);
	get(w, "seen0")->value = 2;
	go(w);
	get(w, "raw")->value = 0;
	plans(w, "load run input, total maybe upstream"); /* this raw was made with another seen0 */
	get(w, "seen0")->value = 1;
	plans(w, "load hit, total hit");
	world_free(w);
}

static void
below_something_unknown_it_surely_runs(void **state)
{
	struct world *w = peeking();
	struct thing *total = get(w, "total");
	(void)state;
	total->peeks[0] = get(w, "seen2");
	go(w);
	get(w, "raw")->value = 1;
	plans(w, "load run input, total maybe upstream");
	get(w, "seen2")->value = 1;
	plans(w, "load run input, total run observed");
	go(w);
	states(w, "load made, total made");
	plans(w, "load hit, total hit");
	world_free(w);
}

static void
a_failure_and_what_is_not_recorded_ask_again(void **state)
{
	struct world *w = peeking();
	(void)state;
	get(w, "load")->uncachable = true;
	go(w);
	plans(w, "load run expired, total maybe upstream");
	get(w, "seen0")->value = 1;
	plans(w, "load run observed, total maybe upstream");
	get(w, "load")->uncachable = false;
	go(w);
	plans(w, "load hit, total hit");
	get(w, "load")->expired = true;
	plans(w, "load run expired, total maybe upstream");
	get(w, "load")->expired = false;
	get(w, "load")->evicted = true;
	memset(&get(w, "load")->placed, 0, 32);
	plans(w, "load run evicted, total maybe upstream");
	world_free(w);
}

static void
a_damaged_result_is_made_again(void **state)
{
	struct world *w = peeking();
	(void)state;
	get(w, "seen0")->value = 1;
	go(w);
	memset(&get(w, "load")->placed, 0, 32);
	get(w, "load")->damaged = true;
	go(w);
	states(w, "load made, total cutoff");
	plans(w, "load hit, total hit");
	world_free(w);
}

static void
lists_are_read_back_or_refused(void **state)
{
	static const struct str questions[] = { STR_INIT("file a"), STR_INIT("file b"), STR_INIT("names .") };
	static const struct {
		const char *what, *bytes;
		size_t n;
	} rows[] = {
		{ "empty", "", 0 },
		{ "another version", "\2\0\0\0\0\0\0\0", 8 },
		{ "more lists than there may be", "\1\0\0\0\377\0\0\0", 8 },
		{ "more questions than bytes", "\1\0\0\0\1\0\0\0\377\0\0\0", 12 },
		{ "cut off", "\1\0\0\0\1\0\0\0\1\0\0\0\5\0\0\0ab", 18 },
		{ "not in order", "\1\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0b\1\0\0\0a", 22 },
		{ "bytes behind its end", "\1\0\0\0\0\0\0\0x", 9 },
	};
	struct observed_lists l = { .n = 2, .v = { { questions, 3 }, { questions, 0 } } }, got;
	struct arena a = { 0 };
	AUTO_BUF b = { 0 };
	(void)state;
	observed_encode(&l, &b);
	assert_true(observed_decode(buf_str(&b), &a, &got));
	assert_int_equal(got.n, 2);
	assert_int_equal(got.v[0].n, 3);
	assert_int_equal(got.v[1].n, 0);
	assert_true(str_eq(got.v[0].v[2], questions[2]));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (observed_decode((struct str){ rows[i].bytes, rows[i].n }, &a, &got)) {
			print_error("%s: was read\n", rows[i].what);
			fail();
		}
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_seen_decides),
		cmocka_unit_test(going_back_finds_each),
		cmocka_unit_test(a_changed_input_is_told_first_and_both_count),
		cmocka_unit_test(below_something_unknown_it_surely_runs),
		cmocka_unit_test(a_failure_and_what_is_not_recorded_ask_again),
		cmocka_unit_test(a_damaged_result_is_made_again),
		cmocka_unit_test(lists_are_read_back_or_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
