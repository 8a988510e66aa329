/* SPDX-License-Identifier: Apache-2.0
 *
 * load: from pawl.yaml (and what it includes) to the IR, with every mistake in one go.
 *
 * Steps, each a file: rules/yaml.c (text to a tree with places; the one door to libyaml; limits),
 * rules/schema.c (which keys there are, their types and defaults, in one table), rules/lower.c (tree to
 * struct ir, references, cycles, paths).
 */
#ifndef PAWL_RULES_LOAD_H
#define PAWL_RULES_LOAD_H

#include "rules/ir.h"
#include "rules/unfold.h"

struct load_opts {
	int root;                     /* descriptor of the project root */
	struct str file;              /* relative to it: "pawl.yaml" */
	const struct ir_pair *params; /* -p NAME=VALUE in order */
	size_t nparams;
	const struct str *params_files; /* --params FILE, relative to the root or absolute, in order */
	size_t nparams_files;
	struct str user_file;         /* absolute: the user's configuration, whose stacks are added; empty: none */
	const struct unfold *unfold; /* outputs that are known (rules/unfold.h); NULL: none */
};

/* 0: ir is complete (d may hold warnings). -1 with e->code ERR_INPUT: d holds the mistakes and e a summary;
 * other codes: the world. */
int load(const struct load_opts *o, struct arena *a, struct diags *d, struct ir *out, struct err *e);

#endif
