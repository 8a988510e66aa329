/* SPDX-License-Identifier: Apache-2.0
 *
 * leaves: what an invocation looked at, as rules/snapshot.c sees it. Only for that file; the reporting side is in rules/snapshot.h.
 */
#ifndef PAWL_RULES_LEAVES_H
#define PAWL_RULES_LEAVES_H

#include <pthread.h>

#include "base/map.h"
#include "base/vec.h"
#include "hashing/fp.h"
#include "rules/snapshot.h"

/* LEAF_YOUNG: a file whose signature proves nothing yet, so its content counts as well. */
enum leaf_kind { LEAF_FILE = 1, LEAF_MISSING = 2, LEAF_FOLDER = 3, LEAF_YOUNG = 4 };

struct leaf {
	struct str path;
	enum leaf_kind kind;
	struct stat_sig sig;
	bool shared;     /* others than the node of this path looked at it */
	struct fp names; /* LEAF_FOLDER: of the sorted names in it; LEAF_YOUNG: of the content */
	int64_t at;      /* clock_real when it was reported */
};

struct leaf_var {
	struct str name;
	bool set;
	struct fp value;
};

struct leaves {
	pthread_mutex_t mutex;
	struct arena arena;
	int root;
	VEC(struct leaf) v;
	struct map index; /* by path */
	VEC(struct leaf_var) vars;
	struct map var_index;
	int64_t expiry; /* INT64_MAX: none */
	bool never;
};

/* Fingerprint of the sorted names in a folder; false: it cannot be listed. */
bool leaves_names(int root, const char *path, struct fp *out);

#endif
