/* SPDX-License-Identifier: Apache-2.0
 *
 * when: the condition of a step.
 *
 *	or:       and ("or" and)*
 *	and:      not ("and" not)*
 *	not:      "not" not | compare
 *	compare:  value (("==" | "!=" | "<" | "<=" | ">" | ">=") value)?
 *	value:    ${params.N} | ${item.N} | ${inputs.N} | number | true | false | null | 'text' | "text" | "("
 *or ")"
 *
 * ${inputs.N} is the content of that input, an output of another step, read as a YAML scalar. A value alone
 *is false if it is false, 0, empty or null, or a text that says false or 0. Numbers are compared as numbers,
 *texts by bytes; values of two kinds are unequal, and have no order (a mistake at evaluation). What is not
 *known yet makes the answer unknown only where it matters.
 */
#ifndef PAWL_RULES_WHEN_H
#define PAWL_RULES_WHEN_H

#include "rules/ir.h"

struct when_op; /* private: the condition in postfix order */

struct when {
	struct when_op *ops;
	size_t nops;
	struct ir_piece *refs; /* PIECE_PARAM, PIECE_ITEM, PIECE_INPUT, in order, with repetitions */
	size_t nrefs;
};

enum when_truth { WHEN_FALSE, WHEN_TRUE, WHEN_UNKNOWN };

/* ERR_INPUT: what is wrong, without its place. An empty source is true. */
int when_parse(struct str source, struct arena *a, struct when *out, struct err *e);

/* The value of a reference: any JSON; *value NULL: not known yet. Borrowed until when_eval returns. */
typedef int when_lookup(void *ctx, const struct ir_piece *ref, const struct js **value, struct err *e);
int when_eval(const struct when *w, when_lookup *lookup, void *ctx, enum when_truth *out, struct err *e);

/* A text (of an item, an upstream output) as a value: white space off its ends, read as a YAML scalar. The
 * caller's. */
struct js *when_value(struct str text, struct arena *scratch);

#endif
