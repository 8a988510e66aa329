/* SPDX-License-Identifier: Apache-2.0
 *
 * reqline: the logical lines of a requirements file: continuations joined, comments gone, every byte's place still known.
 *
 * A line is a requirement with its --hash options, or options with their values, which come one by one. ${NAME} is replaced by the caller's
 * variable. Lines live until the next is asked for; their texts live in the arena.
 */
#ifndef PAWL_RULES_REQLINE_H
#define PAWL_RULES_REQLINE_H

#include "base/arena.h"
#include "base/diag.h"

struct reqline_hash {
	struct str value;
	size_t at;                  /* offset in the line */
};

struct reqline {
	struct str file;
	struct str requirement;     /* a requirement without its options, or: */
	struct str option, value;   /* "-r" and what it is given, unquoted */
	size_t option_at, value_at;
	size_t more;                /* where the next option of the line begins; 0: there is none */
	struct reqline_hash *hashes;
	size_t nhashes;
	const char *wrong;          /* the line cannot be read; NULL: it can */
	const char *wrong_code;
	size_t wrong_at;
	/* where things are */
	struct str source;          /* the whole text */
	const uint32_t *offset;     /* by byte of the logical line: its offset in source */
	size_t length;
	size_t start;               /* where its first physical line begins, and that line's number */
	uint32_t line;
	struct place fixed;         /* file empty: the place of everything */
};

/* A variable of the caller; NULL: it is not set. */
typedef const char *reqline_variable(void *ctx, struct str name);

struct reqlines {
	struct str file, text;
	size_t at;
	uint32_t line;              /* physical lines read so far */
	struct arena *a;
	struct place fixed;
	reqline_variable *variable; /* NULL: nothing is set */
	void *ctx;
	struct reqline last;
	struct str rest;            /* the last line, whole */
};

void reqlines_init(struct reqlines *s, struct str file, struct str text, struct arena *a);
bool reqlines_next(struct reqlines *s, struct reqline *out);
/* The place of n bytes from offset at of the line. */
struct place reqline_place(const struct reqline *l, size_t at, size_t n);

#endif
