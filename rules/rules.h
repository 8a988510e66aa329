/* SPDX-License-Identifier: Apache-2.0
 *
 * rules: node kinds, and the functions that turn parts of the IR into nodes. Those of apt are in rules/apt.h, of Dockerfiles in rules/docker_inside.h;
 * rules/kinds.c lists all of them.
 *
 * Node names are the contract's: step:train, step:train[lr=0.1], image:base, layer:base/apt, layer:base/wheel/numpy, layer:base/code,
 * parent:REF, requirements:base, code:train, file:src/x.py, tree:data, glob:data/ *.csv, tool:awk, artifact names only in `graph`.
 * Additional: venv:HASH, env:base (the identity of an environment, cheap, from the lock), var:NAME (a caller's variable).
 */
#ifndef PAWL_RULES_RULES_H
#define PAWL_RULES_RULES_H

#include "engine/rule.h"
#include "rules/project.h"

extern const struct rule rule_file;         /* rules/file.c: a file or folder of the project; its port-less result is content + exec bit */
extern const struct rule rule_glob;         /* rules/glob.c: the files that a pattern matches, in order, names and contents */
extern const struct rule rule_var;          /* rules/var.c: a caller's variable (pass_env) */
extern const struct rule rule_tool;         /* rules/tool.c: a program found by PATH, or a Python interpreter with the distributions reached */
extern const struct rule rule_code;         /* rules/code.c: the code of a step */
extern const struct rule rule_env;          /* rules/env.c: identity of an environment, without building it */
extern const struct rule rule_requirements; /* rules/requirements.c: must be resolved first, by a resolver */
extern const struct rule rule_locked;       /* rules/requirements.c: the same kind, answered by pawl.lock: a source */
extern const struct rule rule_parent;       /* rules/parent.c */
extern const struct rule rule_layer;        /* rules/layer.c: layers of wheels, buckets, include and code: no nodes, only their records' kind */
extern const struct rule rule_image;        /* rules/image.c: manifest and config */
extern const struct rule rule_venv;         /* rules/venv.c: a virtual environment in the cache */
extern const struct rule rule_step;         /* rules/step.c */

/* Every kind of node and record there is; NULL at the end. */
extern const struct rule *const all_rules[];

/* One element of a step: a step without foreach has one. The data of a rule_step node. */
struct step_data {
	struct project *project;
	const struct ir_step *ir;
	struct str name;              /* "train", "train[lr=0.1]" */
	struct ir_pairs items;        /* foreach names and their texts */
	node_id node, code, venv, image;
	struct str *output_paths;     /* by position of ir->outputs; rendered, clean, relative; empty: cache only */
	bool unknown;                 /* stands for elements that are not known yet (rules/unfold.h): never run */
};

/* Add (or find) nodes. Each returns NODE_NONE and fills e on failure. */
node_id add_file(struct project *p, struct str path, struct err *e);                 /* rules/file.c */
node_id add_glob(struct project *p, struct str pattern, struct err *e);              /* rules/glob.c */
node_id add_var(struct project *p, struct str variable, struct err *e);                  /* rules/var.c */
node_id add_environment_identity(struct project *p, const struct ir_environment *env, struct err *e); /* rules/env.c */
node_id add_venv_identity(struct project *p, const struct ir_environment *env, struct err *e);        /* rules/env.c: what `isolation: venv` sees */
node_id add_requirements(struct project *p, const struct ir_environment *env, bool image, struct err *e); /* rules/requirements.c */
node_id add_parent(struct project *p, const struct ir_environment *env, struct err *e);               /* rules/parent.c; ERR_INPUT: it has none */
node_id add_image(struct project *p, const struct ir_environment *env, struct err *e);                /* rules/image.c */
node_id add_venv(struct project *p, const struct ir_environment *env, struct err *e);                 /* rules/venv.c */
/* The code node of a step, and edges from it (and from tool nodes that it needs) to the step. rules/code.c */
int add_code(struct project *p, const struct step_data *s, node_id step, struct err *e);
struct str step_pool(const struct ir_step *s, struct arena *a); /* rules/step.c: the pool that max_parallel makes; each element needs 1 of it */
int add_steps(struct project *p, struct err *e);                                     /* rules/step.c: all steps of the IR */

#endif
