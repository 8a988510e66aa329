/* SPDX-License-Identifier: Apache-2.0
 *
 * pages: is it safe to let LMDB walk this file?
 *
 * LMDB believes its pages: one flipped bit in a page's header or in an offset makes it read outside of the page, or of the file
 * (SIGBUS). So every page that it is about to touch is checked here first, by an eye of our own on the same file: that offsets stay
 * inside the page, that sizes add up, that page numbers lie inside the file and that the page is the one that was meant. What a
 * checked page says may still be wrong; the fingerprint in each value (records) is for that.
 *
 * Knows the format of data.mdb (LMDB 0.9, format 1, 64 bit, little endian), not lmdb.h. Reads only. Several threads may use one
 * struct pages, each with a pages_seen of its own.
 *
 *	page    u64 number | u16 pad | u16 flags | u16 lower | u16 upper | u16 offset of node ...     nodes fill [upper, end of page)
 *	        flags: 1 branch, 2 leaf, 4 overflow (lower/upper are then u32 number of pages), 8 meta
 *	node    u16 lo | u16 hi | u16 flags | u16 key size | key | data
 *	        branch: lo, hi, flags: number of the child.  leaf: lo, hi: size of data; flags: 1 data is the number of an overflow
 *	        page, 2 data is a tree
 *	tree    u32 pad | u16 flags | u16 depth | u64 branch pages | u64 leaf pages | u64 overflow pages | u64 entries | u64 root
 *	meta    pages 0 and 1: u32 0xBEEFC0DE | u32 1 | u64 address | u64 map size | tree of free pages (its pad is the page size) |
 *	        tree of tables | u64 last page | u64 transaction
 */
#ifndef PAWL_CACHE_PAGES_H
#define PAWL_CACHE_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct pages {
	int fd;
	const uint8_t *map;
	size_t mapped;         /* bytes of address space; the file may be shorter */
	_Atomic uint64_t size; /* of the file, as last seen */
	uint32_t psize;        /* bytes of a page */
	uint64_t dev, ino;
};

struct pages_tree {
	uint16_t flags, depth;
	uint64_t branches, leaves, overflows, entries, root;
};

/* A state of the file, as a transaction sees it. */
struct pages_root {
	uint64_t txnid;
	uint64_t next; /* all page numbers are smaller */
	struct pages_tree free, tables;
};

/* Pages that were checked already in one state. Zero value ready. */
struct pages_seen {
	uint64_t *bits;
	size_t words;
};

/* Opens the file and checks both meta pages. map_bytes: address space to use. ERR_MISSING: no file, or one that was never finished
 * (shorter than its meta pages); ERR_DAMAGED; ERR_FULL and the like. Nothing to close after a failure. */
int pages_open(struct pages *p, const char *path, size_t map_bytes, struct err *e);
void pages_close(struct pages *p); /* zero value and twice are fine */

/* The state of transaction txnid; false: its meta page has been used again since. */
bool pages_root_of(struct pages *p, uint64_t txnid, struct pages_root *out);
bool pages_root_newest(struct pages *p, struct pages_root *out);

void pages_seen_reset(struct pages_seen *s, const struct pages_root *r);
void pages_seen_done(struct pages_seen *s);

/* May LMDB open the tables? */
bool pages_tables(struct pages *p, const struct pages_root *r);
/* May LMDB look up key in that table? True also when key or table are not there. False: damage. */
bool pages_path(struct pages *p, const struct pages_root *r, struct pages_seen *s, struct str table, struct str key);
/* May LMDB walk the whole table? */
bool pages_table(struct pages *p, const struct pages_root *r, struct str table);
/* May LMDB put or delete key in that table? The path to it, and all pages beside the path, from which or into which LMDB moves nodes. */
bool pages_beside(struct pages *p, const struct pages_root *r, struct pages_seen *s, struct str table, struct str key);
/* The trees that each commit changes: the list of free pages and the table of tables. */
bool pages_commons(struct pages *p, const struct pages_root *r);
/* May LMDB write? Every page that is reached from anywhere, each reached once, the list of free pages and all counts. */
bool pages_all(struct pages *p, const struct pages_root *r);

#endif
