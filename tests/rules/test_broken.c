/* SPDX-License-Identifier: Apache-2.0
 *
 * Broken pipeline files: each row is a file with one mistake, where it is, its code, and a word that the
 * message or the hint must have. No row may have a second mistake.
 */
#include "tests/rules/project.h"

struct row {
	const char *text;
	uint32_t line, column;
	const char *code, *word;
};

#define HEAD "version: 1\npipeline: x\n"
#define STEPS HEAD "steps:\n"
#define ONE STEPS "  a:\n    run: echo\n"
#define MADE STEPS "  load: {run: echo, outputs: {raw: out/raw.csv, stats: out/stats.json}}\n" /* 4 lines */

static const struct row rows[] = {
	/* keys */
	{ STEPS "  a:\n    rnu: echo\n", 5, 5, "unknown-key", "did you mean 'run'" },
	{ STEPS "  a: {run: echo, colour: red}\n", 4, 18, "unknown-key", "timeout" },
	{ HEAD "stops: {}\n", 3, 1, "unknown-key", "steps" },
	{ ONE "    retry: {max: 1, dely: 5s}\n", 6, 21, "unknown-key", "did you mean 'delay'" },
	{ ONE "environments:\n  e: {parent: scratch, python: {requirement: [six]}}\n", 7, 33, "unknown-key",
	  "requirements" },
	{ ONE "stacks: {s: {regsitry: x}}\n", 6, 14, "unknown-key", "registry" },
	{ "pipeline: x\nsteps: {}\n", 1, 1, "missing-key", "version" },
	{ "version: 1\nsteps: {}\n", 1, 1, "missing-key", "pipeline" },
	{ HEAD "params: {}\n", 1, 1, "missing-key", "steps" },
	{ STEPS "  a: {outputs: {o: x}}\n", 4, 3, "missing-key", "run" },
	{ STEPS "  a:\n", 4, 3, "missing-key", "run" },
	{ ONE "environments: {e: {env: {A: b}}}\n", 6, 16, "missing-key", "parent" },
	{ ONE "environments: {e: {parent: scratch, context: .}}\n", 6, 46, "missing-key", "dockerfile" },
	{ ONE "    inputs: {i: {uri: \"s3://a/b\"}}\n", 6, 14, "missing-key", "digest" },
	{ STEPS "  a: {run: echo}\n  a: {run: ls}\n", 5, 3, "duplicate-key", "line 4" },
	{ ONE "    env:\n      X: 1\n      \"X\": 2\n", 8, 7, "duplicate-key", "'X'" },
	{ "version: 1\nversion: 1\npipeline: x\nsteps: {}\n", 2, 1, "duplicate-key", "version" },
	/* YAML */
	{ STEPS "  a:\n\trun: echo\n", 5, 1, "tab", "tab" },
	{ STEPS "  a:\n  \trun: echo\n", 5, 3, "tab", "tab" },
	{ STEPS "  a: {run: echo\n", 5, 1, "syntax", "map in braces" },
	{ STEPS "  a: [\n", 5, 1, "syntax", "" },
	{ STEPS "  a: \"open\n", 5, 1, "syntax", "in quotes" },
	{ STEPS "  a: b: c\n", 4, 7, "syntax", "" },
	{ HEAD "steps: {}\n---\nmore: 1\n", 4, 1, "syntax", "second document" },
	{ STEPS "  a: {run: *nobody}\n", 4, 12, "unknown-anchor", "nobody" },
	{ STEPS "  a: {run: !!python/name echo}\n", 4, 12, "unknown-tag", "python/name" },
	{ STEPS "  a: {run: !custom echo}\n", 4, 12, "unknown-tag", "!custom" },
	{ STEPS "  a: &a {run: echo, inputs: *a}\n", 4, 29, "alias-bomb", "inside" },
	{ STEPS "  a: {run: \"\xff\"}\n", 4, 13, "encoding", "0xff" },
	{ STEPS "  a: {run: \"\xc3\xa4\xc3\xa4 \x01\"}\n", 4, 16, "encoding", "0x01" },
	{ STEPS "  a: {run: \"a\\0b\"}\n", 4, 12, "encoding", "NUL" },
	{ STEPS "  ? [a, b]\n  : {run: echo}\n", 4, 5, "wrong-type", "a key must be a text" },
	{ STEPS "  a: {run: echo, <<: 5}\n", 4, 18, "wrong-type", "merge key" },
	{ HEAD "params: {n: 123456789012345678901}\nsteps: {}\n", 3, 13, "bad-number", "64 bits" },
	{ "", 1, 1, "empty", "pawl init" },
	{ "# nothing but a comment\n", 1, 1, "empty", "empty" },
	/* types */
	{ "- version: 1\n", 1, 1, "wrong-type", "a list" },
	{ "version: \"1\"\npipeline: x\nsteps: {}\n", 1, 10, "wrong-type", "the number 1" },
	{ "version: 9\npipeline: x\nsteps: {}\n", 1, 10, "bad-version", "version" },
	{ HEAD "steps: [a, b]\n", 3, 8, "wrong-type", "a map of steps" },
	{ STEPS "  a: echo\n", 4, 6, "wrong-type", "step 'a' must be a map" },
	{ STEPS "  a: {run: 5}\n", 4, 12, "wrong-type", "quotes" },
	{ STEPS "  a: {run: true}\n", 4, 12, "wrong-type", "quotes" },
	{ STEPS "  a: {run: {cmd: echo}}\n", 4, 12, "wrong-type", "not a map" },
	{ STEPS "  a: {run: [echo, [b]]}\n", 4, 19, "wrong-type", "not a list" },
	{ ONE "    env: {A: yes, B: true}\n", 6, 22, "wrong-type", "variable 'B'" },
	{ ONE "    inputs: [a, b]\n", 6, 13, "wrong-type", "a map of names to inputs" },
	{ ONE "    after: {b: c}\n", 6, 12, "wrong-type", "a list of names" },
	{ ONE "    cache: \"yes\"\n", 6, 12, "wrong-type", "true, false" },
	{ ONE "    retry: [1]\n", 6, 12, "wrong-type", "attempts" },
	{ ONE "    timeout: 5\n", 6, 14, "wrong-type", "a duration" },
	{ ONE "    foreach: [1, 2]\n", 6, 14, "wrong-type", "names to values" },
	{ STEPS "  a: {run: \"\"}\n", 4, 12, "empty", "empty" },
	{ STEPS "  a: {run: []}\n", 4, 12, "empty", "no words" },
	/* spelling of values */
	{ ONE "    timeout: 5 parsecs\n", 6, 14, "bad-duration", "parsecs" },
	{ ONE "    timeout: 1s1h\n", 6, 14, "bad-duration", "1s1h" },
	{ ONE "    cache: {expires: tomorrow}\n", 6, 22, "bad-duration", "tomorrow" },
	{ ONE "    retry: {delay: -5s}\n", 6, 20, "bad-duration", "-5s" },
	{ ONE "    resources: {memory: 4G}\n", 6, 25, "bad-size", "4GiB" },
	{ ONE "    resources: {memory: lots}\n", 6, 25, "bad-size", "lots" },
	{ ONE "    resources: {cpus: -1}\n", 6, 23, "bad-number", "-1" },
	{ ONE "    retry: {max: -1}\n", 6, 18, "bad-number", "-1" },
	{ ONE "    retry: {backoff: 0.5}\n", 6, 22, "bad-number", "0.5" },
	{ ONE "    retry: {on: [300]}\n", 6, 18, "bad-number", "255" },
	{ ONE "    isolation: docker\n", 6, 16, "bad-choice", "docker" },
	{ ONE "    isolation: vnev\n", 6, 16, "bad-choice", "did you mean 'venv'" },
	{ ONE "stacks: {s: {orchestrator: kubernets}}\n", 6, 28, "bad-choice", "did you mean 'kubernetes'" },
	{ ONE "environments: {e: {parent: scratch, key: abo}}\n", 6, 42, "bad-choice", "did you mean 'abi'" },
	{ ONE "environments: {e: {dockerfile: data.csv, key: abi}}\n", 6, 47, "bad-choice", "without a Dockerfile" },
	{ ONE "environments: {e: {parent: scratch, compression: xz}}\n", 6, 50, "bad-choice", "gzip" },
	{ ONE "environments: {e: {parent: scratch, attest: [sbom, signature]}}\n", 6, 52, "bad-choice", "provenance" },
	{ ONE "environments: {e: {parent: scratch, platform: [linux/amd64, amd64]}}\n", 6, 47, "bad-reference", "'amd64' is no platform" },
	{ STEPS "  a/b: {run: echo}\n", 4, 3, "bad-name", "a/b" },
	{ STEPS "  a.b: {run: echo}\n", 4, 3, "bad-name", "letters" },
	{ STEPS "  \"a[1]\": {run: echo}\n", 4, 3, "bad-name", "a[1]" },
	{ STEPS "  gr\xc3\xb6\xc3\x9f"
		"e: {run: echo}\n",
	  4, 3, "bad-name", "letters" },
	{ STEPS "  \"\": {run: echo}\n", 4, 3, "bad-name", "step" },
	{ ONE "    env: {1X: a}\n", 6, 11, "bad-name", "1X" },
	{ ONE "    outputs: {\"a b\": x}\n", 6, 15, "bad-name", "a b" },
	{ ONE "    outputs: [ok, \"not ok\"]\n", 6, 19, "bad-name", "not ok" },
	{ "version: 1\npipeline: a/b\nsteps: {}\n", 2, 11, "bad-name", "a/b" },
	{ ONE "    inputs: {i: {uri: \"s3://a/b\", digest: md5:x}}\n", 6, 43, "bad-digest", "sha256" },
	{ ONE "environments: {e: {parent: \"python 3\"}}\n", 6, 28, "bad-reference", "python 3" },
	/* references */
	{ ONE "    inputs: {i: nosuch.o}\n", 6, 17, "missing-file", "nosuch.o" },
	{ MADE "  a: {run: echo, inputs: {i: laod.raw}}\n", 5, 30, "unknown-step",
	  "did you mean 'load.raw'" },
	{ MADE "  a: {run: echo, inputs: {raw: load.rw}}\n", 5, 32, "unknown-output",
	  "did you mean 'load.raw'" },
	{ MADE "  a: {run: echo, inputs: {raw: load.nothing}}\n", 5, 32, "unknown-output", "raw, stats" },
	{ MADE "  a: {run: echo, inputs: {raw: load}}\n", 5, 32, "unknown-output", "raw, stats" },
	{ MADE "  a: {run: echo, after: [laod]}\n", 5, 26, "unknown-step", "did you mean 'load'" },
	{ ONE "    environment: gqu\nenvironments: {gpu: {parent: scratch}}\n", 6, 18, "unknown-environment",
	  "did you mean 'gpu'" },
	{ ONE "environments: {a: {extends: b}}\n", 6, 29, "unknown-environment", "extends" },
	{ ONE "    params: [rate]\nparams: {rates: 1}\n", 6, 14, "unknown-param", "did you mean 'rates'" },
	{ STEPS "  a: {run: \"echo ${params.rate}\"}\n", 4, 12, "unknown-param", "params.rate" },
	{ STEPS "  a: {run: \"echo ${params.rate}\"}\nparams: {rate: 1}\n", 4, 12, "unbound-param",
	  "params.rate" },
	{ STEPS "  a: {run: [echo, \"${params.rate}\"]}\nparams: {rate: 1}\n", 4, 19, "unbound-param",
	  "params:" },
	{ STEPS "  a: {run: \"${inputs.x}\"}\n", 4, 12, "unknown-input", "inputs.x" },
	{ STEPS "  a: {run: \"${outputs.x}\", outputs: {y: y}}\n", 4, 12, "unknown-output", "outputs.x" },
	{ STEPS "  a: {run: \"${item.x}\"}\n", 4, 12, "unknown-item", "foreach" },
	{ STEPS "  a: {run: \"${env.HOME}\"}\n", 4, 12, "unknown-variable", "pass_env" },
	{ STEPS "  a: {run: \"${env.KEY}\", secrets: [KEY]}\n", 4, 12, "secret-in-command", "$KEY" },
	{ STEPS "  a: {run: \"echo ${HOME}\"}\n", 4, 12, "bad-substitution", "$${HOME}" },
	{ STEPS "  a: {run: \"echo ${inputs.x\"}\n", 4, 12, "bad-substitution", "'}'" },
	{ STEPS "  a: {run: echo, env: {A: \"${env.B}\", B: c}}\n", 4, 27, "bad-substitution",
	  "variable 'A'" },
	{ STEPS "  a: {run: echo, outputs: {o: \"${run.dir}/x\"}}\n", 4, 31, "bad-substitution",
	  "output 'o'" },
	{ ONE "    cache: {ignore: [params.x]}\n", 6, 22, "unknown-ignore", "params.x" },
	{ ONE "    env: {A: b}\n    pass_env: [A]\n", 7, 16, "same-variable", "'A'" },
	{ ONE "    pass_env: [A]\n    secrets: [A]\n", 7, 15, "same-variable", "secret" },
	{ ONE "    isolation: venv\n", 6, 16, "bad-isolation", "python:" },
	{ ONE "    isolation: image\n", 6, 16, "bad-isolation", "environment" },
	/* conditions and foreach */
	{ ONE "    when: \"${params.x} ==\"\nparams: {x: 1}\n", 6, 11, "bad-condition", "at the end" },
	{ ONE "    when: deploy\n", 6, 11, "bad-condition", "${params.deploy}" },
	{ ONE "    when: \"${params.deploy}\"\n", 6, 11, "unknown-param", "params.deploy" },
	{ ONE "    when: \"${inputs.d} > 1\"\n    inputs: {d: data.csv}\n", 6, 11, "bad-condition",
	  "no output of a step" },
	{ ONE "    foreach: {x: \"${params.n}\"}\nparams: {n: 3}\n", 6, 18, "bad-foreach", "not a list" },
	{ ONE "    foreach: {x: \"${params.m}\"}\n", 6, 18, "unknown-param", "'m'" },
	{ ONE "    foreach: {x: {range: [3]}}\n", 6, 26, "bad-foreach", "two numbers" },
	{ ONE "    foreach: {x: {range: [3, 1]}}\n", 6, 26, "bad-foreach", "before it begins" },
	{ ONE "    foreach: {x: {lines: none.txt}}\n", 6, 18, "missing-file", "none.txt" },
	{ ONE "    foreach: {x: {}}\n", 6, 18, "bad-foreach", "neither" },
	{ ONE "    foreach: {x: nobody.o}\n", 6, 18, "bad-foreach", "nobody.o" },
	{ ONE "    foreach: {x: [1, 2]}\n    outputs: {o: same.txt}\n", 7, 18, "same-output", "${item.N}" },
	/* order and paths */
	{ STEPS "  a: {run: echo, inputs: {i: b.o}, outputs: {o: x}}\n  b: {run: echo, inputs: {i: a.o}, "
		"outputs: {o: y}}\n",
	  5, 30, "cycle", "a -> b -> a" },
	{ STEPS "  a: {run: echo, after: [a]}\n", 4, 26, "cycle", "a -> a" },
	{ ONE "environments:\n  p: {extends: q, parent: scratch}\n  q: {extends: p}\n", 7, 16, "cycle",
	  "p -> q -> p" },
	{ STEPS "  a: {run: echo, outputs: {o: same.txt}}\n  b: {run: echo, outputs: {o: ./same.txt}}\n", 5,
	  31, "same-output", "same.txt" },
	{ STEPS "  a: {run: echo, outputs: {o: out/}}\n  b: {run: echo, outputs: {o: out/x}}\n", 5, 31,
	  "output-inside-output", "out" },
	{ STEPS "  a: {run: echo, inputs: {i: folder}, outputs: {o: folder/x}}\n", 4, 52,
	  "output-inside-input", "folder" },
	{ STEPS "  a: {run: echo, inputs: {i: folder}}\n  b: {run: echo, outputs: {o: folder/sub/x}}\n", 5,
	  31, "output-inside-input", "step 'a'" },
	{ MADE "  a: {run: echo, inputs: {i: out/raw.csv}}\n", 5, 30, "input-is-output", "load.raw" },
	{ STEPS "  a: {run: echo, inputs: {i: data.csv}, outputs: {o: data.csv}}\n", 4, 30, "input-is-output",
	  "the same" },
	{ STEPS
	  "  a: {run: echo, outputs: {o: folder/new.txt}}\n  b: {run: echo, inputs: {i: \"folder/*.txt\"}}\n",
	  5, 30, "input-is-output", "a.o" },
	{ ONE "    inputs: {i: none/at/all}\n", 6, 17, "missing-file", "none/at/all" },
	{ ONE "    inputs: {i: \"*.none\"}\n", 6, 17, "missing-file", "no file matches" },
	{ ONE "    inputs: {i: /etc/passwd}\n", 6, 17, "outside-project", "/etc/passwd" },
	{ ONE "    inputs: {i: ../x}\n", 6, 17, "outside-project", "../x" },
	{ ONE "    outputs: {o: folder/../../x}\n", 6, 18, "outside-project", "leaves" },
	{ ONE "    outputs: {o: ./}\n", 6, 18, "outside-project", "whole project" },
	{ ONE "    outputs: {o: pawl.yaml}\n", 6, 18, "bad-path", "pawl.yaml" },
	{ ONE "    outputs: {o: .git/config}\n", 6, 18, "bad-path", ".git" },
	{ ONE "    outputs: {o: \"../${item.x}\"}\n    foreach: {x: [a]}\n", 6, 18, "bad-path", "leaves" },
	{ HEAD "include: none.yaml\nsteps: {}\n", 3, 10, "missing-file", "none.yaml" },
	{ HEAD "include: [\"none/*.yaml\"]\nsteps: {}\n", 3, 11, "missing-file", "none/" },
	{ ONE "environments: {e: {dockerfile: nofile}}\n", 6, 32, "missing-file", "nofile" },
	{ ONE "environments: {e: {parent: scratch, python: {requirements: [none.txt]}}}\n", 6, 61,
	  "missing-file", "none.txt" },
	{ ONE "environments: {e: {parent: scratch, include: [src, none]}}\n", 6, 47, "missing-file", "src" },
	{ ONE "environments: {e: {parent: \"oci:nowhere\"}}\n", 6, 28, "missing-file", "nowhere" },
};

static void
make_files(const struct scratch *s)
{
	scratch_write(s, "data.csv", "1\n");
	scratch_write(s, "folder/inside.txt", "1\n");
	scratch_write(s, "none/here", "");
}

static bool
says(const struct diag *d, const char *word)
{
	return str_find(d->message, str_z(word)) != SIZE_MAX || str_find(d->hint, str_z(word)) != SIZE_MAX;
}

static bool
row_holds(const struct row *row, const struct loaded *l)
{
	const struct diag *d = l->diags.v;

	return l->rc < 0 && l->e.code == ERR_INPUT && l->diags.n >= 1 && d->at.line == row->line &&
	       d->at.column == row->column && str_is(d->code, row->code) && says(d, row->word) &&
	       str_is(d->at.file, "pawl.yaml");
}

static void
every_mistake_has_its_place_and_code(void **state)
{
	size_t bad = 0;

	make_files(*state);
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_LOADED l;

		ROW(i, rows[i].text);
		load_text(*state, str_z(rows[i].text), NULL, 0, &l);
		if (getenv("SHOW_BROKEN"))
			loaded_print(&l);
		if (row_holds(&rows[i], &l) && l.diags.n <= 1)
			continue;
		bad++;
		print_message("row %zu: expected %u:%u %s '%s' alone, for\n%s\n", i, rows[i].line,
			      rows[i].column, rows[i].code, rows[i].word, rows[i].text);
		loaded_print(&l);
	}
	assert_int_equal(bad, 0);
}

static void
all_mistakes_at_once(void **state)
{
	AUTO_LOADED l;

	make_files(*state);
	load_text(*state,
		  STR(STEPS
		      "  a: {rnu: echo}\n  b: {run: echo, inputs: {i: c.o}}\n  d: {run: 5, timeout: x}\n"
		      "  e: {run: [echo, \"${params.x}\"], environment: f, after: [g], outputs: {o: "
		      "/tmp/x}}\n"),
		  NULL, 0, &l);
	assert_int_equal(l.rc, -1);
	assert_int_equal(l.diags.nerrors, 8);
	for (size_t i = 1; i < l.diags.n; i++)
		assert_true(l.diags.v[i - 1].at.line <= l.diags.v[i].at.line);
	assert_string_equal(l.e.text, "'pawl.yaml' has 8 mistakes");
}

/* Large and hostile files: made here, for they do not fit into a row. */
static void
expect_first(void **state, struct buf *text, const char *code)
{
	AUTO_LOADED l;

	load_text(*state, buf_str(text), NULL, 0, &l);
	if (l.rc == 0 || !str_is(l.diags.v[0].code, code))
		loaded_print(&l);
	assert_int_equal(l.rc, -1);
	assert_int_equal(l.e.code, ERR_INPUT);
	assert_str(l.diags.v[0].code, code);
}

static void
repeat(struct buf *b, const char *z, size_t n)
{
	while (n-- > 0)
		buf_puts(b, z);
}

static void
deep_nesting_is_an_error(void **state)
{
	static const char *const units[] = { "[", "{a: ", "[[{a: [", "- " };

	for (size_t i = 0; i < COUNT(units); i++) {
		AUTO_BUF b = { 0 };

		buf_puts(&b, HEAD "steps:\n  ");
		repeat(&b, units[i], 100000);
		expect_first(state, &b, "too-deep");
	}
}

static void
alias_bombs_are_refused(void **state)
{
	AUTO_BUF b = { 0 };

	buf_puts(&b, HEAD "params:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 20; i++) {
		buf_printf(&b, "  a%d: &a%d [*a%d", i, i, i - 1);
		for (int k = 0; k < 9; k++)
			buf_printf(&b, ", *a%d", i - 1);
		buf_puts(&b, "]\n");
	}
	buf_puts(&b, "steps: {}\n");
	expect_first(state, &b, "alias-bomb");
}

static void
merge_bombs_are_refused(void **state)
{
	AUTO_BUF b = { 0 };

	buf_puts(&b, HEAD "params:\n  m: &m {");
	for (int i = 0; i < 3000; i++)
		buf_printf(&b, "k%d: 1, ", i);
	buf_puts(&b, "}\n");
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "  n%d: {<<: [*m, *m]}\n", i);
	buf_puts(&b, "steps: {}\n");
	AUTO_LOADED l;

	load_text(*state, buf_str(&b), NULL, 0, &l);
	assert_int_equal(l.rc, -1);
	assert_true(str_is(l.diags.v[0].code, "merge-bomb") || str_is(l.diags.v[0].code, "alias-bomb"));
}

/* The list of aliases is short, but every merge looks at all entries again. */
static void
merges_of_what_is_there_are_counted(void **state)
{
	AUTO_BUF b = { 0 };

	buf_puts(&b, HEAD "params:\n  e: &e {");
	for (int i = 0; i < 400; i++)
		buf_printf(&b, "k%d: 1, ", i);
	buf_puts(&b, "}\n  m: {<<: [");
	repeat(&b, "*e, ", 3000);
	buf_puts(&b, "]}\nsteps: {}\n");
	expect_first(state, &b, "merge-bomb");
}

static void
large_files_are_refused(void **state)
{
	AUTO_BUF b = { 0 };
	AUTO_BUF many = { 0 };

	repeat(&b, "# a comment that is sixty-four bytes long, the line's end too.\n", 900000);
	expect_first(state, &b, "too-large");
	buf_puts(&many, HEAD "params: {p: [");
	repeat(&many, "a,", 3100000);
	buf_puts(&many, "]}\nsteps: {}\n");
	expect_first(state, &many, "too-large");
}

static void
a_missing_file_is_the_users(void **state)
{
	struct scratch *s = *state;
	const struct load_opts o = { .root = s->fd, .file = STR("other.yaml") };
	struct arena a = { 0 };
	struct diags d = { 0 };
	struct ir ir;
	struct err e;

	assert_fails(load(&o, &a, &d, &ir, &e), &e, ERR_INPUT);
	diags_done(&d);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(every_mistake_has_its_place_and_code),
		SCRATCH_TEST(all_mistakes_at_once),
		SCRATCH_TEST(deep_nesting_is_an_error),
		SCRATCH_TEST(alias_bombs_are_refused),
		SCRATCH_TEST(merge_bombs_are_refused),
		SCRATCH_TEST(merges_of_what_is_there_are_counted),
		SCRATCH_TEST(large_files_are_refused),
		SCRATCH_TEST(a_missing_file_is_the_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
