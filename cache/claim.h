/* SPDX-License-Identifier: Apache-2.0
 *
 * claim: one owner at a time for a key or a project, across processes; it dies with its owner.
 *
 * One byte of one of the files locks/claims-N, which stay empty: the one that the fingerprint of the name leads to. An open file description
 * lock on it makes no file. Names that lead to one byte (59 bits) only wait for each other.
 *
 * Whoever holds many at once takes them from a set, which has one descriptor per file: descriptors with locks of their own would make every start
 * of a program slower by the square of their number, since the kernel looks through all locks of the file for each that it closes there. It looks
 * through all of them for each lock, too: hence several files.
 */
#ifndef PAWL_CACHE_CLAIM_H
#define PAWL_CACHE_CLAIM_H

#include "base/vec.h"
#include "cache/cache.h"

/* Descriptor of the claim (close it to release), or -1 with ERR_BUSY when another process has it. In a degraded cache: a
 * descriptor that claims nothing. */
int claim_try(struct cache *c, struct str name, struct err *e);

enum { CLAIM_FILES = 16 };

/* One thread at a time. */
struct claim_set {
	struct cache *cache;
	int fd[CLAIM_FILES]; /* -1: not open yet */
	VEC(uint64_t) held;
};
typedef uint64_t claim_id; /* 0: none */

void claim_set_init(struct claim_set *s, struct cache *c);
void claim_set_done(struct claim_set *s); /* gives up what is left */
/* ERR_BUSY: another process, another set or this one has it. In a degraded cache: 0 in *out. */
int claim_take(struct claim_set *s, struct str name, claim_id *out, struct err *e);
void claim_give(struct claim_set *s, claim_id id); /* 0 is fine */

#endif
