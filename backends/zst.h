/* SPDX-License-Identifier: Apache-2.0
 *
 * zst: zstd streams; the one door to libzstd.
 *
 * A packer takes bytes and appends what it has compressed to a buffer; an unpacker the other way round. The unpacked side is hostile
 * input: it stops at a limit (ERR_DAMAGED), and so does a window of more than 128 MiB. One thread at a time each.
 */
#ifndef PAWL_BACKENDS_ZST_H
#define PAWL_BACKENDS_ZST_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct zst_pack;
struct zst_pack *zst_pack_new(int level);
void zst_pack_free(struct zst_pack *z);                                  /* NULL is fine */
void zst_pack_add(struct zst_pack *z, struct str bytes, struct buf *out);
void zst_pack_end(struct zst_pack *z, struct buf *out);                  /* the frame is complete; z begins a new one */

struct zst_unpack;
struct zst_unpack *zst_unpack_new(uint64_t limit);                       /* bytes that may come out in all */
void zst_unpack_free(struct zst_unpack *z);
int zst_unpack_add(struct zst_unpack *z, struct str bytes, struct buf *out, struct err *e);
bool zst_unpack_whole(const struct zst_unpack *z);                       /* nothing is missing at this point */

#endif
