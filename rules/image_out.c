/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/engine_docker.h"
#include "backends/layout.h"
#include "rules/dockerfile.h"
#include "rules/image_inside.h"

/* ---- all blobs of an image here ---- */

/* What of the layers is not in the store. */
static bool
lacks(struct project *p, const struct image_layers *l, bool parent)
{
	for (size_t i = 0; i < l->n; i++) {
		const bool is_parent = strcmp(l->v[i].kind, "parent") == 0 || strcmp(l->v[i].kind, "bootstrap") == 0;
		if (is_parent == parent && !blobs_has(p->cache->blobs, &l->v[i].digest, NULL))
			return true;
	}
	return false;
}

/* The parent as the image's result names it, whatever pawl.lock says today. */
static int
fetch_parent(struct project *p, const struct ir_environment *env, const struct image_layers *l, struct arena *a,
	     struct err *e)
{
	const struct ir_environment *base = env->dockerfile.n > 0 ? dockerfile_base(p, env) : env;
	if (!base)
		return err_set(e, ERR_MISSING, "a layer of environment '" STR_FMT "' is no longer in the cache; build it again", STR_ARG(env->name));
	env = base;
	struct parent_info i = { .kind = env->parent.kind, .name = env->parent.ref, .platform = environment_platform(env) };
	struct parent_info locked;
	if (parent_locked(p, env, a, &locked))
		i = locked;
	i.layers = arena_array(a, struct parent_layer, l->n + 1);
	i.nlayers = 0;
	for (size_t k = 0; k < l->n; k++) {
		const struct image_layer *x = &l->v[k];
		if (strcmp(x->kind, "parent") == 0 || strcmp(x->kind, "bootstrap") == 0)
			i.layers[i.nlayers++] = (struct parent_layer){ .digest = x->digest, .diff_id = x->diff_id, .size = x->size, .media = x->media };
	}
	const int bad = parent_fetch(p, env, &i, e);
	/* Damage is for making again; what a registry lacks or sends wrong comes out the same the next time. */
	if (bad < 0 && e && env->parent.kind == PARENT_REGISTRY && (e->code == ERR_DAMAGED || e->code == ERR_MISSING))
		e->code = ERR_WORLD;
	return bad;
}

int
image_have(struct project *p, const struct ir_environment *env, const struct result *r, struct err *e)
{
	struct arena a = { 0 };
	struct image_layers l;
	int bad = image_info_read(r, &a, &l, e);
	if (bad == 0 && l.from.n > 0 && (lacks(p, &l, true) || lacks(p, &l, false)))
		bad = image_reuse_fetch(p, &l, e);
	if (bad == 0 && lacks(p, &l, true))
		bad = fetch_parent(p, env, &l, &a, e);
	if (bad == 0 && lacks(p, &l, false))
		bad = err_set(e, ERR_MISSING, "a layer of environment '" STR_FMT "' is no longer in the cache; build it again", STR_ARG(env->name));
	arena_done(&a);
	return bad;
}

/* ---- names ---- */

/* A part of a repository's or tag's name: what may not be in one becomes '-'. */
struct str
image_part_name(struct str s, bool tag, struct arena *a)
{
	AUTO_BUF out = { 0 };
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];
		const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
		if (digit || (tag && c >= 'A' && c <= 'Z') || (tag && c == '_'))
			buf_putc(&out, c);
		else if (c >= 'A' && c <= 'Z')
			buf_putc(&out, (char)(c - 'A' + 'a'));
		else if (out.n > 0 && i + 1 < s.n && out.p[out.n - 1] != '-')
			buf_putc(&out, c == '.' && tag ? '.' : '-');
	}
	while (out.n > 0 && (out.p[out.n - 1] == '-' || out.p[out.n - 1] == '.'))
		out.n--;
	return out.n > 0 ? arena_str(a, str_take(buf_str(&out), 100)) : STR("image");
}

struct str
image_repo_tag(const struct project *p, const struct ir_environment *env, struct arena *a)
{
	return arena_printf(a, STR_FMT ":" STR_FMT, STR_ARG(image_part_name(p->ir.pipeline, false, a)), STR_ARG(image_part_name(env->name, true, a)));
}

int
image_as_layout(struct project *p, const struct ir_environment *env, const struct result *r, struct arena *a, struct layout_image *out, struct err *e)
{
	const struct output *manifest = result_output(r, STR("manifest")), *config = result_output(r, STR("config"));
	struct image_layers l;
	if (!manifest || !config)
		return err_set(e, ERR_DAMAGED, "what is recorded of an image has no manifest");
	if (image_info_read(r, a, &l, e) < 0)
		return -1;
	struct layout_image i = { .manifest = manifest->digest,
				  .manifest_size = manifest->size,
				  .name = image_part_name(env->name, true, a),
				  .platform = environment_platform(env),
				  .parts = { .config = config->digest, .config_size = config->size, .nlayers = l.n } };
	i.repo_tag = image_repo_tag(p, env, a);
	i.parts.layers = arena_array(a, struct oci_layer, l.n + 1);
	for (size_t k = 0; k < l.n; k++)
		i.parts.layers[k] = (struct oci_layer){ l.v[k].digest, l.v[k].diff_id, l.v[k].size, l.v[k].media };
	*out = i;
	return 0;
}

/* ---- where it goes ---- */

static int
output_archive(struct project *p, const struct layout_image *i, enum archive_form form, struct str file, struct arena *a, struct err *e)
{
	const char *path = arena_z(a, file), *part = arena_printf(a, STR_FMT ".part", STR_ARG(file)).p;
	if (file_mkdirs_parent(p->fd, path, e) < 0)
		return -1;
	int fd = file_open(p->fd, part, O_WRONLY | O_CREAT | O_TRUNC, 0666, e);
	if (fd < 0)
		return -1;
	int bad = archive_write(fd, p->cache->blobs, i, form, 0, e);
	if (file_close(&fd, part, bad == 0 ? e : NULL) < 0)
		bad = -1;
	if (bad == 0)
		bad = file_rename(p->fd, part, p->fd, path, e);
	if (bad < 0)
		(void)file_remove_tree(p->fd, part, NULL);
	return bad < 0 ? err_wrap(e, "write the archive '%s'", path) : 0;
}

static int
output_to(struct project *p, const struct layout_image *i, struct str to, struct arena *a, struct err *e)
{
	static const struct str folder = STR_INIT("oci:"), archive = STR_INIT("oci-archive:"), docker = STR_INIT("docker-archive:");
	if (str_starts(to, folder) && to.n > folder.n)
		return layout_write(p->fd, arena_z(a, str_drop(to, folder.n)), p->cache->blobs, i, e);
	if (str_is(to, "docker"))
		return engine_docker_load(project_env(p, STR("DOCKER_HOST")), p->cache->blobs, i, NULL, e);
	if (str_starts(to, archive) && to.n > archive.n)
		return output_archive(p, i, ARCHIVE_OCI, str_drop(to, archive.n), a, e);
	if (str_starts(to, docker) && to.n > docker.n)
		return output_archive(p, i, ARCHIVE_DOCKER, str_drop(to, docker.n), a, e);
	if (str_ends(to, STR(".tar")) && to.n > 4)
		return output_archive(p, i, ARCHIVE_BOTH, to, a, e);
	return err_set(e, ERR_INPUT, "'" STR_FMT "' is no place for an image: expected oci:FOLDER, docker or FILE.tar (oci-archive:FILE or "
				     "docker-archive:FILE for one form alone)", STR_ARG(to));
}

int
image_as_index(struct project *p, const struct image_one *v, size_t n, struct arena *a, struct layout_image *out, struct err *e)
{
	struct layout_image *all = arena_array(a, struct layout_image, n);
	struct oci_listed *listed = arena_array(a, struct oci_listed, n);
	AUTO_BUF index = { 0 };
	for (size_t i = 0; i < n; i++) {
		if (image_as_layout(p, v[i].env, v[i].result, a, &all[i], e) < 0)
			return -1;
		listed[i] = (struct oci_listed){ all[i].manifest, all[i].manifest_size, all[i].platform };
	}
	*out = all[0];
	if (n == 1)
		return 0;
	out->others = all + 1;
	out->nothers = n - 1;
	oci_index_of(listed, n, &index);
	out->index_size = index.n;
	return blobs_put(p->cache->blobs, buf_str(&index), &out->index, e);
}

int
image_output(struct project *p, const struct image_one *v, size_t n, struct str to, struct err *e)
{
	struct arena a = { 0 };
	struct layout_image i;
	int bad = image_as_index(p, v, n, &a, &i, e);
	for (size_t k = 0; k < n && bad == 0; k++)
		bad = image_have(p, v[k].env, v[k].result, e);
	if (bad == 0)
		bad = output_to(p, &i, to, &a, e);
	arena_done(&a);
	return bad;
}
