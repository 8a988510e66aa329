/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/vec.h"
#include "hashing/fp.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/lock.h"

#define MAGIC UINT64_C(0x70617773746e7531)
#define MOST 100000           /* tickets in one line */
#define PATIENCE (2 * NS_PER_S) /* for the file: it is held for microseconds */

struct entry {
	uint64_t ticket, amount, held;
};

struct line {
	uint64_t next;
	VEC(struct entry) v;
};

struct turns {
	int fd; /* -1: nothing is shared */
	uint64_t capacity;
	VEC(uint64_t) own;
};

int
turns_open(struct cache *c, struct str name, uint64_t capacity, struct turns **out, struct err *e)
{
	const struct fp fp = fp_of(name);
	char path[64];
	int fd = -1;
	if (!c->degraded) {
		if (file_mkdirs(c->fd, "pools", e) < 0)
			return -1;
		snprintf(path, sizeof path, "pools/%016llx%016llx", (unsigned long long)fp.hi, (unsigned long long)fp.lo);
		fd = lock_open(c->fd, path, e);
		if (fd < 0)
			return err_wrap(e, "share '" STR_FMT "' with other invocations", STR_ARG(name));
	}
	*out = mem_zalloc(sizeof **out);
	**out = (struct turns){ .fd = fd, .capacity = capacity };
	return 0;
}

void
turns_close(struct turns *t)
{
	if (!t)
		return;
	while (t->own.n)
		turns_leave(t, t->own.v[t->own.n - 1]);
	file_closep(&t->fd);
	VEC_DONE(&t->own);
	free(t);
}

static int
enter(struct turns *t, struct err *e)
{
	const int64_t deadline = clock_mono() + PATIENCE;
	struct err why;
	while (lock_byte(t->fd, 0, &why) < 0) {
		if (why.code != ERR_BUSY || clock_mono() > deadline) {
			if (e)
				*e = why;
			return -1;
		}
		clock_sleep(NS_PER_MS / 5);
	}
	return 0;
}

static bool
is_own(const struct turns *t, uint64_t ticket)
{
	for (size_t i = 0; i < t->own.n; i++)
		if (t->own.v[i] == ticket)
			return true;
	return false;
}

/* Whose byte can be locked has no owner any more. */
static bool
is_dead(struct turns *t, uint64_t ticket)
{
	if (is_own(t, ticket))
		return false;
	if (lock_byte(t->fd, 1 + ticket, NULL) < 0)
		return false;
	lock_give_byte(t->fd, 1 + ticket);
	return true;
}

/* The living. */
static int
read_line(struct turns *t, struct line *l, struct err *e)
{
	AUTO_BUF b = { 0 };
	*l = (struct line){ .next = 1 };
	if (lseek(t->fd, 0, SEEK_SET) < 0)
		return err_os(e, "read a line of turns");
	if (file_read_fd(t->fd, (MOST + 1) * sizeof(struct entry), &b, e) < 0)
		return -1;
	uint64_t head[2];
	if (b.n < sizeof head)
		return 0;
	memcpy(head, b.p, sizeof head);
	if (head[0] != MAGIC || head[1] == 0 || head[1] > UINT64_C(1) << 60)
		return 0;
	l->next = head[1];
	for (size_t at = sizeof head; at + sizeof(struct entry) <= b.n; at += sizeof(struct entry)) {
		struct entry x;
		memcpy(&x, b.p + at, sizeof x);
		const bool sound = x.ticket > 0 && x.ticket < l->next && x.held <= 1 && (!l->v.n || l->v.v[l->v.n - 1].ticket < x.ticket);
		if (sound && !is_dead(t, x.ticket))
			VEC_PUSH(&l->v, x);
	}
	return 0;
}

static int
write_line(struct turns *t, const struct line *l, struct err *e)
{
	AUTO_BUF b = { 0 };
	const uint64_t head[2] = { MAGIC, l->next };
	buf_put(&b, (struct str){ (const char *)head, sizeof head });
	if (l->v.n)
		buf_put(&b, (struct str){ (const char *)l->v.v, l->v.n * sizeof *l->v.v });
	if (pwrite(t->fd, b.p, b.n, 0) != (ssize_t)b.n || ftruncate(t->fd, (off_t)b.n) < 0)
		return err_os(e, "write a line of turns");
	return 0;
}

int
turns_join(struct turns *t, uint64_t amount, uint64_t *ticket, struct err *e)
{
	struct line l;
	if (t->fd < 0) {
		*ticket = 0;
		return 0;
	}
	if (enter(t, e) < 0)
		return -1;
	int rc = read_line(t, &l, e);
	if (rc == 0 && l.v.n >= MOST)
		rc = err_set(e, ERR_BUSY, "more than %d stand in line", MOST);
	if (rc == 0) {
		const uint64_t mine = l.next++;
		VEC_PUSH(&l.v, ((struct entry){ mine, amount < t->capacity ? amount : t->capacity, 0 }));
		rc = lock_byte(t->fd, 1 + mine, e);
		if (rc == 0)
			rc = write_line(t, &l, e);
		if (rc == 0) {
			VEC_PUSH(&t->own, mine);
			*ticket = mine;
		} else {
			lock_give_byte(t->fd, 1 + mine);
		}
	}
	VEC_DONE(&l.v);
	lock_give_byte(t->fd, 0);
	return rc;
}

/* Everybody in the order of tickets until one does not fit. */
static bool
serve(const struct turns *t, struct line *l, uint64_t ticket)
{
	uint64_t taken = 0;
	for (size_t i = 0; i < l->v.n; i++)
		taken += l->v.v[i].held ? l->v.v[i].amount : 0;
	for (size_t i = 0; i < l->v.n; i++) {
		struct entry *x = &l->v.v[i];
		if (x->held) {
			if (x->ticket == ticket)
				return true;
			continue;
		}
		if (taken + x->amount > t->capacity)
			return false;
		taken += x->amount;
		if (x->ticket != ticket)
			continue; /* he will ask himself; his share is kept for him */
		x->held = 1;
		return true;
	}
	return false;
}

int
turns_ask(struct turns *t, uint64_t ticket, bool *yes, struct err *e)
{
	struct line l;
	*yes = true;
	if (t->fd < 0)
		return 0;
	if (enter(t, e) < 0)
		return -1;
	int rc = read_line(t, &l, e);
	if (rc == 0) {
		*yes = serve(t, &l, ticket);
		rc = *yes ? write_line(t, &l, e) : 0;
	}
	VEC_DONE(&l.v);
	lock_give_byte(t->fd, 0);
	return rc;
}

void
turns_leave(struct turns *t, uint64_t ticket)
{
	struct line l;
	for (size_t i = 0; i < t->own.n; i++)
		if (t->own.v[i] == ticket)
			t->own.v[i] = t->own.v[--t->own.n];
	if (t->fd < 0)
		return;
	lock_give_byte(t->fd, 1 + ticket); /* whatever becomes of the file, he is out of it */
	if (enter(t, NULL) < 0)
		return;
	if (read_line(t, &l, NULL) == 0) /* which leaves him out */
		(void)write_line(t, &l, NULL);
	VEC_DONE(&l.v);
	lock_give_byte(t->fd, 0);
}
