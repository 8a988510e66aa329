/* SPDX-License-Identifier: Apache-2.0
 *
 * lmdb: the door to LMDB (cache/lmdb.c alone includes its header). What records does with it and no more: no policy, no checks.
 *
 * The int results are LMDB's (0: done); lmdb_fault sorts them. Opened with MDB_NOTLS | MDB_NOMETASYNC: a commit syncs its pages before
 * the page that makes them count; lmdb_sync makes that one durable too. Never NOSYNC, WRITEMAP, MAPASYNC or NOLOCK.
 *
 * LMDB walks its pages blindly: a caller looks at them first (cache/pages.h). Only one write at a time in the process; reading
 * transactions are free, one thread each. lmdb_map and lmdb_close: no transaction may be active.
 */
#ifndef PAWL_CACHE_LMDB_H
#define PAWL_CACHE_LMDB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/records.h"

struct lmdb_env;  /* MDB_env */
struct lmdb_read; /* a reading MDB_txn */

struct lmdb {
	struct lmdb_env *env; /* NULL: closed */
	unsigned dbi[TABLE_COUNT];
	atomic_bool has[TABLE_COUNT]; /* dbi is valid */
};

enum lmdb_fault {
	LMDB_FINE,
	LMDB_MISS,    /* not found */
	LMDB_SMALL,   /* the map is full */
	LMDB_GREW,    /* another process made the map larger */
	LMDB_READERS, /* too many */
	LMDB_DAMAGE, /* EBADMSG too, for callers that found it themselves */
	LMDB_BROKEN, /* this environment refuses everything after a failed write: open it again */
	LMDB_FULL,   /* disk full, read-only, over a limit */
	LMDB_DENIED,
	LMDB_OTHER,
};
enum lmdb_fault lmdb_fault(int rc);
const char *lmdb_text(int rc);

#define LMDB_READERS_MAX 4096
#define LMDB_LOCK_BYTES (LMDB_READERS_MAX * 64 + 4096) /* at least what lock.mdb takes for them */

int lmdb_open(struct lmdb *l, const char *folder, bool read_only, size_t map_bytes);
void lmdb_close(struct lmdb *l);
int lmdb_reader_check(struct lmdb *l, int *ndead); /* frees the places of dead readers */
/* Grow to that many bytes; 0: to what another process made of it. now: what it is. */
int lmdb_map(struct lmdb *l, size_t bytes, size_t *now);
int lmdb_sync(struct lmdb *l);

/* Handles of the tables that are there; the tree of tables was checked. No write may go on. */
int lmdb_find_tables(struct lmdb *l, struct lmdb_read *t);
bool lmdb_has_tables(const struct lmdb *l); /* any */
/* One transaction with all of b, each value behind its seal; tables that are not there are made. */
int lmdb_write(struct lmdb *l, const struct batch *b);

/* *t NULL: a new one; else one that rests is used again. After a failure *t is NULL. */
int lmdb_read_begin(struct lmdb *l, struct lmdb_read **t);
void lmdb_read_rest(struct lmdb_read *t);
void lmdb_read_end(struct lmdb_read *t);
/* A reading transaction that is to leave handles behind must be ended like this. */
int lmdb_read_commit(struct lmdb_read *t);
uint64_t lmdb_read_id(struct lmdb_read *t);
int lmdb_get(struct lmdb *l, struct lmdb_read *t, enum table table, struct str key, struct str *stored);
int lmdb_each(struct lmdb *l, struct lmdb_read *t, enum table table, struct str prefix,
	      bool (*call)(void *ctx, struct str key, struct str stored), void *ctx);
size_t lmdb_count(struct lmdb *l, struct lmdb_read *t, enum table table);

const char *lmdb_version(void); /* "0.9.24" */

#endif
