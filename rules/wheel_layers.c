/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/wheel_layers.h"

#include <stdlib.h>
#include <string.h>

#include "rules/units.h"

#define BUCKETS_MOST 64

const char *
wheel_layout_read(struct str layers, struct wheel_layout *out)
{
	struct wheel_layout w = { .big = 1 << 20, .buckets = 16, .each = 40 };
	AUTO_JS v = NULL;
	int64_t big = (int64_t)w.big;
	*out = w;
	if (layers.n == 0)
		return NULL;
	if (js_parse(layers, "layers", &v, NULL) < 0 || js_type(v) != JS_MAP)
		return "is no map with 'big', 'buckets' and 'each'";
	for (void *it = js_first(v); it; it = js_next(v, it)) {
		const struct str key = js_key(it);
		const struct js *x = js_value(it);
		const bool count = js_type(x) == JS_INT && js_num(x) >= 0;
		if (str_is(key, "big")) {
			if (js_type(x) == JS_TEXT ? !size_parse(js_str(x), &big) : !count)
				return "has a 'big' that is no size such as 1MiB";
			big = js_type(x) == JS_TEXT ? big : js_num(x);
		} else if (str_is(key, "buckets")) {
			if (!count || js_num(x) < 1 || js_num(x) > BUCKETS_MOST)
				return "has 'buckets' that are no number from 1 to 64";
			w.buckets = (uint64_t)js_num(x);
		} else if (str_is(key, "each")) {
			if (!count)
				return "has an 'each' that is no number from 0";
			w.each = (uint64_t)js_num(x);
		} else {
			return "has a key other than 'big', 'buckets' and 'each'";
		}
	}
	w.big = (uint64_t)big;
	*out = w;
	return NULL;
}

static unsigned
bucket_of(struct str name, uint64_t buckets)
{
	const struct digest d = digest_of(name);
	return (unsigned)((((uint32_t)d.b[0] << 16) | ((uint32_t)d.b[1] << 8) | d.b[2]) % buckets);
}

static int
largest_first(const void *a, const void *b)
{
	const struct wheel_pin *x = *(const struct wheel_pin *const *)a, *y = *(const struct wheel_pin *const *)b;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return str_cmp(x->name, y->name);
}

/* By position in the set: has it a layer of its own? */
static bool *
choose(const struct wheel_layout *w, const struct wheel_set *set, size_t taken, struct arena *a)
{
	bool *own = arena_array(a, bool, set->n + 1);
	const struct wheel_pin **v = arena_array(a, const struct wheel_pin *, set->n + 1);
	size_t n = 0;
	const bool all = set->n <= w->each && set->n + taken <= WHEEL_LAYERS_MOST;
	const size_t used = taken + w->buckets, room = used < WHEEL_LAYERS_MOST ? WHEEL_LAYERS_MOST - used : 0;
	for (size_t i = 0; i < set->n; i++) {
		own[i] = all;
		if (!all && set->v[i].size >= w->big)
			v[n++] = &set->v[i];
	}
	if (n > room)
		qsort(v, n, sizeof v[0], largest_first);
	for (size_t i = 0; i < n && i < room; i++)
		own[v[i] - set->v] = true;
	return own;
}

size_t
wheel_layers(const struct wheel_layout *w, const struct builder_kind *b, enum layer_compression c, const struct wheel_set *set,
	     const struct wheel_scheme *scheme, size_t taken, struct arena *a, struct layer_spec *out)
{
	const bool *own = choose(w, set, taken, a);
	size_t n = 0;
	for (size_t i = 0; i < set->n; i++)
		if (own[i])
			out[n++] = layer_of_wheel(b, c, &set->v[i], scheme, a);
	for (unsigned k = 0; k < w->buckets && n < set->n; k++) {
		struct layer_spec *parts = arena_array(a, struct layer_spec, set->n + 1);
		size_t np = 0;
		for (size_t i = 0; i < set->n; i++)
			if (!own[i] && bucket_of(set->v[i].name, w->buckets) == k)
				parts[np++] = layer_of_wheel(b, c, &set->v[i], scheme, a);
		if (np > 0)
			out[n++] = layer_of_wheels(b, c, k, parts, np, a);
	}
	return n;
}
