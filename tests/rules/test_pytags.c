/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pytags.h"
#include "tests/unit.h"

static void
file_names_are_read(void **state)
{
	static const struct {
		const char *file, *name; /* name NULL: no wheel */
	} rows[] = {
		{ "six-1.16.0-py2.py3-none-any.whl", "six" },
		{ "Foo_Bar-1.0-py3-none-any.whl", "foo-bar" },
		{ "numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "numpy" },
		{ "x-1.0-1-py3-none-any.whl", "x" },
		{ "x-1.0-1b-py3-none-any.whl", "x" },
		{ "x-1.0-b1-py3-none-any.whl", NULL },
		{ "x-1.0-py3-none.whl", NULL },
		{ "x-1.0-1-2-py3-none-any.whl", NULL },
		{ "x-1.0-py3-none-any.zip", NULL },
		{ "../x-1.0-py3-none-any.whl", NULL },
		{ "x-one-py3-none-any.whl", NULL },
		{ "x-1.0-py3--any.whl", NULL },
		{ ".whl", NULL },
	};
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct wheel_name w;
		ROW(i, rows[i].file);
		bool ok = wheel_name_parse(str_z(rows[i].file), &a, &w);
		assert_int_equal(ok, rows[i].name != NULL);
		if (ok)
			assert_str(w.name, rows[i].name);
	}
	arena_done(&a);
}

/* Of the files the one that is marked with '*' fits best; none marked: none fits. */
static void
the_best_file_for_a_target(void **state)
{
	static const struct {
		const char *python, *platform, *glibc;
		const char *file[5];
	} rows[] = {
		{ "3.11", "linux/amd64", "2.36", { "x-1-py3-none-any.whl", "*x-1-cp311-cp311-manylinux_2_17_x86_64.whl" } },
		{ "3.11", "linux/amd64", "2.36", { "*x-1-py3-none-any.whl", "x-1-cp310-cp310-manylinux_2_17_x86_64.whl" } },
		{ "3.11", "linux/amd64", "2.36",
		  { "x-1-cp311-cp311-manylinux_2_17_x86_64.whl", "*x-1-cp311-cp311-manylinux_2_28_x86_64.whl",
		    "x-1-cp311-cp311-manylinux_2_39_x86_64.whl" } },
		{ "3.11", "linux/amd64", "2.17", { "*x-1-cp311-cp311-manylinux2014_x86_64.whl", "x-1-cp311-cp311-manylinux_2_28_x86_64.whl" } },
		{ "3.11", "linux/amd64", "", { "*x-1-cp311-cp311-manylinux_2_28_x86_64.whl", "x-1-cp311-cp311-manylinux_2_31_x86_64.whl" } },
		{ "3.11", "linux/amd64", "2.36", { "*x-1-cp38-abi3-manylinux_2_17_x86_64.whl", "x-1-py3-none-manylinux_2_17_x86_64.whl" } },
		{ "3.11", "linux/amd64", "2.36", { "x-1-cp312-abi3-manylinux_2_17_x86_64.whl", "x-1-cp311-cp311-macosx_11_0_x86_64.whl" } },
		{ "3.11", "linux/arm64", "2.36",
		  { "x-1-cp311-cp311-manylinux_2_17_x86_64.whl", "*x-1-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl" } },
		{ "3.13", "linux/amd64", "2.36", { "x-1-cp313-cp313t-manylinux_2_17_x86_64.whl", "*x-1-cp313-cp313-manylinux_2_17_x86_64.whl" } },
		{ "3.11", "linux/amd64", "musl 1.2",
		  { "x-1-cp311-cp311-manylinux_2_17_x86_64.whl", "*x-1-cp311-cp311-musllinux_1_1_x86_64.whl" } },
		{ "3.11", "linux/amd64", "2.36", { "*x-1-cp311-none-any.whl", "x-1-py2.py3-none-any.whl" } },
		{ "3.11", "linux/amd64", "2.36", { "*x-1-py2.py3-none-any.whl", "x-1-py2-none-any.whl" } },
		{ "3.11", "linux/amd64", "2.36", { "*x-1-cp311-cp311-linux_x86_64.whl", "x-1-py3-none-any.whl" } },
		{ "3.11", "linux/amd64", "2.5", { "*x-1-cp311-cp311-manylinux1_x86_64.whl", "x-1-cp311-cp311-manylinux2010_x86_64.whl" } },
	};
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pytags t;
		size_t best = SIZE_MAX, best_at = SIZE_MAX, marked = SIZE_MAX;
		ROW(i, rows[i].file[0]);
		assert_true(pytags_of(str_z(rows[i].python), str_z(rows[i].platform), str_z(rows[i].glibc), &a, &t));
		for (size_t k = 0; k < COUNT(rows[i].file) && rows[i].file[k]; k++) {
			struct str f = str_z(rows[i].file[k]);
			struct wheel_name w;
			if (f.p[0] == '*') {
				marked = k;
				f = str_drop(f, 1);
			}
			assert_true(wheel_name_parse(f, &a, &w));
			size_t rank = pytags_rank(&t, &w);
			if (rank < best) {
				best = rank;
				best_at = k;
			}
		}
		assert_int_equal(best_at, marked);
	}
	arena_done(&a);
}

static void
unknown_targets_are_refused(void **state)
{
	static const char *const rows[][2] = { { "2.7", "linux/amd64" }, { "3", "linux/amd64" }, { "3.x", "linux/amd64" }, { "3.11", "windows/amd64" } };
	struct arena a = { 0 };
	struct pytags t;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_false(pytags_of(str_z(rows[i][0]), str_z(rows[i][1]), STR("2.36"), &a, &t));
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_names_are_read),
		cmocka_unit_test(the_best_file_for_a_target),
		cmocka_unit_test(unknown_targets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
