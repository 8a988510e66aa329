/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/packages.h"
#include "tests/unit.h"

static void
texts(void **state)
{
	static const struct {
		const char *text;
		bool apk;
		const char *want; /* name=version/arch, joined by blanks */
	} rows[] = {
		{ "", false, "" },
		{ "Package: a\nVersion: 1:2-3\nArchitecture: amd64\nStatus: install ok installed\n", false, "a=1:2-3/amd64" },
		{ "Package: a\nVersion: 1\nStatus: install ok installed\n\nPackage: b\nVersion: 2~rc+1\nStatus: hold ok installed", false, "a=1/ b=2~rc+1/" },
		{ "Package: a\nVersion: 1\nStatus: deinstall ok config-files\n\nPackage: b\nVersion: 2\nArchitecture: all\n", false, "b=2/all" },
		{ "Package: a\nStatus: install ok half-installed\nVersion: 1\n", false, "" },
		{ "Package: a\nDescription: x\n Version: 9\nVersion: 1\n", false, "a=1/" },
		{ "Package: ../a\nVersion: 1\n\nPackage: b\nVersion: 1 2\n\nPackage: c\n", false, "" },
		{ "Version: 1\n\n\n\nPackage: a\nVersion: 1\nArchitecture: x y\n", false, "a=1/" },
		{ "C:Q1=\nP:musl\nV:1.2.4-r2\nA:x86_64\nS:5\n\nP:zlib\nV:1.3\n\n", true, "musl=1.2.4-r2/x86_64 zlib=1.3/" },
		{ "Package: a\nVersion: 1\n", true, "" },
		{ "\n:\n::\nP\n", true, "" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct package *v;
		AUTO_BUF have = { 0 };
		ROW(i, rows[i].text);
		const size_t n = packages_parse(str_z(rows[i].text), rows[i].apk, &a, &v);
		for (size_t k = 0; k < n; k++)
			buf_printf(&have, "%s" STR_FMT "=" STR_FMT "/" STR_FMT, k ? " " : "", STR_ARG(v[k].name), STR_ARG(v[k].version), STR_ARG(v[k].arch));
		assert_str(buf_str(&have), rows[i].want);
		arena_done(&a);
	}
}

static void
words(void **state)
{
	static const struct {
		struct str text;
		bool good;
	} rows[] = { { STR_INIT("libstdc++6"), true }, { STR_INIT("1:2.3~rc1-4+b1"), true }, { STR_INIT(""), false }, { STR_INIT("a b"), false },
		     { STR_INIT("a/b"), false },	{ STR_INIT("a\0b"), false },		{ STR_INIT("\xc3\xa4"), false } };
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(packages_word(rows[i].text), rows[i].good);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(texts), cmocka_unit_test(words) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
