/* SPDX-License-Identifier: Apache-2.0
 *
 * blobs_inside: what the files that make up blobs (blobs.c, blobs_temp.c, blobs_read.c, blobs_flush.c) know of each other.
 */
#ifndef PAWL_CACHE_BLOBS_INSIDE_H
#define PAWL_CACHE_BLOBS_INSIDE_H

#include <pthread.h>

#include "base/map.h"
#include "base/vec.h"
#include "cache/blobs.h"

/* A blob that is not final yet. */
struct pending {
	struct digest digest;
	uint64_t size;
	uint64_t serial; /* its file's name in hex */
	bool spilled;    /* the file is in the scratch folder */
};

/* One of the two folders for pending blobs, made when first needed. */
struct nest {
	int fd;     /* -1: not made yet */
	int lock;   /* held while we live; -1 in the scratch folder */
	char *path; /* absolute */
};

struct blobs {
	char *folder; /* absolute */
	int dir;      /* FOLDER; -1: it does not exist */
	int final;    /* FOLDER/blobs/sha256; -1 likewise */
	bool read_only;
	_Atomic int64_t epoch; /* clock_real; older blobs are renewed when they are put again */

	pthread_mutex_t flushing; /* one flush at a time; taken before mu */
	pthread_mutex_t mu;       /* all below */
	struct nest own, spill;
	_Atomic int mode;         /* of a file made with FINAL_MODE in own: 0 not known yet */
	uint64_t serial;
	struct map index; /* digest's bytes -> place in pending */
	VEC(struct pending *) pending;
};

#define FINAL_MODE 0444

/* A file being written for a pending blob. */
struct temp {
	int fd;
	uint64_t serial, size;
	bool spilled;
};

/* blobs_temp.c */
int temp_begin(struct blobs *b, struct temp *t, struct err *e);
int temp_write(struct blobs *b, struct temp *t, struct str bytes, struct err *e);
int temp_copy(struct blobs *b, struct temp *t, int src, struct err *e); /* the whole of src, from its start */
/* It becomes the pending blob of that digest, or vanishes when such a blob is there. */
int temp_keep(struct blobs *b, struct temp *t, const struct digest *d, struct err *e);
/* The same when it was not there a moment ago; whoever was faster has the same bytes. */
int temp_keep_new(struct blobs *b, struct temp *t, const struct digest *d, struct err *e);
void temp_drop(struct blobs *b, struct temp *t);
void nests_done(struct blobs *b);
void tmp_clean(struct blobs *b); /* B4 */
const struct nest *nest_of(const struct blobs *b, bool spilled);

/* blobs.c */
#define BLOB_NAME 17
void serial_name(uint64_t serial, char out[BLOB_NAME]);
bool pending_find(struct blobs *b, const struct digest *d, struct pending *out);
void pending_add(struct blobs *b, struct pending p); /* mu held */
void pending_remove(struct blobs *b, const struct pending *which, size_t n); /* by serial; mu held */
/* There with that size (UINT64_MAX: any)? Renews its age (B5). */
bool blob_known(struct blobs *b, const struct digest *d, uint64_t size);

#endif
