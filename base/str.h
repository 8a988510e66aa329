/* SPDX-License-Identifier: Apache-2.0
 *
 * str: borrowed, counted text.
 *
 * A `struct str` points into memory that somebody else owns; it is not NUL-terminated and may hold any byte.
 * The zero value is the empty text. Nothing here allocates, fails or looks at the locale. Any thread.
 */
#ifndef PAWL_BASE_STR_H
#define PAWL_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	const char *p; /* may be NULL when n is 0 */
	size_t n;      /* bytes */
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal) { "" literal, sizeof(literal) - 1 } /* in static tables */
#define STR_FMT "%.*s"                                        /* printf: STR_FMT ... STR_ARG(s) */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

/* A view of a NUL-terminated text; NULL gives the empty text. */
struct str str_z(const char *z);

bool str_eq(struct str a, struct str b);
bool str_is(struct str a, const char *z);          /* a equals the NUL-terminated text */
int str_cmp(struct str a, struct str b);           /* by bytes, the shorter first; for sorting */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Without the first n bytes / only the first n bytes; n beyond the end is the end. */
struct str str_drop(struct str s, size_t n);
struct str str_take(struct str s, size_t n);
struct str str_trim(struct str s);                 /* ASCII white space off both ends */

/* Where needle begins, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle);
size_t str_find_char(struct str s, char c);
size_t str_rfind_char(struct str s, char c);

/* Split at the first c: head before it, tail after it. Without c: head is all, tail empty, ok false. */
struct str_cut {
	struct str head, tail;
	bool ok;
};
struct str_cut str_cut(struct str s, char c);
struct str_cut str_rcut(struct str s, char c);     /* at the last c; without it head is all */

/* Decimal without sign or white space, the whole of s; false on anything else and on overflow. */
bool str_u64(struct str s, uint64_t *out);
/* What strtod reads in the C locale, the whole of s (at most 400 bytes, no white space in front), finite. */
bool str_double(struct str s, double *out);

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms)? Number of code points of a well-formed text. */
bool str_utf8(struct str s);
size_t str_points(struct str s);

#endif
