/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/gate.h"

#include <assert.h>
#include <time.h>

#include "sys/clock.h"

void
gate_init(struct gate *g)
{
	*g = (struct gate){ 0 };
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&g->mu, NULL);
	pthread_cond_init(&g->turn, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void
gate_done(struct gate *g)
{
	assert(g->inside == 0);
	pthread_mutex_destroy(&g->mu);
	pthread_cond_destroy(&g->turn);
}

void
gate_enter(struct gate *g)
{
	pthread_mutex_lock(&g->mu);
	while (g->shut)
		pthread_cond_wait(&g->turn, &g->mu);
	g->inside++;
	pthread_mutex_unlock(&g->mu);
}

void
gate_leave(struct gate *g)
{
	pthread_mutex_lock(&g->mu);
	assert(g->inside > 0);
	if (--g->inside == 0)
		pthread_cond_broadcast(&g->turn);
	pthread_mutex_unlock(&g->mu);
}

bool
gate_shut(struct gate *g, int timeout_ms)
{
	const int64_t at = clock_mono() + timeout_ms * NS_PER_MS;
	const struct timespec until = { .tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S };
	int rc = 0;
	pthread_mutex_lock(&g->mu);
	while (g->shut && rc == 0)
		rc = pthread_cond_timedwait(&g->turn, &g->mu, &until);
	if (rc == 0) {
		g->shut = true;
		while (g->inside > 0 && rc == 0)
			rc = pthread_cond_timedwait(&g->turn, &g->mu, &until);
		if (rc != 0) {
			g->shut = false;
			pthread_cond_broadcast(&g->turn);
		}
	}
	pthread_mutex_unlock(&g->mu);
	return rc == 0;
}

void
gate_reopen(struct gate *g)
{
	pthread_mutex_lock(&g->mu);
	g->shut = false;
	pthread_cond_broadcast(&g->turn);
	pthread_mutex_unlock(&g->mu);
}
