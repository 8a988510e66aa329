/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/code_list.h"

#include <stdlib.h>
#include <string.h>

#include "rules/code_state.h"
#include "sys/file.h"

#define MAX_OTHERS 5000 /* files of the project that nothing imports */

struct list {
	VEC_FIELDS(struct code_item);
	struct arena *arena;
	const struct closure *c;
};

static const char *
kind_of(const struct pyunit *u)
{
	switch (u->kind) {
	case PY_DEF:
		return "def";
	case PY_CLASS:
		return "class";
	case PY_ASSIGN:
		return "assign";
	case PY_IMPORT:
		return "import";
	case PY_EFFECT:
		return "statement";
	case PY_MAIN:
		return "main";
	}
	return "statement";
}

static struct str
path_of(const struct pymodule *m)
{
	return m->file->is_text ? STR("") : m->file->path;
}

/* Why a module is there at all. */
static struct str
module_reason(const struct list *l, const struct pymodule *m)
{
	struct code_item x = { 0 };
	AUTO_BUF b = { 0 };
	closure_path(l->c, m, l->arena, &x.from, &x.via);
	if (!x.from.n)
		buf_puts(&b, m->file->is_text ? "it is the text of the command" : "the command names it");
	else if (x.via.n)
		buf_printf(&b, "reached from " STR_FMT " via " STR_FMT, STR_ARG(x.from), STR_ARG(x.via));
	else
		buf_printf(&b, "imported by " STR_FMT, STR_ARG(x.from));
	if (m->kind == PYMOD_EXTENSION)
		buf_puts(&b, "; compiled: its content counts");
	else if (l->c->cut)
		buf_puts(&b, "; too many modules: its content counts");
	else if (!m->file->facts || !m->reached)
		buf_puts(&b, "; not read: its content counts");
	else if (m->file->facts->broken)
		buf_printf(&b, "; no Python (line %u): its content counts", m->file->facts->error_line);
	else if (l->c->source)
		buf_puts(&b, "; source is read at run time: its content counts");
	else if (m->wide)
		buf_printf(&b, "; whole, for %s", m->why_wide ? m->why_wide : "it is used as a value");
	return arena_str(l->arena, buf_str(&b));
}

static struct str
unit_reason(const struct list *l, const struct pymodule *m, size_t i)
{
	const struct pyunit *u = &m->file->facts->units[i];
	if (u->kind == PY_MAIN)
		return m->reached[i] ? STR("it is run as a program") : STR("it is not run as a program");
	if (!m->reached[i])
		return STR("nothing that counts names it");
	const struct pycause by = m->cause[i];
	if (by.module == UINT32_MAX)
		return u->always ? STR("the import runs it, and it may have an effect") : STR("the whole module counts");
	const struct pymodule *x = &l->c->modules.v[by.module];
	const struct pyunit *v = &x->file->facts->units[by.unit];
	return arena_printf(l->arena, "named by " STR_FMT ":%u" "%s" STR_FMT "%s", STR_ARG(x->file->is_text ? STR("the command") : x->file->path), v->line,
			    v->name.n && v->kind != PY_MAIN ? " " : "", STR_ARG(v->kind == PY_MAIN ? STR("") : v->name), v->kind == PY_DEF ? "()" : "");
}

static void
add_module(struct list *l, const struct pymodule *m)
{
	struct code_item x = { .in = true, .kind = "module", .file = path_of(m), .reason = module_reason(l, m) };
	const struct pyfacts *f = m->file->facts;
	closure_path(l->c, m, l->arena, &x.from, &x.via);
	VEC_PUSH(l, x);
	if (m->kind == PYMOD_EXTENSION || l->c->cut || l->c->source || !f || f->broken || !m->reached)
		return;
	for (size_t i = 0; i < f->nunits; i++) {
		const struct pyunit *u = &f->units[i];
		if (u->kind == PY_IMPORT)
			continue;
		const struct code_item d = { .in = m->reached[i], .kind = kind_of(u), .file = x.file, .line = u->line,
					     .name = u->kind == PY_MAIN ? STR("") : u->name, .reason = unit_reason(l, m, i) };
		VEC_PUSH(l, d);
	}
}

static bool
listed(const struct list *l, struct str path)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].line == 0 && str_eq(l->v[i].file, path))
			return true;
	return false;
}

/* Python files of the project that no import leads to. */
static void
add_others(struct list *l, struct project *p)
{
	struct str *v;
	size_t n;
	if (path_glob(p->fd, STR("**/*.py"), l->arena, &v, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n && i < MAX_OTHERS; i++) {
		const struct code_item x = { .kind = "module", .file = v[i], .reason = STR("nothing that counts imports it") };
		if (!listed(l, v[i]) && str_find(v[i], STR("site-packages/")) == SIZE_MAX)
			VEC_PUSH(l, x);
	}
}

static int
compare(const void *a, const void *b)
{
	const struct code_item *x = a, *y = b;
	const bool px = str_is(str_z(x->kind), "package"), py = str_is(str_z(y->kind), "package");
	if (px != py)
		return px ? 1 : -1;
	const int order = str_cmp(x->file, y->file);
	if (order)
		return order;
	return x->line != y->line ? (x->line < y->line ? -1 : 1) : str_cmp(x->name, y->name);
}

int
code_list(struct project *p, struct str name, struct arena *a, struct code_item **out, size_t *n, struct err *e)
{
	struct code *c = p->code ? code_of(code_state(p), name) : NULL;
	for (size_t i = 0; !c && p->code && i < p->code->v.n; i++) {
		const struct str other = p->code->v.v[i]->name;
		if (str_starts(other, name) && other.n > name.n && other.p[name.n] == '[')
			return err_set(e, ERR_INPUT, "the elements of '" STR_FMT "' have code of their own; did you mean 'code:" STR_FMT "'?", STR_ARG(name),
				       STR_ARG(other));
	}
	if (!c)
		return err_set(e, ERR_INPUT, "there is no code of a step '" STR_FMT "'; expected code:STEP with a step of the pipeline", STR_ARG(name));
	if (!c->found && code_find(p, c, e) < 0)
		return -1;
	struct list l = { .arena = a, .c = &c->closure };
	for (size_t i = 0; i < c->closure.modules.n; i++)
		if (c->closure.modules.v[i].loaded && c->closure.modules.v[i].file)
			add_module(&l, &c->closure.modules.v[i]);
	for (size_t i = 0; i < c->nfields; i++) {
		const struct code_item x = { .in = true, .kind = "file", .file = arena_str(a, c->fields[i].reach.file),
					     .reason = STR("the command, `code:` or the code names it: its content counts") };
		if (c->fields[i].content && !listed(&l, x.file))
			VEC_PUSH(&l, x);
	}
	add_others(&l, p);
	for (size_t i = 0; i < c->closure.packages.n; i++) {
		const struct code_item x = { .in = true, .kind = "package", .name = c->closure.packages.v[i],
					     .reason = STR("imported: its distribution counts, and what that requires") };
		VEC_PUSH(&l, x);
	}
	if (l.n)
		qsort(l.v, l.n, sizeof *l.v, compare);
	*out = arena_array(a, struct code_item, l.n + 1);
	if (l.n)
		memcpy(*out, l.v, l.n * sizeof *l.v);
	*n = l.n;
	VEC_DONE(&l);
	return 0;
}
