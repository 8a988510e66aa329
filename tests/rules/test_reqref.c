/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/reqref.h"
#include "tests/unit.h"

static void
references_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *want; /* "kind path|plain revision subdirectory egg sha256", '-' for nothing; NULL: a mistake */
	} rows[] = {
		{ "./lib", "path ./lib - - - -" },
		{ "/srv/x.whl", "path /srv/x.whl - - - -" },
		{ "file:///srv/a%20b/x.whl", "path /srv/a b/x.whl - - - -" },
		{ "file://localhost/srv/x.whl", "path /srv/x.whl - - - -" },
		{ "file:w/x.whl#sha256=ab", "path w/x.whl - - - ab" },
		{ "https://u:p@h/x.whl#egg=x&subdirectory=s%20t", "url https://h/x.whl - s t x -" },
		{ "http://h/x.whl?a=b", "url http://h/x.whl?a=b - - - -" },
		{ "git+https://u:p@h/a/b.git@v1.0#egg=b[x]", "git https://h/a/b.git v1.0 - b -" },
		{ "git+ssh://git@h/a/b.git@feature/x", "git ssh://git@h/a/b.git feature/x - - -" },
		{ "git+ssh://git@h/a/b.git", "git ssh://git@h/a/b.git - - - -" },
		{ "git+file:///srv/b@main", "git file:///srv/b main - - -" },
		{ "hg+https://h/x", NULL },
		{ "ftp://h/x", NULL },
		{ "~/x", NULL },
		{ "file:", NULL },
	};
	static const char *const kinds[] = { "none", "path", "url", "git" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct reqref r;
		struct err e = { 0 };
		ROW(i, rows[i].text);
		int rc = reqref_parse(str_z(rows[i].text), &a, &r, &e);
		if (!rows[i].want) {
			assert_fails(rc, &e, ERR_INPUT);
		} else {
			assert_ok(rc, &e);
#define OR(s) STR_ARG((s).n ? (s) : STR("-"))
			assert_str(arena_printf(&a, "%s " STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT, kinds[r.kind],
						OR(r.kind == REQREF_PATH ? r.path : r.plain), OR(r.revision), OR(r.subdirectory), OR(r.egg), OR(r.sha256)),
				   rows[i].want);
		}
		arena_done(&a);
	}
}

static void
lines_that_are_references(void **state)
{
	static const struct {
		const char *text;
		bool is;
		const char *where, *extras, *marker;
	} rows[] = {
		{ "six", false, "six", "", "" },
		{ "six[a,b]>=1", false, "six[a,b]>=1", "", "" },
		{ "six @ https://h/x.whl", false, "six @ https://h/x.whl", "", "" },
		{ "six@./x", false, "six@./x", "", "" },
		{ ".", true, ".", "", "" },
		{ "./lib[a,b] ; os_name == 'posix'", true, "./lib", "[a,b]", "os_name == 'posix'" },
		{ "../lib;os_name=='posix'", true, "../lib", "", "os_name=='posix'" },
		{ "lib/sub", true, "lib/sub", "", "" },
		{ "x-1.0.tar.gz", true, "x-1.0.tar.gz", "", "" },
		{ "https://h/a;b/x.whl ; os_name == 'nt'", true, "https://h/a;b/x.whl", "", "os_name == 'nt'" },
		{ "git+https://u@h/x#egg=x", true, "git+https://u@h/x#egg=x", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reqref_line l = reqref_split(str_z(rows[i].text));
		ROW(i, rows[i].text);
		assert_int_equal(reqref_is(str_z(rows[i].text)), rows[i].is);
		assert_str(l.where, rows[i].where);
		assert_str(l.extras, rows[i].extras);
		assert_str(l.marker, rows[i].marker);
	}
}

static void
files_name_their_package(void **state)
{
	static const struct {
		const char *path, *want;
	} rows[] = {
		{ "a/Foo_Bar-1.0-py3-none-any.whl", "foo-bar 1.0" },  { "foo-1.0.tar.gz", "foo 1.0" },   { "foo-bar-1.0rc1.zip", "foo-bar 1.0rc1" },
		{ "https://h/foo-1.0.tgz?x=y", "foo 1.0" },            { "foo.tar.gz", "" },             { "foo-x.tar.gz", "" },
		{ "foo-1.0.exe", "" },                                  { "foo-1.0-py3.whl", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct str name = { 0 }, version = { 0 };
		ROW(i, rows[i].path);
		if (reqref_file_name(str_z(rows[i].path), &a, &name, &version))
			assert_str(arena_printf(&a, STR_FMT " " STR_FMT, STR_ARG(name), STR_ARG(version)), rows[i].want);
		else
			assert_int_equal(rows[i].want[0], 0);
		arena_done(&a);
	}
}

static void
paths_come_back_from_urls(void **state)
{
	struct arena a = { 0 };

	(void)state;
	assert_str(reqref_encode(STR("/a b/\xc3\xa4#?.whl"), &a), "/a%20b/%C3%A4%23%3F.whl");
	assert_str(reqref_decode(STR("/a%20b/%C3%A4%23%3F.whl%2"), &a), "/a b/\xc3\xa4#?.whl%2");
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_taken_apart),
		cmocka_unit_test(lines_that_are_references),
		cmocka_unit_test(files_name_their_package),
		cmocka_unit_test(paths_come_back_from_urls),
	};

	return cmocka_run_group_tests_name("reqref", tests, NULL, NULL);
}
