/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "base/vec.h"
#include "cli/answer.h"
#include "cli/grid.h"
#include "cli/history.h"
#include "cli/past.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "hashing/tree.h"

#define MANIFEST_MAX ((size_t)256 << 20) /* bytes of a folder's manifest */

struct artifact {
	struct str name; /* "train.model" */
	const struct output *is;
};

struct artifacts {
	VEC_FIELDS(struct artifact);
};

static void
add_outputs(struct session *s, struct str node, const struct result *r, struct artifacts *all)
{
	for (size_t k = 0; r && k < r->noutputs; k++) {
		const struct str name = arena_printf(&s->arena, STR_FMT "." STR_FMT, STR_ARG(str_cut(node, ':').tail), STR_ARG(r->outputs[k].name));
		VEC_PUSH(all, ((struct artifact){ name, &r->outputs[k] }));
	}
}

/* Of the steps that the last recorded run had. */
static int
past_artifacts(struct session *s, struct artifacts *all, struct err *e)
{
	struct past_node *v;
	struct js *run;
	size_t n;
	if (past_nodes(s, &v, &n, e) < 0 || history_find(s, STR("last"), &run, e) < 0)
		return -1;
	struct str names = history_names(s, run);
	js_free(run);
	while (names.n) {
		const struct str_cut line = str_cut(names, '\n');
		const struct str node = arena_printf(&s->arena, "step:" STR_FMT, STR_ARG(line.head));
		const struct past_node *at = past_find(v, n, node);
		add_outputs(s, node, at ? at->result : NULL, all);
		names = line.tail;
	}
	return 0;
}

static void
print_artifacts(struct session *s, const struct artifacts *all)
{
	struct grid t = { .columns = 4 };
	for (size_t i = 0; i < all->n; i++) {
		const struct output *o = all->v[i].is;
		AUTO_BUF size = { 0 };
		text_bytes(&size, o->size);
		grid_put(&t, all->v[i].name, &s->arena);
		grid_put(&t, digest_str(&o->digest, &s->arena), &s->arena);
		grid_put(&t, arena_str(&s->arena, buf_str(&size)), &s->arena);
		grid_put(&t, o->path.n ? o->path : STR("(in the cache)"), &s->arena);
	}
	AUTO_BUF b = { 0 };
	grid_print(&t, "", &b);
	text_out(b.n ? buf_str(&b) : STR("no artifacts yet: 'pawl run' makes them\n"));
}

static int
list(struct session *s, struct err *e)
{
	struct artifacts all = { 0 };
	const struct graph *g = s->project ? &s->project->graph : NULL;
	for (uint32_t i = 0; g && i < g->nnodes; i++)
		if (g->node[i].rule == &rule_step)
			add_outputs(s, g->node[i].name, s->plan.node[i].result, &all);
	int rc = g ? 0 : past_artifacts(s, &all, e);
	if (rc == 0 && s->args->json) {
		struct js *list = js_list();
		for (size_t i = 0; i < all.n; i++) {
			const struct output *out = all.v[i].is;
			struct js *o = js_set(js_map(), "name", js_text(all.v[i].name));
			js_set(o, "digest", digest_js(&out->digest));
			js_set(o, "size", js_int((int64_t)out->size));
			js_set(o, "folder", js_bool(out->type == OUTPUT_TREE));
			js_push(list, js_set(o, "path", out->path.n ? js_text(out->path) : js_null()));
		}
		text_json(js_set(js_set(js_map(), "schema", js_int(1)), "artifacts", list));
	} else if (rc == 0) {
		print_artifacts(s, &all);
	}
	VEC_DONE(&all);
	return rc;
}

struct wanted {
	struct digest digest;
	bool tree, exec;
	node_id step;
	const struct past_node *old, *nodes; /* without a pipeline file: its step, and all there are */
	size_t nnodes;
};

/* The step's result, by the plan or by its last record. */
static int
result_of(struct session *s, struct str step, struct wanted *w, const struct result **out, struct err *e)
{
	struct past_node *v;
	if (s->project) {
		if (session_node(s, step, TARGET_STEPS, &w->step, e) < 0)
			return -1;
		const bool is_step = s->project->graph.node[w->step.i].rule == &rule_step;
		*out = is_step ? s->plan.node[w->step.i].result : NULL;
		return 0;
	}
	if (past_nodes(s, &v, &w->nnodes, e) < 0)
		return -1;
	w->nodes = v;
	w->old = past_find(v, w->nnodes, arena_printf(&s->arena, "step:" STR_FMT, STR_ARG(step)));
	if (!w->old)
		return err_set(e, ERR_INPUT, "no run here had a step '" STR_FMT "'; 'pawl artifact list' shows what there is", STR_ARG(step));
	*out = w->old->result;
	return 0;
}

/* "train.model" */
static int
by_name(struct session *s, struct str name, struct wanted *w, struct err *e)
{
	struct str_cut c = str_rcut(name, '.');
	const struct result *r = NULL;
	if (!c.ok)
		return err_set(e, ERR_INPUT, "an artifact is STEP.OUTPUT or sha256:..., not '" STR_FMT "'", STR_ARG(name));
	if (result_of(s, c.head, w, &r, e) < 0)
		return -1;
	if (!r)
		return err_set(e, ERR_MISSING, "'" STR_FMT "' is not made as the pipeline is now; 'pawl run' makes it",
			       STR_ARG(name));
	const struct output *o = result_output(r, c.tail);
	if (!o)
		return err_set(e, ERR_INPUT, "step '" STR_FMT "' has no output '" STR_FMT "'", STR_ARG(c.head),
			       STR_ARG(c.tail));
	w->digest = o->digest;
	w->tree = o->type == OUTPUT_TREE;
	w->exec = o->type == OUTPUT_EXEC;
	return 0;
}

static int
write_tree(struct session *s, const struct digest *d, const char *to, struct err *e)
{
	AUTO_BUF manifest = { 0 };
	struct tree t;
	if (blobs_read(s->cache->blobs, d, MANIFEST_MAX, &manifest, e) < 0 ||
	    tree_parse(buf_str(&manifest), &s->arena, &t, e) < 0 || file_mkdirs(AT_FDCWD, to, e) < 0)
		return -1;
	AUTO_FD at = file_open_dir(AT_FDCWD, to, e);
	if (at < 0)
		return -1;
	for (size_t i = 0; i < t.n; i++) {
		const struct tree_entry *f = &t.v[i];
		const char *path = arena_z(&s->arena, f->path);
		struct file_stat st;
		if (f->type == TREE_FOLDER) {
			if (file_mkdirs(at, path, e) < 0)
				return -1;
			continue;
		}
		if (file_mkdirs_parent(at, path, e) < 0)
			return -1;
		if (f->type == TREE_LINK) {
			if (symlinkat(arena_z(&s->arena, f->target), at, path) < 0)
				return err_os(e, "make the link '%s'", path);
		} else if (blobs_checkout(s->cache->blobs, &f->digest, at, path, f->type == TREE_EXEC ? 0755 : 0644, &st,
					  e) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
write_stdout(struct session *s, const struct digest *d, struct err *e)
{
	static char piece[1 << 16];
	struct blob_reader *r;
	size_t n;
	if (blob_open(s->cache->blobs, d, &r, e) < 0)
		return -1;
	int rc;
	while ((rc = blob_next(r, piece, sizeof piece, &n, e)) == 0 && n)
		if (file_write_all(STDOUT_FILENO, (struct str){ piece, n }, e) < 0) {
			rc = err_wrap(e, "write to stdout");
			break;
		}
	blob_close(r);
	return rc;
}

static int
get(struct session *s, struct str name, struct err *e)
{
	const char *to = s->args->out;
	struct wanted w = { 0 };
	struct file_stat st;
	if (!digest_parse(name, false, &w.digest) && by_name(s, name, &w, e) < 0)
		return -1;
	if (w.tree) {
		if (!to)
			return err_set(e, ERR_INPUT, "'" STR_FMT "' is a folder; name one to write it to with -o FOLDER",
				       STR_ARG(name));
		return write_tree(s, &w.digest, to, e);
	}
	if (!to)
		return write_stdout(s, &w.digest, e);
	return blobs_checkout(s->cache->blobs, &w.digest, AT_FDCWD, to, w.exec ? 0755 : 0644, &st, e);
}

/* Rows of `lineage`. */
struct rows {
	struct session *s;
	struct grid t;
	struct js *list;
};

static void
add_row(struct rows *r, struct str node, const struct digest *d)
{
	struct js *o = js_set(js_map(), "node", js_text(node));
	js_push(r->list, js_set(o, "digest", d ? digest_js(d) : js_null()));
	grid_put(&r->t, node, &r->s->arena);
	grid_put(&r->t, d ? digest_str(d, &r->s->arena) : STR("(not known yet)"), &r->s->arena);
}

static void
graph_lineage(struct session *s, const struct wanted *w, struct rows *rows)
{
	const struct graph *g = &s->project->graph;
	bool *reached = arena_array(&s->arena, bool, g->nnodes);
	reached[w->step.i] = true;
	for (uint32_t i = g->nnodes; i-- > 0;) { /* consumers come before what they need */
		node_id n = g->order[i];
		for (uint32_t k = 0; reached[n.i] && k < g->node[n.i].nin; k++)
			if (g->edge[g->node[n.i].in + k].kind == EDGE_INPUT)
				reached[g->edge[g->node[n.i].in + k].from.i] = true;
	}
	for (uint32_t i = 0; i < g->nnodes; i++) {
		node_id n = g->order[i];
		const struct result *r = s->plan.node[n.i].result;
		if (reached[n.i])
			add_row(rows, g->node[n.i].name, r ? &r->digest : NULL);
	}
}

/* By the keys of the last results: a field's value is the digest of what gave it. Depth first without recursion: a node is pushed twice, and
 * written when it comes up again. */
static void
past_lineage(struct session *s, const struct wanted *w, struct rows *rows)
{
	VEC(size_t) stack = { 0 };
	bool *seen = arena_array(&s->arena, bool, w->nnodes), *written = arena_array(&s->arena, bool, w->nnodes);
	VEC_PUSH(&stack, (size_t)(w->old - w->nodes));
	while (stack.n) {
		const size_t at = stack.v[stack.n - 1];
		const struct past_node *n = &w->nodes[at];
		struct key key = { 0 };
		if (seen[at]) {
			stack.n--;
			if (!written[at])
				add_row(rows, n->name, &n->last.result_digest);
			written[at] = true;
			continue;
		}
		seen[at] = true;
		if (key_decode(n->last.key, &s->arena, &key, NULL) < 0)
			continue;
		for (size_t i = 0; i < key.n; i++) {
			const struct past_node *from = past_giver(w->nodes, w->nnodes, &key.v[i]);
			if (from && !seen[from - w->nodes])
				VEC_PUSH(&stack, (size_t)(from - w->nodes));
		}
	}
	VEC_DONE(&stack);
}

/* What it was made from, upstream first, each node once. */
static int
lineage(struct session *s, struct str name, struct err *e)
{
	struct wanted w = { 0 };
	if (by_name(s, name, &w, e) < 0)
		return -1;
	struct rows rows = { .s = s, .t.columns = 2, .list = js_list() };
	if (s->project)
		graph_lineage(s, &w, &rows);
	else
		past_lineage(s, &w, &rows);
	if (s->args->json) {
		text_json(js_set(js_set(js_map(), "schema", js_int(1)), "lineage", rows.list));
		return 0;
	}
	AUTO_BUF b = { 0 };
	grid_print(&rows.t, "", &b);
	text_out(buf_str(&b));
	js_free(rows.list);
	return 0;
}

int
verb_artifact(struct args *a, struct err *e)
{
	struct session s;
	struct words w = a->words;
	struct digest bare;
	const char *what = w.n ? w.v[0] : "list";
	bool one = strcmp(what, "get") == 0 || strcmp(what, "lineage") == 0;
	if (strcmp(what, "list") != 0 && !one)
		return err_set(e, ERR_INPUT, "artifact has list, get and lineage, not '%s'", what);
	if (one != (w.n == 2))
		return err_set(e, ERR_INPUT, "usage: pawl artifact list | get STEP.OUTPUT|sha256:... [-o PATH] | lineage STEP.OUTPUT");
	session_init(&s, a);
	a->words.n = 0;
	int status;
	if (strcmp(what, "get") == 0 && digest_parse(str_z(w.v[1]), false, &bare)) {
		status = session_cache(&s, e); /* bytes by digest need no project */
	} else {
		status = past_open(&s, e);
		if (status == 0 && s.project)
			status = session_plan(&s, TARGET_STEPS, e);
	}
	if (status == 0)
		status = !one ? list(&s, e) : (what[0] == 'g' ? get : lineage)(&s, str_z(w.v[1]), e);
	session_done(&s);
	return status;
}
