/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "engine/last.h"
#include "engine/result.h"

static struct output outputs[] = {
	{ .name = STR_INIT("model"), .type = OUTPUT_FILE, .digest = { { 1 } }, .size = 12, .path = STR_INIT("out/model.pkl") },
	{ .name = STR_INIT("plots"), .type = OUTPUT_TREE, .digest = { { 2 } }, .size = 99, .path = STR_INIT("out/plots") },
	{ .name = STR_INIT("score"), .type = OUTPUT_VALUE, .digest = { { 3 } } },
};

static struct result
sample(void)
{
	return (struct result){ .digest = { { 9 } }, .kind = STR("step"), .node = STR("step:train"), .made_at = 5, .used_at = 6,
				.seconds = 1.5, .cpu_s = 1.25, .peak = 4096, .log = { { 7 } }, .outputs = outputs, .noutputs = 3,
				.info = STR("{}"), .key = STR("key bytes") };
}

static void
what_is_encoded_comes_back(void **state)
{
	AUTO_BUF b = { 0 };
	AUTO_BUF again = { 0 };
	struct arena a = { 0 };
	struct result r;
	const struct result x = sample();
	(void)state;
	result_encode(&x, &b);
	assert_int_equal(result_decode(buf_str(&b), &a, &r, NULL), 0);
	assert_true(str_eq(r.node, x.node) && str_eq(r.key, x.key) && str_eq(r.info, x.info) && str_eq(r.kind, x.kind));
	assert_true(r.seconds == 1.5 && r.cpu_s == 1.25 && r.peak == 4096 && r.made_at == 5 && r.used_at == 6);
	assert_int_equal(result_output(&r, STR("plots"))->type, OUTPUT_TREE);
	assert_true(str_is(result_output(&r, STR("model"))->path, "out/model.pkl"));
	assert_null(result_output(&r, STR("nosuch")));
	result_encode(&r, &again);
	assert_true(str_eq(buf_str(&b), buf_str(&again)));
	arena_done(&a);
}

static void
the_digest_of_outputs_covers_names_types_and_digests(void **state)
{
	struct result x = sample();
	struct output o[3];
	const struct digest d = result_outputs_digest(&x);
	(void)state;
	for (int what = 0; what < 6; what++) {
		memcpy(o, outputs, sizeof o);
		x = sample();
		x.outputs = o;
		o[1].name = what == 0 ? STR("plotz") : o[1].name;
		o[1].type = what == 1 ? OUTPUT_EXEC : o[1].type;
		o[1].digest.b[31] ^= what == 2;
		x.noutputs -= what == 3;
		o[1].path = what == 4 ? STR("elsewhere") : o[1].path; /* where it lies is no part of what it is */
		x.seconds += what == 5;
		const struct digest other = result_outputs_digest(&x);
		assert_int_equal(digest_eq(&d, &other), what >= 4);
	}
}

/* Every cut and every changed byte: refused, or something that encodes to the same bytes again. */
static void
hostile_bytes_are_refused(void **state)
{
	AUTO_BUF b = { 0 };
	const struct result x = sample();
	(void)state;
	result_encode(&x, &b);
	for (size_t n = 0; n < b.n; n++) {
		struct arena a = { 0 };
		struct result r;
		struct err e = { 0 };
		assert_int_equal(result_decode((struct str){ b.p, n }, &a, &r, &e), -1);
		assert_int_equal(e.code, ERR_DAMAGED);
		arena_done(&a);
	}
	for (size_t i = 0; i < b.n * 8; i++) {
		AUTO_BUF bad = { 0 };
		AUTO_BUF again = { 0 };
		struct arena a = { 0 };
		struct result r;
		buf_put(&bad, buf_str(&b));
		bad.p[i / 8] = (char)(bad.p[i / 8] ^ (1 << i % 8));
		if (result_decode(buf_str(&bad), &a, &r, NULL) == 0) {
			result_encode(&r, &again);
			assert_true(str_eq(buf_str(&bad), buf_str(&again)));
		}
		arena_done(&a);
	}
}

static void
paths_that_escape_are_refused(void **state)
{
	static const struct {
		struct str path;
		bool good;
	} rows[] = {
		{ STR_INIT("a/b"), true },   { STR_INIT(""), true },       { STR_INIT("a..b/..c"), true }, { STR_INIT("/etc/x"), false },
		{ STR_INIT("../x"), false }, { STR_INIT("a/../x"), false }, { STR_INIT("a/.."), false },    { STR_INIT("a\0b"), false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO_BUF b = { 0 };
		struct arena a = { 0 };
		struct output o = { .name = STR("o"), .type = OUTPUT_FILE, .path = rows[i].path };
		struct result x = { .outputs = &o, .noutputs = 1 }, r;
		result_encode(&x, &b);
		assert_int_equal(result_decode(buf_str(&b), &a, &r, NULL) == 0, rows[i].good);
		arena_done(&a);
	}
}

static void
outputs_out_of_order_and_numbers_that_are_none_are_refused(void **state)
{
	AUTO_BUF b = { 0 };
	struct arena a = { 0 };
	struct result x = sample(), r;
	(void)state;
	result_encode(&x, &b);
	char *at = memmem(b.p, b.n, "plots", 5);
	memcpy(at, "mmmmm", 5);
	assert_int_equal(result_decode(buf_str(&b), &a, &r, NULL), -1);
	memcpy(at, "plots", 5);
	assert_int_equal(result_decode(buf_str(&b), &a, &r, NULL), 0);
	const double seconds = 1.5, bad[] = { NAN, INFINITY, -1.0 };
	char *number = memmem(b.p, b.n, &seconds, sizeof seconds);
	for (size_t i = 0; i < 3; i++) {
		memcpy(number, &bad[i], sizeof bad[i]);
		assert_int_equal(result_decode(buf_str(&b), &a, &r, NULL), -1);
	}
	x.seconds = NAN; /* what we write is always readable */
	b.n = 0;
	result_encode(&x, &b);
	assert_int_equal(result_decode(buf_str(&b), &a, &r, NULL), 0);
	result_sort(&x);
	arena_done(&a);
}

static void
last_records_come_back_or_are_refused(void **state)
{
	struct arena a = { 0 };
	(void)state;
	for (int outcome = 0; outcome < 3; outcome++) {
		AUTO_BUF b = { 0 };
		struct last l = { .failed = outcome == 1, .unrecorded = outcome == 2, .at = 7, .seconds = 2.5, .key_digest = { { 1 } },
				  .result_digest = { { 2 } }, .log = { { 3 } }, .key = STR("key") },
			    x;
		last_encode(&l, &b);
		assert_int_equal(last_decode(buf_str(&b), &a, &x, NULL), 0);
		assert_true(x.failed == l.failed && x.unrecorded == l.unrecorded && x.at == 7 && x.seconds == 2.5 && str_is(x.key, "key"));
		assert_true(x.key_digest.b[0] == 1 && x.result_digest.b[0] == 2 && x.log.b[0] == 3);
		for (size_t n = 0; n < b.n; n++)
			assert_int_equal(last_decode((struct str){ b.p, n }, &a, &x, NULL), -1);
		b.p[4] = 3;
		assert_int_equal(last_decode(buf_str(&b), &a, &x, NULL), -1);
	}
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_comes_back),
		cmocka_unit_test(the_digest_of_outputs_covers_names_types_and_digests),
		cmocka_unit_test(hostile_bytes_are_refused),
		cmocka_unit_test(paths_that_escape_are_refused),
		cmocka_unit_test(outputs_out_of_order_and_numbers_that_are_none_are_refused),
		cmocka_unit_test(last_records_come_back_or_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
