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
/* One of very many locks that share a file: the byte at `place`, which need not be there. Does not wait (ERR_BUSY). The file must never be
 * removed. */
int lock_try_byte(int at, const char *path, uint64_t place, struct err *e);

#endif
