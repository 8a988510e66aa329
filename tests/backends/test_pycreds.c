/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/pycreds.h"
#include "tests/unit.h"

#include "sys/file.h"

struct row {
	const char *variable, *file, *text; /* file: below the home folder; may be NULL */
	const char *url, *want;             /* "user:secret", or "" */
};

static const struct row rows[] = {
	{ "X=1", NULL, NULL, "https://a.example/f.whl", "" },
	{ "UV_INDEX_URL=https://u:p@a.example/simple", NULL, NULL, "https://a.example/f.whl", "u:p" },
	{ "UV_INDEX_URL=https://u:p@a.example/simple", NULL, NULL, "https://b.example/f.whl", "" },
	{ "UV_INDEX_URL=https://u:p@a.example/simple", NULL, NULL, "http://a.example/f.whl", "" },
	{ "UV_INDEX_URL=https://u:p@a.example/simple", NULL, NULL, "https://a.example:8443/f.whl", "" },
	{ "UV_DEFAULT_INDEX=https://u:p%40q@a.example:8443/simple", NULL, NULL, "https://a.example:8443/f.whl", "u:p@q" },
	{ "UV_INDEX=one=https://b.example two=https://u:p@a.example/s", NULL, NULL, "https://a.example/f.whl", "u:p" },
	{ "PIP_EXTRA_INDEX_URL=https://b.example https://u@a.example/s", NULL, NULL, "https://a.example/f.whl", "u:" },
	{ "X=1", ".netrc", "machine a.example login u password p\n", "https://a.example/f.whl", "u:p" },
	{ "X=1", ".netrc", "machine b.example login v password w\nmachine a.example\n login u\n password p", "https://a.example:99/f.whl", "u:p" },
	{ "X=1", ".netrc", "machine b.example login v password w\ndefault login d password e\n", "https://a.example/f.whl", "d:e" },
	{ "X=1", ".netrc", "macdef init\nmachine a.example login x password y\n\nmachine a.example login u password p\n", "https://a.example/f.whl", "u:p" },
	{ "X=1", ".netrc", "machine", "https://a.example/f.whl", "" },
	{ "X=1", ".netrc", "machine a.example login", "https://a.example/f.whl", ":" },
	{ "X=1", ".config/pip/pip.conf", "[global]\nindex-url = https://u:p@a.example/simple\n", "https://a.example/f.whl", "u:p" },
	{ "X=1", ".pip/pip.conf", "[global]\nextra-index-url =\n  https://b.example\n  https://u:p@a.example/s\ntimeout = 3\n", "https://a.example/f.whl", "u:p" },
	{ "X=1", ".config/uv/uv.toml", "[[index]]\nname = \"corp\"\nurl = \"https://u:p@a.example/s\"\n", "https://a.example/f.whl", "u:p" },
	{ "UV_INDEX_MY_CORP_PASSWORD=p", ".config/uv/uv.toml", "[[index]]\nname = \"my-corp\"\nurl = \"https://a.example/s\"\n", "https://a.example/f.whl", ":p" },
	{ "X=1", ".config/uv/uv.toml", "[[index]\n", "https://a.example/f.whl", "" },
	{ "X=1", NULL, NULL, "no URL", "" },
};

static void
the_ways_of_pip_uv_and_netrc(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct err e = { 0 };
		struct str home;
		struct pycreds c = { 0 };
		ROW(i, rows[i].url);
		assert_ok(file_scratch_dir("/tmp", "pycreds-", &a, &home, &e), &e);
		if (rows[i].file) {
			char *path = arena_z(&a, path_join(&a, home, str_z(rows[i].file)));
			assert_ok(file_mkdirs_parent(AT_FDCWD, path, &e), &e);
			assert_ok(file_replace(AT_FDCWD, path, str_z(rows[i].text), 0600, false, &e), &e);
		}
		const char *const vars[] = { rows[i].variable, arena_z(&a, arena_printf(&a, "HOME=" STR_FMT, STR_ARG(home))), "PIP_CONFIG_FILE=/dev/null", NULL };
		const bool found = pycreds_find(vars, NULL, 0, str_z(rows[i].url), &a, &c);
		assert_int_equal(found, rows[i].want[0] != 0);
		if (found)
			assert_str(arena_printf(&a, STR_FMT ":" STR_FMT, STR_ARG(c.user), STR_ARG(c.secret)), rows[i].want);
		(void)file_remove_tree(AT_FDCWD, arena_z(&a, home), NULL);
		arena_done(&a);
	}
}

static void
indexes_of_the_requirements_come_first(void **state)
{
	const char *const vars[] = { "UV_INDEX_URL=https://u:p@a.example/simple", NULL };
	const struct str more[] = { STR("https://v:w@a.example/simple"), STR("https://other.example") };
	struct arena a = { 0 };
	struct pycreds c;

	(void)state;
	assert_true(pycreds_find(vars, more, 2, STR("https://a.example/f.whl"), &a, &c));
	assert_str(c.user, "v");
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ways_of_pip_uv_and_netrc),
		cmocka_unit_test(indexes_of_the_requirements_come_first),
	};

	return cmocka_run_group_tests_name("pycreds", tests, NULL, NULL);
}
