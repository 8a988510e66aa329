/* SPDX-License-Identifier: Apache-2.0
 *
 * prune: what `cache gc` removes of the tables that the cache itself does not understand.
 *
 *	run      all but the newest of each project (--keep-runs, else PRUNE_RUNS)
 *	seen     what a registry was last known to have before max_age
 *	misc     sets of steps that no run names, and kept blobs whose time is over
 */
#ifndef PAWL_CLI_PRUNE_H
#define PAWL_CLI_PRUNE_H

#include "cli/session.h"

#define PRUNE_RUNS 200

/* gc_opts.prune; ctx: the session, for its arena. */
size_t prune(void *ctx, struct cache *c, int64_t now, int64_t max_age, struct batch *b);

#endif
