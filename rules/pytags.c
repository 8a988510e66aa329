/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pytags.h"

#include <string.h>
#include <strings.h>

#include "base/vec.h"
#include "rules/pep508.h"

#define SET_MAX 64 /* tags in one part of a file name */

struct tags {
	VEC_FIELDS(struct str);
};

static bool
tag_text(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.'))
			return false;
	}
	return s.n > 0;
}

bool
wheel_name_parse(struct str file, struct arena *a, struct wheel_name *out)
{
	struct wheel_name w = { 0 };
	struct str part[6];
	size_t n = 0;

	if (!str_ends(file, STR(".whl")) || file.n > 400 || str_find_char(file, '/') != SIZE_MAX)
		return false;
	struct str rest = str_take(file, file.n - 4);
	for (bool more = true; more; n++) {
		struct str_cut c = str_cut(rest, '-');
		if (n == 6)
			return false;
		part[n] = c.head;
		rest = c.tail;
		more = c.ok;
	}
	if (n != 5 && n != 6)
		return false;
	struct pep440 v;
	if (!pep503_name(part[0], a, &w.name) || !pep440_parse(part[1], a, &v))
		return false;
	w.version = pep440_text(&v, a);
	if (n == 6) {
		w.build = part[2];
		if (!w.build.n || w.build.p[0] < '0' || w.build.p[0] > '9')
			return false;
	}
	w.python = part[n - 3];
	w.abi = part[n - 2];
	w.platform = part[n - 1];
	if (!tag_text(w.python) || !tag_text(w.abi) || !tag_text(w.platform))
		return false;
	*out = w;
	return true;
}

struct str
pytags_machine(struct str platform)
{
	static const struct {
		const char *oci;
		struct str python;
	} table[] = {
		{ "linux/amd64", STR_INIT("x86_64") },   { "linux/arm64", STR_INIT("aarch64") },  { "linux/arm64/v8", STR_INIT("aarch64") },
		{ "linux/386", STR_INIT("i686") },       { "linux/arm/v7", STR_INIT("armv7l") },  { "linux/ppc64le", STR_INIT("ppc64le") },
		{ "linux/s390x", STR_INIT("s390x") },    { "linux/riscv64", STR_INIT("riscv64") },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (str_is(platform, table[i].oci))
			return table[i].python;
	return (struct str){ 0 };
}

static void
manylinux(struct tags *t, uint64_t minor, struct str machine, struct arena *a)
{
	bool x86 = str_is(machine, "x86_64") || str_is(machine, "i686");
	uint64_t oldest = x86 ? 5 : 17;

	for (uint64_t m = minor > 99 ? 99 : minor; m >= oldest; m--) {
		VEC_PUSH(t, arena_printf(a, "manylinux_2_%llu_" STR_FMT, (unsigned long long)m, STR_ARG(machine)));
		const char *old = m == 17 ? "2014" : m == 12 ? "2010" : m == 5 ? "1" : NULL;
		if (old)
			VEC_PUSH(t, arena_printf(a, "manylinux%s_" STR_FMT, old, STR_ARG(machine)));
	}
}

void
pytags_platforms(struct str platform, struct str glibc, struct arena *a, struct pytags *out)
{
	struct str machine = pytags_machine(platform);
	struct tags t = { 0 };
	uint64_t minor = 0;

	if (str_starts(glibc, STR("musl"))) {
		struct str_cut c = str_cut(str_trim(str_drop(glibc, 4)), '.');
		if (!str_u64(c.head, &minor) || minor != 1 || !str_u64(c.tail, &minor))
			minor = 1;
		for (uint64_t m = minor > 99 ? 99 : minor;; m--) {
			VEC_PUSH(&t, arena_printf(a, "musllinux_1_%llu_" STR_FMT, (unsigned long long)m, STR_ARG(machine)));
			if (!m)
				break;
		}
	} else {
		struct str_cut c = str_cut(glibc.n ? glibc : STR(PYTAGS_GLIBC), '.');
		if (str_is(c.head, "2") && str_u64(c.tail, &minor))
			manylinux(&t, minor, machine, a);
	}
	VEC_PUSH(&t, arena_printf(a, "linux_" STR_FMT, STR_ARG(machine)));
	out->v = arena_array(a, struct str, t.n);
	memcpy(out->v, t.v, t.n * sizeof *t.v);
	out->n = t.n;
	VEC_DONE(&t);
}

static void
with_platforms(struct tags *t, struct str python, const char *abi, const struct pytags *platforms, struct arena *a)
{
	for (size_t i = 0; i < platforms->n; i++)
		VEC_PUSH(t, arena_printf(a, STR_FMT "-%s-" STR_FMT, STR_ARG(python), abi, STR_ARG(platforms->v[i])));
}

/* The order of `packaging`: the interpreter's own ABI, abi3 and none for it, abi3 of its elders, then pure Python, newest first. */
bool
pytags_of(struct str version, struct str platform, struct str glibc, struct arena *a, struct pytags *out)
{
	struct str_cut c = str_cut(version, '.');
	struct str_cut d = str_cut(c.tail, '.');
	struct pytags platforms;
	struct tags t = { 0 };
	uint64_t major, minor;

	if (!c.ok || !str_u64(c.head, &major) || !str_u64(d.head, &minor) || major != 3 || minor > 99 || !pytags_machine(platform).n)
		return false;
	pytags_platforms(platform, glibc, a, &platforms);
	struct str cp = arena_printf(a, "cp3%llu", (unsigned long long)minor);
	char *abi = arena_z(a, minor < 8 ? arena_printf(a, STR_FMT "m", STR_ARG(cp)) : cp);
	with_platforms(&t, cp, abi, &platforms, a);
	if (minor >= 2)
		with_platforms(&t, cp, "abi3", &platforms, a);
	with_platforms(&t, cp, "none", &platforms, a);
	for (uint64_t m = minor; m-- > 2;)
		with_platforms(&t, arena_printf(a, "cp3%llu", (unsigned long long)m), "abi3", &platforms, a);
	struct str py = arena_printf(a, "py3%llu", (unsigned long long)minor);
	with_platforms(&t, py, "none", &platforms, a);
	with_platforms(&t, STR("py3"), "none", &platforms, a);
	for (uint64_t m = minor; m-- > 0;)
		with_platforms(&t, arena_printf(a, "py3%llu", (unsigned long long)m), "none", &platforms, a);
	VEC_PUSH(&t, arena_printf(a, STR_FMT "-none-any", STR_ARG(cp)));
	VEC_PUSH(&t, arena_printf(a, STR_FMT "-none-any", STR_ARG(py)));
	VEC_PUSH(&t, STR("py3-none-any"));
	for (uint64_t m = minor; m-- > 0;)
		VEC_PUSH(&t, arena_printf(a, "py3%llu-none-any", (unsigned long long)m));
	out->v = arena_array(a, struct str, t.n);
	memcpy(out->v, t.v, t.n * sizeof *t.v);
	out->n = t.n;
	VEC_DONE(&t);
	return true;
}

/* Is each part of the tag "a-b-c" in the sets of the file name? */
static bool
in_set(struct str set, struct str one)
{
	for (size_t i = 0; i < SET_MAX; i++) {
		struct str_cut c = str_cut(set, '.');
		if (c.head.n == one.n && !strncasecmp(c.head.p, one.p, one.n))
			return true;
		if (!c.ok)
			return false;
		set = c.tail;
	}
	return false;
}

size_t
pytags_rank(const struct pytags *t, const struct wheel_name *w)
{
	for (size_t i = 0; i < t->n; i++) {
		struct str_cut python = str_cut(t->v[i], '-');
		struct str_cut abi = str_cut(python.tail, '-');
		if (in_set(w->python, python.head) && in_set(w->abi, abi.head) && in_set(w->platform, abi.tail))
			return i;
	}
	return SIZE_MAX;
}
