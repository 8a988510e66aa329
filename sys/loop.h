/* SPDX-License-Identifier: Apache-2.0
 *
 * loop: the one event loop (epoll, timerfd-free timers, signalfd, eventfd for finished work of threads).
 *
 * One thread runs it and gets all calls back. A callback may add and remove anything, itself included. Handles are small
 * numbers that are never used twice in one loop. After loop_signals the signals are blocked in this thread and those made
 * later, and arrive here.
 */
#ifndef PAWL_SYS_LOOP_H
#define PAWL_SYS_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct loop;
typedef uint64_t loop_id; /* 0: none */

struct loop *loop_new(struct err *e);
void loop_free(struct loop *l); /* waits for running work; work and calls that still wait are dropped; NULL is fine */

/* fd becomes readable (events EPOLLIN) and so on; level-triggered; a descriptor can be watched once at a time. It stays the
 * caller's; remove first, then close. */
loop_id loop_fd(struct loop *l, int fd, uint32_t events, void (*call)(void *ctx, uint32_t events), void *ctx, struct err *e);
/* Once, at a time of clock_mono(). */
loop_id loop_timer(struct loop *l, int64_t at, void (*call)(void *ctx), void *ctx);
void loop_remove(struct loop *l, loop_id id); /* one that has fired, was removed, or 0, is fine */
/* SIGINT, SIGTERM, SIGHUP, SIGWINCH ... to call. n may be 0: give them back. */
int loop_signals(struct loop *l, const int *signals, size_t n, void (*call)(void *ctx, int signal), void *ctx, struct err *e);

/* Run work(ctx) on a thread of the loop's pool (two more than CPUs, since some of it waits), then done(ctx) in the loop's thread. */
void loop_work(struct loop *l, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx);
/* Call back in the loop's thread, soon; from any thread. */
void loop_post(struct loop *l, void (*call)(void *ctx), void *ctx);

/* Until loop_stop, or until nothing is left that could call back: no descriptor, no timer, no work, no posted call. Watched
 * signals alone do not keep it. May be run again; not from a callback. */
int loop_run(struct loop *l, struct err *e);
void loop_stop(struct loop *l); /* from a callback */

#endif
