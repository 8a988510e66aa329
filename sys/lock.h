/* SPDX-License-Identifier: Apache-2.0
 *
 * lock: advisory locks between processes, on files (open file description locks: they die with their owner).
 */
#ifndef PAWL_SYS_LOCK_H
#define PAWL_SYS_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Opens (creates) path and locks it; waits at most timeout_ms (0: not at all, -1: for ever). The descriptor is the lock:
 * close it to release. -1 with ERR_BUSY after the deadline. shared: many readers or one writer. */
int lock_take(int at, const char *path, bool shared, int timeout_ms, struct err *e);
/* Very many locks that share a file, which must never be removed: the byte at `place` (63 bits), which need not be there. It belongs to the open
 * file that fd is of, and so does not keep out another call on the same fd. Does not wait (ERR_BUSY). */
int lock_open(int at, const char *path, struct err *e); /* made if need be */
int lock_byte(int fd, uint64_t place, struct err *e);
void lock_give_byte(int fd, uint64_t place);

#endif
