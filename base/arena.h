/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: memory that lives and dies together.
 *
 * `struct arena *a` in a signature means: what this returns lives as long as a. Nobody frees single pieces.
 * Memory comes zeroed and aligned for any type. An arena belongs to one thread at a time.
 * When the system has no memory left the process prints one line and ends with status 70: the one place below cli/
 * that ends the process. Zero value: an empty arena, ready to use.
 */
#ifndef PAWL_BASE_ARENA_H
#define PAWL_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

struct arena_block;
struct arena_deferred;

struct arena {
	struct arena_block *block; /* newest first; private */
	size_t used;               /* bytes handed out */
	struct arena_deferred *deferred; /* newest first; private */
};

void arena_done(struct arena *a);  /* gives everything back; a is empty and usable again */
void arena_reset(struct arena *a); /* like done, but keeps the newest block for reuse */

/* Calls release(p) when the arena is done or reset, newest first: for what lives as long as a but is not made of its memory. */
void arena_defer(struct arena *a, void (*release)(void *p), void *p);

void *arena_alloc(struct arena *a, size_t size);
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc_array((a), sizeof(type), (n)))
void *arena_alloc_array(struct arena *a, size_t size, size_t n); /* the product is checked */

struct str arena_str(struct arena *a, struct str s);         /* a copy; NUL-terminated behind its end */
char *arena_z(struct arena *a, struct str s);                /* a NUL-terminated copy */
struct str arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* malloc and realloc that end the process as described above; release with free(). */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_grow(void *p, size_t size);
char *mem_strdup(const char *z);
/* Ends the process as described above: for a library that says it got no memory. */
_Noreturn void mem_none(void);

#endif
