/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/pools.h"

#include <assert.h>
#include <string.h>

void
pools_init(struct pools *p, const struct run_pool *v, size_t n, struct arena *a)
{
	*p = (struct pools){ .v = v, .n = n, .left = arena_array(a, int64_t, n), .reserved = arena_array(a, int64_t, n) };
	for (size_t i = 0; i < n; i++)
		p->left[i] = v[i].amount;
}

void
pools_scan(struct pools *p)
{
	if (p->n)
		memset(p->reserved, 0, p->n * sizeof *p->reserved);
}

/* The pool of a need and its share there; SIZE_MAX: none. */
static size_t
share(const struct pools *p, const struct pool_need *need, int64_t *amount)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!str_eq(p->v[i].name, need->name))
			continue;
		*amount = need->amount < 0 ? 0 : need->amount > p->v[i].amount ? p->v[i].amount : need->amount;
		return i;
	}
	return SIZE_MAX;
}

static void
add(int64_t *to, const struct pools *p, const struct pool_need *need, size_t n, int64_t factor)
{
	for (size_t i = 0; i < n; i++) {
		int64_t amount;
		const size_t at = share(p, &need[i], &amount);
		if (at != SIZE_MAX)
			to[at] += factor * amount;
	}
}

bool
pools_take(struct pools *p, const struct pool_need *need, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int64_t amount;
		const size_t at = share(p, &need[i], &amount);
		if (at == SIZE_MAX || !amount || amount <= p->left[at] - p->reserved[at])
			continue;
		add(p->reserved, p, need, n, 1);
		return false;
	}
	add(p->left, p, need, n, -1);
	return true;
}

void
pools_give(struct pools *p, const struct pool_need *need, size_t n)
{
	add(p->left, p, need, n, 1);
	for (size_t i = 0; i < p->n; i++)
		assert(p->left[i] <= p->v[i].amount);
}
