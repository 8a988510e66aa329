/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "hashing/digest.h"

static void
known_values(void **state)
{
	(void)state;
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	struct arena a = { 0 };
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct digest d = digest_of(str_z(rows[i].in));
		assert_str(digest_str(&d, &a), rows[i].want);
		struct digest back = { 0 }, bare = { 0 };
		assert_true(digest_parse(str_z(rows[i].want), false, &back));
		assert_true(digest_parse(str_z(rows[i].want + 7), true, &bare));
		assert_true(digest_eq(&d, &back) && digest_eq(&d, &bare) && digest_cmp(&d, &back) == 0);
		struct digest_stream *s = digest_begin();
		for (const char *p = rows[i].in; *p; p++)
			digest_add(s, (struct str){ p, 1 });
		const struct digest streamed = digest_end(s);
		assert_true(digest_eq(&d, &streamed));
		assert_false(digest_is_zero(&d));
	}
	assert_true(digest_is_zero(&(struct digest){ 0 }));
	digest_drop(digest_begin());
	digest_drop(NULL);
	arena_done(&a);
}

static void
only_the_exact_form_is_read(void **state)
{
	(void)state;
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	static const struct {
		const char *in;
		bool bare, ok;
	} rows[] = {
		{ "sha256:" HEX, false, true },
		{ HEX, true, true },
		{ HEX, false, false },
		{ "sha256:" HEX, true, false },
		{ "sha256:" HEX "0", false, false },
		{ "sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", false, false },
		{ "sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", false, false },
		{ "sha512:" HEX, false, false },
		{ "sha256:", false, false },
		{ "", true, false },
		{ "", false, false },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct digest d = { 0 };
		assert_int_equal(digest_parse(str_z(rows[i].in), rows[i].bare, &d), rows[i].ok);
		assert_int_equal(digest_is_zero(&d), !rows[i].ok);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_values), cmocka_unit_test(only_the_exact_form_is_read) };
	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
