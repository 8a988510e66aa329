/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/lease.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/vec.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/lock.h"

#define NAME_MAX_HERE 64
#define READ_LIMIT ((size_t)1 << 30)

struct lease {
	int lock; /* held; -1: the cache is degraded, nothing is written */
	int out;  /* the same file, for appending */
	char name[NAME_MAX_HERE];
	pthread_mutex_t mu;
	struct map seen; /* keys in arena */
	struct arena arena;
};

/* Somebody who tidies may take a new file for a dead one before it is locked: then it has no name any more, and is made again. */
static int
make_file(struct cache *c, struct lease *l, struct err *e)
{
	struct err why = { 0 };
	for (int i = 0; i < 100; i++) {
		const int64_t now = clock_real();
		blobs_epoch(c->blobs, now);
		(void)snprintf(l->name, sizeof l->name, "leases/%ld-%lld", (long)getpid(), (long long)now);
		l->lock = lock_take(c->fd, l->name, false, 0, &why);
		struct file_stat mine, there;
		if (l->lock >= 0 && file_stat_fd(l->lock, &mine, &why) == 0 &&
		    file_stat(c->fd, l->name, false, &there, &why) == 0 && mine.ino == there.ino) {
			l->out = file_open(c->fd, l->name, O_WRONLY | O_APPEND, 0, &why);
			if (l->out >= 0)
				return 0;
		}
		file_closep(&l->lock);
		if (why.code != ERR_BUSY && why.code != ERR_MISSING)
			break;
	}
	return err_set(e, why.code, "take a lease: %s", why.text);
}

int
lease_take(struct cache *c, struct err *e)
{
	assert(!c->lease);
	struct lease *l = mem_zalloc(sizeof *l);
	l->lock = l->out = -1;
	pthread_mutex_init(&l->mu, NULL);
	struct err why = { 0 };
	if (!c->degraded && make_file(c, l, &why) < 0 && why.code != ERR_FULL && why.code != ERR_DENIED) {
		pthread_mutex_destroy(&l->mu);
		free(l);
		if (e)
			*e = why;
		return -1;
	}
	c->lease = l;
	return 0;
}

int
lease_add(struct cache *c, const struct digest *d, struct err *e)
{
	struct lease *l = c->lease;
	if (!l || l->out < 0)
		return 0;
	char line[DIGEST_HEX + 2];
	digest_hex(d, line);
	line[DIGEST_HEX] = '\n';
	int rc = 0;
	pthread_mutex_lock(&l->mu);
	const struct str key = { (const char *)d->b, sizeof d->b };
	if (map_get(&l->seen, key) == MAP_NONE) {
		rc = file_write_all(l->out, (struct str){ line, DIGEST_HEX + 1 }, e);
		if (rc == 0)
			(void)map_put(&l->seen, arena_str(&l->arena, key), 1);
	}
	pthread_mutex_unlock(&l->mu);
	return rc;
}

void
lease_drop(struct cache *c)
{
	struct lease *l = c->lease;
	if (!l)
		return;
	if (l->lock >= 0)
		(void)unlinkat(c->fd, l->name, 0); /* else the next gc does */
	file_closep(&l->out);
	file_closep(&l->lock);
	map_done(&l->seen);
	arena_done(&l->arena);
	pthread_mutex_destroy(&l->mu);
	free(l);
	c->lease = NULL;
}

static int
by_digest(const void *a, const void *b)
{
	return digest_cmp(a, b);
}

/* The last line of a lease that is being written may be short: its blob is young. */
static void
parse(struct str text, struct arena *a, struct digest **v, size_t *n, size_t *cap)
{
	while (text.n > 0) {
		const struct str_cut line = str_cut(text, '\n');
		struct digest d;
		if (digest_parse(line.head, true, &d)) {
			if (*n == *cap) {
				*cap = *cap * 2 + 64;
				struct digest *more = arena_array(a, struct digest, *cap);
				if (*n)
					memcpy(more, *v, *n * sizeof **v);
				*v = more;
			}
			(*v)[(*n)++] = d;
		}
		text = line.tail;
	}
}

int
lease_read(struct cache *c, struct arena *a, struct digest **out, size_t *n, int64_t *oldest, struct err *e)
{
	struct arena tmp = { 0 };
	struct file_entry *f;
	size_t nfiles = 0, have = 0, cap = 0;
	struct digest *v = NULL;
	int64_t first = INT64_MAX;
	int rc = c->fd < 0 ? 0 : file_list(c->fd, "leases", &tmp, &f, &nfiles, e);
	for (size_t i = 0; rc == 0 && i < nfiles; i++) {
		const char *path = arena_printf(&tmp, "leases/" STR_FMT, STR_ARG(f[i].name)).p;
		struct err why = { 0 };
		AUTO_FD dead = lock_take(c->fd, path, false, 0, &why);
		if (dead >= 0) {
			(void)unlinkat(c->fd, path, 0); /* the next reader tries again */
			continue;
		}
		/* Held, or not to be opened: what cannot be read is taken as the oldest there could be. */
		AUTO_BUF text = { 0 };
		uint64_t at = 0;
		if (file_read(c->fd, path, READ_LIMIT, &text, &why) < 0) {
			if (why.code != ERR_MISSING)
				first = 0;
			continue;
		}
		if (!str_u64(str_cut(f[i].name, '-').tail, &at) || at > INT64_MAX)
			at = 0;
		first = (int64_t)at < first ? (int64_t)at : first;
		parse(buf_str(&text), a, &v, &have, &cap);
	}
	arena_done(&tmp);
	if (rc < 0)
		return -1;
	if (have > 0)
		qsort(v, have, sizeof *v, by_digest);
	*out = v;
	*n = have;
	*oldest = first;
	return 0;
}
