/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/blobs_inside.h"
#include "sys/file.h"
#include "sys/lock.h"

#define TMP_LOCK_MS 10000

const struct nest *
nest_of(const struct blobs *b, bool spilled)
{
	return spilled ? &b->spill : &b->own;
}

/* FOLDER/tmp/PID-XXXXXX with its lock. tmp/.lock keeps those who clean away until the lock is held. */
static int
make_own(struct blobs *b, struct nest *out, struct err *e)
{
	if (b->read_only || b->dir < 0)
		return err_set(e, ERR_FULL, "'%s' is read-only", b->folder);
	if (file_mkdirs(b->dir, "tmp", e) < 0)
		return -1;
	AUTO_FD guard = lock_take(b->dir, "tmp/.lock", false, TMP_LOCK_MS, e);
	if (guard < 0)
		return -1;
	struct arena a = { 0 };
	AUTO_BUF tmp = { 0 };
	buf_printf(&tmp, "%s/tmp", b->folder);
	char prefix[32];
	(void)snprintf(prefix, sizeof prefix, "%ld-", (long)getpid());
	struct str path;
	int rc = file_scratch_dir(buf_z(&tmp), prefix, &a, &path, e);
	struct nest n = { .fd = -1, .lock = -1 };
	if (rc == 0)
		n.fd = file_open_dir(AT_FDCWD, path.p, e);
	if (n.fd >= 0)
		n.lock = lock_take(n.fd, "lock", false, 0, e);
	if (n.lock < 0) {
		file_closep(&n.fd);
		if (rc == 0)
			(void)file_remove_tree(AT_FDCWD, path.p, NULL); /* else the next one who cleans does */
		arena_done(&a);
		return -1;
	}
	n.path = mem_strdup(path.p);
	arena_done(&a);
	*out = n;
	return 0;
}

static int
make_spill(struct nest *out, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	if (!tmp || tmp[0] != '/')
		tmp = "/tmp";
	struct arena a = { 0 };
	struct str path;
	struct nest n = { .fd = -1, .lock = -1 };
	if (file_scratch_dir(tmp, "pawl-blobs-", &a, &path, e) == 0) {
		n.fd = file_open_dir(AT_FDCWD, path.p, e);
		if (n.fd >= 0)
			n.path = mem_strdup(path.p);
	}
	arena_done(&a);
	if (n.fd < 0)
		return -1;
	*out = n;
	return 0;
}

static void
nest_done(struct nest *n)
{
	file_closep(&n->fd);
	if (n->path)
		(void)file_remove_tree(AT_FDCWD, n->path, NULL); /* else cleaned later (B4) */
	file_closep(&n->lock);
	free(n->path);
	*n = (struct nest){ .fd = -1, .lock = -1 };
}

void
nests_done(struct blobs *b)
{
	nest_done(&b->own);
	nest_done(&b->spill);
}

void
tmp_clean(struct blobs *b)
{
	struct arena a = { 0 };
	struct file_entry *v;
	size_t n;
	if (file_list(b->dir, "tmp", &a, &v, &n, NULL) < 0)
		n = 0;
	if (n > (n > 0 && str_is(v[0].name, ".lock"))) {
		AUTO_FD guard = lock_take(b->dir, "tmp/.lock", false, 0, NULL); /* busy: somebody else cleans */
		for (size_t i = 0; guard >= 0 && i < n; i++) {
			if (v[i].type != FILE_FOLDER)
				continue;
			const char *name = arena_printf(&a, "tmp/" STR_FMT, STR_ARG(v[i].name)).p;
			AUTO_FD dead = lock_take(b->dir, arena_printf(&a, "%s/lock", name).p, false, 0, NULL);
			if (dead >= 0)
				(void)file_remove_tree(b->dir, name, NULL); /* the next open tries again */
		}
	}
	arena_done(&a);
}

static bool
is_full(const struct err *e)
{
	return e->code == ERR_FULL || e->code == ERR_DENIED || e->os == EFBIG;
}

/* The folder's descriptor, made if need be, and a number for a new file in it. */
static int
nest_enter(struct blobs *b, bool spilled, uint64_t *serial, struct err *e)
{
	pthread_mutex_lock(&b->mu);
	struct nest *n = spilled ? &b->spill : &b->own;
	if (n->fd < 0 && (spilled ? make_spill(n, e) : make_own(b, n, e)) < 0) {
		pthread_mutex_unlock(&b->mu);
		return -1;
	}
	*serial = ++b->serial;
	pthread_mutex_unlock(&b->mu);
	return n->fd;
}

static int
begin_in(struct blobs *b, bool spilled, struct temp *t, struct err *e)
{
	struct temp n = { .fd = -1, .spilled = spilled };
	const int dir = nest_enter(b, spilled, &n.serial, e);
	if (dir < 0)
		return -1;
	char name[BLOB_NAME];
	serial_name(n.serial, name);
	n.fd = file_open(dir, name, O_RDWR | O_CREAT | O_EXCL, FINAL_MODE, e);
	if (n.fd < 0)
		return -1;
	*t = n;
	return 0;
}

int
temp_begin(struct blobs *b, struct temp *t, struct err *e)
{
	struct err why = { 0 };
	if (begin_in(b, false, t, &why) == 0)
		return 0;
	if (is_full(&why) && begin_in(b, true, t, NULL) == 0)
		return 0;
	return err_set(e, why.code, "begin a blob: %s", why.text);
}

/* The disk under FOLDER is full: go on in the scratch folder with what was written so far. */
static int
move_out(struct blobs *b, struct temp *t, struct err *e)
{
	struct temp n;
	if (begin_in(b, true, &n, e) < 0)
		return -1;
	n.size = t->size;
	if (lseek(t->fd, 0, SEEK_SET) < 0 || file_copy_fd(t->fd, n.fd, e) < 0 || ftruncate(n.fd, (off_t)t->size) < 0 ||
	    lseek(n.fd, (off_t)t->size, SEEK_SET) < 0) {
		temp_drop(b, &n);
		return err_set(e, ERR_FULL, "the cache is full, and so is the scratch folder");
	}
	temp_drop(b, t);
	*t = n;
	return 0;
}

int
temp_write(struct blobs *b, struct temp *t, struct str bytes, struct err *e)
{
	struct err why = { 0 };
	if (file_write_all(t->fd, bytes, &why) < 0) {
		if (!is_full(&why) || t->spilled || move_out(b, t, NULL) < 0)
			return err_set(e, why.code, "write a blob: %s", why.text);
		if (file_write_all(t->fd, bytes, e) < 0)
			return err_wrap(e, "write a blob");
	}
	t->size += bytes.n;
	return 0;
}

int
temp_copy(struct blobs *b, struct temp *t, int src, struct err *e)
{
	struct err why = { 0 };
	if (file_copy_fd(src, t->fd, &why) < 0) {
		if (!is_full(&why) || t->spilled || move_out(b, t, NULL) < 0)
			return err_set(e, why.code, "copy into a blob: %s", why.text);
		if (lseek(src, 0, SEEK_SET) < 0)
			return err_os(e, "copy into a blob");
		if (file_copy_fd(src, t->fd, e) < 0)
			return err_wrap(e, "copy into a blob");
	}
	const off_t end = lseek(t->fd, 0, SEEK_END);
	if (end < 0)
		return err_os(e, "copy into a blob");
	t->size = (uint64_t)end;
	return 0;
}

/* A umask, or what the folder wants, may have changed the mode that the file was made with; the same for all of one folder. */
static int
set_mode(struct blobs *b, const struct temp *t)
{
	struct stat st;
	if (!t->spilled && b->mode == 0 && fstat(t->fd, &st) == 0)
		b->mode = (int)(st.st_mode & 07777);
	return !t->spilled && b->mode == FINAL_MODE ? 0 : fchmod(t->fd, FINAL_MODE);
}

/* Its mode, and closed; or dropped. */
static int
complete(struct blobs *b, struct temp *t, struct err *e)
{
	struct err why = { 0 };
	if (set_mode(b, t) < 0)
		(void)err_os(&why, "set the mode of a blob");
	else if (file_close(&t->fd, "a blob", &why) == 0)
		return 0;
	if (e)
		*e = why;
	temp_drop(b, t);
	return -1;
}

int
temp_keep_new(struct blobs *b, struct temp *t, const struct digest *d, struct err *e)
{
	if (complete(b, t, e) < 0)
		return -1;
	pthread_mutex_lock(&b->mu);
	const bool twice = map_get(&b->index, (struct str){ (const char *)d->b, sizeof d->b }) != MAP_NONE;
	if (!twice)
		pending_add(b, (struct pending){ .digest = *d, .size = t->size, .serial = t->serial, .spilled = t->spilled });
	pthread_mutex_unlock(&b->mu);
	if (twice)
		temp_drop(b, t);
	return 0;
}

int
temp_keep(struct blobs *b, struct temp *t, const struct digest *d, struct err *e)
{
	if (!blob_known(b, d, t->size))
		return temp_keep_new(b, t, d, e);
	temp_drop(b, t);
	return 0;
}

void
temp_drop(struct blobs *b, struct temp *t)
{
	char name[BLOB_NAME];
	serial_name(t->serial, name);
	file_closep(&t->fd);
	(void)unlinkat(nest_of(b, t->spilled)->fd, name, 0); /* the folder is removed at close anyway */
}
