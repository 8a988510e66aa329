/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/remote_job.h"

#include "backends/remote_wire.h"
#include "base/base64.h"

#define LISTS_MAX 1000

static void
put_digest(struct js *map, const char *key, const struct digest *d)
{
	char text[DIGEST_TEXT + 1];
	digest_text(d, text);
	js_set(map, key, js_textz(text));
}

static void
put_blob(struct js *list, struct blobs *b, const struct digest *d)
{
	uint64_t size = 0;
	struct js *x = js_map();
	(void)blobs_has(b, d, &size);
	put_digest(x, "digest", d);
	js_set(x, "size", js_int((int64_t)size));
	js_push(list, x);
}

static void
put_image(struct js *map, const struct digest *manifest, uint64_t size, const struct oci_manifest *m, struct js *list, struct blobs *b)
{
	struct js *layers = js_list();
	put_digest(map, "manifest", manifest);
	js_set(map, "manifest_size", js_int((int64_t)size));
	put_digest(map, "config", &m->config);
	js_set(map, "config_size", js_int((int64_t)m->config_size));
	put_blob(list, b, manifest);
	put_blob(list, b, &m->config);
	for (size_t i = 0; i < m->nlayers; i++) {
		struct js *x = js_map();
		put_digest(x, "digest", &m->layers[i].digest);
		put_digest(x, "diff_id", &m->layers[i].diff_id);
		js_set(x, "size", js_int((int64_t)m->layers[i].size));
		js_set(x, "media", js_text(m->layers[i].media));
		js_push(layers, x);
		put_blob(list, b, &m->layers[i].digest);
	}
	js_set(map, "layers", layers);
}

static int
read_image(const struct js *map, struct arena *a, struct digest *manifest, uint64_t *size, struct oci_manifest *m, struct err *e)
{
	const struct js *layers = js_get(map, "layers");
	bool ok = digest_parse(js_str(js_get(map, "manifest")), false, manifest) && digest_parse(js_str(js_get(map, "config")), false, &m->config) &&
		  js_len(layers) <= OCI_LAYERS_MAX;
	*size = (uint64_t)js_num(js_get(map, "manifest_size"));
	m->config_size = (uint64_t)js_num(js_get(map, "config_size"));
	m->nlayers = ok ? js_len(layers) : 0;
	m->layers = arena_array(a, struct oci_layer, m->nlayers + 1);
	for (size_t i = 0; i < m->nlayers && ok; i++) {
		const struct js *x = js_at(layers, i);
		ok = digest_parse(js_str(js_get(x, "digest")), false, &m->layers[i].digest) &&
		     digest_parse(js_str(js_get(x, "diff_id")), false, &m->layers[i].diff_id);
		m->layers[i].size = (uint64_t)js_num(js_get(x, "size"));
		m->layers[i].media = arena_str(a, js_str(js_get(x, "media")));
	}
	return ok ? 0 : err_set(e, ERR_WORLD, "the other pawl describes an image that is none");
}

/* ---- the job ---- */

static void
put_secrets(struct js *doc, const struct builder_build *j)
{
	struct js *list = js_list();
	for (size_t i = 0; i < j->nsecrets; i++) {
		AUTO_BUF value = { 0 };
		struct js *x = js_map();
		base64_put(&value, j->secrets[i].value, false); /* it may be no UTF-8 */
		js_set(x, "id", js_text(j->secrets[i].id));
		js_set(x, "value", js_text(buf_str(&value)));
		js_push(list, x);
	}
	js_set(doc, "secrets", list);
}

struct js *
remote_job_write(const struct builder_build *j, struct blobs *b)
{
	struct js *doc = js_map(), *args = js_list(), *parents = js_list(), *blobs = js_list();
	js_set(doc, "schema", js_int(REMOTE_SCHEMA));
	js_set(doc, "dockerfile", js_text(j->dockerfile));
	put_digest(doc, "context", &j->context);
	put_blob(blobs, b, &j->context);
	js_set(doc, "target", js_text(j->target));
	js_set(doc, "platform", js_text(j->platform));
	for (size_t i = 0; i < j->nargs; i++)
		js_push(args, js_text(j->args[i]));
	for (size_t i = 0; i < j->nparents; i++) {
		const struct layout_image *x = &j->parents[i].image;
		struct js *one = js_map();
		js_set(one, "name", js_text(j->parents[i].name));
		put_image(one, &x->manifest, x->manifest_size, &x->parts, blobs, b);
		js_push(parents, one);
	}
	js_set(doc, "args", args);
	js_set(doc, "parents", parents);
	put_secrets(doc, j);
	js_set(doc, "blobs", blobs);
	return doc;
}

static int
read_lists(const struct js *doc, struct arena *a, struct builder_build *out, struct err *e)
{
	const struct js *args = js_get(doc, "args"), *parents = js_get(doc, "parents"), *secrets = js_get(doc, "secrets");
	if (js_len(args) > LISTS_MAX || js_len(parents) > LISTS_MAX || js_len(secrets) > LISTS_MAX)
		return err_set(e, ERR_WORLD, "the other pawl sends a job that is too large");
	struct str *v = arena_array(a, struct str, js_len(args) + 1);
	struct builder_parent *p = arena_array(a, struct builder_parent, js_len(parents) + 1);
	struct builder_secret *s = arena_array(a, struct builder_secret, js_len(secrets) + 1);
	for (size_t i = 0; i < js_len(args); i++)
		v[i] = arena_str(a, js_str(js_at(args, i)));
	for (size_t i = 0; i < js_len(parents); i++) {
		const struct js *x = js_at(parents, i);
		p[i].name = arena_str(a, js_str(js_get(x, "name")));
		p[i].image.platform = out->platform;
		if (read_image(x, a, &p[i].image.manifest, &p[i].image.manifest_size, &p[i].image.parts, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < js_len(secrets); i++) {
		AUTO_BUF value = { 0 };
		if (!base64_get(js_str(js_get(js_at(secrets, i), "value")), &value))
			return err_set(e, ERR_WORLD, "the other pawl sends a job that is none");
		s[i].id = arena_str(a, js_str(js_get(js_at(secrets, i), "id")));
		s[i].value = arena_str(a, buf_str(&value));
	}
	out->args = v;
	out->nargs = js_len(args);
	out->parents = p;
	out->nparents = js_len(parents);
	out->secrets = s;
	out->nsecrets = js_len(secrets);
	return 0;
}

int
remote_job_read(const struct js *doc, struct arena *a, struct builder_build *out, struct err *e)
{
	*out = (struct builder_build){ 0 };
	if (js_num(js_get(doc, "schema")) != REMOTE_SCHEMA)
		return err_set(e, ERR_WORLD, "the other pawl speaks another version of the conversation: both must be of one version");
	if (!digest_parse(js_str(js_get(doc, "context")), false, &out->context))
		return err_set(e, ERR_WORLD, "the other pawl sends a job that is none");
	out->dockerfile = arena_str(a, js_str(js_get(doc, "dockerfile")));
	out->target = arena_str(a, js_str(js_get(doc, "target")));
	out->platform = arena_str(a, js_str(js_get(doc, "platform")));
	return read_lists(doc, a, out, e);
}

/* ---- the image ---- */

struct js *
remote_image_write(const struct layout_read *i, struct blobs *b)
{
	struct js *doc = js_map(), *blobs = js_list();
	uint64_t size = 0;
	(void)blobs_has(b, &i->manifest, &size);
	put_image(doc, &i->manifest, size, &i->parts, blobs, b);
	js_set(doc, "blobs", blobs);
	return doc;
}

int
remote_image_read(const struct js *doc, struct arena *a, struct layout_read *out, uint64_t *manifest_size, struct err *e)
{
	*out = (struct layout_read){ 0 };
	return read_image(doc, a, &out->manifest, manifest_size, &out->parts, e);
}
