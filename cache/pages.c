/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "cache/page.h"
#include "sys/file.h"

#define UNWRITTEN_MAX ((uint64_t)64 << 20)

/* ---- meta pages ------------------------------------------------------------------------------------------------ */

/* One meta page (its first PAGE_HEADER + META_SIZE bytes). Flags are compared whole: a wrong one sends LMDB down paths that
 * nobody uses. */
static bool
meta_ok(const uint8_t *page, uint64_t number, uint32_t *psize)
{
	const uint8_t *m = page + PAGE_HEADER;
	if (u64(page) != number || u16(page + 10) != PAGE_META || u32(m) != 0xBEEFC0DE || u32(m + 4) != 1)
		return false;
	const uint8_t *f = m + 24;
	const uint32_t size = u32(f);
	const uint64_t last = u64(m + 120), txnid = u64(m + 128);
	if (size < 512 || size > 32768 || (size & (size - 1)) || tree_at(f).flags != FREE_FLAGS)
		return false;
	if (tree_at(f + TREE_SIZE).flags != 0 || u64(m + 8) != 0)
		return false;
	if (last < 1 || last >= UINT64_MAX / 65536 || (txnid && (txnid & 1) != number))
		return false;
	*psize = size;
	return true;
}

static int
check_metas(struct pages *p, struct err *e)
{
	uint8_t page[2][PAGE_HEADER + META_SIZE];
	uint32_t size[2];
	if (pread(p->fd, page[0], sizeof page[0], 0) != (ssize_t)sizeof page[0])
		return err_set(e, ERR_MISSING, "the file was never finished");
	if (!meta_ok(page[0], 0, &size[0]))
		return err_set(e, ERR_DAMAGED, "its first page is not what LMDB writes");
	if (p->size < (uint64_t)size[0] * 2)
		return err_set(e, ERR_MISSING, "the file was never finished");
	if (pread(p->fd, page[1], sizeof page[1], size[0]) != (ssize_t)sizeof page[1] || !meta_ok(page[1], 1, &size[1]) ||
	    size[0] != size[1])
		return err_set(e, ERR_DAMAGED, "its second page is not what LMDB writes");
	/* LMDB maps as much as a meta page says, and may leave a few last pages unwritten that it used and freed in one transaction. */
	for (int i = 0; i < 2; i++)
		if ((u64(page[i] + PAGE_HEADER + 120) + 1) * size[0] > p->size + UNWRITTEN_MAX)
			return err_set(e, ERR_DAMAGED, "it is much shorter than it says");
	/* Commits alternate between the two, so their numbers are neighbours. A commit between our two reads makes them further
	 * apart, by two at most per commit; the caller opens again then. */
	const uint64_t a = u64(page[0] + PAGE_HEADER + 128), b = u64(page[1] + PAGE_HEADER + 128);
	if ((a > b ? a - b : b - a) > 1)
		return err_set(e, ERR_DAMAGED, "its first two pages do not belong together");
	p->psize = size[0];
	return 0;
}

int
pages_open(struct pages *p, const char *path, size_t map_bytes, struct err *e)
{
	struct pages n = { .fd = -1 };
	n.fd = file_open(AT_FDCWD, path, O_RDONLY, 0, e);
	if (n.fd < 0)
		return -1;
	/* A writer may commit between the two reads. */
	struct err why = { 0 };
	int ok = -1;
	for (int i = 0; i < 20 && ok < 0; i++) {
		struct stat st;
		if (fstat(n.fd, &st) < 0) {
			(void)err_os(e, "look at '%s'", path);
			pages_close(&n);
			return -1;
		}
		n.size = (uint64_t)st.st_size;
		n.dev = st.st_dev;
		n.ino = st.st_ino;
		ok = check_metas(&n, &why);
		if (ok < 0 && why.code == ERR_MISSING)
			break;
	}
	if (ok < 0) {
		(void)err_set(e, why.code, "'%s': %s", path, why.text);
		pages_close(&n);
		return -1;
	}
	n.mapped = map_bytes;
	void *at = mmap(NULL, map_bytes, PROT_READ, MAP_SHARED, n.fd, 0);
	if (at == MAP_FAILED) {
		(void)err_os(e, "map '%s'", path);
		pages_close(&n);
		return -1;
	}
	n.map = at;
	*p = (struct pages){ .fd = n.fd, .map = n.map, .mapped = n.mapped, .psize = n.psize, .dev = n.dev, .ino = n.ino };
	atomic_store(&p->size, atomic_load(&n.size));
	return 0;
}

void
pages_close(struct pages *p)
{
	if (p->map)
		(void)munmap((void *)(uintptr_t)p->map, p->mapped);
	if (p->psize || p->map || p->fd > 0)
		file_closep(&p->fd);
	*p = (struct pages){ .fd = -1 };
}

bool
pages_root_of(struct pages *p, uint64_t txnid, struct pages_root *out)
{
	const uint8_t *m = p->map + (size_t)(txnid & 1) * p->psize + PAGE_HEADER;
	const volatile uint8_t *now = m + 128;
	uint8_t copy[META_SIZE];
	memcpy(copy, m, sizeof copy);
	atomic_thread_fence(memory_order_acquire);
	uint64_t after;
	uint8_t bytes[8];
	for (int i = 0; i < 8; i++)
		bytes[i] = now[i];
	memcpy(&after, bytes, sizeof after);
	if (u64(copy + 128) != txnid || after != txnid)
		return false;
	*out = (struct pages_root){
		.txnid = txnid,
		.next = u64(copy + 120) + 1,
		.free = tree_at(copy + 24),
		.tables = tree_at(copy + 24 + TREE_SIZE),
	};
	return out->free.flags == FREE_FLAGS && out->tables.flags == 0 && out->next > 1 && out->next < UINT64_MAX / 65536;
}

bool
pages_root_newest(struct pages *p, struct pages_root *out)
{
	const uint64_t a = u64(p->map + PAGE_HEADER + 128), b = u64(p->map + p->psize + PAGE_HEADER + 128);
	/* As LMDB chooses: the first when they are equal (a file without any commit). */
	return pages_root_of(p, a < b ? b : a, out);
}

/* ---- one look-up ----------------------------------------------------------------------------------------------- */

void
pages_seen_reset(struct pages_seen *s, const struct pages_root *r)
{
	const size_t words = (size_t)(r->next / 64 + 1);
	if (words > s->words) {
		free(s->bits);
		s->bits = mem_zalloc(words * sizeof *s->bits);
		s->words = words;
	} else {
		memset(s->bits, 0, s->words * sizeof *s->bits);
	}
}

void
pages_seen_done(struct pages_seen *s)
{
	free(s->bits);
	*s = (struct pages_seen){ 0 };
}

bool
pages_marked(const struct pages_seen *s, uint64_t number)
{
	return s->bits[number / 64] & UINT64_C(1) << (number % 64);
}

bool
pages_mark(struct pages_seen *s, uint64_t number)
{
	const bool was = pages_marked(s, number);
	s->bits[number / 64] |= UINT64_C(1) << (number % 64);
	return was;
}

/* The child that LMDB follows for key: the last whose key is not larger; the first child has no key. */
size_t
page_choose(const uint8_t *page, struct str key)
{
	size_t lo = 0, hi = node_count(page);
	while (hi - lo > 1) {
		const size_t mid = lo + (hi - lo) / 2;
		if (str_cmp(node_key(node_at(page, mid)), key) <= 0)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Checks all pages from root to where key is or would be. node: what has that key, or NULL. */
static bool
descend(struct pages *p, const struct pages_root *r, struct pages_seen *s, const struct pages_tree *t, enum kind kind,
	struct str key, const uint8_t **node)
{
	*node = NULL;
	if (t->root == NO_PAGE)
		return true;
	uint64_t number = t->root;
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		const uint8_t *page = page_at(p, r, number, 1);
		if (!page || (!pages_marked(s, number) && !page_ok(p, r, page, kind)))
			return false;
		(void)pages_mark(s, number);
		if (u16(page + 10) == PAGE_BRANCH) {
			if (kind == KIND_TABLES)
				return false;
			number = node_child(node_at(page, page_choose(page, key)));
			continue;
		}
		size_t lo = 0, hi = node_count(page);
		while (lo < hi) {
			const size_t mid = lo + (hi - lo) / 2;
			const int c = str_cmp(node_key(node_at(page, mid)), key);
			if (c == 0) {
				*node = node_at(page, mid);
				return true;
			}
			if (c < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		return true;
	}
	return false;
}

/* The tree of one table. The tree of tables is a single leaf (there are few tables), so that its page is the only one that was
 * checked by other rules than those of a table, and a table whose root leads to it does not pass. */
bool
pages_find(struct pages *p, const struct pages_root *r, struct pages_seen *s, struct str table, struct pages_tree *out)
{
	const uint8_t *node;
	*out = (struct pages_tree){ .root = NO_PAGE };
	if (!descend(p, r, s, &r->tables, KIND_TABLES, table, &node))
		return false;
	if (node)
		*out = tree_at(node_data(node));
	return out->flags == 0 && (out->root == NO_PAGE || out->root != r->tables.root);
}

bool
pages_path(struct pages *p, const struct pages_root *r, struct pages_seen *s, struct str table, struct str key)
{
	struct pages_tree t;
	if (!pages_find(p, r, s, table, &t))
		return false;
	const uint8_t *node;
	if (!descend(p, r, s, &t, KIND_TABLE, key, &node))
		return false;
	uint64_t first, n;
	return !node || ((u16(node + 4) & NODE_TREE) == 0 && (!(u16(node + 4) & NODE_BIG) || page_overflow(p, r, node, &first, &n)));
}
