/* SPDX-License-Identifier: Apache-2.0
 *
 * tail: the last lines of a program's output, for the message when it fails. The zero value is empty. One thread at a time.
 */
#ifndef PAWL_BACKENDS_TAIL_H
#define PAWL_BACKENDS_TAIL_H

#include "base/arena.h"
#include "base/buf.h"

#define TAIL_LINES 20
#define TAIL_LINE ((size_t)1000) /* bytes that are kept of one */

struct tail {
	struct buf line[TAIL_LINES]; /* a ring */
	size_t n;                    /* lines in all */
};

void tail_add(struct tail *t, struct str line);
size_t tail_lines(const struct tail *t);                 /* that are kept */
struct str tail_line(const struct tail *t, size_t i);    /* the oldest is 0; borrowed until the next tail_add */
/* The lines, each after a newline and "  | "; empty when there was none. */
struct str tail_text(const struct tail *t, struct arena *a);
void tail_done(struct tail *t);

#endif
