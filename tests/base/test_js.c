/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include <math.h>

#include "base/js.h"

static uint64_t
bits_of(double d)
{
	uint64_t u;
	memcpy(&u, &d, sizeof u);
	return u;
}

static void
assert_canonical(const char *in, const char *want)
{
	struct err e;
	AUTO_JS v = NULL;
	AUTO_BUF b = { 0 };
	assert_ok(js_parse(str_z(in), "in", &v, &e), &e);
	js_write(v, &b);
	assert_str(buf_str(&b), want);
	AUTO_JS again = NULL;
	assert_ok(js_parse(buf_str(&b), "out", &again, &e), &e);
	AUTO_BUF twice = { 0 };
	js_write(again, &twice);
	assert_str(buf_str(&twice), want);
}

/* RFC 8785, appendix B, and a few more of ECMAScript's corners. */
static void
reals_as_ecmascript_prints_them(void **state)
{
	(void)state;
	static const struct {
		uint64_t bits;
		const char *want;
	} rows[] = {
		{ UINT64_C(0x0000000000000000), "0" },
		{ UINT64_C(0x8000000000000000), "0" },
		{ UINT64_C(0x0000000000000001), "5e-324" },
		{ UINT64_C(0x8000000000000001), "-5e-324" },
		{ UINT64_C(0x7fefffffffffffff), "1.7976931348623157e+308" },
		{ UINT64_C(0xffefffffffffffff), "-1.7976931348623157e+308" },
		{ UINT64_C(0x4340000000000000), "9007199254740992" },
		{ UINT64_C(0xc340000000000000), "-9007199254740992" },
		{ UINT64_C(0x4430000000000000), "295147905179352830000" },
		{ UINT64_C(0x7fffffffffffffff), "null" },
		{ UINT64_C(0x7ff0000000000000), "null" },
		{ UINT64_C(0x44b52d02c7e14af5), "9.999999999999997e+22" },
		{ UINT64_C(0x44b52d02c7e14af6), "1e+23" },
		{ UINT64_C(0x44b52d02c7e14af7), "1.0000000000000001e+23" },
		{ UINT64_C(0x444b1ae4d6e2ef4e), "999999999999999700000" },
		{ UINT64_C(0x444b1ae4d6e2ef4f), "999999999999999900000" },
		{ UINT64_C(0x444b1ae4d6e2ef50), "1e+21" },
		{ UINT64_C(0x3eb0c6f7a0b5ed8c), "9.999999999999997e-7" },
		{ UINT64_C(0x3eb0c6f7a0b5ed8d), "0.000001" },
		{ UINT64_C(0x41b3de4355555553), "333333333.3333332" },
		{ UINT64_C(0x41b3de4355555554), "333333333.33333325" },
		{ UINT64_C(0x41b3de4355555555), "333333333.3333333" },
		{ UINT64_C(0x41b3de4355555556), "333333333.3333334" },
		{ UINT64_C(0x41b3de4355555557), "333333333.33333343" },
		{ UINT64_C(0xbecbf647612f3696), "-0.0000033333333333333333" },
		{ UINT64_C(0x43143ff3c1cb0959), "1424953923781206.2" },
		{ UINT64_C(0x3d30000000000000), "5.684341886080802e-14" }, /* 2^-44: the nearest of 16 digits misses it */
		{ UINT64_C(0x3fb999999999999a), "0.1" },
		{ UINT64_C(0x3ff0000000000000), "1" },
		{ UINT64_C(0x0010000000000000), "2.2250738585072014e-308" },
		{ UINT64_C(0x4024000000000000), "10" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		double d;
		AUTO_BUF b = { 0 };
		memcpy(&d, &rows[i].bits, sizeof d);
		AUTO_JS v = js_real(d);
		js_write(v, &b);
		assert_str(buf_str(&b), rows[i].want);
	}
}

static void
random_reals_read_back(void **state)
{
	(void)state;
	uint64_t x = 20261124; /* splitmix64 */
	for (int i = 0; i < 20000; i++) {
		x += UINT64_C(0x9e3779b97f4a7c15);
		uint64_t z = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		z ^= z >> 31;
		if (i % 4 == 0)
			z &= UINT64_C(0xfff0000000000000); /* powers of two, whose gaps differ */
		double d;
		memcpy(&d, &z, sizeof d);
		if (!isfinite(d) || d == 0)
			continue;
		AUTO_JS v = js_real(d);
		AUTO_BUF b = { 0 };
		js_write(v, &b);
		const double back = strtod(buf_z(&b), NULL);
		assert_true(bits_of(back) == bits_of(d));
	}
}

static void
canonical_form(void **state)
{
	(void)state;
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ " { \"b\" : [ 1 , 2.50 , true , null ] , \"a\" : \"x\" } ", "{\"a\":\"x\",\"b\":[1,2.5,true,null]}" },
		{ "{}", "{}" },
		{ "[]", "[]" },
		{ "\"\"", "\"\"" },
		{ "-9223372036854775808", "-9223372036854775808" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "1E30", "1e+30" },
		{ "4.50", "4.5" },
		{ "2e-3", "0.002" },
		{ "0.000000000000000000000000001", "1e-27" },
		{ "1.0", "1" },
		{ "\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\"", "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"" },
		{ "\"\\b\\f\\t\\r\\u007f\\u0000\"", "\"\\b\\f\\t\\r\x7f\\u0000\"" },
		/* RFC 8785, 3.2.3: order by UTF-16 code units, in which U+1F600 comes before U+FB33 */
		{ "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}",
		  "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,\"\xf0\x9f\x98\x80\":5,\"\xef\xac\xb3\":3}" },
		{ "{\"aa\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"aa\":1}" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		ROW(i, rows[i].in);
		assert_canonical(rows[i].in, rows[i].want);
	}
}

static void
bad_texts_are_refused_with_their_place(void **state)
{
	(void)state;
	static const struct {
		const char *in, *place;
	} rows[] = {
		{ "", "line 1, column 1" },
		{ "{", "line 1, column 1" },
		{ "{\"a\":1,\"a\":2}", "line 1, column 10" },
		{ "[1,\n 2,\n x]", "line 3" },
		{ "1 2", "line 1, column 3" },
		{ "\"\xff\"", "line 1" },
		{ "\"\\ud800\"", "line 1" },
		{ "[1e999]", "line 1" },
		{ "{'a':1}", "line 1" },
		{ "NaN", "line 1" },
		{ "[1,]", "line 1" },
		{ "01", "line 1" },
		{ "{\"a\\u0000b\":1}", "line 1" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = { 0 };
		struct js *v = (struct js *)&e;
		ROW(i, rows[i].in);
		assert_fails(js_parse(str_z(rows[i].in), "in", &v, &e), &e, ERR_INPUT);
		assert_ptr_equal(v, &e); /* untouched */
		assert_true(str_starts(str_z(e.text), STR("in: line ")));
		if (str_find(str_z(e.text), str_z(rows[i].place)) == SIZE_MAX)
			fail_msg("expected %s, got %s", rows[i].place, e.text);
	}
}

static void
depth_has_a_limit(void **state)
{
	(void)state;
	enum { MUCH = 100000 };
	char *z = malloc(2 * MUCH + 1);
	assert_non_null(z);
	for (int n = 199; n <= 202; n++) {
		memset(z, '[', (size_t)n);
		memset(z + n, ']', (size_t)n);
		struct err e = { 0 };
		AUTO_JS v = NULL;
		assert_int_equal(js_parse((struct str){ z, 2 * (size_t)n }, "in", &v, &e), n <= 200 ? 0 : -1);
		if (n > 200)
			assert_string_equal(e.text, "in: line 1, column 201: nested deeper than 200 levels");
	}
	memset(z, '[', 2 * MUCH);
	struct err e = { 0 };
	struct js *v;
	assert_fails(js_parse((struct str){ z, 2 * MUCH }, "in", &v, &e), &e, ERR_INPUT);
	free(z);
	AUTO_JS ok = NULL; /* brackets in texts do not count */
	assert_ok(js_parse(STR("[\"[[[\\\"[[[\", \"\\\\\"]"), "in", &ok, &e), &e);
}

static void
trees(void **state)
{
	(void)state;
	AUTO_JS m = js_map();
	js_set(js_set(m, "z", js_int(1)), "a", js_textz("x"));
	js_set(m, "none", NULL);
	js_set_str(m, STR("l"), js_list());
	js_push(js_get(m, "l"), js_bool(true));
	js_push(js_get(m, "l"), js_null());
	js_push(js_get(m, "l"), NULL);
	js_push(js_get(m, "l"), js_real(NAN));
	js_push(js_get(m, "l"), js_text((struct str){ "a\xff\0b", 4 }));
	assert_int_equal(js_len(m), 3);
	assert_int_equal(js_len(js_get(m, "l")), 4);
	assert_int_equal(js_num(js_get(m, "z")), 1);
	assert_true(js_double(js_get(m, "z")) == 1.0);
	assert_str(js_str(js_get(m, "a")), "x");
	assert_null(js_get(m, "none"));
	assert_null(js_get(NULL, "x"));
	assert_null(js_get(js_get(m, "a"), "x"));
	assert_null(js_at(NULL, 0));
	assert_int_equal(js_len(NULL), 0);
	assert_int_equal(js_num(NULL), 0);
	assert_str(js_str(NULL), "");
	assert_false(js_true(NULL));
	assert_int_equal(js_type(NULL), JS_NONE);
	assert_true(js_true(js_at(js_get(m, "l"), 0)));
	AUTO_JS copy = js_copy(m);
	assert_true(js_equal(copy, m));
	AUTO_BUF b = { 0 };
	js_write_pretty(m, &b);
	assert_str(buf_str(&b), "{\n  \"z\": 1,\n  \"a\": \"x\",\n  \"l\": [\n    true,\n    null,\n    null,\n"
				"    \"a\xef\xbf\xbd\\u0000b\"\n  ]\n}\n");
	js_del(m, "l");
	js_del(m, "l");
	assert_false(js_equal(copy, m));
	buf_reset(&b);
	for (void *it = js_first(copy); it; it = js_next(copy, it)) {
		buf_put(&b, js_key(it));
		buf_printf(&b, "%d", js_type(js_value(it)));
	}
	assert_str(buf_str(&b), "z3a5l6");
	js_free(NULL);
}

static void
whole_numbers_beyond_64_bits_are_reals(void **state)
{
	static const struct {
		const char *text, *canonical;
	} rows[] = {
		{ "100000000000000000000", "100000000000000000000" },
		{ "[9223372036854775807,9223372036854775808,-9223372036854775808]", "[9223372036854775807,9223372036854776000,-9223372036854775808]" },
		{ "{\"a\":123456789012345678901234567890,\"b\":\"\\\"99999999999999999999\"}", "{\"a\":1.2345678901234568e+29,\"b\":\"\\\"99999999999999999999\"}" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e;
		AUTO_JS v = NULL;
		AUTO_BUF b = { 0 };
		assert_ok(js_parse(str_z(rows[i].text), "t", &v, &e), &e);
		js_write(v, &b);
		assert_str(buf_str(&b), rows[i].canonical);
	}
	struct err e;
	struct js *none;
	assert_fails(js_parse(STR("[1e999, 99999999999999999999]"), "t", &none, &e), &e, ERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reals_as_ecmascript_prints_them),
		cmocka_unit_test(random_reals_read_back),
		cmocka_unit_test(canonical_form),
		cmocka_unit_test(whole_numbers_beyond_64_bits_are_reals),
		cmocka_unit_test(bad_texts_are_refused_with_their_place),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(trees),
	};
	return cmocka_run_group_tests_name("js", tests, NULL, NULL);
}
