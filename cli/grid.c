/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/grid.h"

#include <string.h>

#include "base/width.h"

void
grid_put(struct grid *t, struct str text, struct arena *a)
{
	if (t->n == t->cap) {
		struct str *v = arena_array(a, struct str, t->cap ? t->cap * 2 : 64);
		if (t->n)
			memcpy(v, t->v, t->n * sizeof *v);
		t->v = v;
		t->cap = t->cap ? t->cap * 2 : 64;
	}
	t->v[t->n++] = text;
}

static size_t
column_width(const struct grid *t, size_t column)
{
	size_t most = 0;
	for (size_t i = column; i < t->n; i += t->columns) {
		const size_t w = width_str(t->v[i]);
		most = w > most && w <= GRID_WIDEST ? w : most;
	}
	return most;
}

void
grid_print(const struct grid *t, const char *indent, struct buf *out)
{
	size_t width[8] = { 0 };
	for (size_t c = 0; c < t->columns && c < 8; c++)
		width[c] = column_width(t, c);
	for (size_t i = 0; i < t->n; i++) {
		const size_t c = i % t->columns, w = width_str(t->v[i]);
		buf_puts(out, c ? "  " : indent);
		buf_put(out, t->v[i]);
		if (c + 1 == t->columns)
			buf_putc(out, '\n');
		else if (w < width[c])
			buf_printf(out, "%*s", (int)(width[c] - w), "");
	}
}
