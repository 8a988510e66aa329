/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/wheel_layers.h"
#include "tests/unit.h"

struct made {
	struct layer_spec *v;
	size_t n, own, buckets;
};

/* n small wheels and `large` of 5 MiB, beside `taken` other layers. */
static struct made
lay_out(struct arena *a, const struct wheel_layout *w, size_t n, size_t large, size_t taken)
{
	struct wheel_set set = { .v = arena_array(a, struct wheel_pin, n + large + 1), .n = n + large };
	const struct wheel_scheme scheme = { .tag = STR("t") };
	struct made m = { .v = arena_array(a, struct layer_spec, n + large + 1) };
	for (size_t i = 0; i < n + large; i++) {
		const struct str name = arena_printf(a, "%s%04zu", i < large ? "a" : "b", i);
		set.v[i] = (struct wheel_pin){ .name = name, .version = STR("1"), .sha256 = digest_of(name), .size = i < large ? 5 << 20 : 1000 };
	}
	m.n = wheel_layers(w, &builder_native, LAYER_GZIP, &set, &scheme, taken, a, m.v);
	for (size_t i = 0; i < m.n; i++) {
		m.own += m.v[i].nparts == 0;
		m.buckets += m.v[i].nparts > 0;
	}
	return m;
}

static void
images_stay_below_a_hundred_layers(void **state)
{
	static const struct {
		size_t small, large, taken, own;
		bool buckets;
	} rows[] = {
		{ 0, 0, 5, 0, false },     { 40, 0, 5, 40, false },  { 41, 0, 5, 0, true },     { 30, 11, 5, 11, true },   { 2000, 500, 5, 78, true },
		{ 0, 60, 5, 60, false },   { 0, 90, 5, 78, true }, { 20, 10, 90, 0, true },  { 5, 2, 98, 0, true },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct wheel_layout w;
		assert_null(wheel_layout_read(STR(""), &w));
		const struct made m = lay_out(&a, &w, rows[i].small, rows[i].large, rows[i].taken);
		ROW(i, "");
		assert_int_equal(m.own, rows[i].own);
		assert_true(m.buckets <= 16 && (m.buckets > 0) == rows[i].buckets);
		assert_true(m.n + rows[i].taken <= WHEEL_LAYERS_MOST || rows[i].taken > 80);
		arena_done(&a);
	}
}

static void
one_wheel_more_touches_one_layer(void **state)
{
	struct arena a = { 0 };
	struct wheel_layout w;
	(void)state;
	assert_null(wheel_layout_read(STR(""), &w));
	const struct made before = lay_out(&a, &w, 200, 3, 5), after = lay_out(&a, &w, 201, 3, 5);
	size_t same = 0;
	for (size_t i = 0; i < after.n; i++)
		for (size_t k = 0; k < before.n; k++)
			same += digest_eq(&after.v[i].key_digest, &before.v[k].key_digest);
	assert_int_equal(same, before.n - 1);
	arena_done(&a);
}

static void
mistakes_are_named(void **state)
{
	static const struct {
		const char *text, *wrong;
	} rows[] = {
		{ "{\"big\":\"2MiB\",\"buckets\":8,\"each\":0}", NULL }, { "{\"big\":1000}", NULL },     { "{\"buckets\":65}", "buckets" },
		{ "{\"buckets\":0}", "buckets" },			 { "{\"each\":-1}", "each" },    { "{\"big\":\"2M\"}", "big" },
		{ "{\"bog\":1}", "key" },				 { "[]", "map" },		 { "\"each\"", "map" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct wheel_layout w;
		const char *wrong = wheel_layout_read(str_z(rows[i].text), &w);
		ROW(i, rows[i].text);
		if (rows[i].wrong)
			assert_true(wrong && strstr(wrong, rows[i].wrong));
		else
			assert_null(wrong);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_stay_below_a_hundred_layers),
		cmocka_unit_test(one_wheel_more_touches_one_layer),
		cmocka_unit_test(mistakes_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
