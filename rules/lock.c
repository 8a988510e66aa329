/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "hashing/digest.h"
#include "rules/userfile.h"
#include "sys/file.h"

#define LOCK_FILE "pawl.lock"
#define LOCK_LIMIT ((size_t)64 << 20)

static const char *const sections[] = { "parents", "bootstraps", "apt", "requirements" };
#define NSECTIONS (sizeof sections / sizeof *sections)

static struct js *
empty(void)
{
	struct js *doc = js_map();

	js_set(doc, "version", js_int(1));
	for (size_t i = 0; i < NSECTIONS; i++)
		js_set(doc, sections[i], js_map());
	return doc;
}

/* A pin that was edited or damaged is no pin that could be resolved again behind the person's back. */
static int
check_wheels(struct str entry, const struct js *wheels, struct err *e)
{
	struct digest d;

	if (js_type(wheels) != JS_LIST)
		return err_set(e, ERR_INPUT, LOCK_FILE ": requirements \"" STR_FMT "\": expected a list of wheels; mend it, or run 'pawl lock --all'",
			       STR_ARG(str_take(entry, 12)));
	for (size_t i = 0; i < js_len(wheels); i++) {
		const struct js *w = js_at(wheels, i);
		struct str name = js_str(js_get(w, "name"));

		if (!name.n || !js_str(js_get(w, "version")).n || !js_str(js_get(w, "file")).n ||
		    !digest_parse(js_str(js_get(w, "sha256")), true, &d))
			return err_set(e, ERR_INPUT,
				       LOCK_FILE ": wheel '" STR_FMT "' lacks a name, version, file or a sha256 of 64 hex digits; the lock was edited or "
						 "damaged by a merge: mend it, or remove it and run 'pawl lock'",
				       STR_ARG(name));
	}
	return 0;
}

static int
check_debs(struct str entry, const struct js *debs, struct err *e)
{
	struct digest d;

	if (js_type(debs) != JS_LIST)
		return err_set(e, ERR_INPUT, LOCK_FILE ": apt \"" STR_FMT "\": expected a list of debs; mend it, or run 'pawl lock --all'", STR_ARG(str_take(entry, 12)));
	for (size_t i = 0; i < js_len(debs); i++) {
		const struct js *x = js_at(debs, i);
		struct str name = js_str(js_get(x, "name"));

		if (!name.n || !js_str(js_get(x, "version")).n || !js_str(js_get(x, "arch")).n || !digest_parse(js_str(js_get(x, "sha256")), true, &d))
			return err_set(e, ERR_INPUT,
				       LOCK_FILE ": package '" STR_FMT "' lacks a name, version, arch or a sha256 of 64 hex digits; the lock was edited or damaged by a "
						 "merge: mend it, or remove it and run 'pawl lock'",
				       STR_ARG(name));
	}
	return 0;
}

static int
check(struct js *doc, struct err *e)
{
	if (js_type(doc) != JS_MAP)
		return err_set(e, ERR_INPUT, LOCK_FILE ": expected a JSON map");
	const struct js *version = js_get(doc, "version");
	if (js_type(version) != JS_INT || js_num(version) != 1)
		return err_set(e, ERR_INPUT, LOCK_FILE ": expected \"version\": 1; it is of another pawl, or it was damaged by a merge: "
					     "mend it, or remove it and run 'pawl lock'");
	for (size_t i = 0; i < NSECTIONS; i++) {
		struct js *s = js_get(doc, sections[i]);
		if (!s)
			js_set(doc, sections[i], js_map());
		else if (js_type(s) != JS_MAP)
			return err_set(e, ERR_INPUT, LOCK_FILE ": expected a map under \"%s\"", sections[i]);
	}
	const struct js *all = js_get(doc, "requirements");
	for (void *it = js_first(all); it; it = js_next(all, it))
		if (check_wheels(js_key(it), js_get(js_value(it), "wheels"), e) < 0)
			return -1;
	all = js_get(doc, "apt");
	for (void *it = js_first(all); it; it = js_next(all, it))
		if (check_debs(js_key(it), js_get(js_value(it), "debs"), e) < 0)
			return -1;
	return 0;
}

static int
parse(struct str text, struct js **out, struct js_place *at, struct err *e)
{
	AUTO_JS doc = NULL;

	if (!str_utf8(text))
		return err_set(e, ERR_INPUT, LOCK_FILE ": it is not UTF-8; it was damaged, perhaps by a merge");
	if (js_parse_at(text, LOCK_FILE, &doc, at, e) < 0)
		return err_wrap(e, LOCK_FILE ": it was damaged, perhaps by a merge");
	if (check(doc, e) < 0)
		return -1;
	*out = doc;
	doc = NULL;
	return 0;
}

static void
broken(struct diags *d, struct str text, struct js_place at, const struct err *why)
{
	const struct place place = { .file = STR(LOCK_FILE), .line = at.line, .column = at.column };
	struct str message = str_z(why->text);

	if (str_starts(message, STR(LOCK_FILE ": ")))
		message = str_drop(message, strlen(LOCK_FILE ": "));
	diags_source(d, place.file, arena_str(&d->arena, text));
	diags_add(d, SEVERITY_ERROR, place, "lock", STR("mend it, or remove it and run 'pawl lock'"), STR_FMT, STR_ARG(message));
}

static int
read_doc(int root, struct js **out, struct diags *d, struct err *e)
{
	AUTO_BUF text = { 0 };
	struct err why = { 0 };

	if (file_read(root, LOCK_FILE, LOCK_LIMIT, &text, &why) == 0) {
		struct js_place at = { 0 };
		if (parse(buf_str(&text), out, &at, &why) == 0)
			return 0;
		if (d && why.code == ERR_INPUT)
			broken(d, buf_str(&text), at, &why);
		if (e)
			*e = why;
		return -1;
	}
	if (why.code == ERR_MISSING) {
		*out = empty();
		return 0;
	}
	const char *obstacle = userfile_obstacle(root, LOCK_FILE, &why);
	if (!obstacle) {
		if (e)
			*e = why;
		return -1;
	}
	if (d)
		diags_add(d, SEVERITY_ERROR, (struct place){ .file = STR(LOCK_FILE) }, "lock", STR("remove it and run 'pawl lock'"),
			  "it cannot be read: it %s", obstacle);
	return err_set(e, ERR_INPUT, LOCK_FILE " cannot be read: it %s", obstacle);
}

static void
begin(struct lock *l, struct js *doc)
{
	*l = (struct lock){ .doc = doc, .changes = js_map(), .used = js_map(), .locked = l->locked };
}

int
lock_load(int root, struct lock *l, struct diags *d, struct err *e)
{
	struct js *doc;

	if (read_doc(root, &doc, d, e) < 0)
		return -1;
	begin(l, doc);
	return 0;
}

int
lock_read(struct str text, struct lock *l, struct err *e)
{
	struct js *doc;

	struct js_place at = { 0 };
	if (parse(text, &doc, &at, e) < 0)
		return -1;
	begin(l, doc);
	return 0;
}

void
lock_done(struct lock *l)
{
	js_free(l->doc);
	js_free(l->changes);
	js_free(l->used);
	js_free(l->stale);
	js_free(l->moving);
	*l = (struct lock){ 0 };
}

struct js *
lock_get(const struct lock *l, const char *section, struct str name)
{
	if (js_get_str(js_get(l->stale, section), name))
		return NULL;
	return js_get_str(js_get(l->doc, section), name);
}

static struct js *
section_of(struct js *doc, const char *section)
{
	struct js *s = js_get(doc, section);

	if (!s) {
		s = js_map();
		js_set(doc, section, s);
	}
	return s;
}

int
lock_set(struct lock *l, const char *section, struct str name, struct js *value, struct err *e)
{
	struct js *old = js_get_str(js_get(l->doc, section), name), *stale = js_get(l->stale, section);

	if (stale)
		js_del_str(stale, name);
	if (js_equal(old, value)) {
		js_free(value);
		return 0;
	}
	if (l->locked) {
		js_free(value);
		return err_set(e, ERR_INPUT, "--locked: " LOCK_FILE " would change: '" STR_FMT "' under \"%s\" is %s; run 'pawl lock' and commit it",
			       STR_ARG(name), section, old ? "resolved otherwise now" : "not in it");
	}
	js_set_str(section_of(l->changes, section), name, js_copy(value));
	js_set_str(section_of(l->doc, section), name, value);
	l->dirty = true;
	return 0;
}

void
lock_use(struct lock *l, const char *section, struct str name)
{
	js_set_str(section_of(l->used, section), name, js_bool(true));
}

/* Written form: keys sorted; maps open down to the entries of a section, then lists with one element a line, all else on one line. */

static int
cmp_key(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void
indent(struct buf *out, unsigned depth)
{
	buf_putc(out, '\n');
	for (unsigned i = 0; i < depth; i++)
		buf_puts(out, "  ");
}

static void
put_key(struct str key, struct buf *out)
{
	AUTO_JS k = js_text(key);

	js_write(k, out);
	buf_puts(out, ": ");
}

static void
put_list(const struct js *v, unsigned depth, struct buf *out)
{
	size_t n = js_len(v);

	buf_putc(out, '[');
	for (size_t i = 0; i < n; i++) {
		indent(out, depth + 1);
		js_write(js_at(v, i), out);
		if (i + 1 < n)
			buf_putc(out, ',');
	}
	if (n)
		indent(out, depth);
	buf_putc(out, ']');
}

/* Three levels of maps: document, section, entry. A value of an entry is a list or something small. */
static void
put_level(const struct js *v, unsigned depth, struct buf *out)
{
	VEC(struct str) keys = { 0 };

	for (void *it = js_first(v); it; it = js_next(v, it))
		VEC_PUSH(&keys, js_key(it));
	if (keys.n)
		qsort(keys.v, keys.n, sizeof *keys.v, cmp_key);
	buf_putc(out, '{');
	for (size_t i = 0; i < keys.n; i++) {
		const struct js *x = js_get_str(v, keys.v[i]);
		indent(out, depth + 1);
		put_key(keys.v[i], out);
		if (js_type(x) == JS_MAP && depth < 2)
			put_level(x, depth + 1, out); /* at most two deep: bounded */
		else if (js_type(x) == JS_LIST)
			put_list(x, depth + 1, out);
		else
			js_write(x, out);
		if (i + 1 < keys.n)
			buf_putc(out, ',');
	}
	if (keys.n)
		indent(out, depth);
	buf_putc(out, '}');
	VEC_DONE(&keys);
}

void
lock_write(const struct lock *l, struct buf *out)
{
	put_level(l->doc, 0, out);
	buf_putc(out, '\n');
}

static void
apply(struct js *doc, const struct js *changes)
{
	for (void *s = js_first(changes); s; s = js_next(changes, s)) {
		char name[32];
		struct str key = js_key(s);
		if (key.n >= sizeof name)
			continue;
		memcpy(name, key.p, key.n);
		name[key.n] = 0;
		struct js *to = section_of(doc, name);
		for (void *it = js_first(js_value(s)); it; it = js_next(js_value(s), it))
			js_set_str(to, js_key(it), js_copy(js_value(it)));
	}
}

/* Answers that nobody asks for any more. Only those for a target (or platform) that this project resolves for now: another person's Python may be
 * another one, and their answers stay. */
static void
prune(struct js *doc, const struct js *used, const char *section, const char *what)
{
	const struct js *mine = js_get(used, section);
	struct js *all = js_get(doc, section);
	VEC(char *) gone = { 0 };

	for (void *it = js_first(all); it; it = js_next(all, it)) {
		const struct js *target = js_get(js_value(it), what);
		bool same_target = false;
		if (js_get_str(mine, js_key(it)))
			continue;
		for (void *u = js_first(mine); u && !same_target; u = js_next(mine, u))
			same_target = js_equal(target, js_get(js_get_str(all, js_key(u)), what));
		struct str key = js_key(it);
		if (!same_target)
			continue;
		char *z = mem_alloc(key.n + 1);
		memcpy(z, key.p, key.n);
		z[key.n] = 0;
		VEC_PUSH(&gone, z);
	}
	for (size_t i = 0; i < gone.n; i++) {
		js_del(all, gone.v[i]);
		free(gone.v[i]);
	}
	VEC_DONE(&gone);
}

int
lock_save(struct lock *l, int root, struct err *e)
{
	AUTO_BUF text = { 0 };
	struct js *now;

	if (!l->dirty)
		return 0;
	if (l->locked)
		return err_set(e, ERR_INPUT, "--locked: " LOCK_FILE " would change; run 'pawl lock' and commit it");
	/* Somebody else may have written it meanwhile: their entries stay. */
	if (read_doc(root, &now, NULL, e) < 0)
		return -1;
	apply(now, l->changes);
	prune(now, l->used, "requirements", "target");
	prune(now, l->used, "apt", "platform");
	js_free(l->doc);
	l->doc = now;
	lock_write(l, &text);
	if (file_replace(root, LOCK_FILE, buf_str(&text), 0644, true, e) < 0)
		return err_wrap(e, "write " LOCK_FILE);
	l->dirty = false;
	js_free(l->changes);
	l->changes = js_map();
	return 0;
}
