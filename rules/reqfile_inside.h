/* SPDX-License-Identifier: Apache-2.0
 *
 * reqfile_inside: a reading of requirements, shared by rules/reqfile.c (lines and files) and rules/reqoption.c (options).
 */
#ifndef PAWL_RULES_REQFILE_INSIDE_H
#define PAWL_RULES_REQFILE_INSIDE_H

#include "base/vec.h"
#include "rules/reqfile.h"

struct reading {
	const struct reqfile_reader *reader;
	struct arena *a;
	struct diags *d;
	struct err *e;
	VEC(struct reqfile_source) queue;
	VEC(struct requirement) found, constraints;
	VEC(struct str) files;
	VEC(struct reqset_folder) folders;
	VEC(struct str) options, plain, from_source;
	bool pre, wheels_only, require_hashes;
	size_t nmistakes; /* of d, when it began */
	bool too_many;
};

void reading_mistake(struct reading *r, struct place at, const char *code, const char *hint, struct str message);
/* A path of a line, relative to its file; where nothing is there, to the root, as pip has it when it is run there. */
struct str reading_path(struct reading *r, const struct reqline *l, struct str path);
/* "WHERE[extras] ; marker" without a name, in a line or behind -e; at: its offset in the line. */
void reading_reference(struct reading *r, const struct reqline *l, struct str text, size_t at, bool constraint);
void reading_option(struct reading *r, const struct reqline *l, bool constraint); /* rules/reqoption.c */

#endif
