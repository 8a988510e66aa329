/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/snapshot_block.h"

#include <stdlib.h>
#include <string.h>

#include "sys/file.h"

void
snapshot_record(const struct snapshot_key *k, char what, struct buf *out)
{
	const struct str parts[] = { k->root, k->arguments };
	struct fp fp = fp_of_list(parts, 2);
	buf_u64(out, fp.hi);
	buf_u64(out, fp.lo);
	if (what)
		buf_putc(out, what);
}

static int
by_path(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;
	struct str dx = path_dir(x->path), dy = path_dir(y->path);
	int c = str_cmp(dx, dy);
	return c ? c : str_cmp(path_base(x->path), path_base(y->path));
}

static uint32_t
add_text(struct buf *texts, struct str s)
{
	uint32_t at = (uint32_t)texts->n;
	buf_put(texts, s);
	buf_putc(texts, '\0');
	return at;
}

static void
raw(struct buf *out, const void *p, size_t n)
{
	buf_put(out, (struct str){ p, n });
}

static void
put_leaf(const struct leaf *x, uint32_t folder, struct buf *texts, struct buf *out)
{
	const struct stored_leaf s = { .folder = folder, .name = add_text(texts, path_base(x->path)),
				       .kind = (uint32_t)x->kind | (x->shared ? SNAPSHOT_SHARED : 0), .mode = x->sig.mode,
				       .dev = x->sig.dev, .ino = x->sig.ino, .size = x->sig.size, .mtime = x->sig.mtime,
				       .ctime = x->sig.ctime, .hi = x->names.hi, .lo = x->names.lo };
	raw(out, &s, sizeof s);
}

void
snapshot_encode(struct leaf *v, size_t n, const struct leaf_var *vars, size_t nvars, const uint32_t *skips, size_t nskips,
		int64_t expiry, uint64_t id, struct str answer, struct buf *out)
{
	AUTO_BUF texts = { 0 }, folders = { 0 }, leaves = { 0 }, stored = { 0 };
	struct snapshot_head h = { .version = SNAPSHOT_VERSION, .nleaves = (uint32_t)n, .nvars = (uint32_t)nvars, .nskips = (uint32_t)nskips,
				   .answer_n = (uint32_t)answer.n, .expiry = expiry, .id = id };
	struct str folder = { 0 };
	if (n)
		qsort(v, n, sizeof *v, by_path);
	for (size_t i = 0; i < n; i++) {
		struct str dir = path_dir(v[i].path);
		if (!h.nfolders || !str_eq(dir, folder)) {
			buf_u32(&folders, add_text(&texts, dir));
			folder = dir;
			h.nfolders++;
		}
		put_leaf(&v[i], h.nfolders - 1, &texts, &leaves);
	}
	for (size_t i = 0; i < nvars; i++) {
		const struct stored_var s = { .name = add_text(&texts, vars[i].name), .set = vars[i].set, .hi = vars[i].value.hi,
					      .lo = vars[i].value.lo };
		raw(&stored, &s, sizeof s);
	}
	h.texts_n = (uint32_t)texts.n;
	raw(out, &h, sizeof h);
	buf_put(out, buf_str(&folders));
	buf_put(out, buf_str(&leaves));
	buf_put(out, buf_str(&stored));
	raw(out, skips, nskips * sizeof *skips);
	buf_put(out, answer);
	buf_put(out, buf_str(&texts));
}

static const char *
take(struct str *rest, uint64_t n)
{
	const char *p = rest->p;
	if (n > rest->n)
		return NULL;
	*rest = str_drop(*rest, (size_t)n);
	return p;
}

/* A text of the block; the texts end with a NUL, so an offset inside is safe. */
const char *
snapshot_text(const struct snapshot_block *b, uint32_t at)
{
	return at < b->h.texts_n ? b->texts + at : "";
}

bool
snapshot_open(struct str bytes, struct snapshot_block *b)
{
	const char *head = take(&bytes, sizeof b->h);
	if (!head)
		return false;
	memcpy(&b->h, head, sizeof b->h);
	if (b->h.version != SNAPSHOT_VERSION)
		return false;
	b->folders = take(&bytes, (uint64_t)b->h.nfolders * 4);
	b->leaves = b->folders ? take(&bytes, (uint64_t)b->h.nleaves * sizeof(struct stored_leaf)) : NULL;
	b->vars = b->leaves ? take(&bytes, (uint64_t)b->h.nvars * sizeof(struct stored_var)) : NULL;
	b->skips = b->vars ? take(&bytes, (uint64_t)b->h.nskips * 4) : NULL;
	const char *answer = b->skips ? take(&bytes, b->h.answer_n) : NULL;
	if (!answer || bytes.n != b->h.texts_n || (bytes.n && bytes.p[bytes.n - 1]))
		return false;
	b->answer = (struct str){ answer, b->h.answer_n };
	b->texts = bytes.p;
	return true;
}

struct stored_leaf
snapshot_leaf(const struct snapshot_block *b, uint32_t i)
{
	struct stored_leaf x;
	memcpy(&x, b->leaves + (size_t)i * sizeof x, sizeof x);
	return x;
}

const char *
snapshot_folder(const struct snapshot_block *b, uint32_t folder)
{
	uint32_t at = UINT32_MAX;
	if (folder < b->h.nfolders)
		memcpy(&at, b->folders + (size_t)folder * 4, 4);
	return snapshot_text(b, at);
}

uint32_t
snapshot_find(const struct snapshot_block *b, struct str path)
{
	const struct str dir = path_dir(path), base = path_base(path);
	uint32_t low = 0, high = b->h.nleaves;
	while (low < high) {
		const uint32_t mid = low + (high - low) / 2;
		const struct stored_leaf x = snapshot_leaf(b, mid);
		int c = str_cmp(str_z(snapshot_folder(b, x.folder)), dir);
		if (!c)
			c = str_cmp(str_z(snapshot_text(b, x.name)), base);
		if (!c)
			return mid;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return UINT32_MAX;
}
