/* SPDX-License-Identifier: Apache-2.0
 *
 * joblog: what a step printed, kept as one blob and read back line by line.
 *
 * Blob: zstd frames of text, lines that end in '\n':
 *	"pawl-log 1 <ns since 1970 of the first line>"
 *	"<microseconds since then> <stream> <text>"        stream: 1 stdout, 2 stderr
 * `zstdcat BLOB` is readable by people. A step that printed nothing has no log. At most JOBLOG_MAX bytes of text are kept; a last line says what was
 * left out. Secrets are masked before lines come here. The writer blocks on the disk only for output beyond 256 KiB; one thread at a time.
 */
#ifndef PAWL_BACKENDS_JOBLOG_H
#define PAWL_BACKENDS_JOBLOG_H

#include "cache/blobs.h"

#define JOBLOG_MAX (UINT64_C(1) << 30) /* bytes */

struct joblog;

struct joblog *joblog_new(struct blobs *b); /* b NULL: everything is dropped */
void joblog_line(struct joblog *l, int stream, int64_t at, struct str text);
/* Stores it and frees l. A zero digest: nothing was printed, or it could not be stored (a log is never worth a failed step). */
struct digest joblog_end(struct joblog *l);
void joblog_drop(struct joblog *l);         /* frees l; NULL is fine */

/* Every line in order; call returns false to stop. ERR_MISSING, ERR_DAMAGED (then lines may have been given out before). */
int joblog_read(struct blobs *b, const struct digest *d, bool (*call)(void *ctx, int stream, int64_t at, struct str text),
		void *ctx, struct err *e);

/* The last n lines at most, in the arena. */
struct joblog_line {
	int stream;
	int64_t at;
	struct str text;
};
int joblog_tail(struct blobs *b, const struct digest *d, size_t n, struct arena *a, struct joblog_line **out, size_t *nout,
		struct err *e);

#endif
