/* SPDX-License-Identifier: Apache-2.0
 *
 * ir_read: reading the IR's JSON, which comes from outside. Private to ir_read.c and ir_read_step.c.
 *
 * The first mistake counts: after it every reader returns empty values and the rest is passed over. Nothing
 * of the document is kept, texts are copied.
 */
#ifndef PAWL_RULES_IR_READ_H
#define PAWL_RULES_IR_READ_H

#include "rules/ir_json.h"
#include "rules/units.h"

struct ir_reader {
	struct arena *a;
	struct err *e;
	bool bad;
	const char *section; /* "steps", for messages */
	struct str name;     /* "train" */
};

void ir_bad(struct ir_reader *r, const char *key, const char *expected);
/* Every key of the map must be one of the names, NULL at the end. */
void ir_keys(struct ir_reader *r, const struct js *map, const char *const *names);
struct str ir_text(struct ir_reader *r, const struct js *map, const char *key);
struct str ir_clean(struct ir_reader *r, const struct js *map,
		    const char *key); /* a clean path of the project */
struct ir_texts ir_list(struct ir_reader *r, const struct js *map, const char *key, enum name_kind names,
			bool set);
struct ir_pairs ir_table(struct ir_reader *r, const struct js *map, const char *key, enum name_kind names);
int64_t ir_int(struct ir_reader *r, const struct js *map, const char *key, int64_t most);
bool ir_bool(struct ir_reader *r, const struct js *map, const char *key, bool absent);
/* The map under key; NULL: not there. */
const struct js *ir_map(struct ir_reader *r, const struct js *map, const char *key);
/* The entries of a map, sorted by name, names checked. */
struct ir_member {
	struct str name;
	const struct js *value;
};
struct ir_member *ir_members(struct ir_reader *r, const struct js *map, const char *key, enum name_kind names,
			     size_t *n);

struct ir_hooks ir_read_hooks(struct ir_reader *r, const struct js *v);
void ir_read_step(struct ir_reader *r, const struct js *v, struct ir_step *s);

#endif
