/* SPDX-License-Identifier: Apache-2.0
 *
 * Views are inside the gate. Who grows the map, takes over another process's growth, or replaces the file, shuts it first. A closed
 * lmdb (env NULL) has nothing to read: every view is empty.
 */
#include "cache/records.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/gate.h"
#include "cache/lmdb.h"
#include "cache/pages.h"
#include "cache/seal.h"
#include "sys/file.h"
#include "sys/lock.h"

#define MAP_FIRST ((size_t)16 << 30)
#define MAP_LEAST ((size_t)64 << 20)
#define OPEN_MS 10000
#define QUIET_MS 10000
#define TRIES 50 /* of what a commit of another process may disturb */

struct view {
	struct records *r;
	struct lmdb_read *txn; /* NULL: empty */
	struct pages_root root;
	struct pages_seen seen;
	uint64_t seen_txnid; /* state that seen is about */
	struct view *next;   /* in records.idle */
};

struct records {
	char *folder;
	int dir;
	bool read_only;
	size_t map_bytes;
	struct lmdb l;
	struct pages pages;
	atomic_bool checked; /* all pages, since opening and since the last damage met */
	struct buf notice;

	struct gate gate;
	pthread_mutex_t mu;
	struct view *idle; /* ended, to be used again */
};

/* ---- opening ----------------------------------------------------------------------------------------- */

static int
fail(struct err *e, int rc, const char *what, const struct records *r)
{
	static const enum err_code codes[] = {
		[LMDB_READERS] = ERR_BUSY,
		[LMDB_FULL] = ERR_FULL,
		[LMDB_DENIED] = ERR_DENIED,
		[LMDB_OTHER] = ERR_NONE,
	};
	const enum err_code code = codes[lmdb_fault(rc)];
	return err_set(e, code == ERR_NONE ? ERR_WORLD : code, "%s '%s': %s", what, r->folder, lmdb_text(rc));
}

static char *
path_of(const struct records *r, const char *name)
{
	AUTO_BUF b = { 0 };
	buf_printf(&b, "%s/%s", r->folder, name);
	return mem_strdup(buf_z(&b));
}

/* With address space for all that is there. */
static int
see_pages(struct records *r, struct err *e)
{
	char *path = path_of(r, "data.mdb");
	int rc = pages_open(&r->pages, path, r->map_bytes, e);
	if (rc == 0 && r->pages.size > r->map_bytes) {
		while (r->map_bytes < r->pages.size)
			r->map_bytes *= 2;
		pages_close(&r->pages);
		rc = pages_open(&r->pages, path, r->map_bytes, e);
	}
	free(path);
	return rc;
}

static void
close_env(struct records *r)
{
	while (r->idle) {
		struct view *v = r->idle;
		r->idle = v->next;
		lmdb_read_end(v->txn);
		pages_seen_done(&v->seen);
		free(v);
	}
	lmdb_close(&r->l);
	pages_close(&r->pages);
	atomic_store(&r->checked, false);
}

/* Data and lock file go together: a process that still has the old pair open keeps both, and nobody mixes them. */
static int
put_aside(struct records *r, const char *why, struct err *e)
{
	if (renameat(r->dir, "data.mdb", r->dir, "damaged.mdb") < 0 && errno != ENOENT)
		return err_os(e, "put the damaged records '%s/data.mdb' aside", r->folder);
	(void)unlinkat(r->dir, "lock.mdb", 0); /* not there: fine */
	buf_reset(&r->notice);
	buf_printf(&r->notice,
		   "records in '%s' were damaged (%s) and are begun anew; what they knew is found out again, the old file is kept as damaged.mdb",
		   r->folder, why);
	return 0;
}

/* A file that was never finished holds nothing. */
static int
drop_unfinished(struct records *r, struct err *e)
{
	if ((unlinkat(r->dir, "data.mdb", 0) < 0 && errno != ENOENT) || (unlinkat(r->dir, "lock.mdb", 0) < 0 && errno != ENOENT))
		return err_os(e, "remove the unfinished records in '%s'", r->folder);
	return 0;
}

/* The handles of the tables that are there. */
static int
find_tables(struct records *r)
{
	struct lmdb_read *t = NULL;
	struct pages_root root;
	int rc = lmdb_read_begin(&r->l, &t);
	if (rc != 0)
		return rc;
	/* A commit in between takes the meta page away: EAGAIN. */
	rc = pages_root_of(&r->pages, lmdb_read_id(t), &root) ? 0 : EAGAIN;
	if (rc == 0)
		rc = pages_tables(&r->pages, &root) ? lmdb_find_tables(&r->l, t) : EBADMSG;
	if (rc == 0)
		return lmdb_read_commit(t);
	lmdb_read_end(t);
	return rc;
}

/* In a new file the tables are made at once: nobody else can have it open (the caller holds open.lock), so that LMDB's own lock is
 * free. */
static int
open_lmdb(struct records *r, bool fresh)
{
	int rc = lmdb_open(&r->l, r->folder, r->read_only, r->map_bytes);
	if (rc == 0 && fresh)
		return lmdb_write(&r->l, &(struct batch){ 0 });
	for (int i = 0; rc == 0 && i < TRIES; i++) {
		rc = find_tables(r);
		if (rc == EAGAIN && i + 1 < TRIES)
			rc = 0;
		else
			break;
	}
	return rc;
}

/* A file that is shorter than its last page is fine if nothing leads there (LMDB leaves a page unwritten that it used and freed
 * in one transaction), and SIGBUS for LMDB if something does. */
static bool
whole(struct records *r)
{
	struct pages_root root;
	if (!pages_root_newest(&r->pages, &root))
		return true; /* a commit is going on: the file is in use and grows */
	return root.next * r->pages.psize <= r->pages.size || pages_all(&r->pages, &root);
}

/* With open.lock held and no env. */
static int
open_env(struct records *r, struct err *e)
{
	for (int i = 0; i < 3; i++) {
		struct err why = { 0 };
		bool fresh = see_pages(r, &why) < 0;
		if (fresh && (r->read_only || (why.code != ERR_MISSING && why.code != ERR_DAMAGED))) {
			if (e)
				*e = why;
			return -1;
		}
		if (!fresh && !whole(r)) {
			pages_close(&r->pages);
			(void)err_set(&why, ERR_DAMAGED, "it is shorter than it says");
			if (r->read_only)
				return err_set(e, ERR_DAMAGED, "'%s/data.mdb' is shorter than it says", r->folder);
			fresh = true;
		}
		if (fresh && (why.code == ERR_MISSING ? drop_unfinished(r, e) : put_aside(r, why.text, e)) < 0)
			return -1;
		const int rc = open_lmdb(r, fresh);
		if (rc == 0 && fresh && see_pages(r, e) < 0) {
			close_env(r);
			return -1;
		}
		if (rc == 0 && (r->read_only || lmdb_has_tables(&r->l)))
			return 0;
		close_env(r);
		if (rc == 0) { /* its maker died before the tables were there */
			if (drop_unfinished(r, e) < 0)
				return -1;
		} else if (lmdb_fault(rc) != LMDB_DAMAGE || r->read_only) {
			return fail(e, rc, "open the records in", r);
		} else if (put_aside(r, lmdb_text(rc), e) < 0) {
			return -1;
		}
	}
	return err_set(e, ERR_WORLD, "the records in '%s' cannot be begun anew", r->folder);
}

static int
open_locked(struct records *r, struct err *e)
{
	AUTO_FD lock = -1;
	if (!r->read_only) {
		lock = lock_take(r->dir, "open.lock", false, OPEN_MS, e);
		if (lock < 0)
			return err_wrap(e, "open the records in '%s'", r->folder);
	}
	for (;;) {
		struct err why = { 0 };
		if (open_env(r, &why) == 0)
			return 0;
		if (why.os != ENOMEM || r->map_bytes <= MAP_LEAST) {
			if (e)
				*e = why;
			return -1;
		}
		r->map_bytes /= 4; /* address space is limited here */
	}
}

static struct records *
blank(void)
{
	struct records *r = mem_zalloc(sizeof *r);
	r->dir = -1;
	r->pages.fd = -1;
	r->folder = mem_strdup("");
	pthread_mutex_init(&r->mu, NULL);
	gate_init(&r->gate);
	return r;
}

struct records *
records_none(void)
{
	struct records *r = blank();
	r->read_only = true;
	return r;
}

int
records_open_sized(const char *folder, bool read_only, size_t map_bytes, struct records **out, struct err *e)
{
	struct records *r = blank();
	free(r->folder);
	r->folder = mem_strdup(folder);
	r->read_only = read_only;
	r->map_bytes = map_bytes;
	if (!read_only && file_mkdirs(AT_FDCWD, folder, e) < 0)
		goto fail;
	r->dir = file_open_dir(AT_FDCWD, folder, e);
	if (r->dir < 0 || open_locked(r, e) < 0)
		goto fail;
	*out = r;
	return 0;
fail:
	records_close(r);
	return -1;
}

int
records_open(const char *folder, bool read_only, struct records **out, struct err *e)
{
	return records_open_sized(folder, read_only, MAP_FIRST, out, e);
}

void
records_close(struct records *r)
{
	if (!r)
		return;
	close_env(r);
	gate_done(&r->gate);
	file_closep(&r->dir);
	pthread_mutex_destroy(&r->mu);
	buf_done(&r->notice);
	free(r->folder);
	free(r);
}

struct str
records_notice(const struct records *r)
{
	return buf_str(&r->notice);
}

/* ---- changing under the feet of nobody ------------------------------------------------------------------------- */

static int
quiet(struct records *r, struct err *e)
{
	if (gate_shut(&r->gate, QUIET_MS))
		return 0;
	return err_set(e, ERR_BUSY, "the records in '%s' must change their size, but a view on them does not end", r->folder);
}

/* bytes 0: what another process made of it. */
static int
resize(struct records *r, size_t bytes, struct err *e)
{
	if (quiet(r, e) < 0)
		return -1;
	size_t now = 0;
	const int rc = lmdb_map(&r->l, bytes, &now);
	int ok = rc == 0 ? 0 : fail(e, rc, "grow the records in", r);
	if (ok == 0 && now != r->map_bytes) {
		r->map_bytes = now;
		pages_close(&r->pages);
		ok = see_pages(r, e);
		if (ok < 0)
			close_env(r);
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
	close_env(r);
	int ok = -1;
	struct err why = { 0 };
	AUTO_FD lock = lock_take(r->dir, "open.lock", false, OPEN_MS, &why);
	if (lock >= 0)
		ok = damage ? put_aside(r, damage, &why) : 0;
	if (ok == 0)
		ok = open_env(r, &why);
	gate_reopen(&r->gate);
	if (ok < 0 && e)
		*e = why;
	return ok;
}

/* ---- views ----------------------------------------------------------------------------------------------------- */

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
		if (f == LMDB_GREW && resize(r, 0, e) < 0)
			return -1;
		if (!again)
			break;
	}
	return fail(e, rc, "read the records in", r);
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

struct walk {
	enum table t;
	bool (*call)(void *ctx, struct str key, struct str value); /* for sound values; may be NULL */
	void *ctx;
	struct batch *bad; /* takes deletions of the others; may be NULL */
	size_t nbad;
};

static bool
step(void *ctx, struct str key, struct str stored)
{
	struct walk *w = ctx;
	struct str value;
	if (seal_open(w->t, key, stored, &value))
		return !w->call || w->call(w->ctx, key, value);
	w->nbad++;
	if (w->bad && key.n <= RECORD_KEY_MAX)
		batch_del(w->bad, w->t, key);
	return true;
}

static size_t
each(struct view *v, struct str prefix, struct walk w)
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
	return each(v, prefix, (struct walk){ .t = t, .call = call, .ctx = ctx });
}

size_t
view_count(struct view *v, enum table t)
{
	return readable(v, t) && pages_tables(&v->r->pages, &v->root) ? lmdb_count(&v->r->l, v->txn, t) : 0;
}

/* ---- commits --------------------------------------------------------------------------------------------------- */

/* Has another process put our file aside? */
static bool
replaced(struct records *r)
{
	struct file_stat st;
	return file_stat(r->dir, "data.mdb", false, &st, NULL) < 0 || st.dev != r->pages.dev || st.ino != r->pages.ino;
}

static bool
sound(struct records *r)
{
	struct pages_root root;
	return pages_root_newest(&r->pages, &root) && pages_all(&r->pages, &root);
}

static int
commit_locked(struct records *r, const struct batch *b, struct err *e)
{
	int rc = 0;
	for (int i = 0; i < 40; i++) { /* 40 doublings of the map are more than there is */
		if ((!r->l.env || replaced(r)) && renew(r, NULL, e) < 0)
			return -1;
		if (!atomic_load(&r->checked)) {
			atomic_store(&r->checked, true);
			if (!sound(r) && renew(r, "its pages contradict each other", e) < 0)
				return -1;
			atomic_store(&r->checked, true);
		}
		rc = lmdb_write(&r->l, b);
		const enum lmdb_fault f = lmdb_fault(rc);
		int ok = -1;
		if (f == LMDB_FINE)
			return 0;
		if (f == LMDB_SMALL || f == LMDB_GREW)
			ok = resize(r, f == LMDB_SMALL ? r->map_bytes * 2 : 0, e);
		else if (f == LMDB_DAMAGE || f == LMDB_BROKEN)
			ok = renew(r, f == LMDB_DAMAGE ? lmdb_text(rc) : NULL, e);
		else
			break;
		if (ok < 0)
			return -1;
	}
	return fail(e, rc, "write the records in", r);
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
		return fail(e, rc, "sync the records in", r);
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
		wrong += each(v, (struct str){ 0 }, (struct walk){ .t = (enum table)t, .bad = &bad });
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
