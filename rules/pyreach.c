/* SPDX-License-Identifier: Apache-2.0
 *
 * What a finished closure comes to: names and hashes, for rules/pyclosure.h.
 */
#include <stdlib.h>

#include "rules/pyclosure.h"

struct list {
	VEC_FIELDS(struct pyreach);
};

static struct str
content_hash(const struct pyfile *x, struct arena *a)
{
	return digest_str(&x->content.digest, a);
}

static struct str
unit_hash(const struct closure *c, const struct pyunit *u)
{
	return c->docs ? u->full : u->hash;
}

/* The statements of a module that are not definitions, in order; where there are effects, the places of definitions among them. */
static struct str
statements(const struct closure *c, const struct pymodule *m, struct arena *a)
{
	const struct pyfacts *f = m->file->facts;
	AUTO_BUF b = { 0 };
	bool effects = false;
	for (size_t i = 0; i < f->nunits; i++)
		effects = effects || (m->reached[i] && (f->units[i].kind == PY_EFFECT || f->units[i].kind == PY_MAIN));
	if (c->docs)
		buf_text(&b, f->doc);
	for (size_t i = 0; i < f->nunits; i++) {
		const struct pyunit *u = &f->units[i];
		if (!m->reached[i])
			continue;
		if (u->kind == PY_EFFECT || u->kind == PY_MAIN || u->kind == PY_IMPORT)
			buf_text(&b, unit_hash(c, u));
		else if (effects)
			buf_text(&b, u->name);
	}
	const struct digest d = digest_of(buf_str(&b));
	return b.n ? digest_str(&d, a) : STR("none");
}

void
closure_path(const struct closure *c, const struct pymodule *m, struct arena *a, struct str *from, struct str *via)
{
	*from = *via = STR("");
	for (int hop = 0; hop < 30 && m->from != UINT32_MAX && &c->modules.v[m->from] != m; hop++) {
		const struct pymodule *by = &c->modules.v[m->from];
		if (by->file && m->line) {
			if (from->n)
				*via = via->n ? arena_printf(a, STR_FMT ", " STR_FMT, STR_ARG(*from), STR_ARG(*via)) : *from;
			*from = arena_printf(a, STR_FMT ":%u", STR_ARG(by->file->is_text ? STR("the command") : by->file->path), m->line);
		}
		m = by;
	}
}

/* Names that an import asks for and nobody uses: that they are there counts, what they are does not. */
static void
asked_names(const struct closure *c, const struct pymodule *m, struct arena *a, struct list *out)
{
	const struct pyfacts *f = m->file->facts;
	for (size_t i = 0; i < f->nimports; i++) {
		if (!m->target[i])
			continue;
		const struct pymodule *t = &c->modules.v[m->target[i] - 1];
		if (!t->file || !t->file->facts || !t->reached)
			continue;
		const struct pybind *b = pyfacts_find(t->file->facts, f->imports[i].name);
		bool used = false;
		for (size_t k = 0; b && k < b->n; k++)
			used = used || b->v[k].kind != PY_UNIT || t->reached[b->v[k].n];
		if (used)
			continue;
		const struct pyreach r = { .name = arena_printf(a, STR_FMT ":" STR_FMT " (there)", STR_ARG(t->file->path), STR_ARG(f->imports[i].name)),
					   .hash = b ? STR("yes") : STR("no"), .file = t->file->path, .there = true,
					   .from = arena_printf(a, STR_FMT ":%u", STR_ARG(m->file->path), f->imports[i].line) };
		VEC_PUSH(out, r);
	}
}

static void
of_module(const struct closure *c, const struct pymodule *m, struct arena *a, struct list *out)
{
	const struct pyfile *x = m->file;
	struct pyreach r = { .name = x->path, .file = x->is_text ? STR("") : x->path, .kind = PY_EFFECT };
	closure_path(c, m, a, &r.from, &r.via);
	if (m->kind == PYMOD_EXTENSION || !x->facts || x->facts->broken || c->source || c->cut || !m->reached) {
		r.hash = content_hash(x, a);
		r.line = x->facts ? x->facts->error_line : 0;
		VEC_PUSH(out, r);
		return;
	}
	r.hash = statements(c, m, a);
	VEC_PUSH(out, r);
	asked_names(c, m, a, out);
	for (size_t i = 0; i < x->facts->nunits; i++) {
		const struct pyunit *u = &x->facts->units[i];
		if (!m->reached[i] || u->kind == PY_EFFECT || u->kind == PY_MAIN || u->kind == PY_IMPORT)
			continue;
		const struct pyreach d = { .name = arena_printf(a, STR_FMT ":" STR_FMT, STR_ARG(x->path), STR_ARG(u->name)),
					   .hash = unit_hash(c, u), .file = r.file, .line = u->line, .kind = u->kind, .from = r.from, .via = r.via };
		VEC_PUSH(out, d);
	}
}

static int
compare(const void *a, const void *b)
{
	const struct pyreach *x = a, *y = b;
	const int order = str_cmp(x->name, y->name);
	return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

void
closure_result(struct closure *c, struct arena *a, struct pyreach **out, size_t *n)
{
	struct list all = { 0 };
	for (size_t i = 0; i < c->modules.n; i++)
		if (c->modules.v[i].loaded && c->modules.v[i].file)
			of_module(c, &c->modules.v[i], a, &all);
	if (all.n)
		qsort(all.v, all.n, sizeof *all.v, compare);
	*out = arena_array(a, struct pyreach, all.n + 1);
	*n = 0;
	for (size_t i = 0; i < all.n; i++) { /* a name that is defined twice is one, by both */
		struct pyreach *last = *n ? &(*out)[*n - 1] : NULL;
		if (last && last->there && str_eq(last->name, all.v[i].name))
			continue;
		if (last && str_eq(last->name, all.v[i].name))
			last->hash = arena_printf(a, STR_FMT " " STR_FMT, STR_ARG(last->hash), STR_ARG(all.v[i].hash));
		else
			(*out)[(*n)++] = all.v[i];
	}
	VEC_DONE(&all);
}
