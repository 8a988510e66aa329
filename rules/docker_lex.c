/* SPDX-License-Identifier: Apache-2.0
 *
 *	text -> physical lines [physical] -> directives [directive] -> joined by continuations [join] -> here-documents [heredocs]
 */
#include "rules/docker_lex.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/vec.h"
#include "rules/docker_expand.h"

struct lexer {
	struct docker_text *t;
	size_t at;          /* of the next physical line */
	VEC(struct docker_line) lines;
	VEC(struct docker_piece) pieces;
	struct buf joined;
	bool seen[3];       /* directives */
};

/* ---- places and mistakes ---- */

static struct place
place_at(const struct docker_text *t, size_t offset, uint32_t length)
{
	struct place at = { .file = t->file, .line = 1, .length = length };
	size_t begin = 0;
	for (size_t i = 0; i < offset && i < t->text.n; i++) {
		if (t->text.p[i] == '\n') {
			at.line++;
			begin = i + 1;
		}
	}
	at.column = (uint32_t)str_points((struct str){ t->text.p + begin, offset - begin }) + 1;
	return at;
}

struct place
docker_place(const struct docker_text *t, const struct docker_line *line, struct str part)
{
	const size_t at = part.p >= line->text.p && part.p <= line->text.p + line->text.n ? (size_t)(part.p - line->text.p) : 0;
	size_t k = 0;
	if (line->npieces == 0)
		return (struct place){ .file = t->file };
	while (k + 1 < line->npieces && line->pieces[k + 1].at <= at)
		k++;
	/* Of a part that goes over a line's end what is on the first line is underlined. */
	size_t n = part.n;
	if (k + 1 < line->npieces && at + n > line->pieces[k + 1].at)
		n = line->pieces[k + 1].at - at;
	const size_t points = str_points((struct str){ line->text.p + at, at + n > line->text.n ? line->text.n - at : n });
	return place_at(t, line->pieces[k].source + (at - line->pieces[k].at), (uint32_t)points);
}

void
docker_mistake(struct docker_text *t, size_t line, struct place at, const char *code, struct str hint, const char *fmt, ...)
{
	struct docker_mistakes *m = &t->mistakes;
	va_list ap;
	if (m->n == m->cap) {
		struct docker_mistake *v = arena_array(t->a, struct docker_mistake, m->cap * 2 + 4);
		if (m->n > 0)
			memcpy(v, m->v, m->n * sizeof *v);
		m->v = v;
		m->cap = m->cap * 2 + 4;
	}
	va_start(ap, fmt);
	m->v[m->n++] = (struct docker_mistake){ .at = at, .code = code, .hint = arena_str(t->a, hint),
						.message = arena_vprintf(t->a, fmt, ap), .line = line };
	va_end(ap);
}

/* ---- physical lines ---- */

static bool
blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct str
trim_left(struct str s)
{
	while (s.n > 0 && blank(s.p[0]))
		s = str_drop(s, 1);
	return s;
}

/* The next one without its end; false: there is none. */
static bool
physical(struct lexer *l, struct str *out)
{
	const struct str rest = str_drop(l->t->text, l->at);
	if (rest.n == 0)
		return false;
	const struct str_cut c = str_cut(rest, '\n');
	l->at += c.head.n + c.ok;
	*out = c.head;
	while (out->n > 0 && out->p[out->n - 1] == '\r')
		out->n--;
	return true;
}

static size_t
source_of(const struct lexer *l, struct str part)
{
	return (size_t)(part.p - l->t->text.p);
}

/* ---- directives ---- */

enum { DIRECTIVE_SYNTAX, DIRECTIVE_ESCAPE, DIRECTIVE_CHECK };
static const char *const DIRECTIVES[] = { "syntax", "escape", "check" };

static bool
alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* "# name = value"; false: the line is something else, and directives are over. */
static bool
directive_parts(struct str line, struct str *key, struct str *value)
{
	if (line.n == 0 || line.p[0] != '#')
		return false;
	struct str s = trim_left(str_drop(line, 1));
	size_t n = 0;
	while (n < s.n && alnum(s.p[n]))
		n++;
	*key = str_take(s, n);
	s = trim_left(str_drop(s, n));
	if (n == 0 || !((key->p[0] | 0x20) >= 'a') || s.n == 0 || s.p[0] != '=')
		return false;
	*value = str_trim(str_drop(s, 1));
	return value->n > 0;
}

static void
directive(struct lexer *l, struct str key, struct str value)
{
	struct docker_text *t = l->t;
	size_t i = 0;
	while (i < 3 && (key.n != strlen(DIRECTIVES[i]) || strncasecmp(key.p, DIRECTIVES[i], key.n) != 0))
		i++;
	if (i == 3)
		return; /* a comment */
	if (l->seen[i])
		docker_mistake(t, SIZE_MAX, place_at(t, source_of(l, key), (uint32_t)key.n), "bad-directive", (struct str){ 0 },
			       "the directive '%s' is there twice", DIRECTIVES[i]);
	l->seen[i] = true;
	if (i == DIRECTIVE_SYNTAX)
		t->syntax = value;
	else if (i == DIRECTIVE_CHECK)
		t->check = value;
	else if (str_is(value, "\\") || str_is(value, "`"))
		t->escape = value.p[0];
	else
		docker_mistake(t, SIZE_MAX, place_at(t, source_of(l, value), (uint32_t)str_points(value)), "bad-directive",
			       STR("expected \\ or `"), "'" STR_FMT "' is no escape character", STR_ARG(str_take(value, 40)));
}

static void
directives(struct lexer *l)
{
	struct str line, key, value;
	for (size_t before = l->at; physical(l, &line); before = l->at) {
		if (!directive_parts(line, &key, &value)) {
			l->at = before;
			return;
		}
		directive(l, key, value);
	}
}

/* ---- continuations ---- */

static bool
comment(struct str line)
{
	const struct str s = trim_left(line);
	return s.n > 0 && s.p[0] == '#';
}

/* Does the line go on? Then *out is what of it counts. */
static bool
continued(const struct docker_text *t, struct str line, struct str *out)
{
	struct str s = line;
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	if (s.n == 0 || s.p[s.n - 1] != t->escape || (s.n > 1 && s.p[s.n - 2] == t->escape)) {
		*out = line;
		return false;
	}
	*out = str_take(s, s.n - 1);
	return true;
}

static void
append(struct lexer *l, struct str part)
{
	if (part.n == 0)
		return;
	VEC_PUSH(&l->pieces, ((struct docker_piece){ l->joined.n, source_of(l, part) }));
	buf_put(&l->joined, part);
}

/* A logical line that begins with `first` is complete in l->joined. */
static void
join(struct lexer *l, struct str first)
{
	struct str part, line = first;
	buf_reset(&l->joined);
	l->pieces.n = 0;
	bool goes_on = continued(l->t, trim_left(line), &part);
	append(l, part);
	while (goes_on && physical(l, &line)) {
		if (comment(line) || trim_left(line).n == 0)
			continue;
		goes_on = continued(l->t, line, &part);
		append(l, part);
	}
}

/* White space off both ends, and the pieces with it. */
static void
settle(struct lexer *l, struct docker_line *out)
{
	const struct str whole = arena_str(l->t->a, buf_str(&l->joined)), text = str_trim(whole);
	const size_t cut = text.n > 0 ? (size_t)(text.p - whole.p) : 0;
	out->text = text;
	out->pieces = arena_array(l->t->a, struct docker_piece, l->pieces.n + 1);
	for (size_t i = 0; i < l->pieces.n; i++) {
		struct docker_piece p = l->pieces.v[i];
		if (i + 1 < l->pieces.n && l->pieces.v[i + 1].at <= cut)
			continue;
		if (p.at < cut) {
			p.source += cut - p.at;
			p.at = cut;
		}
		p.at -= cut;
		out->pieces[out->npieces++] = p;
	}
}

/* ---- here-documents ---- */

bool
docker_heredoc_word(struct str word, struct arena *a, struct docker_heredoc *out)
{
	const struct docker_expand plain = { .escape = '\\', .keep_unset = true },
				   raw = { .escape = '\\', .keep_unset = true, .raw_quotes = true, .raw_escapes = true };
	struct str *v, *w;
	size_t n, m, i = 0;
	while (i < word.n && word.p[i] >= '0' && word.p[i] <= '9')
		i++;
	struct str s = str_drop(word, i);
	if (!str_starts(s, STR("<<")))
		return false;
	s = str_drop(s, 2);
	const bool chomp = str_starts(s, STR("-"));
	if (chomp)
		s = str_drop(s, 1);
	if (s.n == 0 || str_find_char(s, '<') != SIZE_MAX || docker_expand_words(&plain, s, a, &v, &n, NULL, NULL) < 0 || n != 1 ||
	    docker_expand_words(&raw, s, a, &w, &m, NULL, NULL) < 0 || m != 1)
		return false;
	*out = (struct docker_heredoc){ .name = v[0], .chomp = chomp, .expand = str_eq(v[0], w[0]) };
	return true;
}

static bool
word_is(struct str s, const char *word)
{
	const size_t n = strlen(word);
	return s.n > n && strncasecmp(s.p, word, n) == 0 && blank(s.p[n]);
}

static bool
takes_heredocs(struct str text)
{
	while (word_is(text, "ONBUILD"))
		text = trim_left(str_drop(text, strlen("ONBUILD")));
	return word_is(text, "RUN") || word_is(text, "COPY") || word_is(text, "ADD");
}

static struct str
without_tabs(struct str s)
{
	while (s.n > 0 && s.p[0] == '\t')
		s = str_drop(s, 1);
	return s;
}

static void
body(struct lexer *l, struct docker_line *line, struct docker_heredoc *h, struct str word)
{
	struct str s;
	AUTO_BUF content = { 0 };
	const size_t begin = l->at;
	while (physical(l, &s)) {
		if (str_eq(h->chomp ? without_tabs(s) : s, h->name)) {
			h->content = arena_str(l->t->a, buf_str(&content));
			return;
		}
		buf_put(&content, h->chomp ? without_tabs(s) : s);
		buf_putc(&content, '\n');
	}
	/* Nothing after it can be read in any sense. */
	(void)begin;
	docker_mistake(l->t, l->lines.n, docker_place(l->t, line, word), "bad-instruction",
		       arena_printf(l->t->a, "end it by a line '" STR_FMT "'", STR_ARG(h->name)), "the here-document is not ended");
}

static void
heredocs(struct lexer *l, struct docker_line *line)
{
	const struct docker_expand raw = { .escape = l->t->escape, .keep_unset = true, .raw_quotes = true, .raw_escapes = true };
	struct str *words;
	size_t n;
	if (!takes_heredocs(line->text) || str_find(line->text, STR("<<")) == SIZE_MAX ||
	    docker_expand_words(&raw, line->text, l->t->a, &words, &n, NULL, NULL) < 0)
		return;
	line->heredocs = arena_array(l->t->a, struct docker_heredoc, n + 1);
	for (size_t i = 0; i < n; i++) {
		struct docker_heredoc *h = &line->heredocs[line->nheredocs];
		if (!docker_heredoc_word(words[i], l->t->a, h))
			continue;
		const size_t at = str_find(line->text, words[i]);
		line->nheredocs++;
		body(l, line, h, at == SIZE_MAX ? line->text : (struct str){ line->text.p + at, words[i].n });
	}
}

void
docker_lex(struct str file, struct str text, struct arena *a, struct docker_text *out)
{
	struct lexer l = { .t = out };
	struct str line;
	*out = (struct docker_text){ .a = a, .file = file, .text = text, .escape = '\\' };
	if (str_starts(text, STR("\xef\xbb\xbf")))
		l.at = 3;
	directives(&l);
	while (physical(&l, &line)) {
		struct docker_line next = { 0 };
		if (comment(line))
			continue;
		join(&l, line);
		settle(&l, &next);
		if (next.text.n == 0)
			continue;
		if (l.lines.n == DOCKER_LINES_MAX) {
			docker_mistake(out, SIZE_MAX, docker_place(out, &next, next.text), "too-large", (struct str){ 0 },
				       "a Dockerfile with more than %d instructions", DOCKER_LINES_MAX);
			break;
		}
		heredocs(&l, &next);
		VEC_PUSH(&l.lines, next);
	}
	out->lines = arena_array(a, struct docker_line, l.lines.n + 1);
	if (l.lines.n > 0)
		memcpy(out->lines, l.lines.v, l.lines.n * sizeof *l.lines.v);
	out->nlines = l.lines.n;
	VEC_DONE(&l.lines);
	VEC_DONE(&l.pieces);
	buf_done(&l.joined);
}
