/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/observed.h"

#include <string.h>

enum { VERSION = 1 };

void
observed_encode(const struct observed_lists *l, struct buf *out)
{
	buf_u32(out, VERSION);
	buf_u32(out, (uint32_t)l->n);
	for (size_t i = 0; i < l->n; i++) {
		buf_u32(out, (uint32_t)l->v[i].n);
		for (size_t k = 0; k < l->v[i].n; k++)
			buf_text(out, l->v[i].v[k]);
	}
}

bool
observed_decode(struct str bytes, struct arena *a, struct observed_lists *out)
{
	struct rd r = { .rest = arena_str(a, bytes) };
	const uint32_t version = rd_u32(&r), n = rd_u32(&r);
	if (r.bad || version != VERSION || n > OBSERVED_LISTS_MOST)
		return false;
	out->n = n;
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t questions = rd_u32(&r);
		if (r.bad || questions > OBSERVED_QUESTIONS_MOST || questions > r.rest.n / 4)
			return false;
		struct str *v = arena_array(a, struct str, questions);
		for (uint32_t k = 0; k < questions; k++) {
			v[k] = rd_text(&r);
			if (r.bad || (k && str_cmp(v[k - 1], v[k]) >= 0))
				return false;
		}
		out->v[i] = (struct observed_list){ .v = v, .n = questions };
	}
	return r.rest.n == 0;
}

static struct str
name_of(const struct digest *base)
{
	return (struct str){ (const char *)base->b, sizeof base->b };
}

bool
observed_find(struct view *v, const struct digest *base, struct arena *a, struct observed_lists *out)
{
	struct str bytes;
	return v && view_get(v, TABLE_OBSERVED, name_of(base), &bytes) && observed_decode(bytes, a, out) && out->n > 0;
}

static bool
same(const struct observed_list *x, const struct observed_list *y)
{
	bool eq = x->n == y->n;
	for (size_t i = 0; eq && i < x->n; i++)
		eq = str_eq(x->v[i], y->v[i]);
	return eq;
}

void
observed_put(struct view *v, struct batch *b, const struct digest *base, const struct observed_fact *facts, size_t n)
{
	struct arena a = { 0 };
	struct observed_lists old = { .n = 0 }, now = { .n = 1 };
	struct str *questions = arena_array(&a, struct str, n);
	AUTO_BUF bytes = { 0 };
	for (size_t i = 0; i < n; i++)
		questions[i] = facts[i].question;
	now.v[0] = (struct observed_list){ .v = questions, .n = n };
	const bool any = observed_find(v, base, &a, &old);
	for (size_t i = 0; any && i < old.n && now.n < OBSERVED_LISTS_MOST; i++)
		if (!same(&old.v[i], &now.v[0]))
			now.v[now.n++] = old.v[i];
	if ((any || n) && !(any && same(&old.v[0], &now.v[0]))) {
		observed_encode(&now, &bytes);
		batch_put(b, TABLE_OBSERVED, name_of(base), buf_str(&bytes));
	}
	arena_done(&a);
}

void
observed_base(const struct key *k, size_t more, struct arena *a, struct key *out)
{
	struct key x = *k;
	x.arena = a;
	x.cap = k->n + more;
	x.v = arena_array(a, struct key_field, x.cap);
	x.n = 0;
	x.sorted = false;
	for (size_t i = 0; i < k->n; i++)
		if (!str_is(k->v[i].tag, OBSERVED_TAG))
			x.v[x.n++] = k->v[i];
	*out = x;
}

/* What cannot be answered is no answer that anybody ever had. */
static struct str
answer(const struct facts *f, node_id n, struct str question, struct arena *a)
{
	struct str text;
	if (facts_node(f, n)->rule->observe(f->o->ctx, n, question, a, &text) < 0)
		return STR("?");
	return text;
}

void
observed_ask(const struct facts *f, node_id n, const struct key *base, const struct observed_list *l, struct arena *a, struct key *out)
{
	observed_base(base, l->n, a, out);
	for (size_t i = 0; i < l->n; i++)
		key_text(out, OBSERVED_TAG, l->v[i], answer(f, n, l->v[i], a));
}

void
observed_again(const struct facts *f, node_id n, const struct key *earlier, struct plan_node *p)
{
	bool any = false;
	if (!facts_node(f, n)->rule->observe || !p->key.n)
		return;
	for (size_t i = 0; i < p->key.n; i++)
		if (str_is(p->key.v[i].tag, OBSERVED_TAG))
			return; /* they are answered already */
	for (size_t i = 0; i < earlier->n; i++) {
		const struct key_field *x = &earlier->v[i];
		if (!str_is(x->tag, OBSERVED_TAG))
			continue;
		key_text(&p->key, OBSERVED_TAG, x->name, answer(f, n, x->name, f->arena));
		any = true;
	}
	if (any && p->has_key)
		p->key_digest = key_done(&p->key);
}
