/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/pyroot.h"

#include <string.h>

#include "backends/archive.h"

#define LIBC_LIMIT ((size_t)32 << 20)

struct scan {
	struct arena *arena;
	struct str local, system; /* minor versions behind /usr/local/bin/python3 and /usr/bin/python3 */
	struct str glibc;
	bool debian;
};

/* "3.11" of "python3.11"; empty for anything else. */
static struct str
version_of(struct str name)
{
	if (!str_starts(name, STR("python3.")))
		return (struct str){ 0 };
	uint64_t minor;
	if (!str_u64(str_drop(name, strlen("python3.")), &minor) || minor > 999)
		return (struct str){ 0 };
	return str_drop(name, strlen("python"));
}

/* python3 is a link to python3.N in every distribution; a python3.N alone is second best. */
static void
see_python(struct scan *s, const struct archive_item *x, struct str *version)
{
	const struct str name = path_base(x->path);
	const bool link = str_is(name, "python3") && x->type == ARCHIVE_LINK_ENTRY;
	const struct str v = version_of(link ? path_base(x->target) : name);
	if (v.n > 0 && (link || version->n == 0))
		*version = arena_str(s->arena, v);
}

static int
see_libc(struct scan *s, struct archive_reader *r, const struct archive_item *x, struct err *e)
{
	if (x->type == ARCHIVE_LINK_ENTRY) { /* to libc-2.31.so */
		const struct str t = path_base(x->target);
		if (str_starts(t, STR("libc-")) && str_ends(t, STR(".so")))
			s->glibc = arena_str(s->arena, str_take(str_drop(t, 5), t.n - 8));
		return 0;
	}
	AUTO_BUF lib = { 0 };
	const struct str mark = STR("stable release version ");
	if (x->type != ARCHIVE_FILE_ENTRY || x->size > LIBC_LIMIT)
		return 0;
	if (archive_read_all(r, LIBC_LIMIT, &lib, e) < 0)
		return -1;
	const size_t at = str_find(buf_str(&lib), mark);
	if (at == SIZE_MAX)
		return 0;
	const struct str rest = str_drop(buf_str(&lib), at + mark.n);
	size_t n = 0;
	while (n < rest.n && n < 12 &&
	       ((rest.p[n] >= '0' && rest.p[n] <= '9') ||
		(rest.p[n] == '.' && n + 1 < rest.n && rest.p[n + 1] >= '0' && rest.p[n + 1] <= '9')))
		n++;
	s->glibc = arena_str(s->arena, str_take(rest, n));
	return 0;
}

static int
see(void *ctx, struct archive_reader *r, const struct archive_item *x, struct err *e)
{
	struct scan *s = ctx;
	const struct str dir = path_dir(x->path);
	if (str_is(dir, "usr/local/bin"))
		see_python(s, x, &s->local);
	else if (str_is(dir, "usr/bin") || str_is(dir, "bin"))
		see_python(s, x, &s->system);
	if (str_is(x->path, "etc/debian_version") || str_is(x->path, "usr/lib/python3/dist-packages"))
		s->debian = true;
	if (str_starts(path_base(x->path), STR("ld-musl-")))
		s->glibc = STR("musl");
	if (str_is(path_base(x->path), "libc.so.6") && (path_inside(x->path, STR("lib")) || path_inside(x->path, STR("usr/lib")) ||
							path_inside(x->path, STR("lib64")) || path_inside(x->path, STR("usr/lib64"))))
		return see_libc(s, r, x, e);
	return 0;
}

static int
scan_layer(struct scan *s, struct blobs *b, const struct digest *d, struct err *e)
{
	return archive_scan(b, d, "a layer of the parent", see, s, e);
}

int
pyroot_of_layers(struct blobs *b, const struct oci_layer *layers, size_t n, struct arena *a, struct pyroot *out, struct err *e)
{
	struct scan s = { .arena = a };
	for (size_t i = 0; i < n; i++) {
		if (scan_layer(&s, b, &layers[i].digest, e) < 0)
			return -1;
	}
	struct pyroot p = { .glibc = s.glibc };
	if (s.local.n > 0) {
		p.version = s.local;
		p.interpreter = STR("/usr/local/bin/python3");
		p.scheme = STR("local");
	} else if (s.system.n > 0) {
		p.version = s.system;
		p.interpreter = STR("/usr/bin/python3");
		p.scheme = s.debian ? STR("debian") : STR("local");
	}
	*out = p;
	return 0;
}

/* Alpine has another C library; its images say where they come from. */
static bool
is_alpine(const struct js *config)
{
	const struct js *history = js_get(config, "history");
	for (size_t i = 0; i < js_len(history); i++) {
		const struct str by = js_str(js_get(js_at(history, i), "created_by"));
		if (str_find(by, STR("alpine")) != SIZE_MAX || str_find(by, STR("apk add")) != SIZE_MAX)
			return true;
	}
	return false;
}

bool
pyroot_of_config(const struct js *config, struct arena *a, struct pyroot *out)
{
	const struct js *env = js_get(js_get(config, "config"), "Env");
	for (size_t i = 0; i < js_len(env); i++) {
		const struct str_cut c = str_cut(js_str(js_at(env, i)), '=');
		if (!str_is(c.head, "PYTHON_VERSION"))
			continue;
		const struct str_cut major = str_cut(c.tail, '.'), minor = str_cut(major.tail, '.');
		uint64_t n;
		if (!str_is(major.head, "3") || !str_u64(minor.head, &n) || n > 999)
			continue;
		*out = (struct pyroot){ .version = arena_printf(a, "3.%u", (unsigned)n), .interpreter = STR("/usr/local/bin/python3"), .scheme = STR("local") };
		if (is_alpine(config))
			out->glibc = STR("musl");
		return true;
	}
	return false;
}

struct wheel_scheme
pyroot_scheme(const struct pyroot *p, struct arena *a)
{
	const char *packages = str_is(p->scheme, "debian") ? "dist-packages" : "site-packages";
	const struct str lib = arena_printf(a, "usr/local/lib/python" STR_FMT "/%s", STR_ARG(p->version), packages);
	return (struct wheel_scheme){ .purelib = lib, .platlib = lib, .scripts = STR("usr/local/bin"), .data = STR("usr/local"),
				      .headers = arena_printf(a, "usr/local/include/python" STR_FMT, STR_ARG(p->version)),
				      .python = p->interpreter,
				      .tag = arena_printf(a, STR_FMT "-" STR_FMT, STR_ARG(p->scheme), STR_ARG(p->version)) };
}
