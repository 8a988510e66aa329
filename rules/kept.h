/* SPDX-License-Identifier: Apache-2.0
 *
 * kept: blobs that hold what a person wrote into an output by hand. Nothing else names them, so gc would take them.
 *
 * TABLE_MISC: key "kept " + 32 bytes digest, value u64 time (clock_real). gc spares them for KEPT_FOR.
 */
#ifndef PAWL_RULES_KEPT_H
#define PAWL_RULES_KEPT_H

#include "rules/project.h"

#define KEPT_FOR (INT64_C(90) * 86400 * NS_PER_S)

/* Any thread; written with the next commit. */
void kept_add(struct project *p, const struct digest *d);
void kept_records(struct project *p, struct batch *b); /* takes what was added so far */
/* A record of TABLE_MISC that is one of these, and whose time is over? */
bool kept_is_over(struct str key, struct str value, int64_t now);
void kept_free(struct kept *k);                        /* NULL is fine */

/* All that gc must spare at `now`; in the arena. */
size_t kept_all(struct cache *c, int64_t now, struct arena *a, const struct digest **out);

#endif
