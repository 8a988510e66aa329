/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/claim.h"

#include "hashing/fp.h"
#include "sys/file.h"
#include "sys/lock.h"

#define CLAIMS "locks/claims"

static claim_id
place_of(struct str name)
{
	const uint64_t place = fp_of(name).lo >> 1;
	return place ? place : 1;
}

int
claim_try(struct cache *c, struct str name, struct err *e)
{
	if (c->degraded)
		return file_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, e);
	AUTO_FD fd = lock_open(c->fd, CLAIMS, e);
	if (fd < 0 || lock_byte(fd, place_of(name), e) < 0)
		return -1;
	const int locked = fd;
	fd = -1;
	return locked;
}

void
claim_set_init(struct claim_set *s, struct cache *c)
{
	*s = (struct claim_set){ .cache = c, .fd = -1 };
}

void
claim_set_done(struct claim_set *s)
{
	file_closep(&s->fd);
	VEC_DONE(&s->held);
}

static size_t
find(const struct claim_set *s, claim_id id)
{
	size_t i = 0;
	while (i < s->held.n && s->held.v[i] != id)
		i++;
	return i;
}

int
claim_take(struct claim_set *s, struct str name, claim_id *out, struct err *e)
{
	const claim_id id = place_of(name);
	*out = 0;
	if (s->cache->degraded)
		return 0;
	if (s->fd < 0 && (s->fd = lock_open(s->cache->fd, CLAIMS, e)) < 0)
		return -1;
	if (find(s, id) < s->held.n)
		return err_set(e, ERR_BUSY, "claim '" STR_FMT "': it is held here already", STR_ARG(name));
	if (lock_byte(s->fd, id, e) < 0)
		return -1;
	VEC_PUSH(&s->held, id);
	*out = id;
	return 0;
}

void
claim_give(struct claim_set *s, claim_id id)
{
	const size_t i = find(s, id);
	if (i == s->held.n)
		return;
	lock_give_byte(s->fd, id);
	s->held.v[i] = s->held.v[--s->held.n];
}
