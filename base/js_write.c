/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/js.h"

static void
put_text(struct buf *out, struct str s)
{
	static const char escapes[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
	buf_putc(out, '"');
	while (s.n) {
		size_t plain = 0;
		while (plain < s.n && (unsigned char)s.p[plain] >= 0x20 && s.p[plain] != '"' && s.p[plain] != '\\')
			plain++;
		buf_put(out, str_take(s, plain));
		s = str_drop(s, plain);
		if (s.n == 0)
			break;
		const char *known = s.p[0] ? strchr(escapes, s.p[0]) : NULL;
		if (known)
			buf_printf(out, "\\%c", letters[known - escapes]);
		else
			buf_printf(out, "\\u%04x", (unsigned)(unsigned char)s.p[0]);
		s = str_drop(s, 1);
	}
	buf_putc(out, '"');
}

/* A positive double as digits * 10^(point - ndigits): "0." digits "e" point. */
struct decimal {
	char digits[24];
	int ndigits, point;
};

static double
value_of(uint64_t digits, int exponent)
{
	char text[48];
	snprintf(text, sizeof text, "%" PRIu64 "e%d", digits, exponent);
	return strtod(text, NULL);
}

/* The fewest digits that read back as d. Every text of 15 digits or fewer comes back from a normal double as it was, so that the search begins there: a
 * shorter one has zeros at its end. At a power of two the gap below is half the gap above, so that the nearest number
 * of n digits may miss d while its upper neighbour hits it: both are tried. */
static struct decimal
shortest(double d)
{
	for (int n = d < DBL_MIN ? 1 : 15;; n++) {
		char text[48];
		snprintf(text, sizeof text, "%.*e", n - 1, d);
		uint64_t digits = (uint64_t)(text[0] - '0');
		for (int i = 2; i <= n; i++) /* text[1] is the point */
			digits = digits * 10 + (uint64_t)(text[i] - '0');
		const int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10) - (n - 1);
		const bool hit = value_of(digits, exponent) == d;
		if (!hit && value_of(digits + 1, exponent) != d && n < 17)
			continue;
		struct decimal r = { 0 };
		r.ndigits = snprintf(r.digits, sizeof r.digits, "%" PRIu64, hit || n >= 17 ? digits : digits + 1);
		r.point = exponent + r.ndigits;
		while (r.ndigits > 1 && r.digits[r.ndigits - 1] == '0')
			r.ndigits--;
		return r;
	}
}

/* Number::toString of ECMAScript. */
static void
put_real(struct buf *out, double d)
{
	if (d == 0) { /* minus zero too */
		buf_putc(out, '0');
		return;
	}
	if (d < 0)
		buf_putc(out, '-');
	const struct decimal r = shortest(fabs(d));
	const int n = r.ndigits, k = r.point;
	if (k > 0 && k <= 21 && n <= k) {
		buf_put(out, (struct str){ r.digits, (size_t)n });
		buf_printf(out, "%.*s", k - n, "000000000000000000000");
	} else if (k > 0 && k <= 21) {
		buf_printf(out, "%.*s.%.*s", k, r.digits, n - k, r.digits + k);
	} else if (k > -6 && k <= 0) {
		buf_printf(out, "0.%.*s%.*s", -k, "000000", n, r.digits);
	} else {
		buf_putc(out, r.digits[0]);
		if (n > 1)
			buf_printf(out, ".%.*s", n - 1, r.digits + 1);
		buf_printf(out, "e%+d", k - 1);
	}
}

/* UTF-8 bytes compare like code points; as UTF-16 the characters beyond U+FFFF (lead byte F0 and up, surrogates D800 and
 * up) come before U+E000..U+FFFF (lead bytes EE and EF). Lead and continuation bytes never share a value. */
static int
utf16_rank(char c)
{
	const int b = (unsigned char)c;
	return b >= 0xf0 ? b - 2 : b >= 0xee ? b + 0x10 : b;
}

struct pair {
	struct str key;
	const struct js *value;
};

static int
by_utf16(const void *pa, const void *pb)
{
	const struct str a = ((const struct pair *)pa)->key, b = ((const struct pair *)pb)->key;
	for (size_t i = 0; i < a.n && i < b.n; i++)
		if (a.p[i] != b.p[i])
			return utf16_rank(a.p[i]) < utf16_rank(b.p[i]) ? -1 : 1;
	return (a.n > b.n) - (a.n < b.n);
}

/* depth: levels of indentation, or -1 for canonical. The recursion is as deep as the tree: js_parse gives at most 200. */
static void put_value(struct buf *out, const struct js *v, int depth);

static void
put_break(struct buf *out, int depth)
{
	if (depth < 0)
		return;
	buf_putc(out, '\n');
	for (int i = 0; i < depth; i++)
		buf_puts(out, "  ");
}

static int
deeper(int depth)
{
	return depth < 0 ? depth : depth + 1;
}

static void
put_list(struct buf *out, const struct js *v, int depth)
{
	const size_t n = js_len(v);
	buf_putc(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(out, ',');
		put_break(out, deeper(depth));
		put_value(out, js_at(v, i), deeper(depth));
	}
	if (n)
		put_break(out, depth);
	buf_putc(out, ']');
}

static void
put_map(struct buf *out, const struct js *v, int depth)
{
	const size_t n = js_len(v);
	struct pair *pairs = mem_alloc(n * sizeof *pairs);
	size_t at = 0;
	for (void *it = js_first(v); it && at < n; it = js_next(v, it))
		pairs[at++] = (struct pair){ js_key(it), js_value(it) };
	if (depth < 0)
		qsort(pairs, at, sizeof *pairs, by_utf16);
	buf_putc(out, '{');
	for (size_t i = 0; i < at; i++) {
		if (i)
			buf_putc(out, ',');
		put_break(out, deeper(depth));
		put_text(out, pairs[i].key);
		buf_puts(out, depth < 0 ? ":" : ": ");
		put_value(out, pairs[i].value, deeper(depth));
	}
	if (at)
		put_break(out, depth);
	buf_putc(out, '}');
	free(pairs);
}

static void
put_int(struct buf *out, int64_t v)
{
	char text[24], *p = text + sizeof text;
	uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;
	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	if (v < 0)
		*--p = '-';
	buf_put(out, (struct str){ p, (size_t)(text + sizeof text - p) });
}

static void
put_value(struct buf *out, const struct js *v, int depth)
{
	switch (js_type(v)) {
	case JS_NONE:
	case JS_NULL:
		buf_puts(out, "null");
		break;
	case JS_BOOL:
		buf_puts(out, js_true(v) ? "true" : "false");
		break;
	case JS_INT:
		put_int(out, js_num(v));
		break;
	case JS_REAL:
		put_real(out, js_double(v));
		break;
	case JS_TEXT:
		put_text(out, js_str(v));
		break;
	case JS_LIST:
		put_list(out, v, depth);
		break;
	case JS_MAP:
		put_map(out, v, depth);
		break;
	}
}

void
js_write(const struct js *v, struct buf *out)
{
	put_value(out, v, -1);
}

void
js_write_pretty(const struct js *v, struct buf *out)
{
	put_value(out, v, 0);
	buf_putc(out, '\n');
}
