/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/backends/scratch.h"

#include "backends/archive.h"

static int
walk(struct str bytes, const struct archive_opts *o, size_t *files, struct err *e)
{
	struct archive_reader *r;
	struct archive_item x;
	char room[4096];
	size_t n;
	int got;
	*files = 0;
	if (archive_open_bytes(bytes, "test archive", o, &r, e) < 0)
		return -1;
	while ((got = archive_next(r, &x, e)) == 1) {
		*files += x.type == ARCHIVE_FILE_ENTRY;
		do
			got = archive_read(r, room, sizeof room, &n, e);
		while (got == 0 && n > 0);
		if (got < 0)
			break;
	}
	archive_close(r);
	return got;
}

static void
hostile_tars_are_refused_by_name(void **state)
{
	(void)state;
	static const struct {
		struct member m[3];
		enum archive_links links;
		const char *expect; /* NULL: fine */
	} rows[] = {
		{ { { "/etc/passwd", "x" } }, ARCHIVE_LINKS_ROOT, "'/etc/passwd' has an absolute path" },
		{ { { "../up", "x" } }, ARCHIVE_LINKS_ROOT, "'../up' has a path that leads out" },
		{ { { "a/../../up", "x" } }, ARCHIVE_LINKS_ROOT, "leads out" },
		{ { { "./a/./b", "x" } }, ARCHIVE_LINKS_ROOT, NULL },
		{ { { "l", NULL, "/usr" } }, ARCHIVE_LINKS_ROOT, NULL },
		{ { { "l", NULL, "/../usr" } }, ARCHIVE_LINKS_ROOT, "leads out of the root" },
		{ { { "l", NULL, "/usr" } }, ARCHIVE_LINKS_INSIDE, "absolute target" },
		{ { { "a/l", NULL, "../x" } }, ARCHIVE_LINKS_INSIDE, NULL },
		{ { { "a/l", NULL, "../../x" } }, ARCHIVE_LINKS_ROOT, "leads out of the root" },
		{ { { "a/l", NULL, "b/../../../x" } }, ARCHIVE_LINKS_ROOT, "leads out of the root" },
		{ { { "l", NULL, "x" } }, ARCHIVE_LINKS_REFUSED, "is a link" },
		{ { { "l", NULL, "x", 0, '1' } }, ARCHIVE_LINKS_REFUSED, "is a hard link" },
		{ { { "l", NULL, "../x", 0, '1' } }, ARCHIVE_LINKS_ROOT, "hard link that leads out" },
		{ { { "l", NULL, "/etc/shadow", 0, '1' } }, ARCHIVE_LINKS_ROOT, "hard link that leads out" },
		{ { { "l", NULL, "d" }, { "l/x", "y" } }, ARCHIVE_LINKS_ROOT, "'l/x' goes through a link" },
		{ { { "l", NULL, "d" }, { "h", NULL, "l/x", 0, '1' } }, ARCHIVE_LINKS_ROOT, "through a link" },
		{ { { "dev", NULL, NULL, 0, '3' } }, ARCHIVE_LINKS_ROOT, "'dev' is a device" },
		{ { { "dev", NULL, NULL, 0, '4' } }, ARCHIVE_LINKS_ROOT, "device" },
		{ { { "pipe", NULL, NULL, 0, '6' } }, ARCHIVE_LINKS_ROOT, "fifo" },
		{ { { "l", "x" }, { "l/x", "y" } }, ARCHIVE_LINKS_ROOT, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO_BUF tar = { 0 };
		struct err e = { 0 };
		size_t files;
		tar_bytes(rows[i].m, 3, &tar);
		const int got = walk(buf_str(&tar), &(struct archive_opts){ .links = rows[i].links }, &files, &e);
		if ((got < 0) != (rows[i].expect != NULL) || (rows[i].expect && !strstr(e.text, rows[i].expect)))
			fail_msg("row %zu: %d %s", i, got, e.text);
		assert_true(got == 0 || e.code == ERR_INPUT);
	}
}

static void
limits_hold(void **state)
{
	(void)state;
	const struct member m[] = { { "a", "0123456789" }, { "b", "0123456789" } };
	static const struct {
		struct archive_opts o;
		const char *expect;
	} rows[] = {
		{ { .total = 20 }, NULL },
		{ { .total = 19 }, "'b' is too large" },
		{ { .entries = 1 }, "more than 1 entries" },
		{ { .entries = 2 }, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO_BUF tar = { 0 };
		struct err e = { 0 };
		size_t files;
		tar_bytes(m, 2, &tar);
		const int got = walk(buf_str(&tar), &rows[i].o, &files, &e);
		if ((got < 0) != (rows[i].expect != NULL) || (rows[i].expect && !strstr(e.text, rows[i].expect)))
			fail_msg("row %zu: %d %s", i, got, e.text);
	}
}

static void
a_bomb_stops_early(void **state)
{
	(void)state;
	/* 600 MB of zeros in well below a megabyte, twice compressed by the same trick that bombs use: a gzip member repeated */
	AUTO_BUF tar = { 0 }, gz = { 0 };
	const size_t size = (size_t)96 << 20;
	tar_header(&(struct tar_entry){ .type = TAR_FILE, .path = STR("bomb"), .size = size, .mode = 0644 }, &tar);
	char *zeros = calloc(1, size + 1024);
	assert_non_null(zeros);
	buf_put(&tar, (struct str){ zeros, size + 1024 });
	free(zeros);
	uLong n = compressBound((uLong)tar.n) + 64;
	buf_reserve(&gz, n);
	z_stream z = { .next_in = (unsigned char *)tar.p, .avail_in = (unsigned)tar.n, .next_out = (unsigned char *)gz.p, .avail_out = (unsigned)n };
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	gz.n = z.total_out;
	(void)deflateEnd(&z);
	struct err e = { 0 };
	size_t files;
	assert_int_equal(walk(buf_str(&gz), &(struct archive_opts){ .ratio = 200 }, &files, &e), -1);
	assert_non_null(strstr(e.text, "'bomb' unpacks to more than 200 times"));
}

static void
damage_is_an_error_at_every_byte(void **state)
{
	(void)state;
	const struct member m[] = { { "a/b", "hello" }, { "a/c", NULL, "b" } };
	AUTO_BUF tar = { 0 }, zip = { 0 };
	tar_bytes(m, 2, &tar);
	wheel_bytes(m, 1, &zip);
	for (size_t i = 0; i < zip.n; i++) {
		struct err e = { 0 };
		size_t files;
		(void)walk(str_take(buf_str(&zip), i), &(struct archive_opts){ .zip = true }, &files, &e); /* no crash */
		zip.p[i] = (char)(zip.p[i] ^ 0x41);
		(void)walk(buf_str(&zip), &(struct archive_opts){ .zip = true }, &files, &e);
		zip.p[i] = (char)(zip.p[i] ^ 0x41);
	}
	for (size_t i = 0; i < tar.n; i += 7) {
		struct err e = { 0 };
		size_t files;
		(void)walk(str_take(buf_str(&tar), i), NULL, &files, &e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_tars_are_refused_by_name),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(a_bomb_stops_early),
		cmocka_unit_test(damage_is_an_error_at_every_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
