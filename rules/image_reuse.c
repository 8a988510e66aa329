/* SPDX-License-Identifier: Apache-2.0
 *
 * Under HOST/PREFIX/PIPELINE:pawl-HEX (the digest of the image's key) lies an OCI index of one image, which other tools can pull as well. The manifest comes
 * along in its descriptor (`data`), the config and what we know of the layers in annotations, so that one request tells all. What comes is
 * hostile: everything must fit to the digests in the manifest, else it is as if there were nothing.
 */
#include <string.h>

#include "base/base64.h"
#include "rules/image_inside.h"

#define CONFIG_NAME "pawl.config"
#define LAYERS_NAME "pawl.layers"
#define INDEX_MOST ((size_t)3 << 20) /* registries take 4 MiB */

static struct registry *
open_session(struct project *p, struct err *e)
{
	struct arena a = { 0 };
	const struct registry_opts o = project_registry(p, NULL, &a);
	struct registry *r = registry_new(&o, e);
	arena_done(&a);
	return r;
}

static struct registry_ref
place(const struct registry_ref *to, const struct digest *key, struct arena *a)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(key, hex);
	return (struct registry_ref){ .host = to->host, .repository = to->repository, .tag = arena_printf(a, "pawl-%s", hex) };
}

/* ---- finding ---- */

static bool
same_layers(const struct image_layers *l, const struct oci_manifest *m)
{
	if (l->n != m->nlayers)
		return false;
	for (size_t i = 0; i < l->n; i++) {
		if (!digest_eq(&l->v[i].digest, &m->layers[i].digest) || !digest_eq(&l->v[i].diff_id, &m->layers[i].diff_id) ||
		    l->v[i].size != m->layers[i].size || !str_eq(l->v[i].media, m->layers[i].media))
			return false;
	}
	return true;
}

bool
image_reuse_read(struct str text, struct arena *a, struct buf *manifest, struct str *config, struct image_layers *layers)
{
	AUTO_JS doc = NULL;
	AUTO_JS info = NULL;
	struct oci_manifest m;
	struct digest named;
	if (js_parse(text, "index", &doc, NULL) < 0)
		return false;
	const struct js *one = js_at(js_get(doc, "manifests"), 0), *notes = js_get(doc, "annotations");
	if (!digest_parse(js_str(js_get(one, "digest")), false, &named) || !base64_get(js_str(js_get(one, "data")), manifest))
		return false;
	const struct digest got = digest_of(buf_str(manifest));
	*config = arena_str(a, js_str(js_get(notes, CONFIG_NAME)));
	const struct digest config_digest = digest_of(*config);
	if (!digest_eq(&got, &named) || oci_manifest_read(buf_str(manifest), "manifest", a, &m, NULL) < 0 || !digest_eq(&config_digest, &m.config) ||
	    oci_config_read(*config, "config", &m, NULL, NULL) < 0)
		return false;
	return js_parse(js_str(js_get(notes, LAYERS_NAME)), "layers", &info, NULL) == 0 && image_info_of(info, a, layers, NULL) == 0 &&
	       same_layers(layers, &m);
}

static void
note_all(struct project *p, const struct registry_ref *to, const struct image_found *f)
{
	struct image_state *s = p->image;
	pthread_mutex_lock(&s->mu);
	for (size_t i = 0; i < f->layers.n; i++)
		registry_note(to, &f->layers.v[i].digest, &s->batch);
	registry_note(to, &f->config, &s->batch);
	pthread_mutex_unlock(&s->mu);
}

static bool
take(struct project *p, const struct registry_ref *to, struct str text, struct arena *a, struct image_found *out)
{
	struct image_found f = { 0 };
	AUTO_BUF manifest = { 0 };
	struct str config;
	if (!image_reuse_read(text, a, &manifest, &config, &f.layers))
		return false;
	f.manifest_size = manifest.n;
	f.config_size = config.n;
	f.layers.from = arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(to->host), STR_ARG(to->repository));
	if (blobs_put(p->cache->blobs, buf_str(&manifest), &f.manifest, NULL) < 0 || blobs_put(p->cache->blobs, config, &f.config, NULL) < 0)
		return false;
	note_all(p, to, &f);
	*out = f;
	return true;
}

bool
image_reuse_find(struct project *p, const struct ir_environment *env, const struct digest *key, struct arena *a, struct image_found *out)
{
	struct registry_ref to;
	struct digest d;
	AUTO_BUF text = { 0 };
	if (!p->stack->reuse || p->stack->registry.n == 0 || p->opts.offline || p->opts.no_cache ||
	    image_reference(p, env, p->stack->registry, a, &to, NULL) < 0)
		return false;
	struct registry *r = open_session(p, NULL);
	if (!r)
		return false;
	const struct registry_ref tag = place(&to, key, a);
	const bool there = registry_get(r, &tag, &text, &d, NULL) == 0 && take(p, &to, buf_str(&text), a, out);
	registry_free(r);
	return there;
}

int
image_reuse_fetch(struct project *p, const struct image_layers *l, struct err *e)
{
	struct arena a = { 0 };
	struct registry_ref from;
	if (p->opts.offline) {
		arena_done(&a);
		return err_set(e, ERR_WORLD, "layers of an image are in the registry only, and --offline forbids to fetch them");
	}
	int bad = registry_ref_parse(l->from, &a, &from, e);
	struct registry *r = bad == 0 ? open_session(p, e) : NULL;
	if (!r)
		bad = -1;
	struct registry_item *v = arena_array(&a, struct registry_item, l->n + 1);
	for (size_t i = 0; i < l->n; i++)
		v[i] = (struct registry_item){ .digest = l->v[i].digest, .size = l->v[i].size };
	if (bad == 0)
		bad = registry_blobs(r, &from, v, l->n, p->cache->blobs, e);
	registry_free(r);
	arena_done(&a);
	return bad < 0 ? err_wrap(e, "the image was found in the registry; 'pawl build --no-cache' makes it here") : 0;
}

/* ---- leaving ---- */

static struct js *
index_of(const struct layout_image *i, struct str manifest, struct str config, struct str layers)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF data = { 0 };
	struct js *doc = NULL;
	oci_index_write(&i->manifest, i->manifest_size, (struct str){ 0 }, (struct str){ 0 }, i->platform, &text);
	if (js_parse(buf_str(&text), "index", &doc, NULL) < 0)
		return NULL;
	base64_put(&data, manifest, false);
	js_set(js_at(js_get(doc, "manifests"), 0), "data", js_text(buf_str(&data)));
	struct js *notes = js_map();
	js_set(notes, CONFIG_NAME, js_text(config));
	js_set(notes, LAYERS_NAME, js_text(layers));
	js_set(doc, "annotations", notes);
	return doc;
}

/* Which machine it was found by, or came from, is nobody else's business: the same bytes for everybody. */
static struct str
layers_text(const struct result *r, struct arena *a)
{
	struct image_layers l;
	AUTO_BUF text = { 0 };
	if (image_info_read(r, a, &l, NULL) < 0)
		return (struct str){ 0 };
	l.from = (struct str){ 0 };
	AUTO_JS info = image_info_js(&l);
	js_write(info, &text);
	return arena_str(a, buf_str(&text));
}

int
image_reuse_leave(struct project *p, const struct result *r, const struct layout_image *i, const struct registry_ref *to, struct registry *session,
		  bool doubt, struct batch *seen, struct err *e)
{
	struct arena a = { 0 };
	struct key key;
	AUTO_BUF manifest = { 0 }, config = { 0 }, text = { 0 };
	int bad = 0;
	if (key_decode(r->key, &a, &key, e) < 0 || blobs_read(p->cache->blobs, &i->manifest, OCI_JSON_LIMIT, &manifest, e) < 0 ||
	    blobs_read(p->cache->blobs, &i->parts.config, OCI_JSON_LIMIT, &config, e) < 0)
		bad = -1;
	AUTO_JS doc = bad == 0 ? index_of(i, buf_str(&manifest), buf_str(&config), layers_text(r, &a)) : NULL;
	if (doc)
		js_write(doc, &text);
	const struct digest d = digest_of(buf_str(&text));
	if (bad == 0 && text.n <= INDEX_MOST && (doubt || !registry_seen(session, to, &d))) {
		const struct digest k = key_done(&key);
		const struct registry_ref tag = place(to, &k, &a);
		bad = registry_put(session, &tag, OCI_INDEX, buf_str(&text), e);
		if (bad == 0)
			registry_note(to, &d, seen);
	}
	arena_done(&a);
	return bad < 0 ? err_wrap(e, "leave the image for others to find") : 0;
}
