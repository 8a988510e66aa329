/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "hashing/tree.h"

#define MANIFEST_MAX ((size_t)256 << 20) /* bytes of a folder's manifest */

static int
list(struct session *s, struct err *e)
{
	const struct graph *g = &s->project->graph;
	struct js *all = js_list();
	AUTO_BUF b = { 0 };
	(void)e;
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const struct result *r = s->plan.node[i].result;
		if (g->node[i].rule != &rule_step || !r)
			continue;
		for (size_t k = 0; k < r->noutputs; k++) {
			const struct output *out = &r->outputs[k];
			struct str name = arena_printf(&s->arena, STR_FMT "." STR_FMT, STR_ARG(answer_name(&g->node[i])),
						       STR_ARG(out->name));
			struct str digest = digest_str(&out->digest, &s->arena);
			buf_printf(&b, STR_FMT "  " STR_FMT "  ", STR_ARG(name), STR_ARG(digest));
			text_bytes(&b, out->size);
			buf_printf(&b, "  " STR_FMT "\n", STR_ARG(out->path));
			struct js *o = js_set(js_map(), "name", js_text(name));
			js_set(o, "digest", js_text(digest));
			js_set(o, "size", js_int((int64_t)out->size));
			js_set(o, "folder", js_bool(out->type == OUTPUT_TREE));
			js_push(all, js_set(o, "path", out->path.n ? js_text(out->path) : js_null()));
		}
	}
	if (s->args->json) {
		text_json(js_set(js_set(js_map(), "schema", js_int(1)), "artifacts", all));
		return 0;
	}
	js_free(all);
	text_out(b.n ? buf_str(&b) : STR("no artifacts yet: 'pawl run' makes them\n"));
	return 0;
}

struct wanted {
	struct digest digest;
	bool tree, exec;
	node_id step;
};

/* "train.model" by the plan's results. */
static int
by_name(struct session *s, struct str name, struct wanted *out, struct err *e)
{
	const struct graph *g = &s->project->graph;
	struct str_cut c = str_rcut(name, '.');
	node_id n;
	if (!c.ok)
		return err_set(e, ERR_INPUT, "an artifact is STEP.OUTPUT or sha256:..., not '" STR_FMT "'", STR_ARG(name));
	if (session_node(s, c.head, TARGET_STEPS, &n, e) < 0)
		return -1;
	const struct result *r = s->plan.node[n.i].result;
	if (!r || g->node[n.i].rule != &rule_step)
		return err_set(e, ERR_MISSING, "'" STR_FMT "' is not made as the pipeline is now; 'pawl run' makes it",
			       STR_ARG(name));
	const struct output *o = result_output(r, c.tail);
	if (!o)
		return err_set(e, ERR_INPUT, "step '" STR_FMT "' has no output '" STR_FMT "'", STR_ARG(c.head),
			       STR_ARG(c.tail));
	*out = (struct wanted){ o->digest, o->type == OUTPUT_TREE, o->type == OUTPUT_EXEC, n };
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

/* What it was made from, upstream first, each node once. */
static int
lineage(struct session *s, struct str name, struct err *e)
{
	const struct graph *g = &s->project->graph;
	struct wanted w;
	if (by_name(s, name, &w, e) < 0)
		return -1;
	bool *reached = arena_array(&s->arena, bool, g->nnodes);
	reached[w.step.i] = true;
	for (uint32_t i = g->nnodes; i-- > 0;) { /* consumers come before what they need */
		node_id n = g->order[i];
		for (uint32_t k = 0; reached[n.i] && k < g->node[n.i].nin; k++)
			if (g->edge[g->node[n.i].in + k].kind == EDGE_INPUT)
				reached[g->edge[g->node[n.i].in + k].from.i] = true;
	}
	struct js *all = js_list();
	AUTO_BUF b = { 0 };
	for (uint32_t i = 0; i < g->nnodes; i++) {
		node_id n = g->order[i];
		const struct result *r = s->plan.node[n.i].result;
		if (!reached[n.i])
			continue;
		struct str digest = r ? digest_str(&r->digest, &s->arena) : STR("");
		buf_printf(&b, STR_FMT "  " STR_FMT "\n", STR_ARG(g->node[n.i].name), STR_ARG(digest));
		struct js *o = js_set(js_map(), "node", js_text(g->node[n.i].name));
		js_push(all, js_set(o, "digest", r ? js_text(digest) : js_null()));
	}
	if (s->args->json) {
		text_json(js_set(js_set(js_map(), "schema", js_int(1)), "lineage", all));
	} else {
		text_out(buf_str(&b));
		js_free(all);
	}
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
		status = session_open(&s, e);
		if (status == 0)
			status = session_plan(&s, TARGET_STEPS, e);
	}
	if (status == 0)
		status = !one ? list(&s, e) : (what[0] == 'g' ? get : lineage)(&s, str_z(w.v[1]), e);
	session_done(&s);
	return status;
}
