/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "base/buf.h"
#include "rules/docker_expand.h"

/* Variables that are set: X=value, EMPTY=, PATHS=/a/b/c.tar.gz, STARS=a*b, WORDS="one  two", U=é€x, SLASH=a/b. */
static bool
get(void *ctx, struct str name, struct str *value)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{ "X", "value" },	  { "EMPTY", "" },  { "PATHS", "/a/b/c.tar.gz" }, { "STARS", "a*b" },
		{ "WORDS", "one  two" },  { "U", "é€x" },   { "SLASH", "a/b" },		  { "A1_b", "mixed" },
		{ "AAA", "aaaa" },	  { "LINES", "a\nb" }, { "1", "first" },	  { "DOLLAR", "$X" },
	};

	(void)ctx;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (str_is(name, rows[i].name)) {
			*value = str_z(rows[i].value);
			return true;
		}
	}
	return false;
}

/* NULL: it must be refused. */
static const struct {
	const char *word, *expected;
} rows[] = {
	/* plain */
	{ "", "" },
	{ "abc", "abc" },
	{ "a b  c", "a b  c" },
	{ "$X", "value" },
	{ "${X}", "value" },
	{ "a${X}b", "avalueb" },
	{ "a$X.b", "avalue.b" },
	{ "$Xb", "" },
	{ "$X$X", "valuevalue" },
	{ "$A1_b", "mixed" },
	{ "$NONE", "" },
	{ "${NONE}", "" },
	{ "a${NONE}b", "ab" },
	{ "$DOLLAR", "$X" },
	{ "$1x", "firstx" },
	{ "$12", "" },
	{ "$$", "" },
	{ "a$", "a$" },
	{ "$.", "$." },
	{ "$ x", "$ x" },
	{ "$(x)", "$(x)" },
	{ "$\"X\"", "$X" },
	{ "$U", "é€x" },
	{ "é${X}é", "évalueé" },
	/* quotes */
	{ "'$X'", "$X" },
	{ "\"$X\"", "value" },
	{ "'a'\"b\"c", "abc" },
	{ "\"a'b\"", "a'b" },
	{ "'a\"b'", "a\"b" },
	{ "\"'$X'\"", "'value'" },
	{ "'\\'", "\\" },
	{ "\"\\$X\"", "$X" },
	{ "\"\\\"\"", "\"" },
	{ "\"\\\\\"", "\\" },
	{ "\"\\n\"", "\\n" },
	{ "\"a\\", NULL },
	{ "'a", NULL },
	{ "\"a", NULL },
	{ "a\"", NULL },
	{ "''", "" },
	{ "\"\"", "" },
	/* escapes */
	{ "\\$X", "$X" },
	{ "\\\\$X", "\\value" },
	{ "\\\"a\\\"", "\"a\"" },
	{ "\\'", "'" },
	{ "\\n", "n" },
	{ "a\\ b", "a b" },
	{ "a\\", "a" },
	{ "\\${X}", "${X}" },
	/* - and + */
	{ "${X:-d}", "value" },
	{ "${NONE:-d}", "d" },
	{ "${EMPTY:-d}", "d" },
	{ "${X-d}", "value" },
	{ "${NONE-d}", "d" },
	{ "${EMPTY-d}", "" },
	{ "${X:+d}", "d" },
	{ "${NONE:+d}", "" },
	{ "${EMPTY:+d}", "" },
	{ "${X+d}", "d" },
	{ "${NONE+d}", "" },
	{ "${EMPTY+d}", "d" },
	{ "${NONE:-}", "" },
	{ "${NONE:-$X}", "value" },
	{ "${NONE:-${X}}", "value" },
	{ "${NONE:-${NONE:-${NONE:-deep}}}", "deep" },
	{ "${NONE:-a b}", "a b" },
	{ "${NONE:-'a}b'}", "a}b" },
	{ "${NONE:-\"a}b\"}", "a}b" },
	{ "${NONE:-a\\}b}", "a}b" },
	{ "${X:+pre$X}", "prevalue" },
	{ "\"${NONE:-a b}\"", "a b" },
	{ "${NONE:--}", "-" },
	{ "${NONE-:-}", ":-" },
	/* ? */
	{ "${X:?no}", "value" },
	{ "${X?no}", "value" },
	{ "${EMPTY?no}", "" },
	{ "${EMPTY:?no}", NULL },
	{ "${NONE?}", NULL },
	{ "${NONE:?why}", NULL },
	/* # and ## */
	{ "${PATHS#/}", "a/b/c.tar.gz" },
	{ "${PATHS#*/}", "a/b/c.tar.gz" },
	{ "${PATHS##*/}", "c.tar.gz" },
	{ "${PATHS#x}", "/a/b/c.tar.gz" },
	{ "${PATHS#*}", "/a/b/c.tar.gz" },
	{ "${PATHS##*}", "" },
	{ "${PATHS#/?/}", "b/c.tar.gz" },
	{ "${PATHS#/a/b/c.tar.gz}", "" },
	{ "${PATHS#/a/b/c.tar.gzz}", "/a/b/c.tar.gz" },
	{ "${STARS#a\\*}", "b" },
	{ "${X#v}", "alue" },
	{ "${X#$X}", "" },
	{ "${X#'v'}", "alue" },
	{ "${U#?}", "€x" },
	{ "${U#??}", "x" },
	{ "${NONE#a}", "" },
	{ "${EMPTY##*}", "" },
	{ "${AAA#a*a}", "aa" },
	{ "${AAA##a*a}", "" },
	{ "${X#}", "value" },
	{ "${LINES#*b}", "a\nb" },
	{ "${SLASH#a\\/}", "b" },
	/* % and %% */
	{ "${PATHS%.gz}", "/a/b/c.tar" },
	{ "${PATHS%.*}", "/a/b/c.tar" },
	{ "${PATHS%%.*}", "/a/b/c" },
	{ "${PATHS%/*}", "/a/b" },
	{ "${PATHS%%/*}", "" },
	{ "${PATHS%x}", "/a/b/c.tar.gz" },
	{ "${PATHS%*}", "/a/b/c.tar.gz" },
	{ "${PATHS%%*}", "" },
	{ "${X%?}", "valu" },
	{ "${X%%l*}", "va" },
	{ "${U%?}", "é€" },
	{ "${U%€?}", "é" },
	{ "${NONE%a}", "" },
	{ "${AAA%a*a}", "aa" },
	{ "${AAA%%a*a}", "" },
	{ "${STARS%\\*b}", "a" },
	{ "${X%}", "value" },
	/* / and // */
	{ "${X/a/A}", "vAlue" },
	{ "${AAA/a/b}", "baaa" },
	{ "${AAA//a/b}", "bbbb" },
	{ "${AAA//aa/b}", "bb" },
	{ "${PATHS//\\//-}", "-a-b-c.tar.gz" },
	{ "${PATHS/\\/a/}", "/b/c.tar.gz" },
	{ "${X/x/y}", "value" },
	{ "${X/*/y}", "y" },
	{ "${X/a*/y}", "vy" },
	{ "${X//?/y}", "yyyyy" },
	{ "${X/l/$X}", "vavalueue" },
	{ "${X/l/}", "vaue" },
	{ "${U/€/E}", "éEx" },
	{ "${NONE/a/b}", "" },
	{ "${X/a", NULL },
	{ "${X/a/b", NULL },
	/* what is wrong */
	{ "${", NULL },
	{ "${}", NULL },
	{ "${X", NULL },
	{ "${:-a}", NULL },
	{ "${X:}", NULL },
	{ "${X:a}", NULL },
	{ "${X:#a}", NULL },
	{ "${X:%a}", NULL },
	{ "${X!a}", NULL },
	{ "${X@Q}", NULL },
	{ "${{X}", NULL },
	{ "${X:-a", NULL },
	{ "${NONE:-${X}", NULL },
	{ "${X#\\x}", NULL },
	{ "${X#a\\", NULL },
};

static void
words_have_the_values_that_buildkit_gives_them(void **state)
{
	const struct docker_expand x = { .escape = '\\', .get = get };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct err e = { 0 };
		struct str out;
		size_t wrong = SIZE_MAX;
		const int r = docker_expand(&x, str_z(rows[i].word), &a, &out, &wrong, &e);

		ROW(i, rows[i].word);
		if (rows[i].expected) {
			assert_ok(r, &e);
			if (!str_is(out, rows[i].expected))
				print_error("word: %s\n", rows[i].word);
			assert_str(out, rows[i].expected);
		} else {
			if (r == 0)
				print_error("accepted: %s\n", rows[i].word);
			assert_fails(r, &e, ERR_INPUT);
			assert_true(wrong <= strlen(rows[i].word));
		}
		arena_done(&a);
	}
}

static const struct {
	const char *word, *expected;
} backticks[] = {
	{ "C:\\dir", "C:\\dir" }, { "`$X", "$X" },  { "a``b", "a`b" },	    { "\\$X", "\\value" },
	{ "\"`$X\"", "$X" },	  { "\"\\n\"", "\\n" }, { "${NONE:-a`}b}", "a}b" },
};

static void
the_escape_may_be_a_backtick(void **state)
{
	const struct docker_expand x = { .escape = '`', .get = get };

	(void)state;
	for (size_t i = 0; i < COUNT(backticks); i++) {
		struct arena a = { 0 };
		struct err e = { 0 };
		struct str out;

		assert_ok(docker_expand(&x, str_z(backticks[i].word), &a, &out, NULL, &e), &e);
		assert_str(out, backticks[i].expected);
		arena_done(&a);
	}
}

/* Words are in []. */
static const struct {
	const char *text, *expected;
} splits[] = {
	{ "", "" },
	{ "  ", "" },
	{ "a b", "[a][b]" },
	{ " a\tb ", "[a][b]" },
	{ "'a b' c", "[a b][c]" },
	{ "a\\ b c", "[a b][c]" },
	{ "$WORDS", "[one][two]" },
	{ "\"$WORDS\"", "[one  two]" },
	{ "a$WORDS", "[aone][two]" },
	{ "$EMPTY a", "[a]" },
	{ "$X/$X", "[value/value]" },
	{ "80 $X", "[80][value]" },
};

static void
texts_are_split_at_blanks_that_nobody_quoted(void **state)
{
	const struct docker_expand x = { .escape = '\\', .get = get };

	(void)state;
	for (size_t i = 0; i < COUNT(splits); i++) {
		struct arena a = { 0 };
		struct err e = { 0 };
		struct str *v;
		size_t n;
		AUTO_BUF b = { 0 };

		assert_ok(docker_expand_words(&x, str_z(splits[i].text), &a, &v, &n, NULL, &e), &e);
		for (size_t k = 0; k < n; k++)
			buf_printf(&b, "[" STR_FMT "]", STR_ARG(v[k]));
		assert_str(buf_str(&b), splits[i].expected);
		arena_done(&a);
	}
}

static const struct {
	struct docker_expand x;
	const char *word, *expected;
} modes[] = {
	{ { .escape = '\\', .get = get, .skip_quotes = true }, "'$X' \"$X\"", "'value' \"value\"" },
	{ { .escape = '\\', .get = get, .skip_quotes = true }, "it's \\$X", "it's $X" },
	{ { .escape = '\\', .raw_quotes = true, .raw_escapes = true, .keep_unset = true }, "'a' \"b\" \\c $X ${Y}", "'a' \"b\" \\c $X ${Y}" },
	{ { .escape = '\\', .keep_unset = true }, "$X${Y}z", "$X${Y}z" },
	{ { .escape = '\\' }, "$X${Y}z", "z" },
};

static void
modes_keep_what_they_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		struct arena a = { 0 };
		struct err e = { 0 };
		struct str out;

		assert_ok(docker_expand(&modes[i].x, str_z(modes[i].word), &a, &out, NULL, &e), &e);
		assert_str(out, modes[i].expected);
		arena_done(&a);
	}
}

static void
depth_and_size_are_bounded(void **state)
{
	const struct docker_expand x = { .escape = '\\', .get = get };
	struct arena a = { 0 };
	struct err e = { 0 };
	struct str out;
	AUTO_BUF deep = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_puts(&deep, "${N:-");
	assert_fails(docker_expand(&x, buf_str(&deep), &a, &out, NULL, &e), &e, ERR_INPUT);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_have_the_values_that_buildkit_gives_them),
		cmocka_unit_test(the_escape_may_be_a_backtick),
		cmocka_unit_test(texts_are_split_at_blanks_that_nobody_quoted),
		cmocka_unit_test(modes_keep_what_they_say),
		cmocka_unit_test(depth_and_size_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
