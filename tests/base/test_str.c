/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

static void
compares_bytes(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		int sign;
	} rows[] = { { "", "", 0 }, { "a", "", 1 }, { "", "a", -1 }, { "a", "b", -1 }, { "ab", "a", 1 }, { "\xc3", "z", 1 }, { "abc", "abc", 0 } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		const int c = str_cmp(str_z(rows[i].a), str_z(rows[i].b));
		assert_int_equal((c > 0) - (c < 0), rows[i].sign);
		assert_int_equal(str_eq(str_z(rows[i].a), str_z(rows[i].b)), rows[i].sign == 0);
	}
	assert_true(str_eq((struct str){ 0 }, STR("")));
	assert_true(str_is((struct str){ 0 }, ""));
	assert_true(str_is(str_z(NULL), ""));
}

static void
takes_parts(void **state)
{
	(void)state;
	const struct str s = STR("hello");
	assert_str(str_drop(s, 2), "llo");
	assert_str(str_drop(s, 5), "");
	assert_str(str_drop(s, 99), "");
	assert_str(str_take(s, 2), "he");
	assert_str(str_take(s, 99), "hello");
	assert_str(str_drop((struct str){ 0 }, 3), "");
	assert_true(str_starts(s, STR("he")) && str_starts(s, STR("")) && !str_starts(s, STR("hello!")));
	assert_true(str_ends(s, STR("lo")) && str_ends(s, STR("")) && !str_ends(s, STR("ohello")));
	assert_str(str_trim(STR(" \t\r\n x y \v\f")), "x y");
	assert_str(str_trim(STR("   ")), "");
	assert_str(str_trim(STR("")), "");
}

static void
finds_and_cuts(void **state)
{
	(void)state;
	static const struct {
		const char *s;
		size_t find, first, last;
		const char *head, *tail, *rhead, *rtail;
		bool ok;
	} rows[] = {
		{ "a=b=c", SIZE_MAX, 1, 3, "a", "b=c", "a=b", "c", true },
		{ "abxyx", 2, SIZE_MAX, SIZE_MAX, "abxyx", "", "abxyx", "", false },
		{ "=", SIZE_MAX, 0, 0, "", "", "", "", true },
		{ "", SIZE_MAX, SIZE_MAX, SIZE_MAX, "", "", "", "", false },
		{ "xy=", 0, 2, 2, "xy", "", "xy", "", true },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct str s = str_z(rows[i].s);
		assert_int_equal(str_find(s, STR("xy")), rows[i].find);
		assert_int_equal(str_find_char(s, '='), rows[i].first);
		assert_int_equal(str_rfind_char(s, '='), rows[i].last);
		const struct str_cut c = str_cut(s, '='), r = str_rcut(s, '=');
		assert_str(c.head, rows[i].head);
		assert_str(c.tail, rows[i].tail);
		assert_str(r.head, rows[i].rhead);
		assert_str(r.tail, rows[i].rtail);
		assert_int_equal(c.ok, rows[i].ok);
		assert_int_equal(r.ok, rows[i].ok);
	}
	assert_int_equal(str_find(STR("abc"), STR("")), 0);
	assert_int_equal(str_find(STR(""), STR("")), 0);
}

static void
reads_whole_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *s;
		bool ok;
		uint64_t v;
	} rows[] = {
		{ "0", true, 0 },
		{ "007", true, 7 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "99999999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1x", false, 0 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t v = 42;
		assert_int_equal(str_u64(str_z(rows[i].s), &v), rows[i].ok);
		assert_int_equal(v, rows[i].ok ? rows[i].v : 42);
	}
}

static void
reads_doubles(void **state)
{
	(void)state;
	static const struct {
		const char *s;
		bool ok;
		double v;
	} rows[] = {
		{ "1", true, 1 },       { "-1.5e3", true, -1500 }, { ".5", true, 0.5 }, { "1e400", false, 0 }, { "nan", false, 0 },
		{ "inf", false, 0 },    { "", false, 0 },          { " 1", false, 0 },  { "1 ", false, 0 },    { "1e", false, 0 },
		{ "5e-324", true, 5e-324 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		double v = 42;
		assert_int_equal(str_double(str_z(rows[i].s), &v), rows[i].ok);
		assert_true(v == (rows[i].ok ? rows[i].v : 42));
	}
	char longest[500];
	memset(longest, '1', sizeof longest);
	double v = 42;
	assert_false(str_double((struct str){ longest, sizeof longest }, &v));
	assert_true(str_double((struct str){ longest, 300 }, &v));
	assert_false(str_double((struct str){ "1\0002", 3 }, &v));
}

static void
knows_utf8(void **state)
{
	(void)state;
	static const struct {
		const char *s;
		bool ok;
		size_t points;
	} rows[] = {
		{ "", true, 0 },
		{ "abc", true, 3 },
		{ "\xc3\xa9", true, 1 },
		{ "\xe2\x82\xac", true, 1 },
		{ "\xf0\x9f\x98\x80x", true, 2 },
		{ "\xf4\x8f\xbf\xbf", true, 1 },
		{ "\xc0\x80", false, 0 },         /* overlong */
		{ "\xc1\xbf", false, 0 },
		{ "\xe0\x80\x80", false, 0 },
		{ "\xe0\x9f\xbf", false, 0 },
		{ "\xf0\x8f\xbf\xbf", false, 0 },
		{ "\xed\xa0\x80", false, 0 },     /* surrogates */
		{ "\xed\xbf\xbf", false, 0 },
		{ "\xf4\x90\x80\x80", false, 0 }, /* beyond U+10FFFF */
		{ "\xf5\x80\x80\x80", false, 0 },
		{ "\xff", false, 0 },
		{ "\x80", false, 0 },             /* continuation alone */
		{ "\xc3", false, 0 },             /* cut off */
		{ "\xe2\x82", false, 0 },
		{ "\xf0\x9f\x98", false, 0 },
		{ "\xc3(", false, 0 },
		{ "\xed\x9f\xbf", true, 1 },
		{ "\xee\x80\x80", true, 1 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(str_utf8(str_z(rows[i].s)), rows[i].ok);
		if (rows[i].ok)
			assert_int_equal(str_points(str_z(rows[i].s)), rows[i].points);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares_bytes),
		cmocka_unit_test(takes_parts),
		cmocka_unit_test(finds_and_cuts),
		cmocka_unit_test(reads_whole_numbers),
		cmocka_unit_test(reads_doubles),
		cmocka_unit_test(knows_utf8),
	};
	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
