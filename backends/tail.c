/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/tail.h"

void
tail_add(struct tail *t, struct str line)
{
	struct buf *b = &t->line[t->n++ % TAIL_LINES];
	buf_reset(b);
	buf_put(b, str_take(line, TAIL_LINE));
}

size_t
tail_lines(const struct tail *t)
{
	return t->n < TAIL_LINES ? t->n : TAIL_LINES;
}

struct str
tail_line(const struct tail *t, size_t i)
{
	return buf_str(&t->line[(t->n - tail_lines(t) + i) % TAIL_LINES]);
}

struct str
tail_text(const struct tail *t, struct arena *a)
{
	AUTO_BUF out = { 0 };
	for (size_t i = 0; i < tail_lines(t); i++)
		buf_printf(&out, "\n  | " STR_FMT, STR_ARG(tail_line(t, i)));
	return arena_str(a, buf_str(&out));
}

void
tail_done(struct tail *t)
{
	for (size_t i = 0; i < TAIL_LINES; i++)
		buf_done(&t->line[i]);
	*t = (struct tail){ 0 };
}
