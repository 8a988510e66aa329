/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/http.h"

#include <ctype.h>
#define CURL_DISABLE_TYPECHECK /* its functions are called through the table below */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/vec.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/library.h"

#define LIMIT ((size_t)16 << 20)
#define HEADERS_LIMIT ((size_t)256 << 10)
#define REDIRECTS 10
#define STALL_S 60
#define STALL_BYTES 100L /* a second */
#define CA_LIMIT ((size_t)8 << 20)

/* libcurl's functions, by name without "curl_"; loaded by the first http_new. */
#define FUNCTIONS(X) \
	X(easy_cleanup) X(easy_getinfo) X(easy_init) X(easy_perform) X(easy_reset) X(easy_setopt) \
	X(easy_strerror) X(free) X(getdate) X(slist_append) X(slist_free_all) X(url) X(url_cleanup) \
	X(url_get) X(url_set) X(version_info)

static struct {
#define X(f) __typeof__(curl_##f) *f;
	FUNCTIONS(X)
#undef X
} lib;

static const struct library_function functions[] = {
#define X(f) { "curl_" #f, &lib.f },
	FUNCTIONS(X)
#undef X
};
static struct library libcurl = LIBRARY("libcurl.so.4", "libcurl4", functions, NULL);

struct http {
	CURL *curl;     /* connections stay open in it */
	bool connected; /* somebody has answered before: who refuses now may be starting again */
	bool passing;   /* the last failure */
};

struct exchange {
	CURL *curl;
	const struct http_request *r;
	struct arena *arena;
	struct buf body;
	size_t header_bytes;
	VEC(struct http_header) headers;
	size_t limit;
	bool too_much;
	struct err *e;      /* of the blob writer */
	bool blob_failed;
	bool began;         /* bytes of the body came */
	uint64_t skip;      /* bytes of it that the blob has already */
	uint64_t written;   /* to the blob, earlier ones too */
	int fd;             /* of body_path */
	uint64_t size, left; /* what is sent of it; what is not sent yet */
};

struct http *
http_new(struct err *e)
{
	if (library_use(&libcurl, e) < 0)
		return NULL;
	CURL *curl = lib.easy_init();
	if (!curl) {
		(void)err_set(e, ERR_WORLD, "cannot start libcurl");
		return NULL;
	}
	struct http *h = mem_zalloc(sizeof *h);
	h->curl = curl;
	return h;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	lib.easy_cleanup(h->curl);
	free(h);
}

struct str
http_header(const struct http_answer *r, const char *name)
{
	for (size_t i = 0; i < r->nheaders; i++) {
		if (str_is(r->headers[i].name, name))
			return r->headers[i].value;
	}
	return (struct str){ 0 };
}

/* ---- URLs ---- */

void
http_escape(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		const unsigned char c = (unsigned char)text.p[i];
		if (isalnum(c) || (c && strchr("-._~", c)))
			buf_putc(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

struct origin {
	struct str scheme, host; /* host with port */
};

static struct origin
origin_of(struct str url)
{
	const size_t at = str_find(url, STR("://"));
	struct origin o = { 0 };
	if (at == SIZE_MAX)
		return o;
	o.scheme = str_take(url, at);
	o.host = str_drop(url, at + 3);
	for (size_t i = 0; i < o.host.n; i++) {
		if (strchr("/?#", o.host.p[i])) {
			o.host.n = i;
			break;
		}
	}
	const size_t user = str_rfind_char(o.host, '@');
	if (user != SIZE_MAX)
		o.host = str_drop(o.host, user + 1);
	return o;
}

bool
http_same_origin(struct str a, struct str b)
{
	const struct origin x = origin_of(a), y = origin_of(b);
	return str_eq(x.scheme, y.scheme) && str_eq(x.host, y.host);
}

/* For messages: no user, no query. */
static struct str
shown(struct arena *a, struct str url)
{
	const struct origin o = origin_of(url);
	if (!o.host.p)
		return STR("?");
	struct str path = { o.host.p + o.host.n, (size_t)(url.p + url.n - o.host.p) - o.host.n };
	path = str_cut(str_cut(path, '?').head, '#').head;
	return arena_printf(a, STR_FMT "://" STR_FMT STR_FMT, STR_ARG(o.scheme), STR_ARG(o.host), STR_ARG(path));
}

/* Where a redirect leads; empty: nowhere that we go. */
static struct str
redirected(struct arena *a, struct str from, struct str to)
{
	CURLU *u = lib.url();
	struct str out = { 0 };
	char *text = NULL;
	if (u && lib.url_set(u, CURLUPART_URL, arena_z(a, from), 0) == CURLUE_OK &&
	    lib.url_set(u, CURLUPART_URL, arena_z(a, to), 0) == CURLUE_OK && lib.url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
		out = arena_str(a, str_z(text));
	lib.free(text);
	lib.url_cleanup(u);
	const bool http = str_starts(out, STR("http://")), https = str_starts(out, STR("https://"));
	if (!https && !(http && str_starts(from, STR("http://")))) /* never from TLS to plain text */
		return (struct str){ 0 };
	return out;
}

/* ---- callbacks ---- */

static size_t
on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	const struct str line = { p, size * n };
	x->header_bytes += line.n;
	if (x->header_bytes > HEADERS_LIMIT)
		return 0;
	if (str_starts(line, STR("HTTP/"))) {
		x->headers.n = 0;
		return line.n;
	}
	const struct str_cut c = str_cut(line, ':');
	if (c.ok) {
		char *name = arena_z(x->arena, str_trim(c.head));
		for (char *z = name; *z; z++)
			*z = (char)tolower((unsigned char)*z);
		VEC_PUSH(&x->headers, ((struct http_header){ str_z(name), arena_str(x->arena, str_trim(c.tail)) }));
	}
	return line.n;
}

/* A server may send the part that was asked for (206, which says where it begins) or the whole again. */
static bool
starts_right(struct exchange *x, long status)
{
	const uint64_t have = x->r->have ? *x->r->have : 0;
	x->began = true;
	x->written = have;
	if (status != 206) {
		x->skip = have;
		return true;
	}
	for (size_t i = 0; i < x->headers.n; i++) {
		uint64_t first;
		const struct str v = x->headers.v[i].value;
		if (str_is(x->headers.v[i].name, "content-range") && str_starts(v, STR("bytes ")) &&
		    str_u64(str_cut(str_drop(v, 6), '-').head, &first) && first == have)
			return true;
	}
	(void)err_set(x->e, ERR_WORLD, "the server sends another part than the one that was asked for");
	return false;
}

static bool
to_blob(struct exchange *x, struct str bytes, long status)
{
	if (!x->began && !starts_right(x, status))
		return false;
	const uint64_t old = x->skip < bytes.n ? x->skip : bytes.n;
	x->skip -= old;
	bytes = str_drop(bytes, old);
	if (x->r->most > 0 && x->written + bytes.n > x->r->most) {
		(void)err_set(x->e, ERR_DAMAGED, "the server sends more than the %" PRIu64 " bytes that it has", x->r->most);
		return false;
	}
	if (bytes.n > 0 && blob_write(x->r->to, bytes, x->e) < 0)
		return false;
	x->written += bytes.n;
	if (x->r->have)
		*x->r->have = x->written;
	return true;
}

static size_t
on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	const struct str bytes = { p, size * n };
	long status = 0;
	(void)lib.easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	if (x->r->to && status >= 200 && status < 300) {
		x->blob_failed = !to_blob(x, bytes, status);
		return x->blob_failed ? 0 : bytes.n;
	}
	if (x->r->piece && status >= 200 && status < 300) {
		x->r->piece(x->r->piece_ctx, bytes);
		return bytes.n;
	}
	if (x->body.n + bytes.n > x->limit) {
		x->too_much = true;
		return 0;
	}
	buf_put(&x->body, bytes);
	return bytes.n;
}

static size_t
on_send(char *p, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	const size_t room = size * n;
	const ssize_t got = read(x->fd, p, room < x->left ? room : (size_t)x->left);
	if (got < 0)
		return CURL_READFUNC_ABORT;
	x->left -= (uint64_t)got;
	return (size_t)got;
}

/* libcurl would send the whole again by itself when a kept connection turns out to be dead; whoever asked knows better what to send. */
static int
on_seek(void *ctx, curl_off_t offset, int origin)
{
	(void)ctx;
	(void)offset;
	(void)origin;
	return CURL_SEEKFUNC_FAIL;
}

static int
on_progress(void *ctx, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
	const struct exchange *x = ctx;
	(void)dltotal;
	(void)dlnow;
	(void)ultotal;
	(void)ulnow;
	return atomic_load(x->r->stop);
}

/* ---- one exchange ---- */

static void
set_body(struct exchange *x)
{
	CURL *c = x->curl;
	const struct http_request *r = x->r;
	if (r->body_path) {
		(void)lib.easy_setopt(c, CURLOPT_UPLOAD, 1L);
		(void)lib.easy_setopt(c, CURLOPT_READFUNCTION, on_send);
		(void)lib.easy_setopt(c, CURLOPT_READDATA, x);
		(void)lib.easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
		(void)lib.easy_setopt(c, CURLOPT_SEEKDATA, x);
		(void)lib.easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->size);
	} else if (r->body.n > 0 || strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0 || strcmp(r->method, "PATCH") == 0) {
		(void)lib.easy_setopt(c, CURLOPT_POST, 1L);
		(void)lib.easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
		(void)lib.easy_setopt(c, CURLOPT_POSTFIELDS, r->body.n > 0 ? r->body.p : "");
	}
	if (strcmp(r->method, "HEAD") == 0)
		(void)lib.easy_setopt(c, CURLOPT_NOBODY, 1L);
	else
		(void)lib.easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
}

/* Texts of our own are put behind the bundle that counts anyway: a blob replaces it. */
static void
set_trust(struct exchange *x, bool foreign)
{
	CURL *c = x->curl;
	const struct http_request *r = x->r;
	const char *bundle = r->ca_file ? r->ca_file : lib.version_info(CURLVERSION_NOW)->cainfo;
	if (r->ca.n > 0) {
		AUTO_BUF all = { 0 };
		if (!bundle || file_read(AT_FDCWD, bundle, CA_LIMIT, &all, NULL) < 0)
			buf_reset(&all);
		buf_putc(&all, '\n');
		buf_put(&all, r->ca);
		struct curl_blob blob = { .data = all.p, .len = all.n, .flags = CURL_BLOB_COPY };
		(void)lib.easy_setopt(c, CURLOPT_CAINFO_BLOB, &blob);
	} else if (r->ca_file) {
		(void)lib.easy_setopt(c, CURLOPT_CAINFO, r->ca_file);
	}
	if (r->cert_file && r->key_file && !foreign) {
		(void)lib.easy_setopt(c, CURLOPT_SSLCERT, r->cert_file);
		(void)lib.easy_setopt(c, CURLOPT_SSLKEY, r->key_file);
	}
}

static void
set_options(struct exchange *x, const char *url, struct curl_slist *headers)
{
	CURL *c = x->curl;
	const struct http_request *r = x->r;
	lib.easy_reset(c); /* options only: connections stay */
	(void)lib.easy_setopt(c, CURLOPT_URL, url);
	(void)lib.easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)lib.easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)lib.easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	(void)lib.easy_setopt(c, CURLOPT_USERAGENT, "pawl");
	(void)lib.easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	(void)lib.easy_setopt(c, CURLOPT_HEADERDATA, x);
	(void)lib.easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	(void)lib.easy_setopt(c, CURLOPT_WRITEDATA, x);
	(void)lib.easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, 30000L);
	(void)lib.easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES);
	(void)lib.easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)(r->stall_s > 0 ? r->stall_s : STALL_S));
	(void)lib.easy_setopt(c, CURLOPT_BUFFERSIZE, 256L << 10);
	(void)lib.easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
	if (r->stop) {
		(void)lib.easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
		(void)lib.easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
		(void)lib.easy_setopt(c, CURLOPT_XFERINFODATA, x);
	}
	if (r->timeout_ms > 0)
		(void)lib.easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	if (r->unix_socket)
		(void)lib.easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, r->unix_socket);
}

static struct curl_slist *
slist(const struct http_request *r, bool foreign, struct arena *a)
{
	struct curl_slist *list = lib.slist_append(NULL, "Expect:"); /* no round trip before a body */
	for (size_t i = 0; i < r->nheaders; i++) {
		const struct http_header *h = &r->headers[i];
		const bool secret = str_is(h->name, "Authorization") || str_is(h->name, "Cookie") || str_is(h->name, "X-Registry-Auth");
		if (foreign && secret)
			continue;
		list = lib.slist_append(list, arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(h->name), h->value.n > 0 ? ": " : ";",
							    STR_ARG(h->value))
						       .p);
	}
	if (r->to && r->have && *r->have > 0)
		list = lib.slist_append(list, arena_printf(a, "Range: bytes=%" PRIu64 "-", *r->have).p);
	return list;
}

static bool
passing(const struct http *h, const struct exchange *x, CURLcode code)
{
	switch ((int)code) {
	case CURLE_COULDNT_CONNECT:
		return h->connected;
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return !x->too_much && !x->blob_failed;
	default:
		return false;
	}
}

static int
failed(const struct exchange *x, CURLcode code, struct str url, struct err *e)
{
	const struct str where = shown(x->arena, url);
	if (x->blob_failed)
		return err_wrap(e, "get " STR_FMT, STR_ARG(where));
	if (code == CURLE_ABORTED_BY_CALLBACK && x->r->stop && atomic_load(x->r->stop))
		return err_set(e, ERR_INTERRUPTED, "%s " STR_FMT ": ended before it was done", x->r->method, STR_ARG(where));
	if (x->too_much)
		return err_set(e, ERR_WORLD, "%s " STR_FMT ": the answer has more than %zu bytes", x->r->method, STR_ARG(where), x->limit);
	if (x->header_bytes > HEADERS_LIMIT)
		return err_set(e, ERR_WORLD, "%s " STR_FMT ": the answer's headers are too large", x->r->method, STR_ARG(where));
	if (code == CURLE_OPERATION_TIMEDOUT && x->r->timeout_ms == 0)
		return err_set(e, ERR_WORLD, "%s " STR_FMT ": nothing moves: less than %ld bytes a second for %d s", x->r->method, STR_ARG(where),
			       STALL_BYTES, x->r->stall_s > 0 ? x->r->stall_s : STALL_S);
	return err_set(e, ERR_WORLD, "%s " STR_FMT ": %s", x->r->method, STR_ARG(where), lib.easy_strerror(code));
}

/* Header values come from files and servers: a line break in one would be another header. */
static bool
headers_clean(const struct http_request *r)
{
	for (size_t i = 0; i < r->nheaders; i++) {
		for (size_t k = 0; k < r->headers[i].value.n; k++) {
			if (strchr("\r\n", r->headers[i].value.p[k])) /* NUL included */
				return false;
		}
	}
	return true;
}

static int
open_body(struct exchange *x, struct err *e)
{
	const struct http_request *r = x->r;
	struct file_stat st;
	x->fd = file_open(AT_FDCWD, r->body_path, O_RDONLY, 0, e);
	if (x->fd < 0 || file_stat_fd(x->fd, &st, e) < 0)
		return -1;
	if (r->body_at > st.size || r->body_n > st.size - r->body_at)
		return err_set(e, ERR_DAMAGED, "'%s' is shorter than it was", r->body_path);
	x->size = x->left = r->body_n > 0 ? r->body_n : st.size - r->body_at;
	if (r->body_at > 0 && lseek(x->fd, (off_t)r->body_at, SEEK_SET) < 0)
		return err_os(e, "read '%s'", r->body_path);
	return 0;
}

static int
exchange(struct http *h, const struct http_request *r, struct str url, bool foreign, struct arena *a, struct http_answer *out, struct err *e)
{
	struct exchange x = { .curl = h->curl, .r = r, .arena = a, .limit = r->limit ? r->limit : LIMIT, .e = e, .fd = -1 };
	h->passing = false;
	if (!headers_clean(r))
		return err_set(e, ERR_INPUT, "%s " STR_FMT ": a header has a line break in it", r->method, STR_ARG(shown(a, url)));
	if (r->body_path && open_body(&x, e) < 0) {
		file_closep(&x.fd);
		return -1;
	}
	struct curl_slist *headers = slist(r, foreign, a);
	set_options(&x, arena_z(a, url), headers);
	set_trust(&x, foreign);
	set_body(&x);
	const CURLcode code = lib.easy_perform(h->curl);
	long status = 0;
	(void)lib.easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	lib.slist_free_all(headers);
	file_closep(&x.fd);
	int bad = 0;
	h->connected = h->connected || status > 0;
	if (code != CURLE_OK) {
		h->passing = passing(h, &x, code);
		bad = failed(&x, code, url, e);
	} else {
		*out = (struct http_answer){ .status = (int)status, .url = arena_str(a, url), .body = arena_str(a, buf_str(&x.body)),
					     .nheaders = x.headers.n };
		out->headers = arena_array(a, struct http_header, x.headers.n + 1);
		for (size_t i = 0; i < x.headers.n; i++)
			out->headers[i] = x.headers.v[i];
	}
	buf_done(&x.body);
	VEC_DONE(&x.headers);
	return bad;
}

int
http_do(struct http *h, const struct http_request *r, struct arena *a, struct http_answer *out, struct err *e)
{
	struct http_request now = *r;
	struct http_answer answer = { 0 };
	struct str url = r->url;
	bool foreign = false;
	for (int hop = 0; hop <= REDIRECTS; hop++) {
		if (exchange(h, &now, url, foreign, a, &answer, e) < 0)
			return -1;
		const bool moved = answer.status == 301 || answer.status == 302 || answer.status == 303 || answer.status == 307 ||
				   answer.status == 308;
		const struct str location = http_header(&answer, "location");
		if (!r->redirects || !moved || location.n == 0) {
			*out = answer;
			return 0;
		}
		const struct str to = redirected(a, url, location);
		if (to.n == 0)
			return err_set(e, ERR_WORLD, "%s " STR_FMT ": redirected to where it must not lead", r->method, STR_ARG(shown(a, url)));
		foreign = foreign || !http_same_origin(url, to);
		if (answer.status == 303 && strcmp(now.method, "HEAD") != 0) {
			now.method = "GET";
			now.body = (struct str){ 0 };
			now.body_path = NULL;
		}
		url = to;
	}
	return err_set(e, ERR_WORLD, "%s " STR_FMT ": more than %d redirects", r->method, STR_ARG(shown(a, r->url)), REDIRECTS);
}

bool
http_passing(const struct http *h)
{
	return h->passing;
}

int64_t
http_retry_after(const struct http_answer *r)
{
	struct arena a = { 0 };
	const struct str text = http_header(r, "retry-after");
	uint64_t seconds;
	int64_t ms = -1;
	if (str_u64(text, &seconds)) {
		ms = (int64_t)(seconds < 100000000 ? seconds : 100000000) * 1000;
	} else if (text.n > 0) {
		const int64_t at = (int64_t)lib.getdate(arena_z(&a, text), NULL), now = clock_real() / NS_PER_S;
		ms = at < 0 ? -1 : at < now ? 0 : (at - now) * 1000;
	}
	arena_done(&a);
	return ms;
}

const char *
http_version(void)
{
	return library_use(&libcurl, NULL) < 0 ? "not there" : lib.version_info(CURLVERSION_NOW)->version;
}
