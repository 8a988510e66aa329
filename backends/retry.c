/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/retry.h"

#include <unistd.h>

#include "sys/clock.h"

#define FIRST_MS 250
#define SLICE_MS 20

/* Half to whole of ms; where in between is of no consequence. */
static int64_t
shaken(int64_t ms)
{
	uint64_t x = (uint64_t)clock_mono() ^ ((uint64_t)getpid() << 32);
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	return ms / 2 + (int64_t)(x % (uint64_t)(ms / 2 + 1));
}

static bool
wait_for(struct retry *r, int64_t ms)
{
	if (r->tries >= (r->most > 0 ? r->most : RETRY_TRIES) || ms > RETRY_WAIT_MS - r->waited_ms)
		return false;
	r->tries++;
	r->waited_ms += ms;
	const int64_t end = clock_mono() + ms * NS_PER_MS;
	for (int64_t left; (left = end - clock_mono()) > 0;) {
		if (r->stop && atomic_load(r->stop))
			return false;
		clock_sleep(left < SLICE_MS * NS_PER_MS ? left : SLICE_MS * NS_PER_MS);
	}
	return !r->stop || !atomic_load(r->stop);
}

bool
retry_status(int status)
{
	static const int passing[] = { 408, 425, 429, 500, 502, 503, 504 };
	for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
		if (passing[i] == status)
			return true;
	}
	return false;
}

bool
retry_answer(struct retry *r, const struct http_answer *a)
{
	const int64_t asked = http_retry_after(a);
	return retry_status(a->status) && wait_for(r, asked >= 0 ? asked : shaken(FIRST_MS << r->tries));
}

bool
retry_failure(struct retry *r, const struct http *h)
{
	return http_passing(h) && wait_for(r, shaken(FIRST_MS << r->tries));
}
