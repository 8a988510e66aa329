/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_inside: the session and its requests. Only for backends/registry*.c.
 */
#ifndef PAWL_BACKENDS_REGISTRY_INSIDE_H
#define PAWL_BACKENDS_REGISTRY_INSIDE_H

#include "backends/http.h"
#include "backends/registry.h"
#include "base/vec.h"

struct registry_token {
	struct str host, scope; /* as asked for */
	struct str header;      /* "Bearer ...", "Basic ..." */
};

struct registry {
	struct registry_opts opts;
	struct http *http;
	struct arena arena; /* tokens */
	VEC(struct registry_token) tokens;
	size_t requests;
};

/* One request to a registry, with the right Authorization: asked for on 401, once. */
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
	struct blob_writer *to;
	size_t limit;
};
const char *registry_ca(const struct registry *r);
/* Another session, for another thread, that knows the same tokens. */
struct registry *registry_twin(const struct registry *r, struct err *e);
int registry_ask(struct registry *r, const struct registry_request *q, struct arena *a, struct http_answer *out, struct err *e);
/* An answer that is no success as an error: what was attempted, what the registry says. */
int registry_refused(const struct registry_ref *ref, const char *what, const struct http_answer *answer, struct err *e);
/* The base of a host: "http://localhost:5000". */
struct str registry_base(const struct registry *r, struct str host, struct arena *a);
/* An answer to 401: the value of Authorization; empty: nothing to offer. registry_auth.c */
int registry_authorize(struct registry *r, const struct registry_request *q, const struct http_answer *answer, struct arena *a, struct str *header,
		       struct err *e);

#endif
