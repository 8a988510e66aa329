/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/foreach.h"
#include "tests/rules/project.h"

#define HEAD "version: 1\npipeline: x\nparams: {l: [x, y]}\nsteps:\n  up: {run: e, outputs: [o]}\n"

static void
names(const struct foreach_element *v, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s" STR_FMT, i ? " " : "", STR_ARG(v[i].name));
}

static void
elements_have_their_names_in_order(void **state)
{
	static const struct {
		const char *foreach, *names;
	} rows[] = {
		{ "{lr: [0.1, 1e-3, word]}", "a[lr=0.1] a[lr=0.001] a[lr=word]" },
		{ "{b: [1, 2], a: [x, y]}", "a[a=x,b=1] a[a=x,b=2] a[a=y,b=1] a[a=y,b=2]" },
		{ "{i: {range: [-1, 2]}}", "a[i=-1] a[i=0] a[i=1]" },
		{ "{i: {range: [3, 3]}}", "" },
		{ "{i: []}", "" },
		{ "{i: [], j: [1, 2]}", "" },
		{ "{l: \"${params.l}\"}", "a[l=x] a[l=y]" },
		{ "{l: {lines: lines.txt}}", "a[l=one] a[l=two]" },
		{ "{x: [1, 1, \"1\", 2]}", "a[x=1] a[x=2]" },
		{ "{x: [true, null, [1], {k: v}]}",
		  "a[x=true] a[x=null] a[x=%5B1%5D] a[x=%7B%22k%22%3A%22v%22%7D]" },
		{ "{x: [\"a b\", \"a/b\", \"a,b=c]\", \"%\", \"\"]}",
		  "a[x=a%20b] a[x=a%2Fb] a[x=a%2Cb%3Dc%5D] a[x=%25] a[x=]" },
		{ "{x: [\xc3\xa4]}", "a[x=\xc3\xa4]" },
	};
	const struct scratch *s = *state;

	scratch_write(s, "lines.txt", "one\n\n  two \none\n");
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct foreach_source from = { .root = s->fd };
		struct foreach_element *v;
		size_t n;
		AUTO_BUF text = { 0 };
		AUTO_BUF got = { 0 };
		AUTO_LOADED l;

		ROW(i, rows[i].foreach);
		buf_printf(&text, HEAD "  a: {run: e, foreach: %s}\n", rows[i].foreach);
		load_text(s, buf_str(&text), NULL, 0, &l);
		assert_loads(&l);
		assert_ok(foreach_expand(ir_step(&l.ir, STR("a")), &from, &l.arena, &v, &n, &l.e), &l.e);
		assert_non_null(v);
		names(v, n, &got);
		assert_str(buf_str(&got), rows[i].names);
	}
}

static void
long_values_are_cut_and_stay_apart(void **state)
{
	const struct foreach_source from = { .root = -1 };
	AUTO_BUF text = { 0 };
	AUTO_LOADED l;
	struct foreach_element *v;
	size_t n;

	buf_puts(&text, HEAD "  a: {run: e, foreach: {x: [");
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < 50; i++)
			buf_puts(&text, "\xc3\xa4"
					"b");
		buf_printf(&text, "%d, ", k);
	}
	buf_puts(&text, "]}}\n");
	load_text(*state, buf_str(&text), NULL, 0, &l);
	assert_loads(&l);
	assert_ok(foreach_expand(ir_step(&l.ir, STR("a")), &from, &l.arena, &v, &n, &l.e), &l.e);
	assert_int_equal(n, 2);
	assert_true(v[0].name.n < 70);
	assert_true(str_utf8(v[0].name));
	assert_false(str_eq(v[0].name, v[1].name));
}

static void
values_of_a_step_come_when_it_has_run(void **state)
{
	static const struct {
		const char *json, *names; /* names NULL: not known; "!": refused */
	} rows[] = {
		{ NULL, NULL }, { "[1, \"b\"]", "a[x=1] a[x=b]" }, { "[]", "" }, { " [ 1 ]\n", "a[x=1]" }, { "[", "!" },
		{ "[[1]]", "!" }, { "[{}]", "!" }, { "b\n\n c \nb\n", "a[x=b] a[x=c]" }, { "", "" }, { "\n", "" }, { "\xff\n", "!" },
	};
	AUTO_LOADED l;

	load_text(*state, STR(HEAD "  a: {run: e, foreach: {x: up.o}}\n"), NULL, 0, &l);
	assert_loads(&l);
	assert_true(foreach_dynamic(ir_step(&l.ir, STR("a"))));
	assert_false(foreach_dynamic(ir_step(&l.ir, STR("up"))));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct unfold_output up = { .step = STR("up"), .output = STR("o"), .text = str_z(rows[i].json ? rows[i].json : "") };
		const struct unfold known = { &up, rows[i].json ? 1 : 0 };
		const struct foreach_source from = { -1, &known };
		struct foreach_element *v;
		size_t n;
		AUTO_BUF got = { 0 };
		const int rc = foreach_expand(ir_step(&l.ir, STR("a")), &from, &l.arena, &v, &n, &l.e);

		ROW(i, rows[i].json ? rows[i].json : "unknown");
		if (rows[i].names && rows[i].names[0] == '!') {
			assert_fails(rc, &l.e, ERR_INPUT);
			continue;
		}
		assert_ok(rc, &l.e);
		assert_int_equal(v == NULL, rows[i].names == NULL);
		names(v, n, &got);
		assert_str(buf_str(&got), rows[i].names ? rows[i].names : "");
	}
}

static void
items_get_into_the_paths_of_inputs(void **state)
{
	const struct scratch *s = *state;
	const struct foreach_source from = { .root = s->fd };
	struct foreach_element *v;
	size_t n;
	AUTO_LOADED l;

	scratch_write(s, "d/a.txt", "");
	scratch_write(s, "d/b.txt", "");
	load_text(
		s,
		STR(HEAD "  a: {run: e, foreach: {x: [a, b]}, inputs: {i: \"d/${item.x}.txt\", j: up.o}}\n"),
		NULL, 0, &l);
	assert_loads(&l);
	const struct ir_step *step = ir_step(&l.ir, STR("a"));

	assert_ok(foreach_expand(step, &from, &l.arena, &v, &n, &l.e), &l.e);
	assert_int_equal(n, 2);
	assert_str(v[1].step->inputs[0].path, "d/b.txt");
	assert_int_equal(v[1].step->inputs[0].item_path.n, 0);
	assert_int_equal(v[1].step->inputs[1].kind, INPUT_STEP);
	assert_str(*foreach_item(&v[1].items, STR("x")), "b");
	assert_null(foreach_item(&v[1].items, STR("y")));
	assert_str(step->inputs[0].path, "d/${item.x}.txt");

	assert_ok(foreach_expand(ir_step(&l.ir, STR("up")), &from, &l.arena, &v, &n, &l.e), &l.e);
	assert_int_equal(n, 1);
	assert_str(v[0].name, "up");
	assert_ptr_equal(v[0].step, ir_step(&l.ir, STR("up")));
}

static void
a_missing_element_input_is_a_mistake(void **state)
{
	const struct scratch *s = *state;
	AUTO_LOADED l;

	scratch_write(s, "d/a.txt", "");
	load_text(s, STR(HEAD "  a: {run: e, foreach: {x: [a, b]}, inputs: {i: \"d/${item.x}.txt\"}}\n"),
		  NULL, 0, &l);
	assert_int_equal(l.rc, -1);
	assert_int_equal(l.diags.n, 1);
	assert_str(l.diags.v[0].code, "missing-file");
	assert_true(str_find(l.diags.v[0].message, STR("d/b.txt")) != SIZE_MAX);
}

static void
too_many_elements_are_a_mistake(void **state)
{
	static const char *const cases[] = { "{x: {range: [0, 2000000]}}",
					     "{x: {range: [0, 2000]}, y: {range: [0, 2000]}}" };

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_BUF text = { 0 };
		AUTO_LOADED l;

		buf_printf(&text, HEAD "  a: {run: e, foreach: %s}\n", cases[i]);
		load_text(*state, buf_str(&text), NULL, 0, &l);
		assert_int_equal(l.rc, -1);
		assert_str(l.diags.v[0].code, "bad-foreach");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(elements_have_their_names_in_order),
		SCRATCH_TEST(long_values_are_cut_and_stay_apart),
		SCRATCH_TEST(values_of_a_step_come_when_it_has_run),
		SCRATCH_TEST(items_get_into_the_paths_of_inputs),
		SCRATCH_TEST(a_missing_element_input_is_a_mistake),
		SCRATCH_TEST(too_many_elements_are_a_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
