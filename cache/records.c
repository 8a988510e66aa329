/* SPDX-License-Identifier: Apache-2.0
 *
 * States of a struct records (under mu; `changing` keeps new views out while nviews falls to 0):
 *
 *	OPEN -> CHANGING [quiet] -> OPEN [resume]     the map grows, another process's growth is taken over, or the file is replaced
 *	OPEN, view -> CHANGING waits; CHANGING, view_begin waits
 *	env NULL: nothing to read from; every view is empty
 */
#include "cache/records.h"

#include <assert.h>
#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache/pages.h"
#include "hashing/fp.h"
#include "sys/file.h"
#include "sys/lock.h"

#define MAP_FIRST ((size_t)16 << 30)
#define MAP_LEAST ((size_t)64 << 20)
#define READERS 4096
#define TABLES_MAX 32 /* room for tables of later versions */
#define SEAL 16       /* bytes of fingerprint in front of each value */
#define OPEN_MS 10000
#define QUIET_MS 10000

static const char *const table_names[] = {
#define X(id, name, key, value) name,
	RECORD_TABLES(X)
#undef X
};
_Static_assert(TABLE_RESULT == 0 && TABLE_STAT == 2 && TABLE_MISC == 7, "in seals: append only");

struct view {
	struct records *r;
	MDB_txn *txn; /* NULL: empty */
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
	MDB_env *env;
	MDB_dbi dbi[TABLE_COUNT];
	atomic_bool has[TABLE_COUNT];
	struct pages pages;
	atomic_bool checked; /* all pages, since opening and since the last damage met */
	struct buf notice;

	pthread_mutex_t mu;
	pthread_cond_t turn; /* nviews or changing changed */
	size_t nviews;
	bool changing;
	struct view *idle; /* ended, to be used again */
};

/* ---- errors and values ----------------------------------------------------------------------------------------- */

/* EIO: LMDB's word for a short write, which is a full disk. EFBIG: a limit on file sizes. */
static int
fail(struct err *e, int rc, const char *what, const struct records *r)
{
	if (rc == ENOSPC || rc == EDQUOT || rc == EROFS || rc == EFBIG || rc == EIO)
		return err_set(e, ERR_FULL, "%s '%s': %s", what, r->folder, mdb_strerror(rc));
	if (rc == EACCES || rc == EPERM)
		return err_set(e, ERR_DENIED, "%s '%s': %s", what, r->folder, mdb_strerror(rc));
	if (rc == MDB_READERS_FULL)
		return err_set(e, ERR_BUSY, "%s '%s': %d readers already", what, r->folder, READERS);
	return err_set(e, ERR_WORLD, "%s '%s': %s", what, r->folder, mdb_strerror(rc));
}

static bool
is_damage(int rc)
{
	return rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND ||
	       rc == MDB_INCOMPATIBLE || rc == MDB_CURSOR_FULL;
}

static void
seal(enum table t, struct str key, struct str value, uint8_t out[SEAL])
{
	const char id = (char)t;
	const struct str pieces[] = { { &id, 1 }, key, value };
	const struct fp f = fp_of_list(pieces, 3);
	memcpy(out, &f.hi, 8);
	memcpy(out + 8, &f.lo, 8);
}

static bool
unseal(enum table t, struct str key, const MDB_val *stored, struct str *value)
{
	if (stored->mv_size < SEAL)
		return false;
	const struct str v = { (const char *)stored->mv_data + SEAL, stored->mv_size - SEAL };
	uint8_t want[SEAL];
	seal(t, key, v, want);
	if (memcmp(want, stored->mv_data, SEAL) != 0)
		return false;
	*value = v;
	return true;
}

static MDB_val
val(struct str s)
{
	return (MDB_val){ .mv_size = s.n, .mv_data = (void *)(uintptr_t)s.p };
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static char *
path_of(const struct records *r, const char *name)
{
	AUTO_BUF b = { 0 };
	buf_printf(&b, "%s/%s", r->folder, name);
	return mem_strdup(buf_z(&b));
}

static int
see_pages(struct records *r, struct err *e)
{
	char *path = path_of(r, "data.mdb");
	const int rc = pages_open(&r->pages, path, r->map_bytes, e);
	free(path);
	return rc;
}

static void
close_env(struct records *r)
{
	while (r->idle) {
		struct view *v = r->idle;
		r->idle = v->next;
		if (v->txn)
			mdb_txn_abort(v->txn);
		pages_seen_done(&v->seen);
		free(v);
	}
	if (r->env)
		mdb_env_close(r->env);
	r->env = NULL;
	pages_close(&r->pages);
	for (int t = 0; t < TABLE_COUNT; t++)
		atomic_store(&r->has[t], false);
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

static int
open_tables(struct records *r, MDB_txn *txn, unsigned flags, bool has[TABLE_COUNT])
{
	for (int t = 0; t < TABLE_COUNT; t++) {
		if (atomic_load(&r->has[t]))
			continue;
		const int rc = mdb_dbi_open(txn, table_names[t], flags, &r->dbi[t]);
		if (rc != 0 && rc != MDB_NOTFOUND)
			return rc;
		has[t] = rc == 0;
	}
	return 0;
}

static void
publish(struct records *r, const bool has[TABLE_COUNT])
{
	for (int t = 0; t < TABLE_COUNT; t++)
		if (has[t])
			atomic_store(&r->has[t], true);
}

/* The tables of a new file (nobody else can have it open: the caller holds open.lock), or handles of those that are there. */
static int
begin_tables(struct records *r, bool fresh)
{
	MDB_txn *txn;
	bool has[TABLE_COUNT] = { false };
	int rc = mdb_txn_begin(r->env, NULL, fresh ? 0 : MDB_RDONLY, &txn);
	if (rc != 0)
		return rc;
	struct pages_root root;
	if (!fresh && (!pages_root_of(&r->pages, mdb_txn_id(txn), &root) || !pages_tables(&r->pages, &root)))
		rc = MDB_CORRUPTED;
	if (rc == 0)
		rc = open_tables(r, txn, fresh ? MDB_CREATE : 0, has);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn);
	if (rc == 0)
		publish(r, has);
	return rc;
}

static int
open_lmdb(struct records *r, bool fresh)
{
	const unsigned flags = MDB_NOTLS | MDB_NOMETASYNC | (r->read_only ? MDB_RDONLY : 0);
	int rc = mdb_env_create(&r->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(r->env, r->map_bytes);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(r->env, READERS);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(r->env, TABLES_MAX);
	if (rc == 0)
		rc = mdb_env_open(r->env, r->folder, flags, 0644);
	int fd = -1, dead = 0;
	if (rc == 0)
		rc = mdb_env_get_fd(r->env, &fd);
	if (rc == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		rc = errno;
	if (rc == 0)
		rc = mdb_reader_check(r->env, &dead);
	for (int i = 0; rc == 0 && i < 20; i++) {
		rc = begin_tables(r, fresh); /* a commit in between looks like damage: again */
		if (rc != MDB_CORRUPTED)
			break;
		rc = i < 19 ? 0 : rc;
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

static bool
has_none(const struct records *r)
{
	for (int t = 0; t < TABLE_COUNT; t++)
		if (atomic_load(&r->has[t]))
			return false;
	return true;
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
		if (rc == 0 && (r->read_only || !has_none(r)))
			return 0;
		close_env(r);
		if (rc == 0) { /* its maker died before the tables were there */
			if (drop_unfinished(r, e) < 0)
				return -1;
		} else if (!is_damage(rc) || r->read_only) {
			return fail(e, rc, "open the records in", r);
		} else if (put_aside(r, mdb_strerror(rc), e) < 0) {
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
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&r->turn, &clock);
	pthread_condattr_destroy(&clock);
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
	assert(r->nviews == 0);
	close_env(r);
	file_closep(&r->dir);
	pthread_mutex_destroy(&r->mu);
	pthread_cond_destroy(&r->turn);
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

/* Keeps new views out and waits for the last one to end. */
static int
quiet(struct records *r, struct err *e)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += QUIET_MS / 1000;
	int rc = 0;
	pthread_mutex_lock(&r->mu);
	while (r->changing && rc == 0)
		rc = pthread_cond_timedwait(&r->turn, &r->mu, &until);
	if (rc == 0) {
		r->changing = true;
		while (r->nviews > 0 && rc == 0)
			rc = pthread_cond_timedwait(&r->turn, &r->mu, &until);
		if (rc != 0) {
			r->changing = false;
			pthread_cond_broadcast(&r->turn);
		}
	}
	pthread_mutex_unlock(&r->mu);
	if (rc != 0)
		return err_set(e, ERR_BUSY, "the records in '%s' must change their size, but a view on them does not end", r->folder);
	return 0;
}

static void
resume(struct records *r)
{
	pthread_mutex_lock(&r->mu);
	r->changing = false;
	pthread_cond_broadcast(&r->turn);
	pthread_mutex_unlock(&r->mu);
}

/* bytes 0: what another process made of it. */
static int
resize(struct records *r, size_t bytes, struct err *e)
{
	if (quiet(r, e) < 0)
		return -1;
	MDB_envinfo info = { 0 };
	int rc = mdb_env_set_mapsize(r->env, bytes);
	if (rc == 0)
		rc = mdb_env_info(r->env, &info);
	int ok = rc == 0 ? 0 : fail(e, rc, "grow the records in", r);
	if (ok == 0 && info.me_mapsize != r->map_bytes) {
		r->map_bytes = info.me_mapsize;
		pages_close(&r->pages);
		ok = see_pages(r, e);
		if (ok < 0)
			close_env(r);
	}
	resume(r);
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
	resume(r);
	if (ok < 0 && e)
		*e = why;
	return ok;
}

/* ---- views ----------------------------------------------------------------------------------------------------- */

static struct view *
enter(struct records *r)
{
	pthread_mutex_lock(&r->mu);
	while (r->changing)
		pthread_cond_wait(&r->turn, &r->mu);
	r->nviews++;
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
	r->nviews--;
	pthread_cond_broadcast(&r->turn);
	pthread_mutex_unlock(&r->mu);
}

static int
start(struct view *v)
{
	struct records *r = v->r;
	if (!r->env)
		return 0;
	int rc = v->txn ? mdb_txn_renew(v->txn) : mdb_txn_begin(r->env, NULL, MDB_RDONLY, &v->txn);
	if (rc != 0) {
		if (v->txn)
			mdb_txn_abort(v->txn);
		v->txn = NULL;
		return rc;
	}
	/* Our eye and LMDB's must be on one state; commits in between reuse a meta page. */
	if (!pages_root_of(&r->pages, mdb_txn_id(v->txn), &v->root)) {
		mdb_txn_reset(v->txn);
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
	for (int i = 0; i < 50; i++) {
		struct view *v = enter(r);
		rc = start(v);
		if (rc == 0) {
			*out = v;
			return 0;
		}
		leave(v);
		int dead = 0;
		if (rc == MDB_MAP_RESIZED && resize(r, 0, e) < 0)
			return -1;
		if (rc == MDB_READERS_FULL && (mdb_reader_check(r->env, &dead) != 0 || dead == 0))
			break;
		if (rc != MDB_MAP_RESIZED && rc != MDB_READERS_FULL && rc != EAGAIN)
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
		mdb_txn_reset(v->txn);
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
	return v->txn && atomic_load(&v->r->has[t]);
}

bool
view_get(struct view *v, enum table t, struct str key, struct str *value)
{
	if (!readable(v, t) || key.n == 0 || key.n > RECORD_KEY_MAX)
		return false;
	if (!pages_path(&v->r->pages, &v->root, &v->seen, str_z(table_names[t]), key))
		return damage_met(v);
	MDB_val k = val(key), stored;
	const int rc = mdb_get(v->txn, v->r->dbi[t], &k, &stored);
	if (rc != 0)
		return rc != MDB_NOTFOUND && rc != EINVAL && damage_met(v);
	return unseal(t, key, &stored, value);
}

/* Sound values go to call, the keys of the others to bad; either may be NULL. Returns how many are not sound. */
static size_t
each(struct view *v, enum table t, struct str prefix, bool (*call)(void *ctx, struct str key, struct str value), void *ctx,
     struct batch *bad)
{
	if (!readable(v, t))
		return 0;
	if (!pages_table(&v->r->pages, &v->root, str_z(table_names[t])))
		return (size_t)!damage_met(v);
	MDB_cursor *c;
	if (mdb_cursor_open(v->txn, v->r->dbi[t], &c) != 0)
		return 0;
	size_t nbad = 0;
	MDB_val k = val(prefix), stored;
	for (int rc = mdb_cursor_get(c, &k, &stored, prefix.n ? MDB_SET_RANGE : MDB_FIRST); rc == 0;
	     rc = mdb_cursor_get(c, &k, &stored, MDB_NEXT)) {
		const struct str key = { k.mv_data, k.mv_size };
		struct str value;
		if (!str_starts(key, prefix))
			break;
		if (unseal(t, key, &stored, &value)) {
			if (call && !call(ctx, key, value))
				break;
			continue;
		}
		nbad++;
		if (bad && key.n <= RECORD_KEY_MAX)
			batch_del(bad, t, key);
	}
	mdb_cursor_close(c);
	return nbad;
}

size_t
view_each(struct view *v, enum table t, struct str prefix, bool (*call)(void *ctx, struct str key, struct str value), void *ctx)
{
	return each(v, t, prefix, call, ctx, NULL);
}

size_t
view_count(struct view *v, enum table t)
{
	MDB_stat st;
	if (!readable(v, t) || mdb_stat(v->txn, v->r->dbi[t], &st) != 0)
		return 0;
	return st.ms_entries;
}

/* ---- commits --------------------------------------------------------------------------------------------------- */

static int
apply(struct records *r, MDB_txn *txn, const struct batch *b)
{
	struct rd rest = { .rest = buf_str(&b->ops) };
	struct batch_op op;
	AUTO_BUF sealed = { 0 };
	while (batch_next(&rest, &op)) {
		MDB_val k = val(op.key);
		int rc;
		if (op.del) {
			rc = mdb_del(txn, r->dbi[op.table], &k, NULL);
			rc = rc == MDB_NOTFOUND ? 0 : rc;
		} else {
			uint8_t s[SEAL];
			seal(op.table, op.key, op.value, s);
			buf_reset(&sealed);
			buf_put(&sealed, (struct str){ (const char *)s, SEAL });
			buf_put(&sealed, op.value);
			MDB_val stored = val(buf_str(&sealed));
			rc = mdb_put(txn, r->dbi[op.table], &k, &stored, 0);
		}
		if (rc != 0)
			return rc;
	}
	assert(!rest.bad);
	return 0;
}

static int
attempt(struct records *r, const struct batch *b)
{
	MDB_txn *txn;
	bool has[TABLE_COUNT] = { false };
	int rc = mdb_txn_begin(r->env, NULL, 0, &txn);
	if (rc != 0)
		return rc;
	rc = open_tables(r, txn, MDB_CREATE, has);
	if (rc == 0)
		rc = apply(r, txn, b);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn);
	if (rc == 0)
		publish(r, has);
	return rc;
}

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
		if ((!r->env || replaced(r)) && renew(r, NULL, e) < 0)
			return -1;
		if (!atomic_load(&r->checked)) {
			atomic_store(&r->checked, true);
			if (!sound(r) && renew(r, "its pages contradict each other", e) < 0)
				return -1;
			atomic_store(&r->checked, true);
		}
		rc = attempt(r, b);
		if (rc == 0)
			return 0;
		int ok = -1;
		if (rc == MDB_MAP_FULL)
			ok = resize(r, r->map_bytes * 2, e);
		else if (rc == MDB_MAP_RESIZED)
			ok = resize(r, 0, e);
		else if (is_damage(rc))
			ok = renew(r, mdb_strerror(rc), e);
		else if (rc == MDB_PANIC)
			ok = renew(r, NULL, e);
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
	const int rc = durable ? mdb_env_sync(r->env, 1) : 0;
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
		wrong += each(v, (enum table)t, (struct str){ 0 }, NULL, NULL, &bad);
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
