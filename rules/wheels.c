/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/wheels.h"

#include <stdlib.h>
#include <string.h>

#include "engine/result.h"
#include "hashing/key.h"
#include "rules/interpreter.h"
#include "rules/parent.h"
#include "rules/pytags.h"
#include "rules/wheelset.h"

#define PINS_MAX 20000

/* ---- a set as JSON, and back ---- */

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
	wheel_set_settle(&s, a);
	for (size_t i = 1; i < n; i++)
		if (str_eq(s.v[i - 1].name, s.v[i].name))
			return err_set(e, ERR_DAMAGED, "'" STR_FMT "' is there twice", STR_ARG(s.v[i].name));
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

/* ---- targets ---- */

/* The newest C library that nearly all wheels are built for. A lock for it serves machines with this and all newer ones. */
static struct str
common_glibc(struct str libc, struct arena *a)
{
	uint64_t minor = 0;
	const struct str common = STR(PYTAGS_GLIBC);

	if (!str_starts(libc, STR("glibc ")))
		return libc.n ? STR("musl") : (struct str){ 0 };
	struct str version = str_drop(libc, 6);
	struct str_cut c = str_cut(version, '.');
	if (str_is(c.head, "2") && str_u64(c.tail, &minor) && minor < 28)
		return arena_str(a, version);
	return common;
}

static struct str
machine_platform(struct str machine)
{
	static const struct {
		const char *python;
		struct str oci;
	} table[] = {
		{ "x86_64", STR_INIT("linux/amd64") },   { "aarch64", STR_INIT("linux/arm64") }, { "i686", STR_INIT("linux/386") },
		{ "armv7l", STR_INIT("linux/arm/v7") },  { "ppc64le", STR_INIT("linux/ppc64le") }, { "s390x", STR_INIT("linux/s390x") },
		{ "riscv64", STR_INIT("linux/riscv64") },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (str_is(machine, table[i].python))
			return table[i].oci;
	return (struct str){ 0 };
}

int
target_of_parent(const struct parent_info *i, const struct ir_environment *env, struct python_target *out, struct err *e)
{
	if (!i->python.n)
		return err_set(e, ERR_INPUT, "environment '" STR_FMT "' has Python requirements, but its parent '" STR_FMT "' has no Python 3",
			       STR_ARG(env->name), STR_ARG(i->name));
	*out = (struct python_target){ .version = i->python, .platform = i->platform, .glibc = i->glibc };
	return 0;
}

int
environment_target(struct project *p, const struct ir_environment *env, bool image, struct arena *a, struct python_target *out,
		   struct err *e)
{
	const struct interpreter *py;
	struct parent_info info;

	if (image) {
		if (!parent_locked(p, env, a, &info))
			return err_set(e, ERR_MISSING, "the parent of environment '" STR_FMT "' is not resolved yet", STR_ARG(env->name));
		return target_of_parent(&info, env, out, e);
	}
	if (interpreter_find(p, &py, e) < 0)
		return -1;
	struct python_target t = { .version = py->series, .platform = machine_platform(py->machine), .glibc = common_glibc(py->libc, a) };
	if (!t.platform.n)
		return err_set(e, ERR_INPUT, "no wheels are known for the machine '" STR_FMT "'", STR_ARG(py->machine));
	*out = t;
	return 0;
}
