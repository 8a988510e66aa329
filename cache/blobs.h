/* SPDX-License-Identifier: Apache-2.0
 *
 * blobs: bytes by SHA-256, in an OCI image layout: FOLDER/oci-layout, FOLDER/index.json, FOLDER/blobs/sha256/HEX.
 *
 * Invariants
 * B1  A blob at its final name has been synced, checked against digest and size, and never changes.
 * B2  A new blob is pending (a file in FOLDER/tmp/PID-...) until blobs_flush has synced it, renamed it and synced the folder; in this
 *     process it is found by its digest meanwhile.
 * B3  Bytes that leave through blobs_read, blobs_checkout or blob_reader were checked on the way: damage gives ERR_DAMAGED, moves the
 *     blob aside, and never a wrong file.
 * B4  tmp/ files of dead processes are removed at open (their lock is free).
 * B5  A blob that is put again counts as new from then on (its mtime is later than blobs_open and blobs_epoch), so that gc leaves it to
 *     whoever is about to name it.
 *
 * When FOLDER cannot be written (read-only, full), new blobs are pending in a scratch folder under $TMPDIR until blobs_close: this process
 * reads them, blobs_flush says ERR_FULL. With read_only nothing in FOLDER is made, and a missing FOLDER is an empty one.
 *
 *	FOLDER/tmp/.lock        held while a folder in tmp/ is made or removed
 *	FOLDER/tmp/PID-XXXXXX/  pending blobs of one process; lock in it is held while it lives
 *	FOLDER/damaged/HEX      moved aside            FOLDER/grave/HEX  on the way out (gc)
 *
 * Modes: blobs are 0444. Threads: all functions may be called from any thread.
 */
#ifndef PAWL_CACHE_BLOBS_H
#define PAWL_CACHE_BLOBS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "hashing/content.h"
#include "hashing/digest.h"
#include "sys/file.h"

struct blobs;

int blobs_open(const char *folder, bool read_only, struct blobs **out, struct err *e);
void blobs_close(struct blobs *b); /* flushes nothing: pending blobs are dropped */

/* Is it there with a plausible size? Looks at names only. size may be NULL. */
bool blobs_has(struct blobs *b, const struct digest *d, uint64_t *size);
/* Absolute path of a blob (pending or final), for programs and mounts; false: not there. Unchecked. A pending blob has another path
 * after blobs_flush: flush first what must keep its path. */
bool blobs_path(struct blobs *b, const struct digest *d, struct arena *a, struct str *path);

/* What is put again from now on gets an mtime of `at` (clock_real) or later: lease_take says when its lease begins. */
void blobs_epoch(struct blobs *b, int64_t at);
int blobs_put(struct blobs *b, struct str bytes, struct digest *out, struct err *e);
/* The content of a regular file: reflinked or copied, then hashed from the copy, so that what is stored is what is named.
 * expect may be NULL; a mismatch (the file changed while it was read) is ERR_BUSY. If a blob of that digest is there
 * already and expect is given, nothing is copied. */
int blobs_put_file(struct blobs *b, int at, const char *path, const struct content *expect, struct content *out, struct err *e);

/* Write a blob piece by piece. commit checks against expect (may be NULL; else ERR_DAMAGED) and frees; abort frees, NULL is
 * fine. A blob that is there already is not written twice. */
struct blob_writer;
int blob_begin(struct blobs *b, struct blob_writer **out, struct err *e);
int blob_write(struct blob_writer *w, struct str bytes, struct err *e);
int blob_commit(struct blob_writer *w, const struct digest *expect, struct digest *out, uint64_t *size, struct err *e);
void blob_abort(struct blob_writer *w);

/* Whole content, checked; at most limit bytes. ERR_MISSING, ERR_DAMAGED. Appends to out. */
int blobs_read(struct blobs *b, const struct digest *d, size_t limit, struct buf *out, struct err *e);
/* Piece by piece, in order; the last piece is given out only when the digest was right (ERR_DAMAGED else; what came before
 * must then be thrown away). n is 0 at the end. */
struct blob_reader;
int blob_open(struct blobs *b, const struct digest *d, struct blob_reader **out, struct err *e);
int blob_next(struct blob_reader *r, void *to, size_t size, size_t *n, struct err *e);
void blob_close(struct blob_reader *r);

/* Write a checked copy to path atomically (temporary file beside it, reflink or copy, rename), with that mode. st: its
 * signature afterwards. */
int blobs_checkout(struct blobs *b, const struct digest *d, int at, const char *path, mode_t mode, struct file_stat *st,
		   struct err *e);

/* Make all pending blobs durable and final (B1, B2): data synced together, renamed, folder synced once. */
int blobs_flush(struct blobs *b, struct err *e);

/* Walk all final blobs in the order of their names; call returns false to stop. */
int blobs_each(struct blobs *b, bool (*call)(void *ctx, const struct digest *d, const struct file_stat *st), void *ctx,
	       struct err *e);
/* Reads it all: 0, or ERR_DAMAGED / ERR_MISSING. Moves nothing. */
int blobs_check(struct blobs *b, const struct digest *d, struct err *e);
int blobs_remove(struct blobs *b, const struct digest *d, struct err *e); /* missing is fine */

/* Removal in two steps, for gc, which must look again whether somebody needs the blob after nobody can find it any more:
 * bury -> gone [blobs_graves_empty], or back [blobs_unbury]. used_at: its mtime, as B5 left it. What a dead process buried comes
 * back with blobs_unbury_all. */
int blobs_bury(struct blobs *b, const struct digest *d, int64_t *used_at, struct err *e);
int blobs_unbury(struct blobs *b, const struct digest *d, struct err *e);
int blobs_unbury_all(struct blobs *b, struct err *e);
int blobs_graves_empty(struct blobs *b, struct err *e); /* and what lies in damaged/ */

#endif
