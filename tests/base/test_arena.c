/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include <stdalign.h>

#include "base/vec.h"

static void
memory_is_zeroed_aligned_and_apart(void **state)
{
	(void)state;
	struct arena a = { 0 };
	unsigned char *piece[2000];
	size_t size[2000];
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT(piece); i++) {
			size[i] = i % 97 == 0 ? 100000 + i : i % 61;
			piece[i] = arena_alloc(&a, size[i]);
			assert_int_equal((uintptr_t)piece[i] % alignof(max_align_t), 0);
			for (size_t k = 0; k < size[i]; k++)
				assert_int_equal(piece[i][k], 0);
			memset(piece[i], (int)(i & 0xff), size[i]);
		}
		for (size_t i = 0; i < COUNT(piece); i++)
			for (size_t k = 0; k < size[i]; k++)
				assert_int_equal(piece[i][k], i & 0xff);
		assert_true(a.used > 0);
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_done(&a);
	assert_null(a.block);
	arena_done(&a);
	arena_reset(&a);
}

static void
copies_are_terminated(void **state)
{
	(void)state;
	struct arena a = { 0 };
	const struct str s = arena_str(&a, (struct str){ "abcdef", 3 });
	assert_str(s, "abc");
	assert_int_equal(s.p[3], 0);
	assert_string_equal(arena_z(&a, (struct str){ 0 }), "");
	assert_int_equal(arena_str(&a, (struct str){ "a\0b", 3 }).n, 3);
	assert_str(arena_printf(&a, "%s-%d", "x", 7), "x-7");
	assert_int_equal(arena_printf(&a, "%5000s", "x").n, 5000);
	uint64_t *v = arena_array(&a, uint64_t, 10);
	v[9] = 1;
	assert_non_null(arena_array(&a, uint64_t, 0));
	arena_done(&a);
}

static void
vectors_grow(void **state)
{
	(void)state;
	struct list {
		VEC_FIELDS(uint32_t);
	} v = { 0 };
	for (uint32_t i = 0; i < 10000; i++)
		VEC_PUSH(&v, i);
	assert_int_equal(v.n, 10000);
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(v.v[i], i);
	VEC_DONE(&v);
	assert_null(v.v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(copies_are_terminated),
		cmocka_unit_test(vectors_grow),
	};
	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
