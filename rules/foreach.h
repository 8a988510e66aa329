/* SPDX-License-Identifier: Apache-2.0
 *
 * foreach: a step and the elements that it stands for.
 *
 * A step without foreach has one element, itself. With one name the elements are train[lr=0.1], train[lr=0.2]
 * in the order of the values; two names give their product, train[a=1,b=2], names sorted, the last one
 * running fastest. A value that occurs twice is one element. Values are texts as in a command (a text as it
 * is, else canonical JSON); characters that would break a node name are written %2F in the element's name,
 * and a long value is cut and ends in a digest.
 *
 * FOREACH_STEP is known only when its step has run: the caller hands over what the output says (rules/unfold.h).
 */
#ifndef PAWL_RULES_FOREACH_H
#define PAWL_RULES_FOREACH_H

#include "rules/ir.h"
#include "rules/unfold.h"

#define FOREACH_MAX 1000000u /* elements of one step */

struct foreach_element {
	struct str name;       /* "train", "train[lr=0.1]" */
	struct ir_pairs items; /* foreach names and their texts, sorted by name */
	const struct ir_step
		*step; /* the step with ${item.N} put into the paths of its inputs; often the step itself */
};

struct foreach_source {
	int root; /* of the project, for FOREACH_LINES */
	const struct unfold *unfold; /* outputs whose values are known; NULL: none is */
};

/* *out NULL: the values are not known yet. A step over an empty list has no elements: *n is 0 and *out is not
 * NULL. */
int foreach_expand(const struct ir_step *s, const struct foreach_source *from, struct arena *a,
		   struct foreach_element **out, size_t *n, struct err *e);

const struct str *foreach_item(const struct ir_pairs *items, struct str name); /* NULL: not there */
bool foreach_dynamic(const struct ir_step *s);                                 /* has a FOREACH_STEP */

#endif
