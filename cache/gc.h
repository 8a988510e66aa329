/* SPDX-License-Identifier: Apache-2.0
 *
 * gc: make the cache smaller without hurting anybody who runs.
 *
 * Roots are results (TABLE_RESULT) that are younger than max_age, what the last record of a node names (TABLE_LAST), and what held
 * leases name. What a root names is found through `refs`, which the caller gives: the cache does not know what a result looks
 * like. Results that are no roots are removed in the order of worth (seconds to make again per byte, then age): all of them without
 * max_bytes, else until the cache is below it; if it then still is not, younger results follow that no last record names. Blobs that nothing
 * names are removed, except those younger than the oldest held lease. Records go first, durably; a blob is taken back when it
 * turns out to have been leased or put again meanwhile. Of the stat table goes what nobody asked for in three times max_age: a file that is asked for later is
 * read again. Unpacked folders follow: those of layers that are no longer there, and those that nobody
 * used for max_age or since the oldest held lease began. One gc at a time (ERR_BUSY).
 */
#ifndef PAWL_CACHE_GC_H
#define PAWL_CACHE_GC_H

#include "cache/cache.h"
#include "cache/unpacked.h"

struct gc_item {
	int64_t used_at;          /* ns since 1970 */
	double seconds;           /* what it cost to make */
	const struct digest *refs; /* blobs it needs */
	size_t nrefs;
};

struct gc_opts {
	int64_t max_age;   /* ns; 0: 30 days */
	uint64_t max_bytes; /* 0: no limit */
	bool dry_run;
	/* refs of a record of TABLE_LAST may also name results (keys of TABLE_RESULT): those are roots then. */
	/* Describe one record of TABLE_RESULT or TABLE_LAST (blobs read through c where trees name more); false: not understood,
	 * it is removed. In the arena. */
	bool (*describe)(void *ctx, struct cache *c, enum table t, struct str key, struct str value, struct arena *a,
			 struct gc_item *out);
	void *ctx;
	const struct digest *keep; /* further roots */
	size_t nkeep;
	/* Other tables, which the cache knows nothing of: adds to b what is to be deleted (or written anew); returns how many records go. NULL: they stay. */
	size_t (*prune)(void *ctx, struct cache *c, int64_t now, int64_t max_age, struct batch *b);
};

struct gc_report {
	size_t results, results_removed, blobs, blobs_removed;
	uint64_t bytes, bytes_removed;
	size_t records_removed; /* of the stat table and those that prune() knows */
	struct unpacked_report unpacked; /* bytes above are of blobs alone */
};

int gc_run(struct cache *c, const struct gc_opts *o, struct gc_report *out, struct err *e);

/* Check all records and blobs. Damaged ones are removed when repair. */
struct verify_report {
	size_t records, records_damaged, blobs, blobs_damaged; /* found */
	size_t left;              /* damaged ones that are still there: 0 after a repair that worked */
	uint64_t bytes;           /* of all blobs */
	struct digest *damaged; /* in the arena */
	size_t ndamaged;
};
int cache_verify(struct cache *c, bool repair, struct arena *a, struct verify_report *out, struct err *e);

#endif
