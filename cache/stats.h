/* SPDX-License-Identifier: Apache-2.0
 *
 * stats: the stat table. The content of a file without reading it, when its signature can be trusted.
 *
 * The key is (dev, ino); the value is signature, content, and the time of hashing. New knowledge is kept in memory, found at once,
 * and written by stats_save. Threads: stats_content may be called from pool threads.
 */
#ifndef PAWL_CACHE_STATS_H
#define PAWL_CACHE_STATS_H

#include "cache/records.h"
#include "hashing/content.h"
#include "hashing/tree.h"

struct stats;

struct stats *stats_new(struct records *r); /* r may be NULL: memory only */
void stats_free(struct stats *s);
/* Content of the regular file at path. st: what stat said just now, or NULL. Reads it only when needed; a file that changes while
 * it is read is read again (ERR_BUSY after several times). */
int stats_content(struct stats *s, int at, const char *path, const struct file_stat *st, struct content *out, struct err *e);
/* Tell what is known without reading (a checkout, an output that was hashed while stored). */
void stats_know(struct stats *s, const struct file_stat *st, const struct content *c, int64_t hashed_at);
/* What was found for exactly this signature, without a look at the file; false: nothing. *settled: it may be trusted from now on (hashing/content.h);
 * else the content may have changed within the same tick. */
bool stats_peek(struct stats *s, const struct stat_sig *sig, struct content *out, bool *settled);
/* A reader for tree_scan. */
struct tree_reader stats_tree_reader(struct stats *s);
/* Was this record of TABLE_STAT last used before then (or is it not readable)? Uses count by the week. */
bool stats_asked_before(struct str value, int64_t before);
void stats_save(struct stats *s, struct batch *b);

#endif
