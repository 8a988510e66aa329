/* SPDX-License-Identifier: Apache-2.0
 *
 * turns: a resource of the machine (a GPU, a licence) that all invocations on this cache share, each in its turn.
 *
 * One file for each name, pools/HEX (the fingerprint of the name). Who wants some of it stands in line with a ticket and gets it when all before
 * him have theirs and what is held leaves enough: nobody passes anybody, so nobody waits for ever. A ticket lives as long as its owner: he holds
 * a lock on a byte of the file, and the next one who looks strikes out what has none.
 *
 *	file   u64 magic | u64 next ticket | n x { u64 ticket | u64 amount | u64 held: 0, 1 }, in the order of tickets; this machine's byte order
 *	locks  byte 0: held while reading and writing the file; byte 1 + ticket: its owner's
 *
 * The capacity is what the caller says; those who say different ones each see to their own. A file that makes no sense is begun anew. One thread at a time.
 */
#ifndef PAWL_CACHE_TURNS_H
#define PAWL_CACHE_TURNS_H

#include "cache/cache.h"

struct turns;

/* In a degraded cache: one in which everybody gets what he wants. */
int turns_open(struct cache *c, struct str name, uint64_t capacity, struct turns **out, struct err *e);
void turns_close(struct turns *t); /* gives up all tickets; NULL is fine */

/* Stand in line for that much (more than the capacity: all of it). */
int turns_join(struct turns *t, uint64_t amount, uint64_t *ticket, struct err *e);
/* *yes: it is his turn, and he has it from now on. Asked again and again; cheap. */
int turns_ask(struct turns *t, uint64_t ticket, bool *yes, struct err *e);
void turns_leave(struct turns *t, uint64_t ticket);

#endif
