/* SPDX-License-Identifier: Apache-2.0
 *
 * js: JSON values; the one door to jansson.
 *
 * Values are trees with one owner: js_set and js_push take what they are given, js_free releases a whole tree, what js_get
 * and js_at return is borrowed. NULL is accepted everywhere as "no value": js_get of NULL is NULL, its text is
 * empty, its number 0. One thread at a time per tree.
 *
 * js_write gives canonical JSON (RFC 8785): keys sorted by UTF-16 code units, no white space, numbers as ECMAScript prints
 * them, so that equal values give equal bytes. Integers are 64-bit and printed whole.
 */
#ifndef PAWL_BASE_JS_H
#define PAWL_BASE_JS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct js; /* opaque: json_t */

enum js_type { JS_NONE, JS_NULL, JS_BOOL, JS_INT, JS_REAL, JS_TEXT, JS_LIST, JS_MAP };

#define AUTO_JS __attribute__((cleanup(js_freep))) struct js *

/* Parse one value that fills the text. Whole numbers beyond 64 bits become reals, as canonical JSON writes them. Duplicate keys, a NUL in a
 * key, invalid UTF-8, numbers out of range, depth beyond 200 and trailing bytes are errors (ERR_INPUT) with "line L, column C". what: what it is, for the message ("index.json"). */
int js_parse(struct str text, const char *what, struct js **out, struct err *e);
/* The same for a file of the user: on failure where it went wrong (from 1; the column in characters), and e says only what. */
struct js_place {
	uint32_t line, column;
};
int js_parse_at(struct str text, const char *what, struct js **out, struct js_place *at, struct err *e);
void js_free(struct js *v);
void js_freep(struct js **v);
struct js *js_copy(const struct js *v); /* deep */
struct js *js_share(const struct js *v); /* the same value with one owner more: nobody changes it from now on */
struct js *js_keep(struct arena *a, struct js *v); /* hands v over to a, which releases it; returns v */

struct js *js_null(void);
struct js *js_bool(bool b);
struct js *js_int(int64_t i);
struct js *js_real(double d); /* NaN and infinities become null */
struct js *js_text(struct str s); /* bytes that are not UTF-8 become U+FFFD */
struct js *js_textz(const char *z);
struct js *js_list(void);
struct js *js_map(void);

struct js *js_set(struct js *map, const char *key, struct js *value); /* takes value; NULL: nothing happens; returns map */
void js_set_str(struct js *map, struct str key, struct js *value);
void js_del(struct js *map, const char *key);
void js_del_str(struct js *map, struct str key);
void js_push(struct js *list, struct js *value);                      /* takes value */

enum js_type js_type(const struct js *v);
struct js *js_get(const struct js *map, const char *key); /* NULL: not there, or not a map */
struct js *js_get_str(const struct js *map, struct str key);
struct js *js_at(const struct js *list, size_t i);
size_t js_len(const struct js *v);                        /* of a list or a map */
struct str js_str(const struct js *v);                    /* borrowed; empty if it is no text */
int64_t js_num(const struct js *v);                       /* 0 if it is no integer */
double js_double(const struct js *v);                     /* of an integer too */
bool js_true(const struct js *v);
bool js_equal(const struct js *a, const struct js *b);

/* Walk a map in the order of insertion: for (void *it = js_first(m); it; it = js_next(m, it)) js_key(it), js_value(it) */
void *js_first(const struct js *map);
void *js_next(const struct js *map, void *it);
struct str js_key(void *it);
struct js *js_value(void *it);

void js_write(const struct js *v, struct buf *out);        /* canonical */
void js_write_pretty(const struct js *v, struct buf *out); /* two blanks, keys in the order of insertion, newline at the end */

const char *js_version(void); /* of jansson */

#endif
