/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "rules/docker_ignore.h"

#define FILE_MODE DOCKER_GLOB_FILE
#define IGNORE_MODE DOCKER_GLOB_IGNORE

static const struct {
	enum docker_glob_mode mode;
	const char *pattern, *text;
	bool match;
} rows[] = {
	/* as Go's filepath.Match */
	{ FILE_MODE, "abc", "abc", true },
	{ FILE_MODE, "*", "abc", true },
	{ FILE_MODE, "*c", "abc", true },
	{ FILE_MODE, "a*", "a", true },
	{ FILE_MODE, "a*", "abc", true },
	{ FILE_MODE, "a*", "ab/c", false },
	{ FILE_MODE, "a*/b", "abc/b", true },
	{ FILE_MODE, "a*/b", "a/c/b", false },
	{ FILE_MODE, "a*b*c*d*e*/f", "axbxcxdxe/f", true },
	{ FILE_MODE, "a*b*c*d*e*/f", "axbxcxdxexxx/f", true },
	{ FILE_MODE, "a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false },
	{ FILE_MODE, "a*b*c*d*e*/f", "axbxcxdxexxx/fff", false },
	{ FILE_MODE, "a*b?c*x", "abxbbxdbxebxczzx", true },
	{ FILE_MODE, "a*b?c*x", "abxbbxdbxebxczzy", false },
	{ FILE_MODE, "ab[c]", "abc", true },
	{ FILE_MODE, "ab[b-d]", "abc", true },
	{ FILE_MODE, "ab[e-g]", "abc", false },
	{ FILE_MODE, "ab[^c]", "abc", false },
	{ FILE_MODE, "ab[^b-d]", "abc", false },
	{ FILE_MODE, "ab[^e-g]", "abc", true },
	{ FILE_MODE, "a\\*b", "a*b", true },
	{ FILE_MODE, "a\\*b", "ab", false },
	{ FILE_MODE, "a?b", "a☺b", true },
	{ FILE_MODE, "a[^a]b", "a☺b", true },
	{ FILE_MODE, "a???b", "a☺b", false },
	{ FILE_MODE, "[a-ζ]*", "α", true },
	{ FILE_MODE, "*[a-ζ]", "A", false },
	{ FILE_MODE, "a?b", "a/b", false },
	{ FILE_MODE, "a*b", "a/b", false },
	{ FILE_MODE, "[\\]a]", "]", true },
	{ FILE_MODE, "[\\-]", "-", true },
	{ FILE_MODE, "[x\\-]", "x", true },
	{ FILE_MODE, "[x\\-]", "z", false },
	{ FILE_MODE, "[\\-x]", "a", false },
	{ FILE_MODE, "*x", "xxx", true },
	{ FILE_MODE, "**", "a", true },
	{ FILE_MODE, "**", "a/b", false },
	{ FILE_MODE, "a/**/b", "a/c/b", true },
	{ FILE_MODE, "a/**/b", "a/b", false },
	{ FILE_MODE, ".*", ".env", true },
	{ FILE_MODE, "*", ".env", true },
	{ FILE_MODE, "hom?.txt", "home.txt", true },
	/* as .dockerignore */
	{ IGNORE_MODE, "**", "file", true },
	{ IGNORE_MODE, "**", "a/b/c", true },
	{ IGNORE_MODE, "**/", "a", true },
	{ IGNORE_MODE, "**/**", "a/b", true },
	{ IGNORE_MODE, "dir/**", "dir/file", true },
	{ IGNORE_MODE, "dir/**", "otherdir/file", false },
	{ IGNORE_MODE, "dir/**", "dir/dir2/file", true },
	{ IGNORE_MODE, "**/dir", "dir", true },
	{ IGNORE_MODE, "**/dir", "a/dir", true },
	{ IGNORE_MODE, "**/dir", "adir", false },
	{ IGNORE_MODE, "**/file", "dir/dir/file", true },
	{ IGNORE_MODE, "**/dir2/*", "dir/dir2/file", true },
	{ IGNORE_MODE, "**/dir2/*", "dir/dir2/dir2/file", true },
	{ IGNORE_MODE, "**/dir2/**", "dir/dir2/dir2/file", true },
	{ IGNORE_MODE, "**file", "file", true },
	{ IGNORE_MODE, "**file", "dir/file", true },
	{ IGNORE_MODE, "**file", "dir/afile", false },
	{ IGNORE_MODE, "**/file", "dir/file", true },
	{ IGNORE_MODE, "**/*.txt", "dir/file.txt", true },
	{ IGNORE_MODE, "**/*.txt", "file.txt", true },
	{ IGNORE_MODE, "**/**/*.txt", "dir/dir/file.txt", true },
	{ IGNORE_MODE, "**/**/*.txt2", "dir/dir/file.txt", false },
	{ IGNORE_MODE, "a**", "ab/c", true },
	{ IGNORE_MODE, "a**/*.txt", "a/dir/file.txt", true },
	{ IGNORE_MODE, "a/*.txt", "a/dir/file.txt", false },
	{ IGNORE_MODE, "a/*.txt", "a/file.txt", true },
	{ IGNORE_MODE, "a/*.txt**", "a/file.txt", true },
	{ IGNORE_MODE, "a[b-d]e", "ae", false },
	{ IGNORE_MODE, "a[b-d]e", "ace", true },
	{ IGNORE_MODE, "a[^b-d]e", "aze", true },
	{ IGNORE_MODE, ".*", ".foo", true },
	{ IGNORE_MODE, ".*", "foo", false },
	{ IGNORE_MODE, "abc.def", "abcdef", false },
	{ IGNORE_MODE, "abc.def", "abcZdef", false },
	{ IGNORE_MODE, "abc?def", "abcZdef", true },
	{ IGNORE_MODE, "a\\*b", "a*b", true },
	{ IGNORE_MODE, "**/foo/bar", "foo/bar", true },
	{ IGNORE_MODE, "**/foo/bar", "dir/foo/bar", true },
	{ IGNORE_MODE, "abc/**", "abc", false },
	{ IGNORE_MODE, "a/**/z", "a/z", true },
	{ IGNORE_MODE, "a/**/z", "a/b/c/z", true },
	{ IGNORE_MODE, "a/**/z", "a/bz", false },
	{ IGNORE_MODE, "(a)+{b}|$", "(a)+{b}|$", true },
};

static void
patterns_match_what_go_and_docker_match(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct err e = { 0 };
		struct docker_glob g;

		assert_ok(docker_glob_compile(rows[i].mode, str_z(rows[i].pattern), &a, &g, &e), &e);
		if (docker_glob_match(&g, str_z(rows[i].text)) != rows[i].match)
			print_error("%s against %s: expected %s\n", rows[i].pattern, rows[i].text, rows[i].match ? "a match" : "none");
		assert_int_equal(docker_glob_match(&g, str_z(rows[i].text)), rows[i].match);
		arena_done(&a);
	}
}

static void
broken_patterns_are_refused(void **state)
{
	static const char *const bad[] = { "[", "[a", "[]", "[^]", "[-]", "[a-", "[a-]", "[x-]", "[-x]", "a\\", "[\\", "[^a", "[a-b-c]" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct arena a = { 0 };
		struct err e = { 0 };
		struct docker_glob g;

		if (docker_glob_compile(FILE_MODE, str_z(bad[i]), &a, &g, &e) == 0)
			print_error("accepted: %s\n", bad[i]);
		e = (struct err){ 0 };
		assert_fails(docker_glob_compile(FILE_MODE, str_z(bad[i]), &a, &g, &e), &e, ERR_INPUT);
		arena_done(&a);
	}
}

static void
many_stars_cost_no_more_than_the_product(void **state)
{
	struct arena a = { 0 };
	struct err e = { 0 };
	struct docker_glob g;
	char pattern[2001], text[4001];

	(void)state;
	for (size_t i = 0; i < 2000; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	pattern[2000] = '\0';
	memset(text, 'a', 4000);
	text[4000] = 'b';
	assert_ok(docker_glob_compile(FILE_MODE, str_z(pattern), &a, &g, &e), &e);
	assert_false(docker_glob_match(&g, (struct str){ text, 4001 }));
	arena_done(&a);
}

/* Which of the paths a .dockerignore leaves out, in their order. */
static const struct {
	const char *file, *paths, *left_out;
} ignores[] = {
	{ "", "a b/c", "" },
	{ "# a comment\n\n  \n", "a", "" },
	{ "a", "a a/b b", "a a/b" },
	{ "/a", "a b/a", "a" },
	{ "./a/", "a a/b", "a a/b" },
	{ "  a  ", "a", "a" },
	{ "a\r\nb\r\n", "a b", "a b" },
	{ "\xef\xbb\xbf" "a", "a", "a" },
	{ "*.txt", "a.txt d/a.txt", "a.txt" },
	{ "**/*.txt", "a.txt d/a.txt", "a.txt d/a.txt" },
	{ "*\n!keep", "keep lose keep/x", "lose" },
	{ "*\n!d/keep", "d d/keep d/lose e", "d d/lose e" },
	{ "!keep\n*", "keep", "keep" },
	{ "*.md\n!README.md", "README.md OTHER.md", "OTHER.md" },
	{ "*.md\n!README*.md\nREADME-secret.md", "README.md README-secret.md x.md", "README-secret.md x.md" },
	{ "d\n!d/a\nd/a/b", "d d/a d/a/b d/a/c d/x", "d d/a/b d/x" },
	{ "d/*\n!d/a", "d d/a d/a/b d/x", "d/x" },
	{ "**/node_modules", "node_modules a/node_modules/x a/b", "node_modules a/node_modules/x" },
	{ "**\n!**/*.go", "x.go d/x.go d/x.c d", "d/x.c d" },
	{ "a/../b", "a b", "b" },
	{ "../x", "x", "" },
	{ "\\#x", "#x", "#x" },
	{ "! a\na", "a", "a" },
	{ "a\n! a", "a", "" },
	{ ".", "a", "" },
	{ "a/b", "a a/b a/b/c", "a/b a/b/c" },
	{ "*/temp*", "x/temp y/temporary temp x/y/temp", "x/temp y/temporary" },
	{ "*/*/temp*", "x/y/temp x/temp", "x/y/temp" },
	{ "temp?", "tempa temp tempab", "tempa" },
};

static void
dockerignore_decides_by_the_last_line_that_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ignores); i++) {
		struct arena a = { 0 };
		struct err e = { 0 };
		struct diags d = { 0 };
		struct docker_ignore g;
		char have[400] = "";

		assert_ok(docker_ignore_read(STR(".dockerignore"), str_z(ignores[i].file), &a, &d, &g, &e), &e);
		for (struct str rest = str_z(ignores[i].paths); rest.n > 0;) {
			const struct str_cut c = str_cut(rest, ' ');

			rest = c.tail;
			if (docker_ignored(&g, c.head))
				snprintf(have + strlen(have), sizeof have - strlen(have), "%s" STR_FMT, *have ? " " : "", STR_ARG(c.head));
		}
		if (strcmp(have, ignores[i].left_out) != 0)
			print_error("file: %s\n", ignores[i].file);
		assert_string_equal(have, ignores[i].left_out);
		diags_done(&d);
		arena_done(&a);
	}
}

static void
a_broken_dockerignore_names_the_line(void **state)
{
	struct arena a = { 0 };
	struct err e = { 0 };
	struct diags d = { 0 };
	struct docker_ignore g;

	(void)state;
	assert_fails(docker_ignore_read(STR("i"), STR("a\n !\n  [x\n"), &a, &d, &g, &e), &e, ERR_INPUT);
	assert_int_equal(d.n, 2);
	assert_int_equal(d.v[0].at.line, 2);
	assert_int_equal(d.v[0].at.column, 2);
	assert_int_equal(d.v[1].at.line, 3);
	assert_int_equal(d.v[1].at.column, 3);
	diags_done(&d);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_what_go_and_docker_match),
		cmocka_unit_test(broken_patterns_are_refused),
		cmocka_unit_test(many_stars_cost_no_more_than_the_product),
		cmocka_unit_test(dockerignore_decides_by_the_last_line_that_matches),
		cmocka_unit_test(a_broken_dockerignore_names_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
