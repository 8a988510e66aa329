/* SPDX-License-Identifier: Apache-2.0
 *
 * records: small values by key, in LMDB, shared by all invocations of a user. The door to LMDB is cache/lmdb.c.
 *
 * Invariants
 * R1  A value carries a fingerprint over table, key and value; a value that does not match is a miss, never an answer.
 * R2  What records_commit(durable) acknowledged survives a crash of the machine; the blobs it names were durable before
 *     (cache_commit keeps that order).
 * R3  Losing the whole file costs time, never a wrong answer: nothing lives only here that cannot be made again.
 * R4  A writer waits for the lock in front of LMDB's own with a deadline, so that a stopped process cannot block for ever.
 *
 * Opened with MDB_NOTLS | MDB_NOMETASYNC, size checked against the file after open, mdb_reader_check at every open,
 * close-on-exec, 4,096 readers, the map grown when it is full (and re-opened when another process grew it). A file that is
 * not LMDB or is damaged is put aside and begun anew (said through records_notice).
 *
 * LMDB believes its pages, so each page is checked (cache/pages.h) before LMDB walks it: on the path to a key before a look-up; before a
 * commit also those beside the paths and the list of free pages; and all of them once before the first commit if the file is small, or at every
 * 64th transaction. Damage met by a look-up is a miss; met by a commit, a fresh start.
 *
 * A process has one struct records open per folder at most (LMDB's locks are the process's). After fork() the child leaves it alone.
 * Threads: any thread may read through a view of its own; commits come from one thread at a time, which holds no view meanwhile.
 *
 *	records/data.mdb, lock.mdb   LMDB's          open.lock    held while opening, making and putting aside
 *	records/damaged.mdb          put aside last  write.lock   held around every write transaction (R4)
 */
#ifndef PAWL_CACHE_RECORDS_H
#define PAWL_CACHE_RECORDS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Stored numbers: append only. name, what the key is, what the value is */
#define RECORD_TABLES(X)                                                                                            \
	X(TABLE_RESULT, "result", "digest of a key (32 bytes)", "engine/result.h: what was made under that key")    \
	X(TABLE_LAST, "last", "project and node name", "engine/last.h: the key of the node's last result or failure") \
	X(TABLE_STAT, "stat", "dev, ino", "cache/stats.h: signature and content of a file")                          \
	X(TABLE_FACTS, "facts", "scanner and content fingerprint", "what a scanner found in a file")                 \
	X(TABLE_RUN, "run", "project and run id", "one finished run as JSON")                                        \
	X(TABLE_SNAPSHOT, "snapshot", "project and invocation", "rules/snapshot.h: leaves of the last full hit")     \
	X(TABLE_SEEN, "seen", "registry, repository, digest", "when that registry was seen to have that blob")       \
	X(TABLE_MISC, "misc", "text", "everything small and rare")                                                   \
	X(TABLE_OBSERVED, "observed", "digest of a base key", "engine/observed.h: what makers looked at beside their inputs")

enum table {
#define X(id, name, key, value) id,
	RECORD_TABLES(X)
#undef X
	TABLE_COUNT
};
struct str record_table_name(enum table t); /* NUL-terminated */

#define RECORD_KEY_MAX 480 /* bytes */

struct records;
struct view;

/* folder: absolute path of records/, made if missing. read_only: never write, no lock file needed if it cannot be made. */
int records_open(const char *folder, bool read_only, struct records **out, struct err *e);
/* The same with that much address space to begin with (records_open: 16 GiB; it is doubled when it does not suffice). */
int records_open_sized(const char *folder, bool read_only, size_t map_bytes, struct records **out, struct err *e);
/* Records that hold nothing: every look-up is a miss, every commit ERR_FULL. What a degraded cache works with. */
struct records *records_none(void);
void records_close(struct records *r); /* all views ended; NULL is fine */
/* What open had to do to go on ("records were damaged and are begun anew ..."); empty: nothing. */
struct str records_notice(const struct records *r);

/* A read transaction: a consistent state, cheap, short-lived; values are borrowed from the map until view_end. */
int view_begin(struct records *r, struct view **out, struct err *e);
void view_end(struct view *v); /* NULL is fine */
bool view_get(struct view *v, enum table t, struct str key, struct str *value);
/* In the order of keys, those that begin with prefix; call returns false to stop. Damaged values are left out and counted. */
size_t view_each(struct view *v, enum table t, struct str prefix, bool (*call)(void *ctx, struct str key, struct str value),
		 void *ctx);
size_t view_count(struct view *v, enum table t);

/* Changes to be made at once. Zero value ready; owns copies. */
struct batch {
	struct buf ops;
	size_t n;
};
void batch_put(struct batch *b, enum table t, struct str key, struct str value);
void batch_del(struct batch *b, enum table t, struct str key);
void batch_done(struct batch *b);
/* Walk b: all = { buf_str(&b->ops) }, then until false. value is empty for a deletion. */
struct batch_op {
	enum table table;
	bool del;
	struct str key, value;
};
bool batch_next(struct rd *rest, struct batch_op *out);

/* All of b in one transaction; durable: on the disk before this returns. Empties b on success. ERR_FULL: disk full or
 * read-only; ERR_BUSY: the writer's lock was not to be had within lock_ms (or this process's own views did not end). */
int records_commit(struct records *r, struct batch *b, bool durable, int lock_ms, struct err *e);

/* Check every value of every table; ndamaged of them are wrong, and removed when repair. */
int records_verify(struct records *r, bool repair, size_t *nchecked, size_t *ndamaged, struct err *e);

#endif
