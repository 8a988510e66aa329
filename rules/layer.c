/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/layer.h"

#include "rules/rules.h"
#include "sys/clock.h"

const struct rule rule_layer = { .kind = "layer", .schema = 1 };

static void
begin_key(struct layer_spec *s, const struct builder_kind *b, enum builder_part part, struct arena *a)
{
	key_init(&s->key, a, rule_layer.schema, rule_layer.kind);
	key_num(&s->key, "format", STR("layer"), LAYER_FORMAT);
	key_text(&s->key, "format", STR("compressor"), str_z(b->identity(part, s->compression)));
}

struct layer_spec
layer_of_wheel(const struct builder_kind *b, enum layer_compression c, const struct wheel_pin *w, const struct wheel_scheme *scheme, struct arena *a)
{
	struct layer_spec s = { .kind = "wheel", .name = w->name, .compression = c, .wheel = *w, .scheme = *scheme };
	s.history = arena_printf(a, "wheel " STR_FMT " " STR_FMT, STR_ARG(w->name), STR_ARG(w->version));
	begin_key(&s, b, BUILDER_WHEEL, a);
	key_num(&s.key, "format", STR("wheel"), WHEEL_FORMAT);
	key_digest(&s.key, "wheel", STR(""), &w->sha256);
	key_text(&s.key, "scheme", STR("purelib"), scheme->purelib);
	key_text(&s.key, "scheme", STR("platlib"), scheme->platlib);
	key_text(&s.key, "scheme", STR("scripts"), scheme->scripts);
	key_text(&s.key, "scheme", STR("data"), scheme->data);
	key_text(&s.key, "scheme", STR("headers"), scheme->headers);
	key_text(&s.key, "scheme", STR("python"), scheme->python);
	s.key_digest = key_done(&s.key);
	s.out = (struct image_layer){ .kind = s.kind, .name = s.name, .state = IMAGE_LAYER_BUILD };
	return s;
}

struct layer_spec
layer_of_wheels(const struct builder_kind *b, enum layer_compression c, unsigned index, struct layer_spec *parts, size_t n, struct arena *a)
{
	struct layer_spec s = { .kind = "wheels", .name = arena_printf(a, "%02u", index), .compression = c, .parts = parts, .nparts = n };
	AUTO_BUF names = { 0 };
	buf_printf(&names, "wheels %02u:", index);
	begin_key(&s, b, BUILDER_WHEEL, a);
	for (size_t i = 0; i < n; i++) {
		buf_printf(&names, " " STR_FMT " " STR_FMT "%s", STR_ARG(parts[i].name), STR_ARG(parts[i].wheel.version), i + 1 < n ? "," : "");
		key_digest(&s.key, "part", parts[i].name, &parts[i].key_digest);
	}
	s.history = arena_str(a, buf_str(&names));
	s.key_digest = key_done(&s.key);
	s.out = (struct image_layer){ .kind = s.kind, .name = s.name, .state = IMAGE_LAYER_BUILD };
	return s;
}

struct layer_spec
layer_of_files(const struct builder_kind *b, enum layer_compression c, const char *kind, struct str name, struct builder_file *files, size_t n,
	       struct arena *a)
{
	struct layer_spec s = { .kind = kind, .name = name, .compression = c, .files = files, .nfiles = n };
	AUTO_BUF list = { 0 };
	for (size_t i = 0; i < n; i++) {
		buf_text(&list, files[i].path);
		buf_text(&list, files[i].target);
		buf_u8(&list, files[i].exec);
		buf_put(&list, (struct str){ (const char *)files[i].content.digest.b, sizeof files[i].content.digest.b });
	}
	s.history = arena_printf(a, "%s, %zu file%s", kind, n, n == 1 ? "" : "s");
	begin_key(&s, b, BUILDER_FILES, a);
	const struct digest d = digest_of(buf_str(&list));
	key_digest(&s.key, "files", STR(""), &d);
	s.key_digest = key_done(&s.key);
	s.out = (struct image_layer){ .kind = kind, .name = name, .state = IMAGE_LAYER_BUILD };
	return s;
}

/* ---- records ---- */

static bool
decode(struct str value, struct arena *a, struct image_layer *out)
{
	struct result r;
	AUTO_JS info = NULL;
	if (result_decode(value, a, &r, NULL) < 0 || !str_is(r.kind, rule_layer.kind) || js_parse(r.info, "layer", &info, NULL) < 0)
		return false;
	const struct output *o = result_output(&r, STR("layer"));
	if (!o || !digest_parse(js_str(js_get(info, "diff_id")), false, &out->diff_id))
		return false;
	out->digest = o->digest;
	out->size = o->size;
	out->media = arena_str(a, js_str(js_get(info, "media")));
	return true;
}

bool
layer_find(struct project *p, struct layer_spec *s, struct arena *a)
{
	struct view *v;
	struct str value;
	struct image_layer found = s->out;
	uint64_t size;
	if (p->opts.no_cache || view_begin(p->cache->records, &v, NULL) < 0)
		return false;
	const struct str key = { (const char *)s->key_digest.b, sizeof s->key_digest.b };
	bool there = view_get(v, TABLE_RESULT, key, &value) && decode(value, a, &found);
	view_end(v);
	there = there && blobs_has(p->cache->blobs, &found.digest, &size) && size == found.size;
	if (there) {
		found.state = IMAGE_LAYER_HIT;
		s->out = found;
	}
	return there;
}

static void
encode(struct layer_spec *s, double seconds, struct buf *out)
{
	struct arena a = { 0 };
	AUTO_JS info = js_map();
	AUTO_BUF text = { 0 }, key = { 0 };
	js_set(info, "diff_id", js_text(digest_str(&s->out.diff_id, &a)));
	js_set(info, "media", js_text(s->out.media));
	js_write(info, &text);
	key_encode(&s->key, &key);
	struct output o = { .name = STR("layer"), .type = OUTPUT_FILE, .digest = s->out.digest, .size = s->out.size };
	const struct result r = {
		.kind = str_z(rule_layer.kind),
		.node = arena_printf(&a, "layer:%s/" STR_FMT, s->kind, STR_ARG(s->name)),
		.digest = s->out.digest,
		.made_at = clock_real(),
		.used_at = clock_real(),
		.seconds = seconds,
		.outputs = &o,
		.noutputs = 1,
		.info = buf_str(&text),
		.key = buf_str(&key),
	};
	result_encode(&r, out);
	arena_done(&a);
}

static int
join(struct project *p, const struct layer_spec *s, struct layer_info *out, struct err *e)
{
	struct arena a = { 0 };
	struct digest *v = arena_array(&a, struct digest, s->nparts + 1);
	for (size_t i = 0; i < s->nparts; i++)
		v[i] = s->parts[i].out.digest;
	const int bad = layer_join(p->cache->blobs, s->compression, v, s->nparts, out, e);
	arena_done(&a);
	return bad;
}

int
layer_make(struct project *p, const struct builder_kind *b, struct layer_spec *s, struct buf *record, struct err *e)
{
	const int64_t began = clock_mono();
	const bool wheel = s->files == NULL && s->nparts == 0;
	struct arena a = { 0 };
	struct builder_job j = {
		.part = wheel ? BUILDER_WHEEL : BUILDER_FILES,
		.compression = s->compression,
		.wheel = s->wheel.sha256,
		.wheel_name = s->wheel.file,
		.scheme = &s->scheme,
		.at = p->fd,
		.files = s->files,
		.nfiles = s->nfiles,
	};
	struct layer_info i;
	int bad;
	if (s->nparts > 0)
		bad = join(p, s, &i, e) < 0;
	else
		bad = (wheel && wheel_blob(p, &s->wheel, &a, &j.wheel, &j.wheel_name, e) < 0) || b->make(&j, p->cache->blobs, &i, e) < 0;
	arena_done(&a);
	if (bad)
		return err_wrap(e, "layer %s/" STR_FMT, s->kind, STR_ARG(s->name));
	s->out.state = IMAGE_LAYER_MADE;
	s->out.digest = i.digest;
	s->out.diff_id = i.diff_id;
	s->out.size = i.size;
	s->out.media = i.media;
	encode(s, (double)(clock_mono() - began) / (double)NS_PER_S, record);
	return 0;
}

void
layer_record(const struct layer_spec *s, struct str record, struct batch *batch)
{
	batch_put(batch, TABLE_RESULT, (struct str){ (const char *)s->key_digest.b, sizeof s->key_digest.b }, record);
}
