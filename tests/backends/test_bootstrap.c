/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "backends/bootstrap.h"

static void
ids_are_allowed_by_name_or_number(void **state)
{
	static const struct {
		const char *text;
		bool allowed;
	} rows[] = {
		{ "me:100000:65536\n", true },
		{ "me:100000:65536", true },
		{ "other:100000:65536\nme:165536:65536\n", true },
		{ "1001:100000:65536\n", true },
		{ "me:100000:65535\n", false },
		{ "me:100000:1000\nme:200000:65536\n", true },
		{ "mee:100000:65536\n", false },
		{ "m:100000:65536\n", false },
		{ "10011:100000:65536\n", false },
		{ "me:100000\n", false },
		{ "me:x:65536\n", false },
		{ "me:100000:many\n", false },
		{ "", false },
		{ "\n\n:\n::\n", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("%s\n", rows[i].text);
		assert_int_equal(bootstrap_ids_allowed(str_z(rows[i].text), STR("me"), 1001), rows[i].allowed);
	}
	assert_true(bootstrap_ids_allowed(STR("1001:1:65536\n"), (struct str){ 0 }, 1001));
	assert_false(bootstrap_ids_allowed(STR(":1:65536\n"), (struct str){ 0 }, 1001));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ids_are_allowed_by_name_or_number) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
