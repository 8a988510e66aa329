/* SPDX-License-Identifier: Apache-2.0
 *
 * git: where in a repository's history a project stands; the one door to libgit2, which is loaded when first asked.
 *
 * Looks at the repository that holds a folder, and at no configuration of the machine or the user. Any thread.
 */
#ifndef PAWL_BACKENDS_GIT_H
#define PAWL_BACKENDS_GIT_H

#include "base/arena.h"
#include "base/err.h"

struct git_head {
	struct str commit; /* 40 hex digits */
	struct str branch; /* "main"; empty: a detached head */
};

/* ERR_MISSING: the folder is in no repository, nothing was committed yet, or libgit2 is not there. */
int git_head_of(const char *folder, struct arena *a, struct git_head *out, struct err *e);

#endif
