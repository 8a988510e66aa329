/* SPDX-License-Identifier: Apache-2.0
 *
 * loop_crew: the threads behind a loop, and the calls that wait for the loop's thread. Private to sys/loop.c.
 *
 * Threads are made when work waits and none is idle, up to one per CPU and two at least. Everything here is guarded by one
 * mutex; the eventfd `wake` becomes readable whenever a call was posted.
 */
#ifndef PAWL_SYS_LOOP_CREW_H
#define PAWL_SYS_LOOP_CREW_H

#include <stdbool.h>
#include <stddef.h>

struct crew;

struct post {
	void (*call)(void *ctx);
	void *ctx;
};

struct crew *crew_new(int wake); /* wake stays the caller's and must outlive the crew */
void crew_free(struct crew *c);  /* lets running work end, drops what waits, joins all threads; NULL is fine */

void crew_work(struct crew *c, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx);
void crew_post(struct crew *c, void (*call)(void *ctx), void *ctx);

size_t crew_posted(struct crew *c);              /* calls that wait */
bool crew_take(struct crew *c, struct post *out); /* the oldest of them */
bool crew_busy(struct crew *c);                  /* something waits or runs */
void crew_wake(struct crew *c);

#endif
