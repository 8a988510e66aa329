/* SPDX-License-Identifier: Apache-2.0
 *
 * from: nodes: the config that a stage begins with. Made, since a parent's config may have to be fetched first.
 */
#include "rules/docker_inside.h"

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	(void)ctx;
	(void)e;
	const struct docker_node *n = docker_node_of(in);
	key_num(k, "format", STR("state"), 1);
	for (size_t i = 0; i < n->triggers.n; i++)
		key_text(k, "trigger", arena_printf(k->arena, "%04zu", i), n->triggers.v[i]);
	return 0;
}

/* A bootstrapped root has no config: what every shell expects. */
static struct js *
bare_config(void)
{
	struct js *env = js_list(), *config = js_map(), *doc = js_map();
	js_push(env, js_textz("PATH=" DOCKER_PATH));
	js_set(config, "Env", env);
	return js_set(doc, "config", config);
}

static int
image_doc(struct docker_work *w, struct js **out, struct err *e)
{
	const struct result *r = docker_input(&w->task->inputs, "parent");
	struct parent_info i;
	AUTO_BUF text = { 0 };
	*out = NULL;
	if (!r)
		return 0; /* scratch */
	if (parent_of_result(r, &w->arena, &i, e) < 0)
		return -1;
	if (i.kind == PARENT_SCRATCH)
		return 0;
	if (digest_is_zero(&i.config)) {
		*out = bare_config();
		return 0;
	}
	if (parent_config(w->project, w->node->parent, &i, &text, e) < 0)
		return -1;
	return js_parse(buf_str(&text), "the parent's config", out, e);
}

static int
make(struct docker_work *w, struct err *e)
{
	AUTO_JS doc = NULL;
	AUTO_BUF text = { 0 };
	if (image_doc(w, &doc, e) < 0)
		return docker_blame(w->node->d, w->node->stage->from->words[0].at, e);
	const struct js *triggers = js_get(js_get(doc, "config"), "OnBuild");
	bool known = js_len(triggers) == w->node->triggers.n;
	for (size_t i = 0; known && i < w->node->triggers.n; i++)
		known = str_eq(js_str(js_at(triggers, i)), w->node->triggers.v[i]);
	if (!known)
		return docker_fail(w->node->d, w->node->stage->from->words[0].at, ERR_WORLD, e,
				   "the image has triggers (ONBUILD), which were not known before it was resolved; they are now: run again");
	AUTO_JS state = docker_state_of_image(doc);
	if (js_get(doc, "history"))
		js_set(state, "history", js_copy(js_get(doc, "history")));
	if (js_get(doc, "author"))
		js_set(state, "author", js_copy(js_get(doc, "author")));
	js_write(state, &text);
	struct output *v = arena_array(&w->arena, struct output, 2);
	v[0] = (struct output){ .name = STR("folder"), .type = OUTPUT_VALUE, .digest = docker_state_folder_digest(state) };
	v[1] = (struct output){ .name = STR("run"), .type = OUTPUT_VALUE, .digest = docker_state_run_digest(state, &w->arena) };
	w->result = (struct result){ .digest = digest_of(buf_str(&text)), .outputs = v, .noutputs = 2, .info = arena_str(&w->arena, buf_str(&text)) };
	return 0;
}

static void
start(struct task *t)
{
	docker_work_start(t, make);
}

const struct rule rule_docker_from = { .kind = "from", .schema = 1, .fields = fields, .start = start, .stop = docker_work_stop,
				       .explain = docker_explain };
