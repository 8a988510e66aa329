/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "sys/library.h"

/* libarchive's names and ours meet here only: its functions begin with archive_read_ and archive_entry_. */

#define CHUNK ((size_t)256 << 10)
#define PATH_LIMIT 4096
#define XATTRS_MAX 100
#define XATTR_SIZE_MAX 65536
#define RATIO_FREE (UINT64_C(64) << 20)

/* libarchive's functions, by name without "archive_"; loaded when the first archive is opened. */
#define FUNCTIONS(X) \
	X(entry_filetype) X(entry_gid) X(entry_hardlink) X(entry_hardlink_utf8) \
	X(entry_is_encrypted) X(entry_mode) X(entry_pathname) X(entry_pathname_utf8) X(entry_size) \
	X(entry_size_is_set) X(entry_symlink) X(entry_symlink_utf8) X(entry_uid) X(entry_xattr_next) X(entry_xattr_reset) X(error_string) \
	X(read_data) X(read_free) X(read_new) X(read_next_header) X(read_open) X(read_open_fd) \
	X(read_open_memory) X(read_support_filter_bzip2) X(read_support_filter_gzip) \
	X(read_support_filter_xz) X(read_support_filter_zstd) X(read_support_format_tar) \
	X(read_support_format_zip_seekable) X(set_error) X(version_details)

static struct {
#define X(f) __typeof__(archive_##f) *f;
	FUNCTIONS(X)
#undef X
} lib;

static const struct library_function functions[] = {
#define X(f) { "archive_" #f, &lib.f },
	FUNCTIONS(X)
#undef X
};
static struct library libarchive = LIBRARY("libarchive.so.13", "libarchive13", functions, NULL);

struct archive_reader {
	struct archive *in;
	struct archive_entry *entry;
	struct archive_opts opts;
	char *what;
	locale_t locale;            /* names are UTF-8 whatever the locale of the process */
	struct blob_reader *blob;   /* streaming source */
	int fd;                     /* source, or -1; owned when own_fd */
	bool own_fd;
	char *room;
	bool bad;                   /* the source failed: err says how */
	struct err source_err;
	uint64_t read, total, entries;
	uint64_t left;              /* of the present entry by its header; UINT64_MAX: not known */
	struct arena item, kept;    /* of the present entry; of all */
	struct map links;           /* paths of links so far */
};

static la_ssize_t
source_read(struct archive *in, void *ctx, const void **out)
{
	struct archive_reader *r = ctx;
	size_t n = 0;
	if (r->blob) {
		if (blob_next(r->blob, r->room, CHUNK, &n, &r->source_err) < 0) {
			r->bad = true;
			lib.set_error(in, EIO, "%s", r->source_err.text);
			return -1;
		}
	} else {
		ssize_t got;
		do
			got = read(r->fd, r->room, CHUNK);
		while (got < 0 && errno == EINTR);
		if (got < 0) {
			r->bad = true;
			(void)err_os(&r->source_err, "read");
			lib.set_error(in, EIO, "%s", r->source_err.text);
			return -1;
		}
		n = (size_t)got;
	}
	r->read += n;
	*out = r->room;
	return (la_ssize_t)n;
}

static struct archive_reader *
reader_new(const char *what, const struct archive_opts *o)
{
	struct archive_reader *r = mem_zalloc(sizeof *r);
	r->fd = -1;
	r->what = mem_strdup(what);
	r->opts = o ? *o : (struct archive_opts){ 0 };
	if (r->opts.total == 0)
		r->opts.total = UINT64_C(64) << 30;
	if (r->opts.entries == 0)
		r->opts.entries = 2000000;
	if (r->opts.ratio == 0)
		r->opts.ratio = 1200;
	r->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	r->in = lib.read_new();
	if (r->in && r->opts.zip) {
		(void)lib.read_support_format_zip_seekable(r->in);
	} else if (r->in) {
		(void)lib.read_support_format_tar(r->in);
		(void)lib.read_support_filter_gzip(r->in);
		(void)lib.read_support_filter_zstd(r->in);
		(void)lib.read_support_filter_xz(r->in);
		(void)lib.read_support_filter_bzip2(r->in);
	}
	return r;
}

void
archive_close(struct archive_reader *r)
{
	if (!r)
		return;
	if (r->in)
		(void)lib.read_free(r->in);
	if (r->blob)
		blob_close(r->blob);
	if (r->own_fd)
		file_closep(&r->fd);
	if (r->locale)
		freelocale(r->locale);
	map_done(&r->links);
	arena_done(&r->item);
	arena_done(&r->kept);
	free(r->room);
	free(r->what);
	free(r);
}

/* What libarchive says, with our own error in front of it when the source failed. */
static int
failed(struct archive_reader *r, struct err *e)
{
	if (r->bad) {
		(void)err_set(e, r->source_err.code, "%s", r->source_err.text);
		return err_wrap(e, "%s", r->what);
	}
	const char *why = lib.error_string(r->in);
	return err_set(e, ERR_INPUT, "%s is damaged or no archive that can be read: %s", r->what, why ? why : "no reason is known");
}

/* Run one of libarchive's opening functions under our locale. */
static int
opened(struct archive_reader *r, int status, struct archive_reader **out, struct err *e)
{
	if (status != ARCHIVE_OK) {
		(void)failed(r, e);
		archive_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

static int
open_stream(struct archive_reader *r, struct archive_reader **out, struct err *e)
{
	r->room = mem_alloc(CHUNK);
	return opened(r, lib.read_open(r->in, r, NULL, source_read, NULL), out, e);
}

static int
open_fd(struct archive_reader *r, struct archive_reader **out, struct err *e)
{
	if (!r->opts.zip)
		return open_stream(r, out, e);
	struct file_stat st;
	if (file_stat_fd(r->fd, &st, NULL) == 0)
		r->read = st.size; /* libarchive seeks in it as it likes: its input is its size */
	return opened(r, lib.read_open_fd(r->in, r->fd, CHUNK), out, e);
}

/* A flush on another thread may give the blob its final name between the question and the opening: once for each blob. */
static int
open_seekable(struct blobs *b, const struct digest *d, const char *what, const struct archive_opts *o, struct archive_reader **out, struct err *e)
{
	struct arena a = { 0 };
	struct err why = { 0 };
	struct str path;
	int bad = -1;

	for (int tries = 0; tries < 2 && bad; tries++) {
		why = (struct err){ 0 };
		if (!blobs_path(b, d, &a, &path))
			bad = err_set(&why, ERR_MISSING, "%s is not in the cache", what);
		else
			bad = archive_open_file(arena_z(&a, path), o, out, &why);
		if (why.code != ERR_MISSING)
			break;
	}
	arena_done(&a);
	if (bad && e)
		*e = why;
	return bad;
}

int
archive_open_blob(struct blobs *b, const struct digest *d, const char *what, const struct archive_opts *o, struct archive_reader **out,
		  struct err *e)
{
	if (o && o->zip) { /* needs seeking: check the bytes first, then read the file */
		if (blobs_check(b, d, e) < 0 || open_seekable(b, d, what, o, out, e) < 0)
			return -1;
		free((*out)->what);
		(*out)->what = mem_strdup(what);
		return 0;
	}
	struct blob_reader *blob;
	if (library_use(&libarchive, e) < 0 || blob_open(b, d, &blob, e) < 0)
		return -1;
	struct archive_reader *r = reader_new(what, o);
	r->blob = blob;
	return open_stream(r, out, e);
}

int
archive_open_fd(int fd, const char *what, const struct archive_opts *o, struct archive_reader **out, struct err *e)
{
	if (library_use(&libarchive, e) < 0)
		return -1;
	struct archive_reader *r = reader_new(what, o);
	r->fd = fd;
	return open_fd(r, out, e);
}

int
archive_open_file(const char *path, const struct archive_opts *o, struct archive_reader **out, struct err *e)
{
	if (library_use(&libarchive, e) < 0)
		return -1;
	int fd = file_open(AT_FDCWD, path, O_RDONLY, 0, e);
	if (fd < 0)
		return -1;
	struct archive_reader *r = reader_new(path, o);
	r->fd = fd;
	r->own_fd = true;
	return open_fd(r, out, e);
}

int
archive_open_bytes(struct str bytes, const char *what, const struct archive_opts *o, struct archive_reader **out, struct err *e)
{
	if (library_use(&libarchive, e) < 0)
		return -1;
	struct archive_reader *r = reader_new(what, o);
	r->read = bytes.n;
	return opened(r, lib.read_open_memory(r->in, bytes.p ? bytes.p : "", bytes.n), out, e);
}

/* ---- entries ---- */

const char *
archive_path(struct str raw, struct arena *a, struct str *clean)
{
	if (raw.n > PATH_LIMIT)
		return "has a path that is too long";
	if (raw.n > 0 && raw.p[0] == '/')
		return "has an absolute path";
	struct buf b = { 0 };
	const char *wrong = NULL;
	for (struct str rest = raw; rest.n > 0 && !wrong;) {
		const struct str_cut c = str_cut(rest, '/');
		rest = c.tail;
		if (c.head.n == 0 || str_is(c.head, "."))
			continue;
		if (str_is(c.head, ".."))
			wrong = "has a path that leads out of the archive ('..')";
		if (b.n > 0)
			buf_putc(&b, '/');
		buf_put(&b, c.head);
	}
	if (!wrong)
		*clean = arena_str(a, buf_str(&b));
	buf_done(&b);
	return wrong;
}

/* Does a relative target, seen from the link's folder, stay at or below the top? */
static bool
stays_inside(struct str path, struct str target)
{
	size_t depth = 0;
	for (size_t i = 0; i < path.n; i++)
		depth += path.p[i] == '/';
	for (struct str rest = target; rest.n > 0;) {
		const struct str_cut c = str_cut(rest, '/');
		rest = c.tail;
		if (c.head.n == 0 || str_is(c.head, "."))
			continue;
		if (!str_is(c.head, ".."))
			depth++;
		else if (depth-- == 0)
			return false;
	}
	return true;
}

static const char *
link_wrong(const struct archive_reader *r, struct str path, struct str target)
{
	if (r->opts.links == ARCHIVE_LINKS_REFUSED)
		return "is a link, which is not allowed here";
	if (target.n == 0 || target.n > PATH_LIMIT)
		return "is a link with an empty or too long target";
	if (target.p[0] == '/')
		return r->opts.links == ARCHIVE_LINKS_ROOT ? (stays_inside(STR(""), target) ? NULL : "is a link that leads out of the root") :
							     "is a link with an absolute target";
	return stays_inside(path, target) ? NULL : "is a link that leads out of the root";
}

/* An entry whose folder is a link of this archive would be written elsewhere. */
static const char *
through_link(const struct archive_reader *r, struct str path)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] == '/' && map_get(&r->links, str_take(path, i)) != MAP_NONE)
			return "goes through a link of the same archive";
	}
	return NULL;
}

static struct str
text_of(const char *utf8, const char *raw)
{
	return str_z(utf8 ? utf8 : raw);
}

/* Fill in out from the present entry. *skip: a device that nobody wants, or the top folder itself. */
static const char *
item_of(struct archive_reader *r, struct archive_item *out, bool *skip)
{
	struct archive_entry *x = r->entry;
	const struct str raw = text_of(lib.entry_pathname_utf8(x), lib.entry_pathname(x));
	if (raw.n == 0)
		return "has no name";
	const char *wrong = archive_path(raw, &r->item, &out->path);
	if (wrong)
		return wrong;
	if (lib.entry_is_encrypted(x))
		return "is encrypted";
	out->mode = lib.entry_mode(x) & 07777;
	const la_int64_t uid = lib.entry_uid(x), gid = lib.entry_gid(x);
	if (uid < 0 || gid < 0 || uid > UINT32_MAX - 1 || gid > UINT32_MAX - 1)
		return "has an owner that is out of range";
	out->uid = (uint32_t)uid;
	out->gid = (uint32_t)gid;
	out->size = lib.entry_size_is_set(x) && lib.entry_size(x) > 0 ? (uint64_t)lib.entry_size(x) : 0;
	if (out->path.n == 0) {
		*skip = true;
		return lib.entry_filetype(x) == AE_IFDIR ? NULL : "has an empty path";
	}
	if ((wrong = through_link(r, out->path)))
		return wrong;
	const struct str hard = text_of(lib.entry_hardlink_utf8(x), lib.entry_hardlink(x));
	if (hard.n > 0) {
		out->type = ARCHIVE_HARDLINK_ENTRY;
		if (r->opts.links == ARCHIVE_LINKS_REFUSED)
			return "is a hard link, which is not allowed here";
		wrong = archive_path(hard, &r->item, &out->target);
		if (wrong || out->target.n == 0)
			return "is a hard link that leads out of the archive";
		return through_link(r, out->target) ? "is a hard link through a link of the same archive" : NULL;
	}
	switch (lib.entry_filetype(x)) {
	case AE_IFREG:
		out->type = ARCHIVE_FILE_ENTRY;
		return NULL;
	case AE_IFDIR:
		out->type = ARCHIVE_FOLDER_ENTRY;
		return NULL;
	case AE_IFLNK:
		out->type = ARCHIVE_LINK_ENTRY;
		out->target = arena_str(&r->item, text_of(lib.entry_symlink_utf8(x), lib.entry_symlink(x)));
		return link_wrong(r, out->path, out->target);
	default:
		*skip = r->opts.skip_devices;
		return *skip ? NULL : "is a device, a fifo or a socket";
	}
}

static int
by_name(const void *a, const void *b)
{
	return str_cmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

/* Overlay's own would change what is seen of a root. */
static bool
xattr_kept(struct str name)
{
	return str_is(name, "security.capability") || (str_starts(name, STR("user.")) && !str_starts(name, STR("user.overlay.")));
}

static void
read_xattrs(struct archive_reader *r, struct archive_item *out)
{
	const char *name;
	const void *value;
	size_t size, n = (size_t)lib.entry_xattr_reset(r->entry);
	if (n == 0 || n > XATTRS_MAX)
		return;
	out->xattrs = arena_array(&r->item, struct tar_xattr, n);
	while (out->nxattrs < n && lib.entry_xattr_next(r->entry, &name, &value, &size) == ARCHIVE_OK) {
		if (name && xattr_kept(str_z(name)) && size <= XATTR_SIZE_MAX)
			out->xattrs[out->nxattrs++] = (struct tar_xattr){ arena_str(&r->item, str_z(name)),
									  arena_str(&r->item, (struct str){ value, size }) };
	}
	if (out->nxattrs > 1)
		qsort(out->xattrs, out->nxattrs, sizeof out->xattrs[0], by_name);
}

static int
next_header(struct archive_reader *r)
{
	const locale_t old = uselocale(r->locale ? r->locale : LC_GLOBAL_LOCALE);
	const int status = lib.read_next_header(r->in, &r->entry);
	(void)uselocale(old);
	return status;
}

int
archive_next(struct archive_reader *r, struct archive_item *out, struct err *e)
{
	for (;;) {
		const int status = next_header(r);
		if (status == ARCHIVE_EOF) {
			/* The rest behind the end of a tar has to be read for the digest of a blob. */
			const void *rest;
			while (r->blob && source_read(r->in, r, &rest) > 0)
				;
			return r->bad ? failed(r, e) : 0;
		}
		if (status < ARCHIVE_WARN)
			return failed(r, e);
		arena_reset(&r->item);
		if (++r->entries > r->opts.entries)
			return err_set(e, ERR_INPUT, "%s has more than %llu entries", r->what, (unsigned long long)r->opts.entries);
		struct archive_item item = { 0 };
		bool skip = false;
		const locale_t old = uselocale(r->locale ? r->locale : LC_GLOBAL_LOCALE);
		const char *wrong = item_of(r, &item, &skip);
		const char *name = lib.entry_pathname(r->entry);
		(void)uselocale(old);
		if (wrong)
			return err_set(e, ERR_INPUT, "%s: entry '%.300s' %s", r->what, name ? name : "?", wrong);
		if (skip)
			continue;
		if (item.size > r->opts.total || r->total + item.size > r->opts.total)
			return err_set(e, ERR_INPUT, "%s: entry '%.300s' is too large: all contents together may have %llu bytes", r->what,
				       name ? name : "?", (unsigned long long)r->opts.total);
		if (item.type == ARCHIVE_LINK_ENTRY)
			(void)map_put(&r->links, arena_str(&r->kept, item.path), 1);
		else
			read_xattrs(r, &item);
		*out = item;
		return 1;
	}
}

int
archive_read(struct archive_reader *r, void *to, size_t size, size_t *n, struct err *e)
{
	const la_ssize_t got = lib.read_data(r->in, to, size);
	if (got < 0)
		return failed(r, e);
	r->total += (uint64_t)got;
	const char *name = lib.entry_pathname(r->entry);
	if (r->total > r->opts.total)
		return err_set(e, ERR_INPUT, "%s: entry '%.300s': all contents together may have %llu bytes", r->what, name ? name : "?",
			       (unsigned long long)r->opts.total);
	if (r->total > RATIO_FREE && r->total / r->opts.ratio > r->read)
		return err_set(e, ERR_INPUT, "%s: entry '%.300s' unpacks to more than %llu times the archive's size", r->what,
			       name ? name : "?", (unsigned long long)r->opts.ratio);
	*n = (size_t)got;
	return 0;
}

int
archive_read_all(struct archive_reader *r, size_t limit, struct buf *out, struct err *e)
{
	char room[16384];
	size_t n, all = 0;
	do {
		if (archive_read(r, room, sizeof room, &n, e) < 0)
			return -1;
		all += n;
		if (all > limit) {
			const char *name = lib.entry_pathname(r->entry);
			return err_set(e, ERR_INPUT, "%s: entry '%.300s' has more than %zu bytes", r->what, name ? name : "?", limit);
		}
		buf_put(out, (struct str){ room, n });
	} while (n > 0);
	return 0;
}

const char *
archive_library_version(void)
{
	return library_use(&libarchive, NULL) < 0 ? "not there" : lib.version_details();
}

int
archive_scan(struct blobs *b, const struct digest *d, const char *what,
	     int (*call)(void *ctx, struct archive_reader *r, const struct archive_item *x, struct err *e), void *ctx, struct err *e)
{
	static const struct archive_opts o = { .links = ARCHIVE_LINKS_ROOT, .skip_devices = true };
	struct archive_reader *r;
	struct archive_item x;
	if (archive_open_blob(b, d, what, &o, &r, e) < 0)
		return -1;
	int got;
	while ((got = archive_next(r, &x, e)) == 1) {
		if ((got = call(ctx, r, &x, e)) < 0)
			break;
	}
	archive_close(r);
	return got;
}
