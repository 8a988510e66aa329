/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/layer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backends/layer_entry.h"
#include "backends/squeeze.h"
#include "backends/tar.h"
#include "base/map.h"
#include "base/vec.h"

#define PATH_MAX_BYTES 4096
#define ENTRIES_MAX 4000000u
#define READ_SIZE ((size_t)256 << 10)

struct layer *
layer_new(void)
{
	struct layer *l = mem_zalloc(sizeof *l);
	l->spool = -1;
	return l;
}

void
layer_free(struct layer *l)
{
	if (!l)
		return;
	file_closep(&l->spool);
	map_done(&l->paths);
	VEC_DONE(&l->entries);
	arena_done(&l->arena);
	free(l);
}

size_t
layer_entries(const struct layer *l)
{
	return l->paths.n;
}

const char *
layer_path_wrong(struct str path)
{
	if (path.n == 0)
		return "is empty";
	if (path.n > PATH_MAX_BYTES)
		return "is too long";
	if (path.p[0] == '/')
		return "is absolute";
	if (memchr(path.p, '\0', path.n))
		return "has a NUL byte";
	for (struct str rest = path; rest.p;) {
		const struct str_cut c = str_cut(rest, '/');
		if (c.head.n == 0)
			return "has an empty name in it";
		if (str_is(c.head, ".") || str_is(c.head, ".."))
			return "has '.' or '..' in it";
		if (c.head.n > 255)
			return "has a name of more than 255 bytes";
		if (str_starts(c.head, STR(".wh.")))
			return "has a name that begins with '.wh.', which would delete files of the layers below";
		if (!c.ok)
			break;
		rest = c.tail;
	}
	return NULL;
}

/* A new entry for a checked path, in place of an older one. */
static struct layer_entry *
put_in(struct layer *l, struct str path, enum layer_type type, struct err *e)
{
	if (l->entries.n >= ENTRIES_MAX) {
		(void)err_set(e, ERR_INPUT, "a layer with more than %u entries", ENTRIES_MAX);
		return NULL;
	}
	struct layer_entry *x = arena_new(&l->arena, struct layer_entry);
	x->type = type;
	x->path = arena_str(&l->arena, path);
	x->mode = type == LAYER_FOLDER ? 0755 : type == LAYER_LINK ? 0777 : 0644;
	VEC_PUSH(&l->entries, x);
	const uint32_t old = map_put(&l->paths, x->path, (uint32_t)l->entries.n - 1);
	if (old != MAP_NONE)
		l->entries.v[old] = NULL;
	return x;
}

static struct layer_entry *
add(struct layer *l, struct str path, enum layer_type type, struct err *e)
{
	const char *wrong = layer_path_wrong(path);
	if (!wrong)
		return put_in(l, path, type, e);
	(void)err_set(e, ERR_INPUT, "the path '" STR_FMT "' cannot be in a layer: it %s", STR_ARG(str_take(path, 300)), wrong);
	return NULL;
}

static struct layer_entry *
add_file(struct layer *l, struct str path, bool exec, enum layer_source source, uint64_t size, struct err *e)
{
	struct layer_entry *x = add(l, path, LAYER_FILE, e);
	if (!x)
		return NULL;
	x->mode = exec ? 0755 : 0644;
	x->source = source;
	x->size = size;
	return x;
}

int
layer_add_bytes(struct layer *l, struct str path, bool exec, struct str bytes, struct err *e)
{
	struct layer_entry *x = add_file(l, path, exec, SOURCE_BYTES, bytes.n, e);
	if (!x)
		return -1;
	x->bytes = arena_str(&l->arena, bytes);
	return 0;
}

int
layer_add_blob(struct layer *l, struct str path, bool exec, const struct digest *d, uint64_t size, struct err *e)
{
	struct layer_entry *x = add_file(l, path, exec, SOURCE_BLOB, size, e);
	if (!x)
		return -1;
	x->digest = *d;
	return 0;
}

int
layer_add_file(struct layer *l, struct str path, bool exec, int at, const char *from, const struct content *c, struct err *e)
{
	struct layer_entry *x = add_file(l, path, exec, SOURCE_PATH, c->size, e);
	if (!x)
		return -1;
	x->digest = c->digest;
	x->at = at;
	x->bytes = arena_str(&l->arena, str_z(from));
	return 0;
}

int
layer_add_spooled(struct layer *l, struct str path, bool exec, uint64_t offset, uint64_t size, struct err *e)
{
	assert(offset + size <= l->spooled);
	struct layer_entry *x = add_file(l, path, exec, SOURCE_SPOOL, size, e);
	if (!x)
		return -1;
	x->offset = offset;
	return 0;
}

int
layer_add_link(struct layer *l, struct str path, struct str target, struct err *e)
{
	if (target.n == 0 || target.n > PATH_MAX_BYTES || memchr(target.p, '\0', target.n))
		return err_set(e, ERR_INPUT, "the link '" STR_FMT "' has a target that is empty, too long or has a NUL byte",
			       STR_ARG(path));
	struct layer_entry *x = add(l, path, LAYER_LINK, e);
	if (!x)
		return -1;
	x->target = arena_str(&l->arena, target);
	return 0;
}

int
layer_add_folder(struct layer *l, struct str path, struct err *e)
{
	return add(l, path, LAYER_FOLDER, e) ? 0 : -1;
}

/* ".wh.NAME" beside the hidden path, ".wh..wh..opq" in the folder that hides. */
static int
add_hiding(struct layer *l, const struct layer_raw *r, struct err *e)
{
	struct arena *a = &l->arena;
	const char *wrong = layer_path_wrong(r->path);
	if (wrong)
		return err_set(e, ERR_INPUT, "'" STR_FMT "' cannot be hidden by a layer: it %s", STR_ARG(str_take(r->path, 300)), wrong);
	struct str path = path_join(a, r->path, STR(".wh..wh..opq"));
	if (r->type == LAYER_WHITEOUT) {
		const struct str name = arena_printf(a, ".wh." STR_FMT, STR_ARG(path_base(r->path)));
		path = str_find_char(r->path, '/') == SIZE_MAX ? name : path_join(a, path_dir(r->path), name);
	}
	struct layer_entry *x = put_in(l, path, LAYER_FILE, e);
	if (!x)
		return -1;
	x->source = SOURCE_BYTES;
	return 0;
}

static void
keep_xattrs(struct layer *l, struct layer_entry *x, const struct layer_raw *r)
{
	x->nxattrs = r->nxattrs;
	x->xattrs = arena_array(&l->arena, struct tar_xattr, r->nxattrs + 1);
	for (size_t i = 0; i < r->nxattrs; i++)
		x->xattrs[i] = (struct tar_xattr){ arena_str(&l->arena, r->xattrs[i].name), arena_str(&l->arena, r->xattrs[i].value) };
}

int
layer_add_raw(struct layer *l, const struct layer_raw *r, struct err *e)
{
	const char *wrong = r->type == LAYER_HARDLINK ? layer_path_wrong(r->target) : NULL;
	if (wrong)
		return err_set(e, ERR_INPUT, "the hard link '" STR_FMT "' has a target that %s", STR_ARG(r->path), wrong);
	if (r->type == LAYER_WHITEOUT || r->type == LAYER_OPAQUE)
		return add_hiding(l, r, e);
	if (r->type == LAYER_LINK) {
		if (layer_add_link(l, r->path, r->target, e) < 0)
			return -1;
		l->entries.v[l->entries.n - 1]->uid = r->uid;
		l->entries.v[l->entries.n - 1]->gid = r->gid;
		return 0;
	}
	assert(r->type != LAYER_FILE || r->offset + r->size <= l->spooled);
	struct layer_entry *x = add(l, r->path, r->type, e);
	if (!x)
		return -1;
	x->raw = true;
	x->mode = r->mode & 07777;
	x->uid = r->uid;
	x->gid = r->gid;
	x->source = SOURCE_SPOOL;
	x->offset = r->offset;
	keep_xattrs(l, x, r);
	x->size = r->type == LAYER_FILE ? r->size : 0;
	x->target = r->type == LAYER_HARDLINK ? arena_str(&l->arena, r->target) : (struct str){ 0 };
	return 0;
}

int
layer_own(struct layer *l, struct str path, uint32_t mode, uint32_t uid, uint32_t gid, struct err *e)
{
	const uint32_t at = map_get(&l->paths, path);
	if (at == MAP_NONE)
		return err_set(e, ERR_BUG, "there is no entry '" STR_FMT "' to own", STR_ARG(path));
	struct layer_entry *x = l->entries.v[at];
	if (x->type != LAYER_LINK) {
		x->raw = true;
		x->mode = mode & 07777;
	}
	x->uid = uid;
	x->gid = gid;
	return 0;
}

int
layer_spool(struct layer *l, struct str bytes, struct err *e)
{
	if (l->spool < 0)
		l->spool = file_open(AT_FDCWD, "/var/tmp", O_TMPFILE | O_RDWR, 0600, NULL);
	if (l->spool < 0)
		l->spool = file_open(AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600, e);
	if (l->spool < 0 || file_write_all(l->spool, bytes, e) < 0)
		return -1;
	l->spooled += bytes.n;
	return 0;
}

uint64_t
layer_spooled(const struct layer *l)
{
	return l->spooled;
}

int
layer_spool_read(const struct layer *l, uint64_t offset, uint64_t size, struct buf *out, struct err *e)
{
	assert(offset + size <= l->spooled);
	const size_t before = out->n;
	buf_reserve(out, (size_t)size + 1);
	while (out->n - before < size) {
		const size_t had = out->n - before;
		const ssize_t n = pread(l->spool, out->p + out->n, (size_t)size - had, (off_t)(offset + had));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			out->n = before;
			return err_os(e, "read spooled content");
		}
		out->n += (size_t)n;
	}
	return 0;
}

/* ---- writing ---- */

struct out {
	struct squeeze *to;
	struct digest_stream *check; /* SOURCE_PATH: the file may have changed */
	uint64_t left;               /* bytes of the entry's content still to come */
};

static int
put(struct out *o, struct str bytes, struct err *e)
{
	if (bytes.n > o->left)
		return err_set(e, ERR_BUSY, "it grew while it was read");
	o->left -= bytes.n;
	if (o->check)
		digest_add(o->check, bytes);
	return squeeze_write(o->to, bytes, e);
}

static int
put_blob(struct out *o, struct blobs *b, const struct layer_entry *x, char *room, struct err *e)
{
	struct blob_reader *r;
	if (blob_open(b, &x->digest, &r, e) < 0)
		return -1;
	size_t n;
	int bad;
	while ((bad = blob_next(r, room, READ_SIZE, &n, e)) == 0 && n > 0) {
		if ((bad = put(o, (struct str){ room, n }, e)) < 0)
			break;
	}
	blob_close(r);
	return bad;
}

static int
put_path(struct out *o, const struct layer_entry *x, char *room, struct err *e)
{
	AUTO_FD fd = file_open(x->at, x->bytes.p, O_RDONLY, 0, e);
	if (fd < 0)
		return -1;
	o->check = digest_begin();
	int bad = 0;
	for (;;) {
		const ssize_t n = read(fd, room, READ_SIZE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			bad = err_os(e, "read '%s'", x->bytes.p);
		if (n <= 0)
			break;
		if ((bad = put(o, (struct str){ room, (size_t)n }, e)) < 0)
			break;
	}
	const struct digest d = digest_end(o->check);
	o->check = NULL;
	if (bad == 0 && !digest_eq(&d, &x->digest))
		bad = err_set(e, ERR_BUSY, "'%s' changed while it was read; try again", x->bytes.p);
	return bad;
}

static int
put_spooled(struct out *o, const struct layer *l, const struct layer_entry *x, char *room, struct err *e)
{
	for (uint64_t at = 0; at < x->size;) {
		const size_t want = x->size - at < READ_SIZE ? (size_t)(x->size - at) : READ_SIZE;
		const ssize_t n = pread(l->spool, room, want, (off_t)(x->offset + at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_os(e, "read the spooled content of '" STR_FMT "'", STR_ARG(x->path));
		if (put(o, (struct str){ room, (size_t)n }, e) < 0)
			return -1;
		at += (uint64_t)n;
	}
	return 0;
}

static int
put_content(struct out *o, const struct layer *l, struct blobs *b, const struct layer_entry *x, char *room, struct err *e)
{
	int bad = 0;
	o->left = x->size;
	switch (x->source) {
	case SOURCE_BYTES:
		bad = put(o, x->bytes, e);
		break;
	case SOURCE_BLOB:
		bad = put_blob(o, b, x, room, e);
		break;
	case SOURCE_PATH:
		bad = put_path(o, x, room, e);
		break;
	case SOURCE_SPOOL:
		bad = put_spooled(o, l, x, room, e);
		break;
	}
	if (bad == 0 && o->left > 0)
		bad = err_set(e, ERR_BUSY, "it is shorter than it was");
	return bad < 0 ? err_wrap(e, "'" STR_FMT "'", STR_ARG(x->path)) : 0;
}

static int
put_entry(struct out *o, const struct layer *l, struct blobs *b, const struct layer_entry *x, char *room, struct err *e)
{
	static const char zero[TAR_BLOCK];
	static const enum tar_type type[] = { TAR_FILE, TAR_FOLDER, TAR_LINK, TAR_HARDLINK, TAR_FIFO };
	AUTO_BUF header = { 0 };
	tar_header(&(struct tar_entry){ .type = type[x->type],
					.path = x->path,
					.target = x->target,
					.size = x->size,
					.mode = x->mode,
					.uid = x->uid,
					.gid = x->gid,
					.mtime = LAYER_MTIME,
					.xattrs = x->xattrs,
					.nxattrs = x->type == LAYER_HARDLINK ? 0 : x->nxattrs },
		   &header);
	if (squeeze_write(o->to, buf_str(&header), e) < 0)
		return -1;
	if (x->type != LAYER_FILE)
		return 0;
	if (put_content(o, l, b, x, room, e) < 0)
		return -1;
	return squeeze_write(o->to, (struct str){ zero, tar_pad(x->size) }, e);
}

static const struct {
	enum squeeze_kind kind;
	struct str media;
} COMPRESSION[] = {
	[LAYER_GZIP] = { SQUEEZE_GZIP, STR_INIT("application/vnd.oci.image.layer.v1.tar+gzip") },
	[LAYER_ZSTD] = { SQUEEZE_ZSTD, STR_INIT("application/vnd.oci.image.layer.v1.tar+zstd") },
	[LAYER_TAR] = { SQUEEZE_NONE, STR_INIT("application/vnd.oci.image.layer.v1.tar") },
};

int
layer_write(struct layer *l, struct blobs *b, enum layer_compression c, struct layer_info *out, struct err *e)
{
	static const char zero[TAR_END];
	struct layer_entry **v;
	size_t n;
	if (layer_order(l, &v, &n, e) < 0)
		return -1;
	struct out o = { 0 };
	if (squeeze_begin(b, COMPRESSION[c].kind, &o.to, e) < 0)
		return -1;
	char *room = mem_alloc(READ_SIZE);
	int bad = 0;
	for (size_t i = 0; i < n && bad == 0; i++)
		bad = put_entry(&o, l, b, v[i], room, e);
	free(room);
	if (bad == 0 && l->part)
		bad = squeeze_cut(o.to, e);
	if (bad < 0 || squeeze_write(o.to, (struct str){ zero, sizeof zero }, e) < 0) {
		squeeze_abort(o.to);
		return -1;
	}
	struct layer_info info = { .media = COMPRESSION[c].media };
	if (squeeze_end(o.to, &info.digest, &info.size, &info.diff_id, &info.tar_size, e) < 0)
		return -1;
	*out = info;
	return 0;
}

void
layer_part(struct layer *l)
{
	l->part = true;
}

struct str
layer_media(enum layer_compression c)
{
	return COMPRESSION[c].media;
}

enum squeeze_kind
layer_squeeze(enum layer_compression c)
{
	return COMPRESSION[c].kind;
}

const char *
layer_compressor(enum layer_compression c)
{
	return squeeze_name(COMPRESSION[c].kind);
}
