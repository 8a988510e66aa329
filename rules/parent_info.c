/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "backends/oci.h"
#include "backends/pyroot.h"
#include "rules/parent_inside.h"

static const char *const KINDS[] = { [PARENT_NONE] = "none",	     [PARENT_REGISTRY] = "registry",
				     [PARENT_SCRATCH] = "scratch",   [PARENT_OCI] = "oci",
				     [PARENT_DOCKER_ARCHIVE] = "docker-archive", [PARENT_BOOTSTRAP] = "bootstrap",
				     [PARENT_DOCKERFILE] = "dockerfile" };
#define NKINDS (sizeof KINDS / sizeof KINDS[0])

static void
packages_js(const struct packages *p, struct js *v)
{
	struct js *list = js_list();
	for (size_t k = 0; k < p->n; k++) {
		struct js *one = js_map();
		js_set(one, "name", js_text(p->v[k].name));
		js_set(one, "version", js_text(p->v[k].version));
		js_set(one, "arch", js_text(p->v[k].arch));
		js_push(list, one);
	}
	js_set(v, "packages", list);
	if (p->manager)
		js_set(v, "manager", js_textz(p->manager));
	if (p->distribution.n > 0)
		js_set(v, "distribution", js_text(p->distribution));
	if (p->release.n > 0)
		js_set(v, "release", js_text(p->release));
}

struct js *
parent_js(const struct parent_info *i)
{
	struct js *v = js_map(), *layers = js_list();
	js_set(v, "kind", js_textz(KINDS[i->kind]));
	js_set(v, "name", js_text(i->name));
	js_set(v, "platform", js_text(i->platform));
	js_set(v, "digest", digest_js(&i->digest));
	if (!digest_is_zero(&i->config)) {
		js_set(v, "config", digest_js(&i->config));
		js_set(v, "config_size", js_int((int64_t)i->config_size));
	}
	for (size_t k = 0; k < i->nlayers; k++) {
		struct js *l = js_map();
		js_set(l, "digest", digest_js(&i->layers[k].digest));
		js_set(l, "diff_id", digest_js(&i->layers[k].diff_id));
		js_set(l, "media", js_text(i->layers[k].media));
		js_set(l, "size", js_int((int64_t)i->layers[k].size));
		if (i->layers[k].kind.n > 0) {
			js_set(l, "kind", js_text(i->layers[k].kind));
			js_set(l, "name", js_text(i->layers[k].name));
		}
		js_push(layers, l);
	}
	js_set(v, "layers", layers);
	if (i->looked) {
		js_set(v, "python", js_text(i->python));
		js_set(v, "scheme", js_text(i->scheme));
		js_set(v, "interpreter", js_text(i->interpreter));
		js_set(v, "glibc", js_text(i->glibc));
	}
	if (i->packaged)
		packages_js(&i->packages, v);
	return v;
}

/* "3.11": it becomes part of paths. */
static bool
version_good(struct str s)
{
	const struct str_cut c = str_cut(s, '.');
	uint64_t major, minor;
	return s.n == 0 || (c.ok && str_u64(c.head, &major) && str_u64(c.tail, &minor) && major == 3 && minor < 1000);
}

static int
read_layers(const struct js *list, struct arena *a, struct parent_info *out)
{
	if (js_type(list) != JS_LIST || js_len(list) > OCI_LAYERS_MAX)
		return -1;
	out->nlayers = js_len(list);
	out->layers = arena_array(a, struct parent_layer, out->nlayers + 1);
	for (size_t k = 0; k < out->nlayers; k++) {
		const struct js *l = js_at(list, k);
		struct parent_layer *p = &out->layers[k];
		if (!digest_parse(js_str(js_get(l, "digest")), false, &p->digest) || !digest_parse(js_str(js_get(l, "diff_id")), false, &p->diff_id) ||
		    js_type(js_get(l, "size")) != JS_INT || js_num(js_get(l, "size")) < 0 ||
		    !str_starts(js_str(js_get(l, "media")), STR("application/vnd.oci.image.layer.v1.tar")))
			return -1;
		p->size = (uint64_t)js_num(js_get(l, "size"));
		p->media = arena_str(a, js_str(js_get(l, "media")));
		p->kind = arena_str(a, js_str(js_get(l, "kind")));
		p->name = arena_str(a, js_str(js_get(l, "name")));
	}
	return 0;
}

static bool
word_or_none(struct str s)
{
	return s.n == 0 || packages_word(s);
}

static bool
read_packages(const struct js *v, struct arena *a, struct packages *out)
{
	const struct js *list = js_get(v, "packages");
	const struct str manager = js_str(js_get(v, "manager"));
	if (js_type(list) != JS_LIST || js_len(list) > 100000)
		return false;
	out->manager = str_is(manager, "deb") ? "deb" : str_is(manager, "apk") ? "apk" : NULL;
	out->distribution = arena_str(a, js_str(js_get(v, "distribution")));
	out->release = arena_str(a, js_str(js_get(v, "release")));
	out->n = js_len(list);
	out->v = arena_array(a, struct package, out->n + 1);
	for (size_t k = 0; k < out->n; k++) {
		const struct js *one = js_at(list, k);
		struct package *p = &out->v[k];
		*p = (struct package){ arena_str(a, js_str(js_get(one, "name"))), arena_str(a, js_str(js_get(one, "version"))),
				       arena_str(a, js_str(js_get(one, "arch"))) };
		if (!packages_word(p->name) || !packages_word(p->version) || !word_or_none(p->arch))
			return false;
	}
	return word_or_none(out->distribution) && word_or_none(out->release);
}

int
parent_read(const struct js *v, struct arena *a, struct parent_info *out, struct err *e)
{
	struct parent_info i = { .name = arena_str(a, js_str(js_get(v, "name"))), .platform = arena_str(a, js_str(js_get(v, "platform"))) };
	size_t kind = 0;
	while (kind < NKINDS && !str_is(js_str(js_get(v, "kind")), KINDS[kind]))
		kind++;
	const struct js *config = js_get(v, "config");
	bool good = kind < NKINDS && digest_parse(js_str(js_get(v, "digest")), false, &i.digest) && read_layers(js_get(v, "layers"), a, &i) == 0;
	if (good && config)
		good = digest_parse(js_str(config), false, &i.config) && js_num(js_get(v, "config_size")) >= 0;
	i.kind = (enum ir_parent_kind)kind;
	i.config_size = good ? (uint64_t)js_num(js_get(v, "config_size")) : 0;
	i.looked = js_get(v, "python") != NULL;
	i.python = arena_str(a, js_str(js_get(v, "python")));
	i.scheme = arena_str(a, js_str(js_get(v, "scheme")));
	i.interpreter = arena_str(a, js_str(js_get(v, "interpreter")));
	i.glibc = arena_str(a, js_str(js_get(v, "glibc")));
	i.packaged = js_get(v, "packages") != NULL;
	good = good && (!i.packaged || read_packages(v, a, &i.packages));
	if (i.kind == PARENT_BOOTSTRAP && !i.packages.manager) /* a lock of before */
		i.packages.manager = "deb";
	if (i.scheme.n > 0 && !str_is(i.scheme, "debian") && !str_is(i.scheme, "local"))
		good = false;
	if (!good || !version_good(i.python) || (i.python.n > 0 && (i.interpreter.n == 0 || i.interpreter.p[0] != '/')))
		return err_set(e, ERR_DAMAGED, "what is recorded of a parent is not understood");
	*out = i;
	return 0;
}

/* What packages for its Python depend on, and nothing else of it. */
static struct digest
python_digest(const struct parent_info *i)
{
	AUTO_BUF b = { 0 };
	buf_text(&b, i->python);
	buf_text(&b, i->scheme);
	buf_text(&b, i->interpreter);
	buf_text(&b, i->glibc);
	buf_text(&b, i->platform);
	return digest_of(buf_str(&b));
}

static struct digest
packages_digest(const struct parent_info *i)
{
	AUTO_BUF b = { 0 };
	buf_text(&b, i->platform);
	for (size_t k = 0; k < i->packages.n; k++) {
		buf_text(&b, i->packages.v[k].name);
		buf_text(&b, i->packages.v[k].version);
		buf_text(&b, i->packages.v[k].arch);
	}
	return digest_of(buf_str(&b));
}

void
parent_result(const struct parent_info *i, struct arena *a, struct result *out)
{
	AUTO_JS info = parent_js(i);
	AUTO_BUF text = { 0 };
	js_write(info, &text);
	struct output *v = arena_array(a, struct output, 3 + i->nlayers);
	size_t n = 0;
	v[n++] = (struct output){ .name = STR("python"), .type = OUTPUT_VALUE, .digest = python_digest(i) };
	if (i->packaged)
		v[n++] = (struct output){ .name = STR("packages"), .type = OUTPUT_VALUE, .digest = packages_digest(i) };
	const bool stored = i->kind == PARENT_OCI || i->kind == PARENT_DOCKER_ARCHIVE || i->kind == PARENT_BOOTSTRAP;
	if (!digest_is_zero(&i->config))
		v[n++] = (struct output){ .name = STR("config"), .type = OUTPUT_FILE, .digest = i->config, .size = i->config_size };
	for (size_t k = 0; k < i->nlayers; k++)
		if (stored || (i->kind == PARENT_DOCKERFILE && !str_is(i->layers[k].kind, "parent")))
			v[n++] = (struct output){ .name = arena_printf(a, "layer/%03zu", k), .type = OUTPUT_FILE, .digest = i->layers[k].digest,
					  .size = i->layers[k].size };
	*out = (struct result){ .digest = i->digest, .outputs = v, .noutputs = n, .info = arena_str(a, buf_str(&text)) };
	result_sort(out);
}

int
parent_of_result(const struct result *r, struct arena *a, struct parent_info *out, struct err *e)
{
	AUTO_JS v = NULL;
	if (js_parse(r->info, "parent", &v, e) < 0)
		return -1;
	return parent_read(v, a, out, e);
}

struct wheel_scheme
parent_scheme(const struct parent_info *i, struct arena *a)
{
	const struct pyroot p = { .version = i->python, .interpreter = i->interpreter, .scheme = i->scheme, .glibc = i->glibc };
	return pyroot_scheme(&p, a);
}
