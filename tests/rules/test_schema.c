/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference pages say what the program does. They are found from the top of the source tree, where tests
 * run; UPDATE_DOCS=1 writes the generated one again.
 */
#include "rules/schema.h"
#include "sys/file.h"
#include "tests/unit.h"

static void
the_reference_is_the_table(void **state)
{
	static const char path[] = "docs/reference/pawl.yaml.md";
	AUTO_BUF want = { 0 };
	AUTO_BUF have = { 0 };
	struct err e;

	(void)state;
	schema_markdown(&want);
	if (getenv("UPDATE_DOCS"))
		assert_ok(file_replace(AT_FDCWD, path, buf_str(&want), 0644, false, &e), &e);
	if (file_read(AT_FDCWD, path, 1 << 20, &have, &e) < 0) {
		print_message("%s\n", e.text);
		skip();
	}
	if (!str_eq(buf_str(&have), buf_str(&want)))
		print_message("%s is not what the table says: UPDATE_DOCS=1 writes it\n", path);
	assert_true(str_eq(buf_str(&have), buf_str(&want)));
}

/* Calls such as diags_add(d, SEVERITY_ERROR, at, "code", ...) of the sources: the first text that looks like
 * a code. */
static void
each_code(struct str source, const char *call, void (*found)(void *ctx, struct str code), void *ctx)
{
	size_t at;

	while ((at = str_find(source, str_z(call))) != SIZE_MAX) {
		source = str_drop(source, at + strlen(call));
		struct str rest = str_take(source, 400);
		const size_t end = str_find_char(rest, ';');

		rest = str_take(rest, end == SIZE_MAX ? rest.n : end);
		for (struct str_cut c = str_cut(rest, '"'); c.ok; c = str_cut(c.tail, '"')) {
			c = str_cut(c.tail, '"');
			size_t i = 0;

			while (i < c.head.n &&
			       ((c.head.p[i] >= 'a' && c.head.p[i] <= 'z') || c.head.p[i] == '-'))
				i++;
			if (i == c.head.n && i > 2 &&
			    (str_find_char(c.head, '-') != SIZE_MAX || str_is(c.head, "tab") ||
			     str_is(c.head, "syntax") || str_is(c.head, "empty") || str_is(c.head, "cycle") ||
			     str_is(c.head, "encoding")))
				found(ctx, c.head);
		}
	}
}

struct page {
	struct str text;
	size_t codes, missing;
};

static void
on_page(void *ctx, struct str code)
{
	struct page *p = ctx;
	struct arena a = { 0 };

	p->codes++;
	if (str_find(p->text, arena_printf(&a, "`" STR_FMT "`", STR_ARG(code))) == SIZE_MAX) {
		p->missing++;
		print_message("docs/reference/errors.md lacks `" STR_FMT "`\n", STR_ARG(code));
	}
	arena_done(&a);
}

static void
every_code_is_explained(void **state)
{
	static const char *const calls[] = { "mistake(",     "diags_add(", "MISTAKE(",       "LOWER_ERROR(",
					     "CHECK_ERROR(", "bad_use(",   "FOREACH_ERROR(", "return " };
	static const char *const folders[] = { "rules", "backends" };
	struct arena a = { 0 };
	AUTO_BUF text = { 0 };
	struct err e;
	struct page p = { .codes = 0 };

	(void)state;
	if (file_read(AT_FDCWD, "docs/reference/errors.md", 1 << 20, &text, &e) < 0) {
		print_message("%s\n", e.text);
		skip();
	}
	p.text = buf_str(&text);
	for (size_t f = 0; f < COUNT(folders); f++) {
		struct file_entry *v;
		size_t n;

		assert_ok(file_list(AT_FDCWD, folders[f], &a, &v, &n, &e), &e);
		for (size_t i = 0; i < n; i++) {
			AUTO_BUF source = { 0 };

			if (!str_ends(v[i].name, STR(".c")))
				continue;
			assert_ok(file_read(AT_FDCWD, path_join(&a, str_z(folders[f]), v[i].name).p, 1 << 20,
					    &source, &e),
				  &e);
			for (size_t c = 0; c < COUNT(calls); c++)
				if (c + 1 < COUNT(calls) || str_is(v[i].name, "schema.c"))
					each_code(buf_str(&source), calls[c], on_page, &p);
		}
	}
	arena_done(&a);
	assert_true(p.codes > 60);
	assert_int_equal(p.missing, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reference_is_the_table),
		cmocka_unit_test(every_code_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
