/* SPDX-License-Identifier: Apache-2.0
 *
 * code_state: the code of all steps of a project, found together; inside of rules/code.c, rules/code_find.c and rules/tool.c.
 *
 * Life of a unit of code: made by add_code from the words of a command; found by code_find, all at once, when the first of them is asked for;
 * found again alone, each time, when a step makes part of it.
 */
#ifndef PAWL_RULES_CODE_STATE_H
#define PAWL_RULES_CODE_STATE_H

#include "rules/code.h"
#include "rules/entry.h"
#include "rules/pyclosure.h"

struct code_field {
	struct pyreach reach;
	bool content; /* a file by its content */
};

struct code {
	const struct step_data *step; /* one of those that share it */
	struct str name;              /* "train" */
	node_id node, packages;       /* packages: NODE_NONE unless `isolation: none` with Python */
	struct entries entries;
	struct str search;            /* PYTHONPATH of the step, ':' between folders */
	struct search_add *more;      /* folders that its code puts on sys.path, as far as known; in the project's arena */
	size_t nmore;
	struct closure closure;
	struct arena arena;           /* of the closure */
	struct pyfiles *files;        /* of its interpreter; NULL: not found yet */
	struct pyfiles own;           /* when it is found alone */
	bool found, alone, looked;
	struct code_cover *cover;     /* of what was found; NULL: nobody asked yet */
	struct code_field *fields;    /* sorted by name */
	size_t nfields;
};

struct code_state {
	struct project *project;
	VEC(struct code *) v;
	struct map by_name;
	VEC(struct pyfiles *) files;  /* by interpreter; the one without first when there is one */
	struct mades mades;
	bool collected;               /* mades are complete */
};

struct code_state *code_state(struct project *p);
struct code *code_of(struct code_state *s, struct str name); /* NULL: none */
struct code *code_of_step(struct project *p, const struct step_data *s); /* NULL: none */
int code_read(struct project *p, struct code *c, struct err *e); /* rules/code_read.c: words of the command to entries */
int code_find(struct project *p, struct code *c, struct err *e); /* rules/code_find.c: c is found now, and with it the others */
/* Is the file one of the step's declared inputs or outputs, or in one? */
bool code_declares(const struct project *p, const struct code *c, const struct pyfile *x);
bool code_same(struct project *p, const struct code *c);          /* rules/code_find.c: do its files still have their contents? */
void code_collect(struct project *p);                            /* outputs of all steps, once they are there */

#endif
