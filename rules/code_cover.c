/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "rules/code_state.h"
#include "sys/file.h"

struct texts {
	VEC_FIELDS(struct str);
};

static int
by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Sorted, each once, in the project's arena. */
static struct str *
settled(struct project *p, struct texts *t, size_t *n)
{
	struct str *v = arena_array(&p->arena, struct str, t->n);
	size_t put = 0;
	if (t->n)
		qsort(t->v, t->n, sizeof *t->v, by_bytes);
	for (size_t i = 0; i < t->n; i++)
		if (i == 0 || !str_eq(t->v[i - 1], t->v[i]))
			v[put++] = arena_str(&p->arena, t->v[i]);
	VEC_DONE(t);
	*n = put;
	return v;
}

static void
folder_above(struct texts *t, struct str path)
{
	for (struct str at = path; !str_is(at, "."); at = path_dir(at))
		VEC_PUSH(t, at);
	VEC_PUSH(t, STR("."));
}

static struct code_cover *
make(struct project *p, const struct code *c)
{
	struct code_cover *x = arena_new(&p->arena, struct code_cover);
	struct texts files = { 0 }, folders = { 0 };
	const struct closure *k = &c->closure;
	for (size_t i = 0; i < k->modules.n; i++) {
		const struct pymodule *m = &k->modules.v[i];
		if (m->kind == PYMOD_NAMESPACE)
			folder_above(&folders, m->folder);
		if (!m->file || m->file->is_text || !m->loaded)
			continue;
		VEC_PUSH(&files, m->file->path);
		folder_above(&folders, path_dir(m->file->path));
	}
	for (size_t i = 0; i < c->nfields; i++)
		if (c->fields[i].reach.file.n)
			VEC_PUSH(&files, c->fields[i].reach.file);
	for (size_t i = 0; i < k->nsearch; i++)
		folder_above(&folders, k->search[i]);
	x->files = settled(p, &files, &x->nfiles);
	x->folders = settled(p, &folders, &x->nfolders);
	return x;
}

static bool
among(const struct str *v, size_t n, struct str path)
{
	return n && bsearch(&path, v, n, sizeof *v, by_bytes);
}

const struct code_cover *
code_cover(struct project *p, const struct step_data *s)
{
	static const struct code_cover none = { 0 };
	struct code *c = code_of_step(p, s);
	if (!c || !c->found)
		return &none;
	if (!c->cover)
		c->cover = make(p, c);
	return c->cover;
}

bool
code_cover_file(const struct code_cover *c, struct str path)
{
	return among(c->files, c->nfiles, path);
}

bool
code_cover_folder(const struct code_cover *c, struct str path)
{
	return among(c->folders, c->nfolders, path);
}

const struct step_data *
code_maker(const struct project *p, struct str path)
{
	const struct code_state *s = p->code;
	for (struct str at = path; s && !str_is(at, ".") && !str_is(at, "/"); at = path_dir(at)) {
		const uint32_t i = map_get(&s->mades.by_path, at);
		if (i != MAP_NONE)
			return p->graph.node[s->mades.v.v[i].node.i].data;
	}
	return NULL;
}
