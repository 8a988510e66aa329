/* SPDX-License-Identifier: Apache-2.0
 *
 * What made nodes of a Dockerfile have in common.
 */
#include <stdlib.h>
#include <string.h>

#include "cache/blobs.h"
#include "rules/docker_inside.h"
#include "rules/image_inside.h"
#include "rules/parent_inside.h"
#include "sys/loop.h"

static void
work(void *ctx)
{
	struct docker_work *w = ctx;
	w->bad = w->work(w, &w->err) < 0;
}

static void
ended(void *ctx)
{
	struct docker_work *w = ctx;
	struct task *t = w->task;
	t->attempts = 1;
	t->rule_data = NULL;
	result_sort(&w->result);
	t->done(t, w->bad ? NULL : &w->result, w->uncachable, w->bad ? &w->err : NULL);
	arena_done(&w->arena);
	free(w);
}

/* Of a Dockerfile that is made whole: the files of all of its COPYs as they were when the key was taken. Loop thread. */
static int
copied_of(struct docker_work *w)
{
	const struct inputs *in = &w->task->inputs;
	const struct node *self = &in->graph->node[in->node.i];
	w->copied = arena_array(&w->arena, const struct docker_selection *, self->nin + 1);
	for (uint32_t i = 0; i < self->nin; i++) {
		const struct node *n = &in->graph->node[in->graph->edge[self->in + i].from.i];
		const struct docker_node *copy = n->data;
		if (n->rule != &rule_docker_copy || copy->origin.kind != DOCKER_CONTEXT || !in->of[i])
			continue;
		if (docker_selected_was(copy, in->of[i], &w->copied[w->ncopied++], &w->err) < 0)
			return -1;
	}
	return 0;
}

/* Loop thread: files of the project as the plan saw them. */
static int
capture(struct docker_work *w, struct err *e)
{
	const struct docker_node *n = w->node;
	const struct task *t = w->task;
	const bool copies = n->copy.i != NODE_NONE.i && (n->origin.kind == DOCKER_CONTEXT || docker_origin_is_folder(n));
	if (copies && docker_selected_of(t, n->copy, docker_input(&t->inputs, "copy"), &w->selected, e) < 0)
		return -1;
	if (!n->mounts)
		return 0;
	w->mounts = arena_array(&w->arena, const struct docker_selection *, n->in->nmounts + 1);
	for (size_t i = 0; i < n->in->nmounts; i++) {
		const struct str name = arena_printf(&w->arena, "%zu", i);
		if (n->mounts[i].i != NODE_NONE.i &&
		    docker_selected_of(t, n->mounts[i], docker_input_named(&t->inputs, "copy", name), &w->mounts[i], e) < 0)
			return -1;
	}
	return 0;
}

void
docker_work_start(struct task *t, int (*what)(struct docker_work *w, struct err *e))
{
	struct docker_work *w = mem_zalloc(sizeof *w);
	w->task = t;
	w->project = t->ctx;
	w->node = docker_node_of(&t->inputs);
	w->work = what;
	t->rule_data = w;
	(void)image_state_of(w->project);
	if (w->project->watch.progress && w->node->in)
		w->project->watch.progress(w->project->watch.ctx, t->node, str_take(w->node->in->source, 120));
	if (capture(w, &w->err) < 0) {
		w->bad = true;
		ended(w);
		return;
	}
	if (w->node->d->node.i == t->node.i && w->node->d->whole && copied_of(w) < 0) {
		w->bad = true;
		ended(w);
		return;
	}
	loop_work(t->loop, work, ended, w);
}

void
docker_work_stop(struct task *t, bool hard)
{
	struct docker_work *w = t->rule_data;
	(void)hard;
	if (w)
		atomic_store(&w->stop, true);
}

enum usable
docker_usable(void *ctx, node_id n, const struct result *r)
{
	const struct project *p = ctx;
	(void)n;
	for (size_t i = 0; i < r->noutputs; i++) {
		if (r->outputs[i].type != OUTPUT_VALUE && !blobs_has(p->cache->blobs, &r->outputs[i].digest, NULL))
			return USABLE_EVICTED;
	}
	return USABLE_YES;
}

void
docker_explain(void *ctx, node_id id, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct project *p = ctx;
	const struct docker_node *n = p->graph.node[id.i].data;
	const struct key_field *f = c->b ? c->b : c->a;
	out->code = REASON_ENVIRONMENT;
	out->file = n->d->file.text.file;
	out->line = n->in ? n->in->at.line : n->stage ? n->stage->from->at.line : 0;
	const char *name = n->in ? docker_kind_name(n->in->kind) : "FROM";
	if (str_is(f->tag, "instruction"))
		out->text = arena_printf(a, STR_FMT ":%u the instruction %s changed", STR_ARG(out->file), out->line, name);
	else if (str_is(f->tag, "copy"))
		out->text = arena_printf(a, "what %s copies changed", name);
	else if (str_is(f->tag, "files") || str_is(f->tag, "origin"))
		out->text = arena_printf(a, "the files that %s starts from changed", name);
	else if (str_is(f->tag, "config"))
		out->text = arena_printf(a, "the variables, folder, user or shell of %s changed", name);
	else if (str_is(f->tag, "format"))
		out->text = STR("this version of pawl writes layers otherwise");
	else
		out->text = arena_printf(a, "%s: " STR_FMT " changed", name, STR_ARG(f->tag));
}

void
docker_layer_result(struct docker_work *w, const struct layer_info *i, struct result *out)
{
	if (!i) {
		*out = (struct result){ .digest = digest_of(STR("no layer")), .info = STR("{}") };
		return;
	}
	AUTO_JS info = js_map();
	AUTO_BUF text = { 0 };
	js_set(info, "diff_id", js_text(digest_str(&i->diff_id, &w->arena)));
	js_set(info, "media", js_text(i->media));
	js_write(info, &text);
	struct output *v = arena_array(&w->arena, struct output, 1);
	v[0] = (struct output){ .name = STR("layer"), .type = OUTPUT_FILE, .digest = i->digest, .size = i->size };
	*out = (struct result){ .digest = i->diff_id, .outputs = v, .noutputs = 1, .info = arena_str(&w->arena, buf_str(&text)) };
	image_note_made(w->project, (struct str){ 0 }, &i->digest);
}

/* ---- blobs of parents ---- */

static int
fetch(struct project *p, const struct docker_layers *l, size_t i, struct arena *a, struct err *e)
{
	const node_id n = graph_find(&p->graph, l->from[i]);
	if (n.i == NODE_NONE.i)
		return err_set(e, ERR_MISSING, "a layer of the Dockerfile is no longer in the cache; run again");
	const struct parent_data *d = p->graph.node[n.i].data;
	struct parent_info info = { .kind = d->env->parent.kind, .name = d->name, .platform = d->platform };
	struct parent_info locked;
	if (parent_locked(p, d->env, a, &locked))
		info = locked;
	/* All of that parent at once. */
	info.layers = arena_array(a, struct parent_layer, l->n + 1);
	info.nlayers = 0;
	for (size_t k = 0; k < l->n; k++) {
		if (!l->none[k] && str_eq(l->from[k], l->from[i]))
			info.layers[info.nlayers++] = l->v[k];
	}
	return parent_fetch(p, d->env, &info, e);
}

int
docker_layers_have(struct project *p, const struct docker_layers *l, struct arena *a, struct digest **out, size_t *n, struct err *e)
{
	struct digest *v = arena_array(a, struct digest, l->n + 1);
	size_t count = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (l->none[i])
			continue;
		if (!blobs_has(p->cache->blobs, &l->v[i].digest, NULL) && fetch(p, l, i, a, e) < 0)
			return -1;
		v[count++] = l->v[i].digest;
	}
	*out = v;
	*n = count;
	return 0;
}

void
docker_state_free(struct docker_state *s)
{
	if (!s)
		return;
	for (struct docker_selected *x = s->selected; x;) {
		struct docker_selected *older = x->older;
		arena_done(&x->arena);
		free(x);
		x = older;
	}
	for (struct docker_env *d = s->envs; d; d = d->next) {
		VEC_DONE(&d->identity);
		VEC_DONE(&d->uses);
	}
	pthread_mutex_destroy(&s->mu);
	arena_done(&s->arena);
	free(s);
}
