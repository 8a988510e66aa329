/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/reqfile.h"
#include "tests/unit.h"

/* Files of a test, by name. */
struct files {
	const char *name[8], *text[8];
};

static const char *
variable(void *ctx, struct str name)
{
	(void)ctx;
	return str_is(name, "SECRET") ? "pass" : str_is(name, "VERSION") ? "1.0" : NULL;
}

static const char *
index_of(void *ctx, struct str alias)
{
	(void)ctx;
	return str_is(alias, "corp") ? "https://secret@corp.example.com/simple" : NULL;
}

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
	const struct reqfile_reader r = { .read = read_one, .variable = variable, .index = index_of, .root = STR("/p"), .ctx = f };
	struct reqset set;

	if (reqset_read(&s, 1, &r, a, d, &set, e) < 0)
		return -1;
	for (size_t i = 0; i < set.n; i++)
		buf_printf(out, "%s" STR_FMT, i ? " | " : "", STR_ARG(set.v[i].text));
	for (size_t i = 0; i < set.nconstraints; i++)
		buf_printf(out, " / " STR_FMT, STR_ARG(set.constraints[i].text));
	if (set.pre)
		buf_puts(out, " pre");
	for (size_t i = 0; i < set.nfolders; i++) {
		buf_printf(out, " [" STR_FMT, STR_ARG(set.folders[i].path));
		for (size_t k = 0; k < set.folders[i].nextras; k++)
			buf_printf(out, " " STR_FMT, STR_ARG(set.folders[i].extras[k]));
		buf_printf(out, "%s" STR_FMT "]", set.folders[i].marker.n ? " ; " : "", STR_ARG(set.folders[i].marker));
	}
	for (size_t i = 0; i < set.noptions; i++)
		buf_printf(out, " {" STR_FMT "}", STR_ARG(set.plain[i]));
	for (size_t i = 0; i < set.nfrom_source; i++)
		buf_printf(out, "%s" STR_FMT, i ? " " : " source: ", STR_ARG(set.from_source[i]));
	if (set.wheels_only)
		buf_puts(out, " only");
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
		{ "--prefer-binary\nsix", "six" },
		{ "-r more.txt\nsix", "idna | six" },
		{ "-rmore.txt\nsix", "idna | six" },
		{ "--requirement more.txt", "idna" },
		{ "--requirement=more.txt", "idna" },
		{ "-r 'more.txt'", "idna" },
		{ "-r r.txt\nsix", "six" },
		{ "-r sub/a.txt", "idna | six" },
		{ "-c more.txt\nsix", "six / idna" },
		{ "six\nsix>=1", "six | six>=1" },
		/* references */
		{ "https://example.com/w/six-1.0-py3-none-any.whl", "six @ https://example.com/w/six-1.0-py3-none-any.whl" },
		{ "https://u:p@example.com/six-1.0.tar.gz#sha256=" SIX_HASH, "six @ https://example.com/six-1.0.tar.gz --hash=sha256:" SIX_HASH },
		{ "six @ https://u:${SECRET}@example.com/six-1.0.zip ; os_name=='posix'", "six @ https://example.com/six-1.0.zip ; os_name == \"posix\"" },
		{ "git+https://example.com/a/Six.git@v1#egg=Six&subdirectory=py", "six @ git+https://example.com/a/Six.git@v1#subdirectory=py" },
		{ "six[b,a] @ git+ssh://git@example.com/six.git", "six[a,b] @ git+ssh://git@example.com/six.git" },
		{ "-e git+https://example.com/six.git@main#egg=six", "six @ git+https://example.com/six.git@main" },
		{ "./w/six-1.0-py3-none-any.whl", "six @ ./w/six-1.0-py3-none-any.whl" },
		{ "w/six-1.0-py3-none-any.whl", "six @ ./w/six-1.0-py3-none-any.whl" },
		{ "six @ file:///srv/six-1.0-py3-none-any.whl", "six @ /srv/six-1.0-py3-none-any.whl" },
		{ "six @ file:w/a%20b/six-1.0.tar.gz", "six @ ./w/a%20b/six-1.0.tar.gz" },
		{ "-r sub/w.txt", "six @ ./w/six-1.0-py3-none-any.whl" },
		{ "-e .", " [.]" },
		{ "-e ../lib[x,Y] ; python_version>'3'", " [../lib x y ; python_version > \"3\"]" },
		{ "./lib\n--editable=lib2", " [lib] [lib2]" },
		{ "lib @ ./lib", " [lib]" },
		{ "-r sub/e.txt", " [lib]" },
		/* where packages are */
		{ "--index-url https://u:p@example.com/simple\nsix", "six {--index-url https://example.com/simple}" },
		{ "-i https://${SECRET}@example.com/simple --extra-index-url corp\nsix", "six {--index-url https://example.com/simple} {--extra-index-url corp}" },
		{ "--index-url default\nsix", "six" },
		{ "--no-index -f w", " {--no-index } {--find-links w}" },
		{ "-r sub/f.txt", " {--find-links w}" },
		{ "--no-binary B,a_c --only-binary :all:", " source: a-c b only" },
		{ "--no-binary :all:\n--no-binary :none:\nsix", "six" },
		{ "--trusted-host example.com", "" },
		{ "six==${VERSION}", "six==1.0" },
		{ "$VERSION${lower}six", NULL },
	};
	struct files f = { { "r.txt", "more.txt", "sub/a.txt", "sub/b.txt", "sub/w.txt", "sub/e.txt", "sub/f.txt" },
			   { NULL, "idna\n", "-r b.txt\n-r ../more.txt\n", "six", "../w/six-1.0-py3-none-any.whl", "-e ../lib", "-f ../w" } };

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
			if (rc < 0)
				fail_msg("row %zu '%s': %s", i, rows[i].text, d.n ? arena_z(&a, d.v[0].message) : e.text);
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
		{ "-i nowhere\n", 1, 4, "requirement-index" },
		{ "# c\n--extra-index-url=nowhere\n", 2, 19, "requirement-index" },
		{ "--pre --index-url nowhere", 1, 19, "requirement-index" },
		{ "-f ~/x", 1, 4, "requirement-option" },
		{ "--pre=yes", 1, 1, "requirement-option" },
		{ "--no-index six", 1, 1, "requirement-option" },
		{ "-i https://example.com six", 1, 24, "requirement-option" },
		{ "--no-binary a/b", 1, 13, "requirement-option" },
		{ "--config-settings x=y", 1, 1, "requirement-option" },
		{ "six\n--require-hashes", 1, 1, "requirement-hash" },
		{ "--nonsense\n", 1, 1, "requirement-option" },
		{ "-r\n", 1, 1, "requirement-option" },
		{ "\xc3\xa4\n", 1, 1, "requirement-syntax" },
		{ "# \xc3\xa4\xc3\xa4\nsix>=\xc3\xa4\n", 2, 4, "requirement-syntax" },
		{ "https://example.com/x.whl\n", 1, 1, "requirement-syntax" },
		{ "git+https://example.com/x\n", 1, 1, "requirement-syntax" },
		{ "x @ hg+https://example.com/x\n", 1, 5, "requirement-unsupported" },
		{ "https://example.com/a b/x-1.0.zip\n", 1, 22, "requirement-syntax" },
		{ "ftp://example.com/x-1.0.zip\n", 1, 1, "requirement-unsupported" },
		{ "https://example.com/x-1.0.zip#sha256=12\n", 1, 1, "requirement-hash" },
		{ "~/lib\n", 1, 1, "requirement-unsupported" },
		{ "-e ./lib ; what", 1, 12, "requirement-syntax" },
		{ "-r https://example.com/r.txt", 1, 4, "requirement-unsupported" },
		{ "six==${MISSING}\n", 1, 6, "requirement-variable" },
		{ "six \\\n ==${MISSING}\n", 2, 4, "requirement-variable" },
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
	struct files f = { { "r.txt" }, { "six==\n-i x\nidna\n~/x\n" } };
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
	const struct reqfile_reader r = { .read = read_one, .ctx = &(struct files){ { NULL }, { NULL } } };
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
