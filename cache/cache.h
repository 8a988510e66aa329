/* SPDX-License-Identifier: Apache-2.0
 *
 * cache: records and blobs of one user together, and the order in which they become durable.
 *
 * Folder: $PAWL_CACHE, else $XDG_CACHE_HOME/pawl, else ~/.cache/pawl:
 *	records/  LMDB          blobs/  OCI image layout (oci-layout, index.json, blobs/sha256/)
 *	locks/    claims, project locks         leases/  what running invocations use        venvs/, roots/, pyc/, tmp/  unpacked things
 * blobs/ is the layout's folder: FOLDER/blobs/oci-layout, FOLDER/blobs/blobs/sha256/HEX.
 *
 * A cache that cannot be written (disk full, read-only) is still usable: `degraded` is set, reads work where they can, writes are dropped,
 * and cache_notice says so once. One thread commits; reading is free.
 */
#ifndef PAWL_CACHE_CACHE_H
#define PAWL_CACHE_CACHE_H

#include "cache/blobs.h"
#include "cache/records.h"

struct cache {
	struct str folder; /* absolute */
	int fd;            /* of folder */
	struct records *records;
	struct blobs *blobs;
	struct stats *stats;   /* cache/stats.h */
	struct lease *lease;   /* cache/lease.h; NULL: none taken */
	struct unpacked_seen *_Atomic seen; /* cache/unpacked.h: folders found whole */
	_Atomic bool degraded; /* set by the thread that commits, read by all */
	struct arena arena;
	struct str notice; /* not told yet */
	bool told;         /* what records_notice says */
};

/* The folder by the rules above, from the given environment values (each may be NULL). ERR_INPUT: none of them is set. */
int cache_folder(const char *pawl_cache, const char *xdg_cache_home, const char *home, struct arena *a, struct str *out,
		 struct err *e);
/* records and blobs are never NULL. ERR_INPUT: folder is not absolute; a folder that cannot be used gives a degraded cache. */
int cache_open(struct str folder, struct cache **out, struct err *e);
void cache_close(struct cache *c); /* releases the lease; NULL is fine */
/* What a person should know about the state of the cache, once; empty: nothing. */
struct str cache_notice(struct cache *c);

/* Blobs first (blobs_flush), then the batch in one durable transaction. Goes to degraded on ERR_FULL and returns 0 then. The batch is empty
 * afterwards; ERR_BUSY (a writer does not move): it is not, and may be tried again. */
int cache_commit(struct cache *c, struct batch *b, struct err *e);

#endif
