/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "backends/wheel_inside.h"
#include "base/base64.h"

/* One field of a CSV row (RFC 4180 as Python's csv module writes it). *rest: behind the comma or at the end of the row; *more: a
 * field follows. False: broken quoting. */
static bool
csv_field(struct str *rest, struct buf *out, bool *more)
{
	const char *p = rest->p, *end = rest->p + rest->n;
	if (p < end && *p == '"') {
		for (p++;; p++) {
			if (p >= end)
				return false;
			if (*p != '"')
				buf_putc(out, *p);
			else if (p + 1 < end && p[1] == '"')
				buf_putc(out, *p++);
			else
				break;
		}
		p++;
	} else {
		for (; p < end && *p != ',' && *p != '\n' && *p != '\r'; p++)
			buf_putc(out, *p);
	}
	*more = p < end && *p == ',';
	if (!*more && p < end && *p != '\n' && *p != '\r')
		return false;
	*rest = str_drop(*rest, (size_t)(p - rest->p) + *more);
	return true;
}

static void
skip_line_end(struct str *rest)
{
	while (rest->n > 0 && (rest->p[0] == '\n' || rest->p[0] == '\r'))
		*rest = str_drop(*rest, 1);
}

static void
hash_text(const struct digest *d, struct buf *out)
{
	buf_puts(out, "sha256=");
	base64_put(out, (struct str){ (const char *)d->b, sizeof d->b }, true);
}

/* Files that RECORD need not list with a hash: itself and signatures over it. */
static bool
unrecorded(const struct wheel *w, struct str path)
{
	if (!str_starts(path, w->info) || path.n < w->info.n + 2)
		return false;
	const struct str name = str_drop(path, w->info.n + 1);
	return str_is(name, "RECORD") || str_is(name, "RECORD.jws") || str_is(name, "RECORD.p7s");
}

static int
check_row(struct wheel *w, struct str path, struct str hash, struct str size, struct err *e)
{
	if (unrecorded(w, path))
		return 0;
	const uint32_t at = map_get(&w->paths, path);
	if (at == MAP_NONE)
		return err_set(e, ERR_INPUT, "%.*s: RECORD lists '" STR_FMT "', which is not in the wheel", STR_ARG(w->name),
			       STR_ARG(str_take(path, 300)));
	struct wheel_file *f = &w->files.v[at];
	if (!str_starts(hash, STR("sha256=")))
		return err_set(e, ERR_INPUT, "%.*s: RECORD has no sha256 for '" STR_FMT "'", STR_ARG(w->name), STR_ARG(path));
	AUTO_BUF right = { 0 };
	hash_text(&f->digest, &right);
	uint64_t n;
	if (!str_eq(buf_str(&right), hash) || (size.n > 0 && (!str_u64(size, &n) || n != f->size)))
		return err_set(e, ERR_INPUT, "%.*s: '" STR_FMT "' is not what RECORD says: the wheel is damaged or was tampered with",
			       STR_ARG(w->name), STR_ARG(path));
	f->recorded = true;
	return 0;
}

int
wheel_record_check(struct wheel *w, struct str record, struct err *e)
{
	AUTO_BUF path = { 0 }, hash = { 0 }, size = { 0 }, rest = { 0 };
	skip_line_end(&record);
	while (record.n > 0) {
		struct buf *field[] = { &path, &hash, &size, &rest };
		bool more = true, good = true;
		for (size_t i = 0; more && good; i++) {
			struct buf *to = field[i < 3 ? i : 3];
			buf_reset(to);
			good = csv_field(&record, to, &more);
			if (i == 0) {
				buf_reset(&hash);
				buf_reset(&size);
			}
		}
		if (!good)
			return err_set(e, ERR_INPUT, "%.*s: RECORD is no CSV: a quote does not end", STR_ARG(w->name));
		if (check_row(w, buf_str(&path), buf_str(&hash), buf_str(&size), e) < 0)
			return -1;
		skip_line_end(&record);
	}
	for (size_t i = 0; i < w->files.n; i++) {
		if (!w->files.v[i].recorded && !unrecorded(w, w->files.v[i].path))
			return err_set(e, ERR_INPUT, "%.*s: RECORD does not list '" STR_FMT "'", STR_ARG(w->name),
				       STR_ARG(w->files.v[i].path));
	}
	return 0;
}

int
wheel_place(struct wheel *w, struct str path, const struct digest *d, uint64_t size, struct err *e)
{
	path = arena_str(&w->arena, path);
	char *folded = arena_z(&w->arena, path);
	for (char *p = folded; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (map_add(&w->placed, (struct str){ folded, path.n }, (uint32_t)w->rows.n) != (uint32_t)w->rows.n)
		return err_set(e, ERR_INPUT, "%.*s: two of its files would be installed as '" STR_FMT "'", STR_ARG(w->name), STR_ARG(path));
	VEC_PUSH(&w->rows, ((struct wheel_row){ path, *d, size }));
	return 0;
}

/* path as seen from the folder `from`, both clean and relative to one root. */
static void
put_relative(struct buf *out, struct str from, struct str path)
{
	for (;;) {
		const struct str_cut a = str_cut(from, '/'), b = str_cut(path, '/');
		if (from.n == 0 || !b.ok || !str_eq(a.head, b.head))
			break;
		from = a.tail;
		path = b.tail;
	}
	while (from.n > 0) {
		buf_puts(out, "../");
		from = str_cut(from, '/').tail;
	}
	buf_put(out, path);
}

static int
by_path(const void *a, const void *b)
{
	return str_cmp(((const struct wheel_row *)a)->path, ((const struct wheel_row *)b)->path);
}

static void
put_csv(struct buf *out, struct str s)
{
	bool quote = false;
	for (size_t i = 0; i < s.n; i++)
		quote = quote || (s.p[i] && strchr(",\"\r\n", s.p[i]));
	if (!quote) {
		buf_put(out, s);
		return;
	}
	buf_putc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_putc(out, '"');
		buf_putc(out, s.p[i]);
	}
	buf_putc(out, '"');
}

void
wheel_record_write(struct wheel *w, struct buf *out)
{
	if (w->rows.n > 0)
		qsort(w->rows.v, w->rows.n, sizeof w->rows.v[0], by_path);
	for (size_t i = 0; i < w->rows.n; i++) {
		const struct wheel_row *r = &w->rows.v[i];
		AUTO_BUF path = { 0 };
		put_relative(&path, w->lib, r->path);
		put_csv(out, buf_str(&path));
		buf_putc(out, ',');
		hash_text(&r->digest, out);
		buf_printf(out, ",%llu\n", (unsigned long long)r->size);
	}
	buf_printf(out, STR_FMT "/RECORD,,\n", STR_ARG(w->info));
}
