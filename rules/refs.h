/* SPDX-License-Identifier: Apache-2.0
 *
 * refs: which blobs a record needs; the eyes of the cache's gc (cache/gc.h).
 */
#ifndef PAWL_RULES_REFS_H
#define PAWL_RULES_REFS_H

#include "cache/gc.h"

/* A gc_opts.describe: outputs, logs, files of folders and layers of images of one record. ctx is not used. */
bool refs_describe(void *ctx, struct cache *c, enum table t, struct str key, struct str value, struct arena *a,
		   struct gc_item *out);

#endif
