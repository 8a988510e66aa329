/* SPDX-License-Identifier: Apache-2.0
 *
 * Pending blobs become final, and final ones go.
 *
 *	PENDING -> SYNCED [sync_all] -> NAMED [name_all] -> FINAL [fsync of the folder, in blobs_flush]
 *	FINAL -> GRAVE [blobs_bury] -> gone [blobs_graves_empty] | FINAL [blobs_unbury]
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/blobs_inside.h"
#include "sys/clock.h"
#include "sys/pool.h"

/* Up to here each file is synced by itself (1 to 5 ms each on ext4); beyond, one syncfs is cheaper (20 to 40 ms for 1,000), even when it also
 * writes what others left dirty. */
#define SYNC_SINGLY 4

static int
sync_one(struct blobs *b, const struct pending *p, struct err *e)
{
	char name[BLOB_NAME];
	serial_name(p->serial, name);
	AUTO_FD fd = openat(b->own.fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_os(e, "open a pending blob"); /* ENOENT: named by a flush that failed later */
	return fdatasync(fd) < 0 ? err_os(e, "sync a blob") : 0;
}

static int
sync_all(struct blobs *b, const struct pending *v, size_t n, struct err *e)
{
	if (n > SYNC_SINGLY)
		return syncfs(b->own.fd) < 0 ? err_os(e, "sync the blobs in '%s'", b->folder) : 0;
	for (size_t i = 0; i < n; i++)
		if (sync_one(b, &v[i], e) < 0)
			return -1;
	return 0;
}

static int
name_all(struct blobs *b, const struct pending *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		char from[BLOB_NAME], to[DIGEST_HEX + 1];
		serial_name(v[i].serial, from);
		digest_hex(&v[i].digest, to);
		if (renameat(b->own.fd, from, b->final, to) < 0 && (errno != ENOENT || faccessat(b->final, to, F_OK, 0) < 0))
			return err_os(e, "name blob sha256:%s", to);
	}
	return 0;
}

int
blobs_flush(struct blobs *b, struct err *e)
{
	VEC(struct pending) v = { 0 };
	size_t nspilled = 0;
	int rc = 0;
	pthread_mutex_lock(&b->flushing);
	pthread_mutex_lock(&b->mu);
	for (size_t i = 0; i < b->pending.n; i++) {
		const struct pending *p = b->pending.v[i];
		if (p->spilled)
			nspilled++;
		else
			VEC_PUSH(&v, *p);
	}
	pthread_mutex_unlock(&b->mu);
	if (v.n > 0) {
		if (sync_all(b, v.v, v.n, e) < 0 || name_all(b, v.v, v.n, e) < 0)
			rc = -1;
		else if (fsync(b->final) < 0)
			rc = err_os(e, "sync '%s/blobs/sha256'", b->folder);
	}
	if (rc == 0 && v.n > 0) {
		pthread_mutex_lock(&b->mu);
		pending_remove(b, v.v, v.n);
		pthread_mutex_unlock(&b->mu);
	}
	pthread_mutex_unlock(&b->flushing);
	VEC_DONE(&v);
	if (rc == 0 && nspilled > 0)
		return err_set(e, ERR_FULL, "%zu blobs cannot be kept: '%s' is full or read-only", nspilled, b->folder);
	return rc;
}

int
blobs_each(struct blobs *b, bool (*call)(void *ctx, const struct digest *d, const struct file_stat *st), void *ctx, struct err *e)
{
	if (b->final < 0)
		return 0;
	struct arena a = { 0 };
	struct file_entry *v;
	size_t n = 0;
	int rc = file_list(b->final, ".", &a, &v, &n, e);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct digest d;
		struct file_stat st;
		if (v[i].type != FILE_REGULAR || !digest_parse(v[i].name, true, &d))
			continue;
		if (file_stat(b->final, v[i].name.p, false, &st, NULL) < 0)
			continue; /* gone meanwhile */
		if (!call(ctx, &d, &st))
			break;
	}
	arena_done(&a);
	return rc;
}

int
blobs_remove(struct blobs *b, const struct digest *d, struct err *e)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(d, hex);
	if (b->final >= 0 && unlinkat(b->final, hex, 0) < 0 && errno != ENOENT)
		return err_os(e, "remove blob sha256:%s", hex);
	return 0;
}

static int
move(struct blobs *b, const struct digest *d, bool bury, struct err *e)
{
	char hex[DIGEST_HEX + 1], grave[DIGEST_HEX + 16];
	digest_hex(d, hex);
	(void)snprintf(grave, sizeof grave, "grave/%s", hex);
	const int rc = bury ? renameat(b->final, hex, b->dir, grave) : renameat(b->dir, grave, b->final, hex);
	return rc < 0 ? err_os(e, "%s blob sha256:%s", bury ? "bury" : "take back", hex) : 0;
}

int
blobs_bury(struct blobs *b, const struct digest *d, int64_t *used_at, struct err *e)
{
	struct file_stat st;
	char grave[DIGEST_HEX + 16] = "grave/";
	digest_hex(d, grave + strlen(grave));
	if (mkdirat(b->dir, "grave", 0777) < 0 && errno != EEXIST)
		return err_os(e, "make '%s/grave'", b->folder);
	if (move(b, d, true, e) < 0 || file_stat(b->dir, grave, false, &st, e) < 0)
		return -1;
	*used_at = st.mtime;
	return 0;
}

int
blobs_unbury(struct blobs *b, const struct digest *d, struct err *e)
{
	return move(b, d, false, e);
}

int
blobs_unbury_all(struct blobs *b, struct err *e)
{
	struct arena a = { 0 };
	struct file_entry *v;
	size_t n = 0;
	struct err why = { 0 };
	int rc = file_list(b->dir, "grave", &a, &v, &n, &why);
	if (rc < 0 && why.code == ERR_MISSING)
		rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct digest d;
		if (digest_parse(v[i].name, true, &d))
			rc = blobs_unbury(b, &d, &why);
	}
	arena_done(&a);
	if (rc < 0 && e)
		*e = why;
	return rc;
}

int
blobs_graves_empty(struct blobs *b, struct err *e)
{
	if (file_remove_tree(b->dir, "grave", e) < 0)
		return -1;
	return file_remove_tree(b->dir, "damaged", e);
}
