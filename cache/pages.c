/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "sys/file.h"

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
static const uint64_t no_page = UINT64_MAX;

/* Which of the three kinds of tree a page belongs to. */
enum kind { KIND_FREE, KIND_TABLES, KIND_TABLE };

static uint16_t
u16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static uint32_t
u32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static uint64_t
u64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static struct pages_tree
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
	struct stat st;
	if (fstat(n.fd, &st) < 0) {
		(void)err_os(e, "look at '%s'", path);
		pages_close(&n);
		return -1;
	}
	n.size = (uint64_t)st.st_size;
	n.dev = st.st_dev;
	n.ino = st.st_ino;
	/* A writer may commit between the two reads. */
	struct err why = { 0 };
	int ok = -1;
	for (int i = 0; i < 20 && ok < 0; i++) {
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

/* ---- single pages ---------------------------------------------------------------------------------------------- */

/* n pages from number on, if they are inside the file. */
static const uint8_t *
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

static size_t
node_count(const uint8_t *page)
{
	return (size_t)(u16(page + 12) - PAGE_HEADER) / 2;
}

static const uint8_t *
node_at(const uint8_t *page, size_t i)
{
	return page + u16(page + PAGE_HEADER + 2 * i);
}

static struct str
node_key(const uint8_t *node)
{
	return (struct str){ (const char *)node + NODE_HEADER, u16(node + 6) };
}

static uint64_t
node_child(const uint8_t *node)
{
	return u16(node) | (uint64_t)u16(node + 2) << 16 | (uint64_t)u16(node + 4) << 32;
}

static uint64_t
node_size(const uint8_t *node)
{
	return u16(node) | (uint64_t)u16(node + 2) << 16;
}

static const uint8_t *
node_data(const uint8_t *node)
{
	return node + NODE_HEADER + u16(node + 6);
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

/* A branch or leaf whose header, offsets and nodes are sound. */
static bool
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

/* The pages that hold the data of a leaf's node when it does not fit into the page: first page, and how many it takes. */
static const uint8_t *
overflow(struct pages *p, const struct pages_root *r, const uint8_t *node, uint64_t *first, uint64_t *n)
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

static int
key_cmp(enum kind kind, struct str a, struct str b)
{
	if (kind != KIND_FREE)
		return str_cmp(a, b);
	const uint64_t x = u64((const uint8_t *)a.p), y = u64((const uint8_t *)b.p);
	return x < y ? -1 : x > y;
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

/* Sets the bit; was it set already? */
static bool
mark(struct pages_seen *s, uint64_t number)
{
	const uint64_t bit = UINT64_C(1) << (number % 64);
	const bool was = s->bits[number / 64] & bit;
	s->bits[number / 64] |= bit;
	return was;
}

/* The child that LMDB follows for key: the last whose key is not larger; the first child has no key. */
static const uint8_t *
choose(const uint8_t *page, struct str key)
{
	size_t lo = 0, hi = node_count(page);
	while (hi - lo > 1) {
		const size_t mid = lo + (hi - lo) / 2;
		if (str_cmp(node_key(node_at(page, mid)), key) <= 0)
			lo = mid;
		else
			hi = mid;
	}
	return node_at(page, lo);
}

/* Checks all pages from root to where key is or would be. node: what has that key, or NULL. */
static bool
descend(struct pages *p, const struct pages_root *r, struct pages_seen *s, const struct pages_tree *t, enum kind kind,
	struct str key, const uint8_t **node)
{
	*node = NULL;
	if (t->root == no_page)
		return true;
	uint64_t number = t->root;
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		const uint8_t *page = page_at(p, r, number, 1);
		if (!page || (!mark(s, number) && !page_ok(p, r, page, kind)))
			return false;
		if (u16(page + 10) == PAGE_BRANCH) {
			if (kind == KIND_TABLES)
				return false;
			number = node_child(choose(page, key));
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
static bool
table_of(struct pages *p, const struct pages_root *r, struct pages_seen *s, struct str table, struct pages_tree *out)
{
	const uint8_t *node;
	*out = (struct pages_tree){ .root = no_page };
	if (!descend(p, r, s, &r->tables, KIND_TABLES, table, &node))
		return false;
	if (node)
		*out = tree_at(node_data(node));
	return out->flags == 0 && (out->root == no_page || out->root != r->tables.root);
}

bool
pages_path(struct pages *p, const struct pages_root *r, struct pages_seen *s, struct str table, struct str key)
{
	struct pages_tree t;
	if (!table_of(p, r, s, table, &t))
		return false;
	const uint8_t *node;
	if (!descend(p, r, s, &t, KIND_TABLE, key, &node))
		return false;
	uint64_t first, n;
	return !node || ((u16(node + 4) & NODE_TREE) == 0 && (!(u16(node + 4) & NODE_BIG) || overflow(p, r, node, &first, &n)));
}

/* ---- whole trees ----------------------------------------------------------------------------------------------- */

struct walk {
	struct pages *p;
	const struct pages_root *r;
	struct pages_seen *s;
	enum kind kind;
	struct pages_tree found; /* counted on the way */
	struct {
		const uint8_t *page;
		size_t next; /* child to enter */
	} stack[DEPTH_MAX];
	int depth;
	struct str last; /* key before */
	bool any;
};

/* Each page may be reached once only. */
static bool
claim(struct walk *w, uint64_t first, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (mark(w->s, first + i))
			return false;
	return true;
}

/* A record of the free list: a count and that many page numbers, falling. */
static bool
free_list_ok(struct walk *w, const uint8_t *ids, uint64_t size)
{
	if (size < 8 || size % 8 || u64(ids) != size / 8 - 1)
		return false;
	uint64_t before = w->r->next;
	for (uint64_t i = 1; i < size / 8; i++) {
		const uint64_t id = u64(ids + 8 * i);
		if (id < 2 || id >= before || !claim(w, id, 1))
			return false;
		before = id;
	}
	return true;
}

static bool
leaf_node_ok(struct walk *w, const uint8_t *node)
{
	const struct str key = node_key(node);
	if (w->any && key_cmp(w->kind, w->last, key) >= 0)
		return false;
	w->last = key;
	w->any = true;
	w->found.entries++;
	const uint8_t *data = node_data(node);
	if (u16(node + 4) & NODE_BIG) {
		uint64_t first, n;
		const uint8_t *page = overflow(w->p, w->r, node, &first, &n);
		if (!page || !claim(w, first, n))
			return false;
		w->found.overflows += n;
		data = page + PAGE_HEADER;
	}
	return w->kind != KIND_FREE || free_list_ok(w, data, node_size(node));
}

static bool
enter(struct walk *w, uint64_t number)
{
	const uint8_t *page = page_at(w->p, w->r, number, 1);
	if (w->depth == DEPTH_MAX || !page || !claim(w, number, 1) || !page_ok(w->p, w->r, page, w->kind))
		return false;
	if (u16(page + 10) == PAGE_BRANCH) {
		for (size_t i = 1; w->kind == KIND_FREE && i < node_count(page); i++)
			if (node_key(node_at(page, i)).n != sizeof(uint64_t))
				return false;
		w->found.branches++;
	} else {
		w->found.leaves++;
		if (w->found.depth == 0)
			w->found.depth = (uint16_t)(w->depth + 1);
		if (w->found.depth != w->depth + 1)
			return false;
		for (size_t i = 0; i < node_count(page); i++)
			if (!leaf_node_ok(w, node_at(page, i)))
				return false;
	}
	w->stack[w->depth].page = page;
	w->stack[w->depth].next = 0;
	w->depth++;
	return true;
}

/* Every page of one tree, in the order of keys; counts must come out as the tree says. */
static bool
tree_ok(struct pages *p, const struct pages_root *r, struct pages_seen *s, enum kind kind, const struct pages_tree *t)
{
	struct walk w = { .p = p, .r = r, .s = s, .kind = kind };
	if (t->root == no_page)
		return t->entries == 0 && t->depth == 0 && t->branches + t->leaves + t->overflows == 0;
	if (!enter(&w, t->root))
		return false;
	while (w.depth > 0) {
		const uint8_t *page = w.stack[w.depth - 1].page;
		const size_t i = w.stack[w.depth - 1].next++;
		if (u16(page + 10) == PAGE_LEAF || i == node_count(page)) {
			w.depth--;
			continue;
		}
		/* A separator is not above the first key behind it, and above all before it. */
		const struct str key = node_key(node_at(page, i));
		if (i > 0 && w.any && key_cmp(kind, w.last, key) >= 0)
			return false;
		if (!enter(&w, node_child(node_at(page, i))))
			return false;
	}
	return w.found.depth == t->depth && w.found.branches == t->branches && w.found.leaves == t->leaves &&
	       w.found.overflows == t->overflows && w.found.entries == t->entries;
}

bool
pages_tables(struct pages *p, const struct pages_root *r)
{
	struct pages_seen s = { 0 };
	pages_seen_reset(&s, r);
	const bool ok = tree_ok(p, r, &s, KIND_TABLES, &r->tables) &&
			(r->tables.root == no_page || r->tables.depth == 1);
	pages_seen_done(&s);
	return ok;
}

bool
pages_table(struct pages *p, const struct pages_root *r, struct str table)
{
	struct pages_seen s = { 0 };
	struct pages_tree t;
	pages_seen_reset(&s, r);
	const bool ok = table_of(p, r, &s, table, &t) && tree_ok(p, r, &s, KIND_TABLE, &t);
	pages_seen_done(&s);
	return ok;
}

bool
pages_all(struct pages *p, const struct pages_root *r)
{
	struct pages_seen s = { 0 };
	pages_seen_reset(&s, r);
	bool ok = tree_ok(p, r, &s, KIND_FREE, &r->free) && tree_ok(p, r, &s, KIND_TABLES, &r->tables);
	if (ok && r->tables.root != no_page) {
		const uint8_t *page = page_at(p, r, r->tables.root, 1);
		ok = r->tables.depth == 1;
		for (size_t i = 0; ok && i < node_count(page); i++) {
			const struct pages_tree t = tree_at(node_data(node_at(page, i)));
			ok = t.flags == 0 && tree_ok(p, r, &s, KIND_TABLE, &t);
		}
	}
	pages_seen_done(&s);
	return ok;
}
