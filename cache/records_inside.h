/* SPDX-License-Identifier: Apache-2.0
 *
 * records_inside: what the files that make up records (records.c: opening; records_read.c; records_write.c) know of each other.
 *
 * Views are inside the gate. Who grows the map, takes over another process's growth, or replaces the file, shuts it first. A closed
 * lmdb (env NULL) has nothing to read: every view is empty.
 */
#ifndef PAWL_CACHE_RECORDS_INSIDE_H
#define PAWL_CACHE_RECORDS_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache/gate.h"
#include "cache/lmdb.h"
#include "cache/pages.h"
#include "cache/records.h"

#define OPEN_MS 10000
#define TRIES 50 /* of what a commit of another process may disturb */

struct view {
	struct records *r;
	struct lmdb_read *txn; /* NULL: empty */
	struct pages_root root;
	struct pages_seen seen;
	uint64_t seen_txnid; /* state that seen is about */
	struct view *next;   /* in records.idle */
};

#define RECORDS_SMALL_PAGES 1024

struct records {
	char *folder;
	int dir;
	bool read_only;
	size_t map_bytes;
	struct lmdb l;
	struct pages pages;
	atomic_bool checked; /* all pages, since opening and since the last damage met; else each commit checks what it touches */
	uint64_t small_pages; /* files of that many pages at most are checked whole before a commit */
	struct buf notice;

	struct gate gate;
	pthread_mutex_t mu;
	struct view *idle; /* ended, to be used again */
};

/* records.c */
int records_fail(struct err *e, int rc, const char *what, const struct records *r); /* an err from LMDB's result */
int records_see_pages(struct records *r, struct err *e);
void records_close_env(struct records *r);
/* With open.lock held. */
int records_open_env(struct records *r, struct err *e);
int records_put_aside(struct records *r, const char *why, struct err *e);

/* records_read.c */
/* Sound values go to call, deletions of the others to bad; either may be NULL. Returns how many are not sound. */
struct records_walk {
	enum table t;
	bool (*call)(void *ctx, struct str key, struct str value);
	void *ctx;
	struct batch *bad;
	size_t nbad;
};
size_t records_walk(struct view *v, struct str prefix, struct records_walk w);

/* records_write.c */
int records_resize(struct records *r, size_t bytes, struct err *e); /* 0: what another process made of it; no view of the caller's */

#endif
