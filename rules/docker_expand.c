/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/docker_expand.h"

#include <string.h>

#include "base/buf.h"
#include "base/vec.h"

/* One reading of a text. `${a:-${b}}` is read by functions that call each other; `depth` bounds them. */
struct reading {
	const struct docker_expand *x;
	struct str text;
	size_t at;
	struct arena *a;
	int depth;
	struct err *e;
};

/* What was read: the text, and the same as words. */
struct reader_words {
	struct buf word;
	bool in_word;
	VEC(struct str) v;
};

struct taken {
	struct buf text;
	struct reader_words *words; /* NULL: nobody asks for words */
};

static bool
space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
end_word(struct reading *r, struct reader_words *w)
{
	if (w->word.n > 0)
		VEC_PUSH(&w->v, arena_str(r->a, buf_str(&w->word)));
	buf_reset(&w->word);
	w->in_word = false;
}

/* raw: quoted or escaped, white space does not end a word. */
static void
take(struct reading *r, struct taken *t, struct str s, bool raw)
{
	buf_put(&t->text, s);
	if (!t->words)
		return;
	for (size_t i = 0; i < s.n; i++) {
		if (raw || !space(s.p[i])) {
			buf_putc(&t->words->word, s.p[i]);
			t->words->in_word = true;
		} else if (t->words->in_word) {
			end_word(r, t->words);
		}
	}
	if (raw)
		t->words->in_word = true;
}

static bool
more(const struct reading *r)
{
	return r->at < r->text.n;
}

static struct str
one(const struct reading *r, size_t at)
{
	return (struct str){ r->text.p + at, 1 };
}

static int dollar(struct reading *r, struct buf *out);

static int
single_quoted(struct reading *r, struct buf *out)
{
	const size_t from = r->at++;
	while (more(r) && r->text.p[r->at] != '\'')
		r->at++;
	if (!more(r)) {
		r->at = from;
		return err_set(r->e, ERR_INPUT, "a single quote that is not closed");
	}
	r->at++;
	if (r->x->raw_quotes)
		buf_put(out, (struct str){ r->text.p + from, r->at - from });
	else
		buf_put(out, (struct str){ r->text.p + from + 1, r->at - from - 2 });
	return 0;
}

/* After an escape character within double quotes. */
static void
quoted_escape(struct reading *r, struct buf *out)
{
	const char escape = r->x->escape;
	r->at++;
	if (!more(r))
		return;
	const char c = r->text.p[r->at++];
	if (r->x->raw_escapes || (c != '"' && c != '$' && c != escape))
		buf_putc(out, escape);
	buf_putc(out, c);
}

static int
double_quoted(struct reading *r, struct buf *out)
{
	const size_t from = r->at++;
	if (r->x->raw_quotes)
		buf_putc(out, '"');
	while (more(r)) {
		const char c = r->text.p[r->at];
		if (c == '"') {
			r->at++;
			if (r->x->raw_quotes)
				buf_putc(out, '"');
			return 0;
		}
		if (c == '$') {
			if (dollar(r, out) < 0)
				return -1;
		} else if (c == r->x->escape) {
			quoted_escape(r, out);
		} else {
			buf_putc(out, c);
			r->at++;
		}
	}
	r->at = from;
	return err_set(r->e, ERR_INPUT, "a double quote that is not closed");
}

static void
plain_escape(struct reading *r, bool raw_escapes, struct taken *t)
{
	if (raw_escapes || r->x->raw_escapes)
		take(r, t, one(r, r->at), true);
	r->at++;
	if (!more(r))
		return;
	take(r, t, one(r, r->at), true);
	r->at++;
}

/* Up to the character stop, which is taken (0: up to the end). */
static int
upto(struct reading *r, char stop, bool raw_escapes, struct taken *t)
{
	while (more(r)) {
		const char c = r->text.p[r->at];
		const bool quote = (c == '\'' || c == '"') && !r->x->skip_quotes;
		if (stop && c == stop) {
			r->at++;
			return 0;
		}
		if (c == '$' || quote) {
			AUTO_BUF part = { 0 };
			if ((c == '$' ? dollar(r, &part) : c == '"' ? double_quoted(r, &part) : single_quoted(r, &part)) < 0)
				return -1;
			take(r, t, buf_str(&part), c != '$');
		} else if (c == r->x->escape) {
			plain_escape(r, raw_escapes, t);
		} else {
			take(r, t, one(r, r->at), false);
			r->at++;
		}
		if (t->text.n > DOCKER_EXPAND_LIMIT)
			return err_set(r->e, ERR_INPUT, "the text grows beyond %zu bytes", DOCKER_EXPAND_LIMIT);
	}
	return stop ? err_set(r->e, ERR_INPUT, "a '%c' is missing", stop) : 0;
}

static bool
letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A name, a number, or one of the shell's special parameters; empty: none of them. */
static struct str
name(struct reading *r)
{
	const size_t from = r->at;
	if (more(r) && digit(r->text.p[r->at])) {
		while (more(r) && digit(r->text.p[r->at]))
			r->at++;
	} else if (more(r) && memchr("@*#?-$!", r->text.p[r->at], 7)) {
		r->at++;
	} else {
		while (more(r) && (letter(r->text.p[r->at]) || digit(r->text.p[r->at])))
			r->at++;
	}
	return (struct str){ r->text.p + from, r->at - from };
}

static bool
value_of(const struct reading *r, struct str which, struct str *value)
{
	*value = (struct str){ 0 };
	return r->x->get && r->x->get(r->x->ctx, which, value);
}

/* A word within ${...}, up to stop. */
static int
inner(struct reading *r, char stop, bool raw_escapes, struct str *out)
{
	struct taken t = { 0 };
	int bad = -1;
	if (++r->depth > DOCKER_EXPAND_DEPTH)
		(void)err_set(r->e, ERR_INPUT, "substitutions within each other more than %d deep", DOCKER_EXPAND_DEPTH);
	else
		bad = upto(r, stop, raw_escapes, &t);
	r->depth--;
	if (bad == 0)
		*out = arena_str(r->a, buf_str(&t.text));
	buf_done(&t.text);
	return bad;
}

static int
modified(struct reading *r, struct str which, char how, bool null_is_unset, struct buf *out)
{
	struct str word, value, left;
	const bool pattern = how == '#' || how == '%';
	if (inner(r, '}', pattern, &word) < 0)
		return -1;
	const bool is_set = value_of(r, which, &value);
	const bool missing = !is_set || (null_is_unset && value.n == 0);
	switch (how) {
	case '-':
		buf_put(out, missing ? word : value);
		return 0;
	case '+':
		buf_put(out, missing ? (struct str){ 0 } : word);
		return 0;
	case '?':
		if (missing)
			return err_set(r->e, ERR_INPUT, STR_FMT ": " STR_FMT, STR_ARG(which),
				       STR_ARG(word.n > 0 ? word : is_set ? STR("must not be empty") : STR("is not set")));
		buf_put(out, value);
		return 0;
	default:
		break;
	}
	const bool longest = word.n > 0 && word.p[0] == how;
	if (docker_trim(value, longest ? str_drop(word, 1) : word, how == '%', longest, r->a, &left, r->e) < 0)
		return -1;
	buf_put(out, left);
	return 0;
}

static int
replaced(struct reading *r, struct str which, struct buf *out)
{
	struct str pattern, with, value, left;
	const bool all = more(r) && r->text.p[r->at] == '/';
	r->at += all;
	if (inner(r, '/', true, &pattern) < 0 || inner(r, '}', true, &with) < 0)
		return -1;
	(void)value_of(r, which, &value);
	if (docker_replace(value, pattern, with, all, r->a, &left, r->e) < 0)
		return -1;
	buf_put(out, left);
	return 0;
}

static int
braces(struct reading *r, struct buf *out)
{
	const size_t from = r->at - 1; /* the dollar sign */
	struct str value;
	r->at++;
	if (!more(r))
		return err_set(r->e, ERR_INPUT, "a '}' is missing");
	if (memchr("{}:", r->text.p[r->at], 3))
		return err_set(r->e, ERR_INPUT, "a substitution without a name");
	const struct str which = name(r);
	if (!more(r))
		return err_set(r->e, ERR_INPUT, "a '}' is missing");
	char c = r->text.p[r->at++];
	const bool colon = c == ':';
	if (c == '}') {
		if (!value_of(r, which, &value) && r->x->keep_unset)
			value = (struct str){ r->text.p + from, r->at - from };
		buf_put(out, value);
		return 0;
	}
	if (c == '/')
		return replaced(r, which, out);
	if (colon)
		c = more(r) ? r->text.p[r->at++] : '\0';
	if (c == '-' || c == '+' || c == '?' || (!colon && (c == '#' || c == '%')))
		return modified(r, which, c, colon, out);
	if (c == '\0')
		return err_set(r->e, ERR_INPUT, "a '}' is missing");
	return err_set(r->e, ERR_INPUT, "'%s%c' is no modifier of a substitution: expected :- - :+ + :? ? # ## %% %%%% / or //", colon ? ":" : "",
		       c >= ' ' && c < 127 ? c : '?');
}

static int
dollar(struct reading *r, struct buf *out)
{
	const size_t from = r->at++;
	struct str value;
	if (more(r) && r->text.p[r->at] == '{') {
		const int bad = braces(r, out);
		if (bad < 0)
			r->at = from;
		return bad;
	}
	const struct str which = name(r);
	if (which.n == 0) {
		buf_putc(out, '$');
		return 0;
	}
	if (!value_of(r, which, &value) && r->x->keep_unset)
		value = (struct str){ r->text.p + from, r->at - from };
	buf_put(out, value);
	return 0;
}

static int
expand(const struct docker_expand *x, struct str text, struct arena *a, struct taken *t, size_t *wrong, struct err *e)
{
	struct reading r = { .x = x, .text = text, .a = a, .e = e };
	if (upto(&r, '\0', false, t) == 0) {
		if (t->words)
			end_word(&r, t->words);
		return 0;
	}
	if (wrong)
		*wrong = r.at < text.n ? r.at : text.n > 0 ? text.n - 1 : 0;
	return -1;
}

int
docker_expand(const struct docker_expand *x, struct str word, struct arena *a, struct str *out, size_t *wrong, struct err *e)
{
	struct taken t = { 0 };
	const int bad = expand(x, word, a, &t, wrong, e);
	if (bad == 0)
		*out = arena_str(a, buf_str(&t.text));
	buf_done(&t.text);
	return bad;
}

int
docker_expand_words(const struct docker_expand *x, struct str text, struct arena *a, struct str **out, size_t *n, size_t *wrong, struct err *e)
{
	struct reader_words w = { 0 };
	struct taken t = { .words = &w };
	const int bad = expand(x, text, a, &t, wrong, e);
	if (bad == 0) {
		*out = arena_array(a, struct str, w.v.n + 1);
		for (size_t i = 0; i < w.v.n; i++)
			(*out)[i] = w.v.v[i];
		*n = w.v.n;
	}
	VEC_DONE(&w.v);
	buf_done(&w.word);
	buf_done(&t.text);
	return bad;
}
