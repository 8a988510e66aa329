/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "base/buf.h"

static void
grows_and_stays_terminated(void **state)
{
	(void)state;
	AUTO_BUF b = { 0 };
	assert_string_equal(buf_z(&b), "");
	buf_put(&b, (struct str){ 0 });
	assert_string_equal(buf_z(&b), "");
	for (int i = 0; i < 3000; i++) {
		buf_putc(&b, (char)('a' + i % 26));
		assert_int_equal(strlen(buf_z(&b)), (size_t)i + 1);
	}
	buf_reset(&b);
	assert_string_equal(buf_z(&b), "");
	buf_puts(&b, "x");
	buf_printf(&b, "%d|%s", 5, "y");
	assert_str(buf_str(&b), "x5|y");
	buf_printf(&b, "%4000d", 1);
	assert_int_equal(b.n, 4004);
	assert_int_equal(b.p[4003], '1');
	assert_int_equal(b.p[4004], 0);
	buf_printf(&b, "%s", "");
	assert_int_equal(b.n, 4004);
}

static void
printf_fits_exactly(void **state)
{
	(void)state;
	for (int n = 0; n < 300; n++) {
		AUTO_BUF b = { 0 };
		buf_printf(&b, "%*s", n, "");
		buf_printf(&b, "%s", "tail");
		assert_int_equal(b.n, (size_t)n + 4);
		assert_string_equal(buf_z(&b) + n, "tail");
	}
}

static void
numbers_come_back(void **state)
{
	(void)state;
	AUTO_BUF b = { 0 };
	buf_u8(&b, 0xfe);
	buf_u32(&b, 0x01020304);
	buf_u64(&b, UINT64_C(0xfffefdfc01020304));
	buf_text(&b, STR("hello"));
	buf_text(&b, STR(""));
	assert_memory_equal(b.p, "\xfe\x04\x03\x02\x01\x04\x03\x02\x01\xfc\xfd\xfe\xff\x05\0\0\0hello\0\0\0\0", b.n);
	struct rd r = { .rest = buf_str(&b) };
	assert_int_equal(rd_u8(&r), 0xfe);
	assert_int_equal(rd_u32(&r), 0x01020304);
	assert_true(rd_u64(&r) == UINT64_C(0xfffefdfc01020304));
	assert_str(rd_text(&r), "hello");
	assert_str(rd_text(&r), "");
	assert_false(r.bad);
	assert_int_equal(r.rest.n, 0);
	assert_int_equal(rd_u8(&r), 0);
	assert_true(r.bad);
}

static void
short_input_is_bad_and_stays_bad(void **state)
{
	(void)state;
	AUTO_BUF b = { 0 };
	buf_u32(&b, 7);
	buf_text(&b, STR("hello"));
	for (size_t n = 0; n < b.n; n++) {
		struct rd r = { .rest = str_take(buf_str(&b), n) };
		rd_u32(&r);
		rd_text(&r);
		assert_true(r.bad);
		assert_int_equal(rd_u8(&r), 0);
		assert_str(rd_text(&r), "");
	}
	struct rd r = { .rest = (struct str){ "\xff\xff\xff\xffx", 5 } };
	assert_str(rd_text(&r), "");
	assert_true(r.bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_and_stays_terminated),
		cmocka_unit_test(printf_fits_exactly),
		cmocka_unit_test(numbers_come_back),
		cmocka_unit_test(short_input_is_bad_and_stays_bad),
	};
	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
