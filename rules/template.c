/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/template.h"

#include <string.h>

#include "base/vec.h"
#include "rules/foreach.h"
#include "sys/file.h"

static const struct {
	enum ir_piece_kind kind;
	const char *name;
} spaces[] = {
	{ PIECE_INPUT, "inputs" }, { PIECE_OUTPUT, "outputs" }, { PIECE_PARAM, "params" },
	{ PIECE_ENV, "env" },      { PIECE_ITEM, "item" },      { PIECE_RUN_DIR, "run" },
};

const char *
template_space(enum ir_piece_kind kind)
{
	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
		if (spaces[i].kind == kind)
			return spaces[i].name;
	return "";
}

/* The inside of ${...} as a piece. */
static int
read_reference(struct str inside, struct ir_piece *out, struct err *e)
{
	const struct str_cut c = str_cut(inside, '.');

	for (size_t i = 0; c.ok && c.tail.n && i < sizeof spaces / sizeof *spaces; i++) {
		if (!str_is(c.head, spaces[i].name))
			continue;
		if (spaces[i].kind == PIECE_RUN_DIR && !str_is(c.tail, "dir"))
			break;
		*out = (struct ir_piece){ spaces[i].kind, c.tail };
		return 0;
	}
	return err_set(e, ERR_INPUT,
		       "'${" STR_FMT
		       "}' is no substitution: there are ${inputs.N}, ${outputs.N}, ${params.N}, "
		       "${env.N}, ${item.N} and ${run.dir}; write '$${" STR_FMT "}' for the literal text",
		       STR_ARG(str_take(inside, 100)), STR_ARG(str_take(inside, 100)));
}

/* Where the next literal ends: at the next ${ or $${, or at the end. */
static size_t
find_dollar(struct str s, bool *escaped)
{
	for (size_t i = 0; i + 1 < s.n; i++) {
		if (s.p[i] != '$')
			continue;
		*escaped = s.p[i + 1] == '$' && i + 2 < s.n && s.p[i + 2] == '{';
		if (*escaped || s.p[i + 1] == '{')
			return i;
	}
	return SIZE_MAX;
}

struct pieces {
	VEC_FIELDS(struct ir_piece);
};

static int
cut(struct str rest, struct arena *a, struct pieces *pieces, struct err *e)
{
	AUTO_BUF text = { 0 };

	for (;;) {
		bool escaped;
		const size_t at = find_dollar(rest, &escaped);

		buf_put(&text, at == SIZE_MAX ? rest : str_take(rest, at));
		if (at != SIZE_MAX && escaped) {
			buf_puts(&text, "${");
			rest = str_drop(rest, at + 3);
			continue;
		}
		if (text.n)
			VEC_PUSH(pieces, ((struct ir_piece){ PIECE_TEXT, arena_str(a, buf_str(&text)) }));
		buf_reset(&text);
		if (at == SIZE_MAX)
			return 0;
		rest = str_drop(rest, at + 2);
		const size_t end = str_find_char(rest, '}');
		struct ir_piece piece;

		if (end == SIZE_MAX)
			return err_set(e, ERR_INPUT,
				       "'${" STR_FMT "' lacks its '}'; write '$${' for a literal '${'",
				       STR_ARG(str_take(rest, 40)));
		if (read_reference(str_take(rest, end), &piece, e) < 0)
			return -1;
		VEC_PUSH(pieces, piece);
		rest = str_drop(rest, end + 1);
	}
}

int
template_cut(struct str source, struct arena *a, struct ir_template *out, struct err *e)
{
	struct pieces pieces = { 0 };
	const struct str copy = arena_str(a, source);
	const int rc = cut(copy, a, &pieces, e);

	if (rc == 0) {
		*out = (struct ir_template){ .v = arena_array(a, struct ir_piece, pieces.n),
					     .n = pieces.n,
					     .source = copy };
		if (pieces.n)
			memcpy(out->v, pieces.v, pieces.n * sizeof *out->v);
	}
	VEC_DONE(&pieces);
	return rc;
}

struct ir_template
template_literal(struct str text, struct arena *a)
{
	struct ir_template t = { .source = arena_str(a, text) };

	if (text.n == 0)
		return t;
	t.v = arena_new(a, struct ir_piece);
	t.v[0] = (struct ir_piece){ PIECE_TEXT, t.source };
	t.n = 1;
	return t;
}

bool
template_is_literal(const struct ir_template *t)
{
	return t->n == 0 || (t->n == 1 && t->v[0].kind == PIECE_TEXT);
}

struct str
template_text(const struct ir_template *t)
{
	return t->n == 1 ? t->v[0].text : STR("");
}

bool
template_has(const struct ir_template *t, enum ir_piece_kind kind)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].kind == kind)
			return true;
	return false;
}

bool
template_names(const struct ir_template *t, enum ir_piece_kind kind, struct str name)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].kind == kind && str_eq(t->v[i].text, name))
			return true;
	return false;
}

int
template_render(const struct ir_template *t, template_value *value, void *ctx, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].kind == PIECE_TEXT)
			buf_put(out, t->v[i].text);
		else if (value(ctx, &t->v[i], out, e) < 0)
			return -1;
	}
	return 0;
}

struct path_values {
	const struct ir *ir;
	const struct ir_pairs *items;
};

static int
path_value(void *ctx, const struct ir_piece *p, struct buf *out, struct err *e)
{
	const struct path_values *v = ctx;

	if (p->kind == PIECE_ITEM) {
		const struct str *item = v->items ? foreach_item(v->items, p->text) : NULL;

		if (!item)
			return err_set(e, ERR_INPUT, "there is no '${item." STR_FMT "}' here",
				       STR_ARG(p->text));
		buf_put(out, *item);
		return 0;
	}
	const struct ir_param *param = p->kind == PIECE_PARAM && v->ir ? ir_param(v->ir, p->text) : NULL;

	if (!param)
		return err_set(e, ERR_INPUT, "'${%s." STR_FMT "}' cannot be part of a path",
			       template_space(p->kind), STR_ARG(p->text));
	buf_put(out, param->text);
	return 0;
}

int
template_path(const struct ir_template *t, const struct ir *ir, const struct ir_pairs *items, struct arena *a,
	      struct str *out, struct err *e)
{
	struct path_values v = { ir, items };
	AUTO_BUF b = { 0 };

	if (template_render(t, path_value, &v, &b, e) < 0)
		return -1;
	const struct str raw = buf_str(&b), clean = path_clean(a, raw);

	if (raw.n == 0)
		return err_set(e, ERR_INPUT, "the path is empty");
	if (str_find_char(raw, '\0') != SIZE_MAX || raw.n > 4000)
		return err_set(e, ERR_INPUT, "the path is too long or has a NUL byte");
	if (raw.p[0] == '/' || !path_inside(clean, STR(".")) || str_is(clean, ".."))
		return err_set(e, ERR_INPUT, "the path '" STR_FMT "' leaves the project",
			       STR_ARG(str_take(raw, 200)));
	*out = clean;
	return 0;
}
