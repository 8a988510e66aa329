/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a step's command, as far as they are known before it runs.
 */
#include <string.h>

#include "rules/code_state.h"
#include "rules/template.h"
#include "sys/file.h"

#define MAX_SCRIPTS 200
#define MAX_SCRIPT (1u << 20) /* bytes */

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

/* PYTHONPATH=... in front of a command, or exported. */
static void
set_path(struct project *p, struct code *c, const struct commands *v)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct command *x = &v->v[i];
		const bool exports = x->n > 1 && str_is(x->v[0].text, "export");
		for (size_t k = 0; k < x->nset + (exports ? x->n : 0); k++) {
			const struct str_cut cut = str_cut(k < x->nset ? x->set[k].text : x->v[k - x->nset].text, '=');
			if (!cut.ok || !str_is(cut.head, "PYTHONPATH") || str_find_char(cut.tail, WORDS_HOLE) != SIZE_MAX)
				continue;
			c->search = c->search.n ? arena_printf(&p->arena, STR_FMT ":" STR_FMT, STR_ARG(cut.tail), STR_ARG(c->search)) : cut.tail;
		}
	}
}

/* What the first line calls the file: "sh", "python3"; empty: no script. */
static struct str
interpreter(struct str text, struct arena *a)
{
	if (!str_starts(text, STR("#!")))
		return STR("");
	struct str rest = str_trim(str_drop(str_take(text, str_find_char(text, '\n')), 2));
	struct str word = STR("");
	while (rest.n) {
		const struct str_cut cut = str_cut(rest, ' ');
		word = path_base(cut.head);
		rest = str_trim(cut.tail);
		if (word.n && !str_is(word, "env") && word.p[0] != '-' && str_find_char(word, '=') == SIZE_MAX)
			break;
	}
	return arena_str(a, word);
}

#define MERGE(a, to, from, field, count, type)                                                                    \
	do {                                                                                                      \
		type *merged = arena_array((a), type, (to)->count + (from)->count + 1);                           \
		if ((to)->count)                                                                                  \
			memcpy(merged, (to)->field, (to)->count * sizeof *merged);                                \
		if ((from)->count)                                                                                \
			memcpy(merged + (to)->count, (from)->field, (from)->count * sizeof *merged);              \
		(to)->field = merged;                                                                             \
		(to)->count += (from)->count;                                                                     \
	} while (0)

static void
merge(struct entries *to, const struct entries *from, struct arena *a)
{
	MERGE(a, to, from, v, n, struct entry);
	MERGE(a, to, from, programs, nprograms, struct str);
	MERGE(a, to, from, words, nwords, struct named);
	MERGE(a, to, from, scripts, nscripts, struct script);
}

/* A Python program is code, not a file of which every byte counts. */
static void
unname(struct entries *x, struct str path)
{
	size_t n = 0;
	for (size_t i = 0; i < x->nwords; i++)
		if (!str_eq(x->words[i].path, path))
			x->words[n++] = x->words[i];
	x->nwords = n;
}

/* One script: its commands are commands of the step. Its content counts by the word that names it. */
static void
read_script(struct project *p, struct code *c, const struct script *s)
{
	struct entries more;
	struct commands commands;
	AUTO_BUF text = { 0 };
	if (s->path.p[0] == '/' || str_starts(s->path, STR("..")) ||
	    file_read(p->fd, arena_z(&p->arena, s->path), MAX_SCRIPT, &text, NULL) < 0)
		return;
	const struct str shebang = interpreter(buf_str(&text), &p->arena);
	if (entry_is_python(shebang)) {
		const struct entry x = { .kind = ENTRY_FILE, .what = s->path, .folder = s->folder, .program = shebang };
		more = (struct entries){ .v = arena_new(&p->arena, struct entry), .n = 1 };
		more.v[0] = x;
		unname(&c->entries, s->path);
	} else if (s->sure || str_ends(shebang, STR("sh")) || str_ends(s->path, STR(".sh"))) {
		words_scan(arena_str(&p->arena, buf_str(&text)), &p->arena, &commands);
		entries_of(&commands, true, s->folder, &p->arena, &more);
		set_path(p, c, &commands);
	} else {
		return;
	}
	merge(&c->entries, &more, &p->arena);
}

static void
read_scripts(struct project *p, struct code *c)
{
	for (size_t i = 0; i < c->entries.nscripts && i < MAX_SCRIPTS; i++) {
		const struct script s = c->entries.scripts[i];
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again = again || (str_eq(c->entries.scripts[k].path, s.path) && str_eq(c->entries.scripts[k].folder, s.folder));
		if (!again && s.path.n)
			read_script(p, c, &s);
	}
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
	entries_of(&commands, ir->shell, STR("."), &p->arena, &c->entries);
	c->search = python_path(&r, &p->arena);
	set_path(p, c, &commands);
	if (c->entries.nscripts)
		read_scripts(p, c);
	return 0;
}
