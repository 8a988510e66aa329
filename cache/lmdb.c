/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <string.h>

#include "base/buf.h"
#include "cache/seal.h"

#define TABLES_MAX 32 /* room for tables of later versions */

static MDB_env *
env(struct lmdb *l)
{
	return (MDB_env *)l->env;
}

static MDB_txn *
txn(struct lmdb_read *t)
{
	return (MDB_txn *)t;
}

static MDB_val
val(struct str s)
{
	return (MDB_val){ .mv_size = s.n, .mv_data = (void *)(uintptr_t)s.p };
}

static struct str
str_of(const MDB_val *v)
{
	return (struct str){ v->mv_data, v->mv_size };
}

/* EIO: LMDB's word for a short write, which is a full disk. EFBIG: a limit on file sizes. */
enum lmdb_fault
lmdb_fault(int rc)
{
	static const struct {
		int rc;
		enum lmdb_fault fault;
	} faults[] = {
		{ MDB_SUCCESS, LMDB_FINE },          { MDB_NOTFOUND, LMDB_MISS },
		{ MDB_MAP_FULL, LMDB_SMALL },        { MDB_MAP_RESIZED, LMDB_GREW },
		{ MDB_READERS_FULL, LMDB_READERS },  { MDB_INVALID, LMDB_DAMAGE },
		{ MDB_VERSION_MISMATCH, LMDB_DAMAGE }, { MDB_CORRUPTED, LMDB_DAMAGE },
		{ MDB_PAGE_NOTFOUND, LMDB_DAMAGE },  { MDB_INCOMPATIBLE, LMDB_DAMAGE },
		{ MDB_CURSOR_FULL, LMDB_DAMAGE },    { MDB_PANIC, LMDB_BROKEN },
		{ EBADMSG, LMDB_DAMAGE },            { ENOSPC, LMDB_FULL },
		{ EDQUOT, LMDB_FULL },               { EROFS, LMDB_FULL },
		{ EFBIG, LMDB_FULL },
		{ EIO, LMDB_FULL },                  { EACCES, LMDB_DENIED },
		{ EPERM, LMDB_DENIED },
	};
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (faults[i].rc == rc)
			return faults[i].fault;
	return LMDB_OTHER;
}

const char *
lmdb_text(int rc)
{
	return mdb_strerror(rc);
}

int
lmdb_open(struct lmdb *l, const char *folder, bool read_only, size_t map_bytes)
{
	const unsigned flags = MDB_NOTLS | MDB_NOMETASYNC | (read_only ? MDB_RDONLY : 0);
	MDB_env *e = NULL;
	int fd = -1, ndead = 0;
	int rc = mdb_env_create(&e);
	if (rc != 0)
		return rc;
	rc = mdb_env_set_mapsize(e, map_bytes);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(e, LMDB_READERS_MAX);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(e, TABLES_MAX);
	if (rc == 0)
		rc = mdb_env_open(e, folder, flags, 0644);
	if (rc == 0)
		rc = mdb_env_get_fd(e, &fd);
	if (rc == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) /* its other descriptors have it already */
		rc = errno;
	if (rc == 0)
		rc = mdb_reader_check(e, &ndead);
	if (rc != 0) {
		mdb_env_close(e);
		return rc;
	}
	l->env = (struct lmdb_env *)e;
	return 0;
}

void
lmdb_close(struct lmdb *l)
{
	if (l->env)
		mdb_env_close(env(l));
	l->env = NULL;
	for (int t = 0; t < TABLE_COUNT; t++)
		atomic_store(&l->has[t], false);
}

int
lmdb_reader_check(struct lmdb *l, int *ndead)
{
	return mdb_reader_check(env(l), ndead);
}

int
lmdb_map(struct lmdb *l, size_t bytes, size_t *now)
{
	MDB_envinfo info = { 0 };
	int rc = mdb_env_set_mapsize(env(l), bytes);
	if (rc == 0)
		rc = mdb_env_info(env(l), &info);
	if (rc == 0)
		*now = info.me_mapsize;
	return rc;
}

int
lmdb_sync(struct lmdb *l)
{
	return mdb_env_sync(env(l), 1);
}

/* ---- tables and writing ---------------------------------------------------------------------------------------- */

static int
open_tables(struct lmdb *l, MDB_txn *t, unsigned flags, bool got[TABLE_COUNT])
{
	for (int i = 0; i < TABLE_COUNT; i++) {
		if (atomic_load(&l->has[i]))
			continue;
		const int rc = mdb_dbi_open(t, record_table_name((enum table)i).p, flags, &l->dbi[i]);
		if (rc != 0 && rc != MDB_NOTFOUND)
			return rc;
		got[i] = rc == 0;
	}
	return 0;
}

/* Handles count for others once the transaction that made them is committed. */
static void
publish(struct lmdb *l, const bool got[TABLE_COUNT])
{
	for (int i = 0; i < TABLE_COUNT; i++)
		if (got[i])
			atomic_store(&l->has[i], true);
}

int
lmdb_find_tables(struct lmdb *l, struct lmdb_read *t)
{
	bool got[TABLE_COUNT] = { false };
	const int rc = open_tables(l, txn(t), 0, got);
	if (rc == 0)
		publish(l, got);
	return rc;
}

bool
lmdb_has_tables(const struct lmdb *l)
{
	for (int i = 0; i < TABLE_COUNT; i++)
		if (atomic_load(&l->has[i]))
			return true;
	return false;
}

static int
apply(struct lmdb *l, MDB_txn *t, const struct batch *b)
{
	struct rd rest = { .rest = buf_str(&b->ops) };
	struct batch_op op;
	AUTO_BUF sealed = { 0 };
	int rc = 0;
	while (rc == 0 && batch_next(&rest, &op)) {
		MDB_val k = val(op.key);
		if (op.del) {
			rc = mdb_del(t, l->dbi[op.table], &k, NULL);
			rc = rc == MDB_NOTFOUND ? 0 : rc;
			continue;
		}
		uint8_t s[SEAL];
		seal_make(op.table, op.key, op.value, s);
		buf_reset(&sealed);
		buf_put(&sealed, (struct str){ (const char *)s, SEAL });
		buf_put(&sealed, op.value);
		MDB_val stored = val(buf_str(&sealed));
		rc = mdb_put(t, l->dbi[op.table], &k, &stored, 0);
	}
	return rc;
}

int
lmdb_write(struct lmdb *l, const struct batch *b)
{
	MDB_txn *t;
	bool got[TABLE_COUNT] = { false };
	int rc = mdb_txn_begin(env(l), NULL, 0, &t);
	if (rc != 0)
		return rc;
	rc = open_tables(l, t, MDB_CREATE, got);
	if (rc == 0)
		rc = apply(l, t, b);
	if (rc != 0) {
		mdb_txn_abort(t);
		return rc;
	}
	rc = mdb_txn_commit(t);
	if (rc == 0)
		publish(l, got);
	return rc;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

int
lmdb_read_begin(struct lmdb *l, struct lmdb_read **t)
{
	MDB_txn *x = txn(*t);
	const int rc = x ? mdb_txn_renew(x) : mdb_txn_begin(env(l), NULL, MDB_RDONLY, &x);
	if (rc != 0 && *t)
		mdb_txn_abort(x);
	*t = rc == 0 ? (struct lmdb_read *)x : NULL;
	return rc;
}

void
lmdb_read_rest(struct lmdb_read *t)
{
	mdb_txn_reset(txn(t));
}

void
lmdb_read_end(struct lmdb_read *t)
{
	if (t)
		mdb_txn_abort(txn(t));
}

int
lmdb_read_commit(struct lmdb_read *t)
{
	return mdb_txn_commit(txn(t));
}

uint64_t
lmdb_read_id(struct lmdb_read *t)
{
	return mdb_txn_id(txn(t));
}

/* EINVAL: the handle is younger than the transaction, which sees no such table yet. */
int
lmdb_get(struct lmdb *l, struct lmdb_read *t, enum table table, struct str key, struct str *stored)
{
	MDB_val k = val(key), v;
	const int rc = mdb_get(txn(t), l->dbi[table], &k, &v);
	if (rc == 0)
		*stored = str_of(&v);
	return rc == EINVAL ? MDB_NOTFOUND : rc;
}

int
lmdb_each(struct lmdb *l, struct lmdb_read *t, enum table table, struct str prefix,
	  bool (*call)(void *ctx, struct str key, struct str stored), void *ctx)
{
	MDB_cursor *c;
	int rc = mdb_cursor_open(txn(t), l->dbi[table], &c);
	if (rc != 0)
		return rc == EINVAL ? 0 : rc;
	MDB_val k = val(prefix), v;
	rc = mdb_cursor_get(c, &k, &v, prefix.n ? MDB_SET_RANGE : MDB_FIRST);
	while (rc == 0 && str_starts(str_of(&k), prefix) && call(ctx, str_of(&k), str_of(&v)))
		rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

size_t
lmdb_count(struct lmdb *l, struct lmdb_read *t, enum table table)
{
	MDB_stat st;
	return mdb_stat(txn(t), l->dbi[table], &st) == 0 ? st.ms_entries : 0;
}

const char *
lmdb_version(void)
{
	return MDB_VERSION_STRING;
}
