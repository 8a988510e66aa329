/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"

enum { THREADS_MOST = 256 };

struct share {
	atomic_size_t next;
	size_t n, grain;
	void (*call)(void *ctx, size_t i);
	void *ctx;
};

static void *
run(void *arg)
{
	struct share *s = arg;
	for (;;) {
		const size_t first = atomic_fetch_add_explicit(&s->next, s->grain, memory_order_relaxed);
		if (first >= s->n)
			return NULL;
		const size_t end = s->n - first < s->grain ? s->n : first + s->grain;
		for (size_t i = first; i < end; i++)
			s->call(s->ctx, i);
	}
}

void
pool_each(size_t n, size_t grain, unsigned nthreads, void (*call)(void *ctx, size_t i), void *ctx)
{
	struct share s = { .n = n, .grain = grain ? grain : 1, .call = call, .ctx = ctx };
	const size_t pieces = n / s.grain + (n % s.grain != 0);
	size_t want = pieces <= 1 ? pieces : nthreads ? nthreads : pool_cpus();
	if (want > pieces)
		want = pieces;
	if (want > THREADS_MOST)
		want = THREADS_MOST;
	pthread_t thread[THREADS_MOST];
	size_t started = 0;
	if (want > 1) {
		/* Signals go to the threads that expect them, never to these. */
		sigset_t all, old;
		sigfillset(&all);
		(void)pthread_sigmask(SIG_SETMASK, &all, &old);
		while (started < want - 1 && pthread_create(&thread[started], NULL, run, &s) == 0)
			started++;
		(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	run(&s);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(thread[i], NULL);
}
