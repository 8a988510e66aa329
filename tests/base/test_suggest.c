/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "base/suggest.h"

static void
counts_edits(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		unsigned n;
	} rows[] = {
		{ "", "", 0 },        { "", "abc", 3 },          { "abc", "", 3 },     { "run", "rnu", 1 }, { "ca", "abc", 3 },
		{ "kitten", "sitting", 3 }, { "outputs", "output", 1 }, { "abcd", "badc", 2 }, { "same", "same", 0 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(suggest_distance(str_z(rows[i].a), str_z(rows[i].b)), rows[i].n);
		assert_int_equal(suggest_distance(str_z(rows[i].b), str_z(rows[i].a)), rows[i].n);
	}
	char longest[70];
	memset(longest, 'x', sizeof longest);
	assert_true(suggest_distance((struct str){ longest, 64 }, STR("")) == 64);
	assert_true(suggest_distance((struct str){ longest, 65 }, (struct str){ longest, 65 }) > 64);
}

static void
suggests_slips_only(void **state)
{
	(void)state;
	static const struct str names[] = { STR_INIT("run"), STR_INIT("inputs"), STR_INIT("outputs"), STR_INIT("params"),
					    STR_INIT("environment"), STR_INIT("env"), STR_INIT("load.raw"), STR_INIT("load.stats") };
	static const struct {
		const char *word, *want;
	} rows[] = {
		{ "rnu", "run" },       { "input", "inputs" }, { "ouptuts", "outputs" }, { "enviroment", "environment" },
		{ "parms", "params" },  { "load.rw", "load.raw" }, { "zzz", "" },        { "x", "" },
		{ "", "" },             { "evn", "env" },      { "load.sats", "load.stats" }, { "completely", "" },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_str(suggest(str_z(rows[i].word), names, COUNT(names)), rows[i].want);
	assert_str(suggest(STR("run"), names, 0), "");
	static const struct str twins[] = { STR_INIT("cat"), STR_INIT("car") };
	assert_str(suggest(STR("caz"), twins, 2), "cat");
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(counts_edits), cmocka_unit_test(suggests_slips_only) };
	return cmocka_run_group_tests_name("suggest", tests, NULL, NULL);
}
