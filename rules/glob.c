/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of the project that a pattern matches: a source. glob:PATTERN. Its outputs are the files, named by their paths.
 */
#include "rules/rules.h"
#include "rules/snapshot.h"
#include "rules/workspace.h"

struct glob_data {
	struct str pattern;
	const struct result *seen; /* by the last look, for fields */
};

node_id
add_glob(struct project *p, struct str pattern, struct err *e)
{
	const struct str name = arena_printf(&p->arena, "glob:" STR_FMT, STR_ARG(pattern));
	const node_id there = graph_find(&p->graph, name);

	(void)e;
	if (there.i != NODE_NONE.i)
		return there;
	struct glob_data *d = arena_new(&p->arena, struct glob_data);

	d->pattern = arena_str(&p->arena, pattern);
	return graph_add(&p->graph, &rule_glob, name, d);
}

static void
visited(void *ctx, struct str folder)
{
	leaves_folder(ctx, folder);
}

static int
look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	struct project *p = ctx;
	struct glob_data *d = in->graph->node[in->node.i].data;
	struct str *paths;
	size_t n;

	if (path_glob_through(p->fd, d->pattern, visited, p->leaves, a, &paths, &n, e) < 0)
		return -1;
	if (n == 0)
		return err_set(e, ERR_MISSING, "no file matches '" STR_FMT "'", STR_ARG(d->pattern));
	struct workspace_item *items = arena_array(a, struct workspace_item, n);

	if (workspace_look_files(p, paths, n, REPORT_SHARED, items, e) < 0)
		return -1;
	out->outputs = arena_array(a, struct output, n);
	out->noutputs = n;
	for (size_t i = 0; i < n; i++)
		out->outputs[i] = (struct output){
			.name = paths[i],
			.type = items[i].type,
			.digest = items[i].digest,
			.size = items[i].size,
			.path = paths[i],
		};
	d->seen = out;
	return 0;
}

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct glob_data *d = in->graph->node[in->node.i].data;

	(void)ctx;
	(void)e;
	for (size_t i = 0; d->seen != NULL && i < d->seen->noutputs; i++) {
		const struct output *o = &d->seen->outputs[i];

		key_digest(k, o->type == OUTPUT_EXEC ? "program" : "file", o->name, &o->digest);
	}
	return 0;
}

static void
explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	struct project *p = ctx;
	const struct glob_data *d = p->graph.node[n.i].data;
	const struct key_field *f = c->b != NULL ? c->b : c->a;

	out->code = REASON_INPUT;
	if (!str_is(f->tag, "file") && !str_is(f->tag, "program"))
		return;
	out->file = arena_str(a, f->name);
	out->text = c->a == NULL   ? arena_printf(a, STR_FMT " is new in " STR_FMT, STR_ARG(f->name), STR_ARG(d->pattern)) :
		    c->b == NULL ? arena_printf(a, STR_FMT " is gone from " STR_FMT, STR_ARG(f->name), STR_ARG(d->pattern)) :
				     arena_printf(a, STR_FMT " changed", STR_ARG(f->name));
}

const struct rule rule_glob = {
	.kind = "glob",
	.schema = 1,
	.source = true,
	.look = look,
	.fields = fields,
	.explain = explain,
};
