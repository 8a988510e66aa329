/* SPDX-License-Identifier: Apache-2.0
 *
 * pools: named amounts of resources, taken while a node is made and given back. Private to engine/.
 *
 * A need larger than its pool is clamped to the whole pool, so that the node runs alone there. A need of a pool that nobody declared is
 * free. A scan asks for nodes in the order of their importance: what does not fit reserves its share, so that less important ones
 * cannot starve it by always fitting in between.
 */
#ifndef PAWL_ENGINE_POOLS_H
#define PAWL_ENGINE_POOLS_H

#include "engine/run.h"

struct pools {
	const struct run_pool *v;
	size_t n;
	int64_t *left;     /* by pool: not taken */
	int64_t *reserved; /* by pool: for more important nodes of this scan */
};

void pools_init(struct pools *p, const struct run_pool *v, size_t n, struct arena *a);
void pools_scan(struct pools *p); /* a new scan: no reservations */
bool pools_take(struct pools *p, const struct pool_need *need, size_t n);
void pools_give(struct pools *p, const struct pool_need *need, size_t n);

#endif
