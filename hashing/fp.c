/* SPDX-License-Identifier: Apache-2.0 */
#include "hashing/fp.h"

#include <xxhash.h>

#include "base/arena.h"

/* The stream is xxHash's own state under another name. */
static XXH3_state_t *
in(struct fp_stream *s)
{
	return (XXH3_state_t *)s;
}

static struct fp
of(XXH128_hash_t h)
{
	return (struct fp){ .hi = h.high64, .lo = h.low64 };
}

struct fp
fp_of(struct str bytes)
{
	return of(XXH3_128bits(bytes.p ? bytes.p : "", bytes.n));
}

bool
fp_eq(struct fp a, struct fp b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

struct fp
fp_of_list(const struct str *pieces, size_t n)
{
	struct fp_stream *s = fp_begin();
	for (size_t i = 0; i < n; i++) {
		char length[8];
		for (size_t k = 0; k < sizeof length; k++)
			length[k] = (char)((uint64_t)pieces[i].n >> 8 * k);
		fp_add(s, (struct str){ length, sizeof length });
		fp_add(s, pieces[i]);
	}
	return fp_end(s);
}

struct fp_stream *
fp_begin(void)
{
	XXH3_state_t *state = XXH3_createState();
	if (!state)
		mem_none();
	(void)XXH3_128bits_reset(state); /* fails for NULL alone; so does update */
	return (struct fp_stream *)state;
}

void
fp_add(struct fp_stream *s, struct str bytes)
{
	if (bytes.n)
		(void)XXH3_128bits_update(in(s), bytes.p, bytes.n);
}

struct fp
fp_end(struct fp_stream *s)
{
	const struct fp r = of(XXH3_128bits_digest(in(s)));
	(void)XXH3_freeState(in(s));
	return r;
}

#define TEXT(x) #x
#define VERSION(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *
fp_version(void)
{
	return VERSION(XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE);
}
