/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/packages.h"

#include <stdlib.h>
#include <string.h>

#include "backends/archive.h"
#include "base/vec.h"

#define STATE_LIMIT ((size_t)64 << 20)
#define PACKAGES_MAX 100000
#define PARTS_MAX 20000 /* files in status.d */

/* A file of the state as the layers so far leave it. */
struct part {
	struct str path, text;
};

struct scan {
	struct arena *arena;
	VEC(struct part) parts;
	size_t bytes;
};

bool
packages_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("+-.:~_", c))))
			return false;
	}
	return s.n > 0 && s.n <= 200;
}

/* ---- the texts ---- */

struct stanza {
	struct str name, version, arch, status;
};

static void
read_line(struct stanza *s, struct str line, bool apk)
{
	static const struct {
		const char *dpkg, *apk;
		size_t field;
	} rows[] = { { "Package", "P", offsetof(struct stanza, name) },
		     { "Version", "V", offsetof(struct stanza, version) },
		     { "Architecture", "A", offsetof(struct stanza, arch) },
		     { "Status", NULL, offsetof(struct stanza, status) } };
	const struct str_cut c = str_cut(line, ':');
	if (!c.ok)
		return;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *key = apk ? rows[i].apk : rows[i].dpkg;
		if (key && str_is(c.head, key))
			*(struct str *)((char *)s + rows[i].field) = str_trim(c.tail);
	}
}

size_t
packages_parse(struct str text, bool apk, struct arena *a, struct package **out)
{
	VEC(struct package) v = { 0 };
	struct stanza s = { 0 };
	for (struct str rest = text; rest.n > 0 && v.n < PACKAGES_MAX;) {
		const struct str_cut line = str_cut(rest, '\n');
		rest = line.tail;
		read_line(&s, line.head, apk);
		if (str_trim(line.head).n > 0 && rest.n > 0)
			continue;
		const bool installed = s.status.n == 0 || str_ends(s.status, STR(" installed"));
		if (installed && packages_word(s.name) && packages_word(s.version))
			VEC_PUSH(&v, ((struct package){ arena_str(a, s.name), arena_str(a, s.version),
							packages_word(s.arch) ? arena_str(a, s.arch) : STR("") }));
		s = (struct stanza){ 0 };
	}
	*out = arena_array(a, struct package, v.n + 1);
	if (v.n > 0)
		memcpy(*out, v.v, v.n * sizeof *v.v);
	const size_t n = v.n;
	VEC_DONE(&v);
	return n;
}

/* ---- the files ---- */

static bool
wanted(struct str path)
{
	static const char *const files[] = { "var/lib/dpkg/status", "lib/apk/db/installed", "usr/lib/apk/db/installed", "etc/os-release",
					     "usr/lib/os-release" };
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		if (str_is(path, files[i]))
			return true;
	}
	return str_is(path_dir(path), "var/lib/dpkg/status.d") && !str_ends(path, STR(".md5sums"));
}

static void
forget(struct scan *s, struct str path, bool inside_only)
{
	size_t n = 0;
	for (size_t i = 0; i < s->parts.n; i++) {
		const struct part p = s->parts.v[i];
		const bool inside = path_inside(p.path, path) && !str_eq(p.path, path);
		if (!inside && (inside_only || !str_eq(p.path, path)))
			s->parts.v[n++] = p;
	}
	s->parts.n = n;
}

static int
see(void *ctx, struct archive_reader *r, const struct archive_item *x, struct err *e)
{
	struct scan *s = ctx;
	const struct str base = path_base(x->path), dir = path_dir(x->path);
	if (str_is(base, ".wh..wh..opq")) {
		forget(s, dir, true);
		return 0;
	}
	if (str_starts(base, STR(".wh."))) {
		forget(s, path_join(s->arena, dir, str_drop(base, 4)), false);
		return 0;
	}
	if (x->type != ARCHIVE_FILE_ENTRY || !wanted(x->path))
		return 0;
	AUTO_BUF text = { 0 };
	if (x->size > STATE_LIMIT - s->bytes || s->parts.n >= PARTS_MAX)
		return err_set(e, ERR_WORLD, "the package state of the parent is larger than %zu MiB", STATE_LIMIT >> 20);
	if (archive_read_all(r, STATE_LIMIT, &text, e) < 0)
		return -1;
	s->bytes += text.n;
	forget(s, x->path, false);
	VEC_PUSH(&s->parts, ((struct part){ arena_str(s->arena, x->path), arena_str(s->arena, buf_str(&text)) }));
	return 0;
}

static int
scan_layer(struct scan *s, struct blobs *b, const struct digest *d, struct err *e)
{
	return archive_scan(b, d, "a layer of the parent", see, s, e);
}

static struct str
release_value(struct str text, const char *key, struct arena *a)
{
	for (struct str rest = text; rest.n > 0;) {
		const struct str_cut line = str_cut(rest, '\n'), c = str_cut(line.head, '=');
		rest = line.tail;
		struct str v = str_trim(c.tail);
		if (v.n >= 2 && (v.p[0] == '"' || v.p[0] == '\'') && v.p[v.n - 1] == v.p[0])
			v = str_take(str_drop(v, 1), v.n - 2);
		if (c.ok && str_is(c.head, key) && packages_word(v))
			return arena_str(a, v);
	}
	return (struct str){ 0 };
}

static int
by_name(const void *x, const void *y)
{
	const struct package *a = x, *b = y;
	int c = str_cmp(a->name, b->name);
	if (c == 0)
		c = str_cmp(a->arch, b->arch);
	return c != 0 ? c : str_cmp(a->version, b->version);
}

static void
gather(const struct scan *s, struct arena *a, struct packages *out)
{
	VEC(struct package) all = { 0 };
	for (size_t i = 0; i < s->parts.n; i++) {
		const struct part *p = &s->parts.v[i];
		if (str_is(path_base(p->path), "os-release")) {
			out->distribution = release_value(p->text, "ID", a);
			out->release = release_value(p->text, "VERSION_ID", a);
			continue;
		}
		const bool apk = str_ends(p->path, STR("/installed"));
		struct package *v;
		const size_t n = packages_parse(p->text, apk, a, &v);
		out->manager = apk ? "apk" : "deb";
		for (size_t k = 0; k < n && all.n < PACKAGES_MAX; k++)
			VEC_PUSH(&all, v[k]);
	}
	out->v = arena_array(a, struct package, all.n + 1);
	out->n = all.n;
	if (all.n > 0) {
		memcpy(out->v, all.v, all.n * sizeof *all.v);
		qsort(out->v, out->n, sizeof *out->v, by_name);
	}
	VEC_DONE(&all);
}

int
packages_of_layers(struct blobs *b, const struct oci_layer *layers, size_t n, struct arena *a, struct packages *out, struct err *e)
{
	struct arena tmp = { 0 };
	struct scan s = { .arena = &tmp };
	int bad = 0;
	for (size_t i = 0; i < n && bad == 0; i++)
		bad = scan_layer(&s, b, &layers[i].digest, e);
	if (bad == 0) {
		struct packages p = { 0 };
		gather(&s, a, &p);
		*out = p;
	}
	VEC_DONE(&s.parts);
	arena_done(&tmp);
	return bad;
}
