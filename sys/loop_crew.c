/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loop_crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "sys/pool.h"

enum { WAITING = 2 }; /* threads more than CPUs: one that waits for the disk, one for a program to start */

struct job {
	struct job *next;
	void (*work)(void *ctx); /* NULL: a posted call */
	void (*done)(void *ctx);
	void *ctx;
};

struct queue {
	struct job *first, **end;
	size_t n;
};

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct queue waiting, posted; /* work for the threads, calls for the loop */
	size_t working;               /* taken by a thread and not yet posted */
	size_t idle, nthreads, most;
	pthread_t *thread;
	bool ending;
	int wake;
};

static void
append(struct queue *q, struct job *j)
{
	if (!q->first)
		q->end = &q->first;
	j->next = NULL;
	*q->end = j;
	q->end = &j->next;
	q->n++;
}

static struct job *
take(struct queue *q)
{
	struct job *j = q->first;
	if (j) {
		q->first = j->next;
		q->n--;
	}
	return j;
}

static struct job *
new_job(void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	struct job *j = mem_zalloc(sizeof *j);
	j->work = work;
	j->done = done;
	j->ctx = ctx;
	return j;
}

struct crew *
crew_new(int wake)
{
	struct crew *c = mem_zalloc(sizeof *c);
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->more, NULL);
	c->wake = wake;
	return c;
}

static void
drop(struct queue *q)
{
	struct job *j;
	while ((j = take(q)))
		free(j);
}

void
crew_free(struct crew *c)
{
	if (!c)
		return;
	(void)pthread_mutex_lock(&c->lock);
	c->ending = true;
	(void)pthread_cond_broadcast(&c->more);
	(void)pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < c->nthreads; i++)
		(void)pthread_join(c->thread[i], NULL);
	drop(&c->waiting);
	drop(&c->posted);
	(void)pthread_cond_destroy(&c->more);
	(void)pthread_mutex_destroy(&c->lock);
	free(c->thread);
	free(c);
}

void
crew_wake(struct crew *c)
{
	const uint64_t one = 1;
	(void)!write(c->wake, &one, sizeof one); /* fails only when it is readable already */
}

static void *
serve(void *arg)
{
	struct crew *c = arg;
	(void)pthread_mutex_lock(&c->lock);
	for (;;) {
		while (!c->waiting.first && !c->ending) {
			c->idle++;
			(void)pthread_cond_wait(&c->more, &c->lock);
			c->idle--;
		}
		if (c->ending)
			break;
		struct job *j = take(&c->waiting);
		c->working++;
		(void)pthread_mutex_unlock(&c->lock);
		j->work(j->ctx);
		(void)pthread_mutex_lock(&c->lock);
		c->working--;
		append(&c->posted, j);
		crew_wake(c);
	}
	(void)pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* With the lock held. No signal is ever delivered to these threads. */
static void
hire(struct crew *c)
{
	if (c->most == 0) {
		c->most = pool_cpus() + WAITING;
		c->thread = mem_zalloc(c->most * sizeof *c->thread);
	}
	if (c->idle >= c->waiting.n || c->nthreads == c->most)
		return;
	sigset_t all, old;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&c->thread[c->nthreads], NULL, serve, c) == 0)
		c->nthreads++;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
crew_work(struct crew *c, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	struct job *j = new_job(work, done, ctx);
	(void)pthread_mutex_lock(&c->lock);
	append(&c->waiting, j);
	hire(c);
	(void)pthread_cond_signal(&c->more);
	/* The system gives no thread at all: the work is done here, later than wished but done. */
	j = c->nthreads ? NULL : take(&c->waiting);
	(void)pthread_mutex_unlock(&c->lock);
	if (!j)
		return;
	work(ctx);
	(void)pthread_mutex_lock(&c->lock);
	append(&c->posted, j);
	crew_wake(c);
	(void)pthread_mutex_unlock(&c->lock);
}

void
crew_post(struct crew *c, void (*call)(void *ctx), void *ctx)
{
	struct job *j = new_job(NULL, call, ctx);
	(void)pthread_mutex_lock(&c->lock);
	append(&c->posted, j);
	crew_wake(c);
	(void)pthread_mutex_unlock(&c->lock);
}

size_t
crew_posted(struct crew *c)
{
	(void)pthread_mutex_lock(&c->lock);
	const size_t n = c->posted.n;
	(void)pthread_mutex_unlock(&c->lock);
	return n;
}

bool
crew_take(struct crew *c, struct post *out)
{
	(void)pthread_mutex_lock(&c->lock);
	struct job *j = take(&c->posted);
	(void)pthread_mutex_unlock(&c->lock);
	if (!j)
		return false;
	*out = (struct post){ .call = j->done, .ctx = j->ctx };
	free(j);
	return true;
}

bool
crew_busy(struct crew *c)
{
	(void)pthread_mutex_lock(&c->lock);
	const bool busy = c->waiting.n || c->working || c->posted.n;
	(void)pthread_mutex_unlock(&c->lock);
	return busy;
}
