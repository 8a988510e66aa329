/* SPDX-License-Identifier: Apache-2.0
 *
 * config: and files: nodes: what is behind an instruction, from what was before it. Both are computed each time; they look at nothing else.
 */
#include <string.h>

#include "rules/docker_inside.h"

const struct result *
docker_input(const struct inputs *in, const char *tag)
{
	const struct node *n = &in->graph->node[in->node.i];
	for (uint32_t i = 0; i < n->nin && in->of; i++) {
		const struct edge *x = &in->graph->edge[n->in + i];
		if (x->kind == EDGE_INPUT && strcmp(x->tag, tag) == 0)
			return in->of[i];
	}
	return NULL;
}

const struct result *
docker_input_named(const struct inputs *in, const char *tag, struct str name)
{
	const uint32_t at = graph_input(in->graph, in->node, str_z(tag), name);
	return at == UINT32_MAX || !in->of ? NULL : in->of[at - in->graph->node[in->node.i].in];
}

int
docker_input_js(const struct inputs *in, const char *tag, struct js **out, struct err *e)
{
	const struct result *r = docker_input(in, tag);
	if (!r)
		return err_set(e, ERR_BUG, "an instruction without what comes before it");
	return js_parse(r->info, "the record of an instruction", out, e);
}

int
docker_blame(const struct docker_env *d, struct place at, struct err *e)
{
	struct diags list = { 0 };
	AUTO_BUF text = { 0 };
	if (at.file.n == 0)
		return -1;
	diags_source(&list, d->file.text.file, d->file.text.text);
	diags_add(&list, SEVERITY_ERROR, at, "dockerfile", (struct str){ 0 }, "%s", e->text);
	diags_print(&list, false, &text);
	while (text.n > 0 && text.p[text.n - 1] == '\n')
		text.p[--text.n] = '\0';
	diags_done(&list);
	return err_set(e, e->code, "%s", buf_z(&text));
}

int
docker_fail(const struct docker_env *d, struct place at, enum err_code code, struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)err_vset(e, code, fmt, ap);
	va_end(ap);
	return docker_blame(d, at, e);
}

static struct str
kept(const struct js *v, struct arena *a)
{
	AUTO_BUF text = { 0 };
	js_write(v, &text);
	return arena_str(a, buf_str(&text));
}

/* ---- config ---- */

/* Outputs: "run", what a command sees; "folder", where it stands and as whom. */
static void
config_result(const struct js *state, struct arena *a, struct result *out)
{
	struct output *v = arena_array(a, struct output, 2);
	v[0] = (struct output){ .name = STR("folder"), .type = OUTPUT_VALUE, .digest = docker_state_folder_digest(state) };
	v[1] = (struct output){ .name = STR("run"), .type = OUTPUT_VALUE, .digest = docker_state_run_digest(state, a) };
	*out = (struct result){ .outputs = v, .noutputs = 2, .info = kept(state, a) };
	out->digest = digest_of(out->info);
}

static int
config_look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	const struct docker_node *n = docker_node_of(in);
	AUTO_JS before = NULL;
	struct place wrong;
	(void)ctx;
	if (docker_input_js(in, "config", &before, e) < 0)
		return -1;
	AUTO_JS state = n->in ? js_copy(before) : docker_state_of_stage(before);
	if (n->in && docker_state_apply(&n->d->file, n->stage, n->in, state, a, &wrong, e) < 0)
		return docker_blame(n->d, wrong, e);
	config_result(state, a, out);
	return 0;
}

const struct rule rule_docker_config = { .kind = "config", .schema = 1, .source = true, .look = config_look, .explain = docker_explain };

/* ---- files ---- */

static struct js *
layer_js(const struct parent_layer *l, struct str from)
{
	struct js *v = js_map();
	char text[DIGEST_TEXT + 1];
	digest_text(&l->digest, text);
	js_set(v, "digest", js_textz(text));
	digest_text(&l->diff_id, text);
	js_set(v, "diff_id", js_textz(text));
	js_set(v, "size", js_int((int64_t)l->size));
	js_set(v, "media", js_text(l->media));
	if (l->kind.n > 0)
		js_set(v, "kind", js_text(l->kind));
	if (l->name.n > 0)
		js_set(v, "name", js_text(l->name));
	if (from.n > 0)
		js_set(v, "from", js_text(from));
	return v;
}

static int
layers_of_parent(const struct inputs *in, struct arena *a, struct js *list, struct err *e)
{
	const struct result *r = docker_input(in, "parent");
	struct parent_info i;
	if (!r)
		return 0; /* scratch */
	if (parent_of_result(r, a, &i, e) < 0)
		return -1;
	const struct node *n = &in->graph->node[in->node.i];
	const struct str from = in->graph->node[in->graph->edge[n->in].from.i].name;
	for (size_t k = 0; k < i.nlayers; k++) {
		i.layers[k].kind = i.kind == PARENT_BOOTSTRAP ? STR("bootstrap") : STR("parent");
		i.layers[k].name = i.name;
		js_push(list, layer_js(&i.layers[k], from));
	}
	return 0;
}

/* "COPY two.txt /two.txt", short: how a layer is called. */
static struct str
title(const struct docker_instruction *in, struct arena *a)
{
	const struct str s = str_trim(str_drop(in->source, strlen(docker_kind_name(in->kind))));
	AUTO_BUF b = { 0 };
	for (size_t i = 0; i < s.n && b.n < 60; i++)
		buf_putc(&b, s.p[i] == '\t' ? ' ' : s.p[i]);
	while (b.n > 0 && b.n < s.n && ((unsigned char)b.p[b.n - 1] & 0x80)) /* never half a character */
		b.n--;
	if (b.n < s.n)
		buf_puts(&b, "...");
	return arena_str(a, buf_str(&b));
}

static struct str
lowered(enum docker_kind k, struct arena *a)
{
	char *z = arena_z(a, str_z(docker_kind_name(k)));
	for (char *p = z; *p; p++)
		*p = (char)(*p - 'A' + 'a');
	return str_z(z);
}

static int
own_layer(const struct docker_node *n, const struct inputs *in, struct arena *a, struct js *list, struct err *e)
{
	const struct result *r = docker_input(in, "layer");
	AUTO_JS info = NULL;
	if (!r)
		return err_set(e, ERR_BUG, "files without the layer on top");
	if (js_parse(r->info, "the record of a layer", &info, e) < 0)
		return -1;
	const struct output *o = result_output(r, STR("layer"));
	struct parent_layer l = { .kind = lowered(n->in->kind, a), .name = title(n->in, a), .media = js_str(js_get(info, "media")) };
	struct js *v;
	if (o) {
		l.digest = o->digest;
		l.size = o->size;
		if (!digest_parse(js_str(js_get(info, "diff_id")), false, &l.diff_id))
			return err_set(e, ERR_DAMAGED, "what is recorded of a layer is not understood");
		v = layer_js(&l, (struct str){ 0 });
	} else {
		v = js_set(js_map(), "none", js_bool(true));
	}
	js_push(list, js_set(v, "by", js_text(n->in->source)));
	return 0;
}

/* Files that are alike have one digest, however they were made. */
static struct digest
layers_digest(const struct js *list)
{
	AUTO_BUF b = { 0 };
	for (size_t i = 0; i < js_len(list); i++) {
		if (!js_get(js_at(list, i), "none"))
			buf_text(&b, js_str(js_get(js_at(list, i), "diff_id")));
	}
	return digest_of(buf_str(&b));
}

static int
files_look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	const struct docker_node *n = docker_node_of(in);
	AUTO_JS before = NULL;
	AUTO_JS doc = js_map();
	struct js *list = js_list();
	(void)ctx;
	js_set(doc, "layers", list);
	if (!n->in) {
		if (layers_of_parent(in, a, list, e) < 0)
			return -1;
	} else {
		if (docker_input_js(in, "files", &before, e) < 0)
			return -1;
		const struct js *old = js_get(before, "layers");
		for (size_t i = 0; i < js_len(old); i++)
			js_push(list, js_copy(js_at(old, i)));
		if (own_layer(n, in, a, list, e) < 0)
			return -1;
	}
	*out = (struct result){ .digest = layers_digest(list), .info = kept(doc, a) };
	/* What it is made of also counts where it is shown: a consumer of the whole sees another digest than of its "content". */
	struct output *v = arena_array(a, struct output, 1);
	v[0] = (struct output){ .name = STR("content"), .type = OUTPUT_VALUE, .digest = out->digest };
	out->outputs = v;
	out->noutputs = 1;
	out->digest = digest_of(out->info);
	return 0;
}

const struct rule rule_docker_files = { .kind = "files", .schema = 1, .source = true, .look = files_look, .explain = docker_explain };

/* ---- reading them ---- */

int
docker_layers_read(const struct result *files, struct arena *a, struct docker_layers *out, struct err *e)
{
	AUTO_JS doc = NULL;
	if (!files)
		return err_set(e, ERR_BUG, "an instruction without the files that it stands on");
	if (js_parse(files->info, "the record of files", &doc, e) < 0)
		return -1;
	const struct js *list = js_get(doc, "layers");
	const size_t n = js_len(list);
	struct docker_layers l = { .v = arena_array(a, struct parent_layer, n + 1), .from = arena_array(a, struct str, n + 1),
				   .none = arena_array(a, bool, n + 1), .by = arena_array(a, struct str, n + 1), .n = n };
	for (size_t i = 0; i < n; i++) {
		const struct js *v = js_at(list, i);
		l.none[i] = js_true(js_get(v, "none"));
		l.by[i] = arena_str(a, js_str(js_get(v, "by")));
		l.from[i] = arena_str(a, js_str(js_get(v, "from")));
		l.v[i].kind = arena_str(a, js_str(js_get(v, "kind")));
		l.v[i].name = arena_str(a, js_str(js_get(v, "name")));
		l.v[i].media = arena_str(a, js_str(js_get(v, "media")));
		l.v[i].size = (uint64_t)js_num(js_get(v, "size"));
		if (!l.none[i] && (!digest_parse(js_str(js_get(v, "digest")), false, &l.v[i].digest) ||
				   !digest_parse(js_str(js_get(v, "diff_id")), false, &l.v[i].diff_id)))
			return err_set(e, ERR_DAMAGED, "what is recorded of files is not understood");
	}
	*out = l;
	return 0;
}
