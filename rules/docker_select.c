/* SPDX-License-Identifier: Apache-2.0
 *
 * What both origins have in common.
 */
#include "rules/docker_select.h"

#include <stdlib.h>

#include "base/buf.h"
#include "sys/file.h"

/* "/a/./b/" below a root is "a/b"; ".." at the front means the root. With --parents "x/./y" keeps y alone. */
struct str
docker_source_path(struct str source, struct arena *a, struct str *kept)
{
	const size_t pivot = str_find(source, STR("/./"));
	struct str s = path_clean(a, source.n > 0 ? source : STR("."));
	*kept = pivot == SIZE_MAX ? (struct str){ 0 } : path_clean(a, str_drop(source, pivot + 3));
	while (str_starts(s, STR("/")) || str_is(s, "..") || str_starts(s, STR("../")))
		s = str_starts(s, STR("..")) ? str_drop(s, 2) : str_drop(s, 1);
	s = s.n > 0 ? s : STR(".");
	if (kept->n == 0)
		*kept = s;
	return s;
}

bool
docker_excluded(const struct docker_select *s, struct str in, struct str whole)
{
	return s->exclude && (docker_ignored(s->exclude, in) || docker_ignored(s->exclude, whole));
}

struct ranked {
	struct docker_item item;
	size_t rank;
};

static int
by_to(const void *pa, const void *pb)
{
	const struct ranked *a = pa, *b = pb;
	const int c = str_cmp(a->item.to, b->item.to);
	return c ? c : (a->rank > b->rank) - (a->rank < b->rank);
}

void
docker_selection_sort(struct docker_selection *s)
{
	struct ranked *r = mem_alloc((s->n + 1) * sizeof *r);
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		r[i] = (struct ranked){ s->v[i], i };
	if (s->n > 1)
		qsort(r, s->n, sizeof *r, by_to);
	for (size_t i = 0; i < s->n; i++) {
		if (n > 0 && str_eq(s->v[n - 1].to, r[i].item.to))
			n--;
		s->v[n++] = r[i].item;
	}
	s->n = n;
	free(r);
}

struct digest
docker_selection_shape(const struct docker_selection *s)
{
	AUTO_BUF b = { 0 };
	buf_u8(&b, s->many);
	for (size_t i = 0; i < s->n; i++) {
		buf_u8(&b, (uint8_t)s->v[i].type);
		buf_u8(&b, s->v[i].leaf);
		buf_text(&b, s->v[i].to);
	}
	return digest_of(buf_str(&b));
}

struct digest
docker_selection_digest(const struct docker_selection *s)
{
	AUTO_BUF b = { 0 };
	buf_u8(&b, s->many);
	for (size_t i = 0; i < s->n; i++) {
		const struct docker_item *x = &s->v[i];
		buf_u8(&b, (uint8_t)x->type);
		buf_u8(&b, x->leaf);
		buf_text(&b, x->to);
		buf_text(&b, x->target);
		buf_u32(&b, x->mode);
		buf_u32(&b, x->uid);
		buf_u32(&b, x->gid);
		buf_put(&b, (struct str){ (const char *)x->digest.b, sizeof x->digest.b });
	}
	return digest_of(buf_str(&b));
}
