/* SPDX-License-Identifier: Apache-2.0
 *
 * The info of an image's result: {"layers": [{"kind", "name", "digest", "diff_id", "size", "media"}]}, lowest first; "from": see image.h.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/oci.h"
#include "backends/sandbox.h"
#include "rules/apt.h"
#include "rules/image_inside.h"

static const char *const KINDS[] = { "parent", "bootstrap", "wheel", "include", "code", "run", "copy", "add", "workdir", "dockerfile", "apt", "wheels" };
#define NKINDS (sizeof KINDS / sizeof KINDS[0])

struct js *
image_info_js(const struct image_layers *l)
{
	struct js *doc = js_map(), *list = js_list();
	for (size_t i = 0; i < l->n; i++) {
		char text[DIGEST_TEXT + 1];
		struct js *v = js_map();
		js_set(v, "kind", js_textz(l->v[i].kind));
		js_set(v, "name", js_text(l->v[i].name));
		digest_text(&l->v[i].digest, text);
		js_set(v, "digest", js_textz(text));
		digest_text(&l->v[i].diff_id, text);
		js_set(v, "diff_id", js_textz(text));
		js_set(v, "size", js_int((int64_t)l->v[i].size));
		js_set(v, "media", js_text(l->v[i].media));
		js_push(list, v);
	}
	js_set(doc, "layers", list);
	if (l->from.n > 0)
		js_set(doc, "from", js_text(l->from));
	return doc;
}

static bool
read_layer(const struct js *v, struct arena *a, struct image_layer *out)
{
	size_t kind = 0;
	while (kind < NKINDS && !str_is(js_str(js_get(v, "kind")), KINDS[kind]))
		kind++;
	if (kind == NKINDS || js_num(js_get(v, "size")) < 0 || !digest_parse(js_str(js_get(v, "digest")), false, &out->digest) ||
	    !digest_parse(js_str(js_get(v, "diff_id")), false, &out->diff_id))
		return false;
	out->kind = KINDS[kind];
	out->name = arena_str(a, js_str(js_get(v, "name")));
	out->media = arena_str(a, js_str(js_get(v, "media")));
	out->size = (uint64_t)js_num(js_get(v, "size"));
	return true;
}

int
image_info_read(const struct result *r, struct arena *a, struct image_layers *out, struct err *e)
{
	AUTO_JS doc = NULL;
	return js_parse(r->info, "image", &doc, e) < 0 ? -1 : image_info_of(doc, a, out, e);
}

int
image_info_of(const struct js *doc, struct arena *a, struct image_layers *out, struct err *e)
{
	const struct js *list = js_get(doc, "layers");
	struct image_layers l = { .n = js_len(list), .from = arena_str(a, js_str(js_get(doc, "from"))) };
	if (l.n > OCI_LAYERS_MAX)
		return err_set(e, ERR_DAMAGED, "an image with more than %d layers", OCI_LAYERS_MAX);
	l.v = arena_array(a, struct image_layer, l.n + 1);
	for (size_t i = 0; i < l.n; i++) {
		if (!read_layer(js_at(list, i), a, &l.v[i]))
			return err_set(e, ERR_DAMAGED, "what is recorded of an image is not understood");
	}
	*out = l;
	return 0;
}

static bool
was_made(struct project *p, struct str environment, const struct digest *d)
{
	struct image_state *s = p->image;
	bool yes = false;
	if (!s)
		return false;
	pthread_mutex_lock(&s->mu);
	for (size_t i = 0; i < s->made.n && !yes; i++) {
		const struct image_made *m = &s->made.v[i];
		yes = digest_eq(&m->digest, d) && (m->environment.n == 0 || str_eq(m->environment, environment));
	}
	pthread_mutex_unlock(&s->mu);
	return yes;
}

int
image_layers(struct project *p, struct str environment, const struct result *r, struct arena *a, struct image_layers *out, struct err *e)
{
	struct image_layers l;
	if (image_info_read(r, a, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		struct image_layer *x = &l.v[i];
		x->state = was_made(p, environment, &x->digest) ? IMAGE_LAYER_MADE : IMAGE_LAYER_HIT;
		if (strcmp(x->kind, "include") == 0 || strcmp(x->kind, "code") == 0)
			x->name = environment; /* an equal image may have been made for another environment */
	}
	*out = l;
	return 0;
}

/* ---- for a plan ---- */

/* The parent's config if it is here; else nothing of it is known. */
static struct js *
config_here(struct project *p, const struct parent_info *i)
{
	AUTO_BUF text = { 0 };
	struct js *v = NULL;
	if (digest_is_zero(&i->config) || blobs_read(p->cache->blobs, &i->config, OCI_JSON_LIMIT, &text, NULL) < 0 ||
	    js_parse(buf_str(&text), "config", &v, NULL) < 0)
		return NULL;
	return v;
}

static bool
wheels_here(struct project *p, const struct ir_environment *env, struct arena *a, struct wheel_set *out)
{
	struct python_target t;
	return env->python.on && environment_target(p, env, true, a, &t, NULL) == 0 && requirements_known(p, env, &t, a, out);
}

int
image_layers_planned(struct project *p, const struct ir_environment *env, struct arena *a, struct image_layers *out, struct err *e)
{
	struct parent_info parent = { 0 };
	struct wheel_set wheels = { 0 };
	struct image_files include, code;
	struct image_parts parts;
	if (!parent_locked(p, env, a, &parent) || (parent.python.n > 0 && !wheels_here(p, env, a, &wheels)))
		wheels.n = 0;
	if (image_include_now(p, env, a, &include, e) < 0 || image_code_now(p, env, a, &code, e) < 0)
		return -1;
	AUTO_JS config = config_here(p, &parent);
	if (image_parts(p, env, &parent, &wheels, &include, &code, image_workdir(env, config), a, &parts, e) < 0)
		return -1;
	struct image_layers l = { .n = parent.nlayers };
	l.v = arena_array(a, struct image_layer, parent.nlayers + parts.n + 1);
	image_parent_layers(p, &parent, a, l.v);
	l.n += apt_layer_planned(p, env, &l.v[l.n]);
	for (size_t i = 0; i < parts.n; i++) {
		(void)layer_find(p, &parts.v[i], a);
		l.v[l.n++] = parts.v[i].out;
	}
	*out = l;
	return 0;
}

/* ---- for a sandbox ---- */

static int
unpack_layers(struct project *p, const struct ir_environment *env, const struct image_layers *l, struct arena *a, struct str *v, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		if (sandbox_unpack(p->cache, &l->v[i].digest, a, &v[i], e) < 0)
			return err_wrap(e, "unpack layer %s/" STR_FMT " of environment '" STR_FMT "'", l->v[i].kind, STR_ARG(l->v[i].name),
					STR_ARG(env->name));
	}
	return 0;
}

int
image_roots(struct project *p, const struct ir_environment *env, const struct result *r, struct arena *a, struct str **roots, size_t *n,
	    struct err *e)
{
	struct image_layers l;
	struct err damage = { 0 };
	int rc;
	if (image_info_read(r, a, &l, e) < 0)
		return -1;
	struct str *v = arena_array(a, struct str, l.n + 1);
	/* A blob that turns out to be damaged is gone then, and fetched again: each of them once. */
	for (size_t tries = 0;; tries++) {
		if (image_have(p, env, r, e) < 0)
			return -1;
		rc = unpack_layers(p, env, &l, a, v, &damage);
		if (rc == 0 || damage.code != ERR_DAMAGED || tries == l.n)
			break;
	}
	if (rc < 0) {
		*e = damage;
		return -1;
	}
	*roots = v;
	*n = l.n;
	return 0;
}

int
image_config(struct project *p, const struct result *r, struct arena *a, const struct js **out, struct err *e)
{
	const struct output *o = result_output(r, STR("config"));
	AUTO_BUF text = { 0 };
	struct js *v;
	if (!o)
		return err_set(e, ERR_DAMAGED, "what is recorded of an image has no config");
	if (blobs_read(p->cache->blobs, &o->digest, OCI_JSON_LIMIT, &text, e) < 0 || js_parse(buf_str(&text), "config", &v, e) < 0)
		return -1;
	*out = js_get(js_keep(a, v), "config");
	return 0;
}
