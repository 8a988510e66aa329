/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/wheel.h"

#include <ctype.h>
#include <stdlib.h>

#include "backends/archive.h"
#include "backends/wheel_inside.h"

#define WHEEL_TOTAL (UINT64_C(32) << 30)
#define WHEEL_ENTRIES 500000
#define INFO_LIMIT ((size_t)64 << 20) /* RECORD, WHEEL, entry_points.txt */
#define SCRIPT_LIMIT ((size_t)64 << 20)
#define ROOM ((size_t)256 << 10)

/* ---- reading ---- */

static int
read_file(struct wheel *w, struct archive_reader *r, const struct archive_item *item, char *room, struct err *e)
{
	struct wheel_file f = { .path = arena_str(&w->arena, item->path),
				.offset = layer_spooled(w->layer),
				.exec = (item->mode & 0111) != 0 };
	char *folded = arena_z(&w->arena, f.path);
	for (char *p = folded; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	const uint32_t at = (uint32_t)w->files.n;
	if (map_add(&w->paths, f.path, at) != at)
		return err_set(e, ERR_INPUT, "%.*s: entry '" STR_FMT "' is there twice", STR_ARG(w->name), STR_ARG(f.path));
	const uint32_t other = map_add(&w->folded, (struct str){ folded, f.path.n }, at);
	if (other != at)
		return err_set(e, ERR_INPUT, "%.*s: entries '" STR_FMT "' and '" STR_FMT "' differ in letter case only", STR_ARG(w->name),
			       STR_ARG(w->files.v[other].path), STR_ARG(f.path));
	struct digest_stream *d = digest_begin();
	size_t n;
	int bad;
	while ((bad = archive_read(r, room, ROOM, &n, e)) == 0 && n > 0) {
		digest_add(d, (struct str){ room, n });
		if ((bad = layer_spool(w->layer, (struct str){ room, n }, e)) < 0)
			break;
	}
	f.digest = digest_end(d);
	f.size = layer_spooled(w->layer) - f.offset;
	if (bad < 0)
		return -1;
	VEC_PUSH(&w->files, f);
	return 0;
}

static const struct archive_opts LIMITS = {
	.zip = true, .links = ARCHIVE_LINKS_REFUSED, .total = WHEEL_TOTAL, .entries = WHEEL_ENTRIES
};

/* Closes r. */
static int
read_all(struct wheel *w, struct archive_reader *r, struct err *e)
{
	struct archive_item item;
	char *room = mem_alloc(ROOM);
	int got;
	while ((got = archive_next(r, &item, e)) == 1) {
		if (item.type == ARCHIVE_FILE_ENTRY && read_file(w, r, &item, room, e) < 0) {
			got = -1;
			break;
		}
	}
	free(room);
	archive_close(r);
	return got;
}

/* A file of the .dist-info folder; found says whether there is one. */
static int
read_info(struct wheel *w, const char *name, struct buf *out, bool *found, struct err *e)
{
	const struct str path = path_join(&w->arena, w->info, str_z(name));
	const uint32_t at = map_get(&w->paths, path);
	*found = at != MAP_NONE;
	if (!*found)
		return 0;
	const struct wheel_file *f = &w->files.v[at];
	if (f->size > INFO_LIMIT)
		return err_set(e, ERR_INPUT, "%.*s: '" STR_FMT "' is too large", STR_ARG(w->name), STR_ARG(path));
	return layer_spool_read(w->layer, f->offset, f->size, out, e);
}

static int
find_info(struct wheel *w, struct err *e)
{
	for (size_t i = 0; i < w->files.n; i++) {
		const struct str_cut c = str_cut(w->files.v[i].path, '/');
		if (!str_is(c.tail, "WHEEL") || !str_ends(c.head, STR(".dist-info")))
			continue;
		if (w->info.n > 0)
			return err_set(e, ERR_INPUT, "%.*s: it has two .dist-info folders, '" STR_FMT "' and '" STR_FMT "'", STR_ARG(w->name),
				       STR_ARG(w->info), STR_ARG(c.head));
		w->info = c.head;
	}
	if (w->info.n <= sizeof ".dist-info" - 1)
		return err_set(e, ERR_INPUT, "%.*s is no wheel: it has no NAME-VERSION.dist-info/WHEEL", STR_ARG(w->name));
	w->stem = str_take(w->info, w->info.n - (sizeof ".dist-info" - 1));
	return 0;
}

/* A line "Key: value" of WHEEL; empty: not there. */
static struct str
header(struct str text, const char *key)
{
	while (text.n > 0) {
		const struct str_cut line = str_cut(text, '\n'), c = str_cut(line.head, ':');
		if (c.ok && str_is(str_trim(c.head), key))
			return str_trim(c.tail);
		text = line.tail;
	}
	return (struct str){ 0 };
}

static int
read_meta(struct wheel *w, struct err *e)
{
	AUTO_BUF meta = { 0 }, record = { 0 };
	bool found;
	if (find_info(w, e) < 0 || read_info(w, "WHEEL", &meta, &found, e) < 0 || read_info(w, "RECORD", &record, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_INPUT, "%.*s: it has no RECORD", STR_ARG(w->name));
	const struct str version = header(buf_str(&meta), "Wheel-Version"), pure = header(buf_str(&meta), "Root-Is-Purelib");
	if (!str_is(str_cut(version, '.').head, "1"))
		return err_set(e, ERR_INPUT, "%.*s: wheel version '" STR_FMT "'; only 1.x is known", STR_ARG(w->name),
			       STR_ARG(str_take(version, 40)));
	w->lib = str_is(pure, "true") || str_is(pure, "True") ? w->scheme->purelib : w->scheme->platlib;
	return wheel_record_check(w, buf_str(&record), e);
}

/* ---- placing ---- */

static int
place_script(struct wheel *w, const struct wheel_file *f, struct str to, struct err *e)
{
	AUTO_BUF head = { 0 }, text = { 0 }, script = { 0 };
	const struct str want = STR("#!python");
	if (f->size >= want.n && f->size <= SCRIPT_LIMIT) {
		if (layer_spool_read(w->layer, f->offset, want.n, &head, e) < 0)
			return -1;
		if (str_eq(buf_str(&head), want) && layer_spool_read(w->layer, f->offset, f->size, &text, e) < 0)
			return -1;
	}
	if (text.n > 0 && wheel_script_rewrite(w->scheme->python, buf_str(&text), &script)) {
		const struct digest d = digest_of(buf_str(&script));
		return wheel_place(w, to, &d, script.n, e) < 0 ? -1 : layer_add_bytes(w->layer, to, true, buf_str(&script), e);
	}
	return wheel_place(w, to, &f->digest, f->size, e) < 0 ? -1 : layer_add_spooled(w->layer, to, true, f->offset, f->size, e);
}

static int
place_data(struct wheel *w, const struct wheel_file *f, struct str inside, struct err *e)
{
	const struct str_cut c = str_cut(inside, '/');
	const struct wheel_scheme *s = w->scheme;
	const struct str distribution = str_rcut(w->stem, '-').head;
	const struct {
		const char *name;
		struct str to;
	} kinds[] = {
		{ "purelib", s->purelib }, { "platlib", s->platlib }, { "data", s->data },
		{ "scripts", s->scripts }, { "headers", path_join(&w->arena, s->headers, distribution) },
	};
	for (size_t i = 0; c.tail.n > 0 && i < sizeof kinds / sizeof kinds[0]; i++) {
		if (!str_is(c.head, kinds[i].name))
			continue;
		const struct str to = kinds[i].to.n > 0 ? path_join(&w->arena, kinds[i].to, c.tail) : c.tail;
		if (str_is(c.head, "scripts"))
			return place_script(w, f, to, e);
		return wheel_place(w, to, &f->digest, f->size, e) < 0 ? -1 :
									layer_add_spooled(w->layer, to, f->exec, f->offset, f->size, e);
	}
	return err_set(e, ERR_INPUT, "%.*s: '" STR_FMT "': only purelib, platlib, scripts, data and headers may be in a .data folder",
		       STR_ARG(w->name), STR_ARG(f->path));
}

static int
place_all(struct wheel *w, struct err *e)
{
	const struct str data = arena_printf(&w->arena, STR_FMT ".data/", STR_ARG(w->stem));
	for (size_t i = 0; i < w->files.n; i++) {
		const struct wheel_file *f = &w->files.v[i];
		if (!f->recorded) /* RECORD and signatures over it: void once RECORD is written anew */
			continue;
		if (str_is(str_drop(f->path, w->info.n), "/INSTALLER") && str_starts(f->path, w->info))
			continue;
		if (str_starts(f->path, data)) {
			if (place_data(w, f, str_drop(f->path, data.n), e) < 0)
				return -1;
			continue;
		}
		const struct str to = path_join(&w->arena, w->lib, f->path);
		if (wheel_place(w, to, &f->digest, f->size, e) < 0 || layer_add_spooled(w->layer, to, f->exec, f->offset, f->size, e) < 0)
			return -1;
	}
	return 0;
}

static int
finish(struct wheel *w, struct err *e)
{
	AUTO_BUF points = { 0 }, record = { 0 };
	bool found;
	if (read_info(w, "entry_points.txt", &points, &found, e) < 0 || wheel_entry_points(w, buf_str(&points), e) < 0)
		return -1;
	const struct str info = path_join(&w->arena, w->lib, w->info);
	const struct str installer = path_join(&w->arena, info, STR("INSTALLER"));
	const struct digest d = digest_of(STR("pawl\n"));
	if (wheel_place(w, installer, &d, 5, e) < 0 || layer_add_bytes(w->layer, installer, false, STR("pawl\n"), e) < 0)
		return -1;
	wheel_record_write(w, &record);
	return layer_add_bytes(w->layer, path_join(&w->arena, info, STR("RECORD")), false, buf_str(&record), e);
}

static int
add(struct archive_reader *r, struct str name, const struct wheel_scheme *s, struct layer *l, struct err *e)
{
	struct wheel w = { .scheme = s, .layer = l, .name = name };
	const int bad = read_all(&w, r, e) < 0 || read_meta(&w, e) < 0 || place_all(&w, e) < 0 || finish(&w, e) < 0;
	VEC_DONE(&w.files);
	VEC_DONE(&w.rows);
	map_done(&w.paths);
	map_done(&w.folded);
	map_done(&w.placed);
	arena_done(&w.arena);
	return bad ? -1 : 0;
}

int
wheel_add_named(struct blobs *b, const struct digest *wheel, struct str name, const struct wheel_scheme *s, struct layer *l, struct err *e)
{
	struct arena a = { 0 };
	struct archive_reader *r;
	int bad = archive_open_blob(b, wheel, arena_z(&a, name), &LIMITS, &r, e);
	if (bad == 0)
		bad = add(r, name, s, l, e);
	arena_done(&a);
	return bad;
}

int
wheel_add_bytes(struct str wheel, struct str name, const struct wheel_scheme *s, struct layer *l, struct err *e)
{
	struct arena a = { 0 };
	struct archive_reader *r;
	int bad = archive_open_bytes(wheel, arena_z(&a, name), &LIMITS, &r, e);
	if (bad == 0)
		bad = add(r, name, s, l, e);
	arena_done(&a);
	return bad;
}

int
wheel_add(struct blobs *b, const struct digest *wheel, const struct wheel_scheme *s, struct layer *l, struct err *e)
{
	struct arena a = { 0 };
	const int bad = wheel_add_named(b, wheel, digest_str(wheel, &a), s, l, e);
	arena_done(&a);
	return bad;
}
