/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/oci.h"

#define CREATED "2000-01-01T00:00:00Z" /* LAYER_MTIME of backends/layer.h */
#define REF_NAME "org.opencontainers.image.ref.name"
#define CONTAINERD_NAME "io.containerd.image.name"

/* ---- reading ---- */

static const struct {
	const char *media, *oci;
} MEDIA[] = {
	{ "application/vnd.oci.image.layer.v1.tar", NULL },
	{ "application/vnd.oci.image.layer.v1.tar+gzip", NULL },
	{ "application/vnd.oci.image.layer.v1.tar+zstd", NULL },
	{ "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.oci.image.layer.v1.tar" },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.oci.image.layer.v1.tar+gzip" },
	{ "application/vnd.docker.image.rootfs.diff.tar.zstd", "application/vnd.oci.image.layer.v1.tar+zstd" },
};

static int
descriptor(const struct js *v, const char *what, struct arena *a, struct oci_descriptor *out, struct err *e)
{
	const struct js *size = js_get(v, "size");
	struct digest d;
	if (!digest_parse(js_str(js_get(v, "digest")), false, &d))
		return err_set(e, ERR_INPUT, "%s: a descriptor has no sha256 digest", what);
	if (js_type(size) != JS_INT || js_num(size) < 0)
		return err_set(e, ERR_INPUT, "%s: a descriptor has no size", what);
	*out = (struct oci_descriptor){ .media = arena_str(a, js_str(js_get(v, "mediaType"))), .digest = d, .size = (uint64_t)js_num(size) };
	out->name = arena_str(a, js_str(js_get(js_get(v, "annotations"), REF_NAME)));
	return 0;
}

static int
read_layer(const struct js *v, const char *what, struct arena *a, struct oci_layer *out, struct err *e)
{
	struct oci_descriptor d;
	if (descriptor(v, what, a, &d, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof MEDIA / sizeof MEDIA[0]; i++) {
		if (!str_is(d.media, MEDIA[i].media))
			continue;
		*out = (struct oci_layer){ .digest = d.digest, .size = d.size, .media = str_z(MEDIA[i].oci ? MEDIA[i].oci : MEDIA[i].media) };
		return 0;
	}
	return err_set(e, ERR_INPUT, "%s: a layer of the type '" STR_FMT "' is not understood", what, STR_ARG(str_take(d.media, 100)));
}

int
oci_manifest_read(struct str json, const char *what, struct arena *a, struct oci_manifest *out, struct err *e)
{
	AUTO_JS doc = NULL;
	if (json.n > OCI_JSON_LIMIT)
		return err_set(e, ERR_INPUT, "%s: the manifest is too large", what);
	if (js_parse(json, what, &doc, e) < 0)
		return -1;
	const struct js *layers = js_get(doc, "layers");
	if (js_num(js_get(doc, "schemaVersion")) != 2 || js_type(layers) != JS_LIST)
		return err_set(e, ERR_INPUT, "%s: no image manifest of schema version 2", what);
	if (js_len(layers) > OCI_LAYERS_MAX)
		return err_set(e, ERR_INPUT, "%s: more than %d layers", what, OCI_LAYERS_MAX);
	struct oci_manifest m = { .nlayers = js_len(layers) };
	struct oci_descriptor config;
	if (descriptor(js_get(doc, "config"), what, a, &config, e) < 0)
		return -1;
	m.config = config.digest;
	m.config_size = config.size;
	if (m.config_size > OCI_JSON_LIMIT)
		return err_set(e, ERR_INPUT, "%s: the config is too large", what);
	m.layers = arena_array(a, struct oci_layer, m.nlayers + 1);
	for (size_t i = 0; i < m.nlayers; i++) {
		if (read_layer(js_at(layers, i), what, a, &m.layers[i], e) < 0)
			return -1;
	}
	*out = m;
	return 0;
}

bool
oci_is_index(struct str media)
{
	return str_is(media, OCI_INDEX) || str_is(media, DOCKER_INDEX);
}

/* "linux/arm64/v8" against {"os", "architecture", "variant"}; without a variant asked for, any is taken. */
static bool
platform_fits(const struct js *p, struct str want)
{
	const struct str_cut os = str_cut(want, '/'), arch = str_cut(os.tail, '/');
	if (!str_eq(js_str(js_get(p, "os")), os.head) || !str_eq(js_str(js_get(p, "architecture")), arch.head))
		return false;
	return arch.tail.n == 0 || str_eq(js_str(js_get(p, "variant")), arch.tail);
}

static int
manifests_of(struct str json, const char *what, struct js **doc, const struct js **list, struct err *e)
{
	if (json.n > OCI_JSON_LIMIT)
		return err_set(e, ERR_INPUT, "%s: the index is too large", what);
	if (js_parse(json, what, doc, e) < 0)
		return -1;
	*list = js_get(*doc, "manifests");
	if (js_type(*list) != JS_LIST)
		return err_set(e, ERR_INPUT, "%s: an index without 'manifests'", what);
	return 0;
}

int
oci_index_pick(struct str json, const char *what, struct str platform, struct arena *a, struct oci_descriptor *out, struct err *e)
{
	AUTO_JS doc = NULL;
	AUTO_BUF has = { 0 };
	const struct js *list;
	if (manifests_of(json, what, &doc, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < js_len(list); i++) {
		const struct js *p = js_get(js_at(list, i), "platform");
		if (platform_fits(p, platform))
			return descriptor(js_at(list, i), what, a, out, e);
		const struct str os = js_str(js_get(p, "os")), arch = js_str(js_get(p, "architecture"));
		if (has.n < 400 && !str_is(os, "unknown"))
			buf_printf(&has, "%s" STR_FMT "/" STR_FMT, has.n > 0 ? ", " : "", STR_ARG(str_take(os, 40)), STR_ARG(str_take(arch, 40)));
	}
	return err_set(e, ERR_MISSING, "%s: there is no image for " STR_FMT "; there is: %s", what, STR_ARG(platform), has.n > 0 ? buf_z(&has) : "none");
}

int
oci_layout_pick(struct str json, const char *what, struct str name, struct arena *a, struct oci_descriptor *out, struct err *e)
{
	AUTO_JS doc = NULL;
	AUTO_BUF has = { 0 };
	const struct js *list;
	if (manifests_of(json, what, &doc, &list, e) < 0)
		return -1;
	if (name.n == 0 && js_len(list) == 1)
		return descriptor(js_at(list, 0), what, a, out, e);
	for (size_t i = 0; i < js_len(list); i++) {
		struct oci_descriptor d;
		if (descriptor(js_at(list, i), what, a, &d, e) < 0)
			return -1;
		if (name.n > 0 && str_eq(d.name, name)) {
			*out = d;
			return 0;
		}
		if (has.n < 400 && d.name.n > 0)
			buf_printf(&has, "%s" STR_FMT, has.n > 0 ? ", " : "", STR_ARG(str_take(d.name, 100)));
	}
	if (name.n == 0)
		return err_set(e, ERR_INPUT, "%s has %zu images; name one of them with oci:FOLDER:TAG: %s", what, js_len(list), buf_z(&has));
	return err_set(e, ERR_MISSING, "%s has no image '" STR_FMT "'; it has: %s", what, STR_ARG(name), has.n > 0 ? buf_z(&has) : "none with a name");
}

int
oci_config_read(struct str json, const char *what, struct oci_manifest *m, struct js **config, struct err *e)
{
	AUTO_JS doc = NULL;
	if (js_parse(json, what, &doc, e) < 0)
		return -1;
	const struct js *ids = js_get(js_get(doc, "rootfs"), "diff_ids");
	if (js_len(ids) != m->nlayers)
		return err_set(e, ERR_INPUT, "%s: its config names %zu layers, its manifest %zu", what, js_len(ids), m->nlayers);
	for (size_t i = 0; i < m->nlayers; i++) {
		if (!digest_parse(js_str(js_at(ids, i)), false, &m->layers[i].diff_id))
			return err_set(e, ERR_INPUT, "%s: diff_id %zu of its config is no sha256 digest", what, i);
	}
	if (config) {
		*config = doc;
		doc = NULL;
	}
	return 0;
}

/* ---- writing ---- */

static struct js *
or_new(struct js *map, const char *key, enum js_type type)
{
	struct js *v = js_get(map, key);
	if (js_type(v) != type) {
		v = type == JS_LIST ? js_list() : js_map();
		js_set(map, key, v);
	}
	return v;
}

static bool
same_name(struct str a, struct str b)
{
	return str_eq(str_cut(a, '=').head, str_cut(b, '=').head);
}

static bool
has_name(const struct js *list, struct str variable)
{
	for (size_t i = 0; i < js_len(list); i++) {
		if (same_name(js_str(js_at(list, i)), variable))
			return true;
	}
	return false;
}

/* Replace a variable where it stands, or add it. */
static struct js *
env_with(const struct js *old, const struct oci_settings *s)
{
	struct js *list = js_list();
	for (size_t i = 0; i < js_len(old); i++) {
		struct str now = js_str(js_at(old, i));
		for (size_t k = 0; k < s->nenv; k++) {
			if (same_name(s->env[k], now))
				now = s->env[k];
		}
		js_push(list, js_text(now));
	}
	for (size_t k = 0; k < s->nenv; k++) {
		if (!has_name(list, s->env[k]))
			js_push(list, js_text(s->env[k]));
	}
	return list;
}

static void
settings_apply(struct js *config, const struct oci_settings *s)
{
	if (s->nenv > 0)
		js_set(config, "Env", env_with(js_get(config, "Env"), s));
	if (s->workdir.n > 0)
		js_set(config, "WorkingDir", js_text(s->workdir));
	if (s->user.n > 0)
		js_set(config, "User", js_text(s->user));
	if (s->nentrypoint > 0) {
		struct js *list = js_list();
		for (size_t i = 0; i < s->nentrypoint; i++)
			js_push(list, js_text(s->entrypoint[i]));
		js_set(config, "Entrypoint", list);
		js_del(config, "Cmd");
	}
	for (size_t i = 0; i < s->nlabels; i++) {
		const struct str_cut c = str_cut(s->labels[i], '=');
		js_set_str(or_new(config, "Labels", JS_MAP), c.head, js_text(c.tail));
	}
}

void
oci_config_write(const struct js *parent, const struct oci_settings *s, const struct oci_added *added, size_t nadded, struct buf *out)
{
	AUTO_JS doc = js_type(parent) == JS_MAP ? js_copy(parent) : js_map();
	static const char *const volatile_keys[] = { "container", "container_config", "docker_version", "id", "parent", "throwaway" };
	for (size_t i = 0; i < sizeof volatile_keys / sizeof volatile_keys[0]; i++)
		js_del(doc, volatile_keys[i]);
	const struct str_cut os = str_cut(s->platform, '/'), arch = str_cut(os.tail, '/');
	js_set(doc, "created", js_textz(CREATED));
	js_set(doc, "os", js_text(os.head));
	js_set(doc, "architecture", js_text(arch.head));
	if (arch.tail.n > 0)
		js_set(doc, "variant", js_text(arch.tail));
	settings_apply(or_new(doc, "config", JS_MAP), s);
	struct js *rootfs = or_new(doc, "rootfs", JS_MAP);
	js_set(rootfs, "type", js_textz("layers"));
	struct js *ids = or_new(rootfs, "diff_ids", JS_LIST), *history = or_new(doc, "history", JS_LIST);
	for (size_t i = 0; i < nadded; i++) {
		char text[DIGEST_TEXT + 1];
		digest_text(&added[i].diff_id, text);
		js_push(ids, js_textz(text));
		struct js *line = js_map();
		js_set(line, "created", js_textz(CREATED));
		js_set(line, "created_by", js_text(added[i].created_by));
		js_push(history, line);
	}
	js_write(doc, out);
}

static struct js *
descriptor_js(const char *media, const struct digest *d, uint64_t size)
{
	char text[DIGEST_TEXT + 1];
	digest_text(d, text);
	struct js *v = js_map();
	js_set(v, "mediaType", js_textz(media));
	js_set(v, "digest", js_textz(text));
	js_set(v, "size", js_int((int64_t)size));
	return v;
}

void
oci_manifest_write(const struct oci_manifest *m, struct buf *out)
{
	AUTO_JS doc = js_map();
	struct arena a = { 0 };
	js_set(doc, "schemaVersion", js_int(2));
	js_set(doc, "mediaType", js_textz(OCI_MANIFEST));
	js_set(doc, "config", descriptor_js(OCI_CONFIG, &m->config, m->config_size));
	struct js *layers = js_list();
	for (size_t i = 0; i < m->nlayers; i++)
		js_push(layers, descriptor_js(arena_z(&a, m->layers[i].media), &m->layers[i].digest, m->layers[i].size));
	js_set(doc, "layers", layers);
	js_write(doc, out);
	arena_done(&a);
}

static struct js *
listed_js(const char *media, const struct digest *manifest, uint64_t size, struct str platform)
{
	struct js *d = descriptor_js(media, manifest, size), *p = js_map();
	const struct str_cut os = str_cut(platform, '/'), arch = str_cut(os.tail, '/');
	js_set(p, "os", js_text(os.head));
	js_set(p, "architecture", js_text(arch.head));
	if (arch.tail.n > 0)
		js_set(p, "variant", js_text(arch.tail));
	if (platform.n > 0)
		js_set(d, "platform", p);
	else
		js_free(p);
	return d;
}

static void
write_index(struct js *list, struct buf *out)
{
	AUTO_JS doc = js_map();
	js_set(doc, "schemaVersion", js_int(2));
	js_set(doc, "mediaType", js_textz(OCI_INDEX));
	js_set(doc, "manifests", list);
	js_write(doc, out);
}

void
oci_index_of(const struct oci_listed *v, size_t n, struct buf *out)
{
	struct js *list = js_list();
	for (size_t i = 0; i < n; i++)
		js_push(list, listed_js(OCI_MANIFEST, &v[i].manifest, v[i].size, v[i].platform));
	write_index(list, out);
}

void
oci_index_write(const struct digest *manifest, uint64_t size, struct str name, struct str whole, struct str platform, struct buf *out)
{
	struct js *d = listed_js(platform.n > 0 ? OCI_MANIFEST : OCI_INDEX, manifest, size, platform), *list = js_list();
	if (name.n > 0)
		js_set(or_new(d, "annotations", JS_MAP), REF_NAME, js_text(name));
	if (whole.n > 0)
		js_set(or_new(d, "annotations", JS_MAP), CONTAINERD_NAME, js_text(whole));
	js_push(list, d);
	write_index(list, out);
}
