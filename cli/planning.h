/* SPDX-License-Identifier: Apache-2.0
 *
 * planning: the plan of `plan`, `run -n` and `build -n`, printed.
 */
#ifndef PAWL_CLI_PLANNING_H
#define PAWL_CLI_PLANNING_H

#include "cli/session.h"

/* Exit status, or -1 with e. */
int verb_plan_of(struct args *a, enum session_targets t, struct err *e);

#endif
