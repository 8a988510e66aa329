/* SPDX-License-Identifier: Apache-2.0 */
#include "hashing/key.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, FIELD_LEAST = 4 + 4 + 32 + 1 + 4 }; /* bytes of an encoded field with empty texts */

void
key_init(struct key *k, struct arena *a, uint32_t schema, const char *kind)
{
	*k = (struct key){ .arena = a, .schema = schema, .kind = arena_str(a, str_z(kind)), .sorted = true };
}

static struct key_field *
push(struct key *k)
{
	if (k->n == k->cap) {
		const size_t cap = k->cap ? k->cap * 2 : 4;
		struct key_field *v = arena_array(k->arena, struct key_field, cap);
		if (k->n)
			memcpy(v, k->v, k->n * sizeof *v);
		k->v = v;
		k->cap = cap;
	}
	k->sorted = false;
	return &k->v[k->n++];
}

static void
add(struct key *k, const char *tag, struct str name, struct str value, bool keep)
{
	*push(k) = (struct key_field){
		.tag = arena_str(k->arena, str_z(tag)),
		.name = arena_str(k->arena, name),
		.hash = digest_of(value),
		.has_value = keep,
		.value = keep ? arena_str(k->arena, value) : (struct str){ 0 },
	};
}

void
key_text(struct key *k, const char *tag, struct str name, struct str value)
{
	add(k, tag, name, value, value.n <= KEY_VALUE_MAX && str_utf8(value));
}

void
key_digest(struct key *k, const char *tag, struct str name, const struct digest *value)
{
	char text[DIGEST_TEXT + 1];
	digest_text(value, text);
	add(k, tag, name, (struct str){ text, DIGEST_TEXT }, true);
}

void
key_num(struct key *k, const char *tag, struct str name, int64_t value)
{
	char text[24];
	const int n = snprintf(text, sizeof text, "%" PRId64, value);
	add(k, tag, name, (struct str){ text, (size_t)n }, true);
}

void
key_hidden(struct key *k, const char *tag, struct str name, struct str value)
{
	add(k, tag, name, value, false);
}

static int
compare(const struct key_field *a, const struct key_field *b)
{
	const int c = str_cmp(a->tag, b->tag);
	return c ? c : str_cmp(a->name, b->name);
}

static int
by_name(const void *a, const void *b)
{
	return compare(a, b);
}

static void
sort(struct key *k)
{
	if (k->sorted)
		return;
	qsort(k->v, k->n, sizeof *k->v, by_name);
	for (size_t i = 1; i < k->n; i++)
		assert(compare(&k->v[i - 1], &k->v[i]) < 0); /* a field may be there once */
	k->sorted = true;
}

struct digest
key_done(struct key *k)
{
	AUTO_BUF b = { 0 };
	sort(k);
	buf_text(&b, STR("pawl-key"));
	buf_u32(&b, 4);
	buf_u32(&b, k->schema);
	buf_text(&b, k->kind);
	for (size_t i = 0; i < k->n; i++) {
		const struct key_field *f = &k->v[i];
		buf_text(&b, f->tag);
		buf_text(&b, f->name);
		buf_text(&b, (struct str){ (const char *)f->hash.b, sizeof f->hash.b });
	}
	return digest_of(buf_str(&b));
}

void
key_encode(struct key *k, struct buf *out)
{
	sort(k);
	assert(k->n <= UINT32_MAX);
	buf_u32(out, VERSION);
	buf_u32(out, k->schema);
	buf_text(out, k->kind);
	buf_u32(out, (uint32_t)k->n);
	for (size_t i = 0; i < k->n; i++) {
		const struct key_field *f = &k->v[i];
		buf_text(out, f->tag);
		buf_text(out, f->name);
		buf_put(out, (struct str){ (const char *)f->hash.b, sizeof f->hash.b });
		buf_u8(out, f->has_value);
		buf_text(out, f->value);
	}
}

/* One field; false when it breaks a rule that key_encode keeps. */
static bool
read_field(struct rd *r, struct arena *a, struct key_field *f)
{
	f->tag = rd_text(r);
	f->name = rd_text(r);
	const struct str hash = rd_bytes(r, sizeof f->hash.b);
	const uint8_t has_value = rd_u8(r);
	const struct str value = rd_text(r);
	if (r->bad || has_value > 1 || value.n > KEY_VALUE_MAX || (!has_value && value.n))
		return false;
	memcpy(f->hash.b, hash.p, sizeof f->hash.b);
	f->has_value = has_value;
	f->tag = arena_str(a, f->tag);
	f->name = arena_str(a, f->name);
	if (!has_value)
		return true;
	f->value = arena_str(a, value);
	const struct digest d = digest_of(value);
	return digest_eq(&d, &f->hash) && str_utf8(value);
}

int
key_decode(struct str bytes, struct arena *a, struct key *out, struct err *e)
{
	struct rd r = { .rest = bytes };
	const uint32_t version = rd_u32(&r);
	if (r.bad || version != VERSION)
		return err_set(e, ERR_DAMAGED, "key: expected version %d, got %u", VERSION, version);
	struct key k = { .arena = a, .schema = rd_u32(&r), .sorted = true };
	k.kind = rd_text(&r);
	const uint32_t n = rd_u32(&r);
	if (r.bad || n > r.rest.n / FIELD_LEAST)
		return err_set(e, ERR_DAMAGED, "key: shorter than its %u fields", n);
	k.kind = arena_str(a, k.kind);
	k.v = arena_array(a, struct key_field, n);
	k.n = k.cap = n;
	for (uint32_t i = 0; i < n; i++) {
		if (!read_field(&r, a, &k.v[i]))
			return err_set(e, ERR_DAMAGED, "key: field %u of %u is damaged", i + 1, n);
		if (i && compare(&k.v[i - 1], &k.v[i]) >= 0)
			return err_set(e, ERR_DAMAGED, "key: field %u of %u is not in order", i + 1, n);
	}
	if (r.rest.n)
		return err_set(e, ERR_DAMAGED, "key: %zu bytes behind its end", r.rest.n);
	*out = k;
	return 0;
}

const struct key_field *
key_find(const struct key *k, struct str tag, struct str name)
{
	for (size_t i = 0; i < k->n; i++)
		if (str_eq(k->v[i].tag, tag) && str_eq(k->v[i].name, name))
			return &k->v[i];
	return NULL;
}

size_t
key_diff(struct key *a, struct key *b, struct arena *arena, struct key_change **out)
{
	sort(a);
	sort(b);
	struct key_change *v = arena_array(arena, struct key_change, a->n + b->n);
	size_t n = 0;
	for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
		const struct key_field *x = i < a->n ? &a->v[i] : NULL, *y = j < b->n ? &b->v[j] : NULL;
		const int c = !x ? 1 : !y ? -1 : compare(x, y);
		i += c <= 0;
		j += c >= 0;
		if (c != 0 || !digest_eq(&x->hash, &y->hash))
			v[n++] = (struct key_change){ c <= 0 ? x : NULL, c >= 0 ? y : NULL };
	}
	*out = v;
	return n;
}
