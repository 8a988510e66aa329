/* SPDX-License-Identifier: Apache-2.0
 *
 * grid: texts in aligned columns, two blanks between them. The last column is not padded.
 */
#ifndef PAWL_CLI_GRID_H
#define PAWL_CLI_GRID_H

#include "base/arena.h"
#include "base/buf.h"

#define GRID_WIDEST 60 /* columns of the terminal: a longer text moves its own row only */

struct grid {
	size_t columns; /* at most 8 */
	struct str *v; /* row by row, in an arena */
	size_t n, cap;
};

void grid_put(struct grid *t, struct str text, struct arena *a); /* the next cell; borrowed */
void grid_print(const struct grid *t, const char *indent, struct buf *out);

#endif
