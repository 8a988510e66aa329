/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a step's command, as far as they are known before it runs.
 */
#include "rules/code_state.h"
#include "rules/template.h"

struct rendering {
	const struct project *p;
	const struct step_data *s;
	bool shell;
};

static void
put(struct buf *b, struct str text, bool quoted)
{
	if (!quoted) {
		buf_put(b, text);
		return;
	}
	buf_putc(b, '\'');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\'')
			buf_puts(b, "'\\''");
		else
			buf_putc(b, text.p[i]);
	}
	buf_putc(b, '\'');
}

static bool known(const struct rendering *r, const struct ir_piece *piece, struct arena *a, struct str *out);

/* The value of a variable of the step, when it is made of what is known; variables do not name each other. */
static bool
variable(const struct rendering *r, struct str name, struct arena *a, struct str *out)
{
	for (size_t i = 0; i < r->s->ir->env.n; i++) {
		const struct ir_template *t = &r->s->ir->env.t[i];
		if (!str_eq(r->s->ir->env.v[i].name, name))
			continue;
		AUTO_BUF b = { 0 };
		for (size_t k = 0; k < t->n; k++) {
			struct str v = t->v[k].text;
			if (t->v[k].kind == PIECE_ENV || (t->v[k].kind != PIECE_TEXT && !known(r, &t->v[k], a, &v)))
				return false;
			buf_put(&b, v);
		}
		*out = arena_str(a, buf_str(&b));
		return true;
	}
	return false;
}

static bool
known(const struct rendering *r, const struct ir_piece *piece, struct arena *a, struct str *out)
{
	const struct ir_param *param;
	switch (piece->kind) {
	case PIECE_TEXT:
		*out = piece->text;
		return true;
	case PIECE_PARAM:
		param = ir_param(&r->p->ir, piece->text);
		if (param)
			*out = param->text;
		return param != NULL;
	case PIECE_ITEM:
		for (size_t i = 0; i < r->s->items.n; i++)
			if (str_eq(r->s->items.v[i].name, piece->text)) {
				*out = r->s->items.v[i].value;
				return true;
			}
		return false;
	case PIECE_ENV:
		return variable(r, piece->text, a, out);
	case PIECE_INPUT:
	case PIECE_OUTPUT:
	case PIECE_RUN_DIR:
		return false;
	}
	return false;
}

static struct str
render(const struct rendering *r, const struct ir_template *t, struct arena *a)
{
	AUTO_BUF b = { 0 };
	for (size_t i = 0; i < t->n; i++) {
		struct str v;
		if (t->v[i].kind == PIECE_TEXT)
			buf_put(&b, t->v[i].text);
		else if (known(r, &t->v[i], a, &v))
			put(&b, v, r->shell);
		else
			buf_putc(&b, WORDS_HOLE);
	}
	return arena_str(a, buf_str(&b));
}

static struct str
python_path(const struct rendering *r, struct arena *a)
{
	const struct ir_step *ir = r->s->ir;
	struct str v;
	if (variable(r, STR("PYTHONPATH"), a, &v))
		return v;
	for (size_t i = 0; i < ir->pass_env.n; i++)
		if (str_is(ir->pass_env.v[i], "PYTHONPATH"))
			return str_z(project_env(r->p, STR("PYTHONPATH")));
	const struct ir_environment *env = ir->environment.n ? ir_environment(&r->p->ir, ir->environment) : NULL;
	for (size_t i = 0; env && i < env->env.n; i++)
		if (str_is(env->env.v[i].name, "PYTHONPATH"))
			return env->env.v[i].value;
	return (struct str){ 0 };
}

int
code_read(struct project *p, struct code *c, struct err *e)
{
	const struct ir_step *ir = c->step->ir;
	const struct rendering r = { .p = p, .s = c->step, .shell = ir->shell };
	struct commands commands;
	(void)e;
	if (ir->shell) {
		words_scan(ir->nwords ? render(&r, &ir->words[0], &p->arena) : (struct str){ 0 }, &p->arena, &commands);
	} else {
		struct str *v = arena_array(&p->arena, struct str, ir->nwords + 1);
		for (size_t i = 0; i < ir->nwords; i++)
			v[i] = render(&r, &ir->words[i], &p->arena);
		words_list(v, ir->nwords, &p->arena, &commands);
	}
	entries_of(&commands, ir->shell, &p->arena, &c->entries);
	c->search = python_path(&r, &p->arena);
	for (size_t i = 0; i < commands.n; i++)
		for (size_t k = 0; k < commands.v[i].nset; k++) {
			const struct str_cut cut = str_cut(commands.v[i].set[k].text, '=');
			if (str_is(cut.head, "PYTHONPATH") && commands.v[i].set[k].text.n)
				c->search = c->search.n ? arena_printf(&p->arena, STR_FMT ":" STR_FMT, STR_ARG(cut.tail), STR_ARG(c->search)) : cut.tail;
		}
	return 0;
}
