/* SPDX-License-Identifier: Apache-2.0
 *
 * code_list: what the code of a step consists of, and what was left out, each with its reason: for `pawl graph code:STEP`.
 */
#ifndef PAWL_RULES_CODE_LIST_H
#define PAWL_RULES_CODE_LIST_H

#include "rules/rules.h"

struct code_item {
	bool in;
	const char *kind; /* module, file, def, class, assign, statement, main, package */
	struct str file;  /* relative; empty: a text of the command, or a package */
	struct str name;  /* of a definition or a package */
	uint32_t line;    /* 0: the file as a whole */
	struct str reason;
	struct str from, via; /* of a module: the imports that lead to it, "steps/a.py:3" and "x.py:1, y.py:2" */
};

/* By file and line, a file's own item first; packages last. name: of the code, "train" of code:train. ERR_INPUT: there is none of that name. In the
 * arena. Call after project_graph. */
int code_list(struct project *p, struct str name, struct arena *a, struct code_item **out, size_t *n, struct err *e);

#endif
