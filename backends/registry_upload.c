/* SPDX-License-Identifier: Apache-2.0
 *
 *	BEGIN   POST                -> mounted | SEND                      [begin]
 *	SEND    small: PUT whole    -> done                                [put]
 *	        large: PATCH pieces, then an empty PUT -> done             [patch, put]
 *	        broken              -> GET its place: SEND from what is there; gone: HEAD (it may have arrived), BEGIN   [resume]
 *	        413 of a piece      -> BEGIN with small pieces             [too_large]
 */
#include <inttypes.h>
#include <string.h>

#include "backends/registry_inside.h"

#define PIECE ((uint64_t)32 << 20)       /* above: in pieces, so that what was sent is not sent again */
#define SMALL_PIECE ((uint64_t)1 << 20)  /* what a proxy takes that was never told otherwise */

struct upload {
	struct registry *r;
	const struct registry_upload *u;
	struct arena arena;
	struct retry again;
	const char *path;
	struct str place;   /* where it goes, a whole URL */
	uint64_t at;        /* bytes that are there */
	uint64_t piece;
};

/* The server's Location, made whole. Behind TLS some name themselves http://: it is the same server, asked as before. */
static int
take_place(struct upload *x, const struct http_answer *answer, struct err *e)
{
	const struct str base = registry_base(x->r, x->u->to->host, &x->arena), location = http_header(answer, "location");
	const bool tls = str_starts(base, STR("https://"));
	struct str to = location;
	if (location.n > 0 && location.p[0] == '/' && !(location.n > 1 && location.p[1] == '/'))
		to = arena_printf(&x->arena, STR_FMT STR_FMT, STR_ARG(base), STR_ARG(location));
	else if (tls && str_starts(location, STR("http://")))
		to = arena_printf(&x->arena, "https://" STR_FMT, STR_ARG(str_drop(location, 7)));
	if (!str_starts(to, STR("https://")) && !(!tls && str_starts(to, STR("http://"))))
		return err_set(e, ERR_WORLD, "upload a blob to " STR_FMT "/" STR_FMT ": the registry names no place that can be used",
			       STR_ARG(x->u->to->host), STR_ARG(x->u->to->repository));
	x->place = to;
	uint64_t least;
	if (str_u64(http_header(answer, "oci-chunk-min-length"), &least) && least > x->piece)
		x->piece = least;
	return 0;
}

static int
post(struct upload *x, struct str from, struct http_answer *out, struct err *e)
{
	const struct str repository = x->u->to->repository;
	struct registry_request q = { .ref = x->u->to, .method = "POST", .actions = "pull,push", .mount_from = from };
	q.path = arena_printf(&x->arena, "/v2/" STR_FMT "/blobs/uploads/", STR_ARG(repository));
	if (from.n > 0)
		q.path = arena_printf(&x->arena, STR_FMT "?mount=" STR_FMT "&from=" STR_FMT, STR_ARG(q.path),
				      STR_ARG(digest_str(&x->u->digest, &x->arena)), STR_ARG(from));
	return registry_ask(x->r, &q, &x->arena, out, e);
}

static int
begin(struct upload *x, bool *mounted, struct err *e)
{
	const struct registry_upload *u = x->u;
	const struct str from = str_eq(u->from, u->to->repository) ? (struct str){ 0 } : u->from;
	struct http_answer answer;
	*mounted = false;
	x->at = 0;
	if (post(x, from, &answer, e) < 0)
		return -1;
	/* Somebody else's repository may be closed to us: then it is sent. */
	if (from.n > 0 && answer.status >= 400 && answer.status < 500 && post(x, (struct str){ 0 }, &answer, e) < 0)
		return -1;
	if (answer.status == 201) {
		*mounted = true;
		return 0;
	}
	if (answer.status != 202)
		return registry_refused(u->to, "begin an upload to", &answer, e);
	return take_place(x, &answer, e);
}

/* One request that carries bytes; never asked again as it is. */
static int
send_bytes(struct upload *x, const char *method, struct str to, uint64_t n, struct http_answer *out, struct err *e)
{
	struct http_header h[2] = { { STR("Content-Type"), STR("application/octet-stream") } };
	struct registry_request q = { .ref = x->u->to, .method = method, .actions = "pull,push", .path = to, .headers = h, .nheaders = 1, .once = true };
	if (n > 0) {
		q.body_path = x->path;
		q.body_at = x->at;
		q.body_n = n;
	}
	if (n > 0 && n < x->u->size) {
		h[q.nheaders++] = (struct http_header){ STR("Content-Range"),
							arena_printf(&x->arena, "%" PRIu64 "-%" PRIu64, x->at, x->at + n - 1) };
	}
	return registry_ask(x->r, &q, &x->arena, out, e);
}

static struct str
with_digest(struct upload *x)
{
	return arena_printf(&x->arena, STR_FMT "%cdigest=" STR_FMT, STR_ARG(x->place), str_find_char(x->place, '?') == SIZE_MAX ? '?' : '&',
			    STR_ARG(digest_str(&x->u->digest, &x->arena)));
}

/* The next request of an upload: everything, a piece, or the end. *done: the registry has it. */
static int
send_next(struct upload *x, struct http_answer *answer, bool *done, struct err *e)
{
	const uint64_t left = x->u->size - x->at, piece = left < x->piece ? left : x->piece;
	*done = false;
	if (x->at == 0 && left <= x->piece) {
		if (send_bytes(x, "PUT", with_digest(x), left, answer, e) < 0)
			return -1;
		*done = answer->status == 201 || answer->status == 204;
		return 0;
	}
	if (left == 0) {
		if (send_bytes(x, "PUT", with_digest(x), 0, answer, e) < 0)
			return -1;
		*done = answer->status == 201 || answer->status == 204;
		return 0;
	}
	if (send_bytes(x, "PATCH", x->place, piece, answer, e) < 0)
		return -1;
	if (answer->status != 202 && answer->status != 204)
		return 0;
	x->at += piece;
	x->again.tries = 0;
	return take_place(x, answer, e);
}

/* "0-41": 42 bytes are there. Also what a registry says that has none. */
static bool
read_range(struct str text, uint64_t size, uint64_t *out)
{
	uint64_t last;
	const struct str_cut c = str_cut(str_starts(text, STR("bytes=")) ? str_drop(text, 6) : text, '-');
	if (!c.ok || !str_is(c.head, "0") || !str_u64(c.tail, &last) || last >= size)
		return false;
	*out = last == 0 ? 0 : last + 1;
	return true;
}

static int
arrived(struct upload *x, bool *done, struct err *e)
{
	struct http_answer answer;
	const struct registry_request q = { .ref = x->u->to, .method = "HEAD", .actions = "pull,push",
					    .path = arena_printf(&x->arena, "/v2/" STR_FMT "/blobs/" STR_FMT, STR_ARG(x->u->to->repository),
								 STR_ARG(digest_str(&x->u->digest, &x->arena))) };
	if (registry_ask(x->r, &q, &x->arena, &answer, e) < 0)
		return -1;
	*done = answer.status == 200;
	return 0;
}

/* Something broke: what of it is there? */
static int
resume(struct upload *x, bool *done, struct err *e)
{
	struct http_answer answer;
	const struct registry_request q = { .ref = x->u->to, .method = "GET", .actions = "pull,push", .path = x->place };
	if (registry_ask(x->r, &q, &x->arena, &answer, e) < 0)
		return -1;
	if (answer.status == 204 && http_header(&answer, "location").n > 0 &&
	    read_range(http_header(&answer, "range"), x->u->size, &x->at))
		return take_place(x, &answer, e);
	if (arrived(x, done, e) < 0 || *done)
		return *done ? 0 : -1;
	return begin(x, done, e);
}

/* Is it worth going on? A registry may also have forgotten the upload (404), or see it elsewhere than we do (416). */
static bool
goes_on(struct upload *x, bool failed, const struct http_answer *answer)
{
	if (failed)
		return retry_failure(&x->again, x->r->http);
	if ((answer->status == 404 || answer->status == 416) && x->again.tries < RETRY_TRIES) {
		x->again.tries++;
		return true;
	}
	return retry_answer(&x->again, answer);
}

static int
send_all(struct upload *x, struct err *e)
{
	for (bool done = false; !done;) {
		struct http_answer answer = { 0 };
		struct err why = { 0 };
		const uint64_t before = x->at;
		const int bad = send_next(x, &answer, &done, &why);
		if (bad == 0 && (done || x->at > before))
			continue;
		if (bad == 0 && answer.status == 413 && x->piece > SMALL_PIECE && x->u->size > SMALL_PIECE) {
			x->piece = SMALL_PIECE;
			if (begin(x, &done, e) < 0)
				return -1;
			continue;
		}
		if (goes_on(x, bad < 0, &answer)) {
			if (resume(x, &done, e) < 0)
				return err_wrap(e, "go on with an upload that broke off");
			continue;
		}
		if (bad == 0)
			return registry_refused(x->u->to, "upload a blob to", &answer, e);
		if (e)
			*e = why;
		return x->again.tries > 0 ? err_wrap(e, "after %u tries", x->again.tries + 1) : -1;
	}
	return 0;
}

int
registry_upload(struct registry *r, const struct registry_upload *u, bool *mounted, struct err *e)
{
	struct upload x = { .r = r, .u = u, .again = registry_retry(r), .piece = PIECE };
	int bad = begin(&x, mounted, e);
	if (bad == 0 && !*mounted) {
		bad = u->path(u->ctx, &x.arena, &x.path, e);
		if (bad == 0)
			bad = send_all(&x, e);
	}
	arena_done(&x.arena);
	return bad;
}
