/* SPDX-License-Identifier: Apache-2.0
 *
 * base:ENV. Its result is one of a parent: the parent's layers with that of the packages on top, and the Python and the packages of both.
 */
#include "rules/apt_layer.h"
#include "rules/parent_inside.h"


node_id
add_base(struct project *p, const struct ir_environment *env, struct err *e)
{
	if (env->apt.n == 0)
		return add_parent(p, env, e);
	const struct str name = arena_printf(&p->arena, "base:" STR_FMT, STR_ARG(env->name));
	node_id n = graph_find(&p->graph, name);
	if (n.i != NODE_NONE.i)
		return n;
	const node_id parent = add_parent(p, env, e), layer = parent.i == NODE_NONE.i ? NODE_NONE : add_apt_layer(p, env, e);
	if (layer.i == NODE_NONE.i)
		return NODE_NONE;
	n = graph_add(&p->graph, &rule_base, name, arena_new(&p->arena, const struct ir_environment *));
	*(const struct ir_environment **)p->graph.node[n.i].data = env;
	graph_edge(&p->graph, parent, n, EDGE_INPUT, "parent", STR(""), STR(""));
	graph_edge(&p->graph, layer, n, EDGE_INPUT, "layer", STR("apt"), STR(""));
	return n;
}

/* Python's own place comes before the distribution's. */
static void
take_python(struct parent_info *i, const struct apt_made *m)
{
	if (m->python.n > 0 && (i->python.n == 0 || !str_is(i->scheme, "local"))) {
		i->python = m->python;
		i->scheme = m->scheme;
		i->interpreter = m->interpreter;
	}
	if (m->glibc.n > 0)
		i->glibc = m->glibc;
}

static int
look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	const struct result *parent = apt_input(in, "parent"), *layer = apt_input(in, "layer");
	const struct ir_environment *env = *(const struct ir_environment *const *)in->graph->node[in->node.i].data;
	struct parent_info i;
	struct apt_made m;
	(void)ctx;
	if (!parent || !layer)
		return err_set(e, ERR_BUG, "a base without its parts");
	if (parent_of_result(parent, a, &i, e) < 0 || apt_made_read(layer, a, &m, e) < 0)
		return -1;
	if (m.layered) {
		struct parent_layer *v = arena_array(a, struct parent_layer, i.nlayers + 1);
		for (size_t k = 0; k < i.nlayers; k++)
			v[k] = i.layers[k];
		v[i.nlayers] = m.layer;
		v[i.nlayers].kind = STR("apt");
		v[i.nlayers++].name = env->name;
		i.layers = v;
	}
	take_python(&i, &m);
	m.packages.distribution = i.packages.distribution;
	m.packages.release = i.packages.release;
	i.packages = m.packages;
	i.packaged = true;
	AUTO_BUF both = { 0 };
	buf_put(&both, (struct str){ (const char *)i.digest.b, sizeof i.digest.b });
	buf_put(&both, (struct str){ (const char *)m.layer.digest.b, sizeof m.layer.digest.b });
	i.digest = digest_of(buf_str(&both));
	parent_result(&i, a, out);
	out->kind = STR("base");
	out->node = in->graph->node[in->node.i].name;
	return 0;
}

const struct rule rule_base = { .kind = "base", .schema = 1, .source = true, .look = look };
