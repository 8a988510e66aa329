/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "rules/code.h"
#include "rules/image_inside.h"
#include "rules/workspace.h"

static int
by_path(const void *a, const void *b)
{
	return str_cmp(((const struct image_file *)a)->path, ((const struct image_file *)b)->path);
}

static void
sort(struct image_files *f)
{
	size_t n = 0;
	if (f->n > 0)
		qsort(f->v, f->n, sizeof f->v[0], by_path);
	for (size_t i = 0; i < f->n; i++) {
		if (n == 0 || !str_eq(f->v[i].path, f->v[n - 1].path))
			f->v[n++] = f->v[i];
	}
	f->n = n;
}

/* A folder means all that is in it; bytecode and version control are left out by the pattern's own rules. */
struct str
image_include_pattern(struct project *p, struct str entry, struct arena *a)
{
	struct file_stat st;
	if (!path_has_glob(entry) && file_stat(p->fd, arena_z(a, entry), true, &st, NULL) == 0 && st.type == FILE_FOLDER)
		return str_is(entry, ".") ? STR("**/*") : arena_printf(a, STR_FMT "/**/*", STR_ARG(entry));
	return entry;
}

static int
look_at(struct project *p, const struct str *paths, size_t n, struct arena *a, struct image_file *out, struct err *e)
{
	struct workspace_item *items = arena_array(a, struct workspace_item, n + 1);
	if (workspace_look_files(p, paths, n, REPORT_SHARED, items, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		out[i] = (struct image_file){ arena_str(a, paths[i]), items[i].digest, items[i].size, items[i].type == OUTPUT_EXEC };
	return 0;
}

int
image_include_now(struct project *p, const struct ir_environment *env, struct arena *a, struct image_files *out, struct err *e)
{
	VEC(struct str) paths = { 0 };
	int bad = 0;
	for (size_t i = 0; i < env->include.n && bad == 0; i++) {
		struct str *found;
		size_t n;
		bad = path_glob(p->fd, image_include_pattern(p, env->include.v[i], a), a, &found, &n, e);
		for (size_t k = 0; bad == 0 && k < n; k++)
			VEC_PUSH(&paths, found[k]);
	}
	struct image_files f = { .v = arena_array(a, struct image_file, paths.n + 1), .n = paths.n };
	if (bad == 0)
		bad = look_at(p, paths.v, paths.n, a, f.v, e);
	VEC_DONE(&paths);
	if (bad < 0)
		return -1;
	sort(&f);
	*out = f;
	return 0;
}

void
image_include_of(const struct inputs *in, struct arena *a, struct image_files *out)
{
	const struct node *n = &in->graph->node[in->node.i];
	size_t count = 0;
	for (uint32_t i = 0; i < n->nin; i++) {
		const struct edge *x = &in->graph->edge[n->in + i];
		if (x->kind == EDGE_INPUT && strcmp(x->tag, "include") == 0 && in->of[i])
			count += in->of[i]->noutputs;
	}
	struct image_files f = { .v = arena_array(a, struct image_file, count + 1) };
	for (uint32_t i = 0; i < n->nin; i++) {
		const struct edge *x = &in->graph->edge[n->in + i];
		if (x->kind != EDGE_INPUT || strcmp(x->tag, "include") != 0 || !in->of[i])
			continue;
		for (size_t k = 0; k < in->of[i]->noutputs; k++) {
			const struct output *o = &in->of[i]->outputs[k];
			f.v[f.n++] = (struct image_file){ arena_str(a, o->path), o->digest, o->size, o->type == OUTPUT_EXEC };
		}
	}
	sort(&f);
	*out = f;
}

int
image_code_now(struct project *p, const struct ir_environment *env, struct arena *a, struct image_files *out, struct err *e)
{
	VEC(struct str) paths = { 0 };
	const struct ir_step *last = NULL;
	int bad = 0;
	for (uint32_t i = 0; i < p->graph.nnodes && bad == 0; i++) {
		if (p->graph.node[i].rule != &rule_step)
			continue;
		const struct step_data *s = p->graph.node[i].data;
		if (s->ir == last || !str_eq(s->ir->environment, env->of.n > 0 ? env->of : env->name))
			continue;
		last = s->ir; /* the elements of a mapped step stand beside each other and run the same code */
		struct str *found;
		size_t n;
		bad = code_files(p, s, a, &found, &n, e);
		for (size_t k = 0; bad == 0 && k < n; k++)
			VEC_PUSH(&paths, found[k]);
	}
	struct image_files f = { .v = arena_array(a, struct image_file, paths.n + 1), .n = paths.n };
	if (bad == 0)
		bad = look_at(p, paths.v, paths.n, a, f.v, e);
	VEC_DONE(&paths);
	if (bad < 0)
		return -1;
	sort(&f);
	*out = f;
	return 0;
}

struct digest
image_files_digest(const struct image_files *f)
{
	AUTO_BUF list = { 0 };
	for (size_t i = 0; i < f->n; i++) {
		buf_text(&list, f->v[i].path);
		buf_u8(&list, f->v[i].exec);
		buf_put(&list, (struct str){ (const char *)f->v[i].digest.b, sizeof f->v[i].digest.b });
	}
	return digest_of(buf_str(&list));
}
