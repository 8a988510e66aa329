/* SPDX-License-Identifier: Apache-2.0
 *
 * http: requests; the one door to libcurl. A session keeps connections alive; one thread at a time per session.
 *
 * Redirects are followed only where asked, and credentials (client certificates too) never go to another origin. Bodies that come back go to a
 * buffer with a limit or to a blob. Failures of the network are ERR_WORLD with the URL without its user part and query; a status is no failure.
 * A transfer that stalls (below 100 bytes a second for stall_s) fails. Nothing is asked twice here: backends/retry.h says whether to.
 */
#ifndef PAWL_BACKENDS_HTTP_H
#define PAWL_BACKENDS_HTTP_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "cache/blobs.h"

struct http;

struct http_header {
	struct str name, value;
};

struct http_request {
	const char *method;            /* "GET" */
	struct str url;
	const struct http_header *headers;
	size_t nheaders;
	struct str body;               /* or: */
	const char *body_path;         /* a file to send, from */
	uint64_t body_at, body_n;      /* this byte on, so many; 0: to its end */
	bool redirects;                /* follow up to 10, without credentials on another origin */
	size_t limit;                  /* bytes of the answer; 0: 16 MiB */
	struct blob_writer *to;        /* the body of a 2xx answer goes here instead, */
	uint64_t most;                 /* at most so many bytes of it in all; 0: no limit. ERR_DAMAGED when there are more */
	uint64_t *have;                /* NULL, or: bytes that `to` has already, of which only the rest is asked for; kept up to date, also on failure */
	void (*piece)(void *ctx, struct str bytes); /* else is called with it, piece by piece, as it comes */
	void *piece_ctx;
	const char *unix_socket;       /* NULL: TCP */
	const char *ca_file;           /* NULL: the system's */
	struct str ca;                 /* PEM texts beside those of ca_file or the system; empty: none */
	const char *cert_file, *key_file; /* our own certificate, for this origin alone; NULL: none */
	int timeout_ms;                /* of the whole; 0: as long as it moves */
	int stall_s;                   /* 0: 60 */
	const atomic_bool *stop;       /* NULL, or: once it is true the request ends, ERR_INTERRUPTED */
};

struct http_answer {
	int status;
	struct http_header *headers;   /* names in lower case; in the arena */
	size_t nheaders;
	struct str body;               /* in the arena; empty when it went to a blob */
	struct str url;                /* after redirects */
};

struct http *http_new(struct err *e);
void http_free(struct http *h);
int http_do(struct http *h, const struct http_request *r, struct arena *a, struct http_answer *out, struct err *e);
/* May the last failure of http_do pass by itself (a connection that broke, a stall)? */
bool http_passing(const struct http *h);
/* How long an answer asks to wait before the next request, in ms; -1: it does not say. */
int64_t http_retry_after(const struct http_answer *r);
/* Scheme, host and port the same? */
bool http_same_origin(struct str a, struct str b);
/* Appended, as a value in a URL's query: all but unreserved characters as %XX. */
void http_escape(struct str text, struct buf *out);
struct str http_header(const struct http_answer *r, const char *name); /* empty: none */

const char *http_version(void); /* of libcurl */

#endif
