/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/page.h"

#include <sys/stat.h>

const uint8_t *
page_at(struct pages *p, const struct pages_root *r, uint64_t number, uint64_t n)
{
	if (number < 2 || n > r->next || number > r->next - n)
		return NULL;
	const uint64_t end = (number + n) * p->psize;
	if (end > p->mapped)
		return NULL;
	if (end > atomic_load_explicit(&p->size, memory_order_relaxed)) {
		struct stat st;
		if (fstat(p->fd, &st) < 0 || (uint64_t)st.st_size < end)
			return NULL;
		atomic_store_explicit(&p->size, (uint64_t)st.st_size, memory_order_relaxed);
	}
	const uint8_t *at = p->map + number * p->psize;
	return u64(at) == number ? at : NULL;
}

/* Bytes that the node takes in its page; 0: it cannot be. room: from its start to the end of the page. */
static size_t
node_room(const uint8_t *node, size_t room, bool leaf, enum kind kind)
{
	const size_t key = u16(node + 6);
	size_t need = NODE_HEADER + key;
	if (key > KEY_MAX || need > room)
		return 0;
	if (leaf) {
		const unsigned flags = u16(node + 4);
		const bool tree = kind == KIND_TABLES;
		if (key == 0 || (flags & ~(unsigned)(NODE_BIG | NODE_TREE)) || tree != ((flags & NODE_TREE) != 0))
			return 0;
		if (tree && (flags != NODE_TREE || node_size(node) != TREE_SIZE))
			return 0;
		if (kind == KIND_FREE && key != sizeof(uint64_t))
			return 0;
		need += flags & NODE_BIG ? sizeof(uint64_t) : node_size(node);
	}
	need += need & 1;
	return need <= room ? need : 0;
}

bool
page_ok(const struct pages *p, const struct pages_root *r, const uint8_t *page, enum kind kind)
{
	const unsigned flags = u16(page + 10), lower = u16(page + 12), upper = u16(page + 14);
	const bool leaf = flags == PAGE_LEAF;
	if ((!leaf && flags != PAGE_BRANCH) || lower < PAGE_HEADER || (lower & 1) || lower > upper || upper > p->psize)
		return false;
	const size_t n = node_count(page);
	if (n < (leaf || kind == KIND_FREE ? 1 : 2))
		return false;
	size_t sum = 0;
	for (size_t i = 0; i < n; i++) {
		const size_t at = u16(page + PAGE_HEADER + 2 * i);
		if (at < upper || (at & 1) || at + NODE_HEADER > p->psize)
			return false;
		const size_t room = node_room(page + at, p->psize - at, leaf, kind);
		if (room == 0)
			return false;
		if (!leaf && (node_child(page + at) < 2 || node_child(page + at) >= r->next))
			return false;
		sum += room;
	}
	return sum == p->psize - upper; /* LMDB leaves no holes between nodes */
}

const uint8_t *
page_overflow(struct pages *p, const struct pages_root *r, const uint8_t *node, uint64_t *first, uint64_t *n)
{
	const uint64_t number = u64(node_data(node));
	const uint64_t need = (PAGE_HEADER - 1 + node_size(node)) / p->psize + 1;
	const uint8_t *page = page_at(p, r, number, need);
	if (!page || u16(page + 10) != PAGE_OVERFLOW || u32(page + 12) < need || !page_at(p, r, number, u32(page + 12)))
		return NULL;
	*first = number;
	*n = u32(page + 12);
	return page;
}
