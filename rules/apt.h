/* SPDX-License-Identifier: Apache-2.0
 *
 * apt: packages of Debian or Ubuntu on the parent of an environment.
 *
 *	apt:ENV        what `apt:` resolves to, on a parent with these packages: pins. A source where pawl.lock has them, else made (network).
 *	layer:ENV/apt  those packages installed in the sandbox: one layer. Its key: the pins, the parent's packages, the recipe.
 *	base:ENV       the parent with that layer on it, in the form of a parent's result (rules/parent.h). A source over both.
 *
 * An entry of pawl.lock answers one question: which packages, sources and keys, on which platform and with which packages of the parent. It names no host.
 */
#ifndef PAWL_RULES_APT_H
#define PAWL_RULES_APT_H

#include "backends/apt.h"
#include "rules/parent.h"
#include "rules/rules.h"

struct apt_pins {
	struct apt_deb *v; /* sorted by name, then architecture */
	size_t n;
	struct digest digest;
};

/* apt:ENV; env has `apt:`. */
node_id add_apt(struct project *p, const struct ir_environment *env, struct err *e);
/* What the image of env stands on: base:ENV where it has `apt:`, else its parent node. */
node_id add_base(struct project *p, const struct ir_environment *env, struct err *e);

/* The layer for a plan, as far as it is known: state, digest and size. False: env has none. */
struct image_layer;
bool apt_layer_planned(struct project *p, const struct ir_environment *env, struct image_layer *out);

/* ---- parts, for rules/apt*.c and rules/base.c ---- */

struct apt_data { /* of apt:ENV */
	struct project *project;
	const struct ir_environment *env;
	struct apt_question question; /* keys read, sources spelt out */
	bool known;                   /* the parent's packages are: the next two say something */
	struct str name;              /* of the question in pawl.lock */
	bool locked;
	struct apt_pins pins;         /* locked */
};

/* The question's name in pawl.lock, on a parent with these packages. */
struct str apt_question_name(const struct apt_data *d, const struct packages *parent, struct arena *a);
/* Pins in pawl.lock and in results: {"packages", "platform", "debs": [{"name", "version", "arch", "sha256", "size"}]}. The caller's. */
struct js *apt_entry(const struct apt_data *d, const struct apt_pins *pins);
int apt_pins_read(const struct js *entry, struct arena *a, struct apt_pins *out, struct err *e); /* ERR_DAMAGED */
void apt_pins_settle(struct apt_pins *pins); /* computes their digest */
/* Loop thread: the entry goes to pawl.lock; what it replaces goes. takes entry. */
int apt_pin(struct apt_data *d, struct str name, struct js *entry, struct err *e);

/* Loop thread: the question's sources as apt takes them. Only when the network is used: a build from the lock needs nobody's variables. */
int apt_spell_sources(struct apt_data *d, bool offline, struct err *e);
/* The parent's layers unpacked, and what a job needs; fetches what is missing. Blocks; any thread. */
int apt_job(struct project *p, const struct ir_environment *env, const struct parent_info *parent, struct arena *a, struct apt_job *out,
	    struct err *e);
/* The parent's packages, read from its layers where it does not say them. Blocks; any thread. */
int apt_parent_packages(struct project *p, const struct ir_environment *env, struct parent_info *parent, struct arena *a, struct err *e);
const struct result *apt_input(const struct inputs *in, const char *tag); /* of the edge with that tag; NULL: not known */

extern const struct rule rule_apt, rule_apt_layer;
extern const struct rule rule_base; /* rules/base.c */

#endif
