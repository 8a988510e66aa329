/* SPDX-License-Identifier: Apache-2.0
 *
 * claim: one owner at a time for a key or a project, across processes; it dies with its owner.
 *
 * One byte of the file locks/claims, which stays empty: the one that the fingerprint of the name leads to. An open file description
 * lock on it costs two calls and makes no file. Names that lead to one byte (63 bits) only wait for each other.
 */
#ifndef PAWL_CACHE_CLAIM_H
#define PAWL_CACHE_CLAIM_H

#include "cache/cache.h"

/* Descriptor of the claim (close it to release), or -1 with ERR_BUSY when another process has it. In a degraded cache: a
 * descriptor that claims nothing. */
int claim_try(struct cache *c, struct str name, struct err *e);

#endif
