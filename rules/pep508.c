/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pep508.h"

#include <stdlib.h>

#include "base/buf.h"

#define LIST_MAX 128

struct scan {
	struct str text;
	size_t at;
	struct arena *a;
	struct err *e;
};

static bool
word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool
name_char(char c)
{
	return word_char(c) || c == '-' || c == '_' || c == '.';
}

bool
pep503_name(struct str text, struct arena *a, struct str *out)
{
	if (!text.n || text.n > 200 || !word_char(text.p[0]) || !word_char(text.p[text.n - 1]))
		return false;
	char *z = arena_alloc(a, text.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (!name_char(c))
			return false;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 32);
		if (word_char(c))
			z[n++] = c;
		else if (z[n - 1] != '-')
			z[n++] = '-';
	}
	*out = (struct str){ z, n };
	return true;
}

static void
blanks(struct scan *s)
{
	while (s->at < s->text.n && (s->text.p[s->at] == ' ' || s->text.p[s->at] == '\t'))
		s->at++;
}

static bool
take(struct scan *s, char c)
{
	blanks(s);
	if (s->at >= s->text.n || s->text.p[s->at] != c)
		return false;
	s->at++;
	return true;
}

static int
cmp_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int
name(struct scan *s, const char *what, struct str *out)
{
	blanks(s);
	size_t from = s->at;
	while (s->at < s->text.n && name_char(s->text.p[s->at]))
		s->at++;
	struct str raw = { s->text.p + from, s->at - from };
	if (pep503_name(raw, s->a, out))
		return 0;
	s->at = from;
	if (!raw.n)
		return err_set(s->e, ERR_INPUT, "expected %s", what);
	return err_set(s->e, ERR_INPUT, "'" STR_FMT "' is not %s: it begins and ends with a letter or digit", STR_ARG(raw), what);
}

static int
extras(struct scan *s, struct pep508 *r)
{
	if (!take(s, '['))
		return 0;
	if (take(s, ']'))
		return 0;
	r->extras = arena_array(s->a, struct str, LIST_MAX);
	do {
		if (r->nextras == LIST_MAX)
			return err_set(s->e, ERR_INPUT, "more than %d extras", LIST_MAX);
		if (name(s, "the name of an extra", &r->extras[r->nextras]) < 0)
			return -1;
		r->nextras++;
	} while (take(s, ','));
	if (!take(s, ']'))
		return err_set(s->e, ERR_INPUT, "expected ',' or ']' in the list of extras");
	qsort(r->extras, r->nextras, sizeof *r->extras, cmp_str);
	size_t n = 0;
	for (size_t i = 0; i < r->nextras; i++)
		if (!n || !str_eq(r->extras[n - 1], r->extras[i]))
			r->extras[n++] = r->extras[i];
	r->nextras = n;
	return 0;
}

static int
cmp_spec(const void *a, const void *b)
{
	const struct pep440_spec *x = a, *y = b;
	int c = str_cmp(str_z(pep440_op_text(x->op)), str_z(pep440_op_text(y->op)));

	return c ? c : str_cmp(x->text, y->text);
}

/* One clause: up to ',' ';' ')' or the end. A blank before something else than those ends it as well. */
static struct str
clause(struct scan *s)
{
	blanks(s);
	size_t from = s->at;
	while (s->at < s->text.n && !(s->text.p[s->at] == ',' || s->text.p[s->at] == ';' || s->text.p[s->at] == ')'))
		s->at++;
	return str_trim((struct str){ s->text.p + from, s->at - from });
}

static int
specs(struct scan *s, struct pep508 *r)
{
	bool parens = take(s, '(');
	bool more = true;

	blanks(s);
	if (!parens && (s->at == s->text.n || s->text.p[s->at] == ';'))
		return 0;
	if (parens && take(s, ')'))
		return 0;
	r->specs = arena_array(s->a, struct pep440_spec, LIST_MAX);
	while (more) {
		blanks(s);
		size_t from = s->at;
		struct str c = clause(s);
		if (r->nspecs == LIST_MAX)
			return err_set(s->e, ERR_INPUT, "more than %d version clauses", LIST_MAX);
		if (!pep440_spec_parse(c, s->a, &r->specs[r->nspecs])) {
			s->at = from;
			return err_set(s->e, ERR_INPUT, "'" STR_FMT "' is not a version clause such as '>=1.0'", STR_ARG(c));
		}
		r->nspecs++;
		more = take(s, ',');
		blanks(s);
		if (more && (s->at == s->text.n || s->text.p[s->at] == ';' || s->text.p[s->at] == ')'))
			more = false; /* a comma at the end is allowed */
	}
	if (parens && !take(s, ')'))
		return err_set(s->e, ERR_INPUT, "expected ')' behind the version clauses");
	qsort(r->specs, r->nspecs, sizeof *r->specs, cmp_spec);
	size_t n = 0;
	for (size_t i = 0; i < r->nspecs; i++)
		if (!n || cmp_spec(&r->specs[n - 1], &r->specs[i]))
			r->specs[n++] = r->specs[i];
	r->nspecs = n;
	return 0;
}

static int
url(struct scan *s, struct pep508 *r)
{
	blanks(s);
	size_t from = s->at;
	while (s->at < s->text.n && (unsigned char)s->text.p[s->at] > ' ')
		s->at++;
	r->url = arena_str(s->a, (struct str){ s->text.p + from, s->at - from });
	if (!r->url.n)
		return err_set(s->e, ERR_INPUT, "expected a URL behind '@'");
	return 0;
}

static int
requirement(struct scan *s, struct pep508 *r)
{
	if (name(s, "the name of a package", &r->name) < 0 || extras(s, r) < 0)
		return -1;
	if (take(s, '@')) {
		if (url(s, r) < 0)
			return -1;
	} else if (specs(s, r) < 0) {
		return -1;
	}
	if (take(s, ';')) {
		size_t at = 0;
		struct str rest = str_drop(s->text, s->at);
		if (marker_parse(rest, NULL, s->a, &r->marker, NULL, &at, s->e) < 0) {
			s->at += at;
			return -1;
		}
		s->at = s->text.n;
	}
	blanks(s);
	if (s->at < s->text.n)
		return err_set(s->e, ERR_INPUT, "expected ';' and a marker, or the end, in front of '" STR_FMT "'",
			       STR_ARG(str_take(str_drop(s->text, s->at), 40)));
	return 0;
}

int
pep508_parse(struct str text, struct arena *a, struct pep508 *out, size_t *at, struct err *e)
{
	struct scan s = { .text = text, .a = a, .e = e };
	struct pep508 r = { 0 };

	*at = 0;
	if (text.n > PEP508_MAX)
		return err_set(e, ERR_INPUT, "a requirement of more than %d bytes", PEP508_MAX);
	if (requirement(&s, &r) < 0) {
		*at = s.at;
		return -1;
	}
	*out = r;
	return 0;
}

struct str
pep508_text(const struct pep508 *r, bool with_marker, struct arena *a)
{
	AUTO_BUF b = { 0 };

	buf_put(&b, r->name);
	for (size_t i = 0; i < r->nextras; i++)
		buf_printf(&b, "%s" STR_FMT "%s", i ? "," : "[", STR_ARG(r->extras[i]), i + 1 == r->nextras ? "]" : "");
	for (size_t i = 0; i < r->nspecs; i++)
		buf_printf(&b, "%s%s" STR_FMT, i ? "," : "", pep440_op_text(r->specs[i].op), STR_ARG(r->specs[i].text));
	if (r->url.n)
		buf_printf(&b, " @ " STR_FMT, STR_ARG(r->url));
	if (with_marker && r->marker.n)
		buf_printf(&b, " ; " STR_FMT, STR_ARG(r->marker));
	return arena_str(a, buf_str(&b));
}
