/* SPDX-License-Identifier: Apache-2.0
 *
 * graphtext: the graph as text, dot, mermaid or JSON, in the order of its nodes.
 *
 * Edges lead from what is needed to what needs it.
 */
#ifndef PAWL_CLI_GRAPHTEXT_H
#define PAWL_CLI_GRAPHTEXT_H

#include "rules/project.h"

enum graph_format { GRAPH_TEXT, GRAPH_DOT, GRAPH_MERMAID, GRAPH_JSON };

int graph_format_parse(const char *name, enum graph_format *out, struct err *e); /* NULL: text */
void graph_print(const struct project *p, enum graph_format f, struct buf *out);

#endif
