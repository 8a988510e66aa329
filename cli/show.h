/* SPDX-License-Identifier: Apache-2.0
 *
 * show: plans and explanations as text for a person.
 */
#ifndef PAWL_CLI_SHOW_H
#define PAWL_CLI_SHOW_H

#include "cli/session.h"
#include "engine/explain.h"

void show_plan(struct session *s, struct buf *out);
void show_why(struct session *s, node_id n, const struct why *w, struct buf *out);

#endif
