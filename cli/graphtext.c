/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/graphtext.h"

#include <string.h>

#include "base/js.h"
#include "rules/rules.h"

int
graph_format_parse(const char *name, enum graph_format *out, struct err *e)
{
	static const char *const names[] = { "text", "dot", "mermaid", "json" };
	if (!name) {
		*out = GRAPH_TEXT;
		return 0;
	}
	for (int i = 0; i < 4; i++)
		if (strcmp(names[i], name) == 0) {
			*out = (enum graph_format)i;
			return 0;
		}
	return err_set(e, ERR_INPUT, "--format takes text, dot, mermaid or json, not '%s'", name);
}

static void
quoted(struct buf *out, struct str s)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_putc(out, '\\');
		buf_putc(out, s.p[i]);
	}
	buf_putc(out, '"');
}

static void
print_dot(const struct graph *g, struct buf *out)
{
	buf_puts(out, "digraph pawl {\n\trankdir=LR;\n\tnode [shape=box];\n");
	for (uint32_t i = 0; i < g->nnodes; i++) {
		buf_putc(out, '\t');
		quoted(out, g->node[i].name);
		buf_puts(out, g->node[i].rule == &rule_step ? " [style=filled];\n" : ";\n");
	}
	for (uint32_t i = 0; i < g->nedges; i++) {
		buf_putc(out, '\t');
		quoted(out, g->node[g->edge[i].from.i].name);
		buf_puts(out, " -> ");
		quoted(out, g->node[g->edge[i].to.i].name);
		buf_puts(out, g->edge[i].kind == EDGE_INPUT ? ";\n" : " [style=dashed];\n");
	}
	buf_puts(out, "}\n");
}

static void
print_mermaid(const struct graph *g, struct buf *out)
{
	buf_puts(out, "flowchart LR\n");
	for (uint32_t i = 0; i < g->nnodes; i++) {
		buf_printf(out, "\tn%u[\"", i);
		for (size_t k = 0; k < g->node[i].name.n; k++) {
			char c = g->node[i].name.p[k];
			if (c == '"')
				buf_puts(out, "#quot;");
			else
				buf_putc(out, c);
		}
		buf_puts(out, "\"]\n");
	}
	for (uint32_t i = 0; i < g->nedges; i++)
		buf_printf(out, "\tn%u %s n%u\n", g->edge[i].from.i, g->edge[i].kind == EDGE_INPUT ? "-->" : "-.->",
			   g->edge[i].to.i);
}

static void
print_json(const struct graph *g, struct buf *out)
{
	static const char *const kinds[] = { "input", "order", "need" };
	struct js *nodes = js_list(), *edges = js_list(), *o = js_map();
	for (uint32_t i = 0; i < g->nnodes; i++) {
		struct js *n = js_map();
		js_set(n, "id", js_text(g->node[i].name));
		js_set(n, "kind", js_textz(g->node[i].rule->kind));
		js_push(nodes, n);
	}
	for (uint32_t i = 0; i < g->nedges; i++) {
		struct js *n = js_map();
		js_set(n, "from", js_text(g->node[g->edge[i].from.i].name));
		js_set(n, "to", js_text(g->node[g->edge[i].to.i].name));
		js_set(n, "kind", js_textz(kinds[g->edge[i].kind]));
		js_push(edges, n);
	}
	js_set(o, "schema", js_int(1));
	js_set(o, "nodes", nodes);
	js_set(o, "edges", edges);
	js_write(o, out);
	buf_putc(out, '\n');
	js_free(o);
}

static void
print_text(const struct graph *g, struct buf *out)
{
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const struct node *n = &g->node[g->order[i].i];
		buf_put(out, n->name);
		for (uint32_t k = 0; k < n->nin; k++)
			buf_printf(out, "%s" STR_FMT, k ? ", " : "  <- ", STR_ARG(g->node[g->edge[n->in + k].from.i].name));
		buf_putc(out, '\n');
	}
}

void
graph_print(const struct project *p, enum graph_format f, struct buf *out)
{
	switch (f) {
	case GRAPH_TEXT:
		print_text(&p->graph, out);
		break;
	case GRAPH_DOT:
		print_dot(&p->graph, out);
		break;
	case GRAPH_MERMAID:
		print_mermaid(&p->graph, out);
		break;
	case GRAPH_JSON:
		print_json(&p->graph, out);
		break;
	}
}
