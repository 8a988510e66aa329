/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/records_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/lock.h"

#define MAP_FIRST ((size_t)16 << 30)
#define MAP_LEAST ((size_t)64 << 20)

int
records_fail(struct err *e, int rc, const char *what, const struct records *r)
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
int
records_see_pages(struct records *r, struct err *e)
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

void
records_close_env(struct records *r)
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
int
records_put_aside(struct records *r, const char *why, struct err *e)
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

/* LMDB writes to its table of readers through a map, and a full disk under a map is SIGBUS: the room must be there before. Not
 * while this process has it open: closing any descriptor of lock.mdb gives up LMDB's locks on it. */
static int
reserve_readers(struct records *r)
{
	AUTO_FD fd = openat(r->dir, "lock.mdb", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return r->read_only ? 0 : errno; /* LMDB goes on without where nobody can write */
	struct stat st;
	if (fstat(fd, &st) < 0)
		return errno;
	if (st.st_size >= LMDB_LOCK_BYTES && st.st_blocks >= LMDB_LOCK_BYTES / 512)
		return 0;
	return fallocate(fd, 0, 0, LMDB_LOCK_BYTES) == 0 || errno == EOPNOTSUPP ? 0 : errno;
}

/* In a new file the tables are made at once: nobody else can have it open (the caller holds open.lock), so that LMDB's own lock is
 * free. */
static int
open_lmdb(struct records *r, bool fresh)
{
	int rc = reserve_readers(r);
	if (rc == 0)
		rc = lmdb_open(&r->l, r->folder, r->read_only, r->map_bytes);
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
int
records_open_env(struct records *r, struct err *e)
{
	for (int i = 0; i < 3; i++) {
		struct err why = { 0 };
		bool fresh = records_see_pages(r, &why) < 0;
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
		if (fresh && (why.code == ERR_MISSING ? drop_unfinished(r, e) : records_put_aside(r, why.text, e)) < 0)
			return -1;
		const int rc = open_lmdb(r, fresh);
		if (rc == 0 && fresh && records_see_pages(r, e) < 0) {
			records_close_env(r);
			return -1;
		}
		if (rc == 0 && (r->read_only || lmdb_has_tables(&r->l)))
			return 0;
		records_close_env(r);
		if (rc == 0) { /* its maker died before the tables were there */
			if (drop_unfinished(r, e) < 0)
				return -1;
		} else if (lmdb_fault(rc) != LMDB_DAMAGE || r->read_only) {
			return records_fail(e, rc, "open the records in", r);
		} else if (records_put_aside(r, lmdb_text(rc), e) < 0) {
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
		if (records_open_env(r, &why) == 0)
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
	r->small_pages = RECORDS_SMALL_PAGES;
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
	records_close_env(r);
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
