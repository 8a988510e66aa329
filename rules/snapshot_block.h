/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_block: the stored form of leaves. Private to rules/snapshot.c and rules/snapshot_save.c.
 *
 * A question has up to two blocks: the whole one, and a later one for what a run of a part (rules/part.h) has found since. The later one names the
 * whole one by its id, repeats no leaf that still holds, and lists in `skips` the leaves of the whole one that it replaces.
 *
 * Block (this machine's byte order, position-independent; checked by the record's fingerprint):
 *	head | nfolders x u32 offset of path | nleaves x leaf { folder, name offset, kind, signature or fingerprint } sorted by folder and path |
 *	nvars x { name offset, is set, fingerprint of the value } | nskips x u32 leaf | answer | texts, each with a NUL at its end
 */
#ifndef PAWL_RULES_SNAPSHOT_BLOCK_H
#define PAWL_RULES_SNAPSHOT_BLOCK_H

#include "base/buf.h"
#include "rules/leaves.h"

#define SNAPSHOT_VERSION 2
#define SNAPSHOT_SHARED 256u /* flag in stored_leaf.kind */

struct snapshot_head {
	uint32_t version, nfolders, nleaves, nvars, nskips, answer_n, texts_n, unused;
	int64_t expiry;
	uint64_t id; /* of the whole block; of a later one: whose successor it is */
};

struct stored_leaf {
	uint32_t folder, name; /* index; offset in the texts */
	uint32_t kind, mode;
	uint64_t dev, ino, size;
	int64_t mtime, ctime;
	uint64_t hi, lo; /* LEAF_FOLDER: of the names; LEAF_YOUNG: of the content */
};

struct stored_var {
	uint32_t name, set;
	uint64_t hi, lo;
};

/* A block that was taken apart; everything points into it. */
struct snapshot_block {
	struct snapshot_head h;
	const char *folders, *leaves, *vars, *skips, *texts;
	struct str answer;
};

bool snapshot_open(struct str bytes, struct snapshot_block *b);
const char *snapshot_text(const struct snapshot_block *b, uint32_t at);
struct stored_leaf snapshot_leaf(const struct snapshot_block *b, uint32_t i);
const char *snapshot_folder(const struct snapshot_block *b, uint32_t folder);
/* The leaf with that path, or UINT32_MAX. */
uint32_t snapshot_find(const struct snapshot_block *b, struct str path);
/* Sorts the leaves. skips may be NULL. */
void snapshot_encode(struct leaf *v, size_t n, const struct leaf_var *vars, size_t nvars, const uint32_t *skips, size_t nskips,
		     int64_t expiry, uint64_t id, struct str answer, struct buf *out);

#endif
