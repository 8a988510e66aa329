/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace: what lies at a path of the project, by content. Files through the stat table; folders as trees.
 *
 * A link at the path itself is followed (its target is what counts); links inside a folder are entries of their own. Any thread.
 */
#ifndef PAWL_RULES_WORKSPACE_H
#define PAWL_RULES_WORKSPACE_H

#include "engine/result.h"
#include "hashing/tree.h"
#include "rules/project.h"

struct workspace_item {
	enum output_type type;  /* OUTPUT_FILE, OUTPUT_EXEC, OUTPUT_TREE */
	struct digest digest;   /* of a folder: of its manifest */
	uint64_t size;          /* of a folder: the sum of its files */
	struct tree tree;       /* of a folder, in the arena */
};

/* Whether the leaves (rules/snapshot.h) hear of what was seen: not; as something that anybody may depend on; or as the file of the very node that
 * has this path, in whose name it is asked. */
enum report { REPORT_NOT, REPORT_SHARED, REPORT_OWN };

/* ERR_MISSING; ERR_INPUT for what is neither file nor folder. at: the project's
 * folder, or another one (then nothing is reported). */
int workspace_look(struct project *p, int at, struct str path, enum report report, struct arena *a, struct workspace_item *out,
		   struct err *e);

/* The same for many files at once, on all CPUs; each must be a file. items[i].tree stays empty. */
int workspace_look_files(struct project *p, const struct str *paths, size_t n, enum report report, struct workspace_item *items, struct err *e);

/* The text of a file of the project that a node is read from, appended to out; the leaves hear of it, also when it is not there (ERR_MISSING). ERR_INPUT:
 * it is no file. */
int workspace_read(struct project *p, struct str path, size_t limit, struct buf *out, struct err *e);

#endif
