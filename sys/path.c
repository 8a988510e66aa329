/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/width.h"
#include "sys/file.h"

struct str
path_join(struct arena *a, struct str head, struct str tail)
{
	if (tail.n && tail.p[0] == '/')
		return arena_str(a, tail);
	if (head.n == 0 || str_is(head, "."))
		return arena_str(a, tail.n ? tail : STR("."));
	if (tail.n == 0 || str_is(tail, "."))
		return arena_str(a, head);
	const size_t slash = head.p[head.n - 1] != '/', n = head.n + slash + tail.n;
	char *p = arena_alloc(a, n + 1);
	memcpy(p, head.p, head.n);
	p[head.n] = '/'; /* tail begins here if head ends with one */
	memcpy(p + head.n + slash, tail.p, tail.n);
	return (struct str){ p, n };
}

struct str
path_clean(struct arena *a, struct str path)
{
	const bool absolute = path.n && path.p[0] == '/';
	char *out = arena_alloc(a, path.n + 2);
	size_t n = 0, names = 0; /* names in out that a ".." may take away */
	if (absolute)
		out[n++] = '/';
	while (path.n) {
		const struct str_cut c = str_cut(path, '/');
		path = c.tail;
		if (c.head.n == 0 || str_is(c.head, "."))
			continue;
		if (str_is(c.head, "..") && names) {
			const size_t slash = str_rfind_char((struct str){ out, n }, '/');
			n = slash == SIZE_MAX ? 0 : slash == 0 ? 1 : slash;
			names--;
			continue;
		}
		if (str_is(c.head, "..") && absolute)
			continue;
		names += !str_is(c.head, "..");
		if (n && out[n - 1] != '/')
			out[n++] = '/';
		memcpy(out + n, c.head.p, c.head.n);
		n += c.head.n;
	}
	if (n == 0)
		out[n++] = '.';
	out[n] = '\0';
	return (struct str){ out, n };
}

bool
path_inside(struct str path, struct str folder)
{
	if (str_is(folder, "."))
		return !(str_starts(path, STR("/")) || str_is(path, "..") || str_starts(path, STR("../")));
	if (str_is(folder, "/"))
		return str_starts(path, folder);
	return str_starts(path, folder) && (path.n == folder.n || path.p[folder.n] == '/');
}

struct str
path_dir(struct str path)
{
	const size_t slash = str_rfind_char(path, '/');
	if (slash == SIZE_MAX)
		return STR(".");
	return slash == 0 ? STR("/") : str_take(path, slash);
}

struct str
path_base(struct str path)
{
	return str_drop(path, str_rfind_char(path, '/') + 1); /* SIZE_MAX + 1 is 0 */
}

bool
path_has_glob(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '*' || s.p[i] == '?' || s.p[i] == '[')
			return true;
	return false;
}

/* One [...] at the front of *pattern against point: takes it off and says whether it matches. Without its ']' it is no
 * set: false, and *pattern stays. */
static bool
take_set(struct str *pattern, uint32_t point, bool *matches)
{
	struct str p = str_drop(*pattern, 1);
	const bool negated = p.n && (p.p[0] == '!' || p.p[0] == '^');
	bool hit = false;
	p = str_drop(p, negated);
	for (bool first = true; p.n && (first || p.p[0] != ']'); first = false) {
		uint32_t low, high;
		utf8_next(&p, &low);
		if (low == '\\' && p.n)
			utf8_next(&p, &low);
		high = low;
		if (p.n > 1 && p.p[0] == '-' && p.p[1] != ']') {
			p = str_drop(p, 1);
			utf8_next(&p, &high);
			if (high == '\\' && p.n)
				utf8_next(&p, &high);
		}
		hit |= low <= point && point <= high;
	}
	if (p.n == 0)
		return false;
	*pattern = str_drop(p, 1);
	*matches = hit != negated;
	return true;
}

/* Takes one element of the pattern (not '*') and one character of the name off; false when they do not match. */
static bool
take_one(struct str *pattern, struct str *name)
{
	uint32_t want, have;
	bool matches;
	utf8_next(name, &have);
	if (pattern->p[0] == '[' && take_set(pattern, have, &matches))
		return matches;
	utf8_next(pattern, &want);
	if (want == '?')
		return true;
	if (want == '\\' && pattern->n)
		utf8_next(pattern, &want);
	return want == have;
}

/* One name without '/'. Only the last '*' is ever tried again: time is at most the product of the lengths. */
static bool
match_name(struct str pattern, struct str name)
{
	struct str star = { 0 }, retry = { 0 }; /* behind the last '*', and where it was last tried */
	bool starred = false;
	for (;;) {
		if (pattern.n && pattern.p[0] == '*') {
			pattern = star = str_drop(pattern, 1);
			retry = name;
			starred = true;
			continue;
		}
		if (pattern.n == 0 && name.n == 0)
			return true;
		if (pattern.n && name.n && take_one(&pattern, &name))
			continue;
		if (!starred || retry.n == 0)
			return false;
		uint32_t skipped;
		utf8_next(&retry, &skipped);
		pattern = star;
		name = retry;
	}
}

/* The same over names between slashes, where "**" is the star. */
bool
path_match(struct str pattern, struct str path)
{
	struct str star = { 0 }, retry = { 0 };
	bool starred = false, more = true, left = true; /* more of the pattern, left of the path */
	for (;;) {
		const struct str_cut p = str_cut(pattern, '/'), s = str_cut(path, '/');
		if (more && str_is(p.head, "**")) {
			if (!p.ok)
				return left; /* at the end it needs one name at least */
			pattern = star = p.tail;
			retry = path;
			starred = true;
			continue;
		}
		if (!more && !left)
			return true;
		if (more && left && match_name(p.head, s.head)) {
			pattern = p.tail;
			more = p.ok;
			path = s.tail;
			left = s.ok;
			continue;
		}
		const struct str_cut skipped = str_cut(retry, '/');
		if (!starred || !skipped.ok)
			return false;
		path = retry = skipped.tail;
		pattern = star;
		more = left = true;
	}
}
