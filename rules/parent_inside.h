/* SPDX-License-Identifier: Apache-2.0
 *
 * parent_inside: parts of parents. Only for rules/parent*.c.
 */
#ifndef PAWL_RULES_PARENT_INSIDE_H
#define PAWL_RULES_PARENT_INSIDE_H

#include "backends/bootstrap.h"
#include "rules/parent.h"
#include "rules/rules.h"

struct parent_data { /* of a parent node */
	const struct ir_environment *env; /* the first that names it */
	struct str name;
	struct str platform;
	bool python;                      /* somebody installs Python packages on it, or depends on its Python */
	bool packages;                    /* somebody depends on its packages */
	const atomic_bool *stop;          /* while it is made: raised to end it; else NULL */
};

/* Where its pin is in pawl.lock; section NULL: it has none. */
struct parent_place {
	const char *section;
	struct str name;
};
struct parent_place parent_place(const struct ir_environment *env, struct arena *a);
struct str parent_name(const struct ir_environment *env, struct arena *a); /* without "parent:" */

/* parent_info.c: JSON of pins and results. */
struct js *parent_js(const struct parent_info *i);
int parent_read(const struct js *v, struct arena *a, struct parent_info *out, struct err *e);
void parent_result(const struct parent_info *i, struct arena *a, struct result *out);

/* parent_make.c: resolve, read or bootstrap it. pin: what belongs into pawl.lock, owned by the caller. Blocks; any thread. */
int parent_make(struct project *p, const struct parent_data *d, struct arena *a, struct parent_info *out, struct js **pin, struct err *e);

#endif
