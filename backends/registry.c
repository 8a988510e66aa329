/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/registry.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "backends/registry_inside.h"

#define DEFAULT_HOST "docker.io"             /* of references without a host */
#define DEFAULT_SERVER "registry-1.docker.io" /* that answers for it */

struct registry *
registry_new(const struct registry_opts *o, struct err *e)
{
	struct http *http = http_new(e);
	if (!http)
		return NULL;
	struct registry *r = mem_zalloc(sizeof *r);
	r->opts = *o;
	if (o->tokens)
		r->opts.tokens = arena_z(&r->arena, str_z(o->tokens));
	r->http = http;
	return r;
}

void
registry_free(struct registry *r)
{
	if (!r)
		return;
	http_free(r->http);
	VEC_DONE(&r->tokens);
	arena_done(&r->arena);
	free(r);
}

struct registry *
registry_twin(const struct registry *r, struct err *e)
{
	struct registry *twin = registry_new(&r->opts, e);
	for (size_t i = 0; twin && i < r->tokens.n; i++) {
		const struct registry_token *t = &r->tokens.v[i];
		VEC_PUSH(&twin->tokens, ((struct registry_token){ arena_str(&twin->arena, t->host), arena_str(&twin->arena, t->scope),
								   arena_str(&twin->arena, t->header) }));
	}
	return twin;
}

/* ---- references ---- */

static bool
repository_good(struct str s)
{
	bool start = true;
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];
		const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!letter && (start || !strchr("._-/", c) || c == '\0'))
			return false;
		start = c == '/';
	}
	return s.n > 0 && s.n < 256 && !start;
}

static bool
tag_good(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];
		if (!isalnum((unsigned char)c) && c != '_' && (i == 0 || (c != '.' && c != '-')))
			return false;
	}
	return s.n > 0 && s.n <= 128;
}

static bool
host_good(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!isalnum((unsigned char)s.p[i]) && (!strchr(".-:[]", s.p[i]) || s.p[i] == '\0'))
			return false;
	}
	return s.n > 0 && s.n < 256 && s.p[0] != '.' && s.p[0] != '-' && s.p[0] != ':';
}

int
registry_ref_parse(struct str text, struct arena *a, struct registry_ref *out, struct err *e)
{
	struct registry_ref r = { 0 };
	const struct str_cut at = str_cut(text, '@');
	struct str name = at.head;
	if (at.ok && (!digest_parse(at.tail, false, &r.digest) || digest_is_zero(&r.digest)))
		return err_set(e, ERR_INPUT, "'" STR_FMT "': behind the @ belongs sha256: and 64 hex digits", STR_ARG(text));
	const struct str_cut first = str_cut(name, '/');
	/* The first part is a host when it could be none of a repository: with a dot, a port, or localhost. */
	if (first.ok && (str_find_char(first.head, '.') != SIZE_MAX || str_find_char(first.head, ':') != SIZE_MAX || str_is(first.head, "localhost"))) {
		r.host = first.head;
		name = first.tail;
	} else {
		r.host = STR(DEFAULT_HOST);
	}
	const struct str_cut tag = str_rcut(name, ':');
	if (tag.ok && str_find_char(tag.tail, '/') == SIZE_MAX) {
		name = tag.head;
		r.tag = tag.tail;
	} else if (!at.ok) {
		r.tag = STR("latest");
	}
	if (str_is(r.host, DEFAULT_HOST) && str_find_char(name, '/') == SIZE_MAX)
		name = arena_printf(a, "library/" STR_FMT, STR_ARG(name));
	const bool tagged = tag.ok && str_find_char(tag.tail, '/') == SIZE_MAX;
	if (!host_good(r.host) || !repository_good(name) || ((tagged || r.tag.n > 0) && !tag_good(r.tag)))
		return err_set(e, ERR_INPUT, "'" STR_FMT "' is no reference to an image: expected [HOST/]NAME[:TAG][@sha256:...], NAME in lower case",
			       STR_ARG(str_take(text, 300)));
	r.host = arena_str(a, r.host);
	r.repository = arena_str(a, name);
	r.tag = arena_str(a, r.tag);
	*out = r;
	return 0;
}

/* ---- requests ---- */

static bool
loopback(struct str host)
{
	if (str_starts(host, STR("[::1]")))
		return true;
	const struct str name = str_cut(host, ':').head;
	if (str_is(name, "localhost"))
		return true;
	struct str rest = name; /* 127.x.y.z in four decimal parts and nothing else */
	for (int i = 0; i < 4; i++) {
		const struct str_cut c = str_cut(rest, '.');
		uint64_t v;
		if (!str_u64(c.head, &v) || v > 255 || (i == 0 && v != 127) || c.ok != (i < 3))
			return false;
		rest = c.tail;
	}
	return true;
}

struct str
registry_base(const struct registry *r, struct str host, struct arena *a)
{
	const bool plain = loopback(host) || (r->opts.insecure && !str_is(host, DEFAULT_HOST));
	return arena_printf(a, "%s://" STR_FMT, plain ? "http" : "https", STR_ARG(str_is(host, DEFAULT_HOST) ? STR(DEFAULT_SERVER) : host));
}

static struct str
scope_of(const struct registry_request *q, struct arena *a)
{
	return arena_printf(a, STR_FMT " %s " STR_FMT, STR_ARG(q->ref->repository), q->actions, STR_ARG(q->mount_from));
}

static int
ask_once(struct registry *r, const struct registry_request *q, struct str url, struct str header, struct arena *a, struct http_answer *out,
	 struct err *e)
{
	struct http_header *h = arena_array(a, struct http_header, q->nheaders + 1);
	for (size_t i = 0; i < q->nheaders; i++)
		h[i] = q->headers[i];
	size_t n = q->nheaders;
	if (header.n > 0 && http_same_origin(url, registry_base(r, q->ref->host, a)))
		h[n++] = (struct http_header){ STR("Authorization"), header };
	const bool get = strcmp(q->method, "GET") == 0 || strcmp(q->method, "HEAD") == 0;
	struct http_request ask = { .method = q->method, .url = url, .headers = h, .nheaders = n, .body = q->body, .to = q->to, .most = q->most,
				    .have = q->have, .body_path = q->body_path, .body_at = q->body_at, .body_n = q->body_n, .redirects = get,
				    .limit = q->limit, .ca_file = registry_ca(r), .stall_s = registry_stall(r), .stop = r->opts.stop };
	if (str_starts(url, STR("https://"))) {
		const struct registry_tls *t;
		if (registry_tls(r, q->ref->host, &t, e) < 0)
			return -1;
		ask.ca = t->ca;
		if (http_same_origin(url, registry_base(r, q->ref->host, a))) {
			ask.cert_file = t->cert_file;
			ask.key_file = t->key_file;
		}
	}
	r->requests++;
	return http_do(r->http, &ask, a, out, e);
}

static int
ask_with_token(struct registry *r, const struct registry_request *q, struct str url, struct str base, struct arena *a, struct http_answer *out,
	       struct err *e)
{
	const struct str scope = scope_of(q, a);
	const struct str known = registry_token_find(r, q->ref->host, scope);
	struct http_answer answer;
	if (ask_once(r, q, url, known, a, &answer, e) < 0)
		return -1;
	if (answer.status == 401 && http_same_origin(url, base)) {
		struct str header;
		int64_t seconds;
		if (registry_authorize(r, q, &answer, a, &header, &seconds, e) < 0)
			return -1;
		if (header.n > 0) {
			if (ask_once(r, q, url, header, a, &answer, e) < 0)
				return -1;
			if (answer.status != 401)
				registry_token_keep(r, q->ref->host, scope, header, seconds);
		}
	}
	*out = answer;
	return 0;
}

int
registry_ask(struct registry *r, const struct registry_request *q, struct arena *a, struct http_answer *out, struct err *e)
{
	const bool whole = str_find(str_take(q->path, 10), STR("://")) != SIZE_MAX;
	const struct str base = registry_base(r, q->ref->host, a);
	const struct str url = whole ? q->path : arena_printf(a, STR_FMT STR_FMT, STR_ARG(base), STR_ARG(q->path));
	struct retry again = registry_retry(r);
	for (;;) {
		struct err why = { 0 };
		const int bad = ask_with_token(r, q, url, base, a, out, &why);
		if (!q->once && (bad < 0 ? retry_failure(&again, r->http) : retry_answer(&again, out)))
			continue;
		if (bad < 0 && e)
			*e = why;
		if (bad < 0 && again.tries > 0)
			(void)err_wrap(e, "after %u tries", again.tries + 1);
		return bad;
	}
}

int
registry_refused(const struct registry_ref *ref, const char *what, const struct http_answer *answer, struct err *e)
{
	AUTO_JS doc = NULL;
	(void)js_parse(answer->body, "answer", &doc, NULL);
	const struct js *first = js_at(js_get(doc, "errors"), 0);
	const struct str code = js_str(js_get(first, "code")), message = js_str(js_get(first, "message"));
	const enum err_code kind = answer->status == 401 || answer->status == 403 ? ERR_DENIED : ERR_WORLD;
	const char *hint = "";
	if (answer->status == 413)
		hint = ": a blob is larger than the registry, or a proxy in front of it, takes";
	else if (answer->status == 507)
		hint = ": it has no room left";
	else if (answer->status == 429)
		hint = "; it is asked too often: log in, or wait";
	else if (kind == ERR_DENIED)
		hint = "; log in with 'docker login' or 'podman login'";
	return err_set(e, kind, "%s " STR_FMT "/" STR_FMT ": the registry answers %d%s" STR_FMT "%s" STR_FMT "%s", what, STR_ARG(ref->host),
		       STR_ARG(ref->repository), answer->status, code.n > 0 ? " " : "", STR_ARG(str_take(code, 60)), message.n > 0 ? ": " : "",
		       STR_ARG(str_take(message, 200)), hint);
}

/* ---- pulling ---- */

static int
get_manifest(struct registry *r, const struct registry_ref *ref, struct str name, const struct digest *expect, struct arena *a, struct http_answer *out,
	     struct err *e)
{
	static const struct http_header accept[] = {
		{ STR_INIT("Accept"), STR_INIT(OCI_MANIFEST ", " OCI_INDEX ", " DOCKER_MANIFEST ", " DOCKER_INDEX) },
	};
	const struct registry_request q = { .ref = ref, .method = "GET", .actions = "pull", .headers = accept, .nheaders = 1, .limit = OCI_JSON_LIMIT,
					    .path = arena_printf(a, "/v2/" STR_FMT "/manifests/" STR_FMT, STR_ARG(ref->repository), STR_ARG(name)) };
	if (registry_ask(r, &q, a, out, e) < 0)
		return -1;
	if (out->status != 200) {
		(void)registry_refused(ref, arena_printf(a, "get the manifest '" STR_FMT "' of", STR_ARG(name)).p, out, e);
		if (e && out->status == 404)
			e->code = ERR_MISSING;
		return -1;
	}
	const struct digest d = digest_of(out->body);
	if (!digest_is_zero(expect) && !digest_eq(&d, expect))
		return err_set(e, ERR_DAMAGED, "get the manifest '" STR_FMT "' of " STR_FMT "/" STR_FMT ": the registry sent other bytes", STR_ARG(name),
			       STR_ARG(ref->host), STR_ARG(ref->repository));
	return 0;
}

/* What a manifest says it is: its own field counts, because it is under the digest; the header is a hint for old ones. */
static bool
answer_is_index(const struct http_answer *answer)
{
	AUTO_JS doc = NULL;
	if (js_parse(answer->body, "manifest", &doc, NULL) < 0)
		return false;
	const struct str media = js_str(js_get(doc, "mediaType"));
	return media.n > 0 ? oci_is_index(media) : js_type(js_get(doc, "manifests")) == JS_LIST;
}

int
registry_get(struct registry *r, const struct registry_ref *ref, struct buf *bytes, struct digest *digest, struct err *e)
{
	struct arena a = { 0 };
	struct http_answer answer;
	const struct str name = digest_is_zero(&ref->digest) ? ref->tag : digest_str(&ref->digest, &a);
	const int bad = get_manifest(r, ref, name, &ref->digest, &a, &answer, e);
	if (bad == 0) {
		buf_put(bytes, answer.body);
		*digest = digest_of(answer.body);
	}
	arena_done(&a);
	return bad;
}

int
registry_manifest(struct registry *r, const struct registry_ref *ref, struct str platform, struct buf *bytes, struct digest *digest,
		  struct err *e)
{
	struct arena a = { 0 };
	struct http_answer answer;
	const struct str name = digest_is_zero(&ref->digest) ? ref->tag : digest_str(&ref->digest, &a);
	const char *what = arena_printf(&a, STR_FMT "/" STR_FMT, STR_ARG(ref->host), STR_ARG(ref->repository)).p;
	int bad = get_manifest(r, ref, name, &ref->digest, &a, &answer, e);
	if (bad == 0 && answer_is_index(&answer)) {
		struct oci_descriptor d;
		bad = oci_index_pick(answer.body, what, platform, &a, &d, e);
		if (bad == 0)
			bad = get_manifest(r, ref, digest_str(&d.digest, &a), &d.digest, &a, &answer, e);
	}
	if (bad == 0) {
		buf_put(bytes, answer.body);
		*digest = digest_of(answer.body);
	}
	arena_done(&a);
	return bad;
}
