/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: bytes that grow at the end.
 *
 * Owns its heap memory; the zero value is empty and ready. `AUTO_BUF b = { 0 };` releases itself.
 * Always NUL-terminated behind its end once anything was put (buf_z gives "" before that). One thread at a time.
 */
#ifndef PAWL_BASE_BUF_H
#define PAWL_BASE_BUF_H

#include <stdarg.h>

#include "base/str.h"

struct buf {
	char *p;
	size_t n, cap;
};

#define AUTO_BUF __attribute__((cleanup(buf_done))) struct buf

void buf_done(struct buf *b);
void buf_reset(struct buf *b);                    /* empty, memory kept */
void buf_reserve(struct buf *b, size_t more);     /* room for that many further bytes */
void buf_put(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *z);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

struct str buf_str(const struct buf *b);          /* until the next change */
const char *buf_z(const struct buf *b);

/* Numbers in a fixed byte order (little endian), and texts with a 32-bit length in front: stored formats. */
void buf_u8(struct buf *b, uint8_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_text(struct buf *b, struct str s);

/* The reading side. A short or wrong input sets bad and returns zeros from then on: check `bad` once, at the end. */
struct rd {
	struct str rest;
	bool bad;
};
uint8_t rd_u8(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
struct str rd_text(struct rd *r);                 /* borrowed from the input */
struct str rd_bytes(struct rd *r, size_t n);

#endif
