/* SPDX-License-Identifier: Apache-2.0
 *
 * builder_program: a build by another program, in a scratch folder. Only for backends/builder_*.c.
 *
 *	SCRATCH/Dockerfile  SCRATCH/context/  SCRATCH/secret-0  SCRATCH/parent-0/ (an OCI layout)
 *
 * begin -> arg, pair ... -> run or must (the arguments are then gone) -> ... -> end, which removes the scratch folder; one thread.
 */
#ifndef PAWL_BACKENDS_BUILDER_PROGRAM_H
#define PAWL_BACKENDS_BUILDER_PROGRAM_H

#include "backends/builder_inside.h"
#include "backends/program.h"
#include "base/vec.h"

struct builder_program {
	const struct builder_build *job;
	struct blobs *blobs;
	struct arena *arena;
	struct str scratch;
	struct masks masks;
	VEC(const char *) argv;
};

int builder_program_begin(struct builder_program *x, const struct builder_build *j, struct blobs *b, struct arena *a, struct err *e);
void builder_program_end(struct builder_program *x);
char *builder_program_path(const struct builder_program *x, const char *name); /* in the scratch folder; in the arena */
void builder_program_arg(struct builder_program *x, const char *text);
void builder_program_pair(struct builder_program *x, const char *name, struct str value);
/* ERR_WORLD: the program is not there. */
int builder_program_run(struct builder_program *x, struct str input, struct program_end *end, struct err *e);
/* Run, and an exit status other than 0 is ERR_FAILED: "buildah could not WHAT (exit 1)" with its last lines. */
int builder_program_must(struct builder_program *x, const char *what, struct err *e);
/* Write the Dockerfile and the context. */
int builder_program_files(struct builder_program *x, struct err *e);
/* Write a secret, readable by the owner only; a parent as a layout with the name "parent". */
int builder_program_secret(struct builder_program *x, size_t i, struct str *path, struct err *e);
int builder_program_parent(struct builder_program *x, size_t i, struct str *folder, struct err *e);

#endif
