/* SPDX-License-Identifier: Apache-2.0
 *
 * layer: nodes: what an instruction adds to the files.
 */
#include "rules/docker_inside.h"

static int
make(struct docker_work *w, struct err *e)
{
	switch (w->node->in->kind) {
	case DOCKER_COPY:
	case DOCKER_ADD:
		return docker_copy_layer(w, e);
	case DOCKER_WORKDIR:
		return docker_workdir_layer(w, e);
	case DOCKER_RUN:
		return docker_run_layer(w, e);
	default:
		return err_set(e, ERR_BUG, "%s makes no layer", docker_kind_name(w->node->in->kind));
	}
}

static void
start(struct task *t)
{
	docker_work_start(t, make);
}

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct docker_node *n = docker_node_of(in);
	(void)ctx;
	key_num(k, "format", STR("layer"), LAYER_FORMAT);
	key_text(k, "format", STR("compressor"), str_z(layer_compressor(LAYER_GZIP)));
	key_text(k, "instruction", STR("kind"), str_z(docker_kind_name(n->in->kind)));
	return n->in->kind == DOCKER_RUN ? docker_run_fields(n, k, e) : 0;
}

const struct rule rule_docker_layer = { .kind = "layer", .schema = 2, .fields = fields, .usable = docker_usable, .start = start,
					.stop = docker_work_stop, .explain = docker_explain };
