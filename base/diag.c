/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/width.h"

enum {
	LIMIT = 100,
	TAB = 8,
	SHOWN_MOST = 160, /* columns of a line; of a longer one a window around the caret is shown */
	SHOWN_LEFT = 60,  /* columns of the window before the caret */
};

struct diag_source {
	struct diag_source *next;
	struct str file, text;
};

void
diags_done(struct diags *d)
{
	const size_t limit = d->limit;
	free(d->v);
	arena_done(&d->arena);
	*d = (struct diags){ .limit = limit };
}

void
diags_source(struct diags *d, struct str file, struct str text)
{
	struct diag_source *s = arena_new(&d->arena, struct diag_source);
	s->file = arena_str(&d->arena, file);
	s->text = text;
	s->next = d->sources;
	d->sources = s;
}

static const struct diag_source *
source_of(const struct diags *d, struct str file)
{
	const struct diag_source *s = d->sources;
	while (s && !str_eq(s->file, file))
		s = s->next;
	return s;
}

bool
diags_has_source(const struct diags *d, struct str file)
{
	return source_of(d, file) != NULL;
}

void
diags_add(struct diags *d, enum severity severity, struct place at, const char *code, struct str hint, const char *fmt, ...)
{
	d->nerrors += severity == SEVERITY_ERROR;
	if (d->n >= (d->limit ? d->limit : LIMIT)) {
		d->over++;
		return;
	}
	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 8;
		d->v = mem_grow(d->v, d->cap * sizeof *d->v);
	}
	va_list ap;
	va_start(ap, fmt);
	const struct str message = arena_vprintf(&d->arena, fmt, ap);
	va_end(ap);
	at.file = arena_str(&d->arena, at.file);
	d->v[d->n++] = (struct diag){
		.severity = severity,
		.at = at,
		.code = arena_str(&d->arena, str_z(code)),
		.message = message,
		.hint = arena_str(&d->arena, hint),
	};
}

struct ranked {
	struct diag diag;
	size_t rank; /* order of adding, which makes the sort stable */
};

static int
by_place(const void *pa, const void *pb)
{
	const struct ranked *a = pa, *b = pb;
	const struct place *x = &a->diag.at, *y = &b->diag.at;
	const int c = str_cmp(x->file, y->file);
	if (c)
		return c;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return (a->rank > b->rank) - (a->rank < b->rank);
}

void
diags_sort(struct diags *d)
{
	if (d->n < 2)
		return;
	struct ranked *r = mem_alloc(d->n * sizeof *r);
	for (size_t i = 0; i < d->n; i++)
		r[i] = (struct ranked){ d->v[i], i };
	qsort(r, d->n, sizeof *r, by_place);
	for (size_t i = 0; i < d->n; i++)
		d->v[i] = r[i].diag;
	free(r);
}

/* Text of the given line, without its end; false when the file or the line is not known. */
static bool
line_of(const struct diags *d, const struct place *at, struct str *line)
{
	const struct diag_source *s = source_of(d, at->file);
	if (!s || at->line == 0)
		return false;
	struct str rest = s->text;
	for (uint32_t i = 1; i < at->line; i++) {
		const struct str_cut c = str_cut(rest, '\n');
		if (!c.ok)
			return false;
		rest = c.tail;
	}
	*line = str_cut(rest, '\n').head;
	if (str_ends(*line, STR("\r")))
		line->n--;
	return true;
}

/* Puts s with everything that could steer a terminal replaced. */
static void
put_clean(struct buf *out, struct str s)
{
	while (s.n) {
		uint32_t point;
		char bytes[4];
		utf8_next(&s, &point);
		const size_t n = utf8_put(width_is_control(point) ? UTF8_BAD : point, bytes);
		buf_put(out, (struct str){ bytes, n });
	}
}

/* A line as it is shown: tabs opened, columns [from, to) of it; first and end are the columns to underline. */
struct view {
	struct str line;
	size_t from, to;
	size_t first, end;
};

/* Columns that a character takes when it begins at column col. */
static size_t
columns(uint32_t point, size_t col)
{
	return point == '\t' ? TAB - col % TAB : width_point(point);
}

static struct view
view_of(struct str line, const struct place *at)
{
	const uint64_t begin = at->column ? at->column - 1 : str_points(line) - str_points(str_trim(line));
	const uint64_t length = at->column == 0 ? UINT32_MAX : at->length > 1 ? at->length : 1;
	struct view v = { .line = line, .first = SIZE_MAX };
	struct str rest = line;
	size_t col = 0;
	for (uint64_t i = 0; rest.n; i++) {
		uint32_t point;
		if (i == begin)
			v.first = col;
		if (i < begin + length)
			v.end = col;
		utf8_next(&rest, &point);
		col += columns(point, col);
		if (i < begin + length)
			v.end = col;
	}
	if (v.first == SIZE_MAX)
		v.first = col;
	if (v.end <= v.first)
		v.end = v.first + 1;
	v.to = col;
	if (col > SHOWN_MOST) {
		v.from = v.first > SHOWN_LEFT ? v.first - SHOWN_LEFT : 0;
		v.to = v.from + SHOWN_MOST < col ? v.from + SHOWN_MOST : col;
		if (v.end > v.to)
			v.end = v.to > v.first ? v.to : v.first + 1;
	}
	return v;
}

static void
put_times(struct buf *out, char c, size_t n)
{
	buf_reserve(out, n);
	while (n--)
		buf_putc(out, c);
}

static void
put_line(struct buf *out, const struct view *v)
{
	struct str rest = v->line;
	size_t col = 0;
	if (v->from)
		buf_puts(out, "...");
	while (rest.n && col < v->to) {
		uint32_t point;
		const struct str here = rest;
		utf8_next(&rest, &point);
		const size_t w = columns(point, col);
		if (col >= v->from && point == '\t')
			put_times(out, ' ', w);
		else if (col >= v->from)
			put_clean(out, str_take(here, here.n - rest.n));
		else if (col + w > v->from) /* the window begins inside it */
			put_times(out, ' ', col + w - v->from);
		col += w;
	}
	if (rest.n)
		buf_puts(out, "...");
	buf_putc(out, '\n');
}

/* The ANSI sequences of one way to print; all empty without colour. */
struct look {
	const char *place, *error, *warning, *mark, *off;
};
static const struct look PLAIN = { "", "", "", "", "" };
static const struct look COLOURED = { "\033[1m", "\033[1;31m", "\033[1;35m", "\033[1;32m", "\033[0m" };

static void
put_head(struct buf *out, const struct diag *m, const struct look *look)
{
	buf_puts(out, look->place);
	put_clean(out, m->at.file);
	if (m->at.line)
		buf_printf(out, ":%u", m->at.line);
	if (m->at.line && m->at.column)
		buf_printf(out, ":%u", m->at.column);
	const bool error = m->severity == SEVERITY_ERROR;
	buf_printf(out, "%s%s%s%s%s:%s ", m->at.file.n ? ":" : "", look->off, m->at.file.n ? " " : "", error ? look->error : look->warning, error ? "error" : "warning",
		   look->off);
	put_clean(out, m->message);
	buf_putc(out, '\n');
}

static void
put_hint_alone(struct buf *out, const struct diag *m)
{
	if (m->hint.n == 0)
		return;
	buf_puts(out, "  ");
	put_clean(out, m->hint);
	buf_putc(out, '\n');
}

static void
put_diag(const struct diags *d, const struct diag *m, const struct look *look, struct buf *out)
{
	struct str line;
	put_head(out, m, look);
	if (!line_of(d, &m->at, &line)) {
		put_hint_alone(out, m);
		return;
	}
	const struct view v = view_of(line, &m->at);
	struct buf number = { 0 };
	buf_printf(&number, "%u", m->at.line);
	buf_printf(out, " %s |%s", buf_z(&number), line.n ? " " : "");
	put_line(out, &v);
	put_times(out, ' ', number.n + 2);
	buf_puts(out, "| ");
	put_times(out, ' ', v.first - v.from + (v.from ? 3 : 0));
	buf_puts(out, look->mark);
	buf_putc(out, '^');
	put_times(out, '~', v.end - v.first - 1);
	if (m->hint.n) {
		buf_putc(out, ' ');
		put_clean(out, m->hint);
	}
	buf_puts(out, look->off);
	buf_putc(out, '\n');
	buf_done(&number);
}

void
diags_print(const struct diags *d, bool color, struct buf *out)
{
	const struct look *look = color ? &COLOURED : &PLAIN;
	for (size_t i = 0; i < d->n; i++)
		put_diag(d, &d->v[i], look, out);
	if (d->over)
		buf_printf(out, "and %zu more like these\n", d->over);
}
