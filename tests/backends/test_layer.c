/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/backends/scratch.h"

#include "backends/archive.h"
#include "backends/layer.h"

/* "type mode uid path[ -> target] = content" of each entry of a blob. */
static void
list(struct scratch *s, const struct digest *d, struct buf *out)
{
	struct err e = { 0 };
	struct archive_reader *r;
	struct archive_item x;
	const struct archive_opts o = { .links = ARCHIVE_LINKS_ROOT };
	if (archive_open_blob(s->blobs, d, "layer", &o, &r, &e) < 0)
		fail_msg("%s", e.text);
	int got;
	while ((got = archive_next(r, &x, &e)) == 1) {
		buf_printf(out, "%c %o %u " STR_FMT, "fdlh"[x.type], x.mode, x.uid, STR_ARG(x.path));
		if (x.target.n > 0)
			buf_printf(out, " -> " STR_FMT, STR_ARG(x.target));
		if (x.type == ARCHIVE_FILE_ENTRY) {
			buf_puts(out, " = ");
			assert_int_equal(archive_read_all(r, 1000, out, &e), 0);
		}
		buf_putc(out, '\n');
	}
	if (got < 0)
		fail_msg("%s", e.text);
	archive_close(r);
}

static void
entries_come_out_sorted_with_their_folders(void **state)
{
	(void)state;
	struct scratch s;
	scratch_open(&s);
	for (enum layer_compression c = LAYER_GZIP; c <= LAYER_TAR; c++) {
		struct err e = { 0 };
		struct layer *l = layer_new();
		struct digest blob;
		assert_int_equal(blobs_put(s.blobs, STR("from a blob"), &blob, &e), 0);
		assert_int_equal(layer_add_bytes(l, STR("srv/b"), false, STR("old"), &e), 0);
		assert_int_equal(layer_add_bytes(l, STR("srv/b"), false, STR("new"), &e), 0);
		assert_int_equal(layer_add_bytes(l, STR("srv/a/x"), true, STR("run"), &e), 0);
		assert_int_equal(layer_add_link(l, STR("srv/a-link"), STR("../etc/passwd"), &e), 0);
		assert_int_equal(layer_add_blob(l, STR("blob"), false, &blob, 11, &e), 0);
		assert_int_equal(layer_add_bytes(l, STR("tmp/t"), false, STR(""), &e), 0);
		struct layer_info i;
		if (layer_write(l, s.blobs, c, &i, &e) < 0)
			fail_msg("%s", e.text);
		AUTO_BUF out = { 0 };
		list(&s, &i.digest, &out);
		assert_string_equal(buf_z(&out), "f 644 0 blob = from a blob\nd 755 0 srv\nd 755 0 srv/a\nl 777 0 srv/a-link -> ../etc/passwd\n"
						 "f 755 0 srv/a/x = run\nf 644 0 srv/b = new\nd 1777 0 tmp\nf 644 0 tmp/t = \n");
		uint64_t size;
		assert_true(blobs_has(s.blobs, &i.digest, &size));
		assert_int_equal(size, i.size);
		if (c == LAYER_TAR)
			assert_true(digest_eq(&i.digest, &i.diff_id));
		layer_free(l);
	}
	scratch_close(&s);
}

static void
order_of_adding_does_not_count(void **state)
{
	(void)state;
	struct scratch s;
	scratch_open(&s);
	struct layer_info info[2];
	for (int k = 0; k < 2; k++) {
		struct err e = { 0 };
		struct layer *l = layer_new();
		for (int i = 0; i < 5000; i++) {
			const int n = k ? 4999 - i : i;
			char path[400], text[700];
			(void)snprintf(path, sizeof path, "d%d/%0*d/f%d", n % 7, n % 11 == 0 ? 240 : 3, n % 13, n);
			memset(text, 'a' + n % 26, sizeof text);
			assert_int_equal(layer_add_bytes(l, str_z(path), n % 2, (struct str){ text, sizeof text }, &e), 0);
		}
		if (layer_write(l, s.blobs, LAYER_GZIP, &info[k], &e) < 0)
			fail_msg("%s", e.text);
		layer_free(l);
	}
	assert_true(digest_eq(&info[0].digest, &info[1].digest));
	assert_true(info[0].tar_size > 8u << 20 ? info[0].size < info[0].tar_size / 4 : info[0].size < info[0].tar_size);
	scratch_close(&s);
}

static void
bytes_are_what_they_always_were(void **state)
{
	(void)state;
	struct scratch s;
	scratch_open(&s);
	struct err e = { 0 };
	struct layer *l = layer_new();
	assert_int_equal(layer_add_bytes(l, STR("app/main.py"), false, STR("print('hello')\n"), &e), 0);
	struct layer_info i;
	assert_int_equal(layer_write(l, s.blobs, LAYER_TAR, &i, &e), 0);
	char hex[DIGEST_HEX + 1];
	digest_hex(&i.diff_id, hex);
	/* raise LAYER_FORMAT when this changes */
	assert_string_equal(hex, "283afab41154ecdfcf66551c051bd54b53e35e702e32a0102aa82acb7bf1ae3e");
	layer_free(l);
	scratch_close(&s);
}

static void
hostile_paths_are_refused(void **state)
{
	(void)state;
	static const char *const rows[] = { "",	       "/etc/passwd", "../x",   "a/../b", "a//b",	    "a/",
					    "./a",     "a/./b",	      "a/.wh.b", ".wh..wh..opq" };
	struct layer *l = layer_new();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err e = { 0 };
		assert_int_equal(layer_add_bytes(l, str_z(rows[i]), false, STR("x"), &e), -1);
		assert_int_equal(e.code, ERR_INPUT);
		assert_non_null(strstr(e.text, rows[i]));
	}
	layer_free(l);
}

static void
nothing_lies_below_a_file_or_a_link(void **state)
{
	(void)state;
	struct scratch s;
	scratch_open(&s);
	for (int k = 0; k < 2; k++) {
		struct err e = { 0 };
		struct layer *l = layer_new();
		if (k)
			assert_int_equal(layer_add_link(l, STR("a"), STR("/etc"), &e), 0);
		else
			assert_int_equal(layer_add_bytes(l, STR("a"), false, STR(""), &e), 0);
		assert_int_equal(layer_add_bytes(l, STR("a/b/c"), false, STR("x"), &e), 0);
		struct layer_info i;
		assert_int_equal(layer_write(l, s.blobs, LAYER_GZIP, &i, &e), -1);
		assert_non_null(strstr(e.text, "no folder"));
		layer_free(l);
	}
	scratch_close(&s);
}

static void
a_root_keeps_owners_modes_and_hard_links(void **state)
{
	(void)state;
	struct scratch s;
	scratch_open(&s);
	struct err e = { 0 };
	struct layer *l = layer_new();
	assert_int_equal(layer_spool(l, STR("suid"), &e), 0);
	const struct layer_raw rows[] = {
		{ .type = LAYER_FILE, .path = STR("bin/z"), .mode = 04755, .uid = 3, .size = 4 },
		{ .type = LAYER_HARDLINK, .path = STR("bin/m"), .target = STR("bin/z") },
		{ .type = LAYER_HARDLINK, .path = STR("bin/a"), .target = STR("bin/m") },
		{ .type = LAYER_FOLDER, .path = STR("root"), .mode = 0750 },
		{ .type = LAYER_LINK, .path = STR("lib"), .target = STR("/usr/lib"), .mode = 0777 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(layer_add_raw(l, &rows[i], &e), 0);
	struct layer_info i;
	if (layer_write(l, s.blobs, LAYER_ZSTD, &i, &e) < 0)
		fail_msg("%s", e.text);
	AUTO_BUF out = { 0 };
	list(&s, &i.digest, &out);
	assert_string_equal(buf_z(&out), "d 755 0 bin\nf 4755 3 bin/a = suid\nh 4755 3 bin/m -> bin/a\nh 4755 3 bin/z -> bin/a\n"
					 "l 777 0 lib -> /usr/lib\nd 750 0 root\n");
	layer_free(l);
	scratch_close(&s);
}

static void
a_file_that_changed_meanwhile_is_noticed(void **state)
{
	(void)state;
	struct scratch s;
	scratch_open(&s);
	static const char *const now[] = { "other", "longer than it was", "" };
	for (size_t k = 0; k < 3; k++) {
		struct err e = { 0 };
		const char *path = arena_z(&s.arena, path_join(&s.arena, str_z(s.folder), STR("f")));
		assert_int_equal(file_replace(AT_FDCWD, path, str_z(now[k]), 0644, false, &e), 0);
		const struct content c = { .digest = digest_of(STR("first")), .size = 5 };
		struct layer *l = layer_new();
		assert_int_equal(layer_add_file(l, STR("f"), false, AT_FDCWD, path, &c, &e), 0);
		struct layer_info i;
		assert_int_equal(layer_write(l, s.blobs, LAYER_GZIP, &i, &e), -1);
		assert_int_equal(e.code, ERR_BUSY);
		layer_free(l);
	}
	scratch_close(&s);
}

static void
layers_join_without_being_compressed_again(void **state)
{
	(void)state;
	struct scratch s;
	scratch_open(&s);
	for (enum layer_compression c = LAYER_GZIP; c <= LAYER_TAR; c++) {
		struct err e = { 0 };
		struct digest parts[3];
		struct layer_info i;
		for (size_t k = 0; k < 3; k++) {
			struct layer *l = layer_new();
			const struct str path = arena_printf(&s.arena, "lib/%zu", k);
			layer_part(l);
			assert_int_equal(layer_add_bytes(l, path, false, STR("text"), &e), 0);
			assert_int_equal(layer_add_bytes(l, STR("lib/same"), false, path, &e), 0);
			assert_int_equal(layer_write(l, s.blobs, c, &i, &e), 0);
			parts[k] = i.digest;
			layer_free(l);
		}
		if (layer_join(s.blobs, c, parts, 3, &i, &e) < 0)
			fail_msg("%s", e.text);
		AUTO_BUF out = { 0 };
		list(&s, &i.digest, &out);
		assert_string_equal(buf_z(&out), "d 755 0 lib\nf 644 0 lib/0 = text\nf 644 0 lib/same = lib/0\nd 755 0 lib\nf 644 0 lib/1 = text\n"
						 "f 644 0 lib/same = lib/1\nd 755 0 lib\nf 644 0 lib/2 = text\nf 644 0 lib/same = lib/2\n");
		assert_true(c != LAYER_TAR || digest_eq(&i.diff_id, &i.digest));
		/* one whose end is not apart cannot be joined */
		struct layer *l = layer_new();
		assert_int_equal(layer_add_bytes(l, STR("x"), false, STR("x"), &e), 0);
		assert_int_equal(layer_write(l, s.blobs, c, &i, &e), 0);
		layer_free(l);
		assert_int_equal(layer_join(s.blobs, c, &i.digest, 1, &i, &e), c == LAYER_TAR ? 0 : -1);
	}
	scratch_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_join_without_being_compressed_again),
		cmocka_unit_test(entries_come_out_sorted_with_their_folders),
		cmocka_unit_test(order_of_adding_does_not_count),
		cmocka_unit_test(bytes_are_what_they_always_were),
		cmocka_unit_test(hostile_paths_are_refused),
		cmocka_unit_test(nothing_lies_below_a_file_or_a_link),
		cmocka_unit_test(a_root_keeps_owners_modes_and_hard_links),
		cmocka_unit_test(a_file_that_changed_meanwhile_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
