/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { FIRST = 64 };

void
buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

void
buf_reset(struct buf *b)
{
	b->n = 0;
	if (b->p)
		b->p[0] = '\0';
}

void
buf_reserve(struct buf *b, size_t more)
{
	/* One byte beyond for the NUL. A sum that overflows asks mem_grow for what no machine has. */
	size_t want;
	if (__builtin_add_overflow(b->n, more, &want) || want > SIZE_MAX / 4)
		want = SIZE_MAX / 2;
	if (want < b->cap)
		return;
	size_t cap = b->cap ? b->cap : FIRST;
	while (cap <= want)
		cap += cap / 2;
	const bool first = b->p == NULL;
	b->p = mem_grow(b->p, cap);
	b->cap = cap;
	if (first)
		b->p[0] = '\0';
}

void
buf_put(struct buf *b, struct str s)
{
	buf_reserve(b, s.n);
	if (s.n)
		memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
	b->p[b->n] = '\0';
}

void
buf_puts(struct buf *b, const char *z)
{
	buf_put(b, str_z(z));
}

void
buf_putc(struct buf *b, char c)
{
	buf_put(b, (struct str){ &c, 1 });
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	buf_reserve(b, FIRST);
	const size_t room = b->cap - b->n;
	const int n = vsnprintf(b->p + b->n, room, fmt, ap);
	assert(n >= 0);
	if ((size_t)n >= room) {
		buf_reserve(b, (size_t)n);
		vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
	}
	b->n += (size_t)n;
	va_end(again);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

struct str
buf_str(const struct buf *b)
{
	return (struct str){ b->p, b->n };
}

const char *
buf_z(const struct buf *b)
{
	return b->p ? b->p : "";
}

static void
put_little(struct buf *b, uint64_t v, size_t nbytes)
{
	char bytes[8];
	for (size_t i = 0; i < nbytes; i++)
		bytes[i] = (char)(v >> 8 * i);
	buf_put(b, (struct str){ bytes, nbytes });
}

void
buf_u8(struct buf *b, uint8_t v)
{
	put_little(b, v, 1);
}

void
buf_u32(struct buf *b, uint32_t v)
{
	put_little(b, v, 4);
}

void
buf_u64(struct buf *b, uint64_t v)
{
	put_little(b, v, 8);
}

void
buf_text(struct buf *b, struct str s)
{
	assert(s.n <= UINT32_MAX);
	buf_u32(b, (uint32_t)s.n);
	buf_put(b, s);
}

struct str
rd_bytes(struct rd *r, size_t n)
{
	if (r->bad || n > r->rest.n) {
		r->bad = true;
		return (struct str){ 0 };
	}
	const struct str s = str_take(r->rest, n);
	r->rest = str_drop(r->rest, n);
	return s;
}

static uint64_t
get_little(struct rd *r, size_t nbytes)
{
	const struct str s = rd_bytes(r, nbytes);
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++)
		v |= (uint64_t)(unsigned char)s.p[i] << 8 * i;
	return v;
}

uint8_t
rd_u8(struct rd *r)
{
	return (uint8_t)get_little(r, 1);
}

uint32_t
rd_u32(struct rd *r)
{
	return (uint32_t)get_little(r, 4);
}

uint64_t
rd_u64(struct rd *r)
{
	return get_little(r, 8);
}

struct str
rd_text(struct rd *r)
{
	const uint32_t n = rd_u32(r);
	return rd_bytes(r, n);
}
