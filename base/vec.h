/* SPDX-License-Identifier: Apache-2.0
 *
 * vec: growing arrays, by macro, for any element type.
 *
 *	struct vec_u32 VEC(uint32_t) ids = { 0 };     or a named struct: struct ids { VEC_FIELDS(uint32_t); };
 *	VEC_PUSH(&ids, 7);  for (size_t i = 0; i < ids.n; i++) ... ids.v[i] ...;  VEC_DONE(&ids);
 *
 * The memory is the vector's own (heap). Pointers to elements die with the next push.
 */
#ifndef PAWL_BASE_VEC_H
#define PAWL_BASE_VEC_H

#include <stdlib.h>

#include "base/arena.h"

#define VEC_FIELDS(type) \
	type *v;         \
	size_t n, cap
#define VEC(type) \
	struct { \
		VEC_FIELDS(type); \
	}
#define VEC_RESERVE(vec, want)                                                                             \
	do {                                                                                               \
		if ((vec)->cap < (want)) {                                                                 \
			(vec)->cap = (vec)->cap * 2 > (want) ? (vec)->cap * 2 : (size_t)(want) + 7;        \
			(vec)->v = mem_grow((vec)->v, (vec)->cap * sizeof *(vec)->v);                      \
		}                                                                                          \
	} while (0)
#define VEC_PUSH(vec, item)                              \
	do {                                             \
		VEC_RESERVE((vec), (vec)->n + 1);        \
		(vec)->v[(vec)->n++] = (item);           \
	} while (0)
#define VEC_DONE(vec)                                    \
	do {                                             \
		free((vec)->v);                          \
		(vec)->v = NULL;                         \
		(vec)->n = (vec)->cap = 0;               \
	} while (0)

#endif
