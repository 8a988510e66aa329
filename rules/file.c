/* SPDX-License-Identifier: Apache-2.0
 *
 * A file or folder of the project: a source. file:PATH, tree:PATH.
 */
#include "rules/rules.h"
#include "rules/workspace.h"

struct file_data {
	struct str path;
};

node_id
add_file(struct project *p, struct str path, struct err *e)
{
	struct arena tmp = { 0 };
	struct file_stat st;
	const bool folder = file_stat(p->fd, arena_z(&tmp, path), true, &st, NULL) == 0 && st.type == FILE_FOLDER;

	(void)e;
	arena_done(&tmp);
	const struct str name = arena_printf(&p->arena, "%s:" STR_FMT, folder ? "tree" : "file", STR_ARG(path));
	const node_id there = graph_find(&p->graph, name);

	if (there.i != NODE_NONE.i)
		return there;
	struct file_data *d = arena_new(&p->arena, struct file_data);

	d->path = arena_str(&p->arena, path);
	return graph_add(&p->graph, &rule_file, name, d);
}

static int
look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	struct project *p = ctx;
	const struct file_data *d = in->graph->node[in->node.i].data;
	struct workspace_item item;

	if (workspace_look(p, p->fd, d->path, REPORT_OWN, a, &item, e) < 0)
		return -1;
	struct output *o = arena_new(a, struct output);

	*o = (struct output){ .type = item.type, .digest = item.digest, .size = item.size, .path = d->path };
	out->outputs = o;
	out->noutputs = 1;
	return 0;
}

static void
explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	struct project *p = ctx;
	const struct file_data *d = p->graph.node[n.i].data;

	(void)c;
	out->code = REASON_INPUT;
	out->text = arena_printf(a, STR_FMT " changed", STR_ARG(d->path));
	out->file = d->path;
}

const struct rule rule_file = {
	.kind = "file",
	.schema = 1,
	.source = true,
	.look = look,
	.explain = explain,
};
