/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/creds.h"
#include "backends/registry_inside.h"
#include "base/base64.h"

/* A challenge of RFC 7235: Bearer realm="...",service="...",scope="...". */
struct challenge {
	bool bearer, basic;
	struct str realm, service, scope;
};

static void
read_parameter(struct str *rest, struct arena *a, struct str *name, struct str *value)
{
	const struct str_cut c = str_cut(*rest, '=');
	*name = str_trim(c.head);
	struct str s = c.tail;
	struct buf b = { 0 };
	if (s.n > 0 && s.p[0] == '"') {
		size_t i = 1;
		for (; i < s.n && s.p[i] != '"'; i++) {
			if (s.p[i] == '\\' && i + 1 < s.n)
				i++;
			buf_putc(&b, s.p[i]);
		}
		s = str_cut(str_drop(s, i), ',').tail;
	} else {
		const struct str_cut v = str_cut(s, ',');
		buf_put(&b, str_trim(v.head));
		s = v.tail;
	}
	*value = arena_str(a, buf_str(&b));
	buf_done(&b);
	*rest = str_trim(s);
}

static struct challenge
read_challenge(struct str text, struct arena *a)
{
	struct challenge c = { 0 };
	const struct str_cut scheme = str_cut(str_trim(text), ' ');
	c.basic = scheme.head.n == 5 && strncasecmp(scheme.head.p, "basic", 5) == 0;
	c.bearer = scheme.head.n == 6 && strncasecmp(scheme.head.p, "bearer", 6) == 0;
	for (struct str rest = scheme.tail; rest.n > 0;) {
		struct str name, value;
		read_parameter(&rest, a, &name, &value);
		if (str_is(name, "realm"))
			c.realm = value;
		else if (str_is(name, "service"))
			c.service = value;
		else if (str_is(name, "scope"))
			c.scope = value;
	}
	return c;
}

static struct str
basic_header(const struct creds *c, struct arena *a)
{
	AUTO_BUF pair = { 0 }, header = { 0 };
	buf_printf(&pair, STR_FMT ":" STR_FMT, STR_ARG(c->user), STR_ARG(c->secret));
	buf_puts(&header, "Basic ");
	base64_put(&header, buf_str(&pair), false);
	return arena_str(a, buf_str(&header));
}

static void
put_scopes(struct buf *out, const struct registry_request *q, const char *between)
{
	AUTO_BUF s = { 0 };
	buf_printf(&s, "repository:" STR_FMT ":%s", STR_ARG(q->ref->repository), q->actions);
	buf_puts(out, between);
	buf_puts(out, "scope=");
	http_escape(buf_str(&s), out);
	if (q->mount_from.n > 0) {
		buf_reset(&s);
		buf_printf(&s, "repository:" STR_FMT ":pull", STR_ARG(q->mount_from));
		buf_puts(out, "&scope=");
		http_escape(buf_str(&s), out);
	}
}

static int
token_of(const struct http_answer *answer, const struct registry_request *q, struct arena *a, struct str *header, int64_t *seconds,
	 struct err *e)
{
	AUTO_JS doc = NULL;
	if (answer->status == 401 || answer->status == 403)
		return err_set(e, ERR_DENIED, "the token server of " STR_FMT " refuses the credentials", STR_ARG(q->ref->host));
	if (answer->status != 200)
		return err_set(e, ERR_WORLD, "the token server of " STR_FMT " answers %d", STR_ARG(q->ref->host), answer->status);
	if (js_parse(answer->body, "the token server's answer", &doc, e) < 0)
		return -1;
	struct str token = js_str(js_get(doc, "token"));
	if (token.n == 0)
		token = js_str(js_get(doc, "access_token"));
	if (!registry_token_good(token))
		return err_set(e, ERR_WORLD, "the token server of " STR_FMT " gave no token that can be used", STR_ARG(q->ref->host));
	/* A minute where nothing is said: the specification's. More than a day is nobody's intent. */
	const int64_t said = js_num(js_get(doc, "expires_in"));
	*seconds = said <= 0 ? 60 : said < 86400 ? said : 86400;
	*header = arena_printf(a, "Bearer " STR_FMT, STR_ARG(token));
	return 0;
}

static int
bearer(struct registry *r, const struct registry_request *q, const struct challenge *c, const struct creds *who, struct arena *a,
       struct str *header, int64_t *seconds, struct err *e)
{
	const bool plain = str_starts(registry_base(r, q->ref->host, a), STR("http://"));
	if (!str_starts(c->realm, STR("https://")) && !(plain && str_starts(c->realm, STR("http://"))))
		return err_set(e, ERR_WORLD, STR_FMT " names a token server without TLS: '" STR_FMT "'", STR_ARG(q->ref->host),
			       STR_ARG(str_take(str_cut(c->realm, '?').head, 200)));
	AUTO_BUF url = { 0 }, form = { 0 };
	struct http_header h[2] = { { STR("Accept"), STR("application/json") } };
	struct http_request ask = { .method = "GET", .headers = h, .nheaders = 1, .redirects = true, .limit = (size_t)1 << 20,
				    .ca_file = registry_ca(r), .stall_s = registry_stall(r), .stop = r->opts.stop };
	const struct registry_tls *tls;
	if (registry_tls(r, q->ref->host, &tls, e) < 0)
		return -1;
	ask.ca = tls->ca;
	buf_put(&url, c->realm);
	if (who->identity.n > 0) {
		buf_puts(&form, "grant_type=refresh_token&client_id=pawl&service=");
		http_escape(c->service, &form);
		put_scopes(&form, q, "&");
		buf_puts(&form, "&refresh_token=");
		http_escape(who->identity, &form);
		ask.method = "POST";
		ask.body = buf_str(&form);
		h[ask.nheaders++] = (struct http_header){ STR("Content-Type"), STR("application/x-www-form-urlencoded") };
		ask.redirects = false;
	} else {
		buf_puts(&url, str_find_char(c->realm, '?') == SIZE_MAX ? "?service=" : "&service=");
		http_escape(c->service, &url);
		put_scopes(&url, q, "&");
		if (who->found)
			h[ask.nheaders++] = (struct http_header){ STR("Authorization"), basic_header(who, a) };
	}
	ask.url = arena_str(a, buf_str(&url));
	struct http_answer answer;
	struct retry again = registry_retry(r);
	int bad;
	do {
		struct err why = { 0 };
		r->requests++;
		bad = http_do(r->http, &ask, a, &answer, &why);
		if (bad < 0 && e)
			*e = why;
	} while (bad < 0 ? retry_failure(&again, r->http) : retry_answer(&again, &answer));
	if (bad < 0)
		return -1;
	return token_of(&answer, q, a, header, seconds, e);
}

int
registry_authorize(struct registry *r, const struct registry_request *q, const struct http_answer *answer, struct arena *a, struct str *header,
		   int64_t *seconds, struct err *e)
{
	const struct challenge c = read_challenge(http_header(answer, "www-authenticate"), a);
	struct creds who;
	*header = (struct str){ 0 };
	*seconds = 0;
	if (!c.bearer && !c.basic)
		return 0;
	if (creds_find(r->opts.environ_, q->ref->host, q->ref->repository, a, &who, e) < 0)
		return -1;
	if (who.bearer.n > 0)
		*header = arena_printf(a, "Bearer " STR_FMT, STR_ARG(who.bearer));
	else if (c.bearer)
		return bearer(r, q, &c, &who, a, header, seconds, e);
	else if (who.user.n > 0)
		*header = basic_header(&who, a);
	return 0;
}
