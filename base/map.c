/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { FIRST = 16 };

struct map_slot {
	struct str key; /* p NULL: free */
	uint32_t hash, value;
};

static uint64_t
mix(uint64_t a, uint64_t b)
{
	const unsigned __int128 m = (unsigned __int128)a * b;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* The seed is where the slots lie, which nobody outside knows: names from elsewhere cannot be made to collide. */
static uint32_t
hash_of(const struct map *m, struct str key)
{
	uint64_t h = mix((uint64_t)(uintptr_t)m->slot ^ UINT64_C(0x9e3779b97f4a7c15), key.n ^ UINT64_C(0xe7037ed1a0b428db));
	while (key.n) {
		uint64_t word = 0;
		const size_t n = key.n < 8 ? key.n : 8;
		memcpy(&word, key.p, n);
		h = mix(h ^ word, UINT64_C(0xa0761d6478bd642f));
		key = str_drop(key, n);
	}
	return (uint32_t)(h ^ h >> 32);
}

/* The slot that holds key, or the free one where it belongs. */
static struct map_slot *
slot_of(const struct map *m, struct str key, uint32_t hash)
{
	uint32_t i = hash & (m->cap - 1);
	while (m->slot[i].key.p && !(m->slot[i].hash == hash && str_eq(m->slot[i].key, key)))
		i = (i + 1) & (m->cap - 1);
	return &m->slot[i];
}

static void
grow(struct map *m)
{
	struct map_slot *old = m->slot;
	const uint32_t n = m->cap;
	assert(n <= UINT32_MAX / 4);
	m->cap = n ? n * 2 : FIRST;
	m->slot = mem_zalloc(m->cap * sizeof *m->slot);
	for (uint32_t i = 0; i < n; i++) {
		if (!old[i].key.p)
			continue;
		const uint32_t hash = hash_of(m, old[i].key);
		struct map_slot *s = slot_of(m, old[i].key, hash);
		*s = old[i];
		s->hash = hash;
	}
	free(old);
}

void
map_done(struct map *m)
{
	free(m->slot);
	*m = (struct map){ 0 };
}

uint32_t
map_get(const struct map *m, struct str key)
{
	if (m->n == 0)
		return MAP_NONE;
	const struct map_slot *s = slot_of(m, key, hash_of(m, key));
	return s->key.p ? s->value : MAP_NONE;
}

static struct map_slot *
find_or_add(struct map *m, struct str key, uint32_t value, uint32_t *old)
{
	assert(value != MAP_NONE);
	if (m->n >= m->cap / 4 * 3)
		grow(m);
	const uint32_t hash = hash_of(m, key);
	struct map_slot *s = slot_of(m, key, hash);
	*old = s->key.p ? s->value : MAP_NONE;
	if (!s->key.p) {
		*s = (struct map_slot){ { key.p ? key.p : "", key.n }, hash, value };
		m->n++;
	}
	return s;
}

uint32_t
map_put(struct map *m, struct str key, uint32_t value)
{
	uint32_t old;
	find_or_add(m, key, value, &old)->value = value;
	return old;
}

uint32_t
map_add(struct map *m, struct str key, uint32_t value)
{
	uint32_t old;
	return find_or_add(m, key, value, &old)->value;
}
