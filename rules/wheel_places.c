/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "engine/rule.h"
#include "rules/interpreter.h"
#include "rules/wheelset.h"
#include "sys/loop.h"

/* Where wheels are found, and what of it a person sees. */

static struct str
url_key(const struct digest *d, struct arena *a)
{
	char hex[DIGEST_HEX + 1];

	digest_hex(d, hex);
	return arena_printf(a, "wheel-url:%s", hex);
}

void
wheel_url_put(struct batch *b, const struct digest *sha256, struct str url)
{
	struct arena a = { 0 };

	batch_put(b, TABLE_MISC, url_key(sha256, &a), url);
	arena_done(&a);
}

struct wheel_places {
	pthread_mutex_t mu;
	struct map by_digest;
	VEC(struct str) urls;
	struct map made;         /* url_key -> position of its bytes */
	VEC(struct str) bytes;
	VEC(struct str) indexes; /* as the requirements name them, with their users and passwords */
};

static void
free_places(void *p)
{
	struct wheel_places *s = p;

	map_done(&s->by_digest);
	VEC_DONE(&s->urls);
	VEC_DONE(&s->indexes);
	map_done(&s->made);
	VEC_DONE(&s->bytes);
	(void)pthread_mutex_destroy(&s->mu);
}

static struct wheel_places *
places_of(struct project *p)
{
	struct python_state *state = python_state(p);

	if (!state->places) {
		state->places = arena_new(&p->arena, struct wheel_places);
		(void)pthread_mutex_init(&state->places->mu, NULL);
		arena_defer(&p->arena, free_places, state->places);
	}
	return state->places;
}

void
wheel_bytes_note(struct project *p, const struct digest *sha256, struct str bytes)
{
	struct wheel_places *s = places_of(p);

	pthread_mutex_lock(&s->mu);
	map_put(&s->made, url_key(sha256, &p->arena), (uint32_t)s->bytes.n);
	VEC_PUSH(&s->bytes, bytes);
	pthread_mutex_unlock(&s->mu);
}

bool
wheel_bytes_get(struct project *p, const struct digest *sha256, struct str *bytes)
{
	struct wheel_places *s = p->python ? p->python->places : NULL;
	struct arena a = { 0 };

	if (!s)
		return false;
	pthread_mutex_lock(&s->mu);
	const uint32_t i = map_get(&s->made, url_key(sha256, &a));
	if (i != MAP_NONE)
		*bytes = s->bytes.v[i];
	pthread_mutex_unlock(&s->mu);
	arena_done(&a);
	return i != MAP_NONE;
}

void
wheel_index_note(struct project *p, struct str option)
{
	struct wheel_places *s = places_of(p);

	pthread_mutex_lock(&s->mu);
	VEC_PUSH(&s->indexes, arena_str(&p->arena, option));
	pthread_mutex_unlock(&s->mu);
}

size_t
wheel_indexes(struct project *p, struct arena *a, struct str **out)
{
	struct wheel_places *s = p->python ? p->python->places : NULL;

	if (!s)
		return 0;
	pthread_mutex_lock(&s->mu);
	const size_t n = s->indexes.n;
	*out = arena_array(a, struct str, n);
	if (n)
		memcpy(*out, s->indexes.v, n * sizeof **out);
	pthread_mutex_unlock(&s->mu);
	return n;
}

void
wheel_url_note(struct project *p, const struct digest *sha256, struct str url)
{
	struct wheel_places *s = places_of(p);

	pthread_mutex_lock(&s->mu);
	map_put(&s->by_digest, url_key(sha256, &p->arena), (uint32_t)s->urls.n);
	VEC_PUSH(&s->urls, arena_str(&p->arena, url));
	pthread_mutex_unlock(&s->mu);
}

static bool
noted(struct project *p, struct str key, struct arena *a, struct str *url)
{
	struct wheel_places *s = p->python ? p->python->places : NULL;

	if (!s)
		return false;
	pthread_mutex_lock(&s->mu);
	const uint32_t i = map_get(&s->by_digest, key);
	if (i != MAP_NONE)
		*url = arena_str(a, s->urls.v[i]);
	pthread_mutex_unlock(&s->mu);
	return i != MAP_NONE;
}

bool
wheel_url_get(struct project *p, const struct digest *sha256, struct arena *a, struct str *url)
{
	struct view *v = NULL;
	struct str found;

	if (noted(p, url_key(sha256, a), a, url))
		return true;
	if (view_begin(p->cache->records, &v, NULL) < 0)
		return false;
	bool ok = view_get(v, TABLE_MISC, url_key(sha256, a), &found);
	if (ok)
		*url = arena_str(a, found);
	view_end(v);
	return ok;
}

/* ---- progress ---- */

struct arrival {
	struct project *project;
	node_id node;
	size_t done, n;
	uint64_t bytes;
};

static void
tell(void *ctx)
{
	struct arrival *x = ctx;
	struct arena a = { 0 };

	if (x->project->watch.progress)
		x->project->watch.progress(x->project->watch.ctx, x->node, arena_printf(&a, "fetched %zu of %zu packages, %.1f MB", x->done, x->n,
											(double)x->bytes / 1e6));
	arena_done(&a);
	free(x);
}

void
wheel_arrived(void *ctx, size_t done, size_t n, uint64_t bytes)
{
	struct task *t = ctx;
	struct arrival *x;

	if (n < 2 || (done < n && n > 20 && done % (n / 20)))
		return; /* some twenty lines at most */
	x = mem_alloc(sizeof *x);
	*x = (struct arrival){ .project = t->ctx, .node = t->node, .done = done, .n = n, .bytes = bytes };
	loop_post(t->loop, tell, x);
}
