/* SPDX-License-Identifier: Apache-2.0
 *
 * requirements: what rules/requirements.c (the nodes) and rules/resolve.c (making one) share.
 */
#ifndef PAWL_RULES_REQUIREMENTS_H
#define PAWL_RULES_REQUIREMENTS_H

#include "engine/rule.h"
#include "rules/wants.h"

/* The data of a requirements node. */
struct requirements_data {
	struct project *project;
	const struct ir_environment *env;
	struct wants *wants;
	const struct reqset *set;     /* of wants */
	bool image;                   /* for the parent's Python, not the caller's */
	bool has_target;              /* else the parent must be made first */
	struct python_target target;
	struct digest question;       /* when has_target */
	struct wheel_set wheels;      /* rule_locked */
	bool locked;
};

struct digest question_digest(const struct reqset *s, const struct python_target *t, struct arena *a);
/* The entry of pawl.lock: target, requires, wheels. */
struct js *requirements_entry(const struct reqset *s, const struct python_target *t, const struct wheel_set *w);
void requirements_result(const struct requirements_data *d, struct str info, const struct digest *digest, struct arena *a, struct result *out);

/* rules/resolve.c: start and stop of rule_requirements. */
void requirements_start(struct task *t);
void requirements_stop(struct task *t, bool hard);

#endif
