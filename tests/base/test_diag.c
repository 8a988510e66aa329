/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "base/diag.h"

static struct place
at(uint32_t line, uint32_t column, uint32_t length)
{
	return (struct place){ STR("pawl.yaml"), line, column, length };
}

static void
prints_the_line_with_a_caret(void **state)
{
	(void)state;
	static const char text[] = "version: 1\n\tinputs: {raw: load.rw}\r\nname: \xe4\xbd\xa0\xe5\xa5\xbd bad\n\n"
				   "x\x1b[31m: y\nlast";
	static const struct {
		uint32_t line, column, length;
		const char *hint, *want;
	} rows[] = {
		{ 1, 1, 7, "did you mean 'x'?", "pawl.yaml:1:1: error: wrong\n 1 | version: 1\n   | ^~~~~~~ did you mean 'x'?\n" },
		{ 1, 10, 0, "", "pawl.yaml:1:10: error: wrong\n 1 | version: 1\n   |          ^\n" },
		{ 1, 10, 50, "", "pawl.yaml:1:10: error: wrong\n 1 | version: 1\n   |          ^\n" },
		{ 1, 99, 1, "h", "pawl.yaml:1:99: error: wrong\n 1 | version: 1\n   |           ^ h\n" },
		{ 1, 0, 0, "", "pawl.yaml:1: error: wrong\n 1 | version: 1\n   | ^~~~~~~~~~\n" },
		{ 2, 2, 6, "", "pawl.yaml:2:2: error: wrong\n 2 |         inputs: {raw: load.rw}\n   |         ^~~~~~\n" },
		{ 2, 0, 0, "", "pawl.yaml:2: error: wrong\n 2 |         inputs: {raw: load.rw}\n   |         ^~~~~~~~~~~~~~~~~~~~~~\n" },
		{ 3, 7, 2, "", "pawl.yaml:3:7: error: wrong\n 3 | name: \xe4\xbd\xa0\xe5\xa5\xbd bad\n   |       ^~~~\n" },
		{ 3, 10, 3, "", "pawl.yaml:3:10: error: wrong\n 3 | name: \xe4\xbd\xa0\xe5\xa5\xbd bad\n   |            ^~~\n" },
		{ 4, 1, 1, "", "pawl.yaml:4:1: error: wrong\n 4 |\n   | ^\n" },
		{ 5, 1, 1, "", "pawl.yaml:5:1: error: wrong\n 5 | x\xef\xbf\xbd[31m: y\n   | ^\n" },
		{ 6, 1, 4, "", "pawl.yaml:6:1: error: wrong\n 6 | last\n   | ^~~~\n" },
		{ 7, 1, 4, "a hint", "pawl.yaml:7:1: error: wrong\n  a hint\n" },
		{ 0, 0, 0, "a hint", "pawl.yaml: error: wrong\n  a hint\n" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct diags d = { 0 };
		AUTO_BUF out = { 0 };
		ROW(i, rows[i].want);
		diags_source(&d, STR("pawl.yaml"), str_z(text));
		diags_add(&d, SEVERITY_ERROR, at(rows[i].line, rows[i].column, rows[i].length), "c", str_z(rows[i].hint), "wrong");
		diags_print(&d, false, &out);
		assert_str(buf_str(&out), rows[i].want);
		diags_done(&d);
	}
}

static void
prints_as_promised(void **state)
{
	(void)state;
	struct diags d = { 0 };
	AUTO_BUF text = { 0 };
	AUTO_BUF out = { 0 };
	for (int i = 1; i < 14; i++)
		buf_putc(&text, '\n');
	buf_puts(&text, "    inputs: {raw: load.rw}\n");
	diags_source(&d, STR("pawl.yaml"), buf_str(&text));
	diags_add(&d, SEVERITY_ERROR, at(14, 13, 14), "unknown-output", STR("did you mean 'load.raw'?"),
		  "step '%s': input 'raw' names output 'load.rw', but 'load' has: raw, stats", "train");
	diags_print(&d, false, &out);
	assert_str(buf_str(&out), "pawl.yaml:14:13: error: step 'train': input 'raw' names output 'load.rw', but 'load' has: raw, stats\n"
				  " 14 |     inputs: {raw: load.rw}\n"
				  "    |             ^~~~~~~~~~~~~~ did you mean 'load.raw'?\n");
	diags_done(&d);
}

static void
colour_and_warnings(void **state)
{
	(void)state;
	struct diags d = { 0 };
	AUTO_BUF out = { 0 };
	diags_source(&d, STR("f"), STR("abc"));
	diags_add(&d, SEVERITY_WARNING, (struct place){ STR("f"), 1, 2, 2 }, "c", STR("h"), "m\x1b");
	diags_print(&d, true, &out);
	assert_str(buf_str(&out), "\033[1mf:1:2:\033[0m \033[1;35mwarning:\033[0m m\xef\xbf\xbd\n"
				  " 1 | abc\n   |  \033[1;32m^~ h\033[0m\n");
	assert_int_equal(d.nerrors, 0);
	diags_done(&d);
}

static void
sorts_by_place_and_keeps_the_order_of_equals(void **state)
{
	(void)state;
	struct diags d = { 0 };
	AUTO_BUF out = { 0 };
	diags_add(&d, SEVERITY_ERROR, (struct place){ STR("b"), 1, 1, 0 }, "c", STR(""), "5");
	diags_add(&d, SEVERITY_ERROR, (struct place){ STR("a"), 2, 1, 0 }, "c", STR(""), "4");
	diags_add(&d, SEVERITY_ERROR, (struct place){ STR("a"), 1, 9, 0 }, "c", STR(""), "2");
	diags_add(&d, SEVERITY_ERROR, (struct place){ STR("a"), 1, 9, 0 }, "c", STR(""), "3");
	diags_add(&d, SEVERITY_ERROR, (struct place){ STR("a"), 1, 2, 0 }, "c", STR(""), "1");
	diags_sort(&d);
	for (size_t i = 0; i < d.n; i++)
		buf_put(&out, d.v[i].message);
	assert_str(buf_str(&out), "12345");
	diags_done(&d);
}

static void
stops_at_the_limit_and_counts_on(void **state)
{
	(void)state;
	struct diags d = { .limit = 2 };
	AUTO_BUF out = { 0 };
	for (int i = 0; i < 5; i++)
		diags_add(&d, SEVERITY_ERROR, (struct place){ STR("a"), 0, 0, 0 }, "c", STR(""), "m%d", i);
	assert_int_equal(d.n, 2);
	assert_int_equal(d.over, 3);
	assert_int_equal(d.nerrors, 5);
	diags_print(&d, false, &out);
	assert_str(buf_str(&out), "a: error: m0\na: error: m1\nand 3 more like these\n");
	diags_done(&d);
	assert_int_equal(d.limit, 2);
}

static void
long_lines_are_shown_in_part(void **state)
{
	(void)state;
	static char text[1 << 20];
	memset(text, 'x', sizeof text);
	text[500000] = '!';
	struct diags d = { 0 };
	AUTO_BUF out = { 0 };
	diags_source(&d, STR("f"), (struct str){ text, sizeof text });
	diags_add(&d, SEVERITY_ERROR, (struct place){ STR("f"), 1, 500001, 100000 }, "c", STR("h"), "m");
	diags_print(&d, false, &out);
	assert_true(out.n < 600);
	struct str rest = str_cut(buf_str(&out), '\n').tail;
	const struct str line = str_cut(rest, '\n').head, mark = str_cut(str_cut(rest, '\n').tail, '\n').head;
	assert_int_equal(str_find_char(line, '!'), str_find_char(mark, '^'));
	assert_true(str_starts(line, STR(" 1 | ...xxx")) && str_ends(line, STR("xxx...")));
	diags_done(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_the_line_with_a_caret),
		cmocka_unit_test(prints_as_promised),
		cmocka_unit_test(colour_and_warnings),
		cmocka_unit_test(sorts_by_place_and_keeps_the_order_of_equals),
		cmocka_unit_test(stops_at_the_limit_and_counts_on),
		cmocka_unit_test(long_lines_are_shown_in_part),
	};
	return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
