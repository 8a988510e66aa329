/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "engine/result.h"
#include "hashing/key.h"
#include "rules/otherlock.h"
#include "rules/pytags.h"
#include "rules/reqref.h"
#include "rules/wheelset.h"

#define PINS_MAX 20000

/* Sets of wheels as JSON, and back. */

static struct js *
pin_write(const struct wheel_pin *w)
{
	struct js *v = js_map();
	char hex[DIGEST_HEX + 1];

	digest_hex(&w->sha256, hex);
	js_set(v, "name", js_text(w->name));
	js_set(v, "version", js_text(w->version));
	js_set(v, "file", js_text(w->file));
	js_set(v, "sha256", js_textz(hex));
	if (w->size)
		js_set(v, "size", js_int((int64_t)w->size));
	if (w->index.n)
		js_set(v, "index", js_text(w->index));
	if (w->source.kind == WHEEL_OF_ARCHIVE) {
		digest_hex(&w->source.sha256, hex);
		js_set(v, "sha256", js_textz(hex));
		js_set(v, "source", js_textz("archive"));
	} else if (w->source.kind == WHEEL_OF_GIT) {
		js_set(v, "source", js_textz("git"));
		js_set(v, "repository", js_text(w->source.repository));
		js_set(v, "commit", js_text(w->source.commit));
	}
	if (w->source.subdirectory.n)
		js_set(v, "subdirectory", js_text(w->source.subdirectory));
	return v;
}

const struct digest *
wheel_pin_file(const struct wheel_pin *w)
{
	return w->source.kind == WHEEL_OF_ARCHIVE ? &w->source.sha256 : &w->sha256;
}

/* A source is what it holds and what it is built for. */
void
wheel_pin_source(struct wheel_pin *w, const struct python_target *t, struct arena *a)
{
	struct key k;

	key_init(&k, a, WHEEL_BUILD_FORMAT, "wheel-source");
	if (w->source.kind == WHEEL_OF_ARCHIVE)
		key_digest(&k, "archive", (struct str){ 0 }, &w->source.sha256);
	else
		key_text(&k, "commit", (struct str){ 0 }, w->source.commit);
	key_text(&k, "subdirectory", (struct str){ 0 }, w->source.subdirectory);
	key_text(&k, "target", STR("python"), t->version);
	key_text(&k, "target", STR("platform"), t->platform);
	key_text(&k, "target", STR("libc"), t->glibc);
	w->sha256 = key_done(&k);
	w->python = t->version;
}

static int
source_read(const struct js *v, struct arena *a, struct wheel_pin *w, struct err *e)
{
	struct str kind = js_str(js_get(v, "source")), name = w->name, version;

	w->source.subdirectory = arena_str(a, js_str(js_get(v, "subdirectory")));
	if (str_is(kind, "archive")) {
		w->source.kind = WHEEL_OF_ARCHIVE;
		w->source.sha256 = w->sha256;
		if (!reqref_file_name(w->file, a, &name, &version) || str_ends(w->file, STR(".whl")))
			return err_set(e, ERR_DAMAGED, STR_FMT ": '" STR_FMT "' is no source distribution", STR_ARG(w->name), STR_ARG(str_take(w->file, 100)));
		return 0;
	}
	w->source.kind = WHEEL_OF_GIT;
	w->source.repository = arena_str(a, js_str(js_get(v, "repository")));
	w->source.commit = arena_str(a, js_str(js_get(v, "commit")));
	if (!str_is(kind, "git") || !otherlock_commit(w->source.commit) || !w->source.repository.n || w->source.repository.p[0] == '-')
		return err_set(e, ERR_DAMAGED, STR_FMT ": its source is not understood", STR_ARG(w->name));
	return 0;
}

struct js *
wheel_set_write(const struct wheel_set *s)
{
	struct js *list = js_list();

	for (size_t i = 0; i < s->n; i++)
		js_push(list, pin_write(&s->v[i]));
	return list;
}

static int
pin_read(const struct js *v, struct arena *a, struct wheel_pin *out, struct err *e)
{
	struct wheel_pin w = { .file = arena_str(a, js_str(js_get(v, "file"))), .index = arena_str(a, js_str(js_get(v, "index"))) };
	struct str name = js_str(js_get(v, "name")), version = js_str(js_get(v, "version"));
	struct wheel_name n;
	struct pep440 p;

	if (!pep503_name(name, a, &w.name) || !str_eq(name, w.name))
		return err_set(e, ERR_DAMAGED, "'" STR_FMT "' is no normal name of a package", STR_ARG(str_take(name, 100)));
	if (!pep440_parse(version, a, &p))
		return err_set(e, ERR_DAMAGED, STR_FMT ": '" STR_FMT "' is no version", STR_ARG(name), STR_ARG(str_take(version, 100)));
	w.version = pep440_text(&p, a);
	const bool source = js_get(v, "source") != NULL;
	if (str_find_char(w.file, '/') != SIZE_MAX)
		return err_set(e, ERR_DAMAGED, STR_FMT ": '" STR_FMT "' is no name of a file", STR_ARG(name), STR_ARG(str_take(w.file, 100)));
	if (!source && (!wheel_name_parse(w.file, a, &n) || !str_eq(n.name, w.name) || !str_eq(n.version, w.version)))
		return err_set(e, ERR_DAMAGED, STR_FMT " " STR_FMT ": '" STR_FMT "' is not the name of its wheel", STR_ARG(name),
			       STR_ARG(version), STR_ARG(str_take(w.file, 100)));
	if (!digest_parse(js_str(js_get(v, "sha256")), true, &w.sha256))
		return err_set(e, ERR_DAMAGED, STR_FMT " " STR_FMT ": its sha256 is not 64 hex digits", STR_ARG(name), STR_ARG(version));
	if (source && source_read(v, a, &w, e) < 0)
		return -1;
	w.size = js_num(js_get(v, "size")) > 0 ? (uint64_t)js_num(js_get(v, "size")) : 0;
	*out = w;
	return 0;
}

static int
cmp_pin(const void *a, const void *b)
{
	return str_cmp(((const struct wheel_pin *)a)->name, ((const struct wheel_pin *)b)->name);
}

void
wheel_set_settle(struct wheel_set *s, struct arena *a)
{
	struct key k;

	if (s->n)
		qsort(s->v, s->n, sizeof *s->v, cmp_pin);
	key_init(&k, a, 1, "wheel-set");
	for (size_t i = 0; i < s->n; i++) {
		char hex[DIGEST_HEX + 1];
		digest_hex(&s->v[i].sha256, hex);
		key_text(&k, "wheel", s->v[i].name, arena_printf(a, STR_FMT " %s", STR_ARG(s->v[i].version), hex));
	}
	s->digest = key_done(&k);
}

int
wheel_set_read(const struct js *list, struct arena *a, struct wheel_set *out, struct err *e)
{
	size_t n = js_len(list);

	if (js_type(list) != JS_LIST || n > PINS_MAX)
		return err_set(e, ERR_DAMAGED, "expected a list of wheels");
	struct wheel_set s = { .v = arena_array(a, struct wheel_pin, n), .n = n };
	for (size_t i = 0; i < n; i++)
		if (pin_read(js_at(list, i), a, &s.v[i], e) < 0)
			return -1;
	if (n)
		qsort(s.v, n, sizeof *s.v, cmp_pin);
	for (size_t i = 1; i < n; i++)
		if (str_eq(s.v[i - 1].name, s.v[i].name))
			return err_set(e, ERR_DAMAGED, "'" STR_FMT "' is there twice", STR_ARG(s.v[i].name));
	wheel_set_settle(&s, a);
	*out = s;
	return 0;
}

int
wheel_set_of_entry(const struct js *entry, struct arena *a, struct wheel_set *out, struct err *e)
{
	const struct js *target = js_get(entry, "target");
	const struct python_target t = { .version = arena_str(a, js_str(js_get(target, "python"))),
					 .platform = arena_str(a, js_str(js_get(target, "platform"))),
					 .glibc = arena_str(a, js_str(js_get(target, "libc"))) };

	if (wheel_set_read(js_get(entry, "wheels"), a, out, e) < 0)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		out->v[i].python = t.version;
		if (out->v[i].source.kind != WHEEL_READY)
			wheel_pin_source(&out->v[i], &t, a);
	}
	wheel_set_settle(out, a);
	return 0;
}

int
wheel_set_of(const struct result *r, struct arena *a, struct wheel_set *out, struct err *e)
{
	AUTO_JS v = NULL;

	if (js_parse(r->info, "the record of the requirements", &v, e) < 0 || wheel_set_of_entry(v, a, out, e) < 0) {
		if (e)
			e->code = ERR_DAMAGED;
		return -1;
	}
	return 0;
}
