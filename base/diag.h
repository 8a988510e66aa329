/* SPDX-License-Identifier: Apache-2.0
 *
 * diag: mistakes in the user's files, each with its place.
 *
 * All mistakes of a file are collected and shown at once, in the order of their places. The list owns copies of all
 * texts. Printing needs the text of the file, which diags_source() hands over once (borrowed until diags_done).
 * A list holds at most `limit` mistakes (100 when 0); more are counted and mentioned.
 */
#ifndef PAWL_BASE_DIAG_H
#define PAWL_BASE_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

struct place {
	struct str file;  /* relative to the project root; empty: no file */
	uint32_t line;    /* from 1; 0: the whole file */
	uint32_t column;  /* from 1, in characters (code points); 0: the whole line */
	uint32_t length;  /* characters to underline; 0 and 1: a caret alone */
};

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diag {
	enum severity severity;
	struct place at;
	struct str code;    /* "unknown-key": stable, in docs/reference/errors.md */
	struct str message; /* "step 'train': unknown key 'rnu'" */
	struct str hint;    /* "did you mean 'run'?"; may be empty */
};

struct diags {
	struct arena arena;
	struct diag *v;
	size_t n, cap, nerrors;
	size_t limit, over; /* over: mistakes beyond the limit */
	struct diag_source *sources;
};

void diags_done(struct diags *d);
void diags_source(struct diags *d, struct str file, struct str text);
bool diags_has_source(const struct diags *d, struct str file);
void diags_add(struct diags *d, enum severity severity, struct place at, const char *code, struct str hint,
	       const char *fmt, ...) __attribute__((format(printf, 6, 7)));
void diags_sort(struct diags *d);   /* by file, line, column; stable */

/* "file:line:column: error: message", the line, a caret line with the hint behind it. color: ANSI sequences. */
void diags_print(const struct diags *d, bool color, struct buf *out);

#endif
