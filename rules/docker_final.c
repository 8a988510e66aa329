/* SPDX-License-Identifier: Apache-2.0
 *
 * dockerfile: nodes: the target's files and config as a parent.
 */
#include <string.h>

#include "backends/oci.h"
#include "rules/docker_inside.h"
#include "rules/parent_inside.h"

#define CREATED "2000-01-01T00:00:00Z" /* as all that we make */

/* ---- history ---- */

static bool
makes_layer(enum docker_kind k)
{
	return k == DOCKER_RUN || k == DOCKER_COPY || k == DOCKER_ADD || k == DOCKER_WORKDIR;
}

static void
history_line(struct js *list, struct str by, bool empty)
{
	struct js *v = js_map();
	js_set(v, "created", js_textz(CREATED));
	js_set(v, "created_by", js_text(by));
	if (empty)
		js_set(v, "empty_layer", js_bool(true));
	js_push(list, v);
}

/* What the parent says of its layers; one that says nothing, or not of all of them, gets a line for each. */
static struct js *
history_of_parent(const struct js *state, const struct docker_layers *l, size_t nparent)
{
	const struct js *old = js_get(state, "history");
	size_t layers = 0;
	for (size_t i = 0; i < js_len(old); i++)
		layers += !js_true(js_get(js_at(old, i), "empty_layer"));
	if (old && layers == nparent)
		return js_copy(old);
	struct js *list = js_list();
	for (size_t i = 0; i < nparent; i++)
		history_line(list, l->v[i].name, false);
	return list;
}

/* The stages from the one at the bottom to the target. */
static size_t
chain(const struct docker_file *f, struct arena *a, const struct docker_stage ***out)
{
	const struct docker_stage **v = arena_array(a, const struct docker_stage *, f->nstages + 1);
	size_t n = 0;
	for (const struct docker_stage *s = &f->stages[f->target];; s = &f->stages[s->base.stage]) {
		v[n++] = s;
		if (s->base.kind != DOCKER_STAGE)
			break;
	}
	for (size_t i = 0; i < n / 2; i++) {
		const struct docker_stage *x = v[i];
		v[i] = v[n - 1 - i];
		v[n - 1 - i] = x;
	}
	*out = v;
	return n;
}

static struct js *
history(struct docker_work *w, const struct js *state, const struct docker_layers *l)
{
	const struct docker_stage **v;
	const size_t n = chain(&w->node->d->file, &w->arena, &v);
	size_t at = 0;
	while (at < l->n && l->from[at].n > 0)
		at++;
	struct js *list = history_of_parent(state, l, at);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < v[i]->n; k++) {
			const struct docker_instruction *in = v[i]->v[k];
			const bool layer = makes_layer(in->kind) && at < l->n;
			history_line(list, in->source, !layer || l->none[at]);
			at += layer;
		}
	}
	return list;
}

/* ---- config ---- */

static void
rootfs(struct js *doc, const struct docker_layers *l)
{
	struct js *v = js_map(), *ids = js_list();
	for (size_t i = 0; i < l->n; i++) {
		char text[DIGEST_TEXT + 1];
		if (l->none[i])
			continue;
		digest_text(&l->v[i].diff_id, text);
		js_push(ids, js_textz(text));
	}
	js_set(v, "type", js_textz("layers"));
	js_set(doc, "rootfs", js_set(v, "diff_ids", ids));
}

static int
put_config(struct docker_work *w, const struct js *state, const struct docker_layers *l, struct js **out, struct parent_info *i, struct err *e)
{
	struct js *doc = js_map();
	AUTO_BUF text = { 0 };
	const struct str_cut os = str_cut(i->platform, '/'), arch = str_cut(os.tail, '/');
	js_set(doc, "created", js_textz(CREATED));
	js_set(doc, "os", js_text(os.head));
	js_set(doc, "architecture", js_text(arch.head));
	if (arch.tail.n > 0)
		js_set(doc, "variant", js_text(arch.tail));
	if (js_get(state, "author"))
		js_set(doc, "author", js_copy(js_get(state, "author")));
	js_set(doc, "config", js_copy(js_get(state, "config")));
	rootfs(doc, l);
	js_set(doc, "history", history(w, state, l));
	js_write(doc, &text);
	*out = doc;
	i->config_size = text.n;
	return blobs_put(w->project->cache->blobs, buf_str(&text), &i->config, e);
}

/* ---- the node ---- */

static int
make(struct docker_work *w, struct err *e)
{
	const struct docker_env *d = w->node->d;
	struct parent_info i = { .kind = PARENT_DOCKERFILE, .name = d->file.text.file, .platform = d->file.stages[d->file.target].platform };
	struct docker_layers l;
	AUTO_JS state = NULL;
	AUTO_JS config = NULL;
	if (docker_input_js(&w->task->inputs, "config", &state, e) < 0 ||
	    docker_layers_read(docker_input(&w->task->inputs, "files"), &w->arena, &l, e) < 0)
		return -1;
	i.layers = arena_array(&w->arena, struct parent_layer, l.n + 1);
	for (size_t k = 0; k < l.n; k++) {
		if (!l.none[k])
			i.layers[i.nlayers++] = l.v[k];
	}
	if (put_config(w, state, &l, &config, &i, e) < 0)
		return -1;
	if (docker_look(w, &l, config, &i, e) < 0)
		return -1;
	i.digest = i.config; /* which names all layers */
	parent_result(&i, &w->arena, &w->result);
	return 0;
}

static void
start(struct task *t)
{
	docker_work_start(t, make);
}

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct docker_node *n = docker_node_of(in);
	const struct docker_file *f = &n->d->file;
	const struct docker_stage **v;
	AUTO_BUF text = { 0 };
	(void)ctx;
	(void)e;
	const size_t count = chain(f, k->arena, &v);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < v[i]->n; j++)
			buf_text(&text, v[i]->v[j]->source);
	}
	const struct digest d = digest_of(buf_str(&text)); /* for the history */
	key_digest(k, "instruction", STR("all"), &d);
	key_num(k, "format", STR("config"), 1);
	docker_look_fields(n, k);
	key_text(k, "platform", STR(""), f->stages[f->target].platform);
	return 0;
}

static void
explain(void *ctx, node_id id, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct project *p = ctx;
	const struct docker_node *n = p->graph.node[id.i].data;
	(void)c;
	out->code = REASON_ENVIRONMENT;
	out->file = n->d->file.text.file;
	out->text = arena_printf(a, "what " STR_FMT " makes changed", STR_ARG(out->file));
}

const struct rule rule_dockerfile = { .kind = "dockerfile", .schema = 1, .fields = fields, .usable = docker_usable, .start = start,
				      .stop = docker_work_stop, .explain = explain };
