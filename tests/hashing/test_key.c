/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "hashing/key.h"

static struct str
digest_text_of(struct key *k)
{
	const struct digest d = key_done(k);
	return digest_str(&d, k->arena);
}

static void
fill(struct key *k, struct arena *a, bool backwards)
{
	key_init(k, a, 3, "step");
	const struct digest d = digest_of(STR("x"));
	for (int i = 0; i < 4; i++) {
		switch (backwards ? 3 - i : i) {
		case 0:
			key_text(k, "param", STR("lr"), STR("0.1"));
			break;
		case 1:
			key_digest(k, "input", STR("raw"), &d);
			break;
		case 2:
			key_num(k, "param", STR("n"), -7);
			break;
		case 3:
			key_hidden(k, "env", STR("TOKEN"), STR("hush"));
			break;
		}
	}
}

static void
order_of_adding_does_not_count(void **state)
{
	(void)state;
	struct arena a = { 0 };
	struct key x, y;
	fill(&x, &a, false);
	fill(&y, &a, true);
	assert_str(digest_text_of(&y), digest_text_of(&x).p);
	/* Stored keys must be found again by every later version. */
	assert_str(digest_text_of(&x), "sha256:7f520f45631492b731f11b03c5139bb25f7c3bc94f11ccf894eb3f9c0c4f2ef3");
	key_text(&x, "param", STR("z"), STR(""));
	assert_false(str_eq(digest_text_of(&x), digest_text_of(&y)));
	arena_done(&a);
}

static void
borders_of_fields_count(void **state)
{
	(void)state;
	static const struct {
		uint32_t schema;
		const char *kind, *tag, *name, *value;
	} rows[] = {
		{ 1, "k", "ab", "c", "d" }, { 1, "k", "a", "bc", "d" }, { 1, "k", "abc", "", "d" }, { 1, "k", "ab", "cd", "" },
		{ 2, "k", "ab", "c", "d" }, { 1, "ka", "b", "c", "d" }, { 1, "k", "ab", "c", "e" },
	};
	struct arena a = { 0 };
	struct str seen[COUNT(rows)];
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct key k;
		key_init(&k, &a, rows[i].schema, rows[i].kind);
		key_text(&k, rows[i].tag, str_z(rows[i].name), str_z(rows[i].value));
		seen[i] = digest_text_of(&k);
		for (size_t j = 0; j < i; j++)
			assert_false(str_eq(seen[i], seen[j]));
	}
	arena_done(&a);
}

static void
encoding_comes_back(void **state)
{
	(void)state;
	struct arena a = { 0 };
	struct key x, y;
	struct err e;
	AUTO_BUF b = { 0 };
	AUTO_BUF again = { 0 };
	fill(&x, &a, false);
	char large[KEY_VALUE_MAX + 1];
	memset(large, 'v', sizeof large);
	key_text(&x, "param", STR("large"), (struct str){ large, sizeof large });
	key_text(&x, "param", STR("largest kept"), (struct str){ large, sizeof large - 1 });
	key_text(&x, "param", STR("bytes"), STR("\xff"));
	key_encode(&x, &b);
	assert_ok(key_decode(buf_str(&b), &a, &y, &e), &e);
	key_encode(&y, &again);
	assert_true(str_eq(buf_str(&b), buf_str(&again)));
	assert_str(digest_text_of(&y), digest_text_of(&x).p);
	assert_int_equal(y.n, 7);
	assert_str(y.kind, "step");
	assert_str(key_find(&y, STR("param"), STR("n"))->value, "-7");
	assert_false(key_find(&y, STR("env"), STR("TOKEN"))->has_value);
	assert_false(key_find(&y, STR("param"), STR("large"))->has_value);
	assert_true(key_find(&y, STR("param"), STR("largest kept"))->has_value);
	assert_false(key_find(&y, STR("param"), STR("bytes"))->has_value);
	assert_null(key_find(&y, STR("param"), STR("TOKEN")));
	assert_int_equal(str_find(buf_str(&b), STR("hush")), SIZE_MAX);
	arena_done(&a);
}

static void
damaged_bytes_are_refused(void **state)
{
	(void)state;
	struct arena a = { 0 };
	struct key x;
	AUTO_BUF b = { 0 };
	fill(&x, &a, false);
	key_encode(&x, &b);
	for (size_t n = 0; n < b.n; n++) {
		struct key y = { .n = 77 };
		struct err e = { 0 };
		assert_fails(key_decode(str_take(buf_str(&b), n), &a, &y, &e), &e, ERR_DAMAGED);
		assert_int_equal(y.n, 77);
	}
	/* A flipped bit is refused, or gives another key: never the same one. */
	const struct str right = digest_text_of(&x);
	size_t refused = 0;
	for (size_t i = 0; i < b.n * 8; i++) {
		struct key y;
		struct err e = { 0 };
		b.p[i / 8] = (char)(b.p[i / 8] ^ 1 << i % 8);
		const int r = key_decode(buf_str(&b), &a, &y, &e);
		refused += r < 0;
		if (r == 0)
			assert_false(str_eq(digest_text_of(&y), right));
		else
			assert_int_equal(e.code, ERR_DAMAGED);
		b.p[i / 8] = (char)(b.p[i / 8] ^ 1 << i % 8);
	}
	assert_true(refused > b.n);
	buf_putc(&b, 0);
	struct key y;
	struct err e;
	assert_fails(key_decode(buf_str(&b), &a, &y, &e), &e, ERR_DAMAGED);
	/* 4 billion fields in 16 bytes. */
	assert_fails(key_decode((struct str){ "\1\0\0\0\1\0\0\0\0\0\0\0\xff\xff\xff\xff", 16 }, &a, &y, &e), &e, ERR_DAMAGED);
	arena_done(&a);
}

static void
differences_field_by_field(void **state)
{
	(void)state;
	struct arena a = { 0 };
	struct key x, y;
	fill(&x, &a, false);
	fill(&y, &a, true);
	struct key_change *v;
	assert_int_equal(key_diff(&x, &y, &a, &v), 0);
	key_text(&x, "a", STR("gone"), STR("1"));
	key_text(&y, "z", STR("new"), STR("1"));
	key_text(&x, "code", STR("f.py"), STR("old"));
	key_text(&y, "code", STR("f.py"), STR("new"));
	assert_int_equal(key_diff(&x, &y, &a, &v), 3);
	assert_str(v[0].a->name, "gone");
	assert_null(v[0].b);
	assert_str(v[1].a->value, "old");
	assert_str(v[1].b->value, "new");
	assert_null(v[2].a);
	assert_str(v[2].b->name, "new");
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_of_adding_does_not_count), cmocka_unit_test(borders_of_fields_count),
		cmocka_unit_test(encoding_comes_back),            cmocka_unit_test(damaged_bytes_are_refused),
		cmocka_unit_test(differences_field_by_field),
	};
	return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
