/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "hashing/fp.h"

static void
known_values(void **state)
{
	(void)state;
	/* XXH3-128 of the empty text and of "a", as xxh128sum prints them (high half first). */
	assert_true(fp_eq(fp_of(STR("")), (struct fp){ UINT64_C(0x99aa06d3014798d8), UINT64_C(0x6001c324468d497f) }));
	assert_true(fp_eq(fp_of(STR("a")), (struct fp){ UINT64_C(0xa96faf705af16834), UINT64_C(0xe6c632b61e964e1f) }));
	assert_true(fp_eq(fp_of((struct str){ 0 }), fp_of(STR(""))));
}

static void
pieces_give_the_same_as_the_whole(void **state)
{
	(void)state;
	static char text[5000];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(i * 7);
	for (size_t n = 0; n < sizeof text; n += 331) {
		struct fp_stream *s = fp_begin();
		struct str rest = { text, n };
		for (size_t step = 1; rest.n; step = step * 3 % 701) {
			fp_add(s, str_take(rest, step));
			rest = str_drop(rest, step);
		}
		assert_true(fp_eq(fp_end(s), fp_of((struct str){ text, n })));
	}
}

static void
lists_keep_their_borders(void **state)
{
	(void)state;
	const struct str a[] = { STR("ab"), STR("c") }, b[] = { STR("a"), STR("bc") }, c[] = { STR("abc") }, d[] = { STR("abc"), STR("") };
	const struct fp fa = fp_of_list(a, 2), fb = fp_of_list(b, 2), fc = fp_of_list(c, 1), fd = fp_of_list(d, 2);
	assert_false(fp_eq(fa, fb));
	assert_false(fp_eq(fa, fc));
	assert_false(fp_eq(fc, fd));
	assert_true(fp_eq(fa, fp_of_list(a, 2)));
	assert_true(fp_eq(fp_of_list(NULL, 0), fp_of(STR(""))));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(pieces_give_the_same_as_the_whole),
		cmocka_unit_test(lists_keep_their_borders),
	};
	return cmocka_run_group_tests_name("fp", tests, NULL, NULL);
}
