/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/units.h"
#include "tests/unit.h"

enum { REFUSED = -1 };

static void
durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "300ms", 300 },
		{ "5s", 5000 },
		{ "2m", 120000 },
		{ "1h", 3600000 },
		{ "7d", 604800000 },
		{ "1w", 604800000 },
		{ "1.5s", 1500 },
		{ "0s", 0 },
		{ "1h30m", 5400000 },
		{ "1m30.5s", 90500 },
		{ "0.001s", 1 },
		{ "36500d", INT64_C(3153600000000) },
		{ "", REFUSED },
		{ "5", REFUSED },
		{ "s", REFUSED },
		{ "5 s", REFUSED },
		{ "-5s", REFUSED },
		{ "5S", REFUSED },
		{ "1s1h", REFUSED },
		{ "1s1s", REFUSED },
		{ "0.5ms", REFUSED },
		{ "1e3s", REFUSED },
		{ "36501d", REFUSED },
		{ "5sec", REFUSED },
		{ "9999999999999999999999h", REFUSED },
		{ "1..5s", REFUSED },
		{ "5s ", REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t ns = 0;

		ROW(i, rows[i].text);
		assert_int_equal(duration_parse(str_z(rows[i].text), &ns), rows[i].ms != REFUSED);
		if (rows[i].ms != REFUSED)
			assert_int_equal(ns, rows[i].ms * 1000000);
	}
}

static void
sizes(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} rows[] = {
		{ "0", 0 },
		{ "1024", 1024 },
		{ "5B", 5 },
		{ "4KiB", 4096 },
		{ "4Ki", 4096 },
		{ "1kB", 1000 },
		{ "500MB", 500000000 },
		{ "4GiB", INT64_C(4) << 30 },
		{ "0.5GiB", INT64_C(1) << 29 },
		{ "1TiB", INT64_C(1) << 40 },
		{ "8PiB", INT64_C(1) << 53 },
		{ "9PiB", REFUSED },
		{ "4G", REFUSED },
		{ "4M", REFUSED },
		{ "", REFUSED },
		{ "GiB", REFUSED },
		{ "-1", REFUSED },
		{ "0.3B", REFUSED },
		{ "4 GiB", REFUSED },
		{ "4gib", REFUSED },
		{ "1e9", REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t bytes = 0;

		ROW(i, rows[i].text);
		assert_int_equal(size_parse(str_z(rows[i].text), &bytes), rows[i].bytes != REFUSED);
		if (rows[i].bytes != REFUSED)
			assert_int_equal(bytes, rows[i].bytes);
	}
}

static void
names_and_amounts(void **state)
{
	static const struct {
		enum name_kind kind;
		const char *name;
		bool ok;
	} rows[] = {
		{ NAME_ID, "train", true },     { NAME_ID, "01_a-b", true },     { NAME_ID, "a.b", false },
		{ NAME_ID, "-a", false },       { NAME_ID, "", false },          { NAME_ID, "a b", false },
		{ NAME_ID, "a[", false },       { NAME_ID, "a/b", false },       { NAME_ID, "a:b", false },
		{ NAME_ID, "\xc3\xa4", false }, { NAME_DOTTED, "py3.11", true }, { NAME_DOTTED, ".a", false },
		{ NAME_VAR, "A_1", true },      { NAME_VAR, "1A", false },       { NAME_VAR, "A-B", false },
		{ NAME_ANY, "a b/c", true },
	};
	int64_t t;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		ROW(i, rows[i].name);
		assert_int_equal(name_ok(rows[i].kind, str_z(rows[i].name)), rows[i].ok);
	}
	assert_true(amount_of(0.5, &t) && t == 500);
	assert_true(amount_of(0, &t) && t == 0);
	assert_true(amount_of(0.1, &t) && t == 100);
	assert_false(amount_of(-1, &t));
	assert_false(amount_of(0.0001, &t));
	assert_false(amount_of(1e300, &t));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes),
		cmocka_unit_test(names_and_amounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
