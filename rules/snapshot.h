/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot: the no-op path. What an invocation that found everything up to date had looked at, so that the next one compares
 * signatures and stops: no YAML, no Python, no subprocess, no network, no write.
 *
 * While an invocation plans, every rule reports what it looked at (leaves_*). After a run in which everything was hit or made and is in place,
 * snapshot_save stores the leaves under (project root, verb's arguments). snapshot_check opens one view, reads the block, stats the
 * leaves in parallel by folder, compares variables, and says yes only if all of it is as before and nothing has expired.
 *
 * A file that is so young that its signature proves nothing yet is hashed once more after the wait of a tick or two when the snapshot is
 * saved; a folder's listing counts by its names, so that a temporary file that came and went changes nothing.
 *
 * Block (this machine's byte order, position-independent; checked by the record's fingerprint):
 *	head | nfolders x u32 offset of path | nleaves x leaf { folder, name offset, kind, signature or fingerprint of names } sorted by folder |
 *	nvars x { name offset, is set, fingerprint of the value } | answer | texts, each with a NUL at its end
 */
#ifndef PAWL_RULES_SNAPSHOT_H
#define PAWL_RULES_SNAPSHOT_H

#include "cache/cache.h"
#include "hashing/content.h"

struct leaves;
struct leaves *leaves_new(void);
void leaves_free(struct leaves *l);
/* The project root, in which relative paths lie; borrowed. Before anything else. */
void leaves_root(struct leaves *l, int root);
/* path: relative to the project root, or absolute (tools). st: its signature (links not followed) when its content was last known; NULL: it was missing.
 * Any thread. The same path again replaces. */
void leaves_path(struct leaves *l, struct str path, const struct stat_sig *st);
/* Its listing matters: call it before listing; names and signature are taken now. One that cannot be read counts as missing. */
void leaves_folder(struct leaves *l, struct str path);
void leaves_var(struct leaves *l, struct str name, const char *value); /* NULL: not set */
void leaves_expiry(struct leaves *l, int64_t at);              /* the answer is good until then (clock_real) */
void leaves_never(struct leaves *l);                           /* no snapshot may be made (cache: false, an unknown) */
size_t leaves_count(struct leaves *l);

struct snapshot_key {
	struct str root;      /* absolute */
	struct str arguments; /* verb, file, stack, targets, params: what makes it another question */
};

/* Into b; nothing when leaves_never was called or a leaf is not what it was. answer: bytes that check gives back (the line's figures, encoded by the
 * caller). May wait for up to two ticks of the clock. */
void snapshot_put(struct batch *b, const struct snapshot_key *k, struct leaves *l, struct stats *s, struct str answer);
/* True: nothing changed; answer is borrowed from v. */
bool snapshot_check(struct view *v, const struct snapshot_key *k, int root, const char *const *environ_, struct str *answer);

#endif
