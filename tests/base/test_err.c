/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include <errno.h>

static void
texts_and_codes(void **state)
{
	(void)state;
	struct err e = { 0 };
	assert_int_equal(err_set(&e, ERR_INPUT, "bad '%s'", "x"), -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_string_equal(e.text, "bad 'x'");
	assert_int_equal(err_wrap(&e, "step '%s'", "train"), -1);
	assert_string_equal(e.text, "step 'train': bad 'x'");
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(err_wrap(&e, "%s", e.text), -1); /* its own text as an argument */
	assert_string_equal(e.text, "step 'train': bad 'x': step 'train': bad 'x'");
	assert_int_equal(err_set(NULL, ERR_BUG, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
	assert_int_equal(err_os(NULL, "x"), -1);
}

static void
errno_gives_code_and_reason(void **state)
{
	(void)state;
	static const struct {
		int os;
		enum err_code code;
		const char *text;
	} rows[] = {
		{ ENOENT, ERR_MISSING, "open 'f': No such file or directory" },
		{ ENOTDIR, ERR_MISSING, "open 'f': Not a directory" },
		{ ENOSPC, ERR_FULL, "open 'f': No space left on device" },
		{ EDQUOT, ERR_FULL, "open 'f': Disk quota exceeded" },
		{ EROFS, ERR_FULL, "open 'f': Read-only file system" },
		{ EACCES, ERR_DENIED, "open 'f': Permission denied" },
		{ EPERM, ERR_DENIED, "open 'f': Operation not permitted" },
		{ EIO, ERR_WORLD, "open 'f': Input/output error" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = { 0 };
		errno = rows[i].os;
		assert_int_equal(err_os(&e, "open '%s'", "f"), -1);
		assert_int_equal(e.code, rows[i].code);
		assert_int_equal(e.os, rows[i].os);
		assert_string_equal(e.text, rows[i].text);
	}
}

static void
long_texts_are_cut_at_a_character(void **state)
{
	(void)state;
	for (size_t pad = 0; pad < 4; pad++) {
		struct arena a = { 0 };
		struct err e = { 0 };
		char *z = arena_alloc(&a, 4000);
		memset(z, 'x', pad);
		for (size_t i = pad; i + 2 < 3000; i += 2)
			memcpy(z + i, "\xc3\xa9", 2);
		err_set(&e, ERR_WORLD, "%s", z);
		assert_true(strlen(e.text) >= sizeof e.text - 5 && strlen(e.text) < sizeof e.text);
		assert_true(str_utf8(str_z(e.text)));
		assert_true(str_ends(str_z(e.text), STR("...")));
		err_wrap(&e, "front");
		assert_true(str_starts(str_z(e.text), STR("front: ")));
		assert_true(str_utf8(str_z(e.text)));
		assert_true(str_ends(str_z(e.text), STR("...")));
		arena_done(&a);
	}
}

static void
exit_statuses(void **state)
{
	(void)state;
	assert_int_equal(err_status(ERR_NONE), 0);
	assert_int_equal(err_status(ERR_FAILED), 1);
	assert_int_equal(err_status(ERR_INPUT), 2);
	assert_int_equal(err_status(ERR_WORLD), 3);
	assert_int_equal(err_status(ERR_INTERRUPTED), 130);
	assert_int_equal(err_status(ERR_BUG), 70);
	assert_string_equal(err_name(ERR_DAMAGED), "ERR_DAMAGED");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_and_codes),
		cmocka_unit_test(errno_gives_code_and_reason),
		cmocka_unit_test(long_texts_are_cut_at_a_character),
		cmocka_unit_test(exit_statuses),
	};
	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
