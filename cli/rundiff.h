/* SPDX-License-Identifier: Apache-2.0
 *
 * rundiff: two finished runs compared. A list of {"step", "what", "a", "b"}; step is empty for what concerns the whole run, null stands for "not there".
 *
 *	param NAME                   the pipeline's parameters
 *	step, state, key             a step that one of them lacks; what became of it; its key
 *	code FILE:NAME               a definition that the step reaches, by its hash
 *	environment NAME: TAG NAME   a package, a variable or whatever else its identity is made of; likewise "tool"
 *	TAG NAME                     any other field of the step's key: input, param, command, env, observed, ...
 *	output NAME, metric NAME.KEY its digest; numbers in small JSON outputs
 *	seconds                      how long it took, where both made it
 */
#ifndef PAWL_CLI_RUNDIFF_H
#define PAWL_CLI_RUNDIFF_H

#include "base/js.h"
#include "cli/session.h"

struct js *rundiff(struct session *s, const struct js *x, const struct js *y); /* the caller's */

#endif
