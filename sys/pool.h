/* SPDX-License-Identifier: Apache-2.0
 *
 * pool: the same function over many indices, on all CPUs, to the end.
 */
#ifndef PAWL_SYS_POOL_H
#define PAWL_SYS_POOL_H

#include <stddef.h>

/* call(ctx, i) for i in 0..n-1, in any order, on up to nthreads threads (0: one per CPU; the caller's is one of them);
 * grain: indices taken at a time. Returns when all are done. */
void pool_each(size_t n, size_t grain, unsigned nthreads, void (*call)(void *ctx, size_t i), void *ctx);
/* The cgroup's limit in whole CPUs, rounded up, or UINT32_MAX; top: the folder that has proc/ and what it names ("/"). */
unsigned pool_quota(int top);
unsigned pool_cpus(void); /* usable CPUs: affinity and cgroup quota (v1 and v2) considered, at least 1 */

#endif
