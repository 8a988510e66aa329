/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/backends/scratch.h"

#include "backends/archive.h"
#include "backends/wheel.h"

#define META "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
#define WHEEL_META { "x-1.dist-info/WHEEL", META }

static const struct wheel_scheme SCHEME = {
	.purelib = STR_INIT("usr/lib/python3/pure"), .platlib = STR_INIT("usr/lib/python3/plat"), .scripts = STR_INIT("usr/bin"),
	.data = STR_INIT("usr"),		     .headers = STR_INIT("usr/include"),	  .python = STR_INIT("/usr/bin/python3"),
	.tag = STR_INIT("test"),
};

static int
install(struct scratch *s, const struct member *m, size_t n, const struct wheel_scheme *scheme, struct layer_info *out, struct err *e)
{
	AUTO_BUF wheel = { 0 };
	wheel_bytes(m, n, &wheel);
	struct digest d;
	assert_int_equal(blobs_put(s->blobs, buf_str(&wheel), &d, e), 0);
	struct layer *l = layer_new();
	int bad = wheel_add_named(s->blobs, &d, STR("x-1-py3-none-any.whl"), scheme, l, e);
	if (bad == 0)
		bad = layer_write(l, s->blobs, LAYER_GZIP, out, e);
	layer_free(l);
	return bad;
}

/* The content of one file of a layer, its mode in front; empty: it is not there. */
static void
content(struct scratch *s, const struct layer_info *i, const char *path, struct buf *out)
{
	struct err e = { 0 };
	struct archive_reader *r;
	struct archive_item x;
	buf_reset(out);
	assert_int_equal(archive_open_blob(s->blobs, &i->digest, "layer", NULL, &r, &e), 0);
	while (archive_next(r, &x, &e) == 1) {
		if (!str_is(x.path, path))
			continue;
		buf_printf(out, "%o ", x.mode);
		assert_int_equal(archive_read_all(r, 100000, out, &e), 0);
	}
	archive_close(r);
}

static void
every_part_goes_to_its_place(void **state)
{
	(void)state;
	const struct member m[] = {
		WHEEL_META,
		{ "x/__init__.py", "pass\n" },
		{ "x/tool.sh", "#!/bin/sh\n", NULL, 0755 },
		{ "x-1.data/scripts/go", "#!python -E\nprint(1)\n" },
		{ "x-1.data/scripts/binary", "\177ELF" },
		{ "x-1.data/data/share/x.txt", "d" },
		{ "x-1.data/headers/x.h", "h" },
		{ "x-1.data/platlib/x_native.so", "so" },
		{ "x-1.dist-info/entry_points.txt", "# c\n[console_scripts]\nxx = x.cli:main.run [extra]\n[other]\nno = x\n" },
	};
	struct scratch s;
	scratch_open(&s);
	struct err e = { 0 };
	struct layer_info i;
	if (install(&s, m, sizeof m / sizeof m[0], &SCHEME, &i, &e) < 0)
		fail_msg("%s", e.text);
	static const struct {
		const char *path, *content;
	} rows[] = {
		{ "usr/lib/python3/pure/x/__init__.py", "644 pass\n" },
		{ "usr/lib/python3/pure/x/tool.sh", "755 #!/bin/sh\n" },
		{ "usr/bin/go", "755 #!/usr/bin/python3 -E\nprint(1)\n" },
		{ "usr/bin/binary", "755 \177ELF" },
		{ "usr/share/x.txt", "644 d" },
		{ "usr/include/x/x.h", "644 h" },
		{ "usr/lib/python3/plat/x_native.so", "644 so" },
		{ "usr/bin/xx", "755 #!/usr/bin/python3\nimport sys\n\nfrom x.cli import main\n\nif __name__ == \"__main__\":\n"
				"    sys.exit(main.run())\n" },
		{ "usr/lib/python3/pure/x-1.dist-info/INSTALLER", "644 pawl\n" },
		{ "usr/bin/no", "" },
	};
	AUTO_BUF out = { 0 };
	for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
		content(&s, &i, rows[k].path, &out);
		assert_string_equal(buf_z(&out), rows[k].content);
	}
	content(&s, &i, "usr/lib/python3/pure/x-1.dist-info/RECORD", &out);
	assert_non_null(strstr(buf_z(&out), "\n../../../bin/xx,sha256="));
	assert_non_null(strstr(buf_z(&out), "x/__init__.py,sha256=n1bnYdeb_bNDBKASWGywTRa0Ne9hMAkal3AuVZJgovI,5\n"));
	assert_non_null(strstr(buf_z(&out), "x-1.dist-info/RECORD,,\n"));
	scratch_close(&s);
}

static void
an_interpreter_with_a_blank_goes_through_sh(void **state)
{
	(void)state;
	const struct member m[] = { WHEEL_META, { "x-1.data/scripts/go", "#!python\nprint(1)\n" } };
	struct wheel_scheme scheme = SCHEME;
	scheme.python = STR("/my venv/bin/python");
	struct scratch s;
	scratch_open(&s);
	struct err e = { 0 };
	struct layer_info i;
	assert_int_equal(install(&s, m, 2, &scheme, &i, &e), 0);
	AUTO_BUF out = { 0 };
	content(&s, &i, "usr/bin/go", &out);
	assert_string_equal(buf_z(&out), "755 #!/bin/sh\n'''exec' \"/my venv/bin/python\" \"$0\" \"$@\"\n' '''\nprint(1)\n");
	scratch_close(&s);
}

static void
hostile_wheels_are_refused_by_name(void **state)
{
	(void)state;
	static const struct {
		struct member m[4];
		const char *expect;
	} rows[] = {
		{ { { "x.py", "" } }, "is no wheel" },
		{ { { "x-1.dist-info/WHEEL", "Wheel-Version: 2.0\n" } }, "wheel version '2.0'" },
		{ { WHEEL_META, { "y-1.dist-info/WHEEL", META } }, "two .dist-info folders" },
		{ { WHEEL_META, { "../evil.py", "x" } }, "'../evil.py' has a path that leads out" },
		{ { WHEEL_META, { "/evil.py", "x" } }, "'/evil.py' has an absolute path" },
		{ { WHEEL_META, { "a/../../evil.py", "x" } }, "leads out" },
		{ { WHEEL_META, { "link", "/etc/passwd", NULL, 0120777 } }, "'link' is a link" },
		{ { WHEEL_META, { "a.py", "1" }, { "a.py", "2" } }, "'a.py' is there twice" },
		{ { WHEEL_META, { "a.py", "1" }, { "A.py", "2" } }, "differ in letter case only" },
		{ { WHEEL_META, { "a.py", "1", .hash = "-" } }, "RECORD does not list 'a.py'" },
		{ { WHEEL_META, { "a.py", "1", .hash = "sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } }, "'a.py' is not what RECORD says" },
		{ { WHEEL_META, { "a.py", "1", .hash = "" } }, "no sha256 for 'a.py'" },
		{ { WHEEL_META, { "a.py", "1", .hash = "md5=AAAA" } }, "no sha256 for 'a.py'" },
		{ { WHEEL_META, { "x-1.data/etc/passwd", "1" } }, "only purelib" },
		{ { WHEEL_META, { "x-1.data/purelib/a.py", "1" }, { "a.py", "1" } }, "installed as" },
		{ { WHEEL_META, { "x-1.dist-info/entry_points.txt", "[console_scripts]\n../evil = x:y\n" } }, "'../evil = x:y' is no script" },
		{ { WHEEL_META, { "x-1.dist-info/entry_points.txt", "[console_scripts]\ne = os;system('x'):y\n" } }, "is no script" },
		{ { WHEEL_META, { "x-1.dist-info/entry_points.txt", "[console_scripts]\ne = x\n" } }, "is no script" },
		{ { WHEEL_META, { "a/.wh.passwd", "" } }, ".wh." },
	};
	struct scratch s;
	scratch_open(&s);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err e = { 0 };
		struct layer_info info;
		const int got = install(&s, rows[i].m, 4, &SCHEME, &info, &e);
		if (got == 0 || !strstr(e.text, rows[i].expect))
			fail_msg("row %zu: %d '%s', expected '%s'", i, got, e.text, rows[i].expect);
		assert_int_equal(e.code, ERR_INPUT);
	}
	scratch_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_goes_to_its_place),
		cmocka_unit_test(an_interpreter_with_a_blank_goes_through_sh),
		cmocka_unit_test(hostile_wheels_are_refused_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
