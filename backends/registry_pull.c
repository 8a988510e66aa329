/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "backends/registry_inside.h"
#include "sys/pool.h"

#define BLOB_MOST (UINT64_C(1) << 40) /* of a blob whose size nobody says */
#define TOGETHER 4

static int
get_blob(struct registry *r, const struct registry_ref *ref, const struct digest *d, uint64_t size, struct blob_writer *to, struct arena *a,
	 struct err *e)
{
	uint64_t have = 0;
	const struct str name = digest_str(d, a);
	const struct registry_request q = { .ref = ref, .method = "GET", .actions = "pull", .to = to, .most = size ? size : BLOB_MOST, .have = &have,
					    .limit = (size_t)1 << 20,
					    .path = arena_printf(a, "/v2/" STR_FMT "/blobs/" STR_FMT, STR_ARG(ref->repository), STR_ARG(name)) };
	struct http_answer answer;
	/* A server may also end early without a word of it: it is asked for the rest as long as something comes. */
	for (uint64_t before = 0;; before = have) {
		if (registry_ask(r, &q, a, &answer, e) < 0)
			return -1;
		if (answer.status != 200 && answer.status != 206)
			return registry_refused(ref, arena_printf(a, "get the blob " STR_FMT " of", STR_ARG(name)).p, &answer, e);
		if (size == 0 || have >= size)
			return 0;
		if (have == before)
			return err_set(e, ERR_DAMAGED, "the registry sends %" PRIu64 " of the %" PRIu64 " bytes of " STR_FMT, have, size, STR_ARG(name));
	}
}

int
registry_blob(struct registry *r, const struct registry_ref *ref, const struct digest *d, uint64_t size, struct blobs *b, struct err *e)
{
	uint64_t there;
	if (blobs_has(b, d, &there) && (size == 0 || there == size))
		return 0;
	struct arena a = { 0 };
	struct blob_writer *to;
	if (blob_begin(b, &to, e) < 0)
		return -1;
	int bad = get_blob(r, ref, d, size, to, &a, e);
	if (bad < 0) {
		blob_abort(to);
	} else {
		struct digest got;
		uint64_t n;
		bad = blob_commit(to, d, &got, &n, e);
	}
	if (bad < 0) {
		if (e && e->code == ERR_DAMAGED) /* nothing of the cache's is: there is nothing to make again */
			e->code = ERR_WORLD;
		(void)err_wrap(e, "get a blob of " STR_FMT "/" STR_FMT, STR_ARG(ref->host), STR_ARG(ref->repository));
	}
	arena_done(&a);
	return bad;
}

/* Several at once, each thread with a session of its own. */
struct pulling {
	struct registry *session[TOGETHER]; /* the first is the caller's */
	const struct registry_ref *ref;
	const struct registry_item *v;
	size_t n, next;
	struct blobs *blobs;
	pthread_mutex_t mu; /* over next and below */
	bool failed;
	struct err err;
};

static const struct registry_item *
next_item(struct pulling *x)
{
	pthread_mutex_lock(&x->mu);
	const struct registry_item *i = !x->failed && x->next < x->n ? &x->v[x->next++] : NULL;
	pthread_mutex_unlock(&x->mu);
	return i;
}

static void
pull_some(void *ctx, size_t thread)
{
	struct pulling *x = ctx;
	const struct registry_item *i;
	while ((i = next_item(x))) {
		struct err e = { 0 };
		if (registry_blob(x->session[thread], x->ref, &i->digest, i->size, x->blobs, &e) == 0)
			continue;
		pthread_mutex_lock(&x->mu);
		if (!x->failed)
			x->err = e;
		x->failed = true;
		pthread_mutex_unlock(&x->mu);
	}
}

int
registry_blobs(struct registry *r, const struct registry_ref *ref, const struct registry_item *v, size_t n, struct blobs *b, struct err *e)
{
	struct pulling x = { .session = { r }, .ref = ref, .v = v, .n = n, .blobs = b, .mu = PTHREAD_MUTEX_INITIALIZER };
	size_t missing = 0;
	for (size_t i = 0; i < n; i++)
		missing += !blobs_has(b, &v[i].digest, NULL);
	if (missing == 0)
		return 0;
	size_t threads = missing < TOGETHER ? missing : TOGETHER;
	for (size_t k = 1; k < threads; k++) {
		x.session[k] = registry_twin(r, NULL);
		if (!x.session[k])
			threads = k;
	}
	pool_each(threads, 1, (unsigned)threads, pull_some, &x);
	for (size_t k = 1; k < threads; k++)
		registry_free(x.session[k]);
	return x.failed ? err_set(e, x.err.code, "%s", x.err.text) : 0;
}
