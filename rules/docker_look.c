/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in the files that a Dockerfile makes: a Python, packages. Only where somebody asks.
 */
#include "backends/packages.h"
#include "backends/pyroot.h"
#include "rules/docker_inside.h"

static bool
wants_packages(const struct ir_environment *env)
{
	return env->sbom || env->key == PARENT_KEY_PACKAGES;
}

static bool
wants_python(const struct ir_environment *env)
{
	return env->python.on || env->key == PARENT_KEY_ABI;
}

static struct oci_layer *
as_oci(const struct parent_info *i, struct arena *a)
{
	struct oci_layer *v = arena_array(a, struct oci_layer, i->nlayers + 1);
	for (size_t k = 0; k < i->nlayers; k++)
		v[k] = (struct oci_layer){ i->layers[k].digest, i->layers[k].diff_id, i->layers[k].size, i->layers[k].media };
	return v;
}

static int
look_for_packages(struct docker_work *w, const struct docker_layers *l, struct parent_info *i, struct err *e)
{
	struct digest *digests;
	size_t n;
	if (docker_layers_have(w->project, l, &w->arena, &digests, &n, e) < 0 ||
	    packages_of_layers(w->project->cache->blobs, as_oci(i, &w->arena), i->nlayers, &w->arena, &i->packages, e) < 0)
		return -1;
	i->packaged = true;
	return 0;
}

static int
look_for_python(struct docker_work *w, const struct docker_layers *l, const struct js *config, struct parent_info *i, struct err *e)
{
	struct pyroot py = { 0 };
	struct digest *digests;
	size_t n;
	if (!pyroot_of_config(config, &w->arena, &py)) {
		if (docker_layers_have(w->project, l, &w->arena, &digests, &n, e) < 0 ||
		    pyroot_of_layers(w->project->cache->blobs, as_oci(i, &w->arena), i->nlayers, &w->arena, &py, e) < 0)
			return -1;
	}
	i->looked = true;
	i->python = py.version;
	i->scheme = py.scheme;
	i->interpreter = py.interpreter;
	i->glibc = py.glibc;
	return 0;
}

int
docker_look(struct docker_work *w, const struct docker_layers *l, const struct js *config, struct parent_info *i, struct err *e)
{
	const struct ir_environment *env = w->node->d->env;
	if (wants_packages(env) && look_for_packages(w, l, i, e) < 0)
		return -1;
	return wants_python(env) ? look_for_python(w, l, config, i, e) : 0;
}

void
docker_look_fields(const struct docker_node *n, struct key *k)
{
	key_num(k, "python", STR(""), wants_python(n->d->env));
	key_num(k, "packages", STR(""), wants_packages(n->d->env));
}
