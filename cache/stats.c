/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored value (little endian; other versions are misses):
 *	u8 version 1 | u64 dev | u64 ino | u64 size | u64 mtime | u64 ctime | u32 mode | 32 bytes digest | u64 fp.hi | u64 fp.lo |
 *	u64 content size | u64 hashed at (or, by the week, when it was last found to hold)
 * Key: u64 dev | u64 ino.
 */
#include "cache/stats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/vec.h"
#include "sys/clock.h"
#include "sys/file.h"

#define VERSION 1
#define TRIES 5
#define WEEK (INT64_C(7) * 86400 * NS_PER_S)

struct known {
	struct stat_sig sig;
	struct content content;
	int64_t hashed_at;
};

struct entry {
	uint64_t key[2]; /* dev, ino; little endian as all machines that we build for */
	struct known known;
	bool dirty; /* not saved yet */
};

struct stats {
	struct records *records; /* may be NULL */
	pthread_mutex_t mu;      /* all below */
	struct map index;
	VEC(struct entry *) v;
};

struct stats *
stats_new(struct records *r)
{
	struct stats *s = mem_zalloc(sizeof *s);
	s->records = r;
	pthread_mutex_init(&s->mu, NULL);
	return s;
}

void
stats_free(struct stats *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->v.n; i++)
		free(s->v.v[i]);
	VEC_DONE(&s->v);
	map_done(&s->index);
	pthread_mutex_destroy(&s->mu);
	free(s);
}

static void
encode(const struct known *k, struct buf *out)
{
	buf_u8(out, VERSION);
	buf_u64(out, k->sig.dev);
	buf_u64(out, k->sig.ino);
	buf_u64(out, k->sig.size);
	buf_u64(out, (uint64_t)k->sig.mtime);
	buf_u64(out, (uint64_t)k->sig.ctime);
	buf_u32(out, k->sig.mode);
	buf_put(out, (struct str){ (const char *)k->content.digest.b, sizeof k->content.digest.b });
	buf_u64(out, k->content.fp.hi);
	buf_u64(out, k->content.fp.lo);
	buf_u64(out, k->content.size);
	buf_u64(out, (uint64_t)k->hashed_at);
}

static bool
decode(struct str value, struct known *out)
{
	struct rd r = { .rest = value };
	if (rd_u8(&r) != VERSION)
		return false;
	struct known k = { 0 };
	k.sig.dev = rd_u64(&r);
	k.sig.ino = rd_u64(&r);
	k.sig.size = rd_u64(&r);
	k.sig.mtime = (int64_t)rd_u64(&r);
	k.sig.ctime = (int64_t)rd_u64(&r);
	k.sig.mode = rd_u32(&r);
	const struct str d = rd_bytes(&r, sizeof k.content.digest.b);
	if (d.n == sizeof k.content.digest.b)
		memcpy(k.content.digest.b, d.p, d.n);
	k.content.fp.hi = rd_u64(&r);
	k.content.fp.lo = rd_u64(&r);
	k.content.size = rd_u64(&r);
	k.hashed_at = (int64_t)rd_u64(&r);
	if (r.bad || r.rest.n > 0)
		return false;
	*out = k;
	return true;
}

/* What is remembered for exactly this signature, settled or not. */
static bool
recall(struct stats *s, const struct stat_sig *now, struct known *out)
{
	const uint64_t id[2] = { now->dev, now->ino };
	const struct str key = { (const char *)id, sizeof id };
	pthread_mutex_lock(&s->mu);
	const uint32_t i = map_get(&s->index, key);
	if (i != MAP_NONE)
		*out = s->v.v[i]->known;
	pthread_mutex_unlock(&s->mu);
	struct view *view = NULL;
	if (i != MAP_NONE)
		return stat_sig_eq(&out->sig, now);
	if (!s->records || view_begin(s->records, &view, NULL) < 0)
		return false;
	struct str value;
	const bool ok = view_get(view, TABLE_STAT, key, &value) && decode(value, out) && stat_sig_eq(&out->sig, now);
	view_end(view);
	return ok;
}

static void
remember(struct stats *s, const struct known *k)
{
	const uint64_t id[2] = { k->sig.dev, k->sig.ino };
	pthread_mutex_lock(&s->mu);
	const uint32_t i = map_get(&s->index, (struct str){ (const char *)id, sizeof id });
	struct entry *en;
	if (i != MAP_NONE) {
		en = s->v.v[i];
	} else {
		en = mem_zalloc(sizeof *en);
		memcpy(en->key, id, sizeof id);
		(void)map_put(&s->index, (struct str){ (const char *)en->key, sizeof en->key }, (uint32_t)s->v.n);
		VEC_PUSH(&s->v, en);
	}
	en->known = *k;
	en->dirty = true;
	pthread_mutex_unlock(&s->mu);
}

/* The time of hashing serves as that of the last use as well: what held then holds now, as the signature shows. */
static void
refresh(struct stats *s, struct known *k)
{
	const int64_t now = clock_real();
	if (now - k->hashed_at < WEEK)
		return;
	k->hashed_at = now;
	remember(s, k);
}

static bool
find(struct stats *s, const struct stat_sig *now, struct content *out)
{
	struct known k;
	if (!recall(s, now, &k) || !content_settled(&k.sig, k.hashed_at))
		return false;
	refresh(s, &k);
	*out = k.content;
	return true;
}

bool
stats_peek(struct stats *s, const struct stat_sig *sig, struct content *out, bool *settled)
{
	struct known k;
	if (!recall(s, sig, &k))
		return false;
	*out = k.content;
	*settled = content_settled(&k.sig, k.hashed_at);
	return true;
}

void
stats_know(struct stats *s, const struct file_stat *st, const struct content *c, int64_t hashed_at)
{
	if (c->size == st->size)
		remember(s, &(struct known){ .sig = stat_sig_of(st), .content = *c, .hashed_at = hashed_at });
}

/* Reads the file. The signature is taken before and after: what changed meanwhile is read again. */
static int
hash(int at, const char *path, struct known *out, struct err *e)
{
	AUTO_FD fd = file_open(at, path, O_RDONLY | O_NONBLOCK, 0, e);
	struct file_stat before, after;
	if (fd < 0 || file_stat_fd(fd, &before, e) < 0)
		return -1;
	if (before.type != FILE_REGULAR)
		return err_set(e, ERR_INPUT, "'%s' is not a regular file", path);
	for (int i = 0; i < TRIES; i++) {
		struct known k = { .sig = stat_sig_of(&before), .hashed_at = clock_real() };
		if (lseek(fd, 0, SEEK_SET) < 0)
			return err_os(e, "read '%s'", path);
		if (content_of_fd(fd, &k.content, e) < 0)
			return err_wrap(e, "read '%s'", path);
		if (file_stat_fd(fd, &after, e) < 0)
			return -1;
		const struct stat_sig now = stat_sig_of(&after);
		if (stat_sig_eq(&k.sig, &now) && k.content.size == after.size) {
			*out = k;
			return 0;
		}
		before = after;
	}
	return err_set(e, ERR_BUSY, "'%s' keeps changing while it is read", path);
}

int
stats_content(struct stats *s, int at, const char *path, const struct file_stat *st, struct content *out, struct err *e)
{
	struct file_stat now;
	if (!st) {
		if (file_stat(at, path, true, &now, e) < 0)
			return -1;
		st = &now;
	}
	const struct stat_sig sig = stat_sig_of(st);
	if (find(s, &sig, out))
		return 0;
	struct known k;
	if (hash(at, path, &k, e) < 0)
		return -1;
	remember(s, &k);
	*out = k.content;
	return 0;
}

static int
reader_content(void *ctx, int at, const char *path, const struct file_stat *st, struct content *out, struct err *e)
{
	return stats_content(ctx, at, path, st, out, e);
}

struct tree_reader
stats_tree_reader(struct stats *s)
{
	return (struct tree_reader){ .content = reader_content, .ctx = s };
}

bool
stats_asked_before(struct str value, int64_t before)
{
	struct known k;
	return !decode(value, &k) || k.hashed_at < before;
}

/* What cannot be trusted yet is not worth a record: it is read again next time anyway. */
void
stats_save(struct stats *s, struct batch *b)
{
	AUTO_BUF value = { 0 };
	pthread_mutex_lock(&s->mu);
	for (size_t i = 0; i < s->v.n; i++) {
		struct entry *en = s->v.v[i];
		if (!en->dirty || !content_settled(&en->known.sig, en->known.hashed_at))
			continue;
		buf_reset(&value);
		encode(&en->known, &value);
		batch_put(b, TABLE_STAT, (struct str){ (const char *)en->key, sizeof en->key }, buf_str(&value));
		en->dirty = false;
	}
	pthread_mutex_unlock(&s->mu);
}
