/* SPDX-License-Identifier: Apache-2.0
 *
 * diff_lower: what a stack of unpacked layers shows at a path, as overlay sees it. Only for backends/diff*.c.
 */
#ifndef PAWL_BACKENDS_DIFF_LOWER_H
#define PAWL_BACKENDS_DIFF_LOWER_H

#include <sys/stat.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"

/* The roots that show something of one folder, uppermost first: indexes into the stack's. */
struct shown {
	const uint32_t *root;
	size_t n;
};

struct lower {
	int *fd; /* of the roots, uppermost first */
	size_t n;
};

/* roots: lowest first. */
int lower_open(struct lower *l, const struct str *roots, size_t n, struct arena *a, struct err *e);
void lower_close(struct lower *l);
/* All of them: for the top folder. */
struct shown lower_top(const struct lower *l, struct arena *a);

/* Is this overlay's mark for a name that is gone; for a folder that hides what is below it? */
bool overlay_whiteout(int at, const char *path, const struct stat *st);
bool overlay_opaque(int at, const char *path);

/* What `path` is, whose folder these roots show: true, its root and its stat, and for a folder the roots that show something of it. */
bool lower_find(const struct lower *l, struct shown in, const char *path, struct arena *a, int *fd, struct stat *st, struct shown *of);
/* The names in a folder that they show: keys of `names`. */
int lower_names(const struct lower *l, struct shown of, const char *path, struct arena *a, struct map *names, struct str **list, size_t *n,
		struct err *e);

#endif
