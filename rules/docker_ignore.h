/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_ignore: .dockerignore, and the patterns of --exclude.
 *
 * One pattern a line; '#' in front is a comment; white space, "./", "/" in front and "/" at the end do not count; ** matches any number of folders; '!'
 * takes back what earlier lines left out; the last line that matches a path or one of the folders above it decides. Paths are clean and
 * relative to the context. Everything lives in the arena. Any thread once read.
 */
#ifndef PAWL_RULES_DOCKER_IGNORE_H
#define PAWL_RULES_DOCKER_IGNORE_H

#include "base/diag.h"
#include "rules/docker_glob.h"

#define DOCKER_IGNORE_LIMIT ((size_t)1 << 20)
#define DOCKER_IGNORE_MAX 10000

struct docker_ignore_line {
	struct docker_glob glob;
	struct str text;   /* clean, without '!' */
	bool back;         /* '!' */
};

struct docker_ignore {
	struct docker_ignore_line *v;
	size_t n;
	bool has_back;     /* folders that are left out may have something in them that is not */
};

/* 0; -1 with ERR_INPUT: mistakes are in d, under file. */
int docker_ignore_read(struct str file, struct str text, struct arena *a, struct diags *d, struct docker_ignore *out, struct err *e);
int docker_ignore_add(struct docker_ignore *g, struct str pattern, struct arena *a, struct err *e); /* g->v must have room */
bool docker_ignored(const struct docker_ignore *g, struct str path);
/* May anything below the folder, which itself is left out, be taken back? */
bool docker_ignore_enters(const struct docker_ignore *g, struct str folder);

#endif
