/* SPDX-License-Identifier: Apache-2.0
 *
 * venv: a virtual environment in the cache, made of wheels from the blob store.
 *
 * Each wheel is checked and unpacked once, to CACHE/venvs/wheels/SHA256-TAG, and hard linked from there (copied where links cannot be).
 * The venv is built under another name and renamed: whoever finds its folder finds it whole. Two makers at once both succeed; one's
 * work is thrown away. Files are read-only; nothing in a venv changes after it was made.
 */
#ifndef PAWL_BACKENDS_VENV_H
#define PAWL_BACKENDS_VENV_H

#include <stdatomic.h>

#include "cache/cache.h"

#define VENV_FORMAT 1 /* enters names; raised when what is made changes */

struct venv_wheel {
	struct digest digest;
	struct str file; /* for messages */
};

struct venv_spec {
	struct str name;       /* of its folder below CACHE/venvs */
	struct str executable; /* the real interpreter, absolute */
	struct str version;    /* "3.11.7" */
	struct str series;     /* "3.11" */
	const struct venv_wheel *wheels; /* in the order of installing: the later wins where two have one path */
	size_t nwheels;
	atomic_bool *stop;     /* may be NULL */
};

struct str venv_path(const struct cache *c, struct str name, struct arena *a);
/* Is it there, with its interpreter? */
bool venv_there(const struct cache *c, struct str name);
/* Make it unless it is there. Any thread. */
int venv_make(struct cache *c, const struct venv_spec *s, struct err *e);

#endif
