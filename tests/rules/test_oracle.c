/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers for tests/python/packaging_oracle.py, which compares them with those of the `packaging` library. `test_oracle -` reads questions, one a
 * line, fields separated by tabs, and prints one answer a line. Without arguments: a few questions with known answers.
 */
#include "base/buf.h"
#include "rules/pep508.h"
#include "rules/pytags.h"
#include "tests/unit.h"

static struct str
field(struct str *rest)
{
	struct str_cut c = str_cut(*rest, '\t');

	*rest = c.tail;
	return c.head;
}

static void
answer_marker(struct str rest, struct arena *a, struct buf *out)
{
	struct marker_env env = { .os_name = STR("posix"), .sys_platform = STR("linux"), .platform_system = STR("Linux"),
				  .implementation_name = STR("cpython"), .platform_python_implementation = STR("CPython"),
				  .platform_machine = STR("x86_64") };
	struct str marker = field(&rest);
	bool value;
	size_t at;

	env.python_version = field(&rest);
	env.python_full_version = arena_printf(a, STR_FMT ".0", STR_ARG(env.python_version));
	env.implementation_version = env.python_full_version;
	int rc = marker_parse(marker, &env, a, NULL, &value, &at, NULL);
	buf_puts(out, rc < 0 ? "error" : value ? "true" : "false");
}

static size_t
names(struct str text, struct str *v, size_t most)
{
	size_t n = 0;

	for (struct str_cut c = { .tail = text, .ok = text.n > 0 }; c.ok && n < most;) {
		c = str_cut(c.tail, ' ');
		v[n++] = c.head;
	}
	return n;
}

/* Of a lock: extras and groups are sets, and Python's version is known whole. */
static void
answer_lock_marker(struct str rest, struct arena *a, struct buf *out)
{
	struct marker_env env = { .os_name = STR("posix"), .sys_platform = STR("linux"), .platform_system = STR("Linux"),
				  .implementation_name = STR("cpython"), .platform_python_implementation = STR("CPython"),
				  .platform_machine = STR("x86_64") };
	struct str marker = field(&rest), extras[8], groups[8];
	bool value;
	size_t at;

	env.python_full_version = env.implementation_version = field(&rest);
	env.python_version = str_rcut(env.python_full_version, '.').head;
	env.nextras = names(field(&rest), extras, 8);
	env.extras = extras;
	env.ngroups = names(field(&rest), groups, 8);
	env.groups = groups;
	int rc = marker_parse(marker, &env, a, NULL, &value, &at, NULL);
	buf_puts(out, rc < 0 ? "error" : value ? "true" : "false");
}

static void
answer_tags(struct str rest, struct arena *a, struct buf *out)
{
	struct str python = field(&rest), platform = field(&rest), glibc = field(&rest);
	struct pytags t;

	if (!pytags_of(python, platform, glibc, a, &t)) {
		buf_puts(out, "error");
		return;
	}
	for (size_t i = 0; i < t.n; i++)
		buf_printf(out, "%s" STR_FMT, i ? " " : "", STR_ARG(t.v[i]));
}

static void
answer_requirement(struct str rest, struct arena *a, struct buf *out)
{
	struct pep508 r;
	size_t at;

	if (pep508_parse(field(&rest), a, &r, &at, NULL) < 0)
		buf_puts(out, "error");
	else
		buf_put(out, pep508_text(&r, true, a));
}

static void
answer(struct str line, struct arena *a, struct buf *out)
{
	struct str rest = line, what = field(&rest);
	struct pep440 v, w;
	struct pep440_spec s;

	if (str_is(what, "version")) {
		if (pep440_parse(field(&rest), a, &v))
			buf_put(out, pep440_text(&v, a));
		else
			buf_puts(out, "error");
	} else if (str_is(what, "compare")) {
		bool ok = pep440_parse(field(&rest), a, &v);
		ok = pep440_parse(field(&rest), a, &w) && ok;
		int c = ok ? pep440_cmp(&v, &w) : 0;
		buf_puts(out, !ok ? "error" : c < 0 ? "<" : c > 0 ? ">" : "=");
	} else if (str_is(what, "holds")) {
		bool ok = pep440_spec_parse(field(&rest), a, &s);
		ok = pep440_parse(field(&rest), a, &v) && ok;
		buf_puts(out, !ok ? "error" : pep440_spec_holds(&s, &v, a) ? "true" : "false");
	} else if (str_is(what, "marker")) {
		answer_marker(rest, a, out);
	} else if (str_is(what, "lock-marker")) {
		answer_lock_marker(rest, a, out);
	} else if (str_is(what, "name")) {
		struct str norm;
		buf_put(out, pep503_name(field(&rest), a, &norm) ? norm : STR("error"));
	} else if (str_is(what, "wheel")) {
		struct wheel_name file;
		if (wheel_name_parse(field(&rest), a, &file))
			buf_printf(out, STR_FMT " " STR_FMT " " STR_FMT, STR_ARG(file.name), STR_ARG(file.version), STR_ARG(file.build));
		else
			buf_puts(out, "error");
	} else if (str_is(what, "tags")) {
		answer_tags(rest, a, out);
	} else if (str_is(what, "requirement")) {
		answer_requirement(rest, a, out);
	}
}

static void
known_answers(void **state)
{
	static const struct {
		const char *question, *answer;
	} rows[] = {
		{ "version\t1.0-alpha", "1.0a0" },
		{ "compare\t1.0\t1.0a1", ">" },
		{ "holds\t~=1.4\t1.5", "true" },
		{ "marker\tpython_version < '3.12'\t3.11", "true" },
		{ "requirement\tSix", "six" },
		{ "tags\t2.7\tlinux/amd64\t2.36", "error" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		AUTO_BUF out = { 0 };
		answer(str_z(rows[i].question), &a, &out);
		assert_str(buf_str(&out), rows[i].answer);
		arena_done(&a);
	}
}

static int
serve(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		struct arena a = { 0 };
		AUTO_BUF out = { 0 };
		struct str s = { line, (size_t)n };
		if (str_ends(s, STR("\n")))
			s = str_take(s, s.n - 1);
		answer(s, &a, &out);
		printf("%s\n", buf_z(&out));
		arena_done(&a);
	}
	free(line);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_answers) };

	if (argc > 1 && !strcmp(argv[1], "-"))
		return serve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
