/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backends/registry_inside.h"
#include "sys/pool.h"

/* Below this an upload costs no more than the question whether it is needed. */
#define ASK_FIRST (UINT64_C(256) << 10)
#define TOGETHER 4

struct push {
	struct registry *r;
	const struct registry_push *p;
	struct registry_pushed done;
	pthread_mutex_t *having; /* held around p->have */
	struct arena arena;
};

static int
ask(struct push *x, const char *method, struct str path, struct http_answer *out, struct err *e)
{
	const struct registry_request q = { .ref = x->p->to, .method = method, .path = path, .actions = "pull,push" };
	return registry_ask(x->r, &q, &x->arena, out, e);
}

/* Does the registry have it? */
static int
head(struct push *x, const struct registry_item *i, bool *there, struct err *e)
{
	struct http_answer answer;
	const struct str path = arena_printf(&x->arena, "/v2/" STR_FMT "/blobs/" STR_FMT, STR_ARG(x->p->to->repository),
					     STR_ARG(digest_str(&i->digest, &x->arena)));
	if (ask(x, "HEAD", path, &answer, e) < 0)
		return -1;
	if (answer.status != 200 && answer.status != 404)
		return registry_refused(x->p->to, "look for a blob in", &answer, e);
	*there = answer.status == 200;
	return 0;
}

/* One thread at a time: it may fetch all layers of a parent at once. */
static int
have(struct push *x, const struct registry_item *i, struct err *e)
{
	pthread_mutex_lock(x->having);
	uint64_t size;
	const int bad = blobs_has(x->p->blobs, &i->digest, &size) ? 0 : x->p->have(x->p->ctx, i, e);
	pthread_mutex_unlock(x->having);
	return bad;
}

struct sent {
	struct push *push;
	const struct registry_item *item;
};

static int
path_of(void *ctx, struct arena *a, const char **out, struct err *e)
{
	const struct sent *s = ctx;
	struct str path;
	if (have(s->push, s->item, e) < 0)
		return -1;
	if (!blobs_path(s->push->p->blobs, &s->item->digest, a, &path))
		return err_set(e, ERR_MISSING, "the blob " STR_FMT " is not in the cache", STR_ARG(digest_str(&s->item->digest, a)));
	*out = arena_z(a, path);
	return 0;
}

static int
upload(struct push *x, const struct registry_item *i, struct err *e)
{
	struct sent s = { x, i };
	const struct registry_upload u = { .to = x->p->to, .digest = i->digest, .size = i->size, .from = i->from, .path = path_of, .ctx = &s };
	bool mounted;
	if (registry_upload(x->r, &u, &mounted, e) < 0) {
		/* What was sent was not checked on the way; if it is to blame, whoever made it can make it again. */
		struct err damage = { 0 };
		if (blobs_check(x->p->blobs, &i->digest, &damage) == 0 || damage.code != ERR_DAMAGED)
			return -1;
		(void)blobs_remove(x->p->blobs, &i->digest, NULL);
		if (e)
			*e = damage;
		return -1;
	}
	x->done.mounted += mounted;
	x->done.uploaded += !mounted;
	x->done.bytes += mounted ? 0 : i->size;
	return 0;
}

static int
send_item(struct push *x, const struct registry_item *i, bool careful, struct err *e)
{
	bool there = false;
	struct registry_item item = *i;
	if (item.from.n == 0)
		item.from = registry_seen_at(x->r, x->p->to->host, &i->digest, &x->arena);
	const bool mounts = item.from.n > 0 && !careful;
	if ((careful || (i->size > ASK_FIRST && !mounts)) && head(x, i, &there, e) < 0)
		return -1;
	return there ? 0 : upload(x, &item, e);
}

/* Several at once, each thread with a session of its own: what a blob costs is the time until the registry answers. */
struct sending {
	struct push *push;
	struct registry *session[TOGETHER]; /* the first is the push's own */
	const struct registry_item **items;
	size_t nitems, next;
	bool careful;
	pthread_mutex_t mu; /* over next and all below, and push->done */
	bool failed;
	struct err err;
};

static const struct registry_item *
next_item(struct sending *s)
{
	pthread_mutex_lock(&s->mu);
	const struct registry_item *i = !s->failed && s->next < s->nitems ? s->items[s->next++] : NULL;
	pthread_mutex_unlock(&s->mu);
	return i;
}

static void
send_some(void *ctx, size_t thread)
{
	struct sending *s = ctx;
	struct err e = { 0 };
	struct push x = { .r = s->session[thread], .p = s->push->p, .having = s->push->having };
	const struct registry_item *i;
	bool failed = false;
	while (!failed && (i = next_item(s)))
		failed = send_item(&x, i, s->careful, &e) < 0;
	pthread_mutex_lock(&s->mu);
	s->push->done.uploaded += x.done.uploaded;
	s->push->done.mounted += x.done.mounted;
	s->push->done.bytes += x.done.bytes;
	if (failed && !s->failed) {
		s->failed = true;
		s->err = e;
	}
	pthread_mutex_unlock(&s->mu);
	arena_done(&x.arena);
}

static int
send_together(struct push *x, struct sending *s, struct err *e)
{
	size_t n = s->nitems < TOGETHER ? s->nitems : TOGETHER;
	s->session[0] = x->r;
	for (size_t k = 1; k < n; k++) {
		s->session[k] = registry_twin(x->r, e);
		if (!s->session[k])
			n = k;
	}
	pool_each(n, 1, (unsigned)n, send_some, s);
	for (size_t k = 1; k < n; k++) {
		x->done.requests += s->session[k]->requests;
		registry_free(s->session[k]);
	}
	return s->failed ? err_set(e, s->err.code, "%s", s->err.text) : 0;
}

/* careful: believe nothing that is written down. */
static int
send_items(struct push *x, bool careful, struct err *e)
{
	struct sending s = { .push = x, .careful = careful, .mu = PTHREAD_MUTEX_INITIALIZER };
	s.items = arena_array(&x->arena, const struct registry_item *, x->p->nitems + 1);
	for (size_t k = 0; k < x->p->nitems; k++) {
		if (careful || !registry_seen(x->r, x->p->to, &x->p->items[k].digest))
			s.items[s.nitems++] = &x->p->items[k];
	}
	if (s.nitems > 0 && send_together(x, &s, e) < 0)
		return -1;
	for (size_t k = 0; k < s.nitems && x->p->seen; k++)
		registry_note(x->p->to, &s.items[k]->digest, x->p->seen);
	return 0;
}

static bool
blob_unknown(const struct http_answer *answer)
{
	return (answer->status == 400 || answer->status == 404) && str_find(answer->body, STR("BLOB_UNKNOWN")) != SIZE_MAX;
}

static int
put_manifest(struct push *x, struct http_answer *answer, struct err *e)
{
	const struct http_header type[] = { { STR("Content-Type"), str_z(x->p->media ? x->p->media : OCI_MANIFEST) } };
	const struct digest d = digest_of(x->p->manifest);
	const struct str name = x->p->to->tag.n > 0 ? x->p->to->tag : digest_str(&d, &x->arena);
	const struct registry_request q = { .ref = x->p->to, .method = "PUT", .actions = "pull,push", .headers = type, .nheaders = 1, .body = x->p->manifest,
					    .path = arena_printf(&x->arena, "/v2/" STR_FMT "/manifests/" STR_FMT, STR_ARG(x->p->to->repository),
								 STR_ARG(name)) };
	return registry_ask(x->r, &q, &x->arena, answer, e);
}

static int
push_all(struct push *x, struct err *e)
{
	struct http_answer answer;
	if (send_items(x, false, e) < 0 || put_manifest(x, &answer, e) < 0)
		return -1;
	if (blob_unknown(&answer)) {
		x->done.mended = true;
		if (send_items(x, true, e) < 0 || put_manifest(x, &answer, e) < 0)
			return -1;
	}
	if (answer.status != 201 && answer.status != 200 && answer.status != 202)
		return registry_refused(x->p->to, "put the manifest to", &answer, e);
	x->done.subject = http_header(&answer, "oci-subject").n > 0;
	return 0;
}

int
registry_push(struct registry *r, const struct registry_push *p, struct registry_pushed *out, struct err *e)
{
	pthread_mutex_t having = PTHREAD_MUTEX_INITIALIZER;
	struct push x = { .r = r, .p = p, .having = &having };
	const size_t before = r->requests;
	const int bad = push_all(&x, e);
	x.done.requests += r->requests - before;
	if (bad == 0 && out)
		*out = x.done;
	arena_done(&x.arena);
	return bad;
}
