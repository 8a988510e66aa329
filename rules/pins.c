/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "engine/result.h"
#include "hashing/key.h"
#include "rules/pytags.h"
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
	return v;
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
	if (!wheel_name_parse(w.file, a, &n) || !str_eq(n.name, w.name) || !str_eq(n.version, w.version))
		return err_set(e, ERR_DAMAGED, STR_FMT " " STR_FMT ": '" STR_FMT "' is not the name of its wheel", STR_ARG(name),
			       STR_ARG(version), STR_ARG(str_take(w.file, 100)));
	if (!digest_parse(js_str(js_get(v, "sha256")), true, &w.sha256))
		return err_set(e, ERR_DAMAGED, STR_FMT " " STR_FMT ": its sha256 is not 64 hex digits", STR_ARG(name), STR_ARG(version));
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
	struct str python = arena_str(a, js_str(js_get(js_get(entry, "target"), "python")));

	if (wheel_set_read(js_get(entry, "wheels"), a, out, e) < 0)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		out->v[i].python = python;
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
