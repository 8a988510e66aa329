/* SPDX-License-Identifier: Apache-2.0
 *
 * lower: from checked trees to the IR. Private to load.c and lower_*.c.
 *
 * The trees were seen by schema_check, whatever it found: a value of the wrong kind was reported there, and
 * is passed over here without a word. What lowering itself finds wrong goes to d; it always comes to an end,
 * with a complete `struct ir` whose faulty parts are left out or empty.
 */
#ifndef PAWL_RULES_LOWER_H
#define PAWL_RULES_LOWER_H

#include "base/map.h"
#include "rules/load.h"
#include "rules/yaml.h"

/* One entry of `steps:`, `environments:`, `params:` or `stacks:` of any of the files. */
struct lower_entry {
	struct str name;
	const struct yaml_entry *entry;
	uint32_t file; /* 0: the main one */
};

struct lower_entries { /* sorted by name, each name once */
	struct lower_entry *v;
	size_t n;
	struct map by_name; /* to the position */
};

struct lower {
	struct arena *a;
	struct diags *d;
	const struct load_opts *o;
	struct ir *ir;
	const struct yaml_node **roots; /* of the files, the main one first */
	size_t nroots;
	const struct yaml_node *user; /* tree of the user's configuration; NULL: none */
	struct lower_entries params, environments, steps, stacks;
	const struct yaml_node **step_nodes, **environment_nodes; /* by position in the IR */
};

void lower_collect(struct lower *l); /* the entries of all files */
void lower_params(struct lower *l);
void lower_environments(struct lower *l);
void lower_steps(struct lower *l);
void lower_stacks(struct lower *l);
void lower_entries_done(struct lower *l);

/* Reading the tree. Absent and of the wrong kind look the same: empty, zero, false. */
struct str lower_text(const struct yaml_node *n); /* a scalar as written */
bool lower_truth(const struct yaml_node *n, bool absent);
int64_t lower_int(const struct yaml_node *n, int64_t absent);
struct ir_hooks lower_hooks(const struct yaml_node *n);
int64_t lower_duration(const struct yaml_node *n);
struct ir_texts lower_texts(struct lower *l,
			    const struct yaml_node *n); /* in order; a text alone is a list of one */
struct ir_texts lower_set(struct lower *l, const struct yaml_node *n);   /* sorted, each once */
struct ir_pairs lower_pairs(struct lower *l, const struct yaml_node *n); /* sorted by name */
struct ir_template lower_template(struct lower *l, const struct yaml_node *n, struct str text,
				  const char *what);
const struct js *lower_js(struct lower *l, const struct yaml_node *n);
struct ir_resource *lower_resources(struct lower *l, const struct yaml_node *n, size_t *count);
/* A path of the project, cleaned; reported and false when it leaves it. */
bool lower_path(struct lower *l, const struct yaml_node *n, struct str text, struct str *out);
void lower_sort_texts(struct ir_texts *t); /* and drop what is there twice */

#define LOWER_ERROR(l, at, code, hint, ...) diags_add((l)->d, SEVERITY_ERROR, at, code, hint, __VA_ARGS__)

#endif
