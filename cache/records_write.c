/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/records_inside.h"

#include "sys/file.h"
#include "sys/lock.h"

#define QUIET_MS 10000

enum { FULL_EVERY = 64 };

static int
quiet(struct records *r, struct err *e)
{
	if (gate_shut(&r->gate, QUIET_MS))
		return 0;
	return err_set(e, ERR_BUSY, "the records in '%s' must change their size, but a view on them does not end", r->folder);
}

/* bytes 0: what another process made of it. */
int
records_resize(struct records *r, size_t bytes, struct err *e)
{
	if (quiet(r, e) < 0)
		return -1;
	size_t now = 0;
	const int rc = lmdb_map(&r->l, bytes, &now);
	int ok = rc == 0 ? 0 : records_fail(e, rc, "grow the records in", r);
	if (ok == 0 && now != r->map_bytes) {
		r->map_bytes = now;
		pages_close(&r->pages);
		ok = records_see_pages(r, e);
		if (ok < 0)
			records_close_env(r);
	}
	gate_reopen(&r->gate);
	return ok;
}

/* Close and open again, after putting the file aside when `damage` says why. */
static int
renew(struct records *r, const char *damage, struct err *e)
{
	if (quiet(r, e) < 0)
		return -1;
	records_close_env(r);
	int ok = -1;
	struct err why = { 0 };
	AUTO_FD lock = lock_take(r->dir, "open.lock", false, OPEN_MS, &why);
	if (lock >= 0)
		ok = damage ? records_put_aside(r, damage, &why) : 0;
	if (ok == 0)
		ok = records_open_env(r, &why);
	gate_reopen(&r->gate);
	if (ok < 0 && e)
		*e = why;
	return ok;
}

/* Has another process put our file aside? */
static bool
replaced(struct records *r)
{
	struct file_stat st;
	return file_stat(r->dir, "data.mdb", false, &st, NULL) < 0 || st.dev != r->pages.dev || st.ino != r->pages.ino;
}

/* Everything that is reached from anywhere: of small files, of others now and then, since that takes as long as the file is large. */
static bool
wants_all(const struct records *r, const struct pages_root *root)
{
	return root->next <= r->small_pages || root->txnid % FULL_EVERY == 0;
}

/* May this batch be written? At least all pages that LMDB will touch are checked. */
static bool
sound(struct records *r, const struct batch *b, bool *all)
{
	struct pages_root root;
	struct pages_seen seen = { 0 };
	struct batch_op op;
	struct rd rest = { .rest = buf_str(&b->ops) };
	*all = true; /* also of what takes the place of a damaged file */
	if (!pages_root_newest(&r->pages, &root))
		return false;
	if (wants_all(r, &root))
		return pages_all(&r->pages, &root);
	bool ok = pages_commons(&r->pages, &root);
	pages_seen_reset(&seen, &root);
	while (ok && batch_next(&rest, &op))
		ok = pages_beside(&r->pages, &root, &seen, record_table_name(op.table), op.key);
	pages_seen_done(&seen);
	*all = !ok;
	return ok;
}

static int
commit_locked(struct records *r, const struct batch *b, struct err *e)
{
	int rc = 0;
	bool trusted = false;
	for (int i = 0; i < 40; i++) { /* 40 doublings of the map are more than there is */
		if ((!r->l.env || replaced(r)) && renew(r, NULL, e) < 0)
			return -1;
		if (!trusted && !atomic_load(&r->checked)) {
			bool all;
			if (!sound(r, b, &all) && renew(r, "its pages contradict each other", e) < 0)
				return -1;
			atomic_store(&r->checked, all);
			trusted = true;
		}
		rc = lmdb_write(&r->l, b);
		const enum lmdb_fault f = lmdb_fault(rc);
		int ok = -1;
		if (f == LMDB_FINE)
			return 0;
		if (f == LMDB_SMALL || f == LMDB_GREW)
			ok = records_resize(r, f == LMDB_SMALL ? r->map_bytes * 2 : 0, e);
		else if (f == LMDB_DAMAGE || f == LMDB_BROKEN)
			ok = renew(r, f == LMDB_DAMAGE ? lmdb_text(rc) : NULL, e);
		else
			break;
		if (ok < 0)
			return -1;
	}
	return records_fail(e, rc, "write the records in", r);
}

int
records_commit(struct records *r, struct batch *b, bool durable, int lock_ms, struct err *e)
{
	if (b->n == 0)
		return 0;
	if (r->read_only || r->dir < 0)
		return err_set(e, ERR_FULL, "the records in '%s' are read-only", r->folder);
	AUTO_FD lock = lock_take(r->dir, "write.lock", false, lock_ms, e);
	if (lock < 0)
		return err_wrap(e, "write the records in '%s'", r->folder);
	if (commit_locked(r, b, e) < 0)
		return -1;
	const int rc = durable ? lmdb_sync(&r->l) : 0;
	if (rc != 0)
		return records_fail(e, rc, "sync the records in", r);
	batch_done(b);
	return 0;
}

int
records_verify(struct records *r, bool repair, size_t *nchecked, size_t *ndamaged, struct err *e)
{
	struct view *v;
	if (view_begin(r, &v, e) < 0)
		return -1;
	struct batch bad = { 0 };
	size_t n = 0, wrong = 0;
	const bool ok = !v->txn || pages_all(&r->pages, &v->root);
	for (int t = 0; ok && t < TABLE_COUNT; t++) {
		n += view_count(v, (enum table)t);
		wrong += records_walk(v, (struct str){ 0 }, (struct records_walk){ .t = (enum table)t, .bad = &bad });
	}
	view_end(v);
	int rc = 0;
	if (!ok) {
		wrong = 1;
		if (repair)
			rc = renew(r, "its pages contradict each other", e);
	} else if (repair && bad.n > 0) {
		rc = records_commit(r, &bad, true, OPEN_MS, e);
	}
	batch_done(&bad);
	if (rc < 0)
		return -1;
	*nchecked = n;
	*ndamaged = wrong;
	return 0;
}
