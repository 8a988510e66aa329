/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/builder_inside.h"

#include <string.h>
#include <unistd.h>

#include "backends/archive.h"
#include "backends/tar.h"
#include "sys/file.h"

#define ROOM 65536

int
builder_context(struct blobs *b, int at, const struct builder_file *files, size_t n, struct digest *out, uint64_t *size, struct err *e)
{
	struct layer *l = layer_new();
	struct layer_info info;
	int bad = builder_add_files(l, at, files, n, e);
	if (bad == 0)
		bad = layer_write(l, b, LAYER_TAR, &info, e);
	layer_free(l);
	if (bad < 0)
		return err_wrap(e, "pack the build context");
	*out = info.digest;
	*size = info.size;
	return 0;
}

/* ---- out of the tar again, for programs that want a folder ---- */

static int
put_file(struct archive_reader *r, int at, const struct archive_item *x, struct arena *a, struct err *e)
{
	const char *path = arena_z(a, x->path);
	char room[ROOM];
	size_t n;
	int fd = file_open(at, path, O_WRONLY | O_CREAT | O_EXCL, x->mode & 0100 ? 0755 : 0644, e);
	if (fd < 0)
		return -1;
	int bad;
	while ((bad = archive_read(r, room, sizeof room, &n, e)) == 0 && n > 0) {
		if ((bad = file_write_all(fd, (struct str){ room, n }, e)) < 0)
			break;
	}
	if (file_close(&fd, path, bad == 0 ? e : NULL) < 0)
		bad = -1;
	return bad;
}

static int
put_item(struct archive_reader *r, int at, const struct archive_item *x, struct arena *a, struct err *e)
{
	const char *path = arena_z(a, x->path);
	if (x->type == ARCHIVE_FOLDER_ENTRY)
		return file_mkdirs(at, path, e);
	if (file_mkdirs_parent(at, path, e) < 0)
		return -1;
	if (x->type == ARCHIVE_FILE_ENTRY)
		return put_file(r, at, x, a, e);
	if (x->type == ARCHIVE_LINK_ENTRY && symlinkat(arena_z(a, x->target), at, path) == 0)
		return 0;
	return err_os(e, "make the link '%s'", path);
}

int
builder_unpack_context(struct blobs *b, const struct digest *context, const char *folder, struct err *e)
{
	static const struct archive_opts o = { .links = ARCHIVE_LINKS_ROOT };
	struct arena a = { 0 };
	struct archive_reader *r;
	struct archive_item x;
	if (file_mkdirs(AT_FDCWD, folder, e) < 0)
		return -1;
	AUTO_FD at = file_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0, e);
	if (at < 0 || archive_open_blob(b, context, "the build context", &o, &r, e) < 0)
		return -1;
	int got;
	while ((got = archive_next(r, &x, e)) == 1) {
		if (put_item(r, at, &x, &a, e) < 0) {
			got = -1;
			break;
		}
	}
	archive_close(r);
	arena_done(&a);
	return got < 0 ? err_wrap(e, "unpack the build context") : 0;
}

/* ---- for a request ---- */

static int
put_extra(const struct builder_extra *x, int fd, struct err *e)
{
	static const char zero[TAR_BLOCK];
	AUTO_BUF head = { 0 };
	tar_header(&(struct tar_entry){ .type = TAR_FILE, .path = x->path, .size = x->text.n, .mode = 0644, .mtime = LAYER_MTIME }, &head);
	buf_put(&head, x->text);
	buf_put(&head, (struct str){ zero, tar_pad(x->text.n) });
	return file_write_all(fd, buf_str(&head), e);
}

int
builder_context_tar(struct blobs *b, const struct digest *context, const struct builder_extra *extra, size_t n, int fd, struct err *e)
{
	struct blob_reader *r;
	size_t got;
	char room[ROOM];
	for (size_t i = 0; i < n; i++) {
		if (put_extra(&extra[i], fd, e) < 0)
			return -1;
	}
	if (blob_open(b, context, &r, e) < 0)
		return -1;
	int bad;
	while ((bad = blob_next(r, room, sizeof room, &got, e)) == 0 && got > 0) {
		if ((bad = file_write_all(fd, (struct str){ room, got }, e)) < 0)
			break;
	}
	blob_close(r);
	return bad;
}

void
builder_sink(void *sink, struct str bytes)
{
	struct builder_sink *s = sink;
	if (!s->bad && file_write_all(s->fd, bytes, &s->err) < 0)
		s->bad = true;
}

/* ---- scratch ---- */

static const char *
scratch_folder(const struct builder_build *j, struct arena *a)
{
	const struct str folder = builder_variable(j, "TMPDIR");
	return folder.n > 0 && folder.p[0] == '/' ? arena_z(a, folder) : "/var/tmp";
}

int
builder_file(const struct builder_build *j, struct err *e)
{
	struct arena a = { 0 };
	const int fd = file_open(AT_FDCWD, scratch_folder(j, &a), O_TMPFILE | O_RDWR, 0600, e);
	arena_done(&a);
	return fd;
}

int
builder_scratch(const struct builder_build *j, struct arena *a, struct str *out, struct err *e)
{
	return file_scratch_dir(scratch_folder(j, a), "pawl-build-", a, out, e);
}

struct str
builder_variable(const struct builder_build *j, const char *name)
{
	const size_t n = strlen(name);
	for (const char *const *v = j->environ_; v && *v; v++) {
		if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
			return str_z(*v + n + 1);
	}
	return (struct str){ 0 };
}

struct str
builder_setting(const struct builder_build *j, const char *name)
{
	const struct js *v = j->settings ? js_get(j->settings, name) : NULL;
	return js_type(v) == JS_TEXT ? js_str(v) : (struct str){ 0 };
}

void
builder_say(const struct builder_build *j, struct str text)
{
	if (j->line)
		j->line(j->ctx, text);
}

void
builder_masks(const struct builder_build *j, struct arena *a, struct masks *out)
{
	struct str *v = arena_array(a, struct str, j->nsecrets + 1);
	for (size_t i = 0; i < j->nsecrets; i++)
		v[i] = j->secrets[i].value;
	masks_init(out, v, j->nsecrets);
}

/* Names every job that would give the same image: what is left of one is found by the next. */
struct str
builder_job_name(const struct builder_build *j, const struct builder_kind *k, struct arena *a)
{
	struct key key;
	char hex[DIGEST_HEX + 1];
	key_init(&key, a, 1, "build");
	key_text(&key, "builder", STR(""), str_z(k->name));
	key_text(&key, "dockerfile", STR(""), j->dockerfile);
	key_digest(&key, "context", STR(""), &j->context);
	key_text(&key, "target", STR(""), j->target);
	key_text(&key, "platform", STR(""), j->platform);
	for (size_t i = 0; i < j->nargs; i++)
		key_text(&key, "arg", str_cut(j->args[i], '=').head, j->args[i]);
	for (size_t i = 0; i < j->nparents; i++)
		key_digest(&key, "parent", j->parents[i].name, &j->parents[i].image.manifest);
	const struct digest d = key_done(&key);
	digest_hex(&d, hex);
	return arena_str(a, str_take(str_z(hex), 32));
}
