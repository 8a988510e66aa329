/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole trees: what LMDB may walk from end to end, and what it may write to.
 */
#include "cache/page.h"

static int
key_cmp(enum kind kind, struct str a, struct str b)
{
	if (kind != KIND_FREE)
		return str_cmp(a, b);
	const uint64_t x = u64((const uint8_t *)a.p), y = u64((const uint8_t *)b.p);
	return x < y ? -1 : x > y;
}

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
	struct str last, floor; /* key before; the last separator, below which no key may follow */
	bool any, floored;
};

/* Each page may be reached once only. */
static bool
claim(struct walk *w, uint64_t first, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (pages_mark(w->s, first + i))
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
	if ((w->any && key_cmp(w->kind, w->last, key) >= 0) || (w->floored && key_cmp(w->kind, w->floor, key) > 0))
		return false;
	w->last = key;
	w->any = true;
	w->found.entries++;
	const uint8_t *data = node_data(node);
	if (u16(node + 4) & NODE_BIG) {
		uint64_t first, n;
		const uint8_t *page = page_overflow(w->p, w->r, node, &first, &n);
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
	if (t->root == NO_PAGE)
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
		/* A separator is not above any key behind it, and above all before it. The first child has none. */
		if (i > 0) {
			w.floor = node_key(node_at(page, i));
			w.floored = true;
			if (w.any && key_cmp(kind, w.last, w.floor) >= 0)
				return false;
		}
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
			(r->tables.root == NO_PAGE || r->tables.depth == 1);
	pages_seen_done(&s);
	return ok;
}

bool
pages_table(struct pages *p, const struct pages_root *r, struct str table)
{
	struct pages_seen s = { 0 };
	struct pages_tree t;
	pages_seen_reset(&s, r);
	const bool ok = pages_find(p, r, &s, table, &t) && tree_ok(p, r, &s, KIND_TABLE, &t);
	pages_seen_done(&s);
	return ok;
}

bool
pages_commons(struct pages *p, const struct pages_root *r)
{
	struct pages_seen s = { 0 };
	pages_seen_reset(&s, r);
	const bool ok = tree_ok(p, r, &s, KIND_FREE, &r->free) && tree_ok(p, r, &s, KIND_TABLES, &r->tables);
	pages_seen_done(&s);
	return ok;
}

/* From a page on `levels` more levels down along its first or last child, where a leaf must be. */
static bool
edge_ok(struct pages *p, const struct pages_root *r, struct pages_seen *s, uint64_t number, int levels, bool last)
{
	for (;; levels--) {
		const uint8_t *page = page_at(p, r, number, 1);
		if (!page || (!pages_marked(s, number) && !page_ok(p, r, page, KIND_TABLE)) ||
		    (u16(page + 10) == PAGE_LEAF) != (levels == 0))
			return false;
		(void)pages_mark(s, number);
		if (levels == 0)
			return true;
		number = node_child(node_at(page, last ? node_count(page) - 1 : 0));
	}
}

bool
pages_beside(struct pages *p, const struct pages_root *r, struct pages_seen *s, struct str table, struct str key)
{
	struct pages_tree t;
	if (!pages_path(p, r, s, table, key) || !pages_find(p, r, s, table, &t) || t.depth > DEPTH_MAX)
		return false;
	if (t.root == NO_PAGE)
		return true;
	uint64_t number = t.root;
	for (int levels = t.depth - 1;; levels--) {
		const uint8_t *page = page_at(p, r, number, 1); /* pages_path has seen it */
		if (!page || levels < 0 || (u16(page + 10) == PAGE_LEAF) != (levels == 0))
			return false;
		if (levels == 0)
			return true;
		const size_t n = node_count(page), i = page_choose(page, key);
		if ((i > 0 && !edge_ok(p, r, s, node_child(node_at(page, i - 1)), levels - 1, true)) ||
		    (i + 1 < n && !edge_ok(p, r, s, node_child(node_at(page, i + 1)), levels - 1, false)))
			return false;
		number = node_child(node_at(page, i));
	}
}

bool
pages_all(struct pages *p, const struct pages_root *r)
{
	struct pages_seen s = { 0 };
	pages_seen_reset(&s, r);
	bool ok = tree_ok(p, r, &s, KIND_FREE, &r->free) && tree_ok(p, r, &s, KIND_TABLES, &r->tables);
	if (ok && r->tables.root != NO_PAGE) {
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
