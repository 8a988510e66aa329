/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/lock.h"
#include "rules/wheelset.h"
#include "tests/scratch.h"

#define HASH "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"
#define PIN(name, version, file, hash) "{\"name\":\"" name "\",\"version\":\"" version "\",\"file\":\"" file "\",\"sha256\":\"" hash "\"}"

static struct js *
parse(const char *text)
{
	struct js *v = NULL;
	struct err e;

	assert_ok(js_parse(str_z(text), "test", &v, &e), &e);
	return v;
}

static void
a_missing_file_is_an_empty_lock(void **state)
{
	const struct scratch *s = *state;
	struct lock l = { 0 };
	struct err e;

	assert_ok(lock_load(s->fd, &l, NULL, &e), &e);
	assert_null(lock_get(&l, "parents", STR("x")));
	assert_ok(lock_save(&l, s->fd, &e), &e);
	assert_false(file_exists(s->fd, "pawl.lock"));
	lock_done(&l);
}

static void
what_is_set_is_written_sorted_one_thing_a_line(void **state)
{
	const struct scratch *s = *state;
	struct lock l = { 0 };
	struct err e;
	AUTO_BUF text = { 0 };

	assert_ok(lock_load(s->fd, &l, NULL, &e), &e);
	assert_ok(lock_set(&l, "requirements", STR("q2"), parse("{\"wheels\":[" PIN("six", "1.16.0", "s.whl", HASH) "," PIN("a", "1", "a.whl", HASH) "],\"requires\":[\"b\",\"a\"]}"), &e), &e);
	assert_ok(lock_set(&l, "parents", STR("p"), parse("{\"digest\":\"x\",\"deep\":{\"a\":{\"b\":1}}}"), &e), &e);
	assert_ok(lock_save(&l, s->fd, &e), &e);
	assert_ok(file_read(s->fd, "pawl.lock", 10000, &text, &e), &e);
	assert_str(buf_str(&text), "{\n  \"apt\": {},\n  \"bootstraps\": {},\n  \"parents\": {\n    \"p\": {\n      \"deep\": {\"a\":{\"b\":1}},\n      \"digest\": \"x\"\n"
				   "    }\n  },\n  \"requirements\": {\n    \"q2\": {\n      \"requires\": [\n        \"b\",\n        \"a\"\n"
				   "      ],\n      \"wheels\": [\n"
				   "        {\"file\":\"s.whl\",\"name\":\"six\",\"sha256\":\"" HASH "\",\"version\":\"1.16.0\"},\n"
				   "        {\"file\":\"a.whl\",\"name\":\"a\",\"sha256\":\"" HASH "\",\"version\":\"1\"}\n      ]\n    }\n  },\n  \"version\": 1\n}\n");
	lock_done(&l);
	/* The same again changes nothing. */
	assert_ok(lock_load(s->fd, &l, NULL, &e), &e);
	l.locked = true;
	assert_ok(lock_set(&l, "parents", STR("p"), parse("{\"deep\":{\"a\":{\"b\":1}},\"digest\":\"x\"}"), &e), &e);
	assert_false(l.dirty);
	lock_done(&l);
}

static void
locked_means_no_change(void **state)
{
	const struct scratch *s = *state;
	struct lock l = { .locked = true };
	struct err e;

	assert_ok(lock_load(s->fd, &l, NULL, &e), &e);
	assert_true(l.locked);
	assert_fails(lock_set(&l, "parents", STR("python:3"), parse("{}"), &e), &e, ERR_INPUT);
	assert_non_null(strstr(e.text, "python:3"));
	lock_done(&l);
}

static void
two_writers_keep_each_others_entries(void **state)
{
	const struct scratch *s = *state;
	struct lock a = { 0 }, b = { 0 };
	struct err e;

	assert_ok(lock_load(s->fd, &a, NULL, &e), &e);
	assert_ok(lock_load(s->fd, &b, NULL, &e), &e);
	assert_ok(lock_set(&a, "parents", STR("a"), parse("{\"x\":1}"), &e), &e);
	assert_ok(lock_set(&b, "parents", STR("b"), parse("{\"x\":2}"), &e), &e);
	assert_ok(lock_save(&a, s->fd, &e), &e);
	assert_ok(lock_save(&b, s->fd, &e), &e);
	lock_done(&a);
	lock_done(&b);
	assert_ok(lock_load(s->fd, &a, NULL, &e), &e);
	assert_int_equal(js_num(js_get(lock_get(&a, "parents", STR("a")), "x")), 1);
	assert_int_equal(js_num(js_get(lock_get(&a, "parents", STR("b")), "x")), 2);
	lock_done(&a);
}

#define ENTRY(python) "{\"target\":{\"python\":\"" python "\"},\"wheels\":[]}"

static void
answers_that_nobody_asks_for_go(void **state)
{
	const struct scratch *s = *state;
	struct lock l = { 0 };
	struct err e;

	assert_ok(lock_load(s->fd, &l, NULL, &e), &e);
	assert_ok(lock_set(&l, "requirements", STR("old"), parse(ENTRY("3.11")), &e), &e);
	assert_ok(lock_set(&l, "requirements", STR("other"), parse(ENTRY("3.12")), &e), &e);
	assert_ok(lock_save(&l, s->fd, &e), &e);
	lock_done(&l);
	assert_ok(lock_load(s->fd, &l, NULL, &e), &e);
	lock_use(&l, "requirements", STR("new"));
	assert_ok(lock_set(&l, "requirements", STR("new"), parse(ENTRY("3.11")), &e), &e);
	assert_ok(lock_save(&l, s->fd, &e), &e);
	assert_null(lock_get(&l, "requirements", STR("old")));
	assert_non_null(lock_get(&l, "requirements", STR("other")));
	assert_non_null(lock_get(&l, "requirements", STR("new")));
	lock_done(&l);
}

static void
broken_files_are_refused(void **state)
{
	static const char *const rows[] = {
		"", "{", "[]", "{}", "{\"version\": 2}", "{\"version\": \"1\"}", "{\"version\": 1, \"parents\": []}",
		"{\"version\": 1, \"version\": 1}", "<<<<<<< HEAD\n{\"version\": 1}",
	};
	const struct scratch *s = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lock l = { 0 };
		struct err e;
		ROW(i, rows[i]);
		scratch_write(s, "pawl.lock", rows[i]);
		assert_fails(lock_load(s->fd, &l, NULL, &e), &e, ERR_INPUT);
		assert_non_null(strstr(e.text, "pawl.lock"));
	}
}

static void
wheels_of_a_hostile_lock_are_refused(void **state)
{
	static const struct {
		const char *list;
		bool ok;
	} rows[] = {
		{ "[]", true },
		{ "[" PIN("six", "1.16.0", "six-1.16.0-py2.py3-none-any.whl", HASH) "]", true },
		{ "{}", false },
		{ "[1]", false },
		{ "[" PIN("Six", "1.16.0", "six-1.16.0-py2.py3-none-any.whl", HASH) "]", false },
		{ "[" PIN("six", "1.15.0", "six-1.16.0-py2.py3-none-any.whl", HASH) "]", false },
		{ "[" PIN("idna", "1.16.0", "six-1.16.0-py2.py3-none-any.whl", HASH) "]", false },
		{ "[" PIN("six", "1.16.0", "../six-1.16.0-py2.py3-none-any.whl", HASH) "]", false },
		{ "[" PIN("six", "1.16.0", "six-1.16.0-py2.py3-none-any.whl", "12") "]", false },
		{ "[" PIN("six", "1.16.0", "six-1.16.0-py2.py3-none-any.whl", HASH) ","
		  PIN("six", "1.16.0", "six-1.16.0-py2.py3-none-any.whl", HASH) "]", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct wheel_set set;
		struct err e;
		AUTO_JS v = parse(rows[i].list);
		ROW(i, rows[i].list);
		int rc = wheel_set_read(v, &a, &set, &e);
		if (rows[i].ok)
			assert_ok(rc, &e);
		else
			assert_fails(rc, &e, ERR_DAMAGED);
		arena_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_missing_file_is_an_empty_lock),	    SCRATCH_TEST(what_is_set_is_written_sorted_one_thing_a_line),
		SCRATCH_TEST(locked_means_no_change),		    SCRATCH_TEST(two_writers_keep_each_others_entries),
		SCRATCH_TEST(answers_that_nobody_asks_for_go),	    SCRATCH_TEST(broken_files_are_refused),
		cmocka_unit_test(wheels_of_a_hostile_lock_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
