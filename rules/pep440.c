/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pep440.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"

#define PIECES_MAX 64

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
alnum(char c)
{
	return digit(c) || (c >= 'a' && c <= 'z');
}

static struct str
number(struct str *s)
{
	size_t n = 0;

	while (n < s->n && digit(s->p[n]))
		n++;
	struct str d = str_take(*s, n);
	*s = str_drop(*s, n);
	while (d.n > 1 && d.p[0] == '0')
		d = str_drop(d, 1);
	return d;
}

static bool
separator(char c)
{
	return c == '.' || c == '-' || c == '_';
}

/* [-_.]? word [-_.]? digits?: takes it off s when it is there. A missing number is 0. */
static bool
suffix(struct str *s, const char *const *words, size_t nwords, size_t *which, struct str *n)
{
	struct str r = *s;

	if (r.n && separator(r.p[0]))
		r = str_drop(r, 1);
	for (size_t i = 0; i < nwords; i++) {
		struct str w = str_z(words[i]);
		if (!str_starts(r, w))
			continue;
		r = str_drop(r, w.n);
		struct str q = r.n && separator(r.p[0]) ? str_drop(r, 1) : r;
		if (q.n && digit(q.p[0])) {
			r = q;
			*n = number(&r);
		} else {
			*n = STR("0");
		}
		*which = i;
		*s = r;
		return true;
	}
	return false;
}

static bool
local(struct str s, struct arena *a, struct pep440 *v)
{
	if (!s.n)
		return false;
	v->local = arena_array(a, struct str, PIECES_MAX);
	while (s.n) {
		size_t n = 0;
		while (n < s.n && alnum(s.p[n]))
			n++;
		if (!n || v->nlocal == PIECES_MAX)
			return false;
		struct str piece = str_take(s, n), rest = piece;
		struct str as_number = number(&rest);
		v->local[v->nlocal++] = rest.n ? piece : as_number;
		s = str_drop(s, n);
		if (!s.n)
			return true;
		if (!separator(s.p[0]))
			return false;
		s = str_drop(s, 1);
	}
	return false; /* a separator at the end */
}

static bool
release(struct str *s, struct arena *a, struct pep440 *v)
{
	v->epoch = STR("0");
	v->release = arena_array(a, struct str, PIECES_MAX);
	if (!s->n || !digit(s->p[0]))
		return false;
	struct str first = number(s);
	if (s->n && s->p[0] == '!') {
		v->epoch = first;
		*s = str_drop(*s, 1);
		if (!s->n || !digit(s->p[0]))
			return false;
		first = number(s);
	}
	v->release[v->nrelease++] = first;
	while (s->n > 1 && s->p[0] == '.' && digit(s->p[1])) {
		if (v->nrelease == PIECES_MAX)
			return false;
		*s = str_drop(*s, 1);
		v->release[v->nrelease++] = number(s);
	}
	return true;
}

static void
prerelease(struct str *s, struct pep440 *v)
{
	static const char *const words[] = { "alpha", "a", "beta", "b", "preview", "pre", "c", "rc" };
	static const char letter[] = { 'a', 'a', 'b', 'b', 'r', 'r', 'r', 'r' };
	size_t i;

	if (suffix(s, words, sizeof words / sizeof *words, &i, &v->pre_n))
		v->pre = letter[i];
}

static void
postrelease(struct str *s, struct pep440 *v)
{
	static const char *const words[] = { "post", "rev", "r" };
	size_t i;

	if (s->n > 1 && s->p[0] == '-' && digit(s->p[1])) {
		*s = str_drop(*s, 1);
		v->post = true;
		v->post_n = number(s);
		return;
	}
	v->post = suffix(s, words, sizeof words / sizeof *words, &i, &v->post_n);
}

bool
pep440_parse(struct str text, struct arena *a, struct pep440 *out)
{
	static const char *const dev[] = { "dev" };
	struct pep440 v = { 0 };
	size_t i;

	text = str_trim(text);
	if (text.n > PEP440_MAX)
		return false;
	struct str s = arena_str(a, text);
	char *low = arena_z(a, text);
	for (size_t k = 0; k < s.n; k++)
		low[k] = (char)(low[k] >= 'A' && low[k] <= 'Z' ? low[k] + 32 : low[k]);
	s.p = low;
	if (s.n && s.p[0] == 'v')
		s = str_drop(s, 1);
	if (!release(&s, a, &v))
		return false;
	prerelease(&s, &v);
	postrelease(&s, &v);
	v.dev = suffix(&s, dev, 1, &i, &v.dev_n);
	if (s.n && s.p[0] == '+') {
		if (!local(str_drop(s, 1), a, &v))
			return false;
		s.n = 0;
	}
	if (s.n)
		return false;
	*out = v;
	return true;
}

static void
put_public(const struct pep440 *v, struct buf *b)
{
	if (!str_is(v->epoch, "0"))
		buf_printf(b, STR_FMT "!", STR_ARG(v->epoch));
	for (size_t i = 0; i < v->nrelease; i++)
		buf_printf(b, "%s" STR_FMT, i ? "." : "", STR_ARG(v->release[i]));
	if (v->pre)
		buf_printf(b, "%s" STR_FMT, v->pre == 'a' ? "a" : v->pre == 'b' ? "b" : "rc", STR_ARG(v->pre_n));
	if (v->post)
		buf_printf(b, ".post" STR_FMT, STR_ARG(v->post_n));
	if (v->dev)
		buf_printf(b, ".dev" STR_FMT, STR_ARG(v->dev_n));
}

struct str
pep440_text(const struct pep440 *v, struct arena *a)
{
	AUTO_BUF b = { 0 };

	put_public(v, &b);
	for (size_t i = 0; i < v->nlocal; i++)
		buf_printf(&b, "%s" STR_FMT, i ? "." : "+", STR_ARG(v->local[i]));
	return arena_str(a, buf_str(&b));
}

static int
digits_cmp(struct str a, struct str b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return str_cmp(a, b);
}

static int
release_cmp(const struct pep440 *a, const struct pep440 *b)
{
	size_t n = a->nrelease > b->nrelease ? a->nrelease : b->nrelease;

	for (size_t i = 0; i < n; i++) {
		int c = digits_cmp(i < a->nrelease ? a->release[i] : STR("0"), i < b->nrelease ? b->release[i] : STR("0"));
		if (c)
			return c;
	}
	return 0;
}

/* Where a version without a pre-release stands among those with one: 1.0.dev1 before 1.0a1, 1.0 behind 1.0rc1. */
static int
pre_rank(const struct pep440 *v)
{
	switch (v->pre) {
	case 'a':
		return 1;
	case 'b':
		return 2;
	case 'r':
		return 3;
	}
	return v->dev && !v->post ? 0 : 4;
}

static int
local_piece_cmp(struct str a, struct str b)
{
	bool an = a.n && digit(a.p[0]), bn = b.n && digit(b.p[0]);

	/* A piece is a number only if it is digits throughout; parse has stripped zeros of those alone. */
	for (size_t i = 0; i < a.n; i++)
		an = an && digit(a.p[i]);
	for (size_t i = 0; i < b.n; i++)
		bn = bn && digit(b.p[i]);
	if (an != bn)
		return an ? 1 : -1;
	return an ? digits_cmp(a, b) : str_cmp(a, b);
}

static int
local_cmp(const struct pep440 *a, const struct pep440 *b)
{
	for (size_t i = 0; i < a->nlocal && i < b->nlocal; i++) {
		int c = local_piece_cmp(a->local[i], b->local[i]);
		if (c)
			return c;
	}
	return a->nlocal < b->nlocal ? -1 : a->nlocal > b->nlocal;
}

static int
public_cmp(const struct pep440 *a, const struct pep440 *b)
{
	int c = digits_cmp(a->epoch, b->epoch);

	if (!c)
		c = release_cmp(a, b);
	if (!c)
		c = pre_rank(a) - pre_rank(b);
	if (!c && a->pre)
		c = digits_cmp(a->pre_n, b->pre_n);
	if (!c && a->post != b->post)
		c = a->post ? 1 : -1;
	if (!c && a->post)
		c = digits_cmp(a->post_n, b->post_n);
	if (!c && a->dev != b->dev)
		c = a->dev ? -1 : 1;
	if (!c && a->dev)
		c = digits_cmp(a->dev_n, b->dev_n);
	return c;
}

int
pep440_cmp(const struct pep440 *a, const struct pep440 *b)
{
	int c = public_cmp(a, b);

	return c ? c : local_cmp(a, b);
}

static const char *const op_texts[] = { "==", "!=", "<=", ">=", "<", ">", "~=", "===" };

const char *
pep440_op_text(enum pep440_op op)
{
	return op_texts[op];
}

bool
pep440_spec_parse(struct str text, struct arena *a, struct pep440_spec *out)
{
	static const enum pep440_op order[] = { OP_ARBITRARY, OP_EQ, OP_NE, OP_LE, OP_GE, OP_COMPATIBLE, OP_LT, OP_GT };
	struct pep440_spec s = { 0 };
	struct str v = { 0 };
	bool found = false;

	text = str_trim(text);
	for (size_t i = 0; i < sizeof order / sizeof *order && !found; i++) {
		struct str op = str_z(op_texts[order[i]]);
		if (!str_starts(text, op))
			continue;
		s.op = order[i];
		v = str_trim(str_drop(text, op.n));
		found = true;
	}
	if (!found || !v.n || v.n > PEP440_MAX)
		return false;
	if (s.op == OP_ARBITRARY) {
		for (size_t i = 0; i < v.n; i++)
			if ((unsigned char)v.p[i] <= ' ' || v.p[i] == ';' || v.p[i] == ')' || v.p[i] == ',')
				return false;
		s.text = arena_str(a, v);
		*out = s;
		return true;
	}
	s.any = (s.op == OP_EQ || s.op == OP_NE) && str_ends(v, STR(".*"));
	if (!pep440_parse(s.any ? str_take(v, v.n - 2) : v, a, &s.version))
		return false;
	bool equal = s.op == OP_EQ || s.op == OP_NE;
	if (s.version.nlocal && (!equal || s.any))
		return false;
	if (s.any && (s.version.pre || s.version.post || s.version.dev))
		return false;
	if (s.op == OP_COMPATIBLE && s.version.nrelease < 2)
		return false;
	s.text = arena_printf(a, STR_FMT "%s", STR_ARG(pep440_text(&s.version, a)), s.any ? ".*" : "");
	*out = s;
	return true;
}

/* Does v begin with the first nrelease numbers of s? Missing ones of v are zeros. */
static bool
has_prefix(const struct pep440 *s, size_t nrelease, const struct pep440 *v)
{
	if (!str_eq(s->epoch, v->epoch))
		return false;
	for (size_t i = 0; i < nrelease; i++)
		if (!str_eq(s->release[i], i < v->nrelease ? v->release[i] : STR("0")))
			return false;
	return true;
}

/* v is w itself, or a post-release or a local version of it. */
static bool
same_family(const struct pep440 *v, const struct pep440 *w)
{
	return !digits_cmp(v->epoch, w->epoch) && !release_cmp(v, w) && v->pre == w->pre && (!v->pre || str_eq(v->pre_n, w->pre_n)) &&
	       !(v->dev && !v->post);
}

/* "<1.0" leaves out the pre-releases of 1.0, unless 1.0 is one itself. */
static bool
holds_less(const struct pep440 *w, const struct pep440 *v)
{
	struct pep440 bound = *w;

	if (!w->pre && !w->dev) {
		bound.dev = true;
		bound.dev_n = STR("0");
	}
	return pep440_cmp(v, &bound) < 0;
}

/* ">1.0" leaves out its post-releases, unless 1.0 is one itself, and its local versions. */
static bool
holds_greater(const struct pep440 *w, const struct pep440 *v)
{
	if (public_cmp(v, w) <= 0)
		return false;
	return w->dev || w->post || !same_family(v, w);
}

static bool
holds_equal(const struct pep440_spec *s, const struct pep440 *v)
{
	if (s->any)
		return has_prefix(&s->version, s->version.nrelease, v);
	if (public_cmp(&s->version, v))
		return false;
	return !s->version.nlocal || !local_cmp(&s->version, v);
}

bool
pep440_spec_holds(const struct pep440_spec *s, const struct pep440 *v, struct arena *scratch)
{
	const struct pep440 *w = &s->version;

	switch (s->op) {
	case OP_EQ:
		return holds_equal(s, v);
	case OP_NE:
		return !holds_equal(s, v);
	case OP_LE:
		return public_cmp(v, w) <= 0;
	case OP_GE:
		return public_cmp(v, w) >= 0;
	case OP_LT:
		return holds_less(w, v);
	case OP_GT:
		return holds_greater(w, v);
	case OP_COMPATIBLE:
		return public_cmp(v, w) >= 0 && has_prefix(w, w->nrelease - 1, v);
	case OP_ARBITRARY: {
		struct str t = pep440_text(v, scratch);
		return t.n == s->text.n && !strncasecmp(t.p, s->text.p, t.n);
	}
	}
	return false;
}
