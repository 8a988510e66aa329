/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/reqref.h"

#include <string.h>

#include "base/buf.h"
#include "rules/pep508.h"
#include "rules/pytags.h"
#include "sys/file.h"

static const char *const archives[] = { ".whl", ".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz" };

bool
reqref_is_archive(struct str path)
{
	for (size_t i = 0; i < sizeof archives / sizeof *archives; i++)
		if (str_ends(path, str_z(archives[i])))
			return true;
	return false;
}

static bool
scheme_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/* The length of "scheme:" at the beginning, where what follows makes it one. */
static size_t
scheme_length(struct str t)
{
	size_t n = 0;

	while (n < t.n && scheme_char(t.p[n]))
		n++;
	if (n < 2 || n >= t.n || t.p[n] != ':')
		return 0;
	struct str rest = str_drop(t, n + 1);
	return str_starts(rest, STR("//")) || str_is(str_take(t, n), "file") ? n : 0;
}

bool
reqref_is(struct str text)
{
	struct reqref_line l = reqref_split(text);
	struct str head = str_trim(l.where);

	if (str_find_char(str_cut(head, '/').head, '@') != SIZE_MAX && !scheme_length(head))
		return false; /* name @ where */
	return scheme_length(head) || str_starts(head, STR("./")) || str_starts(head, STR("../")) || str_is(head, ".") || str_is(head, "..") ||
	       str_starts(head, STR("/")) || str_starts(head, STR("~")) || str_find_char(head, '/') != SIZE_MAX || reqref_is_archive(head);
}

struct reqref_line
reqref_split(struct str line)
{
	struct reqref_line l = { 0 };
	size_t at = line.n;

	/* in a URL only a blank in front makes ';' the beginning of a marker */
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == ';' && (!scheme_length(line) || (i && (line.p[i - 1] == ' ' || line.p[i - 1] == '\t')))) {
			at = i;
			break;
		}
	l.where = str_trim(str_take(line, at));
	l.marker = str_trim(str_drop(line, at + 1));
	if (str_ends(l.where, STR("]"))) {
		size_t open = str_rfind_char(l.where, '[');
		if (open != SIZE_MAX && open > 0) {
			l.extras = str_drop(l.where, open);
			l.where = str_take(l.where, open);
		}
	}
	return l;
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct str
reqref_decode(struct str s, struct arena *a)
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

struct str
reqref_encode(struct str path, struct arena *a)
{
	AUTO_BUF b = { 0 };

	for (size_t i = 0; i < path.n; i++) {
		const unsigned char c = (unsigned char)path.p[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~/+@:", c)))
			buf_putc(&b, (char)c);
		else
			buf_printf(&b, "%%%02X", c);
	}
	return arena_str(a, buf_str(&b));
}

struct str
reqref_plain(struct str url, struct arena *a)
{
	size_t at = str_find(url, STR("://"));

	if (at == SIZE_MAX)
		return arena_str(a, url);
	struct str_cut host = str_cut(str_drop(url, at + 3), '/');
	struct str_cut user = str_rcut(host.head, '@');
	/* "git@" alone is how ssh says who: no secret */
	if (!user.ok || (str_find_char(user.head, ':') == SIZE_MAX && str_find(str_take(url, at), STR("ssh")) != SIZE_MAX))
		return arena_str(a, url);
	return arena_printf(a, STR_FMT STR_FMT, STR_ARG(str_take(url, at + 3)), STR_ARG(str_drop(url, at + 3 + user.head.n + 1)));
}

static void
fragment(struct str text, struct arena *a, struct reqref *r)
{
	for (struct str_cut c = { .tail = text, .ok = text.n > 0 }; c.ok;) {
		c = str_cut(c.tail, '&');
		struct str_cut kv = str_cut(c.head, '=');
		if (str_is(kv.head, "egg"))
			r->egg = arena_str(a, str_cut(kv.tail, '[').head);
		else if (str_is(kv.head, "subdirectory"))
			r->subdirectory = reqref_decode(kv.tail, a);
		else if (str_is(kv.head, "sha256"))
			r->sha256 = arena_str(a, kv.tail);
	}
}

/* "git+ssh://git@HOST/x.git@v1": the revision is behind the last '@' of the path. */
static void
repository(struct str url, struct arena *a, struct reqref *r)
{
	struct str rest = str_drop(url, 4);
	size_t host = str_find(rest, STR("://"));
	size_t slash = host == SIZE_MAX ? SIZE_MAX : str_find_char(str_drop(rest, host + 3), '/');

	r->kind = REQREF_GIT;
	if (slash != SIZE_MAX) {
		struct str path = str_drop(rest, host + 3 + slash);
		struct str_cut c = str_rcut(path, '@');
		if (c.ok) {
			r->revision = arena_str(a, c.tail);
			rest = str_take(rest, host + 3 + slash + c.head.n);
		}
	}
	r->secret = arena_str(a, rest);
	r->plain = reqref_plain(rest, a);
}

int
reqref_parse(struct str text, struct arena *a, struct reqref *out, struct err *e)
{
	struct reqref r = { 0 };
	struct str_cut c = str_cut(text, '#');
	size_t n = scheme_length(text);
	struct str scheme = str_take(text, n);

	if (!n) {
		r.kind = REQREF_PATH;
		r.path = arena_str(a, text);
	} else if (str_is(scheme, "file")) {
		struct str path = str_drop(c.head, 5);
		if (str_starts(path, STR("//localhost/")))
			path = str_drop(path, 11);
		else if (str_starts(path, STR("//")))
			path = str_drop(path, 2);
		r.kind = REQREF_PATH;
		r.path = reqref_decode(path, a);
		fragment(c.tail, a, &r);
	} else if (str_starts(scheme, STR("git+"))) {
		repository(c.head, a, &r);
		fragment(c.tail, a, &r);
	} else if (str_is(scheme, "https") || str_is(scheme, "http")) {
		r.kind = REQREF_URL;
		r.secret = arena_str(a, c.head);
		r.plain = reqref_plain(c.head, a);
		fragment(c.tail, a, &r);
	} else {
		return err_set(e, ERR_INPUT, "'" STR_FMT "' is not known: take https, file or git+https", STR_ARG(scheme));
	}
	if (r.kind == REQREF_PATH && (!r.path.n || r.path.p[0] == '~' || str_find_char(r.path, 0) != SIZE_MAX))
		return err_set(e, ERR_INPUT, "'" STR_FMT "' is no path", STR_ARG(str_take(text, 100)));
	*out = r;
	return 0;
}

bool
reqref_file_name(struct str path, struct arena *a, struct str *name, struct str *version)
{
	struct str base = path_base(str_cut(path, '?').head);
	struct wheel_name w;
	struct pep440 v;

	if (wheel_name_parse(base, a, &w)) {
		*name = w.name;
		*version = w.version;
		return true;
	}
	for (size_t i = 1; i < sizeof archives / sizeof *archives; i++) {
		if (!str_ends(base, str_z(archives[i])))
			continue;
		struct str_cut c = str_rcut(str_take(base, base.n - str_z(archives[i]).n), '-');
		if (!c.ok || !pep503_name(c.head, a, name) || !pep440_parse(c.tail, a, &v))
			return false;
		*version = pep440_text(&v, a);
		return true;
	}
	return false;
}
