/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_inside: the session and its requests. Only for backends/registry*.c.
 */
#ifndef PAWL_BACKENDS_REGISTRY_INSIDE_H
#define PAWL_BACKENDS_REGISTRY_INSIDE_H

#include "backends/http.h"
#include "backends/registry.h"
#include "backends/retry.h"
#include "base/vec.h"

struct registry_token {
	struct str host, scope; /* as asked for */
	struct str header;      /* "Bearer ...", "Basic ..." */
};

struct registry_tls { /* registry_tls.c */
	struct str host;
	struct str ca;      /* PEM; empty: none */
	const char *cert_file, *key_file;
};

struct registry {
	struct registry_opts opts;
	struct http *http;
	struct arena arena; /* tokens and certificates */
	struct registry_tls tls[4];
	size_t ntls;
	VEC(struct registry_token) tokens;
	size_t requests;
};

/* One request to a registry, with the right Authorization: asked for on 401, once. What may pass by itself is asked again (backends/retry.h),
 * and a body on its way to a blob goes on where it broke off. */
struct registry_request {
	const struct registry_ref *ref;
	const char *method;
	struct str path;                   /* below the host: "/v2/..."; or a whole URL (an upload's place) */
	const char *actions;               /* "pull", "pull,push" */
	struct str mount_from;             /* a further repository to pull from */
	const struct http_header *headers;
	size_t nheaders;
	struct str body;
	const char *body_path;
	uint64_t body_at, body_n;          /* as in http.h */
	struct blob_writer *to;
	uint64_t most, *have;              /* as in http.h */
	size_t limit;
	bool once;                         /* never asked again: the caller sees to it */
};
const char *registry_ca(const struct registry *r);
int registry_stall(const struct registry *r); /* seconds; 0: as http.h says */
struct retry registry_retry(const struct registry *r);
/* Certificates for a host; *out lives as long as the session. */
int registry_tls(struct registry *r, struct str host, const struct registry_tls **out, struct err *e);
/* registry_seen.c: which repository of a host had it last (empty: unknown). */
struct str registry_seen_at(const struct registry *r, struct str host, const struct digest *d, struct arena *a);

/* registry_upload.c: one blob into a repository, in pieces where it is large, and from where it broke off when it did. path: where its bytes
 * are; called only when they have to be sent. *mounted: nothing had to be. */
struct registry_upload {
	const struct registry_ref *to;
	struct digest digest;
	uint64_t size;
	struct str from; /* another repository to mount it from; empty: none */
	int (*path)(void *ctx, struct arena *a, const char **out, struct err *e);
	void *ctx;
};
int registry_upload(struct registry *r, const struct registry_upload *u, bool *mounted, struct err *e);

/* Another session, for another thread, that knows the same tokens. */
struct registry *registry_twin(const struct registry *r, struct err *e);
int registry_ask(struct registry *r, const struct registry_request *q, struct arena *a, struct http_answer *out, struct err *e);
/* An answer that is no success as an error: what was attempted, what the registry says. */
int registry_refused(const struct registry_ref *ref, const char *what, const struct http_answer *answer, struct err *e);
/* The base of a host: "http://localhost:5000". */
struct str registry_base(const struct registry *r, struct str host, struct arena *a);
/* An answer to 401: the value of Authorization; empty: nothing to offer. seconds: how long it lasts; 0: for this session. registry_auth.c */
int registry_authorize(struct registry *r, const struct registry_request *q, const struct http_answer *answer, struct arena *a, struct str *header,
		       int64_t *seconds, struct err *e);
/* registry_token.c: the value of Authorization that was good before; empty: none is known. */
bool registry_token_good(struct str s); /* can it stand in a header? */
struct str registry_token_find(struct registry *r, struct str host, struct str scope);
void registry_token_keep(struct registry *r, struct str host, struct str scope, struct str header, int64_t seconds);

#endif
