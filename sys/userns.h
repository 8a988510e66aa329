/* SPDX-License-Identifier: Apache-2.0
 *
 * userns: a user namespace whose root is the caller.
 *
 * Where newuidmap and newgidmap are installed and /etc/subuid and /etc/subgid give the caller a range of ids, the ids from 1 on are mapped to
 * that range; else 0 is the only id there is inside. For processes with one thread that do nothing else afterwards.
 */
#ifndef PAWL_SYS_USERNS_H
#define PAWL_SYS_USERNS_H

#include <stdbool.h>

#include "base/err.h"

/* Enter a new one. *many: ids other than 0 are mapped as well. */
int userns_enter(bool *many, struct err *e);
/* Enter a new one in which uid:gid are the only ids. */
int userns_enter_as(unsigned uid, unsigned gid, struct err *e);

#endif
