/* SPDX-License-Identifier: Apache-2.0
 *
 * lease: what a running invocation uses, so that gc leaves it alone.
 *
 * A file leases/PID-TIME, locked by its owner for as long as it lives, with one digest a line. gc reads the leases whose lock is held,
 * and removes the others. Blobs younger than the oldest held lease are never removed.
 */
#ifndef PAWL_CACHE_LEASE_H
#define PAWL_CACHE_LEASE_H

#include "cache/cache.h"

/* In a degraded cache a lease is empty and costs nothing. Order: lease_add first, then look whether the blob is there (gc removes in the
 * opposite order). Any thread may add. */
int lease_take(struct cache *c, struct err *e); /* fills c->lease; once */
int lease_add(struct cache *c, const struct digest *d, struct err *e);
void lease_drop(struct cache *c);

/* The digests of all held leases, sorted, and the start (clock_real) of the oldest, INT64_MAX without any. */
int lease_read(struct cache *c, struct arena *a, struct digest **out, size_t *n, int64_t *oldest, struct err *e);

#endif
