/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/claim.h"

#include "hashing/fp.h"
#include "sys/file.h"
#include "sys/lock.h"

/* An id is the place in its file above the number of the file; the highest bit is left to the sign of offsets. */
static claim_id
id_of(struct str name)
{
	const uint64_t id = fp_of(name).lo >> 1;
	return id ? id : 1;
}

static int
open_file(struct cache *c, claim_id id, struct err *e)
{
	char path[] = "locks/claims-0";
	path[sizeof path - 2] = "0123456789abcdef"[id % CLAIM_FILES];
	return lock_open(c->fd, path, e);
}

int
claim_try(struct cache *c, struct str name, struct err *e)
{
	if (c->degraded)
		return file_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, e);
	const claim_id id = id_of(name);
	AUTO_FD fd = open_file(c, id, e);
	if (fd < 0 || lock_byte(fd, id / CLAIM_FILES, e) < 0)
		return -1;
	const int locked = fd;
	fd = -1;
	return locked;
}

void
claim_set_init(struct claim_set *s, struct cache *c)
{
	*s = (struct claim_set){ .cache = c };
	for (int i = 0; i < CLAIM_FILES; i++)
		s->fd[i] = -1;
}

void
claim_set_done(struct claim_set *s)
{
	for (int i = 0; i < CLAIM_FILES; i++)
		file_closep(&s->fd[i]);
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
	const claim_id id = id_of(name);
	int *fd = &s->fd[id % CLAIM_FILES];
	*out = 0;
	if (s->cache->degraded)
		return 0;
	if (*fd < 0 && (*fd = open_file(s->cache, id, e)) < 0)
		return -1;
	if (find(s, id) < s->held.n)
		return err_set(e, ERR_BUSY, "claim '" STR_FMT "': it is held here already", STR_ARG(name));
	if (lock_byte(*fd, id / CLAIM_FILES, e) < 0)
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
	lock_give_byte(s->fd[id % CLAIM_FILES], id / CLAIM_FILES);
	s->held.v[i] = s->held.v[--s->held.n];
}
