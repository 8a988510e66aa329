/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/otherlock.h"
#include "tests/unit.h"

#include "base/buf.h"
#include "base/toml.h"

#define H1 "1111111111111111111111111111111111111111111111111111111111111111"
#define C1 "1111111111111111111111111111111111111111"

static const struct marker_env env311 = {
	.python_version = STR_INIT("3.11"), .python_full_version = STR_INIT("3.11.7"), .implementation_version = STR_INIT("3.11.7"),
	.platform_machine = STR_INIT("x86_64"), .os_name = STR_INIT("posix"), .sys_platform = STR_INIT("linux"),
	.platform_system = STR_INIT("Linux"), .implementation_name = STR_INIT("cpython"), .platform_python_implementation = STR_INIT("CPython"),
};

/* "name version:files" of each package, then "[folder]". */
static void
put_answer(const struct otherlock_answer *r, struct buf *b)
{
	for (size_t i = 0; i < r->packages.n; i++) {
		const struct resolver_package *k = &r->packages.v[i];
		buf_printf(b, "%s" STR_FMT " " STR_FMT ":%zu", b->n ? " | " : "", STR_ARG(k->name), STR_ARG(k->version), k->n);
		if (k->source.kind == SOURCE_ARCHIVE)
			buf_puts(b, "+sdist");
		if (k->source.kind == SOURCE_GIT)
			buf_printf(b, "+git " STR_FMT "@%.4s/" STR_FMT, STR_ARG(k->source.repository), k->source.commit.p,
				   STR_ARG(k->source.subdirectory));
	}
	for (size_t i = 0; i < r->nfolders; i++)
		buf_printf(b, "%s[" STR_FMT "]", b->n ? " | " : "", STR_ARG(r->folders[i].path));
}

struct row {
	const char *path, *groups, *text, *want; /* want: the answer, or what the error has */
	const char *pyproject;
};

static int
answer(const struct row *row, struct arena *a, struct buf *out, struct err *e)
{
	struct otherlock l;
	struct js_place at;
	struct str groups[4];
	size_t n = 0;

	for (struct str_cut c = { .tail = str_z(row->groups), .ok = row->groups[0] }; c.ok;) {
		c = str_cut(c.tail, ' ');
		groups[n++] = c.head;
	}
	if (otherlock_read(str_z(row->path), str_z(row->text), a, &l, &at, e) < 0)
		return -1;
	if (row->pyproject) {
		struct js *doc;
		assert_ok(toml_parse(str_z(row->pyproject), "pyproject.toml", &doc, e), e);
		l.pyproject = js_keep(a, doc);
	}
	const struct otherlock_question q = { .env = &env311, .groups = groups, .ngroups = n, .root = STR("/p") };
	struct otherlock_answer r;
	if (l.kind == OTHERLOCK_PIPFILE) {
		struct str *lines;
		if (otherlock_lines(&l, &q, a, &lines, &n, &r, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			buf_printf(out, "%s" STR_FMT, out->n ? " | " : "", STR_ARG(lines[i]));
	} else if (otherlock_select(&l, &q, a, &r, e) < 0) {
		return -1;
	}
	put_answer(&r, out);
	return 0;
}

#define UV "version = 1\nrequires-python = '>=3.9'\n"
#define ROOT "[[package]]\nname='p'\nversion='0'\nsource={virtual='.'}\n"
#define WHEEL(name, version) "wheels=[{url='x://h/" name "-" version "-py3-none-any.whl', hash='sha256:" H1 "'}]\n"
#define PACKAGE(name, version) "[[package]]\nname='" name "'\nversion='" version "'\nsource={registry='x://h'}\n" WHEEL(name, version)
#define PYLOCK "lock-version='1.0'\ncreated-by='us'\n"
#define PYWHEEL(name) "wheels=[{url='x://h/" name "-1-py3-none-any.whl', hashes={sha256='" H1 "'}}]\n"
#define POETRY "[metadata]\nlock-version='2.1'\npython-versions='^3.9'\n"
#define OLD_POETRY "[metadata]\nlock-version='2.0'\npython-versions='>=3.9'\n"
#define PFILE(name) "files=[{file='" name "-1-py3-none-any.whl', hash='sha256:" H1 "'}, {file='" name "-1.tar.gz', hash='sha256:" H1 "'}]\n"

static const struct row rows[] = {
	/* uv.lock */
	{ "uv.lock", "", UV ROOT, "", NULL },
	{ "uv.lock", "", UV PACKAGE("a", "1") ROOT "dependencies=[{name='a'}]\n", "a 1:1", NULL },
	{ "uv.lock", "", UV PACKAGE("a", "1") ROOT "dependencies=[{name='a', marker=\"sys_platform == 'win32'\"}]\n", "", NULL },
	{ "uv.lock", "", UV PACKAGE("a", "1") ROOT "dependencies=[{name='a', marker=\"python_full_version >= '3.11.7'\"}]\n", "a 1:1", NULL },
	{ "uv.lock", "", UV PACKAGE("a", "1") PACKAGE("a", "2") ROOT "dependencies=[{name='a', version='2', source={registry='x://h'}}]\n", "a 2:1", NULL },
	{ "uv.lock", "", UV PACKAGE("a", "1") "dependencies=[{name='b', extra=['x']}]\n" PACKAGE("b", "2")
	  "[package.optional-dependencies]\nx=[{name='c'}]\ny=[{name='a'}]\n" PACKAGE("c", "3") ROOT "dependencies=[{name='a'}]\n",
	  "a 1:1 | b 2:1 | c 3:1", NULL },
	{ "uv.lock", "dev", UV PACKAGE("a", "1") ROOT "[package.dev-dependencies]\ndev=[{name='a'}]\n", "a 1:1", NULL },
	{ "uv.lock", "Big_One", UV PACKAGE("a", "1") ROOT "[package.optional-dependencies]\nbig-one=[{name='a'}]\n", "a 1:1", NULL },
	{ "uv.lock", "cpu", UV PACKAGE("a", "1") PACKAGE("a", "2") ROOT "[package.optional-dependencies]\n"
	  "cpu=[{name='a', version='1', marker=\"extra == 'extra-1-p-cpu'\"}, {name='a', version='2', marker=\"extra == 'extra-1-p-gpu'\"}]\n"
	  "gpu=[{name='a', version='2'}]\n", "a 1:1", NULL },
	{ "uv.lock", "nope", UV ROOT "[package.dev-dependencies]\ndev=[]\n", "no group or extra 'nope'", NULL },
	{ "uv.lock", "", UV ROOT "dependencies=[{name='a'}]\n", "depends on 'a', which is not in it", NULL },
	{ "uv.lock", "", UV ROOT "dependencies=[{name='l'}]\n[[package]]\nname='l'\nversion='1'\nsource={editable='../l'}\n"
	  "dependencies=[{name='a'}]\n" PACKAGE("a", "1"), "a 1:1 | [../l]", NULL },
	{ "sub/uv.lock", "", UV "[[package]]\nname='l'\nversion='1'\nsource={editable='.'}\n", "[sub]", NULL },
	{ "uv.lock", "", UV "[manifest]\nmembers=['m', 'k']\n" "[[package]]\nname='m'\nversion='1'\nsource={editable='m'}\n"
	  "[[package]]\nname='k'\nversion='1'\nsource={virtual='k'}\n", "[m]", NULL },
	{ "uv.lock", "", UV ROOT "dependencies=[{name='g'}]\n[[package]]\nname='g'\nversion='1'\nsource={git='x://h/g?rev=main&subdirectory=s#" C1 "'}\n",
	  "g 1:0+git x://h/g@1111/s", NULL },
	{ "uv.lock", "", UV ROOT "dependencies=[{name='g'}]\n[[package]]\nname='g'\nversion='1'\nsource={git='x://h/g?rev=main'}\n",
	  "names no commit", NULL },
	{ "uv.lock", "", UV ROOT "dependencies=[{name='s'}]\n[[package]]\nname='s'\nversion='1'\nsource={registry='x://h'}\n"
	  "sdist={url='x://h/s-1.tar.gz', hash='sha256:" H1 "'}\n", "s 1:0+sdist", NULL },
	{ "uv.lock", "", UV ROOT "dependencies=[{name='s'}]\n[[package]]\nname='s'\nversion='1'\nsource={registry='x://h'}\n"
	  "wheels=[{url='x://h/s-1-py3-none-any.whl'}]\n", "has no hash", NULL },
	{ "uv.lock", "", UV ROOT "dependencies=[{name='s'}]\n[[package]]\nname='s'\nversion='1'\nsource={registry='x://h'}\n"
	  "wheels=[{url='x://h/s-1-py3-none-any.whl', hash='md5:00'}]\n", "is not sha256:", NULL },
	{ "uv.lock", "", "version = 2\n", "expected version = 1", NULL },
	{ "uv.lock", "", "version = 1\nrequires-python='>=3.12'\n" ROOT, "for Python >=3.12", NULL },
	{ "uv.lock", "", UV PACKAGE("a", "1"), "no project in the folder", NULL },
	/* pylock.toml */
	{ "pylock.toml", "", PYLOCK, "", NULL },
	{ "pylock.toml", "", PYLOCK "[[packages]]\nname='a'\nversion='1'\n" PYWHEEL("a"), "a 1:1", NULL },
	{ "pylock.dev.toml", "", PYLOCK "[[packages]]\nname='a'\nversion='1'\nmarker=\"os_name == 'nt'\"\n" PYWHEEL("a"), "", NULL },
	{ "pylock.toml", "x", PYLOCK "extras=['x']\n[[packages]]\nname='a'\nversion='1'\nmarker=\"'x' in extras\"\n" PYWHEEL("a"), "a 1:1", NULL },
	{ "pylock.toml", "", PYLOCK "extras=['x']\n[[packages]]\nname='a'\nversion='1'\nmarker=\"'x' in extras\"\n" PYWHEEL("a"), "", NULL },
	{ "pylock.toml", "", PYLOCK "extras=['x']\n[[packages]]\nname='a'\nversion='1'\nmarker=\"'x' not in extras\"\n" PYWHEEL("a"), "a 1:1", NULL },
	{ "pylock.toml", "", PYLOCK "default-groups=['D']\n[[packages]]\nname='a'\nversion='1'\nmarker=\"'d' in dependency_groups\"\n" PYWHEEL("a"),
	  "a 1:1", NULL },
	{ "pylock.toml", "z", PYLOCK "extras=['x']\n", "no group or extra 'z'", NULL },
	{ "pylock.toml", "", PYLOCK "environments=[\"sys_platform == 'win32'\"]\n", "none of its environments", NULL },
	{ "pylock.toml", "", PYLOCK "[[packages]]\nname='a'\nrequires-python='<3'\nversion='1'\n" PYWHEEL("a"), "it needs Python <3", NULL },
	{ "pylock.toml", "", PYLOCK "[[packages]]\nname='a'\ndirectory={path='lib/a', editable=true}\n", "[lib/a]", NULL },
	{ "pylock.toml", "", PYLOCK "[[packages]]\nname='a'\nversion='1'\nvcs={type='git', url='x://h/a', commit-id='" C1 "', subdirectory='s'}\n",
	  "a 1:0+git x://h/a@1111/s", NULL },
	{ "pylock.toml", "", PYLOCK "[[packages]]\nname='a'\nversion='1'\nvcs={type='hg', url='x://h/a', commit-id='" C1 "'}\n", "only git is", NULL },
	{ "pylock.toml", "", PYLOCK "[[packages]]\nname='a'\nversion='1'\narchive={url='x://h/a-1.zip', hashes={sha256='" H1 "'}}\n", "a 1:0+sdist", NULL },
	{ "pylock.toml", "", PYLOCK "[[packages]]\nname='a'\nversion='1'\nmarker='what'\n", "package 'a': marker 'what'", NULL },
	{ "pylock.toml", "", "lock-version='2.0'\n", "expected lock-version", NULL },
	{ "pylock.toml", "", "lock-version=\n", "", NULL },
	/* poetry.lock */
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='1'\ngroups=['main']\n" PFILE("a") POETRY, "a 1:1+sdist", NULL },
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='1'\ngroups=['dev']\n" PFILE("a") POETRY, "", NULL },
	{ "poetry.lock", "dev", "[[package]]\nname='a'\nversion='1'\ngroups=['dev']\n" PFILE("a") POETRY, "a 1:1+sdist", NULL },
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='1'\ngroups=['main']\nmarkers='python_version < \"3\"'\n" PFILE("a") POETRY, "", NULL },
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='1'\ngroups=['main']\npython-versions='<3.11'\n" PFILE("a") POETRY, "", NULL },
	{ "poetry.lock", "x", "[[package]]\nname='a'\nversion='1'\ngroups=['main']\nmarkers='extra == \"x\"'\n" PFILE("a") "[extras]\nx=['a']\n" POETRY,
	  "a 1:1+sdist", NULL },
	{ "poetry.lock", "y", "[[package]]\nname='a'\nversion='1'\ngroups=['main']\n" PFILE("a") "[extras]\nx=['a']\n" POETRY, "no group or extra 'y'", NULL },
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='1'\ngroups=['main']\n[package.source]\ntype='directory'\nurl='../a'\n" POETRY, "[../a]", NULL },
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='1'\ngroups=['main']\n[package.source]\ntype='git'\nurl='x://h/a'\nresolved_reference='" C1
	  "'\n" POETRY, "a 1:0+git x://h/a@1111/", NULL },
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='1'\n" PFILE("a") OLD_POETRY, "there is no pyproject.toml beside it", NULL },
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='1'\n" PFILE("a") "[[package]]\nname='b'\nversion='1'\n" PFILE("b") OLD_POETRY, "a 1:1+sdist",
	  "[tool.poetry.dependencies]\npython='^3.9'\na='^1'\n" },
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='1.4'\n" PFILE("a") "[[package]]\nname='a'\nversion='2.0'\n" PFILE("a") OLD_POETRY, "a 1.4:1+sdist",
	  "[tool.poetry.dependencies]\na='~1.2'\n" },
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='0.2.9'\n" PFILE("a") "[[package]]\nname='a'\nversion='0.3'\n" PFILE("a") OLD_POETRY, "a 0.2.9:1+sdist",
	  "[tool.poetry.dependencies]\na='^0.2.1'\n" },
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='1'\n" PFILE("a") "[package.dependencies]\nb={version='*', optional=true}\nc='*'\n"
	  "[package.extras]\nx=['b (>=1)']\n[[package]]\nname='b'\nversion='1'\n" PFILE("b") "[[package]]\nname='c'\nversion='1'\n" PFILE("c") OLD_POETRY,
	  "a 1:1+sdist | c 1:1+sdist | b 1:1+sdist", "[tool.poetry.dependencies]\na={version='1', extras=['x']}\n" },
	{ "poetry.lock", "dev", "[[package]]\nname='a'\nversion='1'\n" PFILE("a") OLD_POETRY, "a 1:1+sdist",
	  "[tool.poetry.group.dev.dependencies]\na='*'\n" },
	{ "poetry.lock", "", "[[package]]\nname='a'\nversion='1'\n" PFILE("a") OLD_POETRY, "a 1:1+sdist", "[project]\ndependencies=['A>=1; python_version>\"3\"']\n" },
	{ "poetry.lock", "", "[metadata]\nlock-version='2.1'\npython-versions='>=3.12'\n", "for Python >=3.12", NULL },
	/* Pipfile.lock */
	{ "Pipfile.lock", "", "{\"default\":{\"a\":{\"version\":\"==1\",\"hashes\":[\"sha256:x\"],\"markers\":\"os_name == 'nt'\"}}}",
	  "a==1 ; os_name == 'nt' --hash=sha256:x", NULL },
	{ "Pipfile.lock", "dev", "{\"default\":{},\"develop\":{\"a\":{\"version\":\"==1\",\"hashes\":[\"sha256:x\"],\"extras\":[\"y\",\"z\"]}}}",
	  "a[y,z]==1 --hash=sha256:x", NULL },
	{ "Pipfile.lock", "", "{\"default\":{\"l\":{\"editable\":true,\"path\":\"./lib\"}}}", "[lib]", NULL },
	{ "Pipfile.lock", "", "{\"default\":{\"g\":{\"git\":\"x://h/g\",\"ref\":\"" C1 "\"}}}", "g @ git+x://h/g@" C1, NULL },
	{ "Pipfile.lock", "", "{\"default\":{\"a\":{\"version\":\"*\"}}}", "package 'a': expected", NULL },
	{ "Pipfile.lock", "", "{\"_meta\":{\"requires\":{\"python_version\":\"3.9\"}},\"default\":{}}", "for Python 3.9", NULL },
	{ "Pipfile.lock", "no", "{\"default\":{}}", "no group or extra 'no'", NULL },
	{ "Pipfile.lock", "", "[]", "expected a map", NULL },
};

static void
locks_give_what_the_target_needs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct err e = { 0 };
		AUTO_BUF b = { 0 };
		ROW(i, rows[i].text);
		if (answer(&rows[i], &a, &b, &e) < 0) {
			if (str_find(str_z(e.text), str_z(rows[i].want)) == SIZE_MAX)
				fail_msg("row %zu: expected [%s], failed: %s", i, rows[i].want, e.text);
			assert_int_equal(e.code, ERR_INPUT);
		} else if (!str_is(buf_str(&b), rows[i].want)) {
			fail_msg("row %zu: expected [%s], got [%s]", i, rows[i].want, buf_z(&b));
		}
		arena_done(&a);
	}
}

static void
kinds_are_known_by_name_or_content(void **state)
{
	static const struct {
		const char *path, *text;
		enum otherlock_kind kind;
	} known[] = {
		{ "uv.lock", "", OTHERLOCK_UV },
		{ "a/poetry.lock", "", OTHERLOCK_POETRY },
		{ "Pipfile.lock", "", OTHERLOCK_PIPFILE },
		{ "pylock.toml", "", OTHERLOCK_PYLOCK },
		{ "pylock.test.toml", "", OTHERLOCK_PYLOCK },
		{ "requirements.txt", "six==1", OTHERLOCK_REQUIREMENTS },
		{ "my.lock", "version = 1\n[[package]]\n", OTHERLOCK_UV },
		{ "my.lock", "[[package]]\n[metadata]\nlock-version = \"2.0\"", OTHERLOCK_POETRY },
		{ "my.lock", "[[packages]]", OTHERLOCK_PYLOCK },
		{ "my.lock", " {\"default\": {}}", OTHERLOCK_PIPFILE },
		{ "my.lock", "six==1 --hash=sha256:00", OTHERLOCK_REQUIREMENTS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		ROW(i, known[i].path);
		assert_int_equal(otherlock_kind_of(str_z(known[i].path), str_z(known[i].text)), known[i].kind);
	}
}

static void
mistakes_have_a_place(void **state)
{
	struct arena a = { 0 };
	struct otherlock l;
	struct js_place at;
	struct err e = { 0 };

	(void)state;
	assert_fails(otherlock_read(STR("uv.lock"), STR("version = 1\nx = = 2\n"), &a, &l, &at, &e), &e, ERR_INPUT);
	assert_int_equal(at.line, 2);
	assert_fails(otherlock_read(STR("Pipfile.lock"), STR("{\n\"a\": ,\n}"), &a, &l, &at, &e), &e, ERR_INPUT);
	assert_int_equal(at.line, 2);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(locks_give_what_the_target_needs),
		cmocka_unit_test(kinds_are_known_by_name_or_content),
		cmocka_unit_test(mistakes_have_a_place),
	};

	return cmocka_run_group_tests_name("otherlock", tests, NULL, NULL);
}
