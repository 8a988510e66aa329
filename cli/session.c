/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/suggest.h"
#include "cli/text.h"
#include "cli/unfolding.h"
#include "rules/notes.h"

#define SHOWN_MAX ((size_t)32 << 20) /* bytes of a file whose lines are shown with mistakes */

void
session_init(struct session *s, struct args *a)
{
	*s = (struct session){ .args = a };
}

void
session_done(struct session *s)
{
	if (s->project)
		project_close(s->project);
	if (s->cache)
		cache_close(s->cache);
	arena_done(&s->arena);
}

int
session_cache_folder(struct session *s, struct str *out, struct err *e)
{
	return cache_folder(getenv("PAWL_CACHE"), getenv("XDG_CACHE_HOME"), getenv("HOME"), &s->arena, out, e);
}

int
session_cache(struct session *s, struct err *e)
{
	struct str folder;
	if (s->cache)
		return 0;
	if (session_cache_folder(s, &folder, e) < 0)
		return -1;
	return cache_open(folder, &s->cache, e);
}

struct str
session_folder(struct session *s)
{
	char *cwd = getcwd(NULL, 0);
	struct str folder = arena_str(&s->arena, cwd ? str_z(cwd) : STR("/"));
	free(cwd);
	return folder;
}

static struct str
absolute(struct session *s, struct str path)
{
	if (str_starts(path, STR("/")))
		return path_clean(&s->arena, path);
	return path_clean(&s->arena, path_join(&s->arena, session_folder(s), path));
}

/* Messages name a file of the project relative to its root. */
static struct str
in_project(const struct session *s, struct str path)
{
	if (str_starts(path, s->root) && path.n > s->root.n && path.p[s->root.n] == '/')
		return str_drop(path, s->root.n + 1);
	return path;
}

int
session_find(struct session *s, struct err *e)
{
	const char *file = s->args->file;
	struct str given = file ? str_z(file) : STR("pawl.yaml");
	if (str_find_char(given, '/') != SIZE_MAX) {
		struct str path = absolute(s, given);
		s->root = path_dir(path);
		s->file = path_base(path);
		if (!file_exists(AT_FDCWD, arena_z(&s->arena, path)))
			return err_set(e, ERR_INPUT, "there is no pipeline file '%s'", file);
		return 0;
	}
	s->file = given;
	return project_find(session_folder(s), given, &s->arena, &s->root, e);
}

/* The texts of files that d does not have, for the lines that are shown. */
static void
read_sources(struct session *s, struct diags *d)
{
	AUTO_FD root = s->root.n ? file_open_dir(AT_FDCWD, arena_z(&s->arena, s->root), NULL) : -1;
	for (size_t i = 0; i < d->n && root >= 0; i++) {
		AUTO_BUF text = { 0 };
		const struct place *at = &d->v[i].at;
		if (at->line && !diags_has_source(d, at->file) &&
		    file_read(root, arena_z(&s->arena, at->file), SHOWN_MAX, &text, NULL) == 0)
			diags_source(d, at->file, arena_str(&s->arena, buf_str(&text)));
	}
}

void
session_mistakes(struct session *s, struct diags *d)
{
	AUTO_BUF text = { 0 };
	if (!d->n)
		return;
	diags_sort(d);
	read_sources(s, d);
	diags_print(d, text_color(s->args, STDERR_FILENO), &text);
	text_err(buf_str(&text));
	if (!s->args->json)
		return;
	struct js *list = js_list();
	for (size_t i = 0; i < d->n; i++) {
		const struct diag *m = &d->v[i];
		if (m->severity != SEVERITY_ERROR)
			continue;
		struct js *o = js_map();
		js_set(o, "file", m->at.file.n ? js_text(m->at.file) : js_null());
		js_set(o, "line", m->at.line ? js_int(m->at.line) : js_null());
		js_set(o, "column", m->at.line && m->at.column ? js_int(m->at.column) : js_null());
		js_set(o, "code", js_text(m->code));
		js_set(o, "message", js_text(m->message));
		js_set(o, "hint", m->hint.n ? js_text(m->hint) : js_null());
		js_push(list, o);
	}
	text_json(js_set(js_set(js_map(), "schema", js_int(1)), "errors", list));
}

static struct str
user_file(struct session *s)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (config && config[0] == '/')
		return arena_printf(&s->arena, "%s/pawl/config.yaml", config);
	return home && home[0] == '/' ? arena_printf(&s->arena, "%s/.config/pawl/config.yaml", home) : (struct str){ 0 };
}

int
session_open(struct session *s, struct err *e)
{
	const struct args *a = s->args;
	if (session_cache(s, e) < 0 || (!s->root.n && session_find(s, e) < 0) ||
	    args_params(a, &s->arena, &s->params, e) < 0)
		return -1;
	s->params_files = arena_array(&s->arena, struct str, a->params_files.n);
	for (size_t i = 0; i < a->params_files.n; i++)
		s->params_files[i] = in_project(s, absolute(s, str_z(a->params_files.v[i])));
	struct project_opts o = {
		.user_file = user_file(s),
		.root = s->root,
		.file = s->file,
		.stack = str_z(a->stack),
		.params = s->params,
		.nparams = a->params.n,
		.params_files = s->params_files,
		.nparams_files = a->params_files.n,
		.environ_ = (const char *const *)environ,
		.offline = a->offline,
		.locked = a->locked,
		.no_cache = a->no_cache,
		.part = s->part ? &s->part->part.ir : NULL,
		.unfold = &s->unfold,
		.since = s->since,
	};
	struct diags d = { 0 };
	int rc = project_open(&o, s->cache, &s->project, &d, e);
	if (rc == 0)
		s->id = s->project->id;
	if (s->hold) {
		*s->hold = d;
		return rc;
	}
	session_mistakes(s, &d);
	if (rc < 0 && d.nerrors)
		e->text[0] = '\0'; /* all is said */
	diags_done(&d);
	return rc;
}

/* Does node n answer to this word? "train" stands for "step:train", and for each element of a map; an environment for its image on each platform. */
static bool
answers(const struct graph *g, node_id n, struct str word, const char *prefix, bool elements)
{
	struct str name = g->node[n.i].name;
	if (str_eq(name, word))
		return true;
	if (!str_starts(name, str_z(prefix)))
		return false;
	name = str_drop(name, strlen(prefix));
	if (str_eq(name, word))
		return true;
	return elements && str_starts(name, word) && name.n > word.n && (name.p[word.n] == '[' || name.p[word.n] == '@');
}

static bool
is_target(const struct graph *g, node_id n, enum session_targets t)
{
	const struct rule *r = g->node[n.i].rule;
	bool step = r == &rule_step, image = r == &rule_image;
	if (t == TARGET_LOCK)
		return !r->source && (strcmp(r->kind, "parent") == 0 || strcmp(r->kind, "requirements") == 0 || strcmp(r->kind, "apt") == 0);
	return (t != TARGET_IMAGES && step) || (t != TARGET_STEPS && image);
}

static int
nobody(struct session *s, struct str word, enum session_targets t, struct err *e)
{
	const struct graph *g = &s->project->graph;
	struct str *names = arena_array(&s->arena, struct str, g->nnodes);
	size_t n = 0;
	for (uint32_t i = 0; i < g->nnodes; i++)
		if (is_target(g, (node_id){ i }, t))
			names[n++] = str_cut(g->node[i].name, ':').tail;
	struct str near = suggest(word, names, n);
	const char *what = t == TARGET_STEPS ? "step" : t == TARGET_IMAGES ? "environment" : "step or environment";
	if (near.n)
		return err_set(e, ERR_INPUT, "there is no %s '" STR_FMT "'; did you mean '" STR_FMT "'?", what,
			       STR_ARG(word), STR_ARG(near));
	return err_set(e, ERR_INPUT, "there is no %s '" STR_FMT "'; 'pawl graph' lists what there is", what,
		       STR_ARG(word));
}

static int
find_targets(struct session *s, const struct words *w, enum session_targets t, node_id **out, size_t *nout,
	     struct err *e)
{
	const struct graph *g = &s->project->graph;
	node_id *v = arena_array(&s->arena, node_id, g->nnodes + 1);
	size_t n = 0;
	for (size_t k = 0; k < w->n; k++) {
		size_t before = n;
		struct str word = str_z(w->v[k]);
		for (uint32_t i = 0; i < g->nnodes && n <= g->nnodes; i++) {
			node_id id = { i };
			const char *prefix = g->node[i].rule == &rule_image ? "image:" : "step:";
			if (is_target(g, id, t) && answers(g, id, word, prefix, true))
				v[n++] = id;
		}
		if (n == before)
			return nobody(s, word, t, e);
	}
	*out = v;
	*nout = n;
	return 0;
}

int
session_node(struct session *s, struct str word, enum session_targets t, node_id *out, struct err *e)
{
	const char *text = arena_z(&s->arena, word);
	struct words w = { &text, 1 };
	node_id *v;
	size_t n;
	node_id any = graph_find(&s->project->graph, word); /* "code:train", "parent:..." by their full names */
	if (any.i != NODE_NONE.i) {
		*out = any;
		return 0;
	}
	if (find_targets(s, &w, t, &v, &n, e) < 0)
		return -1;
	if (n > 1)
		return err_set(e, ERR_INPUT, "'" STR_FMT "' has %zu elements; name one, such as '" STR_FMT "'",
			       STR_ARG(word), n, STR_ARG(str_cut(s->project->graph.node[v[0].i].name, ':').tail));
	*out = v[0];
	return 0;
}

static void
all_targets(struct session *s, enum session_targets t)
{
	const struct graph *g = &s->project->graph;
	s->targets = arena_array(&s->arena, node_id, g->nnodes + 1);
	s->ntargets = 0;
	for (uint32_t i = 0; i < g->nnodes; i++)
		if (is_target(g, (node_id){ i }, t))
			s->targets[s->ntargets++] = (node_id){ i };
}

static int
part_targets(struct session *s, struct err *e)
{
	const struct part *part = &s->part->part;
	s->targets = arena_array(&s->arena, node_id, part->ntargets);
	s->ntargets = part->ntargets;
	for (size_t i = 0; i < part->ntargets; i++) {
		s->targets[i] = graph_find(&s->project->graph, part->targets[i]);
		if (s->targets[i].i == NODE_NONE.i)
			return err_set(e, ERR_BUG, "'" STR_FMT "' is not in its part", STR_ARG(part->targets[i]));
	}
	return 0;
}

int
session_update(struct session *s, struct err *e)
{
	const struct words *w = &s->args->update;
	struct str *names = arena_array(&s->arena, struct str, w->n);
	for (size_t i = 0; i < w->n; i++)
		names[i] = str_z(w->v[i]);
	return lock_update(&s->project->lock, names, w->n, s->args->all, e);
}

static int
make_graph(struct session *s, struct err *e)
{
	struct project *p = s->project;
	int rc = project_graph(p, e);
	session_mistakes(s, &p->diags); /* of files that the graph needs: requirements */
	if (rc < 0 && p->diags.nerrors)
		e->text[0] = '\0'; /* all is said */
	s->nlacking = rc < 0 || s->part ? 0 : unfold_lacking(&p->ir, &s->unfold, &s->arena, &s->lacking);
	return rc;
}

/* --force and --no-cache of a later round: what earlier ones made is done. */
static void
spare(struct session *s)
{
	struct plan_opts *o = &s->plan_opts;
	const struct graph *g = o->graph;
	if (!s->before || (!o->force && !o->no_cache && !o->nforced))
		return;
	node_id *v = arena_array(&s->arena, node_id, g->nnodes + o->nforced + 1);
	size_t n = 0;
	for (uint32_t i = 0; i < g->nnodes; i++)
		if (((o->force && g->node[i].rule->job) || (o->no_cache && !g->node[i].rule->source)) && map_get(s->before, g->node[i].name) == MAP_NONE)
			v[n++] = (node_id){ i };
	for (size_t i = 0; i < o->nforced; i++)
		if (map_get(s->before, g->node[o->forced[i].i].name) == MAP_NONE)
			v[n++] = o->forced[i];
	o->force = o->no_cache = false;
	o->forced = v;
	o->nforced = n;
}

int
session_plan_targets(struct session *s, struct err *e)
{
	const struct project *p = s->project;
	s->plan_opts = (struct plan_opts){
		.graph = &p->graph,
		.cache = s->cache,
		.ctx = s->project,
		.project = p->id,
		.pipeline = p->ir.pipeline,
		.targets = s->targets,
		.ntargets = s->ntargets,
		.force = s->args->force_all,
		.forced = s->forced,
		.nforced = s->nforced,
		.no_cache = s->args->no_cache,
	};
	spare(s);
	return plan_make(&s->plan_opts, &s->arena, &s->plan, e);
}

static int
choose_targets(struct session *s, enum session_targets t, struct err *e)
{
	if (s->part) {
		if (part_targets(s, e) < 0)
			return -1;
	} else if (s->args->words.n) {
		if (find_targets(s, &s->args->words, t, &s->targets, &s->ntargets, e) < 0)
			return -1;
	} else {
		all_targets(s, t);
	}
	if (find_targets(s, &s->args->force, TARGET_ANY, &s->forced, &s->nforced, e) < 0)
		return err_wrap(e, "--force");
	if (t == TARGET_LOCK && (s->args->all || s->args->update.n)) { /* an earlier answer in the cache is not what is asked for */
		s->forced = s->targets;
		s->nforced = s->ntargets;
	}
	return 0;
}

static const struct result *
planned(void *ctx, node_id n, bool *skipped)
{
	const struct plan_node *p = &((struct session *)ctx)->plan.node[n.i];
	*skipped = p->state == PLAN_SKIP;
	return p->state == PLAN_HIT ? p->result : NULL;
}

/* What of the pipeline only its outputs say comes out of the results that there are. */
static int
unfold_planned(struct session *s, struct err *e)
{
	for (bool more = true; s->nlacking && more;) {
		all_targets(s, TARGET_STEPS);
		s->nforced = 0;
		if (session_plan_targets(s, e) < 0 || unfolding_learn(s, planned, s, &more, e) < 0)
			return -1;
		if (more && (unfolding_reopen(s, e) < 0 || make_graph(s, e) < 0))
			return -1;
	}
	return 0;
}

int
session_plan(struct session *s, enum session_targets t, struct err *e)
{
	return make_graph(s, e) < 0 || unfold_planned(s, e) < 0 ? -1 : session_choose(s, t, e);
}

int
session_choose(struct session *s, enum session_targets t, struct err *e)
{
	return choose_targets(s, t, e) < 0 ? -1 : session_plan_targets(s, e);
}

void
session_notes(struct session *s)
{
	const char *note;
	if (!s->project)
		return;
	AUTO_BUF b = { 0 };
	while ((note = notes_get(s->project->notes, s->notes_shown))) {
		buf_printf(&b, "note: %s\n", note);
		s->notes_shown++;
	}
	text_err(buf_str(&b));
}

struct str
session_question(struct session *s, struct arena *a)
{
	const struct args *g = s->args;
	const struct words *lists[] = { &g->words, &g->params, &g->params_files };
	AUTO_BUF b = { 0 };
	buf_text(&b, str_z(g->verb->name));
	buf_text(&b, s->file);
	buf_text(&b, str_z(g->stack));
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		buf_u32(&b, (uint32_t)lists[i]->n);
		for (size_t k = 0; k < lists[i]->n; k++)
			buf_text(&b, str_z(lists[i]->v[k]));
	}
	return arena_str(a, buf_str(&b));
}
