/* SPDX-License-Identifier: Apache-2.0
 *
 * claim: one owner at a time for a key or a project, across processes; it dies with its owner.
 *
 * locks/HEX of the first 16 bytes of the fingerprint of a name; an open file description lock. The files stay (empty).
 */
#ifndef PAWL_CACHE_CLAIM_H
#define PAWL_CACHE_CLAIM_H

#include "cache/cache.h"

/* Descriptor of the claim (close it to release), or -1 with ERR_BUSY when another process has it. In a degraded cache: a
 * descriptor that claims nothing. */
int claim_try(struct cache *c, struct str name, struct err *e);

#endif
