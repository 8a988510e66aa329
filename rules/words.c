/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/words.h"

#include <string.h>

#include "base/buf.h"
#include "base/vec.h"

#define MAX_HEREDOCS 16

struct pending { /* a here-document whose body begins at the next newline */
	struct str delimiter;
	bool tabs; /* <<- */
	size_t command;
};

struct scan {
	struct str s;
	size_t i;
	struct arena *arena;
	VEC(struct str) texts; /* still to scan */
	VEC(struct command) commands;
	VEC(struct word) words, set, redirects;
	struct pending pending[MAX_HEREDOCS];
	size_t npending;
	bool cut;
};

static int
at(const struct scan *s, size_t k)
{
	return s->i + k < s->s.n ? (unsigned char)s->s.p[s->i + k] : -1;
}

/* Past a quoted part that begins at i; n when it does not end. */
static size_t
skip_quoted(struct str s, size_t i)
{
	const char q = s.p[i++];
	for (; i < s.n && s.p[i] != q; i++)
		if (s.p[i] == '\\' && q != '\'')
			i++;
	return i < s.n ? i + 1 : s.n;
}

/* Past the closing bracket that matches the opening one just before i. */
static size_t
skip_nested(struct str s, size_t i, char open, char close)
{
	size_t depth = 1;
	while (i < s.n) {
		const char c = s.p[i];
		if (c == '\'' || c == '"' || c == '`') {
			i = skip_quoted(s, i);
			continue;
		}
		if (c == '\\') {
			i += 2;
			continue;
		}
		i++;
		if (c == open)
			depth++;
		else if (c == close && --depth == 0)
			return i;
	}
	return s.n;
}

static void
nested_text(struct scan *s, size_t from, size_t to)
{
	if (s->texts.n >= WORDS_MAX_TEXTS || to <= from) {
		s->cut = s->cut || to > from;
		return;
	}
	const struct str inner = { s->s.p + from, to - from };
	VEC_PUSH(&s->texts, inner);
}

/* At '$' or '`': skip the substitution, keep its commands for later. False: it is a plain '$'. */
static bool
substitution(struct scan *s)
{
	const size_t from = s->i;
	if (at(s, 0) == '`') {
		const size_t end = skip_quoted(s->s, s->i);
		nested_text(s, from + 1, end > from + 1 && s->s.p[end - 1] == '`' ? end - 1 : end);
		s->i = end;
		return true;
	}
	const int c = at(s, 1);
	if (c == '(') {
		const size_t end = skip_nested(s->s, s->i + 2, '(', ')');
		if (at(s, 2) != '(')
			nested_text(s, from + 2, end > from + 2 && s->s.p[end - 1] == ')' ? end - 1 : end);
		s->i = end;
		return true;
	}
	if (c == '{') {
		s->i = skip_nested(s->s, s->i + 2, '{', '}');
		return true;
	}
	if (c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
		s->i++;
		while (at(s, 0) == '_' || (at(s, 0) >= 'a' && at(s, 0) <= 'z') || (at(s, 0) >= 'A' && at(s, 0) <= 'Z') ||
		       (at(s, 0) >= '0' && at(s, 0) <= '9'))
			s->i++;
		return true;
	}
	if (c >= 0 && strchr("0123456789@*#?-$!", c) && c != 0) {
		s->i += 2;
		return true;
	}
	return false;
}

static void
double_quoted(struct scan *s, struct buf *b, struct word *w)
{
	s->i++;
	while (s->i < s->s.n && at(s, 0) != '"') {
		const int c = at(s, 0);
		if (c == '\\' && at(s, 1) >= 0) {
			if (at(s, 1) == '\n') {
				s->i += 2;
				continue;
			}
			if (!strchr("$`\"\\", at(s, 1)))
				buf_putc(b, '\\');
			buf_putc(b, (char)at(s, 1));
			s->i += 2;
			continue;
		}
		if ((c == '$' || c == '`') && substitution(s)) {
			w->literal = false;
			continue;
		}
		if (c == WORDS_HOLE)
			w->literal = false;
		buf_putc(b, (char)c);
		s->i++;
	}
	s->i++;
}

static bool
ends_word(int c)
{
	return c < 0 || c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '&' || c == '|' || c == '<' || c == '>' ||
	       c == '(' || c == ')';
}

/* The word that begins here. */
static struct word
read_word(struct scan *s)
{
	AUTO_BUF b = { 0 };
	struct word w = { .literal = true };
	while (!ends_word(at(s, 0))) {
		const int c = at(s, 0);
		if (c == '\'') {
			const size_t end = skip_quoted(s->s, s->i);
			const size_t last = end > s->i + 1 && s->s.p[end - 1] == '\'' ? end - 1 : end;
			const struct str inner = { s->s.p + s->i + 1, last - s->i - 1 };
			w.quoted = true;
			w.literal = w.literal && str_find_char(inner, WORDS_HOLE) == SIZE_MAX;
			buf_put(&b, inner);
			s->i = end;
		} else if (c == '"') {
			w.quoted = true;
			double_quoted(s, &b, &w);
		} else if (c == '\\') {
			if (at(s, 1) >= 0 && at(s, 1) != '\n')
				buf_putc(&b, (char)at(s, 1));
			w.quoted = true;
			s->i += 2;
		} else if ((c == '$' || c == '`') && substitution(s)) {
			w.literal = false;
		} else {
			if (c == '*' || c == '?' || c == '[' || c == WORDS_HOLE || (c == '~' && b.n == 0))
				w.literal = false;
			buf_putc(&b, (char)c);
			s->i++;
		}
		if (s->i > s->s.n)
			s->i = s->s.n;
	}
	w.text = arena_str(s->arena, buf_str(&b));
	return w;
}

static void
end_command(struct scan *s)
{
	if (s->words.n == 0 && s->set.n == 0 && s->redirects.n == 0)
		return;
	if (s->commands.n >= WORDS_MAX_COMMANDS) {
		s->cut = true;
		s->words.n = s->set.n = s->redirects.n = 0;
		return;
	}
	struct command c = { .n = s->words.n, .nset = s->set.n, .nredirect = s->redirects.n };
	c.v = arena_array(s->arena, struct word, c.n);
	c.set = arena_array(s->arena, struct word, c.nset);
	c.redirect = arena_array(s->arena, struct word, c.nredirect);
	if (c.n)
		memcpy(c.v, s->words.v, c.n * sizeof *c.v);
	if (c.nset)
		memcpy(c.set, s->set.v, c.nset * sizeof *c.set);
	if (c.nredirect)
		memcpy(c.redirect, s->redirects.v, c.nredirect * sizeof *c.redirect);
	VEC_PUSH(&s->commands, c);
	s->words.n = s->set.n = s->redirects.n = 0;
}

static void
skip_blanks(struct scan *s)
{
	for (;;) {
		const int c = at(s, 0);
		if (c == ' ' || c == '\t' || c == '\r')
			s->i++;
		else if (c == '\\' && at(s, 1) == '\n')
			s->i += 2;
		else
			return;
	}
}

/* At '<' or '>'. */
static void
redirection(struct scan *s)
{
	const bool here = at(s, 0) == '<' && at(s, 1) == '<';
	const bool tabs = here && at(s, 2) == '-', written = at(s, 0) != '<';
	while (at(s, 0) == '<' || at(s, 0) == '>' || at(s, 0) == '|' || at(s, 0) == '&')
		s->i++;
	if (tabs)
		s->i++;
	skip_blanks(s);
	if (ends_word(at(s, 0)))
		return;
	struct word w = read_word(s);
	w.written = written;
	if (!here) {
		VEC_PUSH(&s->redirects, w);
		return;
	}
	if (s->npending < MAX_HEREDOCS)
		s->pending[s->npending++] = (struct pending){ .delimiter = w.text, .tabs = tabs, .command = s->commands.n };
}

/* At a newline: the bodies of here-documents come first. */
static void
read_heredocs(struct scan *s)
{
	s->i++;
	for (size_t k = 0; k < s->npending; k++) {
		const size_t from = s->i;
		size_t to = s->s.n;
		while (s->i < s->s.n) {
			const size_t line = s->i;
			const struct str rest = { s->s.p + line, s->s.n - line };
			const size_t nl = str_find_char(rest, '\n');
			struct str text = str_take(rest, nl);
			s->i = nl == SIZE_MAX ? s->s.n : line + nl + 1;
			while (s->pending[k].tabs && text.n && text.p[0] == '\t')
				text = str_drop(text, 1);
			if (str_eq(text, s->pending[k].delimiter)) {
				to = line;
				break;
			}
		}
		if (s->pending[k].command < s->commands.n) {
			struct command *c = &s->commands.v[s->pending[k].command];
			c->heredoc = (struct str){ s->s.p + from, to - from };
			c->has_heredoc = true;
		}
	}
	s->npending = 0;
}

static bool
reserved(const struct word *w)
{
	static const char *const words[] = { "if", "then", "else", "elif", "fi", "while", "until", "do", "done", "esac", "!", "{", "}" };
	for (size_t i = 0; !w->quoted && i < sizeof words / sizeof *words; i++)
		if (str_is(w->text, words[i]))
			return true;
	return false;
}

static bool
assignment(struct str t)
{
	const struct str_cut c = str_cut(t, '=');
	if (!c.ok || c.head.n == 0 || (c.head.p[0] >= '0' && c.head.p[0] <= '9'))
		return false;
	for (size_t i = 0; i < c.head.n; i++) {
		const char ch = c.head.p[i];
		if (!(ch == '_' || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9')))
			return false;
	}
	return true;
}

/* A number right in front of < or > belongs to the redirection. */
static bool
is_descriptor(const struct scan *s, const struct word *w)
{
	uint64_t number;
	return (at(s, 0) == '<' || at(s, 0) == '>') && !w->quoted && str_u64(w->text, &number);
}

static void
scan_text(struct scan *s)
{
	s->i = 0;
	s->npending = 0;
	while (s->i < s->s.n) {
		skip_blanks(s);
		const int c = at(s, 0);
		if (c < 0)
			break;
		if (c == '#') {
			while (at(s, 0) >= 0 && at(s, 0) != '\n')
				s->i++;
		} else if (c == '\n') {
			end_command(s);
			read_heredocs(s);
		} else if (c == '<' || c == '>' || (c == '&' && at(s, 1) == '>')) {
			redirection(s);
		} else if (c == ';' || c == '&' || c == '|' || c == '(' || c == ')') {
			end_command(s);
			s->i++;
		} else {
			const size_t from = s->i;
			const struct word w = read_word(s);
			if (s->i == from)
				s->i++; /* never stand still */
			if (s->words.n == 0 && reserved(&w))
				continue;
			if (is_descriptor(s, &w))
				continue;
			if (s->words.n == 0 && assignment(w.text))
				VEC_PUSH(&s->set, w);
			else
				VEC_PUSH(&s->words, w);
		}
	}
	end_command(s);
}

void
words_scan(struct str text, struct arena *a, struct commands *out)
{
	struct scan s = { .arena = a };
	VEC_PUSH(&s.texts, text);
	for (size_t i = 0; i < s.texts.n; i++) {
		s.s = s.texts.v[i];
		scan_text(&s);
	}
	*out = (struct commands){ .n = s.commands.n, .cut = s.cut };
	out->v = arena_array(a, struct command, out->n);
	if (s.commands.v)
		memcpy(out->v, s.commands.v, out->n * sizeof *out->v);
	VEC_DONE(&s.texts);
	VEC_DONE(&s.commands);
	VEC_DONE(&s.words);
	VEC_DONE(&s.set);
	VEC_DONE(&s.redirects);
}

void
words_list(const struct str *v, size_t n, struct arena *a, struct commands *out)
{
	struct command *c = arena_new(a, struct command);
	c->n = n;
	c->v = arena_array(a, struct word, n);
	for (size_t i = 0; i < n; i++)
		c->v[i] = (struct word){ .text = v[i], .literal = str_find_char(v[i], WORDS_HOLE) == SIZE_MAX, .quoted = true };
	*out = (struct commands){ .v = c, .n = n ? 1 : 0 };
}
