/* SPDX-License-Identifier: Apache-2.0
 *
 * The layer of RUN.
 */
#include "rules/docker_inside.h"

int
docker_run_fields(const struct docker_node *n, struct key *k, struct err *e)
{
	(void)e;
	key_text(k, "instruction", STR("command"), n->in->source);
	return 0;
}

int
docker_run_layer(struct docker_work *w, struct err *e)
{
	return docker_fail(w->node->d, w->node->in->at, ERR_INPUT, e, "RUN is not supported yet");
}
