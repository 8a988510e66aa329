/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/refs.h"

#include "base/js.h"
#include "base/vec.h"
#include "engine/plan.h"
#include "engine/result.h"
#include "hashing/tree.h"

#define MANIFEST_MAX ((size_t)256 << 20) /* bytes */

struct refs {
	VEC_FIELDS(struct digest);
};

static void
add(struct refs *r, const struct digest *d)
{
	if (!digest_is_zero(d))
		VEC_PUSH(r, *d);
}

/* A folder's manifest names its files; one that cannot be read names nothing: its record is then of no use anyway. */
static void
add_tree(struct refs *r, struct cache *c, const struct digest *manifest)
{
	AUTO_BUF b = { 0 };
	struct arena a = { 0 };
	struct tree t;
	if (blobs_read(c->blobs, manifest, MANIFEST_MAX, &b, NULL) == 0 && tree_parse(buf_str(&b), &a, &t, NULL) == 0)
		for (size_t i = 0; i < t.n; i++)
			add(r, &t.v[i].digest);
	arena_done(&a);
}

/* Every text "sha256:..." in a rule's own info: layers, configs, whatever it keeps. Walked with a stack of our own. */
static void
add_info(struct refs *r, const struct js *top)
{
	const struct js *stack[1024];
	size_t n = 0;
	stack[n++] = top;
	while (n) {
		const struct js *v = stack[--n];
		struct digest d;
		if (js_type(v) == JS_TEXT && digest_parse(js_str(v), false, &d))
			add(r, &d);
		if (js_type(v) == JS_LIST)
			for (size_t i = 0; i < js_len(v) && n < sizeof stack / sizeof *stack; i++)
				stack[n++] = js_at(v, i);
		if (js_type(v) == JS_MAP)
			for (void *it = js_first(v); it && n < sizeof stack / sizeof *stack; it = js_next(v, it))
				stack[n++] = js_value(it);
	}
}

static void
add_result(struct refs *r, struct cache *c, const struct result *res)
{
	struct js *info;
	for (size_t i = 0; i < res->noutputs; i++) {
		add(r, &res->outputs[i].digest);
		if (res->outputs[i].type == OUTPUT_TREE)
			add_tree(r, c, &res->outputs[i].digest);
	}
	add(r, &res->log);
	add(r, &res->digest);
	if (res->info.n && js_parse(res->info, "info", &info, NULL) == 0) {
		add_info(r, info);
		js_free(info);
	}
}

/* A last record keeps the result that it names: its blobs are found through that one. */
static bool
describe_last(struct cache *c, struct str value, struct arena *a, struct refs *r, struct gc_item *out)
{
	struct last l;
	struct view *v;
	struct str bytes;
	struct result res;
	if (last_decode(value, a, &l, NULL) < 0)
		return false;
	out->used_at = l.at;
	out->seconds = l.seconds;
	if (view_begin(c->records, &v, NULL) < 0)
		return true;
	if (view_get(v, TABLE_RESULT, (struct str){ (const char *)l.key_digest.b, sizeof l.key_digest.b }, &bytes) &&
	    result_decode(bytes, a, &res, NULL) == 0)
		add_result(r, c, &res);
	view_end(v);
	return true;
}

bool
refs_describe(void *ctx, struct cache *c, enum table t, struct str key, struct str value, struct arena *a,
	      struct gc_item *out)
{
	struct refs r = { 0 };
	struct result res;
	bool ok;
	(void)ctx;
	(void)key;
	*out = (struct gc_item){ 0 };
	if (t == TABLE_LAST) {
		ok = describe_last(c, value, a, &r, out);
	} else {
		ok = result_decode(value, a, &res, NULL) == 0;
		if (ok) {
			out->used_at = res.made_at;
			out->seconds = res.seconds;
			add_result(&r, c, &res);
		}
	}
	struct digest *copy = arena_array(a, struct digest, r.n);
	for (size_t i = 0; i < r.n; i++)
		copy[i] = r.v[i];
	out->refs = copy;
	out->nrefs = r.n;
	VEC_DONE(&r);
	return ok;
}
