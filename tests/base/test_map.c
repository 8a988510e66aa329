/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "base/map.h"

static void
puts_adds_and_gets(void **state)
{
	(void)state;
	struct map m = { 0 };
	assert_int_equal(map_get(&m, STR("a")), MAP_NONE);
	assert_int_equal(map_put(&m, STR("a"), 1), MAP_NONE);
	assert_int_equal(map_put(&m, STR("a"), 2), 1);
	assert_int_equal(map_add(&m, STR("a"), 3), 2);
	assert_int_equal(map_get(&m, STR("a")), 2);
	assert_int_equal(map_add(&m, STR("b"), 3), 3);
	assert_int_equal(map_put(&m, (struct str){ 0 }, 9), MAP_NONE);
	assert_int_equal(map_get(&m, STR("")), 9);
	assert_int_equal(map_get(&m, (struct str){ "a\0", 2 }), MAP_NONE);
	assert_int_equal(m.n, 3);
	map_done(&m);
	assert_int_equal(map_get(&m, STR("a")), MAP_NONE);
}

static void
holds_many(void **state)
{
	(void)state;
	enum { MANY = 50000 };
	struct arena a = { 0 };
	struct map m = { 0 };
	struct str *key = arena_array(&a, struct str, MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		key[i] = arena_printf(&a, "key-%u", i);
		assert_int_equal(map_add(&m, key[i], i), i);
	}
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(map_get(&m, key[i]), i);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(map_get(&m, arena_printf(&a, "no-%u", i)), MAP_NONE);
	assert_int_equal(m.n, MANY);
	map_done(&m);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(puts_adds_and_gets), cmocka_unit_test(holds_many) };
	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
