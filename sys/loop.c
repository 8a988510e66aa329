/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/vec.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/loop_crew.h"

/* A handle is the number of a slot and how often the slot was given out: id = turn << SLOT_BITS | slot + RESERVED. */
enum { SLOT_BITS = 24, EVENTS = 64 };
enum { ID_WAKE = 1, ID_SIGNAL = 2, RESERVED = 3 };
#define SLOT_MASK ((UINT64_C(1) << SLOT_BITS) - 1)

enum source_kind { SOURCE_FREE, SOURCE_FD, SOURCE_TIMER };

struct source {
	enum source_kind kind;
	uint64_t turn;
	uint32_t next_free; /* slot + 1; 0: none */
	int fd;
	void (*on_fd)(void *ctx, uint32_t events);
	void (*on_time)(void *ctx);
	void *ctx;
	int64_t at;
	uint64_t serial;    /* timers of one moment fire in the order of their making */
	size_t heap;        /* place in the heap */
};

struct loop {
	int epoll, wake, signals; /* descriptors */
	VEC(struct source) sources;
	uint32_t free_slot;       /* slot + 1; 0: none */
	VEC(uint32_t) heap;       /* slots of timers, the earliest first */
	uint64_t serial;
	size_t nfds;
	struct crew *crew;
	void (*on_signal)(void *ctx, int signal);
	void *signal_ctx;
	sigset_t caught, old_mask;
	bool masked;              /* old_mask is to be restored */
	bool running, stopped;
};

static int
watch(struct loop *l, int op, int fd, uint32_t events, uint64_t id)
{
	struct epoll_event ev = { .events = events, .data.u64 = id };
	return epoll_ctl(l->epoll, op, fd, &ev);
}

struct loop *
loop_new(struct err *e)
{
	struct loop *l = mem_zalloc(sizeof *l);
	l->signals = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll < 0 || l->wake < 0 || watch(l, EPOLL_CTL_ADD, l->wake, EPOLLIN, ID_WAKE) < 0) {
		err_os(e, "make the event loop");
		loop_free(l);
		return NULL;
	}
	l->crew = crew_new(l->wake);
	return l;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	assert(!l->running);
	crew_free(l->crew);
	if (l->masked)
		(void)pthread_sigmask(SIG_SETMASK, &l->old_mask, NULL);
	file_closep(&l->signals);
	file_closep(&l->wake);
	file_closep(&l->epoll);
	VEC_DONE(&l->sources);
	VEC_DONE(&l->heap);
	free(l);
}

static struct source *
take_slot(struct loop *l, uint32_t *slot)
{
	if (l->free_slot) {
		*slot = l->free_slot - 1;
		l->free_slot = l->sources.v[*slot].next_free;
	} else {
		const struct source fresh = { 0 };
		assert(l->sources.n + RESERVED < SLOT_MASK);
		*slot = (uint32_t)l->sources.n;
		VEC_PUSH(&l->sources, fresh);
	}
	struct source *s = &l->sources.v[*slot];
	*s = (struct source){ .turn = s->turn };
	return s;
}

static void
give_slot(struct loop *l, uint32_t slot)
{
	struct source *s = &l->sources.v[slot];
	s->kind = SOURCE_FREE;
	s->turn++; /* old handles lead nowhere from now on */
	s->next_free = l->free_slot;
	l->free_slot = slot + 1;
}

static loop_id
id_of(const struct loop *l, uint32_t slot)
{
	return l->sources.v[slot].turn << SLOT_BITS | (slot + RESERVED);
}

/* The slot of a live handle, or UINT32_MAX. */
static uint32_t
slot_of(const struct loop *l, loop_id id)
{
	const uint64_t slot = (id & SLOT_MASK) - RESERVED; /* what is reserved wraps to beyond the end */
	if (slot >= l->sources.n || l->sources.v[slot].kind == SOURCE_FREE || l->sources.v[slot].turn != id >> SLOT_BITS)
		return UINT32_MAX;
	return (uint32_t)slot;
}

loop_id
loop_fd(struct loop *l, int fd, uint32_t events, void (*call)(void *ctx, uint32_t events), void *ctx, struct err *e)
{
	uint32_t slot;
	struct source *s = take_slot(l, &slot);
	if (watch(l, EPOLL_CTL_ADD, fd, events, id_of(l, slot)) < 0) {
		err_os(e, "watch descriptor %d", fd);
		give_slot(l, slot);
		return 0;
	}
	s->kind = SOURCE_FD;
	s->fd = fd;
	s->on_fd = call;
	s->ctx = ctx;
	l->nfds++;
	return id_of(l, slot);
}

static bool
earlier(const struct loop *l, uint32_t a, uint32_t b)
{
	const struct source *x = &l->sources.v[a], *y = &l->sources.v[b];
	return x->at != y->at ? x->at < y->at : x->serial < y->serial;
}

static void
place(struct loop *l, size_t i, uint32_t slot)
{
	l->heap.v[i] = slot;
	l->sources.v[slot].heap = i;
}

static void
heap_up(struct loop *l, size_t i)
{
	const uint32_t slot = l->heap.v[i];
	while (i && earlier(l, slot, l->heap.v[(i - 1) / 2])) {
		place(l, i, l->heap.v[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(l, i, slot);
}

static void
heap_down(struct loop *l, size_t i)
{
	const uint32_t slot = l->heap.v[i];
	for (size_t k; (k = 2 * i + 1) < l->heap.n; i = k) {
		if (k + 1 < l->heap.n && earlier(l, l->heap.v[k + 1], l->heap.v[k]))
			k++;
		if (!earlier(l, l->heap.v[k], slot))
			break;
		place(l, i, l->heap.v[k]);
	}
	place(l, i, slot);
}

static void
heap_remove(struct loop *l, size_t i)
{
	const uint32_t last = l->heap.v[--l->heap.n];
	if (i == l->heap.n)
		return;
	place(l, i, last);
	heap_down(l, i);
	heap_up(l, l->sources.v[last].heap);
}

loop_id
loop_timer(struct loop *l, int64_t at, void (*call)(void *ctx), void *ctx)
{
	uint32_t slot;
	struct source *s = take_slot(l, &slot);
	s->kind = SOURCE_TIMER;
	s->at = at;
	s->serial = l->serial++;
	s->on_time = call;
	s->ctx = ctx;
	VEC_PUSH(&l->heap, slot);
	heap_up(l, l->heap.n - 1);
	return id_of(l, slot);
}

void
loop_remove(struct loop *l, loop_id id)
{
	const uint32_t slot = slot_of(l, id);
	if (slot == UINT32_MAX)
		return;
	const struct source *s = &l->sources.v[slot];
	if (s->kind == SOURCE_TIMER) {
		heap_remove(l, s->heap);
	} else {
		(void)watch(l, EPOLL_CTL_DEL, s->fd, 0, 0); /* closed already: the kernel has forgotten it */
		l->nfds--;
	}
	give_slot(l, slot);
}

int
loop_signals(struct loop *l, const int *signals, size_t n, void (*call)(void *ctx, int signal), void *ctx, struct err *e)
{
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, signals[i]);
	const bool fresh = l->signals < 0;
	const int fd = signalfd(l->signals, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_os(e, "watch signals");
	l->signals = fd;
	if (fresh && watch(l, EPOLL_CTL_ADD, fd, EPOLLIN, ID_SIGNAL) < 0)
		return err_os(e, "watch signals");
	if (l->masked)
		(void)pthread_sigmask(SIG_SETMASK, &l->old_mask, NULL);
	l->masked = n > 0;
	if (n)
		(void)pthread_sigmask(SIG_BLOCK, &set, &l->old_mask);
	l->on_signal = call;
	l->signal_ctx = ctx;
	return 0;
}

void
loop_work(struct loop *l, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	crew_work(l->crew, work, done, ctx);
}

void
loop_post(struct loop *l, void (*call)(void *ctx), void *ctx)
{
	crew_post(l->crew, call, ctx);
}

static void
take_signals(struct loop *l)
{
	struct signalfd_siginfo info;
	while (!l->stopped && l->signals >= 0 && read(l->signals, &info, sizeof info) == sizeof info)
		if (l->on_signal)
			l->on_signal(l->signal_ctx, (int)info.ssi_signo);
}

static void
take_posted(struct loop *l)
{
	uint64_t count;
	(void)!read(l->wake, &count, sizeof count); /* only to make it quiet */
	/* What is posted from here on comes in the next round, after the descriptors. */
	for (size_t n = crew_posted(l->crew); n && !l->stopped; n--) {
		struct post p;
		if (!crew_take(l->crew, &p))
			return;
		p.call(p.ctx);
	}
	if (crew_posted(l->crew))
		crew_wake(l->crew);
}

static void
take_timers(struct loop *l)
{
	const int64_t now = l->heap.n ? clock_mono() : 0;
	const uint64_t serial = l->serial; /* one made by a callback waits for the next round */
	while (l->heap.n && !l->stopped) {
		const uint32_t slot = l->heap.v[0];
		const struct source s = l->sources.v[slot];
		if (s.at > now || s.serial >= serial)
			return;
		heap_remove(l, 0);
		give_slot(l, slot);
		s.on_time(s.ctx);
	}
}

static int
wait_ms(const struct loop *l)
{
	if (l->heap.n == 0)
		return -1;
	const int64_t left = l->sources.v[l->heap.v[0]].at - clock_mono();
	if (left <= 0)
		return 0;
	const int64_t ms = (left - 1) / NS_PER_MS + 1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static int
take_events(struct loop *l, struct err *e)
{
	struct epoll_event ev[EVENTS];
	const int n = epoll_wait(l->epoll, ev, EVENTS, wait_ms(l));
	if (n < 0 && errno != EINTR)
		return err_os(e, "wait for events");
	for (int i = 0; i < n && !l->stopped; i++)
		if (ev[i].data.u64 == ID_SIGNAL) /* first: nothing new begins behind the back of one who wants an end */
			take_signals(l);
	for (int i = 0; i < n && !l->stopped; i++) {
		const uint64_t id = ev[i].data.u64;
		if (id == ID_WAKE) {
			take_posted(l);
		} else if (id != ID_SIGNAL) {
			const uint32_t slot = slot_of(l, id); /* a callback of this round may have removed it */
			if (slot == UINT32_MAX)
				continue;
			const struct source s = l->sources.v[slot];
			s.on_fd(s.ctx, ev[i].events);
		}
	}
	return 0;
}

int
loop_run(struct loop *l, struct err *e)
{
	assert(!l->running);
	l->running = true;
	l->stopped = false;
	int r = 0;
	while (r == 0) {
		take_timers(l);
		if (l->stopped || (l->nfds == 0 && l->heap.n == 0 && !crew_busy(l->crew)))
			break;
		r = take_events(l, e);
	}
	l->running = false;
	return r;
}

void
loop_stop(struct loop *l)
{
	l->stopped = true;
}
