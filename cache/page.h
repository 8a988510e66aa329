/* SPDX-License-Identifier: Apache-2.0
 *
 * page: one page of LMDB's file, for pages.c and pages_walk.c. The format stands in cache/pages.h.
 */
#ifndef PAWL_CACHE_PAGE_H
#define PAWL_CACHE_PAGE_H

#include <string.h>

#include "cache/pages.h"

enum {
	PAGE_BRANCH = 1,
	PAGE_LEAF = 2,
	PAGE_OVERFLOW = 4,
	PAGE_META = 8,
	NODE_BIG = 1,
	NODE_TREE = 2,
	PAGE_HEADER = 16,
	NODE_HEADER = 8,
	TREE_SIZE = 48,
	META_SIZE = 136,
	KEY_MAX = 511,
	DEPTH_MAX = 30,
	FREE_FLAGS = 8, /* integer keys */
};
#define NO_PAGE UINT64_MAX

/* Which of the three kinds of tree a page belongs to. */
enum kind { KIND_FREE, KIND_TABLES, KIND_TABLE };

static inline uint16_t
u16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint32_t
u32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint64_t
u64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline struct pages_tree
tree_at(const uint8_t *p)
{
	return (struct pages_tree){
		.flags = u16(p + 4),
		.depth = u16(p + 6),
		.branches = u64(p + 8),
		.leaves = u64(p + 16),
		.overflows = u64(p + 24),
		.entries = u64(p + 32),
		.root = u64(p + 40),
	};
}

static inline size_t
node_count(const uint8_t *page)
{
	return (size_t)(u16(page + 12) - PAGE_HEADER) / 2;
}

static inline const uint8_t *
node_at(const uint8_t *page, size_t i)
{
	return page + u16(page + PAGE_HEADER + 2 * i);
}

static inline struct str
node_key(const uint8_t *node)
{
	return (struct str){ (const char *)node + NODE_HEADER, u16(node + 6) };
}

static inline uint64_t
node_child(const uint8_t *node)
{
	return u16(node) | (uint64_t)u16(node + 2) << 16 | (uint64_t)u16(node + 4) << 32;
}

static inline uint64_t
node_size(const uint8_t *node)
{
	return u16(node) | (uint64_t)u16(node + 2) << 16;
}

static inline const uint8_t *
node_data(const uint8_t *node)
{
	return node + NODE_HEADER + u16(node + 6);
}

/* n pages from number on, if they are inside the file. */
const uint8_t *page_at(struct pages *p, const struct pages_root *r, uint64_t number, uint64_t n);
/* A branch or leaf whose header, offsets and nodes are sound. */
bool page_ok(const struct pages *p, const struct pages_root *r, const uint8_t *page, enum kind kind);
/* The pages that hold the data of a leaf's node when it does not fit into the page: first page, and how many it takes. */
const uint8_t *page_overflow(struct pages *p, const struct pages_root *r, const uint8_t *node, uint64_t *first, uint64_t *n);

/* Of a branch: the child that LMDB follows for key. */
size_t page_choose(const uint8_t *page, struct str key);
bool pages_marked(const struct pages_seen *s, uint64_t number);
bool pages_mark(struct pages_seen *s, uint64_t number); /* was it marked already? */
/* The tree of a table, checked on the way; root NO_PAGE: empty or not there. False: damage. */
bool pages_find(struct pages *p, const struct pages_root *r, struct pages_seen *s, struct str table, struct pages_tree *out);

#endif
