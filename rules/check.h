/* SPDX-License-Identifier: Apache-2.0
 *
 * check: what an IR must hold to beyond its shape, whatever front end made it: names refer to something,
 * substitutions are bound, there is no cycle, paths do not get into each other's way, files are there.
 *
 * The IR keeps few places. Where there is a tree, the place of a mistake is looked for in it when the mistake
 * is found.
 */
#ifndef PAWL_RULES_CHECK_H
#define PAWL_RULES_CHECK_H

#include "base/diag.h"
#include "rules/ir.h"
#include "rules/unfold.h"
#include "rules/yaml.h"

struct check {
	const struct ir *ir;
	struct arena *a; /* for texts and tables while checking */
	struct diags *d;
	int root;                                  /* of the project; -1: files are not looked at */
	const struct yaml_node *const *step_nodes; /* by position in the IR; NULL: no tree */
	const struct yaml_node *const *environment_nodes;
	const struct unfold *unfold; /* outputs that are known; NULL: none */
};

void check_ir(struct check *c); /* all of it */

/* The parts. */
void check_steps(struct check *c);        /* check_step.c: references, substitutions, conditions */
void check_environments(struct check *c); /* check_environment.c: files */
void check_order(struct check *c);        /* check_order.c: cycles */
void check_paths(struct check *c);        /* check_paths.c: inputs are there, outputs do not collide */

/* Where the text stands under a key of a step (of an environment); else the key's value, else the step. */
struct place check_step_at(const struct check *c, const struct ir_step *s, const char *key, struct str text);
struct place check_environment_at(const struct check *c, const struct ir_environment *env, const char *key,
				  struct str text);

/* "did you mean" over the names of steps, of a step's outputs, and so on. */
struct str check_near_step(struct check *c, struct str word);
struct str check_outputs_of(struct check *c, const struct ir_step *s); /* "raw, stats", or "no outputs" */
/* A reference to a step's output that is not there: reported under code unknown-output or unknown-step.
 * front: "step 'a': input 'i' names". */
bool check_output_ref(struct check *c, struct place at, struct str front, struct str step, struct str output);

#define CHECK_ERROR(c, at, code, hint, ...) diags_add((c)->d, SEVERITY_ERROR, at, code, hint, __VA_ARGS__)

#endif
