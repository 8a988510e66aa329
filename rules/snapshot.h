/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot: the no-op path. What an invocation that found everything up to date had looked at, so that the next one compares
 * signatures and stops: no YAML, no Python, no subprocess, no network, no write.
 *
 * While an invocation plans, every rule reports what it looked at (leaves_*). After a run in which everything was hit or made and is in place,
 * snapshot_save stores the leaves under (project root, verb's arguments). snapshot_look opens one view, reads the block, stats the
 * leaves in parallel by folder, compares variables, and says yes only if all of it is as before and nothing has expired.
 *
 * A file that is so young that its signature proves nothing yet is hashed once more after the wait of a tick or two when the snapshot is
 * saved; a folder's listing counts by its names, so that a temporary file that came and went changes nothing.
 *
 * When only a few files differ, and nobody but their own nodes had looked at them, snapshot_look names them; rules/part.h finds the steps that
 * they reach, and snapshot_put_part stores what the run of those steps alone has changed. rules/snapshot_block.h draws the stored form.
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
/* The same, reported by the one node whose file it is: the source of that path, or the step that has it as an output. As long as nobody else reports
 * it, what a change of it reaches is known from the graph alone (rules/part.h). */
void leaves_own(struct leaves *l, struct str path, const struct stat_sig *st);
/* Its listing matters: call it before listing; names and signature are taken now. One that cannot be read counts as missing. */
void leaves_folder(struct leaves *l, struct str path);
void leaves_var(struct leaves *l, struct str name, const char *value); /* NULL: not set */
void leaves_expiry(struct leaves *l, int64_t at);              /* the answer is good until then (clock_real) */
void leaves_never(struct leaves *l);                           /* no snapshot may be made (cache: false, an unknown) */
size_t leaves_count(struct leaves *l);
/* Paths of the project (no absolute ones) that were looked at and there. folder: its listing counted. Nobody reports meanwhile. */
void leaves_each(struct leaves *l, void (*call)(void *ctx, struct str path, bool folder), void *ctx);

struct snapshot_key {
	struct str root;      /* absolute */
	struct str arguments; /* verb, file, stack, targets, params: what makes it another question */
};

/* Into b; nothing when leaves_never was called or a leaf is not what it was. answer: bytes that check gives back (the line's figures, encoded by the
 * caller). May wait for up to two ticks of the clock. The block's id; 0: there is none. */
uint64_t snapshot_put(struct batch *b, const struct snapshot_key *k, struct leaves *l, struct stats *s, struct str answer);
/* True: nothing changed; answer is borrowed from v. environ_ NULL: variables are not compared. */
bool snapshot_check(struct view *v, const struct snapshot_key *k, int root, const char *const *environ_, struct str *answer);

#define SNAPSHOT_FEW_MOST 16    /* files that may have changed for a part */
#define SNAPSHOT_LATER_MOST 512 /* leaves of a later block, from which on a whole one is made again */

/* Last byte of the record's keys. */
enum { SNAPSHOT_WHOLE = 0, SNAPSHOT_LATER = '+', SNAPSHOT_PARTS = 'p' };

void snapshot_record(const struct snapshot_key *k, char what, struct buf *out); /* the record's key */

enum snapshot_state {
	SNAPSHOT_OTHER, /* there is none, or anything may have changed */
	SNAPSHOT_SAME,
	SNAPSHOT_FEW,   /* only `changed` differ: files, each reported with leaves_own alone */
};
struct snapshot_seen {
	struct str answer;   /* borrowed from the view */
	uint64_t id;
	int64_t checked_at;  /* clock_real before the first look */
	struct str changed[SNAPSHOT_FEW_MOST];
	size_t nchanged;
};
enum snapshot_state snapshot_look(struct view *v, const struct snapshot_key *k, int root, const char *const *environ_, struct arena *a,
				  struct snapshot_seen *out);
/* Was each path a file that nobody but its own node looked at? */
bool snapshot_exclusive(struct view *v, const struct snapshot_key *k, const struct str *paths, size_t n);

/* What a run of a part was to decide about. */
struct snapshot_part {
	uint64_t id;         /* of the block that it began with */
	int64_t checked_at;
	const struct str *own; /* paths: what had changed, and the outputs of the steps that this reaches */
	size_t nown;
};
/* After a run of a part in which everything came to be in place: into b. Only the leaves of `own` replace what the block says; of other leaves the
 * old signatures stay, so that a change of one during the run is seen by the next check. Nothing if another block was stored meanwhile. */
void snapshot_put_part(struct view *v, struct batch *b, const struct snapshot_key *k, const struct snapshot_part *part, struct leaves *l,
		       struct stats *s, struct str answer);

/* For who watches instead of asking (sys/notice.h): each leaf of the stored blocks, but for those of a whole block with the id `known`. path: as it
 * was reported; listing: the names in that folder count. False: there are no blocks. Texts are borrowed from v. */
struct snapshot_facts {
	uint64_t id;
	int64_t expiry;
	struct str answer;
};
struct snapshot_var {
	struct str name;
	bool set;
	struct fp value;
};
bool snapshot_each(struct view *v, const struct snapshot_key *k, uint64_t known, void (*leaf)(void *ctx, struct str path, bool listing),
		   void (*var)(void *ctx, const struct snapshot_var *x), void *ctx, struct snapshot_facts *out);
/* Is the variable what it was? */
bool snapshot_same_var(const struct snapshot_var *x, const char *const *environ_);

#endif
