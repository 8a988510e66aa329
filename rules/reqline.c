/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/reqline.h"

#include <string.h>

#include "base/vec.h"

#define HASHES_MAX 2000

void
reqlines_init(struct reqlines *s, struct str file, struct str text, struct arena *a)
{
	*s = (struct reqlines){ .file = file, .text = text, .a = a };
	if (str_starts(text, STR("\xef\xbb\xbf")))
		s->at = 3;
}

struct place
reqline_place(const struct reqline *l, size_t at, size_t n)
{
	struct place p = { .file = l->file, .line = 1, .column = 1 };

	if (!l->file.n)
		return l->fixed;
	size_t end = l->length ? l->offset[l->length - 1] + 1 : 0;
	size_t to = at < l->length ? l->offset[at] : end;
	size_t from = l->start;
	p.line = l->line;
	for (size_t i = from; i < to; i++) {
		char c = l->source.p[i];
		if (c == '\n' || (c == '\r' && !(i + 1 < l->source.n && l->source.p[i + 1] == '\n'))) {
			p.line++;
			from = i + 1;
		}
	}
	p.column = (uint32_t)str_points((struct str){ l->source.p + from, to - from }) + 1;
	size_t points = 0;
	for (size_t i = at; i < at + n && i < l->length; i++) {
		if (i > at && l->offset[i] != l->offset[i - 1] + 1)
			break; /* goes on in another line */
		points += ((unsigned char)l->source.p[l->offset[i]] & 0xc0) != 0x80;
	}
	p.length = (uint32_t)points;
	return p;
}

/* A physical line without its end. */
static struct str
physical(struct reqlines *s, size_t *at)
{
	struct str rest = str_drop(s->text, s->at);
	size_t n = 0;

	while (n < rest.n && rest.p[n] != '\n' && rest.p[n] != '\r')
		n++;
	*at = s->at;
	s->line++;
	s->at += n;
	if (s->at < s->text.n)
		s->at += s->text.p[s->at] == '\r' && s->at + 1 < s->text.n && s->text.p[s->at + 1] == '\n' ? 2 : 1;
	return str_take(rest, n);
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\f' || c == '\v';
}

/* Where a comment begins: '#' at the start or behind a blank. */
static size_t
comment(struct str line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '#' && (!i || blank(line.p[i - 1])))
			return i;
	return line.n;
}

struct joined {
	VEC(char) text;
	VEC(uint32_t) offset;
};

static void
append(struct joined *j, struct str piece, size_t at)
{
	for (size_t i = 0; i < piece.n; i++) {
		VEC_PUSH(&j->text, piece.p[i]);
		VEC_PUSH(&j->offset, (uint32_t)(at + i));
	}
}

/* Joins lines that end in '\'. As pip has it, a line that is a comment ends the joining, and a comment behind something else goes on
 * to the end of all that is joined. */
static bool
join(struct reqlines *s, struct joined *j)
{
	size_t at;

	if (s->at >= s->text.n)
		return false;
	for (bool in_comment = false;;) {
		struct str line = physical(s, &at);
		bool all_comment = comment(str_trim(line)) == 0 && str_trim(line).n;
		bool more = !all_comment && line.n && line.p[line.n - 1] == '\\';
		if (more)
			line.n--;
		size_t kept = comment(line);
		if (!in_comment)
			append(j, str_take(line, kept), at);
		in_comment = in_comment || kept < line.n;
		if (!more || s->at >= s->text.n)
			return true;
	}
}

static struct str
token(struct str line, size_t from)
{
	size_t n = from;

	while (n < line.n && !blank(line.p[n]))
		n++;
	return (struct str){ line.p + from, n - from };
}

static size_t
skip(struct str line, size_t from)
{
	while (from < line.n && blank(line.p[from]))
		from++;
	return from;
}

static struct str
unquote(struct str v, size_t *at)
{
	if (v.n < 2 || (v.p[0] != '"' && v.p[0] != '\'') || v.p[v.n - 1] != v.p[0])
		return v;
	++*at;
	return (struct str){ v.p + 1, v.n - 2 };
}

static void
wrong(struct reqline *l, size_t at, const char *code, const char *text)
{
	l->wrong = text;
	l->wrong_code = code;
	l->wrong_at = at;
}

/* A value: quoted, or up to the next blank. */
static size_t
value_end(struct str line, size_t at)
{
	if (at < line.n && (line.p[at] == '"' || line.p[at] == '\'')) {
		size_t n = str_find_char(str_drop(line, at + 1), line.p[at]);
		if (n != SIZE_MAX)
			return at + n + 2;
	}
	return at + token(line, at).n;
}

/* "-r file", "-rfile", "--requirement=file", "--requirement file"; another option may follow. What follows "-e" belongs to it. */
static void
option(struct str line, size_t from, struct reqline *l)
{
	struct str t = token(line, from);
	bool is_long = str_starts(t, STR("--"));
	struct str_cut c = str_cut(t, '=');
	size_t end;

	l->option = is_long ? c.head : str_take(t, 2);
	l->option_at = from;
	l->value_at = from + l->option.n + (is_long && c.ok);
	if (l->value_at >= from + t.n && !(is_long && c.ok))
		l->value_at = skip(line, from + t.n);
	if (str_is(l->option, "-e") || str_is(l->option, "--editable"))
		end = line.n;
	else if (l->value_at < line.n && line.p[l->value_at] == '-' && l->value_at > from + t.n)
		end = l->value_at; /* it has no value: another option */
	else
		end = value_end(line, l->value_at);
	l->value = unquote(str_trim((struct str){ line.p + l->value_at, end - l->value_at }), &l->value_at);
	end = skip(line, end);
	l->more = end < line.n ? end : 0;
}

static void
add_hash(struct str value, size_t at, struct reqlines *s, struct reqline *l)
{
	if (l->nhashes == HASHES_MAX) {
		wrong(l, at, "requirement-hash", "too many hashes");
		return;
	}
	if (!l->nhashes)
		l->hashes = arena_array(s->a, struct reqline_hash, l->length / 6 + 1); /* "--hash" each */
	l->hashes[l->nhashes++] = (struct reqline_hash){ value, at };
}

/* The options behind a requirement: --hash alone is one. */
static void
hashes(struct str line, size_t from, struct reqlines *s, struct reqline *l)
{
	while (!l->wrong && (from = skip(line, from)) < line.n) {
		struct str t = token(line, from);
		struct str_cut c = str_cut(t, '=');
		if (!str_is(c.head, "--hash")) {
			wrong(l, from, "requirement-option",
			      c.head.n && c.head.p[0] == '-' ? "behind a requirement only --hash is supported" :
							       "expected --hash, or a new line for another requirement");
			return;
		}
		size_t at = c.ok ? from + 7 : skip(line, from + t.n);
		struct str value = c.ok ? c.tail : token(line, at);
		from = at + value.n;
		add_hash(unquote(value, &at), at, s, l);
	}
}

/* The length of "${NAME}" at i; 0: there is none. */
static size_t
variable_length(const char *p, size_t i, size_t end)
{
	size_t n = i + 2;

	if (i + 3 >= end || p[i] != '$' || p[i + 1] != '{')
		return 0;
	while (n < end && ((p[n] >= 'A' && p[n] <= 'Z') || (p[n] >= '0' && p[n] <= '9') || p[n] == '_'))
		n++;
	return n > i + 2 && n < end && p[n] == '}' ? n + 1 - i : 0;
}

/* Variables of the caller by their values; each byte has the place of its '$'. False: one is not set; *at: where it is. */
static bool
expand(struct reqlines *s, struct joined *j, size_t *at)
{
	struct joined out = { 0 };
	bool ok = true;

	for (size_t i = 0; i < j->text.n;) {
		size_t n = variable_length(j->text.v, i, j->text.n);
		if (!n) {
			VEC_PUSH(&out.text, j->text.v[i]);
			VEC_PUSH(&out.offset, j->offset.v[i]);
			i++;
			continue;
		}
		const char *value = s->variable ? s->variable(s->ctx, (struct str){ j->text.v + i + 2, n - 3 }) : NULL;
		if (!value && ok) {
			ok = false;
			*at = i;
		}
		for (const char *z = value ? value : ""; *z; z++) {
			VEC_PUSH(&out.text, *z);
			VEC_PUSH(&out.offset, j->offset.v[i]);
		}
		i += n;
	}
	if (!ok) {
		VEC_DONE(&out.text);
		VEC_DONE(&out.offset);
		return false;
	}
	VEC_DONE(&j->text);
	VEC_DONE(&j->offset);
	*j = out;
	return true;
}

static void
requirement(struct str line, struct reqlines *s, struct reqline *l)
{
	size_t end = line.n;

	for (size_t i = 1; i < line.n; i++)
		if (line.p[i] == '-' && blank(line.p[i - 1])) {
			end = i;
			break;
		}
	l->requirement = str_trim(str_take(line, end));
	hashes(line, end, s, l);
}

bool
reqlines_next(struct reqlines *s, struct reqline *out)
{
	if (s->last.more) {
		option(s->rest, s->last.more, &s->last);
		if (s->last.option.p[0] != '-')
			wrong(&s->last, s->last.option_at, "requirement-option", "expected another option, or a new line");
		*out = s->last;
		return true;
	}
	for (;;) {
		struct joined j = { 0 };
		const size_t start = s->at;
		const uint32_t first = s->line + 1;
		if (!join(s, &j)) {
			VEC_DONE(&j.text);
			VEC_DONE(&j.offset);
			return false;
		}
		size_t unset = 0;
		const bool set = expand(s, &j, &unset);
		size_t from = 0, to = j.text.n;
		while (from < to && blank(j.text.v[from]))
			from++;
		while (to > from && blank(j.text.v[to - 1]))
			to--;
		struct reqline l = { .file = s->file, .source = s->text, .length = to - from, .start = start, .line = first,
				     .fixed = s->fixed };
		struct str line = arena_str(s->a, (struct str){ j.text.v + from, to - from });
		uint32_t *offset = arena_array(s->a, uint32_t, l.length);
		if (l.length)
			memcpy(offset, j.offset.v + from, l.length * sizeof *offset);
		l.offset = offset;
		VEC_DONE(&j.text);
		VEC_DONE(&j.offset);
		if (!line.n)
			continue;
		if (!set)
			wrong(&l, unset - from, "requirement-variable", "this variable is not set");
		else if (line.p[0] == '-')
			option(line, 0, &l);
		else
			requirement(line, s, &l);
		s->last = l;
		s->rest = line;
		*out = l;
		return true;
	}
}
