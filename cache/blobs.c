/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/blobs.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/blobs_inside.h"
#include "sys/clock.h"

#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define INDEX "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}"

void
serial_name(uint64_t serial, char out[BLOB_NAME])
{
	(void)snprintf(out, BLOB_NAME, "%llx", (unsigned long long)serial);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static int
make_layout(int dir, struct err *e)
{
	if (file_mkdirs(dir, "blobs/sha256", e) < 0)
		return -1;
	if (!file_exists(dir, "index.json") && file_replace(dir, "index.json", STR(INDEX), 0644, false, e) < 0)
		return -1;
	if (!file_exists(dir, "oci-layout") && file_replace(dir, "oci-layout", STR(LAYOUT), 0644, false, e) < 0)
		return -1;
	return 0;
}

int
blobs_open(const char *folder, bool read_only, struct blobs **out, struct err *e)
{
	struct blobs *b = mem_zalloc(sizeof *b);
	b->folder = mem_strdup(folder);
	b->dir = b->final = -1;
	b->own = b->spill = (struct nest){ .fd = -1, .lock = -1 };
	b->read_only = read_only;
	b->epoch = clock_real();
	pthread_mutex_init(&b->flushing, NULL);
	pthread_mutex_init(&b->mu, NULL);
	if (!read_only && file_mkdirs(AT_FDCWD, folder, e) < 0)
		goto fail;
	b->dir = file_open_dir(AT_FDCWD, folder, read_only ? NULL : e);
	if (!read_only && (b->dir < 0 || make_layout(b->dir, e) < 0))
		goto fail;
	if (b->dir >= 0)
		b->final = file_open_dir(b->dir, "blobs/sha256", read_only ? NULL : e);
	if (!read_only && b->final < 0)
		goto fail;
	if (!read_only)
		tmp_clean(b);
	*out = b;
	return 0;
fail:
	blobs_close(b);
	return -1;
}

void
blobs_close(struct blobs *b)
{
	if (!b)
		return;
	nests_done(b);
	for (size_t i = 0; i < b->pending.n; i++)
		free(b->pending.v[i]);
	VEC_DONE(&b->pending);
	map_done(&b->index);
	file_closep(&b->final);
	file_closep(&b->dir);
	pthread_mutex_destroy(&b->flushing);
	pthread_mutex_destroy(&b->mu);
	free(b->folder);
	free(b);
}

/* ---- what is there --------------------------------------------------------------------------------------------- */

static struct str
key_of(const struct digest *d)
{
	return (struct str){ (const char *)d->b, sizeof d->b };
}

bool
pending_find(struct blobs *b, const struct digest *d, struct pending *out)
{
	pthread_mutex_lock(&b->mu);
	const uint32_t i = map_get(&b->index, key_of(d));
	if (i != MAP_NONE)
		*out = *b->pending.v[i];
	pthread_mutex_unlock(&b->mu);
	return i != MAP_NONE;
}

void
pending_add(struct blobs *b, struct pending p)
{
	assert(b->pending.n < MAP_NONE);
	struct pending *own = mem_alloc(sizeof *own);
	*own = p;
	(void)map_put(&b->index, key_of(&own->digest), (uint32_t)b->pending.n);
	VEC_PUSH(&b->pending, own);
}

static int
by_serial(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

void
pending_remove(struct blobs *b, const struct pending *which, size_t n)
{
	uint64_t *gone = mem_alloc((n + 1) * sizeof *gone);
	for (size_t i = 0; i < n; i++)
		gone[i] = which[i].serial;
	qsort(gone, n, sizeof *gone, by_serial);
	map_done(&b->index);
	size_t kept = 0;
	for (size_t i = 0; i < b->pending.n; i++) {
		struct pending *p = b->pending.v[i];
		if (bsearch(&p->serial, gone, n, sizeof *gone, by_serial)) {
			free(p);
			continue;
		}
		(void)map_put(&b->index, key_of(&p->digest), (uint32_t)kept);
		b->pending.v[kept++] = p;
	}
	b->pending.n = kept;
	free(gone);
}

/* Only the empty blob is empty: what a crashed machine leaves of a file is often its name. */
static bool
plausible(const struct digest *d, uint64_t size)
{
	const struct digest empty = digest_of((struct str){ 0 });
	return (size == 0) == digest_eq(d, &empty);
}

static bool
final_stat(struct blobs *b, const struct digest *d, struct stat *st)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(d, hex);
	return b->final >= 0 && fstatat(b->final, hex, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode) &&
	       plausible(d, (uint64_t)st->st_size);
}

bool
blobs_has(struct blobs *b, const struct digest *d, uint64_t *size)
{
	struct stat st;
	struct pending p;
	uint64_t n;
	if (pending_find(b, d, &p)) /* first: what is flushed between the two looks is final by the second */
		n = p.size;
	else if (final_stat(b, d, &st))
		n = (uint64_t)st.st_size;
	else
		return false;
	if (size)
		*size = n;
	return true;
}

bool
blob_known(struct blobs *b, const struct digest *d, uint64_t size)
{
	struct stat st;
	struct pending p;
	if (pending_find(b, d, &p))
		return size == UINT64_MAX || p.size == size;
	if (!final_stat(b, d, &st))
		return false;
	if (size != UINT64_MAX && (uint64_t)st.st_size != size)
		return false; /* damaged: the new one takes its place */
	const int64_t at = (int64_t)st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
	char hex[DIGEST_HEX + 1];
	digest_hex(d, hex);
	if (at < b->epoch && !b->read_only && utimensat(b->final, hex, NULL, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return false; /* gc was faster */
	return true;
}

bool
blobs_path(struct blobs *b, const struct digest *d, struct arena *a, struct str *path)
{
	struct stat st;
	struct pending p;
	char name[DIGEST_HEX + 1];
	for (int i = 0; i < 2; i++) {
		if (final_stat(b, d, &st)) {
			digest_hex(d, name);
			*path = arena_printf(a, "%s/blobs/sha256/%s", b->folder, name);
			return true;
		}
		if (pending_find(b, d, &p)) {
			serial_name(p.serial, name);
			*path = arena_printf(a, "%s/%s", nest_of(b, p.spilled)->path, name);
			return true;
		}
	}
	return false;
}

/* ---- putting --------------------------------------------------------------------------------------------------- */

void
blobs_epoch(struct blobs *b, int64_t at)
{
	b->epoch = at;
}

int
blobs_put(struct blobs *b, struct str bytes, struct digest *out, struct err *e)
{
	const struct digest d = digest_of(bytes);
	if (!blob_known(b, &d, bytes.n)) {
		struct temp t;
		if (temp_begin(b, &t, e) < 0)
			return -1;
		if (temp_write(b, &t, bytes, e) < 0) {
			temp_drop(b, &t);
			return -1;
		}
		if (temp_keep_new(b, &t, &d, e) < 0)
			return -1;
	}
	*out = d;
	return 0;
}

static int
store_copy(struct blobs *b, struct temp *t, int src, const char *path, const struct content *expect, struct content *c,
	   struct err *e)
{
	if (temp_copy(b, t, src, e) < 0)
		return -1;
	if (lseek(t->fd, 0, SEEK_SET) < 0)
		return err_os(e, "read the copy again");
	if (content_of_fd(t->fd, c, e) < 0)
		return -1;
	if (expect && !digest_eq(&expect->digest, &c->digest))
		return err_set(e, ERR_BUSY, "'%s' changed while it was read", path);
	return 0;
}

int
blobs_put_file(struct blobs *b, int at, const char *path, const struct content *expect, struct content *out, struct err *e)
{
	if (expect && blob_known(b, &expect->digest, expect->size)) {
		*out = *expect;
		return 0;
	}
	AUTO_FD src = file_open(at, path, O_RDONLY | O_NONBLOCK, 0, e);
	struct file_stat st;
	if (src < 0 || file_stat_fd(src, &st, e) < 0)
		return -1;
	if (st.type != FILE_REGULAR)
		return err_set(e, ERR_INPUT, "'%s' is not a regular file and cannot be stored", path);
	struct temp t;
	struct content c;
	if (temp_begin(b, &t, e) < 0)
		return -1;
	if (store_copy(b, &t, src, path, expect, &c, e) < 0) {
		temp_drop(b, &t);
		return err_wrap(e, "store '%s'", path);
	}
	if (temp_keep(b, &t, &c.digest, e) < 0)
		return -1;
	*out = c;
	return 0;
}

struct blob_writer {
	struct blobs *b;
	struct temp t;
	struct digest_stream *hash;
};

int
blob_begin(struct blobs *b, struct blob_writer **out, struct err *e)
{
	struct temp t;
	if (temp_begin(b, &t, e) < 0)
		return -1;
	struct blob_writer *w = mem_zalloc(sizeof *w);
	*w = (struct blob_writer){ .b = b, .t = t, .hash = digest_begin() };
	*out = w;
	return 0;
}

int
blob_write(struct blob_writer *w, struct str bytes, struct err *e)
{
	if (temp_write(w->b, &w->t, bytes, e) < 0)
		return -1;
	digest_add(w->hash, bytes);
	return 0;
}

int
blob_commit(struct blob_writer *w, const struct digest *expect, struct digest *out, uint64_t *size, struct err *e)
{
	const struct digest d = digest_end(w->hash);
	const uint64_t n = w->t.size;
	w->hash = NULL;
	if (expect && !digest_eq(expect, &d)) {
		char want[DIGEST_TEXT + 1], have[DIGEST_TEXT + 1];
		digest_text(expect, want);
		digest_text(&d, have);
		blob_abort(w);
		return err_set(e, ERR_DAMAGED, "expected %s, got %s (%llu bytes)", want, have, (unsigned long long)n);
	}
	const int rc = temp_keep(w->b, &w->t, &d, e);
	free(w);
	if (rc < 0)
		return -1;
	if (out)
		*out = d;
	if (size)
		*size = n;
	return 0;
}

void
blob_abort(struct blob_writer *w)
{
	if (!w)
		return;
	digest_drop(w->hash);
	temp_drop(w->b, &w->t);
	free(w);
}
