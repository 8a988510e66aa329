/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "base/buf.h"
#include "rules/entry.h"

/* Commands end with ';', words are in [], '?' behind a word that is not literal, '=' in front of assignments, '>' of redirections. */
static struct str
shown(const struct commands *c, struct arena *a)
{
	AUTO_BUF b = { 0 };

	for (size_t i = 0; i < c->n; i++) {
		const struct command *x = &c->v[i];

		for (size_t k = 0; k < x->nset; k++)
			buf_printf(&b, "=[" STR_FMT "]%s", STR_ARG(x->set[k].text), x->set[k].literal ? "" : "?");
		for (size_t k = 0; k < x->n; k++)
			buf_printf(&b, "[" STR_FMT "]%s", STR_ARG(x->v[k].text), x->v[k].literal ? "" : "?");
		for (size_t k = 0; k < x->nredirect; k++)
			buf_printf(&b, "%c[" STR_FMT "]%s", x->redirect[k].written ? '>' : '<', STR_ARG(x->redirect[k].text), x->redirect[k].literal ? "" : "?");
		if (x->has_heredoc)
			buf_printf(&b, "<<{" STR_FMT "}", STR_ARG(x->heredoc));
		buf_putc(&b, ';');
	}
	return arena_str(a, buf_str(&b));
}

static const struct {
	const char *text, *commands;
} scans[] = {
	{ "", "" },
	{ "# all a comment", "" },
	{ "echo a b", "[echo][a][b];" },
	{ "echo a#b #c", "[echo][a#b];" },
	{ "a; b && c || d | e & f\ng", "[a];[b];[c];[d];[e];[f];[g];" },
	{ "echo 'a b' \"c d\" e\\ f", "[echo][a b][c d][e f];" },
	{ "echo 'a;b' \"c|d\"", "[echo][a;b][c|d];" },
	{ "echo \"a\\\"b\" \"\\x\"", "[echo][a\"b][\\x];" },
	{ "A=1 B='x y' cmd C=2", "=[A=1]=[B=x y][cmd][C=2];" },
	{ "cmd <in >out 2>err >>more", "[cmd]<[in]>[out]>[err]>[more];" },
	{ "cmd 2>&1 x", "[cmd][x]>[1];" },
	{ "cat $x ${y} $(z w) `v` *.c a? [ab]", "[cat][]?[]?[]?[]?[*.c]?[a?]?[[ab]]?;[z][w];[v];" },
	{ "cat \"$x/a\" 'b$y'", "[cat][/a]?[b$y];" },
	{ "if test -f a; then b; else c; fi", "[test][-f][a];[b];[c];" },
	{ "for i in x y; do p $i; done", "[for][i][in][x][y];[p][]?;" },
	{ "while read l; do p; done < f", "[read][l];[p];<[f];" },
	{ "(cd a && b)", "[cd][a];[b];" },
	{ "{ a; b; }", "[a];[b];" },
	{ "! a", "[a];" },
	{ "echo \"$(cat \"a b\")\"", "[echo][]?;[cat][a b];" },
	{ "echo $((1 + 2)) z", "[echo][]?[z];" },
	{ "a \\\n b", "[a][b];" },
	{ "cat <<E x\nbody\nE\nafter", "[cat][x]<<{body\n};[after];" },
	{ "cat <<-E\n\tbody\n\tE\nafter", "[cat]<<{\tbody\n};[after];" },
	{ "cat <<'A' && b\n1\nA\n", "[cat]<<{1\n};[b];" },
	{ "echo 'open", "[echo][open];" },
	{ "echo \"open", "[echo][open];" },
	{ "echo $(open", "[echo][]?;[open];" },
	{ "echo \\", "[echo][];" },
	{ "cat ~/a a~b", "[cat][~/a]?[a~b];" },
	{ "cat \001 a", "[cat][\001]?[a];" },
	{ "'if' a", "[if][a];" },
};

static void
shell_texts_give_their_commands(void **state)
{
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(scans); i++) {
		struct commands c;

		ROW(i, scans[i].text);
		words_scan(str_z(scans[i].text), &a, &c);
		assert_str(shown(&c, &a), scans[i].commands);
	}
	arena_done(&a);
}

/* m:module f:file t:text, each @folder; p:program; w:word, d:word that is an argument of a Python program */
static struct str
meant(const struct entries *x, struct arena *a)
{
	AUTO_BUF b = { 0 };

	for (size_t i = 0; i < x->n; i++) {
		buf_printf(&b, "%c:" STR_FMT, "mft"[x->v[i].kind], STR_ARG(x->v[i].what));
		if (!str_is(x->v[i].folder, "."))
			buf_printf(&b, "@" STR_FMT, STR_ARG(x->v[i].folder));
		buf_putc(&b, ' ');
	}
	for (size_t i = 0; i < x->nprograms; i++)
		buf_printf(&b, "p:" STR_FMT " ", STR_ARG(x->programs[i]));
	for (size_t i = 0; i < x->nwords; i++)
		buf_printf(&b, "%c:" STR_FMT " ", x->words[i].data ? 'd' : 'w', STR_ARG(x->words[i].path));
	return arena_str(a, str_trim(buf_str(&b)));
}

static const struct {
	const char *text, *meaning;
} commands[] = {
	{ "python3 -m a.b x", "m:a.b p:sh p:python3 w:x" },
	{ "python x.py y.txt", "f:x.py p:sh p:python d:y.txt" },
	{ "python3 -c 'import a' z", "t:import a p:sh p:python3 d:z" },
	{ "python3 -uBm mod", "m:mod p:sh p:python3" },
	{ "python3 -mmod", "m:mod p:sh p:python3" },
	{ "python3 -W ignore -X utf8 -O x.py", "f:x.py p:sh p:python3" },
	{ "/usr/bin/python3.11 ./x.py", "f:x.py p:sh p:/usr/bin/python3.11" },
	{ "python3 \"$f\" x", "p:sh p:python3 d:x" },
	{ "pythonic x.py", "f:x.py p:sh p:pythonic w:pythonic w:x.py" },
	{ "env -u X A=b nice -n 3 timeout 5 python3 x.py", "f:x.py p:sh p:env p:nice p:timeout p:python3 w:A=b w:b" },
	{ "uv run --with numpy python x.py", "f:x.py p:sh p:uv p:python" },
	{ "uv run x.py", "f:x.py p:sh p:uv p:x.py w:x.py" },
	{ "uv run -m mod a", "m:mod p:sh p:uv w:a" },
	{ "uv sync", "p:sh p:uv" },
	{ "poetry run python -m m", "m:m p:sh p:poetry p:python" },
	{ "exec python3 x.py", "f:x.py p:sh p:python3" },
	{ "sh tools/count.sh a", "p:sh w:sh w:tools/count.sh w:a" },
	{ "bash -euc 'python3 -m q'", "m:q p:sh p:bash p:python3 w:bash w:-euc w:python3 -m q" },
	{ "torchrun --n=2 train.py", "f:train.py p:sh p:torchrun w:torchrun w:--n=2 w:2" },
	{ "cd sub && python3 x.py", "f:sub/x.py@sub p:sh p:python3" },
	{ "cat a > b", "p:sh p:cat w:cat w:a" },
	{ "echo --in=conf/a.ini @args", "p:sh w:echo w:--in=conf/a.ini w:conf/a.ini w:@args w:args" },
	{ "python3 <<E\nimport a\nE\n", "t:import a\n p:sh p:python3" },
	{ "xargs -n 1 python3 x.py", "f:x.py p:sh p:xargs p:python3" },
	{ "papermill in.ipynb out.ipynb", "f:in.ipynb p:sh p:papermill w:papermill d:out.ipynb" },
};

static void
commands_mean_entry_points(void **state)
{
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(commands); i++) {
		struct commands c;
		struct entries x;

		ROW(i, commands[i].text);
		words_scan(str_z(commands[i].text), &a, &c);
		entries_of(&c, true, STR("."), &a, &x);
		assert_str(meant(&x, &a), commands[i].meaning);
	}
	arena_done(&a);
}

static void
lists_are_taken_as_they_are(void **state)
{
	struct arena a = { 0 };
	const struct str v[] = { STR("python3"), STR("-m"), STR("a.b"), STR("\001"), STR("*.c"), STR("$x") };
	struct commands c;
	struct entries x;

	(void)state;
	words_list(v, COUNT(v), &a, &c);
	assert_str(shown(&c, &a), "[python3][-m][a.b][\001]?[*.c][$x];");
	entries_of(&c, false, STR("."), &a, &x);
	assert_str(meant(&x, &a), "m:a.b p:python3 w:*.c w:$x");
	arena_done(&a);
}

static void
names_of_interpreters(void **state)
{
	static const struct {
		const char *name;
		bool is;
	} rows[] = { { "python", true }, { "python3", true }, { "/a/python3.12", true }, { "pypy3", true }, { "python3-config", false },
		     { "ipython", false }, { "pythonw", false }, { "", false } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(entry_is_python(str_z(rows[i].name)), rows[i].is);
}

static void
limits_hold(void **state)
{
	struct arena a = { 0 };
	AUTO_BUF b = { 0 };
	struct commands c;

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_puts(&b, "$(");
	words_scan(buf_str(&b), &a, &c);
	buf_reset(&b);
	for (int i = 0; i < WORDS_MAX_COMMANDS + 10; i++)
		buf_puts(&b, "a;");
	words_scan(buf_str(&b), &a, &c);
	assert_int_equal(c.n, WORDS_MAX_COMMANDS);
	assert_true(c.cut);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shell_texts_give_their_commands),
		cmocka_unit_test(commands_mean_entry_points),
		cmocka_unit_test(lists_are_taken_as_they_are),
		cmocka_unit_test(names_of_interpreters),
		cmocka_unit_test(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
