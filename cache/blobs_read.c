/* SPDX-License-Identifier: Apache-2.0
 *
 * The ways out (B3). All of them hash what they give out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/blobs_inside.h"

#define CHUNK ((size_t)256 << 10)
#define WHOLE ((uint64_t)1 << 20) /* from this size on the kernel copies, and the copy is read for its digest */

struct source {
	int fd;
	uint64_t size, dev, ino;
	bool final;
};

static int
open_pending(struct blobs *b, const struct digest *d)
{
	struct pending p;
	if (!pending_find(b, d, &p))
		return -1;
	char name[BLOB_NAME];
	serial_name(p.serial, name);
	return file_open(nest_of(b, p.spilled)->fd, name, O_RDONLY, 0, NULL);
}

static int
source_open(struct blobs *b, const struct digest *d, struct source *s, struct err *e)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(d, hex);
	s->fd = -1;
	struct err why = { .code = ERR_MISSING };
	for (int i = 0; i < 2 && s->fd < 0; i++) { /* twice: it may be flushed between the two looks */
		s->final = true;
		if (b->final >= 0)
			s->fd = file_open(b->final, hex, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &why);
		if (s->fd < 0) {
			s->fd = open_pending(b, d);
			s->final = false;
		}
	}
	if (s->fd < 0) {
		if (why.code == ERR_MISSING)
			return err_set(e, ERR_MISSING, "blob sha256:%s is not in the cache", hex);
		return err_set(e, why.code, "blob sha256:%s: %s", hex, why.text);
	}
	struct file_stat st;
	if (file_stat_fd(s->fd, &st, e) < 0) {
		file_closep(&s->fd);
		return -1;
	}
	if (st.type != FILE_REGULAR) {
		file_closep(&s->fd);
		return err_set(e, ERR_MISSING, "blob sha256:%s is not a file", hex);
	}
	s->size = st.size;
	s->dev = st.dev;
	s->ino = st.ino;
	return 0;
}

/* A blob that is not what its name says is taken out of everybody's way; it stays in damaged/ for a look. If another process put
 * a sound one in its place meanwhile, that one stays. */
static int
damaged(struct blobs *b, const struct digest *d, const struct source *s, struct err *e)
{
	char hex[DIGEST_HEX + 1], to[DIGEST_HEX + 16];
	digest_hex(d, hex);
	(void)snprintf(to, sizeof to, "damaged/%s", hex);
	struct stat st;
	if (!s->final) {
		pthread_mutex_lock(&b->mu);
		const uint32_t i = map_get(&b->index, (struct str){ (const char *)d->b, sizeof d->b });
		if (i != MAP_NONE) {
			const struct pending p = *b->pending.v[i];
			pending_remove(b, &p, 1);
		}
		pthread_mutex_unlock(&b->mu);
	} else if (!b->read_only && fstatat(b->final, hex, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == s->ino &&
		   st.st_dev == s->dev) {
		(void)mkdirat(b->dir, "damaged", 0777); /* there already: fine */
		if (renameat(b->final, hex, b->dir, to) < 0)
			(void)unlinkat(b->final, hex, 0); /* it stays, and is found damaged again */
	}
	return err_set(e, ERR_DAMAGED, "blob sha256:%s is damaged; what made it must make it again", hex);
}

/* Up to n bytes; less at the end. */
static int
read_full(int fd, void *to, size_t n, size_t *got, struct err *e)
{
	size_t have = 0;
	while (have < n) {
		const ssize_t k = read(fd, (char *)to + have, n - have);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_os(e, "read a blob");
		if (k == 0)
			break;
		have += (size_t)k;
	}
	*got = have;
	return 0;
}

int
blobs_read(struct blobs *b, const struct digest *d, size_t limit, struct buf *out, struct err *e)
{
	struct source s;
	if (source_open(b, d, &s, e) < 0)
		return -1;
	AUTO_FD fd = s.fd;
	if (s.size > limit)
		return err_set(e, ERR_INPUT, "a blob of %llu bytes is larger than the %zu expected here", (unsigned long long)s.size,
			       limit);
	const size_t before = out->n;
	size_t got = 0;
	buf_reserve(out, (size_t)s.size + 1);
	if (read_full(fd, out->p + before, (size_t)s.size + 1, &got, e) < 0)
		return -1;
	const struct digest have = digest_of((struct str){ out->p + before, got });
	if (got != s.size || !digest_eq(&have, d)) {
		out->p[before] = '\0';
		return damaged(b, d, &s, e);
	}
	out->n += got;
	out->p[out->n] = '\0';
	return 0;
}

struct blob_reader {
	struct blobs *b;
	struct digest want;
	struct source s;
	uint64_t at;
	struct digest_stream *hash; /* NULL: checked */
};

int
blob_open(struct blobs *b, const struct digest *d, struct blob_reader **out, struct err *e)
{
	struct source s;
	if (source_open(b, d, &s, e) < 0)
		return -1;
	struct blob_reader *r = mem_zalloc(sizeof *r);
	*r = (struct blob_reader){ .b = b, .want = *d, .s = s, .hash = digest_begin() };
	*out = r;
	return 0;
}

/* At the end: nothing may follow, and the digest must be right. */
static bool
reader_sound(struct blob_reader *r)
{
	char more;
	size_t n = 0;
	const struct digest have = digest_end(r->hash);
	r->hash = NULL;
	return read_full(r->s.fd, &more, 1, &n, NULL) == 0 && n == 0 && digest_eq(&have, &r->want);
}

int
blob_next(struct blob_reader *r, void *to, size_t size, size_t *n, struct err *e)
{
	const uint64_t left = r->s.size - r->at;
	const size_t want = left < size ? (size_t)left : size;
	size_t got = 0;
	if (want > 0 && read_full(r->s.fd, to, want, &got, e) < 0)
		return -1;
	if (got < want)
		return damaged(r->b, &r->want, &r->s, e);
	r->at += got;
	if (r->hash) {
		digest_add(r->hash, (struct str){ to, got });
		if (r->at == r->s.size && !reader_sound(r))
			return damaged(r->b, &r->want, &r->s, e);
	}
	*n = got;
	return 0;
}

void
blob_close(struct blob_reader *r)
{
	if (!r)
		return;
	file_closep(&r->s.fd);
	digest_drop(r->hash);
	free(r);
}

/* Digest of what is read from fd to its end, written to dst as well when that is not -1. */
static int
pass(int fd, int dst, struct digest *out, uint64_t *size, struct err *e)
{
	char *chunk = mem_alloc(CHUNK);
	struct digest_stream *hash = digest_begin();
	size_t got = 0;
	int rc = 0;
	*size = 0;
	do {
		rc = read_full(fd, chunk, CHUNK, &got, e);
		const struct str piece = { chunk, rc == 0 ? got : 0 };
		digest_add(hash, piece);
		*size += piece.n;
		if (rc == 0 && dst >= 0 && piece.n > 0)
			rc = file_write_all(dst, piece, e);
	} while (rc == 0 && got == CHUNK);
	*out = digest_end(hash);
	free(chunk);
	return rc;
}

int
blobs_check(struct blobs *b, const struct digest *d, struct err *e)
{
	struct source s;
	if (source_open(b, d, &s, e) < 0)
		return -1;
	AUTO_FD fd = s.fd;
	struct digest have;
	uint64_t n;
	if (pass(fd, -1, &have, &n, e) < 0)
		return -1;
	if (digest_eq(&have, d))
		return 0;
	char text[DIGEST_TEXT + 1];
	digest_text(d, text);
	return err_set(e, ERR_DAMAGED, "blob %s is damaged: its %llu bytes have another digest", text, (unsigned long long)n);
}

/* Large blobs share their blocks with the copy where the file system can; the copy is hashed, not the source. */
static int
copy_checked(struct source *s, int dst, struct digest *have, struct err *e)
{
	uint64_t n;
	if (s->size < WHOLE)
		return pass(s->fd, dst, have, &n, e);
	if (file_copy_fd(s->fd, dst, e) < 0)
		return -1;
	if (lseek(dst, 0, SEEK_SET) < 0)
		return err_os(e, "read the copy again");
	return pass(dst, -1, have, &n, e);
}

static int
checkout_into(struct blobs *b, const struct digest *d, struct source *s, int *dst, mode_t mode, struct err *e)
{
	struct digest have;
	if (copy_checked(s, *dst, &have, e) < 0)
		return -1;
	if (!digest_eq(&have, d))
		return damaged(b, d, s, e);
	if (fchmod(*dst, mode) < 0)
		return err_os(e, "set its mode");
	return file_close(dst, "the copy of a blob", e);
}

int
blobs_checkout(struct blobs *b, const struct digest *d, int at, const char *path, mode_t mode, struct file_stat *st, struct err *e)
{
	struct source s;
	if (source_open(b, d, &s, e) < 0)
		return -1;
	AUTO_FD src = s.fd;
	(void)src; /* only to be closed */
	pthread_mutex_lock(&b->mu);
	const uint64_t serial = ++b->serial;
	pthread_mutex_unlock(&b->mu);
	AUTO_BUF temp = { 0 };
	const struct str folder = path_dir(str_z(path));
	buf_printf(&temp, STR_FMT "/.pawl-%ld-%llx", STR_ARG(folder), (long)getpid(), (unsigned long long)serial);
	AUTO_FD dst = file_open(at, buf_z(&temp), O_RDWR | O_CREAT | O_EXCL, 0600, e);
	if (dst < 0)
		return err_wrap(e, "restore '%s'", path);
	struct file_stat now;
	if (checkout_into(b, d, &s, &dst, mode, e) < 0 || file_rename(at, buf_z(&temp), at, path, e) < 0) {
		(void)unlinkat(at, buf_z(&temp), 0); /* the failure is told already */
		return err_wrap(e, "restore '%s'", path);
	}
	if (file_stat(at, path, false, &now, e) < 0)
		return -1;
	if (st)
		*st = now;
	return 0;
}
