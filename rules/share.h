/* SPDX-License-Identifier: Apache-2.0
 *
 * share: pools that all invocations on this cache share. A stack's `gpus` and the pools with names of its own (a licence) are there once on the
 * machine, whoever runs: a step that needs some of one waits for its turn (cache/turns.h) before it starts. `cpus` and `memory` are each
 * invocation's own.
 *
 *	start -> every pool that it needs, in the order of their names, is its -> step_start -> ... -> task.done -> given back
 *
 * In front of rules/step_run.c, which knows nothing of it. Loop thread.
 */
#ifndef PAWL_RULES_SHARE_H
#define PAWL_RULES_SHARE_H

#include "engine/rule.h"
#include "rules/project.h"

/* rule_step's start and stop. */
void share_start(struct task *t);
void share_stop(struct task *t, bool hard);
void shares_free(struct shares *s); /* project_close calls it; NULL is fine */

#endif
