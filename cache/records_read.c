/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/records_inside.h"

#include <errno.h>

#include "cache/seal.h"

static struct view *
enter(struct records *r)
{
	gate_enter(&r->gate);
	pthread_mutex_lock(&r->mu);
	struct view *v = r->idle;
	if (v)
		r->idle = v->next;
	pthread_mutex_unlock(&r->mu);
	if (!v)
		v = mem_zalloc(sizeof *v);
	v->r = r;
	v->next = NULL;
	return v;
}

static void
leave(struct view *v)
{
	struct records *r = v->r;
	pthread_mutex_lock(&r->mu);
	v->next = r->idle;
	r->idle = v;
	pthread_mutex_unlock(&r->mu);
	gate_leave(&r->gate);
}

static int
start(struct view *v)
{
	struct records *r = v->r;
	if (!r->l.env)
		return 0;
	const int rc = lmdb_read_begin(&r->l, &v->txn);
	if (rc != 0)
		return rc;
	/* Our eye and LMDB's must be on one state; commits in between reuse a meta page. */
	if (!pages_root_of(&r->pages, lmdb_read_id(v->txn), &v->root)) {
		lmdb_read_rest(v->txn);
		return EAGAIN;
	}
	if (v->seen.words == 0 || v->seen_txnid != v->root.txnid)
		pages_seen_reset(&v->seen, &v->root);
	v->seen_txnid = v->root.txnid;
	return 0;
}

int
view_begin(struct records *r, struct view **out, struct err *e)
{
	int rc = 0;
	for (int i = 0; i < TRIES; i++) {
		struct view *v = enter(r);
		rc = start(v);
		if (rc == 0) {
			*out = v;
			return 0;
		}
		int ndead = 0;
		const enum lmdb_fault f = lmdb_fault(rc);
		const bool again = rc == EAGAIN || f == LMDB_GREW ||
				   (f == LMDB_READERS && lmdb_reader_check(&r->l, &ndead) == 0 && ndead > 0);
		leave(v);
		if (f == LMDB_GREW && records_resize(r, 0, e) < 0)
			return -1;
		if (!again)
			break;
	}
	return records_fail(e, rc, "read the records in", r);
}

void
view_end(struct view *v)
{
	if (!v)
		return;
	if (v->txn)
		lmdb_read_rest(v->txn);
	leave(v);
}

/* A look-up met damage: the next commit looks at everything. */
static bool
damage_met(struct view *v)
{
	atomic_store(&v->r->checked, false);
	return false;
}

static bool
readable(const struct view *v, enum table t)
{
	return v->txn && atomic_load(&v->r->l.has[t]);
}

bool
view_get(struct view *v, enum table t, struct str key, struct str *value)
{
	if (!readable(v, t) || key.n == 0 || key.n > RECORD_KEY_MAX)
		return false;
	if (!pages_path(&v->r->pages, &v->root, &v->seen, record_table_name(t), key))
		return damage_met(v);
	struct str stored;
	const int rc = lmdb_get(&v->r->l, v->txn, t, key, &stored);
	if (rc != 0)
		return lmdb_fault(rc) != LMDB_MISS && damage_met(v);
	return seal_open(t, key, stored, value);
}

static bool
step(void *ctx, struct str key, struct str stored)
{
	struct records_walk *w = ctx;
	struct str value;
	if (seal_open(w->t, key, stored, &value))
		return !w->call || w->call(w->ctx, key, value);
	w->nbad++;
	if (w->bad && key.n <= RECORD_KEY_MAX)
		batch_del(w->bad, w->t, key);
	return true;
}

size_t
records_walk(struct view *v, struct str prefix, struct records_walk w)
{
	if (!readable(v, w.t))
		return 0;
	if (!pages_table(&v->r->pages, &v->root, record_table_name(w.t)) ||
	    lmdb_each(&v->r->l, v->txn, w.t, prefix, step, &w) != 0) {
		(void)damage_met(v);
		w.nbad++;
	}
	return w.nbad;
}

size_t
view_each(struct view *v, enum table t, struct str prefix, bool (*call)(void *ctx, struct str key, struct str value), void *ctx)
{
	return records_walk(v, prefix, (struct records_walk){ .t = t, .call = call, .ctx = ctx });
}

size_t
view_count(struct view *v, enum table t)
{
	return readable(v, t) && pages_tables(&v->r->pages, &v->root) ? lmdb_count(&v->r->l, v->txn, t) : 0;
}
