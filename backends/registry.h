/* SPDX-License-Identifier: Apache-2.0
 *
 * registry: container registries by the OCI distribution API. One session per struct, its connections kept; one thread at a time.
 *
 * Plain HTTP only for loopback hosts, or where `insecure` allows it. Credentials are looked up (backends/creds.h) when a registry asks for
 * them, go to that registry and the token server it names, and never to where an upload or a redirect leads on another origin. Tokens are kept for the
 * session, or as long as they last. Manifests and blobs are checked against their digests. 401 and 403 are ERR_DENIED, a manifest that is
 * not there ERR_MISSING, all else that a registry does ERR_WORLD; ERR_DAMAGED and another ERR_MISSING are about blobs of the store.
 */
#ifndef PAWL_BACKENDS_REGISTRY_H
#define PAWL_BACKENDS_REGISTRY_H

#include <stdatomic.h>

#include "backends/oci.h"
#include "cache/blobs.h"
#include "cache/records.h"

struct registry;

struct registry_opts {
	const char *const *environ_; /* the caller's variables: credentials, SSL_CERT_FILE */
	bool insecure;
	struct records *records;     /* TABLE_SEEN; NULL: nothing is known */
	const char *tokens;          /* folder for tokens that last (registry_token.c), copied; NULL: they are kept for the session alone */
	const atomic_bool *stop;     /* NULL, or: once it is true requests end, ERR_INTERRUPTED */
};

struct registry *registry_new(const struct registry_opts *o, struct err *e);
void registry_free(struct registry *r); /* NULL is fine */

struct registry_ref {
	struct str host;       /* "localhost:5000"; "docker.io" when the text has none */
	struct str repository; /* "library/python" */
	struct str tag;        /* "latest" when neither is given */
	struct digest digest;  /* zero: by tag */
};
/* "python:3.11-slim", "ghcr.example/a/b@sha256:...". ERR_INPUT. */
int registry_ref_parse(struct str text, struct arena *a, struct registry_ref *out, struct err *e);

/* The manifest for a platform: an index is followed. bytes: as they came (their digest is *digest); appended. */
int registry_manifest(struct registry *r, const struct registry_ref *ref, struct str platform, struct buf *bytes, struct digest *digest,
		      struct err *e);
struct registry_item {
	struct digest digest;
	uint64_t size;
	struct str from;  /* another repository of the same host that has it (a parent's): mounted from there; empty: none */
};
/* A blob into the store, checked. Nothing happens when it is there. size: for the message and a check; 0: not known. */
int registry_blob(struct registry *r, const struct registry_ref *ref, const struct digest *d, uint64_t size, struct blobs *b, struct err *e);
/* Those that are missing, four at a time. from: not used. */
int registry_blobs(struct registry *r, const struct registry_ref *ref, const struct registry_item *v, size_t n, struct blobs *b, struct err *e);

struct registry_push {
	const struct registry_ref *to;      /* tag: "" for none */
	const struct registry_item *items;  /* config and layers */
	size_t nitems;
	struct str manifest;
	const char *media;                  /* of the manifest; NULL: OCI_MANIFEST */
	struct blobs *blobs;
	/* Have an item's blob in the store, which it is not yet. */
	int (*have)(void *ctx, const struct registry_item *i, struct err *e);
	void *ctx;
	struct batch *seen;                 /* gets what the registry has now, for records_commit by the caller; may be NULL */
};
struct registry_pushed {
	size_t uploaded, mounted, requests;
	uint64_t bytes;
	bool mended;  /* it lacked what it was known to have */
	bool subject; /* it understood what the manifest refers to */
};
/* Blobs that the registry is not known to have, then the manifest. One that knows a blob no more (MANIFEST_BLOB_UNKNOWN) gets what it lacks. */
int registry_push(struct registry *r, const struct registry_push *p, struct registry_pushed *out, struct err *e);

/* ---- documents that refer to an image ---- */

struct registry_referrer {
	struct digest subject;   /* the image's manifest */
	uint64_t subject_size;
	const char *media;       /* of the document: "application/spdx+json"; the artifact's type as well */
	const char *predicate;   /* NULL, or the annotation in-toto.io/predicate-type */
	struct digest blob;      /* the document, in the store */
	uint64_t size;
};
/* Its manifest: canonical, nothing volatile. */
void registry_referrer_write(const struct registry_referrer *d, struct buf *out);
/* Push those of one image to where it is; a registry that keeps no list of such documents gets one under the tag sha256-HEX. What the registry is
 * known to have is not sent, unless doubt. seen as in registry_push. */
int registry_refer(struct registry *r, const struct registry_ref *to, const struct registry_referrer *d, size_t n, bool doubt, struct blobs *b,
		   struct batch *seen, struct err *e);

/* An index or manifest under a name of its own; what it names is there. */
int registry_put(struct registry *r, const struct registry_ref *tag, const char *media, struct str text, struct err *e);
/* Is a registry known to have it, from an earlier push? A note that it has. */
bool registry_seen(const struct registry *r, const struct registry_ref *to, const struct digest *d);
void registry_note(const struct registry_ref *to, const struct digest *d, struct batch *seen);

/* A manifest or index as it is, by digest or tag; appended. */
int registry_get(struct registry *r, const struct registry_ref *ref, struct buf *bytes, struct digest *digest, struct err *e);

#endif
