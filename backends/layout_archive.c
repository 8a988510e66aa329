/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "backends/archive.h"
#include "backends/layer.h"
#include "backends/layout.h"
#include "backends/squeeze.h"
#include "backends/tar.h"
#include "backends/zst.h"
#include "base/map.h"
#include "base/vec.h"

#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define ROOM ((size_t)256 << 10)
#define UNPACKED_MAX ((uint64_t)1 << 40)

/* ---- writing ---- */

struct part {
	struct str path;
	struct str text;      /* or: */
	struct digest digest; /* a blob */
	uint64_t size;        /* in the archive */
	bool blob, unpacked;  /* unpacked: of a blob in zstd what is in it */
};

static int
by_path(const void *a, const void *b)
{
	return str_cmp(((const struct part *)a)->path, ((const struct part *)b)->path);
}

static struct part
part_of_blob(struct arena *a, const struct digest *d, uint64_t size)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(d, hex);
	return (struct part){ .path = arena_printf(a, "blobs/sha256/%s", hex), .digest = *d, .size = size, .blob = true };
}

static bool
is_zstd(const struct oci_layer *l)
{
	return str_ends(l->media, STR("+zstd"));
}

/* Docker's own table of contents. */
static struct str
docker_manifest(struct arena *a, const struct layout_image *i)
{
	AUTO_JS doc = js_list();
	AUTO_BUF out = { 0 };
	struct js *one = js_map(), *layers = js_list(), *tags = js_list();
	for (size_t k = 0; k < i->parts.nlayers; k++) {
		const struct oci_layer *l = &i->parts.layers[k];
		js_push(layers, js_text(part_of_blob(a, is_zstd(l) ? &l->diff_id : &l->digest, 0).path));
	}
	if (i->repo_tag.n > 0)
		js_push(tags, js_text(i->repo_tag));
	js_set(one, "Config", js_text(part_of_blob(a, &i->parts.config, 0).path));
	js_set(one, "RepoTags", tags);
	js_set(one, "Layers", layers);
	js_push(doc, one);
	js_write(doc, &out);
	return arena_str(a, buf_str(&out));
}

static int
put_blob(int fd, struct blobs *b, const struct part *p, struct err *e)
{
	struct blob_reader *r;
	if (blob_open(b, &p->digest, &r, e) < 0)
		return -1;
	char *room = mem_alloc(ROOM);
	uint64_t all = 0;
	size_t n;
	int bad;
	while ((bad = blob_next(r, room, ROOM, &n, e)) == 0 && n > 0) {
		all += n;
		if ((bad = file_write_all(fd, (struct str){ room, n }, e)) < 0)
			break;
	}
	free(room);
	blob_close(r);
	if (bad == 0 && all != p->size)
		bad = err_set(e, ERR_DAMAGED, "the blob " STR_FMT " has another size than its descriptor says", STR_ARG(p->path));
	return bad;
}

/* What is in a layer in zstd: to fd, or (-1) only counted. Its digest is checked by whoever reads the archive. */
static int
unpack_blob(int fd, struct blobs *b, const struct digest *d, uint64_t *size, struct err *e)
{
	struct blob_reader *r;
	if (blob_open(b, d, &r, e) < 0)
		return -1;
	struct zst_unpack *z = zst_unpack_new(UNPACKED_MAX);
	char *room = mem_alloc(ROOM);
	AUTO_BUF plain = { 0 };
	uint64_t all = 0;
	size_t n;
	int bad;
	while ((bad = blob_next(r, room, ROOM, &n, e)) == 0 && n > 0) {
		buf_reset(&plain);
		bad = zst_unpack_add(z, (struct str){ room, n }, &plain, e);
		all += plain.n;
		if (bad == 0 && fd >= 0)
			bad = file_write_all(fd, buf_str(&plain), e);
		if (bad < 0)
			break;
	}
	if (bad == 0 && !zst_unpack_whole(z))
		bad = err_set(e, ERR_DAMAGED, "a layer in zstd ends too early");
	zst_unpack_free(z);
	free(room);
	blob_close(r);
	*size = all;
	return bad;
}

static int
put_unpacked(int fd, struct blobs *b, const struct part *p, struct err *e)
{
	uint64_t size;
	if (unpack_blob(fd, b, &p->digest, &size, e) < 0)
		return -1;
	return size == p->size ? 0 : err_set(e, ERR_BUG, "a layer that was unpacked twice came out otherwise");
}

static int
put_part(int fd, struct blobs *b, const struct part *p, struct err *e)
{
	static const char zero[TAR_END];
	AUTO_BUF head = { 0 };
	const uint64_t size = p->blob ? p->size : p->text.n;
	tar_header(&(struct tar_entry){ .type = TAR_FILE, .path = p->path, .size = size, .mode = 0644, .mtime = LAYER_MTIME }, &head);
	if (file_write_all(fd, buf_str(&head), e) < 0)
		return -1;
	const int bad = p->unpacked ? put_unpacked(fd, b, p, e) : p->blob ? put_blob(fd, b, p, e) : file_write_all(fd, p->text, e);
	if (bad < 0)
		return -1;
	return file_write_all(fd, (struct str){ zero, tar_pad(size) }, e);
}

struct parts {
	VEC_FIELDS(struct part);
};

static int
list_layer(struct parts *parts, struct blobs *b, const struct oci_layer *l, enum archive_form form, struct arena *a, struct err *e)
{
	const bool zstd = is_zstd(l);
	if (form != ARCHIVE_DOCKER || !zstd)
		VEC_PUSH(parts, part_of_blob(a, &l->digest, l->size));
	if (form == ARCHIVE_OCI || !zstd)
		return 0;
	struct part p = part_of_blob(a, &l->diff_id, 0);
	p.digest = l->digest;
	p.unpacked = true;
	if (unpack_blob(-1, b, &l->digest, &p.size, e) < 0)
		return -1;
	VEC_PUSH(parts, p);
	return 0;
}

static void
list_other(struct parts *parts, const struct layout_image *i, struct arena *a)
{
	VEC_PUSH(parts, part_of_blob(a, &i->manifest, i->manifest_size));
	VEC_PUSH(parts, part_of_blob(a, &i->parts.config, i->parts.config_size));
	for (size_t k = 0; k < i->parts.nlayers; k++)
		VEC_PUSH(parts, part_of_blob(a, &i->parts.layers[k].digest, i->parts.layers[k].size));
}

static int
list_parts(struct parts *parts, struct blobs *b, const struct layout_image *i, enum archive_form form, size_t have, struct arena *a, struct err *e)
{
	if (form != ARCHIVE_DOCKER) {
		const struct str whole = i->repo_tag.n > 0 ? arena_printf(a, "docker.io/library/" STR_FMT, STR_ARG(i->repo_tag)) : i->repo_tag;
		AUTO_BUF index = { 0 };
		/* podman load takes the first name for the whole reference. */
		const bool many = i->nothers > 0;
		oci_index_write(many ? &i->index : &i->manifest, many ? i->index_size : i->manifest_size, i->repo_tag.n > 0 ? i->repo_tag : i->name, whole,
				many ? (struct str){ 0 } : i->platform, &index);
		if (many)
			VEC_PUSH(parts, part_of_blob(a, &i->index, i->index_size));
		VEC_PUSH(parts, ((struct part){ .path = STR("oci-layout"), .text = STR(LAYOUT) }));
		VEC_PUSH(parts, ((struct part){ .path = STR("index.json"), .text = arena_str(a, buf_str(&index)) }));
		VEC_PUSH(parts, part_of_blob(a, &i->manifest, i->manifest_size));
	}
	if (form != ARCHIVE_OCI)
		VEC_PUSH(parts, ((struct part){ .path = STR("manifest.json"), .text = docker_manifest(a, i) }));
	VEC_PUSH(parts, part_of_blob(a, &i->parts.config, i->parts.config_size));
	for (size_t k = have; k < i->parts.nlayers; k++) {
		if (list_layer(parts, b, &i->parts.layers[k], form, a, e) < 0)
			return -1;
	}
	for (size_t k = 0; k < i->nothers && form != ARCHIVE_DOCKER; k++)
		list_other(parts, &i->others[k], a);
	qsort(parts->v, parts->n, sizeof parts->v[0], by_path);
	return 0;
}

int
archive_write(int fd, struct blobs *b, const struct layout_image *i, enum archive_form form, size_t have, struct err *e)
{
	static const char zero[TAR_END];
	struct arena a = { 0 };
	struct parts parts = { 0 };
	int bad = list_parts(&parts, b, i, form, have, &a, e);
	for (size_t k = 0; k < parts.n && bad == 0; k++) {
		if (k == 0 || !str_eq(parts.v[k].path, parts.v[k - 1].path))
			bad = put_part(fd, b, &parts.v[k], e);
	}
	if (bad == 0)
		bad = file_write_all(fd, (struct str){ zero, sizeof zero }, e);
	VEC_DONE(&parts);
	arena_done(&a);
	return bad;
}

/* ---- reading what `docker save` wrote ---- */

struct saved {
	const char *path;
	struct blobs *blobs;
	struct arena *arena;
	struct layout_read out;
	VEC(struct str) layers; /* paths in the archive, lowest first */
	struct str config_path;
	struct buf config;
	VEC(struct str) link_from, link_to;
};

/* One pass over the archive; call returns 1 to go on, 0 to stop, -1. */
static int
pass(struct saved *s, int (*call)(struct saved *s, struct archive_reader *r, const struct archive_item *x, struct err *e), struct err *e)
{
	static const struct archive_opts o = { .links = ARCHIVE_LINKS_INSIDE };
	struct archive_reader *r;
	struct archive_item x;
	if (archive_open_file(s->path, &o, &r, e) < 0)
		return -1;
	int got;
	while ((got = archive_next(r, &x, e)) == 1) {
		got = call(s, r, &x, e);
		if (got != 1)
			break;
	}
	archive_close(r);
	return got < 0 ? -1 : 0;
}

static int
read_manifest(struct saved *s, struct archive_reader *r, const struct archive_item *x, struct err *e)
{
	if (!str_is(x->path, "manifest.json"))
		return 1;
	AUTO_BUF text = { 0 };
	AUTO_JS doc = NULL;
	if (archive_read_all(r, OCI_JSON_LIMIT, &text, e) < 0 || js_parse(buf_str(&text), "manifest.json", &doc, e) < 0)
		return -1;
	const struct js *one = js_at(doc, 0), *layers = js_get(one, "Layers");
	if (js_len(doc) != 1)
		return err_set(e, ERR_INPUT, "%s: it has %zu images; one was expected", s->path, js_len(doc));
	if (js_len(layers) > OCI_LAYERS_MAX)
		return err_set(e, ERR_INPUT, "%s: more than %d layers", s->path, OCI_LAYERS_MAX);
	s->config_path = arena_str(s->arena, js_str(js_get(one, "Config")));
	for (size_t i = 0; i < js_len(layers); i++)
		VEC_PUSH(&s->layers, arena_str(s->arena, js_str(js_at(layers, i))));
	return 0;
}

static int
read_config(struct saved *s, struct archive_reader *r, const struct archive_item *x, struct err *e)
{
	if (x->type == ARCHIVE_LINK_ENTRY) {
		VEC_PUSH(&s->link_from, arena_str(s->arena, x->path));
		VEC_PUSH(&s->link_to, path_clean(s->arena, path_join(s->arena, path_dir(x->path), x->target)));
	}
	if (str_eq(x->path, s->config_path) && archive_read_all(r, OCI_JSON_LIMIT, &s->config, e) < 0)
		return -1;
	return 1;
}

/* A plain tar becomes our gzip; what is gzip or zstd already stays as it is. */
static int
store_layer(struct saved *s, struct archive_reader *r, const struct digest *diff_id, struct oci_layer *out, struct err *e)
{
	char *room = mem_alloc(ROOM);
	size_t n;
	int bad = archive_read(r, room, ROOM, &n, e);
	const bool gzip = n > 2 && memcmp(room, "\037\213", 2) == 0, zstd = n > 4 && memcmp(room, "\050\265\057\375", 4) == 0;
	struct squeeze *to = NULL;
	struct digest plain;
	if (bad == 0)
		bad = squeeze_begin(s->blobs, gzip || zstd ? SQUEEZE_NONE : SQUEEZE_GZIP, &to, e);
	while (bad == 0 && n > 0) {
		bad = squeeze_write(to, (struct str){ room, n }, e);
		if (bad == 0)
			bad = archive_read(r, room, ROOM, &n, e);
	}
	free(room);
	if (bad < 0) {
		squeeze_abort(to);
		return -1;
	}
	if (squeeze_end(to, &out->digest, &out->size, &plain, NULL, e) < 0)
		return -1;
	if (!gzip && !zstd && !digest_eq(&plain, diff_id))
		return err_set(e, ERR_INPUT, "%s: a layer is damaged: it is not what the config says", s->path);
	out->diff_id = *diff_id;
	out->media = zstd ? STR("application/vnd.oci.image.layer.v1.tar+zstd") : STR("application/vnd.oci.image.layer.v1.tar+gzip");
	return 0;
}

static struct str
followed(const struct saved *s, struct str path)
{
	for (int hop = 0; hop < 8; hop++) {
		size_t i = 0;
		while (i < s->link_from.n && !str_eq(s->link_from.v[i], path))
			i++;
		if (i == s->link_from.n)
			break;
		path = s->link_to.v[i];
	}
	return path;
}

static int
read_layers(struct saved *s, struct archive_reader *r, const struct archive_item *x, struct err *e)
{
	struct oci_manifest *m = &s->out.parts;
	struct oci_layer made = { 0 };
	for (size_t i = 0; i < s->layers.n; i++) {
		if (x->type != ARCHIVE_FILE_ENTRY || !str_eq(s->layers.v[i], x->path))
			continue;
		if (made.size == 0 && store_layer(s, r, &m->layers[i].diff_id, &made, e) < 0)
			return -1;
		if (!digest_eq(&made.diff_id, &m->layers[i].diff_id))
			return err_set(e, ERR_INPUT, "%s: one file for two layers that differ: '" STR_FMT "'", s->path, STR_ARG(x->path));
		m->layers[i] = made;
	}
	return 1;
}

static int
read_saved(struct saved *s, struct err *e)
{
	if (pass(s, read_manifest, e) < 0)
		return -1;
	if (s->config_path.n == 0)
		return err_set(e, ERR_INPUT, "%s is no docker archive: it has no manifest.json", s->path);
	if (pass(s, read_config, e) < 0)
		return -1;
	struct oci_manifest *m = &s->out.parts;
	m->nlayers = s->layers.n;
	m->layers = arena_array(s->arena, struct oci_layer, m->nlayers + 1);
	if (s->config.n == 0)
		return err_set(e, ERR_INPUT, "%s: its config '" STR_FMT "' is missing", s->path, STR_ARG(s->config_path));
	if (oci_config_read(buf_str(&s->config), s->path, m, NULL, e) < 0)
		return -1;
	for (size_t i = 0; i < s->layers.n; i++)
		s->layers.v[i] = followed(s, s->layers.v[i]);
	if (pass(s, read_layers, e) < 0)
		return -1;
	for (size_t i = 0; i < m->nlayers; i++) {
		if (m->layers[i].size == 0)
			return err_set(e, ERR_INPUT, "%s: the layer '" STR_FMT "' is missing", s->path, STR_ARG(s->layers.v[i]));
	}
	AUTO_BUF manifest = { 0 };
	if (blobs_put(s->blobs, buf_str(&s->config), &m->config, e) < 0)
		return -1;
	m->config_size = s->config.n;
	oci_manifest_write(m, &manifest);
	return blobs_put(s->blobs, buf_str(&manifest), &s->out.manifest, e);
}

int
docker_archive_read(const char *path, struct blobs *b, struct arena *a, struct layout_read *out, struct err *e)
{
	struct saved s = { .path = path, .blobs = b, .arena = a };
	const int bad = read_saved(&s, e);
	VEC_DONE(&s.layers);
	VEC_DONE(&s.link_from);
	VEC_DONE(&s.link_to);
	buf_done(&s.config);
	if (bad == 0)
		*out = s.out;
	return bad;
}
