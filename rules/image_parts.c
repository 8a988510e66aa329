/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/image_inside.h"
#include "rules/wheel_layers.h"

#define LAYERS_BESIDE 3 /* of packages, of include:, of code */

#include "rules/wants.h"

struct str
image_workdir(const struct ir_environment *env, const struct js *parent_config)
{
	return env->workdir.n > 0 ? env->workdir : js_str(js_get(js_get(parent_config, "config"), "WorkingDir"));
}

enum layer_compression
image_compression(const struct ir_environment *env)
{
	return env->compression == COMPRESS_ZSTD ? LAYER_ZSTD : LAYER_GZIP;
}

/* Where a project file lies in the image: under the workdir, with its path in the project. */
static struct str
place(struct str workdir, struct str path, struct arena *a)
{
	return str_drop(wants_in_image(workdir, path, a), 1);
}

static bool
has(const struct image_files *f, struct str path)
{
	size_t low = 0, high = f->n;
	while (low < high) {
		const size_t mid = (low + high) / 2;
		const int c = str_cmp(f->v[mid].path, path);
		if (c == 0)
			return true;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* except: files that another layer has already. */
static size_t
builder_files(const struct image_files *f, const struct image_files *except, struct str workdir, struct arena *a, struct builder_file **out)
{
	struct builder_file *v = arena_array(a, struct builder_file, f->n + 1);
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++) {
		if (except && has(except, f->v[i].path))
			continue;
		v[n++] = (struct builder_file){ .path = place(workdir, f->v[i].path, a),
						.from = arena_z(a, f->v[i].path),
						.content = { .digest = f->v[i].digest, .size = f->v[i].size },
						.exec = f->v[i].exec };
	}
	*out = v;
	return n;
}

int
image_parts(struct project *p, const struct ir_environment *env, const struct parent_info *parent, const struct wheel_set *wheels,
	    const struct image_files *include, const struct image_files *code, struct str workdir, struct arena *a, struct image_parts *out,
	    struct err *e)
{
	const struct builder_kind *b = builder_find(p->stack ? p->stack->builder : (struct str){ 0 }, e);
	if (!b)
		return -1;
	if (wheels->n > 0 && parent->python.n == 0)
		return err_set(e, ERR_INPUT, "the environment '" STR_FMT "' has Python packages, but its parent '" STR_FMT "' has no Python",
			       STR_ARG(env->name), STR_ARG(parent->name));
	struct image_parts parts = { .v = arena_array(a, struct layer_spec, wheels->n + 3) };
	struct builder_file *files;
	struct wheel_layout layout;
	const char *wrong = wheel_layout_read(env->python.layers, &layout);
	if (wrong)
		return err_set(e, ERR_INPUT, "the environment '" STR_FMT "': 'python.layers' %s", STR_ARG(env->name), wrong);
	if (wheels->n > 0) {
		const struct wheel_scheme scheme = parent_scheme(parent, a);
		parts.n = wheel_layers(&layout, b, image_compression(env), wheels, &scheme, parent->nlayers + LAYERS_BESIDE, a, parts.v);
	}
	const size_t ninclude = builder_files(include, NULL, workdir, a, &files);
	if (ninclude > 0)
		parts.v[parts.n++] = layer_of_files(b, image_compression(env), "include", env->name, files, ninclude, a);
	const size_t ncode = builder_files(code, include, workdir, a, &files);
	if (ncode > 0)
		parts.v[parts.n++] = layer_of_files(b, image_compression(env), "code", env->name, files, ncode, a);
	*out = parts;
	return 0;
}

void
image_parent_layers(struct project *p, const struct parent_info *i, struct arena *a, struct image_layer *out)
{
	(void)p;
	for (size_t k = 0; k < i->nlayers; k++)
		out[k] = (struct image_layer){ .kind = i->layers[k].kind.n > 0	? arena_z(a, i->layers[k].kind) :
						       i->kind == PARENT_BOOTSTRAP ? "bootstrap" :
										     "parent",
					       .name = arena_str(a, i->layers[k].kind.n > 0 ? i->layers[k].name : i->name),
					       .state = IMAGE_LAYER_HIT,
					       .digest = i->layers[k].digest,
					       .diff_id = i->layers[k].diff_id,
					       .size = i->layers[k].size,
					       .media = arena_str(a, i->layers[k].media) };
}
