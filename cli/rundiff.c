/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rundiff.h"

#include <string.h>

#include "cache/blobs.h"
#include "cli/history.h"
#include "engine/last.h"
#include "engine/result.h"
#include "hashing/key.h"

enum { METRICS_MOST = 65536, METRIC_DEPTH = 8, NAME_MOST = 512 };

struct comparing {
	struct session *s;
	struct view *v;      /* NULL: records cannot be read; then keys and outputs are all */
	struct js *list;
	struct arena arena;  /* of one step */
};

static void
differ(struct comparing *c, struct str step, struct str what, const struct js *x, const struct js *y)
{
	if (js_equal(x, y))
		return;
	struct js *o = js_map();
	js_set(o, "step", js_text(step));
	js_set(o, "what", js_text(what));
	js_set(o, "a", x ? js_copy(x) : js_null());
	js_set(o, "b", y ? js_copy(y) : js_null());
	js_push(c->list, o);
}

/* A field's value as people and programs can compare it. */
static struct js *
value_of(const struct key_field *f)
{
	char hex[DIGEST_HEX + 1];
	if (!f)
		return NULL;
	if (f->has_value)
		return js_text(f->value);
	digest_hex(&f->hash, hex);
	hex[16] = '\0';
	return js_textz(hex);
}

static void
field_differs(struct comparing *c, struct str step, struct str what, const struct key_change *x)
{
	AUTO_JS a = value_of(x->a);
	AUTO_JS b = value_of(x->b);
	differ(c, step, what, a, b);
}

/* The fields that a source's result was made of, by the digest that the step's key has of it. */
static bool
fields_of(struct comparing *c, const struct key_field *f, struct key *out)
{
	AUTO_BUF name = { 0 };
	struct digest d;
	struct str bytes;
	if (!f || !f->has_value || !digest_parse(f->value, false, &d))
		return false;
	buf_put(&name, STR(KEPT_FIELDS));
	buf_put(&name, (struct str){ (const char *)d.b, sizeof d.b });
	return view_get(c->v, TABLE_MISC, buf_str(&name), &bytes) && key_decode(bytes, &c->arena, out, NULL) == 0;
}

static struct str
named(struct comparing *c, struct str tag, struct str name)
{
	return name.n ? arena_printf(&c->arena, STR_FMT " " STR_FMT, STR_ARG(tag), STR_ARG(name)) : tag;
}

/* One field of the step's key; what comes from a source is taken apart. */
static void
compare_field(struct comparing *c, struct str step, const struct key_change *x)
{
	const struct key_field *f = x->b ? x->b : x->a;
	struct key a, b;
	struct key_change *v;
	const struct str what = named(c, f->tag, f->name);
	if (!fields_of(c, x->a, &a) || !fields_of(c, x->b, &b)) {
		field_differs(c, step, what, x);
		return;
	}
	const size_t n = key_diff(&a, &b, &c->arena, &v);
	for (size_t i = 0; i < n; i++) {
		const struct key_field *g = v[i].b ? v[i].b : v[i].a;
		const struct str deep = named(c, g->tag, g->name);
		field_differs(c, step, str_eq(g->tag, f->tag) ? deep : arena_printf(&c->arena, STR_FMT ": " STR_FMT, STR_ARG(what), STR_ARG(deep)),
			      &v[i]);
	}
}

static bool
record_of(struct comparing *c, const struct js *step, struct result *r, struct key *k)
{
	struct digest d;
	struct str bytes;
	return c->v && digest_parse(js_str(js_get(step, "key")), false, &d) &&
	       view_get(c->v, TABLE_RESULT, (struct str){ (const char *)d.b, sizeof d.b }, &bytes) &&
	       result_decode(bytes, &c->arena, r, NULL) == 0 && key_decode(r->key, &c->arena, k, NULL) == 0;
}

/* Numbers of a JSON document by their paths; a path that is too long or too deep is left out. */
static void
metrics(struct comparing *c, struct str step, struct str name, const struct js *x, const struct js *y, int depth)
{
	if (depth > METRIC_DEPTH || name.n > NAME_MOST)
		return;
	if (js_type(x) == JS_MAP && js_type(y) == JS_MAP) {
		for (void *it = js_first(x); it; it = js_next(x, it))
			metrics(c, step, arena_printf(&c->arena, STR_FMT "." STR_FMT, STR_ARG(name), STR_ARG(js_key(it))), js_value(it),
				js_get_str(y, js_key(it)), depth + 1);
		return;
	}
	const bool numbers = (js_type(x) == JS_INT || js_type(x) == JS_REAL) && (js_type(y) == JS_INT || js_type(y) == JS_REAL);
	if (numbers)
		differ(c, step, arena_printf(&c->arena, "metric " STR_FMT, STR_ARG(name)), x, y);
}

static struct js *
document(struct comparing *c, const struct js *output)
{
	AUTO_BUF b = { 0 };
	struct digest d;
	struct js *doc = NULL;
	if (js_num(js_get(output, "size")) > METRICS_MOST || !digest_parse(js_str(js_get(output, "digest")), false, &d) ||
	    blobs_read(c->s->cache->blobs, &d, METRICS_MOST, &b, NULL) < 0 || !b.n || b.p[0] != '{' ||
	    js_parse(buf_str(&b), "metrics", &doc, NULL) < 0)
		return NULL;
	return doc;
}

static void
compare_outputs(struct comparing *c, struct str step, const struct js *x, const struct js *y)
{
	const struct js *ox = js_get(x, "outputs"), *oy = js_get(y, "outputs");
	for (void *it = js_first(ox); it; it = js_next(ox, it)) {
		const struct js *a = js_value(it), *b = js_get_str(oy, js_key(it));
		if (js_equal(js_get(a, "digest"), js_get(b, "digest")))
			continue;
		differ(c, step, named(c, STR("output"), js_key(it)), js_get(a, "digest"), js_get(b, "digest"));
		AUTO_JS da = document(c, a);
		AUTO_JS db = da ? document(c, b) : NULL;
		if (da && db)
			metrics(c, step, js_key(it), da, db, 0);
	}
	for (void *it = js_first(oy); it; it = js_next(oy, it))
		if (!js_get_str(ox, js_key(it)))
			differ(c, step, named(c, STR("output"), js_key(it)), NULL, js_get(js_value(it), "digest"));
}

static void
compare_step(struct comparing *c, struct str name, const struct js *x, const struct js *y)
{
	struct result r, t;
	struct key a, b;
	struct key_change *v;
	const struct js *kx = js_get(x, "key"), *ky = js_get(y, "key");
	differ(c, name, STR("state"), js_get(x, "state"), js_get(y, "state"));
	differ(c, name, STR("key"), kx, ky);
	if (!js_equal(kx, ky) && record_of(c, x, &r, &a) && record_of(c, y, &t, &b)) {
		const size_t n = key_diff(&a, &b, &c->arena, &v);
		for (size_t i = 0; i < n; i++)
			compare_field(c, name, &v[i]);
	}
	compare_outputs(c, name, x, y);
	if (str_is(js_str(js_get(x, "state")), "made") && str_is(js_str(js_get(y, "state")), "made"))
		differ(c, name, STR("seconds"), js_get(x, "seconds"), js_get(y, "seconds"));
	arena_reset(&c->arena);
}

static void
compare_params(struct comparing *c, const struct js *x, const struct js *y)
{
	const struct js *px = js_get(x, "params"), *py = js_get(y, "params");
	for (void *it = js_first(px); it; it = js_next(px, it))
		differ(c, STR(""), named(c, STR("param"), js_key(it)), js_value(it), js_get_str(py, js_key(it)));
	for (void *it = js_first(py); it; it = js_next(py, it))
		if (!js_get_str(px, js_key(it)))
			differ(c, STR(""), named(c, STR("param"), js_key(it)), NULL, js_value(it));
}

struct js *
rundiff(struct session *s, const struct js *x, const struct js *y)
{
	struct comparing c = { .s = s, .list = js_list() };
	const struct js *steps = js_get(x, "steps"), *others = js_get(y, "steps");
	if (view_begin(s->cache->records, &c.v, NULL) < 0)
		c.v = NULL;
	compare_params(&c, x, y);
	for (size_t i = 0; i < js_len(steps); i++) {
		const struct js *sx = js_at(steps, i);
		const struct str name = js_str(js_get(sx, "name"));
		const struct js *sy = history_step(y, name);
		if (sy)
			compare_step(&c, name, sx, sy);
		else
			differ(&c, name, STR("step"), js_get(sx, "state"), NULL);
	}
	for (size_t i = 0; i < js_len(others); i++) {
		const struct str name = js_str(js_get(js_at(others, i), "name"));
		if (!history_step(x, name))
			differ(&c, name, STR("step"), NULL, js_get(js_at(others, i), "state"));
	}
	view_end(c.v);
	arena_done(&c.arena);
	return c.list;
}
