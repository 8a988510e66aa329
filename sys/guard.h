/* SPDX-License-Identifier: Apache-2.0
 *
 * guard: process groups that end when we end, however we end.
 *
 * A small process of ours holds the other end of a pipe. Which groups live stands in memory that it shares with us, so that it sleeps until the
 * pipe closes (we were killed, we crashed); then it kills those and ends. Without it a SIGKILL to us leaves the children of our children writing
 * into the workspace. It is started by guard_open (a fork without exec: it keeps no descriptor of ours but the pipe), has a session of its own,
 * and is gone when guard_close returns. One thread at a time.
 */
#ifndef PAWL_SYS_GUARD_H
#define PAWL_SYS_GUARD_H

#include <sys/types.h>

#include "base/err.h"

struct guard;

struct guard *guard_open(struct err *e);
void guard_close(struct guard *g);                /* kills what is still registered; NULL is fine */
void guard_add(struct guard *g, pid_t group);     /* at once after it was started */
void guard_remove(struct guard *g, pid_t group);  /* once it is empty */

#endif
