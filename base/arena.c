/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_FIRST = 1024 - 64, BLOCK_MOST = 1 << 20, ALIGN = alignof(max_align_t), OOM_STATUS = 70 };

struct arena_block {
	struct arena_block *older;
	size_t cap, used;
	alignas(max_align_t) char bytes[];
};

struct arena_deferred {
	struct arena_deferred *older;
	void (*release)(void *p);
	void *p;
};

void
mem_none(void)
{
	static const char text[] = "pawl: out of memory\n";
	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(OOM_STATUS);
	_exit(OOM_STATUS);
}

void *
mem_alloc(size_t size)
{
	void *p = malloc(size ? size : 1);
	if (!p)
		mem_none();
	return p;
}

void *
mem_zalloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);
	if (!p)
		mem_none();
	return p;
}

void *
mem_grow(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);
	if (!q)
		mem_none();
	return q;
}

char *
mem_strdup(const char *z)
{
	char *p = strdup(z);
	if (!p)
		mem_none();
	return p;
}

static void
free_from(struct arena_block *b)
{
	while (b) {
		struct arena_block *older = b->older;
		free(b);
		b = older;
	}
}

static void
release_deferred(struct arena *a)
{
	for (struct arena_deferred *d = a->deferred; d; d = d->older)
		d->release(d->p);
	a->deferred = NULL;
}

void
arena_defer(struct arena *a, void (*release)(void *p), void *p)
{
	struct arena_deferred *d = arena_new(a, struct arena_deferred);
	*d = (struct arena_deferred){ a->deferred, release, p };
	a->deferred = d;
}

void
arena_done(struct arena *a)
{
	release_deferred(a);
	free_from(a->block);
	*a = (struct arena){ 0 };
}

void
arena_reset(struct arena *a)
{
	release_deferred(a);
	struct arena_block *b = a->block;
	a->used = 0;
	if (!b)
		return;
	free_from(b->older);
	b->older = NULL;
	memset(b->bytes, 0, b->used);
	b->used = 0;
}

static struct arena_block *
new_block(size_t cap)
{
	struct arena_block *b = mem_zalloc(sizeof *b + cap);
	b->cap = cap;
	return b;
}

/* A large piece gets a block of its own behind the newest, so that the room left in the newest is not lost. */
static void *
alloc_large(struct arena *a, size_t size)
{
	struct arena_block *b = new_block(size);
	b->used = size;
	b->older = a->block->older;
	a->block->older = b;
	return b->bytes;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	if (size > SIZE_MAX / 2)
		mem_none();
	const size_t need = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	struct arena_block *b = a->block;
	a->used += need;
	if (!b || b->cap - b->used < need) {
		size_t cap = b ? b->cap * 2 : BLOCK_FIRST;
		if (cap > BLOCK_MOST)
			cap = BLOCK_MOST;
		if (b && need > cap / 4)
			return alloc_large(a, need);
		struct arena_block *fresh = new_block(need > cap ? need : cap);
		fresh->older = b;
		a->block = b = fresh;
	}
	void *p = b->bytes + b->used;
	b->used += need;
	return p;
}

void *
arena_alloc_array(struct arena *a, size_t size, size_t n)
{
	size_t total;
	if (__builtin_mul_overflow(size, n, &total))
		mem_none();
	return arena_alloc(a, total);
}

char *
arena_z(struct arena *a, struct str s)
{
	if (s.n == SIZE_MAX)
		mem_none();
	char *p = arena_alloc(a, s.n + 1);
	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

struct str
arena_str(struct arena *a, struct str s)
{
	return (struct str){ arena_z(a, s), s.n };
}

struct str
arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	assert(fmt);
	/* Into the room that is left: it mostly suffices, and then the text is put together once. What is unused must stay zeros. */
	struct arena_block *b = a->block;
	const size_t room = b ? (b->cap - b->used) & ~(size_t)(ALIGN - 1) : 0;
	va_list again;
	va_copy(again, ap);
	const int n = vsnprintf(room ? b->bytes + b->used : NULL, room, fmt, again);
	va_end(again);
	assert(n >= 0);
	const bool whole = (size_t)n < room;
	if (room && !whole)
		memset(b->bytes + b->used, 0, room);
	char *p = arena_alloc(a, (size_t)n + 1);
	if (!whole)
		vsnprintf(p, (size_t)n + 1, fmt, ap);
	return (struct str){ p, (size_t)n };
}

struct str
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const struct str s = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return s;
}
