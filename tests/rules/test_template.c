/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/ir_json.h"
#include "rules/template.h"
#include "tests/unit.h"

/* Pieces spelt for comparing: literals in <>, references as space.name. */
static void
spell(const struct ir_template *t, struct buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].kind == PIECE_TEXT)
			buf_printf(out, "<" STR_FMT ">", STR_ARG(t->v[i].text));
		else
			buf_printf(out, "%s." STR_FMT ";", template_space(t->v[i].kind),
				   STR_ARG(t->v[i].text));
	}
}

static void
texts_are_cut_into_pieces(void **state)
{
	static const struct {
		const char *text, *pieces;
	} rows[] = {
		{ "", "" },
		{ "plain", "<plain>" },
		{ "${inputs.a}", "inputs.a;" },
		{ "x ${outputs.b}${params.c} y", "<x >outputs.b;params.c;< y>" },
		{ "${env.A} ${item.i} ${run.dir}", "env.A;< >item.i;< >run.dir;" },
		{ "$${x}", "<${x}>" },
		{ "$${params.x}", "<${params.x}>" },
		{ "$$${params.x}", "<$${params.x}>" },
		{ "a$${b}${params.c}$${d}", "<a${b}>params.c;<${d}>" },
		{ "$ $$ $a $(b) ${params.c}$", "<$ $$ $a $(b) >params.c;<$>" },
		{ "$", "<$>" },
		{ "$$", "<$$>" },
		{ "}{", "<}{>" },
		{ "${inputs.a.b}", "inputs.a.b;" },
		{ "\xc3\xa4${params.x}\xc3\xb6", "<\xc3\xa4>params.x;<\xc3\xb6>" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct ir_template t;
		struct err e;
		AUTO_BUF b = { 0 };

		ROW(i, rows[i].text);
		assert_ok(template_cut(str_z(rows[i].text), &a, &t, &e), &e);
		spell(&t, &b);
		assert_str(buf_str(&b), rows[i].pieces);
		assert_str(t.source, rows[i].text);
		assert_str(ir_template_source(&t, &a), rows[i].text);
		arena_done(&a);
	}
}

static void
other_references_are_mistakes(void **state)
{
	static const char *const texts[] = { "${",         "${x",          "${}",         "${x}",
					     "${HOME}",    "${inputs}",    "${inputs.}",  "${run.x}",
					     "${run.}",    "${param.x}",   "${Inputs.x}", "a ${x:-y}",
					     "${x%%.*} b", "${ inputs.x}", "$$$${",       "${inputs.a" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct arena a = { 0 };
		struct ir_template t = { .n = 77 };
		struct err e;

		ROW(i, texts[i]);
		if (strcmp(texts[i], "$$$${") == 0) { /* "$$" and an escape: nothing to close */
			assert_ok(template_cut(str_z(texts[i]), &a, &t, &e), &e);
		} else {
			assert_fails(template_cut(str_z(texts[i]), &a, &t, &e), &e, ERR_INPUT);
			assert_int_equal(t.n, 77);
		}
		arena_done(&a);
	}
}

static int
bracket(void *ctx, const struct ir_piece *p, struct buf *out, struct err *e)
{
	(void)ctx;
	if (str_is(p->text, "bad"))
		return err_set(e, ERR_INPUT, "bad");
	buf_printf(out, "[" STR_FMT "]", STR_ARG(p->text));
	return 0;
}

static void
values_are_put_in_once(void **state)
{
	struct arena a = { 0 };
	struct ir_template t;
	struct err e;
	AUTO_BUF b = { 0 };

	(void)state;
	assert_ok(template_cut(STR("a ${params.x} $${params.x} ${inputs.y}"), &a, &t, &e), &e);
	assert_ok(template_render(&t, bracket, NULL, &b, &e), &e);
	assert_str(buf_str(&b), "a [x] ${params.x} [y]");
	assert_true(template_names(&t, PIECE_PARAM, STR("x")));
	assert_false(template_names(&t, PIECE_PARAM, STR("y")));
	assert_true(template_has(&t, PIECE_INPUT));
	assert_false(template_has(&t, PIECE_ENV));
	assert_false(template_is_literal(&t));
	assert_ok(template_cut(STR("${params.bad}"), &a, &t, &e), &e);
	assert_fails(template_render(&t, bracket, NULL, &b, &e), &e, ERR_INPUT);
	arena_done(&a);
}

static void
paths_stay_inside_the_project(void **state)
{
	static const struct {
		const char *text, *item, *path; /* NULL: refused */
	} rows[] = {
		{ "out/${item.i}.txt", "a", "out/a.txt" },
		{ "${item.i}", "a/../b", "b" },
		{ "${item.i}", "../b", NULL },
		{ "${item.i}", "/b", NULL },
		{ "${item.i}", "", NULL },
		{ "x/${item.i}", "..", "." },
		{ "x/${item.i}", "../..", NULL },
		{ "${params.p}/x", "", "value/x" },
		{ "${item.other}", "", NULL },
		{ "${inputs.i}", "", NULL },
		{ "./a//b/${item.i}", "$(x)", "a/b/$(x)" },
	};
	struct ir_param param = { .name = STR("p"), .text = STR("value") };
	const struct ir ir = { .params = &param, .nparams = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct ir_template t;
		struct err e;
		struct str path;
		struct ir_pair item = { STR("i"), str_z(rows[i].item) };
		const struct ir_pairs items = { &item, 1 };

		ROW(i, rows[i].text);
		assert_ok(template_cut(str_z(rows[i].text), &a, &t, &e), &e);
		if (rows[i].path) {
			assert_ok(template_path(&t, &ir, &items, &a, &path, &e), &e);
			assert_str(path, rows[i].path);
		} else {
			assert_fails(template_path(&t, &ir, &items, &a, &path, &e), &e, ERR_INPUT);
		}
		arena_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_cut_into_pieces),
		cmocka_unit_test(other_references_are_mistakes),
		cmocka_unit_test(values_are_put_in_once),
		cmocka_unit_test(paths_stay_inside_the_project),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
