/* SPDX-License-Identifier: Apache-2.0
 *
 * tool: programs that steps run on the host, and what makes them what they are.
 */
#ifndef PAWL_RULES_TOOL_H
#define PAWL_RULES_TOOL_H

#include "rules/rules.h"

struct tool_state; /* of a project; made on first use */
void tool_state_free(struct tool_state *s); /* NULL is fine */

#endif
