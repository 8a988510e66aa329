/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: digests and seconds in the engine's stored formats. Private to engine/result.c and engine/last.c.
 */
#ifndef PAWL_ENGINE_CODEC_H
#define PAWL_ENGINE_CODEC_H

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "hashing/digest.h"

static inline void
put_digest(struct buf *b, const struct digest *d)
{
	buf_put(b, (struct str){ (const char *)d->b, sizeof d->b });
}

static inline struct digest
get_digest(struct rd *r)
{
	struct digest d = { 0 };
	const struct str s = rd_bytes(r, sizeof d.b);
	if (!r->bad)
		memcpy(d.b, s.p, sizeof d.b);
	return d;
}

/* Seconds: IEEE 754 bits. What is not a finite number from 0 on is damage. */
static inline void
put_double(struct buf *b, double v)
{
	uint64_t bits;
	_Static_assert(sizeof bits == sizeof v, "binary64");
	if (!isfinite(v) || v < 0)
		v = 0;
	memcpy(&bits, &v, sizeof bits);
	buf_u64(b, bits);
}

static inline double
get_double(struct rd *r)
{
	const uint64_t bits = rd_u64(r);
	double v;
	memcpy(&v, &bits, sizeof v);
	if (isfinite(v) && v >= 0)
		return v;
	r->bad = true;
	return 0;
}

#endif
