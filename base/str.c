/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/width.h"

enum { DOUBLE_MAX = 400 }; /* bytes of a number's text */

struct str
str_z(const char *z)
{
	return (struct str){ z, z ? strlen(z) : 0 };
}

bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
str_is(struct str a, const char *z)
{
	return str_eq(a, str_z(z));
}

int
str_cmp(struct str a, struct str b)
{
	const size_t n = a.n < b.n ? a.n : b.n;
	const int c = n ? memcmp(a.p, b.p, n) : 0;
	if (c)
		return c;
	return (a.n > b.n) - (a.n < b.n);
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq(str_take(s, prefix.n), prefix);
}

bool
str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq(str_drop(s, s.n - suffix.n), suffix);
}

struct str
str_drop(struct str s, size_t n)
{
	if (n >= s.n)
		return (struct str){ s.p ? s.p + s.n : NULL, 0 };
	return (struct str){ s.p + n, s.n - n };
}

struct str
str_take(struct str s, size_t n)
{
	return (struct str){ s.p, n < s.n ? n : s.n };
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str
str_trim(struct str s)
{
	while (s.n && is_blank(s.p[0]))
		s = str_drop(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

size_t
str_find(struct str s, struct str needle)
{
	if (needle.n == 0)
		return 0;
	if (needle.n > s.n)
		return SIZE_MAX;
	const char *at = memmem(s.p, s.n, needle.p, needle.n);
	return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t
str_find_char(struct str s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
	return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t
str_rfind_char(struct str s, char c)
{
	const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
	return at ? (size_t)(at - s.p) : SIZE_MAX;
}

static struct str_cut
cut_at(struct str s, size_t at)
{
	if (at == SIZE_MAX)
		return (struct str_cut){ .head = s, .tail = str_drop(s, s.n), .ok = false };
	return (struct str_cut){ .head = str_take(s, at), .tail = str_drop(s, at + 1), .ok = true };
}

struct str_cut
str_cut(struct str s, char c)
{
	return cut_at(s, str_find_char(s, c));
}

struct str_cut
str_rcut(struct str s, char c)
{
	return cut_at(s, str_rfind_char(s, c));
}

bool
str_u64(struct str s, uint64_t *out)
{
	uint64_t v = 0;
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

bool
str_double(struct str s, double *out)
{
	char text[DOUBLE_MAX + 1];
	if (s.n == 0 || s.n > DOUBLE_MAX || is_blank(s.p[0]))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	char *end;
	const double v = strtod(text, &end);
	if (end != text + s.n || !isfinite(v))
		return false;
	*out = v;
	return true;
}

bool
str_utf8(struct str s)
{
	while (s.n) {
		uint32_t point;
		uint64_t eight;
		if (s.n >= sizeof eight && (memcpy(&eight, s.p, sizeof eight), (eight & 0x8080808080808080) == 0))
			s = str_drop(s, sizeof eight);
		else if ((unsigned char)s.p[0] < 0x80)
			s = str_drop(s, 1);
		else if (!utf8_next(&s, &point))
			return false;
	}
	return true;
}

size_t
str_points(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}
