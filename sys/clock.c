/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/clock.h"

#include <time.h>

static int64_t
ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * NS_PER_S + t->tv_nsec;
}

static int64_t
now(clockid_t id)
{
	struct timespec t = { 0 };
	(void)clock_gettime(id, &t); /* cannot fail for these clocks */
	return ns(&t);
}

int64_t
clock_real(void)
{
	return now(CLOCK_REALTIME);
}

int64_t
clock_mono(void)
{
	return now(CLOCK_MONOTONIC);
}

int64_t
clock_tick(void)
{
	struct timespec t;
	if (clock_getres(CLOCK_REALTIME_COARSE, &t) < 0 || ns(&t) <= 0)
		return 10 * NS_PER_MS; /* the slowest scheduler tick that Linux has */
	return ns(&t);
}

void
clock_sleep(int64_t duration)
{
	const struct timespec t = { .tv_sec = (time_t)(duration / NS_PER_S), .tv_nsec = (long)(duration % NS_PER_S) };
	(void)nanosleep(&t, NULL); /* a signal only makes the caller look earlier */
}
