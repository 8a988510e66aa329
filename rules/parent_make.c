/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "backends/bootstrap.h"
#include "backends/layout.h"
#include "backends/pyroot.h"
#include "backends/registry.h"
#include "rules/image_inside.h"
#include "rules/parent_inside.h"

/* "FOLDER[:TAG]": the whole text is a folder if there is one of that name. */
static void
oci_parts(struct project *p, struct str ref, struct arena *a, const char **folder, struct str *tag)
{
	const struct str_cut c = str_rcut(ref, ':');
	const bool whole = !c.ok || file_exists(p->fd, arena_z(a, ref));
	*folder = arena_z(a, whole ? ref : c.head);
	*tag = whole ? (struct str){ 0 } : c.tail;
}

struct registry_opts
project_registry(struct project *p, const atomic_bool *stop, struct arena *a)
{
	const char *tokens = arena_z(a, path_join(a, p->cache->folder, STR("tokens")));
	return (struct registry_opts){ .environ_ = p->opts.environ_, .insecure = p->stack && p->stack->insecure, .records = p->cache->records,
				       .tokens = p->cache->degraded ? NULL : tokens, .stop = stop };
}

static struct registry *
session(struct project *p, const atomic_bool *stop, struct err *e)
{
	struct arena a = { 0 };
	const struct registry_opts o = project_registry(p, stop, &a);
	struct registry *r = NULL;
	if (p->opts.offline)
		(void)err_set(e, ERR_WORLD, "the network is needed, and --offline forbids it");
	else
		r = registry_new(&o, e);
	arena_done(&a);
	return r;
}

static void
take_parts(struct parent_info *out, const struct oci_manifest *m, struct arena *a)
{
	out->config = m->config;
	out->config_size = m->config_size;
	out->nlayers = m->nlayers;
	out->layers = arena_array(a, struct parent_layer, m->nlayers + 1);
	for (size_t i = 0; i < m->nlayers; i++)
		out->layers[i] = (struct parent_layer){ .digest = m->layers[i].digest, .diff_id = m->layers[i].diff_id, .size = m->layers[i].size,
							.media = m->layers[i].media };
}

static struct oci_layer *
oci_layers(const struct parent_info *i, struct arena *a)
{
	struct oci_layer *v = arena_array(a, struct oci_layer, i->nlayers + 1);
	for (size_t k = 0; k < i->nlayers; k++)
		v[k] = (struct oci_layer){ i->layers[k].digest, i->layers[k].diff_id, i->layers[k].size, i->layers[k].media };
	return v;
}

static void
take_python(struct parent_info *out, const struct pyroot *py)
{
	out->looked = true;
	out->python = py->version;
	out->scheme = py->scheme;
	out->interpreter = py->interpreter;
	out->glibc = py->glibc;
}

static int
look_for_python(struct project *p, const struct js *config, struct parent_info *out, struct arena *a, struct err *e)
{
	struct pyroot py = { 0 };
	if (!config || !pyroot_of_config(config, a, &py)) {
		if (pyroot_of_layers(p->cache->blobs, oci_layers(out, a), out->nlayers, a, &py, e) < 0)
			return -1;
	}
	take_python(out, &py);
	return 0;
}

static int
look_for_packages(struct project *p, struct parent_info *out, struct arena *a, struct err *e)
{
	if (packages_of_layers(p->cache->blobs, oci_layers(out, a), out->nlayers, a, &out->packages, e) < 0)
		return -1;
	out->packaged = true;
	return 0;
}

static int
fetch_layers(struct project *p, struct registry *r, const struct registry_ref *ref, const struct parent_info *i, struct err *e)
{
	struct arena a = { 0 };
	struct registry_item *v = arena_array(&a, struct registry_item, i->nlayers + 1);
	for (size_t k = 0; k < i->nlayers; k++)
		v[k] = (struct registry_item){ .digest = i->layers[k].digest, .size = i->layers[k].size };
	const int bad = registry_blobs(r, ref, v, i->nlayers, p->cache->blobs, e);
	arena_done(&a);
	return bad;
}

static int
resolve(struct project *p, struct registry *r, const struct registry_ref *ref, const struct parent_data *d, struct arena *a,
	struct parent_info *out, struct err *e)
{
	AUTO_BUF manifest = { 0 }, text = { 0 };
	AUTO_JS config = NULL;
	struct oci_manifest m;
	struct digest stored;
	const char *what = arena_z(a, d->env->parent.ref);
	struct pyroot py;
	if (registry_manifest(r, ref, d->platform, &manifest, &out->digest, e) < 0 ||
	    oci_manifest_read(buf_str(&manifest), what, a, &m, e) < 0 || blobs_put(p->cache->blobs, buf_str(&manifest), &stored, e) < 0 ||
	    registry_blob(r, ref, &m.config, m.config_size, p->cache->blobs, e) < 0 ||
	    blobs_read(p->cache->blobs, &m.config, OCI_JSON_LIMIT, &text, e) < 0 || oci_config_read(buf_str(&text), what, &m, &config, e) < 0)
		return -1;
	take_parts(out, &m, a);
	/* Its layers are needed here only for a parent that does not say what Python it has, and for its packages. */
	const bool layers = d->packages || (d->python && !pyroot_of_config(config, a, &py));
	if ((layers && fetch_layers(p, r, ref, out, e) < 0) || (d->packages && look_for_packages(p, out, a, e) < 0))
		return -1;
	return d->python ? look_for_python(p, config, out, a, e) : 0;
}

static int
make_registry(struct project *p, const struct parent_data *d, struct arena *a, struct parent_info *out, struct err *e)
{
	struct registry_ref ref;
	if (registry_ref_parse(d->env->parent.ref, a, &ref, e) < 0)
		return -1;
	struct registry *r = session(p, d->stop, e);
	const int bad = r ? resolve(p, r, &ref, d, a, out, e) : -1;
	registry_free(r);
	if (bad < 0 && e && (e->code == ERR_INPUT || e->code == ERR_MISSING)) /* what a registry sends is the world's mistake, not the user's */
		e->code = ERR_WORLD;
	return bad;
}

static int
import(struct project *p, const struct ir_environment *env, struct str platform, struct arena *a, struct layout_read *out, struct err *e)
{
	if (env->parent.kind == PARENT_DOCKER_ARCHIVE) {
		const struct str path = path_join(a, p->root, env->parent.ref);
		return docker_archive_read(arena_z(a, path), p->cache->blobs, a, out, e);
	}
	const char *folder;
	struct str tag;
	oci_parts(p, env->parent.ref, a, &folder, &tag);
	return layout_read(p->fd, folder, tag, platform, p->cache->blobs, a, out, e);
}

static int
make_imported(struct project *p, const struct parent_data *d, struct arena *a, struct parent_info *out, struct err *e)
{
	struct layout_read r;
	if (import(p, d->env, d->platform, a, &r, e) < 0)
		return -1;
	out->digest = r.manifest;
	take_parts(out, &r.parts, a);
	if (d->packages && look_for_packages(p, out, a, e) < 0)
		return -1;
	return d->python ? look_for_python(p, NULL, out, a, e) : 0;
}

static int
bootstrap(struct project *p, const struct ir_environment *env, struct str platform, const atomic_bool *stop, struct arena *a,
	  struct bootstrap_made *out, struct err *e)
{
	const struct str tmp = path_join(a, p->cache->folder, STR("tmp"));
	const char *scratch = arena_z(a, tmp);
	if (p->opts.offline)
		return err_set(e, ERR_WORLD, "bootstrapping needs the network, and --offline forbids it");
	if (file_mkdirs(AT_FDCWD, scratch, NULL) < 0)
		scratch = "/var/tmp";
	const struct bootstrap_spec s = { .distribution = env->parent.distribution, .suite = env->parent.suite, .packages = env->parent.packages.v,
					  .npackages = env->parent.packages.n, .platform = platform, .scratch = scratch, .environ_ = p->opts.environ_,
					  .stop = stop };
	return bootstrap_make(&s, p->cache->blobs, a, out, e);
}

static int
make_bootstrap(struct project *p, const struct parent_data *d, struct arena *a, struct parent_info *out, struct err *e)
{
	struct bootstrap_made m;
	if (bootstrap(p, d->env, d->platform, d->stop, a, &m, e) < 0)
		return -1;
	out->digest = m.layer.digest;
	out->nlayers = 1;
	out->layers = arena_new(a, struct parent_layer);
	out->layers[0] = (struct parent_layer){ .digest = m.layer.digest, .diff_id = m.layer.diff_id, .size = m.layer.size, .media = m.layer.media };
	out->packaged = true;
	out->packages = (struct packages){ .v = arena_array(a, struct package, m.npackages + 1), .n = m.npackages, .manager = "deb",
					   .distribution = d->env->parent.distribution };
	for (size_t i = 0; i < m.npackages; i++)
		out->packages.v[i] = (struct package){ m.packages[i].name, m.packages[i].version, m.packages[i].arch };
	return look_for_python(p, NULL, out, a, e);
}

int
parent_make(struct project *p, const struct parent_data *d, struct arena *a, struct parent_info *out, struct js **pin, struct err *e)
{
	struct parent_info i = { .kind = d->env->parent.kind, .name = d->name, .platform = d->platform };
	int bad = -1;
	switch (i.kind) {
	case PARENT_REGISTRY:
		bad = make_registry(p, d, a, &i, e);
		break;
	case PARENT_OCI:
	case PARENT_DOCKER_ARCHIVE:
		bad = make_imported(p, d, a, &i, e);
		break;
	case PARENT_BOOTSTRAP:
		bad = make_bootstrap(p, d, a, &i, e);
		break;
	case PARENT_NONE:
	case PARENT_SCRATCH:
	case PARENT_DOCKERFILE:
		bad = err_set(e, ERR_BUG, "a parent that needs no making is made");
		break;
	}
	if (bad == 0) {
		*pin = parent_js(&i);
		*out = i;
	}
	return bad < 0 ? err_wrap(e, "parent '" STR_FMT "'", STR_ARG(d->name)) : 0;
}

int
parent_behind(struct project *p, const struct ir_environment *env, bool *tagged, bool *behind, struct err *e)
{
	struct arena a = { 0 };
	struct parent_info i;
	struct registry_ref ref;
	struct digest now = { 0 };
	AUTO_BUF manifest = { 0 };
	*tagged = env->parent.kind == PARENT_REGISTRY && parent_locked(p, env, &a, &i);
	int bad = *tagged ? registry_ref_parse(env->parent.ref, &a, &ref, e) : 0;
	*tagged = *tagged && bad == 0 && digest_is_zero(&ref.digest);
	if (*tagged) {
		struct registry *r = session(p, NULL, e);
		bad = r ? registry_manifest(r, &ref, i.platform, &manifest, &now, e) : -1;
		registry_free(r);
	}
	if (bad == 0 && *tagged)
		*behind = !digest_eq(&now, &i.digest);
	arena_done(&a);
	return bad;
}

/* ---- blobs of a parent that is known ---- */

static bool
all_there(struct project *p, const struct parent_info *i)
{
	for (size_t k = 0; k < i->nlayers; k++) {
		if (!blobs_has(p->cache->blobs, &i->layers[k].digest, NULL))
			return false;
	}
	return digest_is_zero(&i->config) || blobs_has(p->cache->blobs, &i->config, NULL);
}

static int
fetch_registry(struct project *p, const struct ir_environment *env, const struct parent_info *i, bool layers, struct arena *a, struct err *e)
{
	struct registry_ref ref;
	if (registry_ref_parse(env->parent.ref, a, &ref, e) < 0)
		return -1;
	struct registry *r = session(p, NULL, e);
	int bad = r ? 0 : -1;
	if (bad == 0 && !digest_is_zero(&i->config))
		bad = registry_blob(r, &ref, &i->config, i->config_size, p->cache->blobs, e);
	if (bad == 0 && layers)
		bad = fetch_layers(p, r, &ref, i, e);
	registry_free(r);
	return bad;
}

/* What was bootstrapped and collected since is made again, and must come out the same. */
static int
bootstrap_again(struct project *p, const struct ir_environment *env, const struct parent_info *i, struct arena *a, struct err *e)
{
	struct bootstrap_made m;
	if (bootstrap(p, env, i->platform, NULL, a, &m, e) < 0)
		return -1;
	if (digest_eq(&m.layer.digest, &i->layers[0].digest))
		return 0;
	if (digest_eq(&m.layer.diff_id, &i->layers[0].diff_id))
		return err_set(e, ERR_WORLD, "the bootstrapped root is the same, but this machine's compressor gives other bytes than pawl.lock has: "
					     "'pawl lock --update " STR_FMT "'", STR_ARG(i->name));
	return err_set(e, ERR_WORLD, "the distribution has other package versions now than pawl.lock says: 'pawl lock --update " STR_FMT "'",
		       STR_ARG(i->name));
}

int
parent_fetch(struct project *p, const struct ir_environment *env, const struct parent_info *i, struct err *e)
{
	struct arena a = { 0 };
	struct layout_read r;
	int bad = 0;
	if (!all_there(p, i)) {
		switch (i->kind) {
		case PARENT_REGISTRY:
			bad = fetch_registry(p, env, i, true, &a, e);
			break;
		case PARENT_OCI:
		case PARENT_DOCKER_ARCHIVE:
			bad = import(p, env, i->platform, &a, &r, e);
			break;
		case PARENT_BOOTSTRAP:
			bad = bootstrap_again(p, env, i, &a, e);
			break;
		case PARENT_NONE:
		case PARENT_SCRATCH:
			break;
		case PARENT_DOCKERFILE:
			bad = err_set(e, ERR_MISSING, "a layer of the Dockerfile is no longer in the cache; build it again");
			break;
		}
	}
	arena_done(&a);
	return bad < 0 ? err_wrap(e, "parent '" STR_FMT "'", STR_ARG(i->name)) : 0;
}

int
parent_config(struct project *p, const struct ir_environment *env, const struct parent_info *i, struct buf *out, struct err *e)
{
	struct arena a = { 0 };
	int bad = 0;
	if (digest_is_zero(&i->config)) {
		buf_puts(out, "{}");
		return 0;
	}
	if (!blobs_has(p->cache->blobs, &i->config, NULL))
		bad = i->kind == PARENT_REGISTRY ? fetch_registry(p, env, i, false, &a, e) : parent_fetch(p, env, i, e);
	if (bad == 0)
		bad = blobs_read(p->cache->blobs, &i->config, OCI_JSON_LIMIT, out, e);
	arena_done(&a);
	return bad < 0 ? err_wrap(e, "config of the parent '" STR_FMT "'", STR_ARG(i->name)) : 0;
}
