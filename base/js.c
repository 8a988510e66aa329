/* SPDX-License-Identifier: Apache-2.0 */
#include "base/js.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/width.h"

enum { DEPTH_MOST = 200 };

/* struct js is jansson's json_t under another name, so that jansson.h stays in this file. */
static json_t *
in(const struct js *v)
{
	union {
		const struct js *v;
		json_t *j;
	} u = { .v = v };
	return u.j;
}

static struct js *
out_of(json_t *j)
{
	return (struct js *)j;
}

/* What jansson makes anew is NULL only when there is no memory: ends the process as mem_alloc does. */
static struct js *
made(json_t *j)
{
	if (!j)
		mem_none();
	return out_of(j);
}

/* Brackets are counted before jansson, which recurses, sees the text. */
static int
check_depth(struct str text, const char *what, struct err *e)
{
	size_t depth = 0, line = 1, column = 0;
	bool quoted = false;
	for (size_t i = 0; i < text.n; i++) {
		const char c = text.p[i];
		column += ((unsigned char)c & 0xc0) != 0x80;
		if (c == '\n') {
			line++;
			column = 0;
		} else if (quoted && c == '\\') {
			i++;
			column++;
		} else if (c == '"') {
			quoted = !quoted;
		} else if (!quoted && (c == '[' || c == '{')) {
			if (++depth > DEPTH_MOST)
				return err_set(e, ERR_INPUT, "%s: line %zu, column %zu: nested deeper than %d levels", what,
					       line, column, DEPTH_MOST);
		} else if (!quoted && (c == ']' || c == '}')) {
			depth -= depth > 0;
		}
	}
	return 0;
}

/* The length of the number at the front of s; *wide: it is whole and does not fit into 64 bits. */
static size_t
number_length(struct str s, bool *wide)
{
	static const struct str marks = STR_INIT("0123456789+-.eE");
	char digits[24];
	size_t n = 0;
	bool whole = true;
	while (n < s.n && str_find_char(marks, s.p[n]) != SIZE_MAX) {
		whole &= (s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '-';
		n++;
	}
	*wide = whole && n >= sizeof digits;
	if (whole && n < sizeof digits) {
		memcpy(digits, s.p, n);
		digits[n] = '\0';
		errno = 0;
		(void)strtoll(digits, NULL, 10); /* errno is the answer */
		*wide = errno == ERANGE;
	}
	return n;
}

/* Canonical JSON prints 1e20 as digits, and jansson takes no integer beyond 64 bits: such a number becomes a real again. */
static void
widen(struct str text, struct buf *out)
{
	bool quoted = false;
	while (text.n) {
		const char c = text.p[0];
		size_t n = quoted && c == '\\' && text.n > 1 ? 2 : 1;
		bool wide = false;
		if (!quoted && (c == '-' || (c >= '0' && c <= '9')))
			n = number_length(text, &wide);
		quoted ^= c == '"';
		buf_put(out, str_take(text, n));
		if (wide)
			buf_puts(out, ".0");
		text = str_drop(text, n);
	}
}

static json_t *
parse(struct str text, json_error_t *why)
{
	return json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, why);
}

int
js_parse_at(struct str text, const char *what, struct js **out, struct js_place *at, struct err *e)
{
	if (check_depth(text, what, e) < 0)
		return -1;
	json_error_t why;
	json_t *j = parse(text, &why);
	if (!j && json_error_code(&why) == json_error_numeric_overflow) {
		AUTO_BUF b = { 0 };
		widen(text, &b);
		j = parse(buf_str(&b), &why);
	}
	if (!j) {
		*at = (struct js_place){ why.line < 1 ? 1 : (uint32_t)why.line, why.column < 1 ? 1 : (uint32_t)why.column };
		return err_set(e, ERR_INPUT, "%s", why.text);
	}
	*out = out_of(j);
	return 0;
}

int
js_parse(struct str text, const char *what, struct js **out, struct err *e)
{
	struct js_place at = { 0 };
	if (js_parse_at(text, what, out, &at, e) == 0)
		return 0;
	return at.line ? err_wrap(e, "%s: line %u, column %u", what, at.line, at.column) : -1;
}

void
js_free(struct js *v)
{
	json_decref(in(v));
}

void
js_freep(struct js **v)
{
	js_free(*v);
	*v = NULL;
}

struct js *
js_copy(const struct js *v)
{
	return v ? made(json_deep_copy(in(v))) : NULL;
}

static void
release(void *v)
{
	js_free(v);
}

struct js *
js_keep(struct arena *a, struct js *v)
{
	arena_defer(a, release, v);
	return v;
}

struct js *
js_share(const struct js *v)
{
	return out_of(json_incref(in(v)));
}

struct js *
js_null(void)
{
	return made(json_null());
}

struct js *
js_bool(bool b)
{
	return made(json_boolean(b));
}

struct js *
js_int(int64_t i)
{
	return made(json_integer(i));
}

struct js *
js_real(double d)
{
	return isfinite(d) ? made(json_real(d)) : js_null();
}

/* s with every ill-formed byte replaced. */
static void
mend(struct str s, struct buf *b)
{
	while (s.n) {
		uint32_t point;
		char bytes[4];
		utf8_next(&s, &point);
		const size_t n = utf8_put(point, bytes);
		buf_put(b, (struct str){ bytes, n });
	}
}

struct js *
js_text(struct str s)
{
	AUTO_BUF b = { 0 };
	if (!str_utf8(s)) {
		mend(s, &b);
		s = buf_str(&b);
	}
	return made(json_stringn_nocheck(s.p ? s.p : "", s.n));
}

struct js *
js_textz(const char *z)
{
	return js_text(str_z(z));
}

struct js *
js_list(void)
{
	return made(json_array());
}

struct js *
js_map(void)
{
	return made(json_object());
}

void
js_set_str(struct js *map, struct str key, struct js *value)
{
	AUTO_BUF b = { 0 };
	if (!value)
		return;
	if (!str_utf8(key)) {
		mend(key, &b);
		key = buf_str(&b);
	}
	/* Fails for what is no map, for a value put into itself (mistakes of ours) or without memory. */
	(void)json_object_setn_new_nocheck(in(map), key.p ? key.p : "", key.n, in(value));
}

struct js *
js_set(struct js *map, const char *key, struct js *value)
{
	js_set_str(map, str_z(key), value);
	return map;
}

void
js_del(struct js *map, const char *key)
{
	(void)json_object_del(in(map), key); /* not there is fine */
}

void
js_del_str(struct js *map, struct str key)
{
	char *z = mem_alloc(key.n + 1); /* jansson 2.14 takes counted keys for setting and getting, not for removing */

	memcpy(z, key.p, key.n);
	z[key.n] = '\0';
	js_del(map, z);
	free(z);
}

void
js_push(struct js *list, struct js *value)
{
	if (value)
		(void)json_array_append_new(in(list), in(value));
}

enum js_type
js_type(const struct js *v)
{
	if (!v)
		return JS_NONE;
	switch (json_typeof(in(v))) {
	case JSON_OBJECT:
		return JS_MAP;
	case JSON_ARRAY:
		return JS_LIST;
	case JSON_STRING:
		return JS_TEXT;
	case JSON_INTEGER:
		return JS_INT;
	case JSON_REAL:
		return JS_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return JS_BOOL;
	case JSON_NULL:
		return JS_NULL;
	}
	return JS_NONE;
}

struct js *
js_get(const struct js *map, const char *key)
{
	return js_get_str(map, str_z(key));
}

struct js *
js_get_str(const struct js *map, struct str key)
{
	return out_of(json_object_getn(in(map), key.p ? key.p : "", key.n));
}

struct js *
js_at(const struct js *list, size_t i)
{
	return out_of(json_array_get(in(list), i));
}

size_t
js_len(const struct js *v)
{
	return js_type(v) == JS_MAP ? json_object_size(in(v)) : json_array_size(in(v));
}

struct str
js_str(const struct js *v)
{
	if (js_type(v) != JS_TEXT)
		return (struct str){ 0 };
	return (struct str){ json_string_value(in(v)), json_string_length(in(v)) };
}

int64_t
js_num(const struct js *v)
{
	return json_integer_value(in(v));
}

double
js_double(const struct js *v)
{
	return json_number_value(in(v));
}

bool
js_true(const struct js *v)
{
	return v && json_is_true(in(v));
}

bool
js_equal(const struct js *a, const struct js *b)
{
	return a == b || (a && b && json_equal(in(a), in(b)) == 1);
}

void *
js_first(const struct js *map)
{
	return json_object_iter(in(map));
}

void *
js_next(const struct js *map, void *it)
{
	return json_object_iter_next(in(map), it);
}

struct str
js_key(void *it)
{
	return (struct str){ json_object_iter_key(it), json_object_iter_key_len(it) };
}

struct js *
js_value(void *it)
{
	return out_of(json_object_iter_value(it));
}

const char *
js_version(void)
{
	return jansson_version_str();
}
