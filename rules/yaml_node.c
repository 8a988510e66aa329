/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "rules/yaml.h"

static bool
one_of(struct str s, const char *a, const char *b, const char *c)
{
	return str_is(s, a) || str_is(s, b) || str_is(s, c);
}

static size_t
digits(struct str s, size_t i)
{
	const size_t from = i;

	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i - from;
}

/* 0x1f and 0o17: without a sign, as the core schema has them. */
static bool
based(struct str s, int *base)
{
	if (s.n < 3 || s.p[0] != '0' || (s.p[1] != 'x' && s.p[1] != 'o'))
		return false;
	*base = s.p[1] == 'x' ? 16 : 8;
	for (size_t i = 2; i < s.n; i++) {
		const char c = s.p[i];
		const bool ok = *base == 8 ? c >= '0' && c <= '7'
					   : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
						     (c >= 'A' && c <= 'F');

		if (!ok)
			return false;
	}
	return true;
}

enum shape { SHAPE_TEXT, SHAPE_INT, SHAPE_REAL };

/* [-+]? (digits | digits . digits? | . digits) ([eE] [-+]? digits)? */
static enum shape
number_shape(struct str s)
{
	size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
	const size_t whole = digits(s, i);
	size_t part = 0;
	bool real = false;

	i += whole;
	if (i < s.n && s.p[i] == '.') {
		real = true;
		part = digits(s, ++i);
		i += part;
	}
	if (whole + part == 0)
		return SHAPE_TEXT;
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		real = true;
		i++;
		if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
			i++;
		const size_t exponent = digits(s, i);

		if (exponent == 0)
			return SHAPE_TEXT;
		i += exponent;
	}
	if (i != s.n)
		return SHAPE_TEXT;
	return real ? SHAPE_REAL : SHAPE_INT;
}

static bool
resolve_int(struct yaml_node *n, int base)
{
	const char *p = n->text.p + (base == 10 ? 0 : 2); /* the text is NUL-terminated: it is the arena's */
	char *end;

	errno = 0;
	const long long v = strtoll(p, &end, base);

	if (errno || *end)
		return false;
	n->kind = YAML_INT;
	n->num = v;
	return true;
}

static bool
resolve_real(struct yaml_node *n)
{
	double d;
	const bool plus = n->text.n && n->text.p[0] == '+';

	if (!str_double(str_drop(n->text, plus), &d) || !isfinite(d))
		return false;
	n->kind = YAML_REAL;
	n->real = d;
	return true;
}

bool
yaml_resolve(struct yaml_node *n)
{
	const struct str s = n->text;
	int base;

	n->kind = YAML_TEXT;
	if (s.n == 0 || str_is(s, "~") || one_of(s, "null", "Null", "NULL")) {
		n->kind = YAML_NULL;
		return true;
	}
	if (one_of(s, "true", "True", "TRUE") || one_of(s, "false", "False", "FALSE")) {
		n->kind = YAML_BOOL;
		n->truth = s.n == 4;
		return true;
	}
	if (based(s, &base))
		return resolve_int(n, base);
	switch (number_shape(s)) {
	case SHAPE_INT:
		return resolve_int(n, 10);
	case SHAPE_REAL:
		return resolve_real(n);
	case SHAPE_TEXT:
		break;
	}
	return true;
}

const struct yaml_entry *
yaml_entry(const struct yaml_node *map, const char *key)
{
	if (!yaml_is(map, YAML_MAP))
		return NULL;
	for (uint32_t i = 0; i < map->n; i++)
		if (str_is(map->entries[i].key, key))
			return &map->entries[i];
	return NULL;
}

const struct yaml_node *
yaml_get(const struct yaml_node *map, const char *key)
{
	const struct yaml_entry *e = yaml_entry(map, key);

	return e ? e->value : NULL;
}

bool
yaml_is(const struct yaml_node *n, enum yaml_kind kind)
{
	return n && n->kind == kind;
}

bool
yaml_scalar(const struct yaml_node *n)
{
	return n && n->kind != YAML_NULL && n->kind < YAML_LIST;
}

struct place
yaml_at(const struct yaml_node *n)
{
	if (!n)
		return (struct place){ 0 };
	return (struct place){ *n->file, n->mark.line, n->mark.column, n->mark.length };
}

struct place
yaml_key_at(const struct yaml_entry *entry)
{
	if (!entry)
		return (struct place){ 0 };
	return (struct place){ *entry->value->file, entry->mark.line, entry->mark.column,
			       entry->mark.length };
}

const char *
yaml_kind_name(const struct yaml_node *n)
{
	static const char *const names[] = { "nothing", "true or false", "a number", "a number",
					     "a text",  "a list",        "a map" };

	return n ? names[n->kind] : names[0];
}

static struct js *
scalar_js(const struct yaml_node *n)
{
	switch ((enum yaml_kind)n->kind) {
	case YAML_NULL:
		return js_null();
	case YAML_BOOL:
		return js_bool(n->truth);
	case YAML_INT:
		return js_int(n->num);
	case YAML_REAL:
		return js_real(n->real);
	case YAML_TEXT:
		return js_text(n->text);
	case YAML_LIST:
		return js_list();
	case YAML_MAP:
		return js_map();
	}
	return js_null();
}

/* A stack instead of recursion; its height is bounded by the reader's limit. */
struct js *
yaml_js(const struct yaml_node *n)
{
	struct {
		const struct yaml_node *node;
		struct js *js;
		uint32_t next;
	} stack[YAML_MAX_DEPTH + 2];
	size_t depth = 0;
	struct js *root = scalar_js(n);

	stack[depth].node = n;
	stack[depth].js = root;
	stack[depth++].next = 0;
	while (depth > 0) {
		const struct yaml_node *at = stack[depth - 1].node;
		struct js *up = stack[depth - 1].js;
		const uint32_t i = stack[depth - 1].next++;

		if (at->kind < YAML_LIST || i >= at->n) {
			depth--;
			continue;
		}
		const struct yaml_node *child = at->kind == YAML_MAP ? at->entries[i].value : at->items[i];
		struct js *v = scalar_js(child);

		if (at->kind == YAML_MAP)
			js_set_str(up, at->entries[i].key, v);
		else
			js_push(up, v);
		if (child->kind >= YAML_LIST && child->n) {
			stack[depth].node = child;
			stack[depth].js = v;
			stack[depth++].next = 0;
		}
	}
	return root;
}
