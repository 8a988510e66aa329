/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "base/width.h"

static void
every_code_point_goes_there_and_back(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		char bytes[4];
		struct str s = { bytes, utf8_put(c, bytes) };
		uint32_t back;
		assert_true(utf8_next(&s, &back));
		assert_true(back == c && s.n == 0);
	}
}

static void
columns_of_characters(void **state)
{
	(void)state;
	static const struct {
		const char *s;
		size_t n;
	} rows[] = {
		{ "", 0 },       { "abc", 3 },     { "\xc3\xa9", 1 }, { "e\xcc\x81", 1 }, { "\xe4\xbd\xa0\xe5\xa5\xbd", 4 },
		{ "\xed\x95\x9c", 2 }, { "\xf0\x9f\x98\x80", 2 }, { "\xff", 1 }, { "\xef\xbd\xb1", 1 }, { "\xef\xbc\xa1", 2 },
		{ "\xe2\x80\x8b", 0 }, { "\xe2\x94\x80", 1 },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(width_str(str_z(rows[i].s)), rows[i].n);
}

static void
controls(void **state)
{
	(void)state;
	static const uint32_t yes[] = { 0, 7, 0x1b, 0x1f, 0x7f, 0x80, 0x9b, 0x9f, 0x202e, 0x2066 };
	static const uint32_t no[] = { ' ', 'a', 0xa0, 0xe9, 0x200d, 0x4f60, UTF8_BAD };
	for (size_t i = 0; i < COUNT(yes); i++)
		assert_true(width_is_control(yes[i]));
	for (size_t i = 0; i < COUNT(no); i++)
		assert_false(width_is_control(no[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_goes_there_and_back),
		cmocka_unit_test(columns_of_characters),
		cmocka_unit_test(controls),
	};
	return cmocka_run_group_tests_name("width", tests, NULL, NULL);
}
