/* SPDX-License-Identifier: Apache-2.0
 *
 * hooks: commands of the user for when a run, or a step, has ended. They change nothing of what the run was: not its status, not its records.
 */
#ifndef PAWL_CLI_HOOKS_H
#define PAWL_CLI_HOOKS_H

#include "cli/make.h"

/* After everything is recorded: of each step that was executed, in the order of the graph, then of the run. Nothing when nothing was executed or the run was
 * interrupted. One after the other; what they print goes to stderr, and one that fails is told there. */
void hooks_run(struct session *s, const struct made *m);

#endif
