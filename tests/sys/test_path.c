/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scratch.h"

static void
arithmetic(void **state)
{
	(void)state;
	struct arena a = { 0 };
	static const struct {
		const char *in, *clean, *dir, *base;
	} rows[] = {
		{ "", ".", ".", "" },
		{ ".", ".", ".", "." },
		{ "a", "a", ".", "a" },
		{ "./a//b/../c", "a/c", "./a//b/..", "c" },
		{ "a/b", "a/b", "a", "b" },
		{ "/a", "/a", "/", "a" },
		{ "/", "/", "/", "" },
		{ "/..", "/", "/", ".." },
		{ "/../../a/", "/a", "/../../a", "" },
		{ "a/..", ".", "a", ".." },
		{ "../a", "../a", "..", "a" },
		{ "../../a/../..", "../../..", "../../a/..", ".." },
		{ "a/../../b", "../b", "a/../..", "b" },
		{ "a/b/c/../..", "a", "a/b/c/..", ".." },
		{ "./.", ".", ".", "." },
		{ "..a/...", "..a/...", "..a", "..." },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct str s = str_z(rows[i].in);
		assert_str(path_clean(&a, s), rows[i].clean);
		assert_str(path_clean(&a, path_clean(&a, s)), rows[i].clean);
		assert_str(path_dir(s), rows[i].dir);
		assert_str(path_base(s), rows[i].base);
	}
	arena_done(&a);
}

static void
joining(void **state)
{
	(void)state;
	struct arena a = { 0 };
	static const struct {
		const char *head, *tail, *want;
	} rows[] = {
		{ "a", "b/c", "a/b/c" }, { "", "b", "b" },   { ".", "b", "b" },  { "a", "", "a" },  { "a", ".", "a" },
		{ "/", "a", "/a" },      { "a/", "b", "a/b" }, { "a", "/b", "/b" }, { "", "", "." }, { ".", ".", "." },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct str s = path_join(&a, str_z(rows[i].head), str_z(rows[i].tail));
		assert_str(s, rows[i].want);
		assert_int_equal(s.p[s.n], 0);
	}
	arena_done(&a);
}

static void
being_inside(void **state)
{
	(void)state;
	static const struct {
		const char *path, *folder;
		bool inside;
	} rows[] = {
		{ "a/b", "a", true }, { "a", "a", true },   { "ab", "a", false },  { "a", "a/b", false }, { "a", ".", true },
		{ ".", ".", true },   { "..", ".", false }, { "../a", ".", false }, { "..a", ".", true }, { "/a", ".", false },
		{ "/a", "/", true },  { "a", "/", false },  { "/a/b", "/a", true },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(path_inside(str_z(rows[i].path), str_z(rows[i].folder)), rows[i].inside);
}

static void
patterns(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *path;
		bool match;
	} rows[] = {
		{ "a", "a", true },
		{ "a", "b", false },
		{ "a", "a/b", false },
		{ "a/b", "a", false },
		{ "", "", true },
		{ "", "a", false },
		{ "*", "abc", true },
		{ "*", ".hidden", true },
		{ "*", "a/b", false },
		{ "*.py", "x.py", true },
		{ "*.py", ".py", true },
		{ "*.py", "x.pyc", false },
		{ "a*b*c", "aXbYc", true },
		{ "a*b*c", "abcb", false },
		{ "a*b*c", "abc", true },
		{ "**.py", "a.py", true },
		{ "**.py", "a/b.py", false },
		{ "?", "a", true },
		{ "?", "", false },
		{ "?", "\xc3\xa9", true },
		{ "??", "\xc3\xa9", false },
		{ "a?c", "a/c", false },
		{ "[abc]", "b", true },
		{ "[abc]", "d", false },
		{ "[a-c]x", "bx", true },
		{ "[!a-c]", "d", true },
		{ "[^a-c]", "a", false },
		{ "[]]", "]", true },
		{ "[!]]", "]", false },
		{ "[]-a]", "^", true },
		{ "[a-]", "-", true },
		{ "[", "[", true },
		{ "[a", "[a", true },
		{ "[a", "a", false },
		{ "[\\]]", "]", true },
		{ "[\xc3\xa0-\xc3\xaf]", "\xc3\xa9", true },
		{ "\\*", "*", true },
		{ "\\*", "a", false },
		{ "\\?", "?", true },
		{ "\\\\", "\\", true },
		{ "a\\", "a\\", true },
		{ "**", "a", true },
		{ "**", "a/b/c", true },
		{ "**/x", "x", true },
		{ "**/x", "a/b/x", true },
		{ "**/x", "a/xx", false },
		{ "a/**", "a", false },
		{ "a/**", "a/b", true },
		{ "a/**", "a/b/c", true },
		{ "a/**", "b/a", false },
		{ "a/**/b", "a/b", true },
		{ "a/**/b", "a/x/y/b", true },
		{ "a/**/b", "a/x/y/c", false },
		{ "a/**/b/**/c", "a/b/b/c", true },
		{ "a/**/b/**/c", "a/c/b", false },
		{ "**/**/a", "a", true },
		{ "**/a/*", "x/a/y/a/z", true },
		{ "**/a/*", "x/a/y/z", false },
		{ "src/**/*.py", "src/a.py", true },
		{ "src/**/*.py", "src/x/y/a.py", true },
		{ "src/**/*.py", "src/x/y/a.pyc", false },
		{ "*/*", "a/b", true },
		{ "*/*", "a", false },
		{ "a/*", "a/", true },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		ROW(i, rows[i].pattern);
		if (path_match(str_z(rows[i].pattern), str_z(rows[i].path)) != rows[i].match)
			fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].path);
	}
	assert_true(path_has_glob(STR("a*")) && path_has_glob(STR("a?")) && path_has_glob(STR("[")) && !path_has_glob(STR("a]")));
}

/* The work of a pattern of n stars over a name of n letters stays quadratic: this ends at once or never. */
static void
nasty_patterns_end(void **state)
{
	(void)state;
	AUTO_BUF pattern = { 0 };
	AUTO_BUF name = { 0 };
	for (int i = 0; i < 500; i++) {
		buf_puts(&pattern, "*a");
		buf_puts(&name, "aaaa");
	}
	buf_puts(&pattern, "*b");
	assert_false(path_match(buf_str(&pattern), buf_str(&name)));
	buf_reset(&pattern);
	buf_reset(&name);
	for (int i = 0; i < 300; i++) {
		buf_puts(&pattern, "**/a/");
		buf_puts(&name, "a/a/");
	}
	buf_puts(&pattern, "b");
	buf_puts(&name, "c");
	assert_false(path_match(buf_str(&pattern), buf_str(&name)));
}

static void
assert_glob(const struct scratch *s, const char *pattern, const char *want)
{
	struct arena a = { 0 };
	struct err e;
	struct str *v;
	size_t n;
	AUTO_BUF b = { 0 };
	assert_ok(path_glob(s->fd, str_z(pattern), &a, &v, &n, &e), &e);
	for (size_t i = 0; i < n; i++) {
		buf_put(&b, v[i]);
		buf_putc(&b, ' ');
	}
	assert_str(buf_str(&b), want);
	arena_done(&a);
}

static void
globbing(void **state)
{
	struct scratch *s = *state;
	struct err e;
	static const char *const files[] = { "a.py",           "src/b.py",   "src/x/c.py",       "src/x/y/d.py",         "src/x/e.txt",
					     ".git/config",    ".git/h.py",  "src/.git/i.py",    "src/__pycache__/j.py", ".pawl/k.py",
					     "data/raw/1.csv", "data/2.csv", "src/.hidden/l.py", "odd/[x].py" };
	for (size_t i = 0; i < COUNT(files); i++)
		scratch_write(s, files[i], "x");
	assert_int_equal(symlinkat("data", s->fd, "link"), 0);
	assert_int_equal(symlinkat("../a.py", s->fd, "src/to_a.py"), 0);
	assert_int_equal(symlinkat("gone", s->fd, "src/broken.py"), 0);
	assert_ok(file_mkdirs(s->fd, "src/folder.py", &e), &e);
	assert_glob(s, "*.py", "a.py ");
	assert_glob(s, "src/*.py", "src/b.py src/to_a.py ");
	assert_glob(s, "src/**/*.py", "src/.hidden/l.py src/b.py src/to_a.py src/x/c.py src/x/y/d.py ");
	assert_glob(s, "**/c.py", "src/x/c.py ");
	assert_glob(s, "src/*/*", "src/.hidden/l.py src/x/c.py src/x/e.txt ");
	assert_glob(s, "a.py", "a.py ");
	assert_glob(s, "src/x/c.py", "src/x/c.py ");
	assert_glob(s, "src", "");
	assert_glob(s, "gone", "");
	assert_glob(s, "gone/*.py", "");
	assert_glob(s, "a.py/*", "");
	assert_glob(s, "data/**", "data/2.csv data/raw/1.csv ");
	assert_glob(s, "link/*.csv", "link/2.csv ");
	assert_glob(s, "*/2.csv", "data/2.csv ");
	assert_glob(s, ".git/*", ".git/config .git/h.py ");
	assert_glob(s, "**/.git/*.py", ".git/h.py src/.git/i.py ");
	assert_glob(s, "**/__pycache__/*", "src/__pycache__/j.py ");
	assert_glob(s, ".pawl/*", ".pawl/k.py ");
	assert_glob(s, "odd/\\[x\\].py", "odd/[x].py ");
	struct arena a = { 0 };
	struct str *v;
	size_t n;
	assert_fails(path_glob(s->fd, STR("../*"), &a, &v, &n, &e), &e, ERR_INPUT);
	assert_fails(path_glob(s->fd, STR("/etc/*"), &a, &v, &n, &e), &e, ERR_INPUT);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arithmetic), cmocka_unit_test(joining),           cmocka_unit_test(being_inside),
		cmocka_unit_test(patterns),   cmocka_unit_test(nasty_patterns_end), SCRATCH_TEST(globbing),
	};
	return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
