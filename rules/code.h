/* SPDX-License-Identifier: Apache-2.0
 *
 * code: what code a step runs.
 */
#ifndef PAWL_RULES_CODE_H
#define PAWL_RULES_CODE_H

#include "rules/rules.h"

struct code_state; /* of a project; made on first use */
void code_state_free(struct code_state *s); /* NULL is fine */

/* After all steps are there, before the seal: edges from the steps that make part of another step's code. */
int code_link(struct project *p, struct err *e);

/* Project files that a step's code consists of, sorted, relative: for the code layer of images. In the arena. */
int code_files(struct project *p, const struct step_data *s, struct arena *a, struct str **out, size_t *n, struct err *e);

/* The step that has the path as an output or in one; NULL: none. After project_graph; any thread. */
const struct step_data *code_maker(const struct project *p, struct str path);

/* What an interpreter opens by itself to run the step's code: the files of all modules that are imported (those of which no definition counts,
 * too), and the folders in which it searches. Sorted; never changes, lives as long as the project. Loop thread. */
struct code_cover {
	struct str *files, *folders;
	size_t nfiles, nfolders;
};
const struct code_cover *code_cover(struct project *p, const struct step_data *s);
bool code_cover_file(const struct code_cover *c, struct str path);     /* any thread */
bool code_cover_folder(const struct code_cover *c, struct str path);

#endif
