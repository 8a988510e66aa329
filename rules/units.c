/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/units.h"

#include <math.h>
#include <string.h>

static const int64_t ms = 1000000;
static const double most_ms = 100.0 * 365 * 24 * 3600 * 1000;
static const double most_bytes = 9007199254740992.0; /* 2^53: exact in JSON */

struct unit {
	const char *name;
	double factor;
};

static const struct unit durations[] = {
	{ "ms", 1 },     { "s", 1000 },        { "m", 60e3 },
	{ "h", 3600e3 }, { "d", 24 * 3600e3 }, { "w", 7 * 24 * 3600e3 },
};

static const struct unit sizes[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "kB", 1e3 },
	{ "KB", 1e3 },
	{ "MB", 1e6 },
	{ "GB", 1e9 },
	{ "TB", 1e12 },
	{ "PB", 1e15 },
	{ "Ki", 1024 },
	{ "KiB", 1024 },
	{ "Mi", 1048576 },
	{ "MiB", 1048576 },
	{ "Gi", 1073741824 },
	{ "GiB", 1073741824 },
	{ "Ti", 1099511627776 },
	{ "TiB", 1099511627776 },
	{ "Pi", 1125899906842624 },
	{ "PiB", 1125899906842624 },
};

static int64_t
nearest(double d) /* from 0 to 2^53 */
{
	return (int64_t)(d + 0.5);
}

static size_t
number_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && ((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '.'))
		n++;
	return n;
}

static const struct unit *
find(const struct unit *units, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(name, units[i].name))
			return &units[i];
	return NULL;
}

static size_t
unit_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && !((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '.'))
		n++;
	return n;
}

bool
duration_parse(struct str text, int64_t *ns)
{
	double total = 0, last = INFINITY;

	if (text.n == 0 || text.n > 40)
		return false;
	while (text.n) {
		double d;
		const size_t n = number_length(text);
		const struct str rest = str_drop(text, n);
		const size_t m = unit_length(rest);
		const struct unit *u =
			find(durations, sizeof durations / sizeof *durations, str_take(rest, m));

		if (!str_double(str_take(text, n), &d) || !u || u->factor >= last)
			return false;
		last = u->factor;
		total += d * u->factor;
		text = str_drop(rest, m);
	}
	if (!(total <= most_ms))
		return false;
	const int64_t whole = nearest(total);

	if (fabs(total - (double)whole) > 1e-6)
		return false;
	*ns = whole * ms;
	return true;
}

bool
size_parse(struct str text, int64_t *bytes)
{
	double d;
	const size_t n = number_length(text);
	const struct unit *u = find(sizes, sizeof sizes / sizeof *sizes, str_drop(text, n));

	if (text.n > 40 || !u || !str_double(str_take(text, n), &d) || !(d * u->factor <= most_bytes))
		return false;
	const int64_t whole = (int64_t)(d * u->factor);

	if ((double)whole != d * u->factor)
		return false;
	*bytes = whole;
	return true;
}

bool
amount_of(double d, int64_t *thousandths)
{
	if (!(d >= 0) || d * 1000 > most_bytes || fabs(d * 1000 - (double)nearest(d * 1000)) > 1e-6)
		return false;
	*thousandths = nearest(d * 1000);
	return true;
}

static bool
alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool
name_ok(enum name_kind kind, struct str name)
{
	if (kind == NAME_ANY)
		return true;
	if (name.n == 0 || name.n > 100 || name.p[0] == '.' || name.p[0] == '-')
		return false;
	if (kind == NAME_VAR && name.p[0] >= '0' && name.p[0] <= '9')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		const char c = name.p[i];

		if (!alnum(c) && !(kind != NAME_VAR && c == '-') && !(kind == NAME_DOTTED && c == '.'))
			return false;
	}
	return true;
}

const char *
name_rule(enum name_kind kind)
{
	switch (kind) {
	case NAME_ANY:
		return "any text";
	case NAME_ID:
		return "at most 100 letters, digits, '_' and '-', no '-' at the front";
	case NAME_DOTTED:
		return "at most 100 letters, digits, '_', '-' and '.', no '-' or '.' at the front";
	case NAME_VAR:
		return "at most 100 letters, digits and '_', no digit at the front";
	}
	return "";
}
