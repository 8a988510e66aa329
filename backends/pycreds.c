/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/pycreds.h"

#include <string.h>

#include "backends/http.h"
#include "base/js.h"
#include "base/toml.h"
#include "sys/file.h"

#define FILE_LIMIT ((size_t)1 << 20)

struct search {
	const char *const *environ_;
	struct str url, host; /* host: without port */
	struct arena *a;
	struct pycreds *out;
};

static struct str
variable(const struct search *s, struct str name)
{
	for (size_t i = 0; s->environ_ && s->environ_[i]; i++) {
		struct str_cut c = str_cut(str_z(s->environ_[i]), '=');
		if (c.ok && str_eq(c.head, name))
			return c.tail;
	}
	return (struct str){ 0 };
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static struct str
decoded(struct str s, struct arena *a)
{
	char *z = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
			z[n++] = (char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]));
			i += 2;
		} else {
			z[n++] = s.p[i];
		}
	}
	z[n] = 0;
	return (struct str){ z, n };
}

/* "https://user:password@host/simple" of the same origin; name: of an index of uv, may be empty. */
static bool
of_index(const struct search *s, struct str name, struct str url)
{
	size_t at = str_find(url, STR("://"));

	if (at == SIZE_MAX)
		return false;
	struct str_cut host = str_cut(str_drop(url, at + 3), '/');
	struct str_cut user = str_rcut(host.head, '@');
	struct str plain = user.ok ? arena_printf(s->a, STR_FMT STR_FMT "/", STR_ARG(str_take(url, at + 3)), STR_ARG(user.tail)) : url;
	if (!http_same_origin(plain, s->url))
		return false;
	if (user.ok) {
		struct str_cut c = str_cut(user.head, ':');
		*s->out = (struct pycreds){ decoded(c.head, s->a), decoded(c.tail, s->a) };
		return true;
	}
	if (!name.n)
		return false;
	AUTO_BUF upper = { 0 };
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		buf_putc(&upper, c >= 'a' && c <= 'z' ? (char)(c - 32) : (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_');
	}
	struct str who = variable(s, arena_printf(s->a, "UV_INDEX_%s_USERNAME", buf_z(&upper)));
	struct str secret = variable(s, arena_printf(s->a, "UV_INDEX_%s_PASSWORD", buf_z(&upper)));
	if (!who.n && !secret.n)
		return false;
	*s->out = (struct pycreds){ who, secret };
	return true;
}

/* URLs with blanks or line ends between; uv's may be "name=url". */
static bool
of_list(const struct search *s, struct str text)
{
	for (size_t i = 0; i < text.n;) {
		size_t n = i;
		while (n < text.n && !strchr(" \t\r\n,", text.p[n]))
			n++;
		struct str word = { text.p + i, n - i };
		struct str_cut c = str_cut(word, '=');
		const bool named = c.ok && str_find(c.head, STR("://")) == SIZE_MAX;
		if (of_index(s, named ? c.head : (struct str){ 0 }, named ? c.tail : word))
			return true;
		i = n + 1;
	}
	return false;
}

static bool
of_variables(const struct search *s)
{
	static const char *const names[] = { "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "PIP_INDEX_URL",
					     "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (of_list(s, variable(s, str_z(names[i]))))
			return true;
	return false;
}

static bool
read_file(const struct search *s, struct str path, struct str *text)
{
	AUTO_BUF b = { 0 };

	if (!path.n || path.p[0] != '/' || file_read(AT_FDCWD, arena_z(s->a, path), FILE_LIMIT, &b, NULL) < 0)
		return false;
	*text = arena_str(s->a, buf_str(&b));
	return true;
}

/* pip.conf: lines "index-url = URL", further URLs on lines that are indented. */
static bool
of_pip(const struct search *s, struct str path)
{
	struct str text;
	bool ours = false;

	if (!read_file(s, path, &text))
		return false;
	for (struct str_cut c = { .tail = text, .ok = true }; c.ok;) {
		c = str_cut(c.tail, '\n');
		struct str_cut kv = str_cut(c.head, '=');
		struct str key = str_trim(kv.head);
		const bool indented = c.head.n && (c.head.p[0] == ' ' || c.head.p[0] == '\t');
		if (!indented)
			ours = kv.ok && (str_is(key, "index-url") || str_is(key, "extra-index-url") || str_is(key, "find-links"));
		if (ours && of_list(s, indented ? c.head : kv.tail))
			return true;
	}
	return false;
}

static bool
of_uv(const struct search *s, struct str path)
{
	struct str text;
	AUTO_JS doc = NULL;

	if (!read_file(s, path, &text) || toml_parse(text, "uv.toml", &doc, NULL) < 0)
		return false;
	const struct js *list = js_get(doc, "index"), *extra = js_get(doc, "extra-index-url");
	for (size_t i = 0; i < js_len(list); i++)
		if (of_index(s, js_str(js_get(js_at(list, i), "name")), js_str(js_get(js_at(list, i), "url"))))
			return true;
	for (size_t i = 0; i < js_len(extra); i++)
		if (of_index(s, (struct str){ 0 }, js_str(js_at(extra, i))))
			return true;
	return of_index(s, (struct str){ 0 }, js_str(js_get(doc, "index-url")));
}

static struct str
word(struct str *rest)
{
	size_t i = 0;

	while (i < rest->n && strchr(" \t\r\n", rest->p[i]))
		i++;
	size_t from = i;
	while (i < rest->n && !strchr(" \t\r\n", rest->p[i]))
		i++;
	struct str w = { rest->p + from, i - from };
	*rest = str_drop(*rest, i);
	return w;
}

/* netrc: "machine HOST login USER password SECRET", or "default". */
static bool
of_netrc(const struct search *s, struct str path)
{
	struct str text, w;
	struct pycreds found = { 0 };
	bool ours = false, any = false;

	if (!read_file(s, path, &text))
		return false;
	while ((w = word(&text)).n) {
		if (str_is(w, "machine") || str_is(w, "default")) {
			if (ours && any)
				break;
			ours = str_is(w, "default") || str_eq(word(&text), s->host);
		} else if (str_is(w, "macdef")) {
			size_t end = str_find(text, STR("\n\n"));
			text = str_drop(text, end == SIZE_MAX ? text.n : end);
		} else if (str_is(w, "login") || str_is(w, "password") || str_is(w, "account")) {
			struct str value = word(&text);
			if (!ours || str_is(w, "account"))
				continue;
			any = true;
			*(str_is(w, "login") ? &found.user : &found.secret) = value;
		}
	}
	if (ours && any)
		*s->out = found;
	return ours && any;
}

bool
pycreds_find(const char *const *environ_, const struct str *further, size_t nfurther, struct str url, struct arena *a, struct pycreds *out)
{
	struct search s = { .environ_ = environ_, .url = url, .a = a, .out = out };
	size_t at = str_find(url, STR("://"));

	if (at == SIZE_MAX)
		return false;
	struct str host = str_cut(str_drop(url, at + 3), '/').head;
	s.host = str_find_char(host, ']') != SIZE_MAX ? host : str_cut(host, ':').head;
	for (size_t i = 0; i < nfurther; i++)
		if (of_index(&s, (struct str){ 0 }, further[i]))
			return true;
	struct str home = variable(&s, STR("HOME")), config = variable(&s, STR("XDG_CONFIG_HOME")), netrc = variable(&s, STR("NETRC"));
	if (!config.n && home.n)
		config = path_join(a, home, STR(".config"));
	if (of_variables(&s))
		return true;
	struct str file = variable(&s, STR("PIP_CONFIG_FILE"));
	if (of_pip(&s, file) || (config.n && of_pip(&s, path_join(a, config, STR("pip/pip.conf")))) ||
	    (home.n && of_pip(&s, path_join(a, home, STR(".pip/pip.conf")))) || of_pip(&s, STR("/etc/pip.conf")) ||
	    of_uv(&s, variable(&s, STR("UV_CONFIG_FILE"))) || (config.n && of_uv(&s, path_join(a, config, STR("uv/uv.toml")))) ||
	    of_uv(&s, STR("/etc/uv/uv.toml")))
		return true;
	return netrc.n ? of_netrc(&s, netrc) : home.n && of_netrc(&s, path_join(a, home, STR(".netrc")));
}
