/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot: the no-op path. What an invocation that found everything up to date had looked at, so that the next one compares
 * signatures and stops: no YAML, no Python, no subprocess, no network, no write.
 *
 * While an invocation plans, every rule reports what it looked at (leaves_*). After a run in which everything was hit or made and is in place,
 * snapshot_save stores the leaves under (project root, verb's arguments). snapshot_check opens one view, reads the block, stats the
 * leaves in parallel by folder, compares variables, and says yes only if all of it is as before and nothing has expired.
 *
 * Block (little endian, position-independent): u32 version | pawl version | expiry | counts and texts of the line | n folders x path |
 * n leaves x { folder index, name, stat_sig or "missing" } | n variables x { name, is set, fingerprint of the value }.
 */
#ifndef PAWL_RULES_SNAPSHOT_H
#define PAWL_RULES_SNAPSHOT_H

#include "cache/cache.h"
#include "hashing/content.h"

struct leaves;
struct leaves *leaves_new(void);
void leaves_free(struct leaves *l);
/* path: relative to the project root, or absolute (tools). st: its signature when its content was last known; NULL: it was missing.
 * Any thread. The same path again replaces. */
void leaves_path(struct leaves *l, struct str path, const struct stat_sig *st);
void leaves_folder(struct leaves *l, struct str path);         /* its listing mattered: signature of the folder itself, taken now */
void leaves_var(struct leaves *l, struct str name, const char *value); /* NULL: not set */
void leaves_expiry(struct leaves *l, int64_t at);              /* the answer is good until then (clock_real) */
void leaves_never(struct leaves *l);                           /* no snapshot may be made (cache: false, an unknown) */

struct snapshot_key {
	struct str root;      /* absolute */
	struct str arguments; /* verb, file, stack, targets, params: what makes it another question */
};

/* answer: bytes that check gives back (the line's figures, encoded by the caller). */
void snapshot_put(struct batch *b, const struct snapshot_key *k, struct leaves *l, int root, struct str answer);
/* True: nothing changed; answer is borrowed from v. */
bool snapshot_check(struct view *v, const struct snapshot_key *k, int root, const char *const *environ_, struct str *answer);

#endif
