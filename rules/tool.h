/* SPDX-License-Identifier: Apache-2.0
 *
 * tool: programs that steps run on the host, and what makes them what they are.
 */
#ifndef PAWL_RULES_TOOL_H
#define PAWL_RULES_TOOL_H

#include "rules/rules.h"

struct tool_state; /* of a project; made on first use */
void tool_state_free(struct tool_state *s); /* NULL is fine */

node_id add_tool(struct project *p, struct str program, struct err *e); /* a program that PATH finds, or an absolute path */
struct code; /* rules/code_state.h */
node_id add_packages(struct project *p, struct code *code, struct err *e); /* the distributions that the code imports */

#endif
