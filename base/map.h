/* SPDX-License-Identifier: Apache-2.0
 *
 * map: text to 32-bit number, the index of something in an array.
 *
 * Open addressing; keys are borrowed and must outlive the map. The zero value is an empty map. Order is not kept:
 * what must come out in order is walked in the array that the numbers point into. One thread at a time.
 */
#ifndef PAWL_BASE_MAP_H
#define PAWL_BASE_MAP_H

#include "base/str.h"

#define MAP_NONE UINT32_MAX

struct map_slot;

struct map {
	struct map_slot *slot;
	uint32_t n, cap;
};

void map_done(struct map *m);
uint32_t map_get(const struct map *m, struct str key);            /* or MAP_NONE */
uint32_t map_put(struct map *m, struct str key, uint32_t value);  /* replaces; returns the old value or MAP_NONE */
uint32_t map_add(struct map *m, struct str key, uint32_t value);  /* keeps an old value; returns what is there now */

#endif
