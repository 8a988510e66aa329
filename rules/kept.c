/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/kept.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "sys/clock.h"

#define PREFIX "kept "

struct kept {
	VEC(struct digest) v;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* rare and short: one for all projects */

void
kept_add(struct project *p, const struct digest *d)
{
	pthread_mutex_lock(&mutex);
	if (!p->kept)
		p->kept = mem_zalloc(sizeof *p->kept);
	VEC_PUSH(&p->kept->v, *d);
	pthread_mutex_unlock(&mutex);
}

void
kept_records(struct project *p, struct batch *b)
{
	pthread_mutex_lock(&mutex);
	for (size_t i = 0; p->kept && i < p->kept->v.n; i++) {
		AUTO_BUF key = { 0 }, value = { 0 };
		buf_puts(&key, PREFIX);
		buf_put(&key, (struct str){ (const char *)p->kept->v.v[i].b, sizeof p->kept->v.v[i].b });
		buf_u64(&value, (uint64_t)clock_real());
		batch_put(b, TABLE_MISC, buf_str(&key), buf_str(&value));
	}
	if (p->kept)
		p->kept->v.n = 0;
	pthread_mutex_unlock(&mutex);
}

void
kept_free(struct kept *k)
{
	if (k)
		VEC_DONE(&k->v);
	free(k);
}

bool
kept_is_over(struct str key, struct str value, int64_t now)
{
	struct rd r = { .rest = value };
	const int64_t at = (int64_t)rd_u64(&r);
	return str_starts(key, STR(PREFIX)) && (r.bad || at + KEPT_FOR <= now);
}

struct collecting {
	VEC_FIELDS(struct digest);
	int64_t now;
};

static bool
collect(void *ctx, struct str key, struct str value)
{
	struct collecting *c = ctx;
	struct digest d;
	struct rd r = { .rest = value };
	int64_t at = (int64_t)rd_u64(&r);
	if (key.n == strlen(PREFIX) + sizeof d.b && !r.bad && at + KEPT_FOR > c->now) {
		memcpy(d.b, key.p + strlen(PREFIX), sizeof d.b);
		VEC_PUSH(c, d);
	}
	return true;
}

size_t
kept_all(struct cache *c, int64_t now, struct arena *a, const struct digest **out)
{
	struct collecting all = { .now = now };
	struct view *v;
	if (view_begin(c->records, &v, NULL) == 0) {
		view_each(v, TABLE_MISC, STR(PREFIX), collect, &all);
		view_end(v);
	}
	struct digest *copy = arena_array(a, struct digest, all.n);
	for (size_t i = 0; i < all.n; i++)
		copy[i] = all.v[i];
	size_t n = all.n;
	VEC_DONE(&all);
	*out = copy;
	return n;
}
