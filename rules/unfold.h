/* SPDX-License-Identifier: Apache-2.0
 *
 * unfold: what of a pipeline is known only when some of its steps are made: the elements of a map over an output (`foreach: {x: list.names}`), and the
 * steps that a dynamic step writes (`dynamic: true`).
 *
 * A project is opened with the outputs that are known so far; what it hangs on beside these is lacking. Whoever has a plan or a run of it takes the
 * contents out of the results and opens the project again, until nothing is lacking that can be had (cli/session.h, cli/make.h):
 *
 *	opened -> planned -> something lacking is a hit: known -> opened again
 *	                  -> something lacking must be made: its cone runs, known -> opened again
 *	                  -> nothing lacking: everything runs
 *
 * A map whose elements are not known stands in the graph as one node with the step's name that is never run (struct step_data, unknown).
 */
#ifndef PAWL_RULES_UNFOLD_H
#define PAWL_RULES_UNFOLD_H

#include "cache/cache.h"
#include "engine/result.h"
#include "rules/ir.h"

#define UNFOLD_MOST ((size_t)32 << 20) /* bytes of one output */
#define UNFOLD_DEPTH 100               /* how often a pipeline may be opened anew */

/* An output that others hang on. */
struct unfold_output {
	struct str step, output;
	bool dynamic;    /* its content is steps; else values */
	/* when it is known: */
	bool empty;      /* the step was skipped: no values, no steps */
	struct str text; /* its content; of a mapped step one for each element: JSON lists joined to one */
	struct str path; /* in the project, for messages; empty: only in the cache */
};

struct unfold {
	struct unfold_output *v;
	size_t n;
};

/* NULL: not known. u may be NULL. */
const struct unfold_output *unfold_find(const struct unfold *u, struct str step, struct str output);
/* The values that an output says: a JSON list of texts and numbers, or one value a line. */
int unfold_list(struct str text, struct arena *a, const struct js **list, struct err *e);
/* Outputs that the pipeline hangs on and u does not have. */
size_t unfold_lacking(const struct ir *ir, const struct unfold *u, struct arena *a, struct unfold_output **out);
/* Does anything of the pipeline hang on an output? */
bool unfold_any(const struct ir *ir);
/* The content of an output from the results of its step's elements, in order; a NULL result: that element was skipped. In the arena. */
int unfold_read(struct cache *c, const struct result *const *r, size_t n, struct unfold_output *o, struct arena *a, struct err *e);

#endif
