/* SPDX-License-Identifier: Apache-2.0
 *
 * squeeze: compression into a blob, deterministic on every machine. The one door to libdeflate and to libzstd's compressor.
 *
 * The input is cut into pieces of a fixed size; each becomes a gzip member (level 1, no name, no time) or a zstd frame (level 3) of its
 * own, several at a time on all CPUs. Members and frames concatenate, so the result is one valid stream, and where a piece ends depends on the
 * input alone. Digest and size of the plain bytes are taken on the way. One thread at a time.
 */
#ifndef PAWL_BACKENDS_SQUEEZE_H
#define PAWL_BACKENDS_SQUEEZE_H

#include "cache/blobs.h"
#include "hashing/digest.h"

enum squeeze_kind { SQUEEZE_GZIP, SQUEEZE_ZSTD, SQUEEZE_NONE };

struct squeeze;

int squeeze_begin(struct blobs *b, enum squeeze_kind kind, struct squeeze **out, struct err *e);
int squeeze_write(struct squeeze *s, struct str bytes, struct err *e);
/* The rest, then the blob. Frees s, also on failure. plain_size may be NULL. */
int squeeze_end(struct squeeze *s, struct digest *blob, uint64_t *size, struct digest *plain, uint64_t *plain_size, struct err *e);
/* What was written so far ends a member: the next byte begins another. */
int squeeze_cut(struct squeeze *s, struct err *e);
/* At most a piece's size (1 MiB) as one member, appended. */
int squeeze_bytes(enum squeeze_kind kind, struct str in, struct buf *out, struct err *e);
void squeeze_abort(struct squeeze *s); /* NULL is fine */
const char *squeeze_name(enum squeeze_kind kind); /* with version and level, for keys: "libdeflate 1.14 level 1, 1 MiB" */

#endif
