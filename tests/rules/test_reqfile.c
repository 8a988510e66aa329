/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/reqfile.h"
#include "tests/unit.h"

/* Files of a test, by name. */
struct files {
	const char *name[8], *text[8];
};

static int
read_one(void *ctx, struct str path, struct buf *out, struct err *e)
{
	const struct files *f = ctx;

	for (size_t i = 0; i < COUNT(f->name) && f->name[i]; i++)
		if (str_is(path, f->name[i])) {
			buf_puts(out, f->text[i]);
			return 0;
		}
	return err_set(e, ERR_MISSING, "no such file");
}

/* Reads r.txt of f and puts the set down as text: "six==1 | idna / c constraint". */
static int
read_set(struct files *f, struct arena *a, struct diags *d, struct buf *out, struct err *e)
{
	const struct reqfile_source s = { .path = STR("r.txt"), .at = { .file = STR("pawl.yaml"), .line = 3, .column = 5 } };
	const struct reqfile_reader r = { read_one, f };
	struct reqset set;

	if (reqset_read(&s, 1, &r, a, d, &set, e) < 0)
		return -1;
	for (size_t i = 0; i < set.n; i++)
		buf_printf(out, "%s" STR_FMT, i ? " | " : "", STR_ARG(set.v[i].text));
	for (size_t i = 0; i < set.nconstraints; i++)
		buf_printf(out, " / " STR_FMT, STR_ARG(set.constraints[i].text));
	if (set.pre)
		buf_puts(out, " pre");
	return 0;
}

#define SIX_HASH "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"

static void
files_give_sets(void **state)
{
	static const struct {
		const char *text, *set;
	} rows[] = {
		{ "", "" },
		{ "# nothing\n\n   \n", "" },
		{ "six==1.16.0\nidna==3.7\n", "idna==3.7 | six==1.16.0" },
		{ "# a comment\nIDNA == 3.7\n\nsix==1.16.0 # why\n", "idna==3.7 | six==1.16.0" },
		{ "idna==3.7\r\nsix==1.16.0\r\n", "idna==3.7 | six==1.16.0" },
		{ "idna==3.7\rsix==1.16.0", "idna==3.7 | six==1.16.0" },
		{ "\xef\xbb\xbfsix", "six" },
		{ "six", "six" },
		{ "six\nsix\nSIX", "six" },
		{ "six\\\n==1.16.0\n", "six==1.16.0" },
		{ "six \\\r\n  ==1.16.0\r\n", "six==1.16.0" },
		{ "six==1.16.0 \\\n  --hash=sha256:" SIX_HASH "\n", "six==1.16.0 --hash=sha256:" SIX_HASH },
		{ "six==1.16.0 --hash sha256:" SIX_HASH "\n", "six==1.16.0 --hash=sha256:" SIX_HASH },
		{ "six==1.16.0 --hash='sha256:" SIX_HASH "'\n", "six==1.16.0 --hash=sha256:" SIX_HASH },
		{ "six # c \\\nidna\nx", "six | x" },
		{ "six \\\n# c \\\nidna", "idna | six" },
		{ "a#b @ x", NULL },
		{ "six;python_version<'3' # c", "six ; python_version < \"3\"" },
		{ "--pre\nsix", "six pre" },
		{ "--require-hashes\n--prefer-binary\n--only-binary :all:\nsix", "six" },
		{ "-r more.txt\nsix", "idna | six" },
		{ "-rmore.txt\nsix", "idna | six" },
		{ "--requirement more.txt", "idna" },
		{ "--requirement=more.txt", "idna" },
		{ "-r 'more.txt'", "idna" },
		{ "-r r.txt\nsix", "six" },
		{ "-r sub/a.txt", "idna | six" },
		{ "-c more.txt\nsix", "six / idna" },
		{ "six\nsix>=1", "six | six>=1" },
	};
	struct files f = { { "r.txt", "more.txt", "sub/a.txt", "sub/b.txt" }, { NULL, "idna\n", "-r b.txt\n-r ../more.txt\n", "six" } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct diags d = { 0 };
		struct err e;
		AUTO_BUF out = { 0 };
		ROW(i, rows[i].text);
		f.text[0] = rows[i].text;
		int rc = read_set(&f, &a, &d, &out, &e);
		if (rows[i].set) {
			assert_ok(rc, &e);
			assert_str(buf_str(&out), rows[i].set);
		} else {
			assert_fails(rc, &e, ERR_INPUT);
		}
		diags_done(&d);
		arena_done(&a);
	}
}

static void
mistakes_have_their_place(void **state)
{
	static const struct {
		const char *text;
		uint32_t line, column;
		const char *code;
	} rows[] = {
		{ "six\nidna 3\n", 2, 6, "requirement-syntax" },
		{ "  six ==\n", 1, 7, "requirement-syntax" },
		{ "six==1.0 \\\n --hash=md5:abc\n", 2, 9, "requirement-hash" },
		{ "six --hash=sha256:12\n", 1, 12, "requirement-hash" },
		{ "six --global-option=x\n", 1, 5, "requirement-option" },
		{ "-e .\n", 1, 1, "requirement-option" },
		{ "-i https://example.com\n", 1, 1, "requirement-option" },
		{ "# c\n--extra-index-url=https://example.com\n", 2, 1, "requirement-option" },
		{ "--nonsense\n", 1, 1, "requirement-option" },
		{ "-r\n", 1, 1, "requirement-option" },
		{ "\xc3\xa4\n", 1, 1, "requirement-syntax" },
		{ "# \xc3\xa4\xc3\xa4\nsix>=\xc3\xa4\n", 2, 4, "requirement-syntax" },
		{ "https://example.com/x.whl\n", 1, 1, "requirement-unsupported" },
		{ "git+https://example.com/x\n", 1, 1, "requirement-unsupported" },
		{ "x @ https://example.com/x.whl\n", 1, 1, "requirement-unsupported" },
		{ "./lib\n", 1, 1, "requirement-unsupported" },
		{ "lib/x-1.0-py3-none-any.whl\n", 1, 1, "requirement-unsupported" },
		{ "six==${VERSION}\n", 1, 6, "requirement-unsupported" },
		{ "six\n-r missing.txt\n", 2, 4, "requirements-file" },
		{ "\xff\xfes\n", 0, 0, "requirements-file" },
		{ "six;os_name=='a\n", 1, 14, "requirement-syntax" },
		{ "six\xef\xbb\xbf\n", 1, 4, "requirement-syntax" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct files f = { { "r.txt" }, { rows[i].text } };
		struct arena a = { 0 };
		struct diags d = { 0 };
		struct err e;
		AUTO_BUF out = { 0 };
		ROW(i, rows[i].text);
		assert_fails(read_set(&f, &a, &d, &out, &e), &e, ERR_INPUT);
		assert_int_equal(d.n, 1);
		assert_str(d.v[0].at.file, "r.txt");
		assert_str(d.v[0].code, rows[i].code);
		assert_int_equal(d.v[0].at.line, rows[i].line);
		assert_int_equal(d.v[0].at.column, rows[i].column);
		diags_done(&d);
		arena_done(&a);
	}
}

static void
all_mistakes_come_at_once(void **state)
{
	struct files f = { { "r.txt" }, { "six==\n-e .\nidna\n./x\n" } };
	struct arena a = { 0 };
	struct diags d = { 0 };
	struct err e;
	AUTO_BUF out = { 0 };

	(void)state;
	assert_fails(read_set(&f, &a, &d, &out, &e), &e, ERR_INPUT);
	assert_int_equal(d.n, 3);
	diags_done(&d);
	arena_done(&a);
}

static void
a_requirement_by_itself_has_the_place_of_its_list(void **state)
{
	const struct place at = { .file = STR("pawl.yaml"), .line = 4, .column = 9 };
	const struct reqfile_source s[] = { { .text = STR("Six>=1"), .at = at }, { .text = STR("idna =="), .at = at } };
	const struct reqfile_reader r = { read_one, &(struct files){ { NULL }, { NULL } } };
	struct arena a = { 0 };
	struct diags d = { 0 };
	struct reqset set;
	struct err e;

	(void)state;
	assert_ok(reqset_read(s, 1, &r, &a, &d, &set, &e), &e);
	assert_str(set.v[0].text, "six>=1");
	assert_fails(reqset_read(s, 2, &r, &a, &d, &set, &e), &e, ERR_INPUT);
	assert_int_equal(d.v[0].at.line, 4);
	diags_done(&d);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_give_sets),
		cmocka_unit_test(mistakes_have_their_place),
		cmocka_unit_test(all_mistakes_come_at_once),
		cmocka_unit_test(a_requirement_by_itself_has_the_place_of_its_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
