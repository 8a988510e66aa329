/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/when.h"
#include "tests/unit.h"

/* What the names in the rows stand for; unknown is not known yet. */
static int
look(void *ctx, const struct ir_piece *ref, const struct js **value, struct err *e)
{
	const struct js *values = ctx;

	if (str_is(ref->text, "broken"))
		return err_set(e, ERR_WORLD, "broken");
	*value = str_is(ref->text, "unknown") ? NULL : js_get_str(values, ref->text);
	return 0;
}

static void
conditions_have_their_truth(void **state)
{
	static const struct {
		const char *text;
		enum when_truth truth;
	} rows[] = {
		{ "", WHEN_TRUE },
		{ "true", WHEN_TRUE },
		{ "false", WHEN_FALSE },
		{ "0", WHEN_FALSE },
		{ "0.0", WHEN_FALSE },
		{ "2", WHEN_TRUE },
		{ "null", WHEN_FALSE },
		{ "''", WHEN_FALSE },
		{ "'x'", WHEN_TRUE },
		{ "'false'", WHEN_FALSE },
		{ "\"0\"", WHEN_FALSE },
		{ "${params.one}", WHEN_TRUE },
		{ "${params.zero}", WHEN_FALSE },
		{ "${params.yes}", WHEN_TRUE },
		{ "${params.no}", WHEN_FALSE },
		{ "${params.nothing}", WHEN_FALSE },
		{ "${params.empty}", WHEN_FALSE },
		{ "${params.word}", WHEN_TRUE },
		{ "${params.list}", WHEN_TRUE },
		{ "${params.nolist}", WHEN_FALSE },
		{ "${item.word} == 'w'", WHEN_TRUE },
		{ "${params.one} == 1.0", WHEN_TRUE },
		{ "${params.one} == '1'", WHEN_FALSE },
		{ "${params.one} != '1'", WHEN_TRUE },
		{ "${params.half} < 0.75 and ${params.half} >= 0.5", WHEN_TRUE },
		{ "1 > 2 or 2 <= 2", WHEN_TRUE },
		{ "'abc' < 'abd'", WHEN_TRUE },
		{ "not false", WHEN_TRUE },
		{ "not not 1", WHEN_TRUE },
		{ "not 1 == 2", WHEN_TRUE },
		{ "not ${params.no} and true", WHEN_TRUE },
		{ "true or false and false", WHEN_TRUE },
		{ "(true or false) and false", WHEN_FALSE },
		{ "(1 == 1) == true", WHEN_TRUE },
		{ "${params.yes} == true", WHEN_TRUE },
		{ "${params.nothing} == null", WHEN_TRUE },
		{ "((((1))))", WHEN_TRUE },
		{ "-1 < 0", WHEN_TRUE },
		{ "1<2", WHEN_TRUE },
		/* what is not known yet */
		{ "${inputs.unknown}", WHEN_UNKNOWN },
		{ "${inputs.unknown} > 0.9", WHEN_UNKNOWN },
		{ "not ${inputs.unknown}", WHEN_UNKNOWN },
		{ "${inputs.unknown} and false", WHEN_FALSE },
		{ "${inputs.unknown} or true", WHEN_TRUE },
		{ "${inputs.unknown} and true", WHEN_UNKNOWN },
		{ "(${inputs.unknown} > 1) == true", WHEN_UNKNOWN },
	};
	AUTO_JS values = NULL;
	struct err e;

	(void)state;
	assert_ok(js_parse(STR("{\"one\":1,\"zero\":0,\"half\":0.5,\"yes\":true,\"no\":false,\"nothing\":"
			       "null,\"empty\":\"\",\"word\":\"w\","
			       "\"list\":[0],\"nolist\":[]}"),
			   "values", &values, &e),
		  &e);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct when w;
		enum when_truth truth;

		ROW(i, rows[i].text);
		assert_ok(when_parse(str_z(rows[i].text), &a, &w, &e), &e);
		assert_ok(when_eval(&w, look, values, &truth, &e), &e);
		if (truth != rows[i].truth)
			print_message("row %zu: %s\n", i, rows[i].text);
		assert_int_equal(truth, rows[i].truth);
		arena_done(&a);
	}
}

static void
broken_conditions_are_refused(void **state)
{
	static const char *const texts[] = { "==",      "1 ==",        "1 2",       "(1",
					     "1)",      "deploy",      "1 < 2 < 3", "${params.x",
					     "${x}",    "'open",       "${env.A}",  "${outputs.o}",
					     "1 = 2",   "and",         "not",       "()",
					     "true or", "1 and and 2", "#",         "${params.x} y",
					     "a == b",  "yes",         "1 && 2",    "'x' 'y'" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct arena a = { 0 };
		struct when w;
		struct err e;

		ROW(i, texts[i]);
		assert_fails(when_parse(str_z(texts[i]), &a, &w, &e), &e, ERR_INPUT);
		arena_done(&a);
	}
}

static void
long_conditions_are_refused(void **state)
{
	struct arena a = { 0 };
	struct when w;
	struct err e;
	AUTO_BUF deep = { 0 };
	AUTO_BUF wide = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		buf_puts(&deep, "(not ");
		buf_puts(&wide, "1 and ");
	}
	assert_fails(when_parse(buf_str(&deep), &a, &w, &e), &e, ERR_INPUT);
	assert_fails(when_parse(buf_str(&wide), &a, &w, &e), &e, ERR_INPUT);
	arena_done(&a);
}

static void
kinds_without_an_order_are_mistakes(void **state)
{
	static const char *const texts[] = { "1 < 'a'", "true < false", "null >= 0", "(1 == 1) < 2",
					     "${params.broken}" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct arena a = { 0 };
		struct when w;
		struct err e;
		enum when_truth truth = WHEN_UNKNOWN;

		ROW(i, texts[i]);
		assert_ok(when_parse(str_z(texts[i]), &a, &w, &e), &e);
		assert_int_equal(when_eval(&w, look, NULL, &truth, &e), -1);
		assert_int_equal(truth, WHEN_UNKNOWN);
		arena_done(&a);
	}
}

static void
texts_become_values(void **state)
{
	static const struct {
		const char *text, *json;
	} rows[] = { { "0.93\n", "0.93" },
		     { " true ", "true" },
		     { "", "null" },
		     { "word\n", "\"word\"" },
		     { "12", "12" } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		AUTO_JS v = when_value(str_z(rows[i].text), &a);
		AUTO_BUF b = { 0 };

		js_write(v, &b);
		assert_str(buf_str(&b), rows[i].json);
		arena_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_have_their_truth),
		cmocka_unit_test(broken_conditions_are_refused),
		cmocka_unit_test(long_conditions_are_refused),
		cmocka_unit_test(kinds_without_an_order_are_mistakes),
		cmocka_unit_test(texts_become_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
