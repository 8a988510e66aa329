/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define PART_MIN 4 /* bytes of one line of a secret with several: a '}' alone would mask every brace */

static int
longer_first(const void *a, const void *b)
{
	const struct str *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return str_cmp(*x, *y);
}

static void
add(struct masks *m, struct str secret)
{
	m->v = mem_grow(m->v, (m->n + 1) * sizeof *m->v);
	char *p = mem_alloc(secret.n);

	memcpy(p, secret.p, secret.n);
	m->v[m->n++] = (struct str){ p, secret.n };
}

void
masks_init(struct masks *m, const struct str *secrets, size_t n)
{
	*m = (struct masks){ 0 };
	for (size_t i = 0; i < n; i++) {
		struct str rest = secrets[i];

		if (str_find_char(rest, '\n') == SIZE_MAX) {
			if (rest.n > 0)
				add(m, rest);
			continue;
		}
		while (rest.n > 0) {
			const struct str_cut c = str_cut(rest, '\n');
			const struct str part = str_trim(c.head);

			if (part.n >= PART_MIN)
				add(m, part);
			rest = c.tail;
		}
	}
	if (m->n > 1)
		qsort(m->v, m->n, sizeof *m->v, longer_first);
}

void
masks_done(struct masks *m)
{
	for (size_t i = 0; i < m->n; i++)
		free((char *)(uintptr_t)m->v[i].p);
	free(m->v);
	*m = (struct masks){ 0 };
}

/* Masks text from its start; with `more` to come it stops where a secret might begin that is not yet whole. Returns what it consumed. */
static size_t
apply(const struct masks *m, struct str text, bool more, struct buf *out)
{
	const size_t longest = m->n > 0 ? m->v[0].n : 1;
	size_t at = 0, plain = 0;

	while (at < text.n) {
		if (more && text.n - at < longest)
			break;
		size_t hit = 0;

		for (size_t i = 0; i < m->n && hit == 0; i++)
			if (m->v[i].n <= text.n - at && m->v[i].p[0] == text.p[at] &&
			    memcmp(m->v[i].p, text.p + at, m->v[i].n) == 0)
				hit = m->v[i].n;
		if (hit == 0) {
			at++;
			continue;
		}
		buf_put(out, (struct str){ text.p + plain, at - plain });
		buf_puts(out, "***");
		at += hit;
		plain = at;
	}
	buf_put(out, (struct str){ text.p + plain, at - plain });
	return at;
}

void
masks_apply(const struct masks *m, struct str text, struct buf *out)
{
	if (m == NULL || m->n == 0)
		buf_put(out, text);
	else
		apply(m, text, false, out);
}

static void
give(struct lines *l, struct str text)
{
	if (l->masks == NULL || l->masks->n == 0) {
		l->line(l->ctx, text);
		return;
	}
	buf_reset(&l->masked);
	apply(l->masks, text, false, &l->masked);
	l->line(l->ctx, buf_str(&l->masked));
}

/* A piece of a line that is too long; the rest stays pending. */
static void
give_piece(struct lines *l)
{
	static const struct masks none;
	const struct masks *m = l->masks != NULL ? l->masks : &none;

	buf_reset(&l->masked);
	const size_t used = m->n > 0 ? apply(m, buf_str(&l->pending), true, &l->masked) : l->pending.n;

	l->line(l->ctx, m->n > 0 ? buf_str(&l->masked) : buf_str(&l->pending));
	memmove(l->pending.p, l->pending.p + used, l->pending.n - used);
	l->pending.n -= used;
}

void
lines_feed(struct lines *l, struct str bytes)
{
	const size_t longest = l->masks != NULL && l->masks->n > 0 ? l->masks->v[0].n : 0;

	while (bytes.n > 0) {
		const char *nl = memchr(bytes.p, '\n', bytes.n);
		const size_t n = nl != NULL ? (size_t)(nl - bytes.p) : bytes.n;
		const size_t room = LINES_MAX + longest - l->pending.n;
		const size_t take = n < room ? n : room;

		if (nl != NULL && take == n) {
			struct str whole = { bytes.p, n };

			if (l->pending.n > 0) {
				buf_put(&l->pending, whole);
				whole = buf_str(&l->pending);
			}
			if (whole.n > 0 && whole.p[whole.n - 1] == '\r')
				whole.n--;
			give(l, whole);
			buf_reset(&l->pending);
			bytes = str_drop(bytes, n + 1);
			continue;
		}
		buf_put(&l->pending, str_take(bytes, take));
		bytes = str_drop(bytes, take);
		if (l->pending.n >= LINES_MAX + longest)
			give_piece(l);
	}
}

void
lines_end(struct lines *l)
{
	if (l->pending.n > 0)
		give(l, buf_str(&l->pending));
	buf_done(&l->pending);
	buf_done(&l->masked);
}
