/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/result.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/codec.h"

enum { VERSION = 1, OUTPUT_LEAST = 4 + 1 + 32 + 8 + 4 }; /* bytes of an encoded output with empty texts */

void
result_encode(const struct result *r, struct buf *out)
{
	assert(r->noutputs <= UINT32_MAX);
	buf_u32(out, VERSION);
	buf_text(out, r->kind);
	buf_text(out, r->node);
	put_digest(out, &r->digest);
	buf_u64(out, (uint64_t)r->made_at);
	buf_u64(out, (uint64_t)r->used_at);
	put_double(out, r->seconds);
	put_double(out, r->cpu_s);
	buf_u64(out, r->peak);
	put_digest(out, &r->log);
	buf_u32(out, (uint32_t)r->noutputs);
	for (size_t i = 0; i < r->noutputs; i++) {
		const struct output *o = &r->outputs[i];
		assert(!i || str_cmp(r->outputs[i - 1].name, o->name) < 0);
		buf_text(out, o->name);
		buf_u8(out, (uint8_t)o->type);
		put_digest(out, &o->digest);
		buf_u64(out, o->size);
		buf_text(out, o->path);
	}
	buf_text(out, r->info);
	buf_text(out, r->key);
}

/* A path that a restore may write: relative, and nothing in it leads up. */
static bool
safe_path(struct str path)
{
	if (path.n && path.p[0] == '/')
		return false;
	if (str_find_char(path, '\0') != SIZE_MAX)
		return false;
	struct str_cut c = { .tail = path, .ok = true };
	while (c.ok) {
		c = str_cut(c.tail, '/');
		if (str_eq(c.head, STR("..")))
			return false;
	}
	return true;
}

static bool
read_output(struct rd *r, struct output *o)
{
	o->name = rd_text(r);
	const uint8_t type = rd_u8(r);
	o->digest = get_digest(r);
	o->size = rd_u64(r);
	o->path = rd_text(r);
	if (r->bad || type < OUTPUT_FILE || type > OUTPUT_VALUE)
		return false;
	o->type = type;
	return safe_path(o->path);
}

int
result_decode(struct str bytes, struct arena *a, struct result *out, struct err *e)
{
	struct rd r = { .rest = arena_str(a, bytes) };
	const uint32_t version = rd_u32(&r);
	if (r.bad || version != VERSION)
		return err_set(e, ERR_DAMAGED, "result: expected version %d, got %u", VERSION, version);
	struct result x = { .kind = rd_text(&r), .node = rd_text(&r) };
	x.digest = get_digest(&r);
	x.made_at = (int64_t)rd_u64(&r);
	x.used_at = (int64_t)rd_u64(&r);
	x.seconds = get_double(&r);
	x.cpu_s = get_double(&r);
	x.peak = rd_u64(&r);
	x.log = get_digest(&r);
	const uint32_t n = rd_u32(&r);
	if (r.bad || n > r.rest.n / OUTPUT_LEAST)
		return err_set(e, ERR_DAMAGED, "result: shorter than its %u outputs", n);
	x.outputs = arena_array(a, struct output, n);
	x.noutputs = n;
	for (uint32_t i = 0; i < n; i++) {
		if (!read_output(&r, &x.outputs[i]))
			return err_set(e, ERR_DAMAGED, "result: output %u of %u is damaged", i + 1, n);
		if (i && str_cmp(x.outputs[i - 1].name, x.outputs[i].name) >= 0)
			return err_set(e, ERR_DAMAGED, "result: output %u of %u is not in order", i + 1, n);
	}
	x.info = rd_text(&r);
	x.key = rd_text(&r);
	if (r.bad || r.rest.n)
		return err_set(e, ERR_DAMAGED, "result: %s", r.bad ? "cut off, or a number that is none" : "bytes behind its end");
	*out = x;
	return 0;
}

const struct output *
result_output(const struct result *r, struct str name)
{
	size_t low = 0, high = r->noutputs;
	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const int c = str_cmp(r->outputs[mid].name, name);
		if (!c)
			return &r->outputs[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct digest
result_outputs_digest(const struct result *r)
{
	AUTO_BUF b = { 0 };
	buf_text(&b, STR("pawl-outputs"));
	buf_u32(&b, (uint32_t)r->noutputs);
	for (size_t i = 0; i < r->noutputs; i++) {
		buf_text(&b, r->outputs[i].name);
		buf_u8(&b, (uint8_t)r->outputs[i].type);
		put_digest(&b, &r->outputs[i].digest);
	}
	return digest_of(buf_str(&b));
}

static int
by_name(const void *a, const void *b)
{
	return str_cmp(((const struct output *)a)->name, ((const struct output *)b)->name);
}

void
result_sort(struct result *r)
{
	if (r->noutputs > 1)
		qsort(r->outputs, r->noutputs, sizeof *r->outputs, by_name);
}
