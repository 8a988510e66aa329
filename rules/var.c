/* SPDX-License-Identifier: Apache-2.0
 *
 * A variable of the caller (pass_env): a source. var:NAME. Its value is never kept, only its hash: it may be private.
 */
#include "rules/rules.h"
#include "rules/snapshot.h"

struct var_data {
	struct str name;
};

node_id
add_var(struct project *p, struct str variable, struct err *e)
{
	const struct str name = arena_printf(&p->arena, "var:" STR_FMT, STR_ARG(variable));
	const node_id there = graph_find(&p->graph, name);

	(void)e;
	if (there.i != NODE_NONE.i)
		return there;
	struct var_data *d = arena_new(&p->arena, struct var_data);

	d->name = arena_str(&p->arena, variable);
	return graph_add(&p->graph, &rule_var, name, d);
}

static int
look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	struct project *p = ctx;
	const struct var_data *d = in->graph->node[in->node.i].data;
	const char *value = project_env(p, d->name);
	AUTO_BUF b = { 0 };

	(void)e;
	leaves_var(p->leaves, d->name, value);
	buf_puts(&b, value != NULL ? "=" : "");
	buf_puts(&b, value != NULL ? value : "");
	struct output *o = arena_new(a, struct output);

	*o = (struct output){ .type = OUTPUT_VALUE, .digest = digest_of(buf_str(&b)) };
	out->outputs = o;
	out->noutputs = 1;
	return 0;
}

static void
explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	struct project *p = ctx;
	const struct var_data *d = p->graph.node[n.i].data;

	(void)c;
	out->code = REASON_ENV_VAR;
	out->text = arena_printf(a, "variable " STR_FMT " changed", STR_ARG(d->name));
}

const struct rule rule_var = {
	.kind = "var",
	.schema = 1,
	.source = true,
	.look = look,
	.explain = explain,
};
