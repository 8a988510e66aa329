/* SPDX-License-Identifier: Apache-2.0
 *
 * pyproject: what a pyproject.toml says of a package: its dependencies (PEP 621), extras, dependency groups (PEP 735, include-group too), where uv finds
 * some of them ([tool.uv.sources]), and where its code lies.
 *
 * Results are sources for reqset_read, each with its place in the file. The project's arena. Loop thread.
 */
#ifndef PAWL_RULES_PYPROJECT_H
#define PAWL_RULES_PYPROJECT_H

#include "base/vec.h"
#include "rules/project.h"
#include "rules/reqfile.h"

struct pyproject {
	struct str folder, path;     /* relative to the root or absolute: its folder, the file */
	const struct js *doc, *places;
	struct str name;             /* normalised; empty: it has none */
	bool has_project;            /* a [project] table */
	bool dynamic;                /* its dependencies are worked out by a build backend */
};

/* Reads FOLDER/pyproject.toml. ERR_MISSING: there is none; ERR_INPUT: a mistake, in p->diags. */
int pyproject_read(struct project *p, struct str folder, struct pyproject *out, struct err *e);

struct pyproject_list {
	VEC_FIELDS(struct reqfile_source);
};
/* Its dependencies, and those of extras. */
int pyproject_dependencies(struct project *p, const struct pyproject *t, const struct str *extras, size_t nextras, struct pyproject_list *out,
			   struct err *e);
/* Those of a name that the user wrote under `groups`: a group, or an extra. Mistakes in p->diags, at `at` for a name that is not there. */
int pyproject_group(struct project *p, const struct pyproject *t, struct str name, struct place at, struct pyproject_list *out, struct err *e);
/* The folder that has to be on the search path for its modules: FOLDER/src, what its build backend is told, or the folder itself. */
struct str pyproject_code(struct project *p, struct str folder);

#endif
