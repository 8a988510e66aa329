/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/localwheel.h"

#include <string.h>

#include "base/base64.h"
#include "sys/file.h"

#define FILES_MAX 4

/* A zip archive (APPNOTE 4.3) whose members are stored: local headers with their data, then the directory, then its end. */

struct member {
	struct str name, data;
	uint32_t crc, at;
};

static uint32_t
crc32_of(struct str s)
{
	uint32_t c = 0xffffffffu;

	for (size_t i = 0; i < s.n; i++) {
		c ^= (unsigned char)s.p[i];
		for (int k = 0; k < 8; k++)
			c = c & 1 ? (c >> 1) ^ 0xedb88320u : c >> 1;
	}
	return ~c;
}

static void
put16(struct buf *b, unsigned v)
{
	buf_putc(b, (char)(v & 0xff));
	buf_putc(b, (char)(v >> 8 & 0xff));
}

static void
put32(struct buf *b, uint32_t v)
{
	put16(b, v & 0xffff);
	put16(b, v >> 16);
}

/* Version needed, flags (UTF-8 names), method stored, 1980-01-01 00:00, and what is the same in both headers. */
static void
put_common(struct buf *b, const struct member *m)
{
	put16(b, 20);
	put16(b, 0x800);
	put16(b, 0);
	put16(b, 0);
	put16(b, 0x21);
	put32(b, m->crc);
	put32(b, (uint32_t)m->data.n);
	put32(b, (uint32_t)m->data.n);
	put16(b, (unsigned)m->name.n);
	put16(b, 0);
}

static void
zip(struct member *v, size_t n, struct buf *b)
{
	for (size_t i = 0; i < n; i++) {
		v[i].at = (uint32_t)b->n;
		v[i].crc = crc32_of(v[i].data);
		put32(b, 0x04034b50);
		put_common(b, &v[i]);
		buf_put(b, v[i].name);
		buf_put(b, v[i].data);
	}
	const uint32_t directory = (uint32_t)b->n;
	for (size_t i = 0; i < n; i++) {
		put32(b, 0x02014b50);
		put16(b, 3 << 8 | 20); /* made by a Unix */
		put_common(b, &v[i]);
		put16(b, 0);
		put16(b, 0);
		put16(b, 0);
		put32(b, 0100644u << 16);
		put32(b, v[i].at);
		buf_put(b, v[i].name);
	}
	const uint32_t size = (uint32_t)b->n - directory;
	put32(b, 0x06054b50);
	put32(b, 0);
	put16(b, (unsigned)n);
	put16(b, (unsigned)n);
	put32(b, size);
	put32(b, directory);
	put16(b, 0);
}

/* ---- its files ---- */

/* One line, so that it cannot become another one. */
static bool
plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ')
			return false;
	return s.n > 0 && s.n < 1000;
}

static void
put_section(struct str name, const struct js *map, struct buf *b)
{
	if (!js_len(map) || !plain(name))
		return;
	buf_printf(b, "%s[" STR_FMT "]\n", b->n ? "\n" : "", STR_ARG(name));
	for (void *it = js_first(map); it; it = js_next(map, it))
		if (plain(js_key(it)) && plain(js_str(js_value(it))))
			buf_printf(b, STR_FMT " = " STR_FMT "\n", STR_ARG(js_key(it)), STR_ARG(js_str(js_value(it))));
}

static void
entry_points(const struct js *project, struct buf *b)
{
	const struct js *more = js_get(project, "entry-points");

	put_section(STR("console_scripts"), js_get(project, "scripts"), b);
	put_section(STR("gui_scripts"), js_get(project, "gui-scripts"), b);
	for (void *it = js_first(more); it; it = js_next(more, it))
		put_section(js_key(it), js_value(it), b);
}

static struct str
underscored(struct str name, struct arena *a)
{
	char *z = arena_z(a, name);

	for (char *p = z; *p; p++)
		if (*p == '-')
			*p = '_';
	return str_z(z);
}

static struct str
version_of(const struct js *project, struct arena *a)
{
	struct pep440 v;

	return pep440_parse(js_str(js_get(project, "version")), a, &v) ? pep440_text(&v, a) : STR("0");
}

static void
put_record(const struct member *v, size_t n, struct str info, struct buf *b)
{
	for (size_t i = 0; i < n; i++) {
		const struct digest d = digest_of(v[i].data);
		buf_printf(b, STR_FMT ",sha256=", STR_ARG(v[i].name));
		base64_put(b, (struct str){ (const char *)d.b, sizeof d.b }, true);
		buf_printf(b, ",%zu\n", v[i].data.n);
	}
	buf_printf(b, STR_FMT "/RECORD,,\n", STR_ARG(info));
}

bool
localwheel_make(const struct pyproject *t, struct arena *a, struct wheel_pin *pin, struct str *bytes)
{
	const struct js *project = js_get(t->doc, "project");
	struct member v[FILES_MAX] = { 0 };
	AUTO_BUF points = { 0 }, record = { 0 }, all = { 0 };
	size_t n = 0;

	if (!t->has_project || !t->name.n)
		return false;
	struct str version = version_of(project, a), stem = arena_printf(a, STR_FMT "-" STR_FMT, STR_ARG(underscored(t->name, a)), STR_ARG(version));
	struct str info = arena_printf(a, STR_FMT ".dist-info", STR_ARG(stem));
	v[n++] = (struct member){ .name = path_join(a, info, STR("METADATA")),
				  .data = arena_printf(a, "Metadata-Version: 2.1\nName: " STR_FMT "\nVersion: " STR_FMT "\n", STR_ARG(t->name), STR_ARG(version)) };
	v[n++] = (struct member){ .name = path_join(a, info, STR("WHEEL")),
				  .data = STR("Wheel-Version: 1.0\nGenerator: pawl\nRoot-Is-Purelib: true\nTag: py3-none-any\n") };
	entry_points(project, &points);
	if (points.n)
		v[n++] = (struct member){ .name = path_join(a, info, STR("entry_points.txt")), .data = buf_str(&points) };
	put_record(v, n, info, &record);
	v[n++] = (struct member){ .name = path_join(a, info, STR("RECORD")), .data = buf_str(&record) };
	zip(v, n, &all);
	*bytes = arena_str(a, buf_str(&all));
	*pin = (struct wheel_pin){ .name = t->name, .version = version, .file = arena_printf(a, STR_FMT "-py3-none-any.whl", STR_ARG(stem)),
				   .sha256 = digest_of(*bytes), .size = bytes->n };
	return true;
}

struct str
localwheel_script(const struct pyproject *t, struct str name)
{
	struct str target = js_str(js_get_str(js_get(js_get(t->doc, "project"), "scripts"), name));

	return str_trim(str_cut(str_cut(target, '[').head, ':').head);
}
