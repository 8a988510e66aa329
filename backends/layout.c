/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/layout.h"

#include "base/vec.h"
#include "sys/file.h"
#include "sys/lock.h"

#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

static const char *
blob_path(struct arena *a, struct str folder, const struct digest *d)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(d, hex);
	return arena_printf(a, STR_FMT "/blobs/sha256/%s", STR_ARG(folder), hex).p;
}

/* ---- reading ---- */

static int
read_checked(int at, struct str folder, const struct digest *d, struct arena *a, struct buf *out, struct err *e)
{
	const char *path = blob_path(a, folder, d);
	if (file_read(at, path, OCI_JSON_LIMIT, out, e) < 0)
		return -1;
	const struct digest got = digest_of(buf_str(out));
	if (!digest_eq(&got, d))
		return err_set(e, ERR_INPUT, "'%s' is damaged: its content has another digest than its name", path);
	return 0;
}

static int
find_manifest(int at, struct str folder, struct str name, struct str platform, struct arena *a, struct oci_descriptor *out, struct err *e)
{
	AUTO_BUF index = { 0 };
	const char *what = arena_z(a, folder);
	if (file_read(at, arena_printf(a, STR_FMT "/index.json", STR_ARG(folder)).p, OCI_JSON_LIMIT, &index, e) < 0)
		return err_wrap(e, "read the OCI layout '%s'", what);
	struct oci_descriptor d;
	if (oci_layout_pick(buf_str(&index), what, name, a, &d, e) < 0)
		return -1;
	for (int depth = 0; oci_is_index(d.media); depth++) {
		if (depth == 4)
			return err_set(e, ERR_INPUT, "%s: indexes within indexes within indexes", what);
		buf_reset(&index);
		if (read_checked(at, folder, &d.digest, a, &index, e) < 0 || oci_index_pick(buf_str(&index), what, platform, a, &d, e) < 0)
			return -1;
	}
	*out = d;
	return 0;
}

int
layout_digest(int at, const char *folder, struct str name, struct str platform, struct digest *out, struct err *e)
{
	struct arena a = { 0 };
	struct oci_descriptor d;
	const int bad = find_manifest(at, str_z(folder), name, platform, &a, &d, e);
	if (bad == 0)
		*out = d.digest;
	arena_done(&a);
	return bad;
}

static int
import(int at, struct str folder, const struct digest *d, struct blobs *b, struct arena *a, struct err *e)
{
	if (blobs_has(b, d, NULL))
		return 0;
	const char *path = blob_path(a, folder, d);
	struct content got;
	if (blobs_put_file(b, at, path, NULL, &got, e) < 0)
		return -1;
	if (!digest_eq(&got.digest, d))
		return err_set(e, ERR_INPUT, "'%s' is damaged: its content has another digest than its name", path);
	return 0;
}

int
layout_read(int at, const char *folder, struct str name, struct str platform, struct blobs *b, struct arena *a, struct layout_read *out,
	    struct err *e)
{
	AUTO_BUF manifest = { 0 }, config = { 0 };
	const struct str top = str_z(folder);
	struct oci_descriptor d;
	struct layout_read r = { 0 };
	if (find_manifest(at, top, name, platform, a, &d, e) < 0 || read_checked(at, top, &d.digest, a, &manifest, e) < 0)
		return -1;
	if (oci_manifest_read(buf_str(&manifest), folder, a, &r.parts, e) < 0)
		return -1;
	if (read_checked(at, top, &r.parts.config, a, &config, e) < 0 || oci_config_read(buf_str(&config), folder, &r.parts, NULL, e) < 0)
		return -1;
	if (import(at, top, &d.digest, b, a, e) < 0 || import(at, top, &r.parts.config, b, a, e) < 0)
		return -1;
	for (size_t i = 0; i < r.parts.nlayers; i++) {
		if (import(at, top, &r.parts.layers[i].digest, b, a, e) < 0)
			return -1;
	}
	r.manifest = d.digest;
	*out = r;
	return 0;
}

/* ---- writing ---- */

struct wanted {
	VEC(struct digest) v;
};

static bool
wants(const struct wanted *w, const struct digest *d)
{
	for (size_t i = 0; i < w->v.n; i++) {
		if (digest_eq(&w->v.v[i], d))
			return true;
	}
	return false;
}

/* What the folder's one image had and the new one has not. Anything that is not as we would have written it is left alone. */
static void
remove_old(int at, struct str folder, const struct wanted *keep, struct arena *a)
{
	AUTO_BUF index = { 0 }, manifest = { 0 };
	struct oci_descriptor d;
	struct oci_manifest m;
	if (file_read(at, arena_printf(a, STR_FMT "/index.json", STR_ARG(folder)).p, OCI_JSON_LIMIT, &index, NULL) < 0 ||
	    oci_layout_pick(buf_str(&index), "index.json", (struct str){ 0 }, a, &d, NULL) < 0 || oci_is_index(d.media) ||
	    read_checked(at, folder, &d.digest, a, &manifest, NULL) < 0 || oci_manifest_read(buf_str(&manifest), "manifest", a, &m, NULL) < 0)
		return;
	for (size_t i = 0; i < m.nlayers + 2; i++) {
		const struct digest *old = i == 0 ? &d.digest : i == 1 ? &m.config : &m.layers[i - 2].digest;
		if (!wants(keep, old))
			(void)file_remove_tree(at, blob_path(a, folder, old), NULL);
	}
}

static int
checkout(int at, struct str folder, const struct digest *d, struct blobs *b, struct arena *a, struct err *e)
{
	const char *path = blob_path(a, folder, d);
	struct content c;
	AUTO_FD fd = file_open(at, path, O_RDONLY | O_NOFOLLOW, 0, NULL);
	if (fd >= 0 && content_of_fd(fd, &c, NULL) == 0 && digest_eq(&c.digest, d))
		return 0;
	return blobs_checkout(b, d, at, path, 0644, NULL, e);
}

static int
check_folder(int at, const char *folder, struct arena *a, struct err *e)
{
	struct file_entry *entries;
	size_t n;
	struct err why = { 0 };
	if (file_list(at, folder, a, &entries, &n, &why) < 0)
		return why.code == ERR_MISSING ? 0 : err_set(e, why.code, "%s", why.text);
	if (n > 0 && !file_exists(at, arena_printf(a, "%s/oci-layout", folder).p))
		return err_set(e, ERR_INPUT, "'%s' is there and is no OCI layout; name another folder", folder);
	return 0;
}

static int
write_all(int at, const char *folder, struct blobs *b, const struct layout_image *i, const struct wanted *w, struct arena *a, struct err *e)
{
	AUTO_BUF index = { 0 };
	const struct str top = str_z(folder);
	if (check_folder(at, folder, a, e) < 0 || file_mkdirs(at, arena_printf(a, "%s/blobs/sha256", folder).p, e) < 0)
		return -1;
	/* First of all, so that a folder that was left half done is known for what it is. */
	if (file_replace(at, arena_printf(a, "%s/oci-layout", folder).p, STR(LAYOUT), 0644, false, e) < 0)
		return -1;
	for (size_t k = 0; k < w->v.n; k++) {
		if (checkout(at, top, &w->v.v[k], b, a, e) < 0)
			return -1;
	}
	remove_old(at, top, w, a);
	if (i->nothers > 0)
		oci_index_write(&i->index, i->index_size, i->name, (struct str){ 0 }, (struct str){ 0 }, &index);
	else
		oci_index_write(&i->manifest, i->manifest_size, i->name, (struct str){ 0 }, i->platform, &index);
	return file_replace(at, arena_printf(a, "%s/index.json", folder).p, buf_str(&index), 0644, false, e);
}

static void
want_image(struct wanted *w, const struct layout_image *i)
{
	VEC_PUSH(&w->v, i->manifest);
	VEC_PUSH(&w->v, i->parts.config);
	for (size_t k = 0; k < i->parts.nlayers; k++)
		VEC_PUSH(&w->v, i->parts.layers[k].digest);
}

int
layout_write(int at, const char *folder, struct blobs *b, const struct layout_image *i, struct err *e)
{
	struct arena a = { 0 };
	struct wanted w = { 0 };
	want_image(&w, i);
	for (size_t k = 0; k < i->nothers; k++)
		want_image(&w, &i->others[k]);
	if (i->nothers > 0)
		VEC_PUSH(&w.v, i->index);
	const int bad = write_all(at, folder, b, i, &w, &a, e);
	VEC_DONE(&w.v);
	arena_done(&a);
	return bad < 0 ? err_wrap(e, "write the OCI layout '%s'", folder) : 0;
}

/* ---- one index for many images ---- */

#define NAMES_MAX 10000

static bool
stays(const struct js *old, struct str folder, struct str name, struct arena *a)
{
	struct digest d;
	const struct str known = js_str(js_get(js_get(old, "annotations"), "org.opencontainers.image.ref.name"));
	return !str_eq(known, name) && digest_parse(js_str(js_get(old, "digest")), false, &d) && file_exists(AT_FDCWD, blob_path(a, folder, &d));
}

static int
name_locked(struct str folder, struct str name, const struct digest *manifest, uint64_t size, struct str platform, struct arena *a, struct err *e)
{
	const char *path = arena_printf(a, STR_FMT "/index.json", STR_ARG(folder)).p;
	AUTO_BUF before = { 0 }, one = { 0 }, after = { 0 };
	AUTO_JS old = NULL;
	AUTO_JS doc = NULL;
	if (file_read(AT_FDCWD, path, OCI_JSON_LIMIT, &before, NULL) == 0)
		(void)js_parse(buf_str(&before), path, &old, NULL); /* a broken one is begun anew */
	oci_index_write(manifest, size, name, (struct str){ 0 }, platform, &one);
	if (js_parse(buf_str(&one), "index", &doc, e) < 0)
		return -1;
	const struct js *list = js_get(old, "manifests");
	for (size_t i = 0; i < js_len(list) && i < NAMES_MAX; i++) {
		if (stays(js_at(list, i), folder, name, a))
			js_push(js_get(doc, "manifests"), js_copy(js_at(list, i)));
	}
	js_write(doc, &after);
	if (str_eq(buf_str(&before), buf_str(&after)))
		return 0;
	return file_replace(AT_FDCWD, path, buf_str(&after), 0644, false, e);
}

int
layout_name(const char *folder, struct str name, const struct digest *manifest, uint64_t size, struct str platform, struct err *e)
{
	struct arena a = { 0 };
	AUTO_FD lock = lock_take(AT_FDCWD, arena_printf(&a, "%s/index.lock", folder).p, false, 2000, e);
	const int bad = lock < 0 ? -1 : name_locked(str_z(folder), name, manifest, size, platform, &a, e);
	arena_done(&a);
	return bad;
}
