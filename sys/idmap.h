/* SPDX-License-Identifier: Apache-2.0
 *
 * idmap: folders of the host for a command that runs as somebody else. For root alone; Linux 5.12, and a file system that takes part.
 *
 * What belongs to root on the disk belongs to the other user as the command sees it, and the other way round; what the command makes there belongs to
 * root on the disk. All other ids are as they are.
 */
#ifndef PAWL_SYS_IDMAP_H
#define PAWL_SYS_IDMAP_H

#include "base/err.h"

/* A descriptor that stands for the exchange of 0 with uid and gid; -1. */
int idmap_open(unsigned uid, unsigned gid, struct err *e);
/* A copy of the mounts at and below path, seen through the exchange; a descriptor for idmap_attach, -1. Nobody else sees it. */
int idmap_copy(int idmap, const char *path, struct err *e);
int idmap_attach(int copy, const char *where, struct err *e); /* the copy is mounted there; the descriptor stays open */

#endif
