/* SPDX-License-Identifier: Apache-2.0
 *
 *	text, .dockerignore -> stages that are needed [read] -> nodes of each, first to last [stage] -> dockerfile: [add_dockerfile]
 */
#include "rules/dockerfile.h"

#include <stdlib.h>
#include <string.h>

#include "cache/stats.h"
#include "rules/docker_engine.h"
#include "rules/docker_inside.h"
#include "rules/snapshot.h"
#include "rules/workspace.h"
#include "sys/file.h"

#define NAMED_PARENT "parent" /* in the Dockerfile: the environment's own `parent:` */

/* ---- reading ---- */

static int
read_file(struct project *p, struct str path, size_t limit, struct str *out, struct err *e)
{
	AUTO_BUF text = { 0 };
	if (workspace_read(p, path, limit, &text, e) < 0)
		return -1;
	*out = arena_str(&p->arena, buf_str(&text));
	return 0;
}

/* NAME.dockerignore beside the Dockerfile, else .dockerignore of the context. */
static int
read_ignore(struct project *p, struct docker_env *d, struct err *e)
{
	const struct str places[] = { arena_printf(&p->arena, STR_FMT ".dockerignore", STR_ARG(d->env->dockerfile)),
				      path_clean(&p->arena, path_join(&p->arena, d->env->context, STR(".dockerignore"))) };
	for (size_t i = 0; i < 2; i++) {
		struct err why = { 0 };
		struct str text;
		if (read_file(p, places[i], DOCKER_IGNORE_LIMIT, &text, &why) == 0) {
			diags_source(&p->diags, places[i], text);
			return docker_ignore_read(places[i], text, &p->arena, &p->diags, &d->ignore, e);
		}
		if (why.code != ERR_MISSING) {
			*e = why;
			return -1;
		}
	}
	return 0;
}

static struct docker_settings
settings_of(struct project *p, const struct ir_environment *env)
{
	static const struct ir_environment machine;
	struct docker_settings s = { .target = env->target, .args = env->args, .contexts = env->contexts,
				     .platform = environment_platform(env), .build_platform = environment_platform(&machine) };
	if (env->parent.kind == PARENT_NONE)
		return s;
	struct ir_pair *v = arena_array(&p->arena, struct ir_pair, env->contexts.n + 1);
	memcpy(v, env->contexts.v, env->contexts.n * sizeof *v);
	v[env->contexts.n] = (struct ir_pair){ STR(NAMED_PARENT), { 0 } };
	s.contexts = (struct ir_pairs){ v, env->contexts.n + 1 };
	return s;
}

static int
read(struct project *p, struct docker_env *d, struct err *e)
{
	const struct docker_settings s = settings_of(p, d->env);
	struct str text;
	if (read_file(p, d->env->dockerfile, DOCKERFILE_LIMIT, &text, e) < 0 || read_ignore(p, d, e) < 0)
		return -1;
	return docker_file_read(d->env->dockerfile, text, &s, &p->arena, &p->diags, &d->file, e);
}

/* ---- parents ---- */

static bool
prefixed(struct str s, const char *prefix, struct str *rest)
{
	if (!str_starts(s, str_z(prefix)))
		return false;
	*rest = str_drop(s, strlen(prefix));
	return true;
}

static bool
reference_good(struct str ref)
{
	for (size_t i = 0; i < ref.n; i++) {
		const char c = ref.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) && str_find_char(STR("._-/:@[]"), c) == SIZE_MAX)
			return false;
	}
	return ref.n > 0 && ref.n < 500 && ref.p[0] != '-' && ref.p[0] != '/' && ref.p[0] != ':';
}

/* The forms of `parent:` and those that Docker's named contexts have. */
static bool
parse_parent(struct project *p, struct str text, struct ir_parent *out)
{
	struct str rest = text;
	*out = (struct ir_parent){ .kind = PARENT_REGISTRY };
	if (str_is(text, "scratch")) {
		out->kind = PARENT_SCRATCH;
		return true;
	}
	if (prefixed(text, "oci-layout://", &rest) || prefixed(text, "oci:", &rest))
		out->kind = PARENT_OCI;
	else if (prefixed(text, "docker-archive:", &rest))
		out->kind = PARENT_DOCKER_ARCHIVE;
	else
		(void)prefixed(text, "docker-image://", &rest);
	out->ref = out->kind == PARENT_REGISTRY ? rest : path_clean(&p->arena, rest);
	if (out->kind != PARENT_REGISTRY)
		return rest.n > 0 && path_inside(out->ref, STR("."));
	return reference_good(out->ref);
}

static bool
is_folder(struct project *p, struct str text)
{
	struct file_stat st;
	const struct str path = path_clean(&p->arena, text);
	return path_inside(path, STR(".")) && file_stat(p->fd, arena_z(&p->arena, path), true, &st, NULL) == 0 && st.type == FILE_FOLDER;
}

/* An environment that is a parent and nothing else; NULL: the origin is a folder of the project. */
static int
parent_env(struct docker_env *d, const struct docker_origin *o, struct str platform, struct place at, const struct ir_environment **out,
	   struct err *e)
{
	struct project *p = d->project;
	struct ir_environment *env = arena_new(&p->arena, struct ir_environment);
	struct str text = o->name;
	*env = (struct ir_environment){ .name = d->env->name, .at = d->env->at };
	/* The machine's own platform is not in the names of nodes. */
	env->platform = d->env->platform.n == 0 && str_eq(platform, d->file.settings.build_platform) ? (struct str){ 0 } : platform;
	*out = env;
	if (o->kind == DOCKER_NAMED && str_is(o->name, NAMED_PARENT) && d->env->parent.kind != PARENT_NONE) {
		env->parent = d->env->parent;
		return 0;
	}
	if (o->kind == DOCKER_NAMED && docker_pair_get(&d->env->contexts, o->name, &text) && is_folder(p, text)) {
		*out = NULL;
		return 0;
	}
	if (parse_parent(p, text, &env->parent))
		return 0;
	diags_add(&p->diags, SEVERITY_ERROR, at, "bad-reference", STR("an image is written like python:3.11-slim or registry.example.com/team/base:1"),
		  "'" STR_FMT "' is neither a stage before this one nor an image", STR_ARG(str_take(text, 100)));
	return err_set(e, ERR_INPUT, "'" STR_FMT "' has mistakes", STR_ARG(d->file.text.file));
}

/* ---- nodes ---- */

static struct str
stage_label(const struct docker_stage *s, struct arena *a)
{
	return s->name.n > 0 ? s->name : arena_printf(a, "%zu", s->index);
}

/* kind:ENV/STAGE/N, or kind:ENV/STAGE for its FROM. */
static node_id
add(struct docker_env *d, const struct rule *rule, const struct docker_node *data, size_t at)
{
	struct project *p = d->project;
	struct docker_node *n = arena_new(&p->arena, struct docker_node);
	const struct str label = stage_label(data->stage, &p->arena);
	*n = *data;
	const struct str name = at == SIZE_MAX ?
		arena_printf(&p->arena, "%s:" STR_FMT "/" STR_FMT, rule->kind, STR_ARG(d->env->name), STR_ARG(label)) :
		arena_printf(&p->arena, "%s:" STR_FMT "/" STR_FMT "/%zu", rule->kind, STR_ARG(d->env->name), STR_ARG(label), at + 1);
	return graph_add(&p->graph, rule, name, n);
}

static void
edge(struct docker_env *d, node_id from, node_id to, const char *tag, struct str port)
{
	graph_edge(&d->project->graph, from, to, EDGE_INPUT, tag, (struct str){ 0 }, port);
}

/* The layers of an image that nothing stands on: COPY --from=IMAGE. One node for each image. */
static node_id
image_files(struct docker_env *d, const struct docker_stage *s, const struct docker_instruction *in, const struct ir_environment *env,
	    struct err *e)
{
	struct project *p = d->project;
	const node_id parent = add_parent(p, env, e);
	if (parent.i == NODE_NONE.i)
		return NODE_NONE;
	VEC_PUSH(&d->uses, ((struct docker_use){ in, env, parent }));
	if (d->whole) {
		VEC_PUSH(&d->identity, parent);
		return parent;
	}
	const struct str name = arena_printf(&p->arena, "files:" STR_FMT "/" STR_FMT, STR_ARG(d->env->name), STR_ARG(p->graph.node[parent.i].name));
	node_id n = graph_find(&p->graph, name);
	if (n.i != NODE_NONE.i)
		return n;
	struct docker_node *data = arena_new(&p->arena, struct docker_node);
	*data = (struct docker_node){ .d = d, .stage = s, .parent = env, .copy = NODE_NONE };
	n = graph_add(&p->graph, &rule_docker_files, name, data);
	edge(d, parent, n, "parent", (struct str){ 0 });
	VEC_PUSH(&d->identity, parent);
	return n;
}

/* Sets what the stage begins with. */
static int
begin(struct docker_env *d, const struct docker_stage *s, struct docker_ends *at, struct err *e)
{
	struct docker_node data = { .d = d, .stage = s, .copy = NODE_NONE };
	if (s->base.kind == DOCKER_STAGE) {
		const struct docker_ends *base = &d->ends[s->base.stage];
		at->config = add(d, &rule_docker_config, &data, SIZE_MAX);
		edge(d, base->config, at->config, "config", (struct str){ 0 });
		at->files = base->files;
		return 0;
	}
	const struct place place = s->from->words[0].at;
	if (parent_env(d, &s->base, s->platform, place, &data.parent, e) < 0)
		return -1;
	if (!data.parent) {
		diags_add(&d->project->diags, SEVERITY_ERROR, place, "bad-reference", (struct str){ 0 },
			  "the context '" STR_FMT "' is a folder; FROM needs an image", STR_ARG(s->base.name));
		return err_set(e, ERR_INPUT, "'" STR_FMT "' has mistakes", STR_ARG(d->file.text.file));
	}
	if (!d->whole && docker_triggers_of(d, &d->file.stages[s->index], data.parent, &data.triggers, e) < 0)
		return -1;
	const node_id parent = add_parent(d->project, data.parent, e);
	if (parent.i == NODE_NONE.i)
		return -1;
	VEC_PUSH(&d->uses, ((struct docker_use){ s->from, data.parent, parent }));
	at->config = add(d, &rule_docker_from, &data, SIZE_MAX);
	at->files = add(d, &rule_docker_files, &data, SIZE_MAX);
	edge(d, parent, at->config, "parent", (struct str){ 0 });
	edge(d, parent, at->files, "parent", (struct str){ 0 });
	VEC_PUSH(&d->identity, parent);
	return 0;
}

/* Where COPY and ADD take from: the files of a stage or an image, or a folder of the project (NODE_NONE). */
static int
origin(struct docker_env *d, const struct docker_stage *s, struct docker_node *data, node_id *files, struct err *e)
{
	const struct docker_flag *from = docker_flag(data->in, "from");
	*files = NODE_NONE;
	if (!from)
		return 0;
	data->origin = docker_origin_of(&d->file, s->index, from->value.text);
	if (data->origin.kind == DOCKER_STAGE) {
		*files = d->ends[data->origin.stage].files;
		return 0;
	}
	if (parent_env(d, &data->origin, s->platform, from->value.at, &data->parent, e) < 0)
		return -1;
	if (!data->parent)
		return 0;
	*files = image_files(d, s, data->in, data->parent, e);
	return files->i == NODE_NONE.i ? -1 : 0;
}

/* A source without variables that is not there is found now, with its place. */
static void
check_sources(struct docker_env *d, const struct docker_node *n)
{
	struct project *p = d->project;
	for (size_t i = 0; n->origin.kind == DOCKER_CONTEXT && i + 1 < n->in->nwords; i++) {
		const struct docker_word *w = &n->in->words[i];
		struct str kept;
		bool odd = str_starts(w->text, STR("<<")) || str_find(w->text, STR("://")) != SIZE_MAX || str_starts(w->text, STR("git@"));
		for (size_t k = 0; k < w->text.n; k++)
			odd = odd || str_find_char(STR("$*?[\\`\"'"), w->text.p[k]) != SIZE_MAX;
		if (odd)
			continue;
		const struct str path = docker_source_path(w->text, &p->arena, &kept);
		const struct str at = path_clean(&p->arena, path_join(&p->arena, d->env->context, path));
		struct file_stat st;
		struct err why = { 0 };
		if (file_stat(p->fd, arena_z(&p->arena, at), false, &st, &why) == 0 || why.code != ERR_MISSING)
			continue;
		leaves_path(p->leaves, at, NULL);
		diags_add(&p->diags, SEVERITY_ERROR, w->at, "missing-file", (struct str){ 0 }, "'" STR_FMT "' is not in the context '" STR_FMT "'",
			  STR_ARG(w->text), STR_ARG(d->env->context));
	}
}

static int
copy(struct docker_env *d, const struct docker_stage *s, const struct docker_instruction *in, size_t i, struct docker_ends *at, node_id *layer,
     struct err *e)
{
	struct docker_node data = { .d = d, .stage = s, .in = in, .copy = NODE_NONE };
	node_id from;
	if (origin(d, s, &data, &from, e) < 0)
		return -1;
	check_sources(d, &data);
	const node_id words = add(d, &rule_docker_copy, &data, i);
	edge(d, at->config, words, "config", (struct str){ 0 });
	VEC_PUSH(&d->identity, words);
	data.copy = words;
	if (d->whole)
		return 0;
	*layer = add(d, &rule_docker_layer, &data, i);
	edge(d, words, *layer, "copy", (struct str){ 0 });
	if (from.i != NODE_NONE.i)
		edge(d, from, *layer, "origin", STR("content"));
	if (!docker_place_needed(in))
		return 0;
	const node_id place = add(d, &rule_docker_place, &data, i);
	edge(d, at->files, place, "files", STR("content"));
	edge(d, words, place, "copy", STR("shape"));
	if (from.i != NODE_NONE.i)
		edge(d, from, place, "origin", STR("content"));
	edge(d, place, *layer, "place", (struct str){ 0 });
	return 0;
}

static void
workdir(struct docker_env *d, const struct docker_stage *s, const struct docker_instruction *in, size_t i, const struct docker_ends *at,
	node_id *layer)
{
	const struct docker_node data = { .d = d, .stage = s, .in = in, .copy = NODE_NONE };
	const node_id place = add(d, &rule_docker_place, &data, i);
	edge(d, at->files, place, "files", STR("content"));
	edge(d, at->config, place, "config", STR("folder"));
	*layer = add(d, &rule_docker_layer, &data, i);
	edge(d, place, *layer, "place", (struct str){ 0 });
}

/* RUN --mount=type=bind of the project is a COPY that leaves nothing behind: its files are found in the same way. */
static node_id
mount_words(struct docker_env *d, const struct docker_node *run, const struct docker_mount *m, const struct docker_ends *at, struct str name)
{
	struct project *p = d->project;
	struct docker_instruction *in = arena_new(&p->arena, struct docker_instruction);
	struct docker_node *data = arena_new(&p->arena, struct docker_node);
	*in = (struct docker_instruction){ .kind = DOCKER_COPY, .line = run->in->line, .at = run->in->at, .source = run->in->source, .nwords = 2 };
	in->words = arena_array(&p->arena, struct docker_word, 2);
	in->words[0] = (struct docker_word){ m->source.n > 0 ? m->source : STR("."), m->at };
	in->words[1] = (struct docker_word){ STR("/"), m->at };
	*data = (struct docker_node){ .d = d, .stage = run->stage, .in = in, .origin = run->origin, .copy = NODE_NONE };
	const node_id n = graph_add(&p->graph, &rule_docker_copy, name, data);
	edge(d, at->config, n, "config", (struct str){ 0 });
	VEC_PUSH(&d->identity, n);
	return n;
}

/* Of a Dockerfile that another builder makes: files that its commands see count all the same. */
static void
mounts_of_whole(struct docker_env *d, const struct docker_node *data, size_t i, const struct docker_ends *at)
{
	struct project *p = d->project;
	for (size_t k = 0; k < data->in->nmounts; k++) {
		const struct docker_mount *m = &data->in->mounts[k];
		const struct str label = stage_label(data->stage, &p->arena);
		if (m->type == DOCKER_MOUNT_BIND && m->from.n == 0)
			(void)mount_words(d, data, m, at, arena_printf(&p->arena, "copy:" STR_FMT "/" STR_FMT "/%zu.%zu", STR_ARG(d->env->name),
								       STR_ARG(label), i + 1, k + 1));
	}
}

static int
mount(struct docker_env *d, struct docker_node *data, size_t k, const struct docker_ends *at, node_id layer, struct err *e)
{
	struct project *p = d->project;
	const struct docker_mount *m = &data->in->mounts[k];
	const struct str number = arena_printf(&p->arena, "%zu", k);
	node_id from = NODE_NONE;
	data->mounts[k] = NODE_NONE;
	data->origin = (struct docker_origin){ .kind = DOCKER_CONTEXT };
	data->parent = NULL;
	if (m->from.n > 0) {
		data->origin = docker_origin_of(&d->file, data->stage->index, m->from);
		if (data->origin.kind == DOCKER_STAGE)
			from = d->ends[data->origin.stage].files;
		else if (parent_env(d, &data->origin, data->stage->platform, m->at, &data->parent, e) < 0)
			return -1;
		else if (data->parent && (from = image_files(d, data->stage, data->in, data->parent, e)).i == NODE_NONE.i)
			return -1;
	}
	if (m->type == DOCKER_MOUNT_CACHE && m->from.n == 0)
		return 0;
	if (m->type != DOCKER_MOUNT_BIND && m->type != DOCKER_MOUNT_CACHE)
		return 0;
	if (from.i != NODE_NONE.i) {
		graph_edge(&p->graph, from, layer, EDGE_INPUT, "origin", number, STR("content"));
		return 0;
	}
	data->mounts[k] = mount_words(d, data, m, at, arena_printf(&p->arena, "copy:" STR_FMT ".%zu", STR_ARG(str_cut(p->graph.node[layer.i].name, ':').tail), k + 1));
	graph_edge(&p->graph, data->mounts[k], layer, EDGE_INPUT, "copy", number, (struct str){ 0 });
	return 0;
}

static int
run(struct docker_env *d, const struct docker_stage *s, const struct docker_instruction *in, size_t i, const struct docker_ends *at, node_id *layer,
    struct err *e)
{
	struct docker_node data = { .d = d, .stage = s, .in = in, .copy = NODE_NONE };
	data.mounts = arena_array(&d->project->arena, node_id, in->nmounts + 1);
	*layer = add(d, &rule_docker_layer, &data, i);
	edge(d, at->files, *layer, "files", STR("content"));
	edge(d, at->config, *layer, "config", STR("run"));
	for (size_t k = 0; k < in->nmounts; k++) {
		if (mount(d, &data, k, at, *layer, e) < 0)
			return -1;
	}
	return 0;
}

static int
instruction(struct docker_env *d, const struct docker_stage *s, size_t i, struct docker_ends *at, struct err *e)
{
	const struct docker_instruction *in = s->v[i];
	const struct docker_node data = { .d = d, .stage = s, .in = in, .copy = NODE_NONE };
	const struct docker_ends before = *at;
	node_id layer = NODE_NONE;
	const bool files = in->kind == DOCKER_RUN || in->kind == DOCKER_COPY || in->kind == DOCKER_ADD;
	if (!files) {
		at->config = add(d, &rule_docker_config, &data, i);
		edge(d, before.config, at->config, "config", (struct str){ 0 });
	}
	if (d->whole && in->kind == DOCKER_RUN)
		mounts_of_whole(d, &data, i, at);
	if (d->whole && in->kind != DOCKER_COPY && in->kind != DOCKER_ADD)
		return 0;
	if (in->kind == DOCKER_RUN && run(d, s, in, i, at, &layer, e) < 0)
		return -1;
	if (in->kind == DOCKER_WORKDIR)
		workdir(d, s, in, i, at, &layer);
	else if (in->kind != DOCKER_RUN && files && copy(d, s, in, i, at, &layer, e) < 0)
		return -1;
	if (layer.i == NODE_NONE.i)
		return 0;
	at->files = add(d, &rule_docker_files, &data, i);
	edge(d, before.files, at->files, "files", (struct str){ 0 });
	edge(d, layer, at->files, "layer", (struct str){ 0 });
	return 0;
}

static int
stage(struct docker_env *d, const struct docker_stage *s, struct err *e)
{
	struct docker_ends at;
	if (begin(d, s, &at, e) < 0)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		if (instruction(d, s, i, &at, e) < 0)
			return -1;
	}
	d->ends[s->index] = at;
	return 0;
}

/* One node for all of it, behind everything that it is made of. */
static int
add_whole(struct docker_env *d, struct docker_node *data, struct err *e)
{
	struct project *p = d->project;
	d->node = graph_add(&p->graph, &rule_docker_engine, arena_printf(&p->arena, "dockerfile:" STR_FMT, STR_ARG(d->env->name)), data);
	return dockerfile_identity(p, d->env, d->node, e);
}

static int
build(struct docker_env *d, struct err *e)
{
	struct project *p = d->project;
	const size_t before = p->diags.nerrors;
	d->ends = arena_array(&p->arena, struct docker_ends, d->file.nstages);
	for (size_t i = 0; i < d->file.nstages; i++) {
		if (d->file.stages[i].needed && stage(d, &d->file.stages[i], e) < 0)
			return -1;
	}
	if (p->diags.nerrors > before)
		return err_set(e, ERR_INPUT, "'" STR_FMT "' has mistakes", STR_ARG(d->file.text.file));
	struct docker_node *data = arena_new(&p->arena, struct docker_node);
	*data = (struct docker_node){ .d = d, .stage = &d->file.stages[d->file.target], .copy = NODE_NONE };
	if (d->whole)
		return add_whole(d, data, e);
	d->node = graph_add(&p->graph, &rule_dockerfile, arena_printf(&p->arena, "dockerfile:" STR_FMT, STR_ARG(d->env->name)), data);
	edge(d, d->ends[d->file.target].files, d->node, "files", (struct str){ 0 });
	edge(d, d->ends[d->file.target].config, d->node, "config", (struct str){ 0 });
	return 0;
}

/* ---- the environment ---- */

static struct docker_env *
env_of(struct project *p, const struct ir_environment *env)
{
	for (struct docker_env *d = p->docker ? p->docker->envs : NULL; d; d = d->next) {
		if (str_eq(d->env->name, env->name))
			return d;
	}
	return NULL;
}

node_id
add_dockerfile(struct project *p, const struct ir_environment *env, struct err *e)
{
	struct docker_env *d = env_of(p, env);
	if (d)
		return d->node;
	if (!p->docker)
		p->docker = mem_zalloc(sizeof *p->docker);
	if (!p->docker->envs)
		pthread_mutex_init(&p->docker->mu, NULL);
	d = arena_new(&p->arena, struct docker_env);
	*d = (struct docker_env){ .project = p, .env = env, .node = NODE_NONE, .next = p->docker->envs };
	d->whole = docker_engine_builder(p) != NULL;
	if (read(p, d, e) < 0)
		return NODE_NONE;
	p->docker->envs = d;
	return build(d, e) < 0 ? NODE_NONE : d->node;
}

int
dockerfile_identity(struct project *p, const struct ir_environment *env, node_id to, struct err *e)
{
	if (add_dockerfile(p, env, e).i == NODE_NONE.i)
		return -1;
	const struct docker_env *d = env_of(p, env);
	for (size_t i = 0; i < d->identity.n; i++) {
		const node_id from = d->identity.v[i];
		graph_edge(&p->graph, from, to, EDGE_INPUT, "dockerfile", p->graph.node[from.i].name, (struct str){ 0 });
	}
	return 0;
}

void
dockerfile_fields(struct project *p, const struct ir_environment *env, struct key *k)
{
	const struct docker_env *d = env_of(p, env);
	for (size_t i = 0; d && i < d->file.nstages; i++) {
		const struct docker_stage *s = &d->file.stages[i];
		const struct str label = stage_label(s, k->arena);
		if (!s->needed)
			continue;
		key_text(k, "instruction", arena_printf(k->arena, STR_FMT "/0", STR_ARG(label)), s->from->source);
		for (size_t n = 0; n < s->n; n++) {
			AUTO_BUF text = { 0 };
			buf_put(&text, s->v[n]->source);
			for (size_t h = 0; h < s->v[n]->nheredocs; h++)
				buf_text(&text, s->v[n]->heredocs[h].content);
			key_text(k, "instruction", arena_printf(k->arena, STR_FMT "/%zu", STR_ARG(label), n + 1), buf_str(&text));
		}
	}
	for (size_t i = 0; i < env->args.n; i++)
		key_text(k, "arg", env->args.v[i].name, env->args.v[i].value);
	if (env->target.n > 0)
		key_text(k, "config", STR("target"), env->target);
}

const struct ir_environment *
dockerfile_base(struct project *p, const struct ir_environment *env)
{
	const struct docker_env *d = env_of(p, env);
	if (!d || d->node.i == NODE_NONE.i)
		return NULL;
	const struct docker_stage *s = &d->file.stages[d->file.target];
	while (s->base.kind == DOCKER_STAGE)
		s = &d->file.stages[s->base.stage];
	const struct str name = arena_printf(&p->arena, "from:" STR_FMT "/" STR_FMT, STR_ARG(env->name), STR_ARG(stage_label(s, &p->arena)));
	const node_id from = graph_find(&p->graph, name);
	return from.i == NODE_NONE.i ? NULL : ((const struct docker_node *)p->graph.node[from.i].data)->parent;
}
