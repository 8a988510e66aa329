/* SPDX-License-Identifier: Apache-2.0
 *
 * apt_layer: what the layer of packages of an environment gave. Only for rules/apt*.c and rules/base.c.
 */
#ifndef PAWL_RULES_APT_LAYER_H
#define PAWL_RULES_APT_LAYER_H

#include "rules/apt.h"

struct apt_made {
	bool layered;              /* else the parent had everything */
	struct parent_layer layer;
	struct str python, scheme, interpreter, glibc; /* as in struct parent_info, of the layer alone */
	struct packages packages;  /* of the whole root */
};

node_id add_apt_layer(struct project *p, const struct ir_environment *env, struct err *e);
int apt_made_read(const struct result *r, struct arena *a, struct apt_made *out, struct err *e);

#endif
