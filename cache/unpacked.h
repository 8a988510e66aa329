/* SPDX-License-Identifier: Apache-2.0
 *
 * unpacked: folders in the cache that were made of blobs and can be made again: roots/NAME (layers), venvs/NAME, venvs/wheels/NAME, pyc/NAME.
 *
 * A folder that came from a layer has a seal, roots/NAME.seal: a fingerprint over names, modes, owners, sizes and times of all
 * that is in it, as it was when it was whole. Whoever uses one says so (unpacked_use); unpacked_sweep removes what nobody needs. What is used is
 * younger than the lease of who uses it: that is how it is left alone. Any thread.
 */
#ifndef PAWL_CACHE_UNPACKED_H
#define PAWL_CACHE_UNPACKED_H

#include "cache/cache.h"

#define UNPACKED_ROOTS "roots" /* names are the hex digest of a layer, and "-user" where root's owners could not be kept */

/* It is in use from now on. path: relative to the cache's folder. Missing is fine. */
void unpacked_use(struct cache *c, const char *path);

/* Record what the whole folder is like, before it gets its name: the seal of `path` says what is in `folder` (absolute). */
int unpacked_seal(struct cache *c, const char *path, const char *folder, struct err *e);
/* Is it there and as its seal says? Looks at every name in it, at no content; the first time in a process, then only whether it is there. */
bool unpacked_whole(struct cache *c, const char *path);
void unpacked_forget(struct cache *c); /* what was found whole; cache_close does it */
/* Out of the way and gone, with its seal; missing is fine. */
int unpacked_remove(struct cache *c, const char *path, struct err *e);

struct unpacked_opts {
	int64_t now, max_age;  /* ns; longer unused: goes */
	int64_t oldest;        /* the start of the oldest held lease: what was used since stays */
	bool dry_run;
	bool (*needed)(void *ctx, const struct digest *layer); /* does the layer's blob stay? else its folder goes */
	void *ctx;
};

struct unpacked_report {
	size_t n, removed;
	uint64_t bytes, bytes_removed; /* a file with several names counts once, in parts */
};

/* opts NULL: only counts. */
int unpacked_sweep(struct cache *c, const struct unpacked_opts *o, struct unpacked_report *out, struct err *e);

#endif
