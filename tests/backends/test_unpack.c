/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/backends/scratch.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include "backends/sandbox.h"

struct world {
	struct scratch s;
	struct cache *cache;
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct err e;
	scratch_open(&w->s);
	if (cache_open(path_join(&w->s.arena, str_z(w->s.folder), STR("cache")), &w->cache, &e) < 0)
		fail_msg("%s", e.text);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	cache_close(w->cache);
	scratch_close(&w->s);
	free(w);
	return 0;
}

/* Unpacks a layer of these members; NULL: refused, e says why. */
static const char *
unpack(struct world *w, const struct member *m, size_t n, struct err *e)
{
	AUTO_BUF tar = { 0 };
	struct digest d;
	struct str folder;
	tar_bytes(m, n, &tar);
	if (blobs_put(w->cache->blobs, buf_str(&tar), &d, e) < 0)
		fail_msg("%s", e->text);
	return sandbox_unpack(w->cache, &d, &w->s.arena, &folder, e) < 0 ? NULL : arena_z(&w->s.arena, folder);
}

static void
stat_in(struct world *w, const char *folder, const char *path, struct stat *st)
{
	if (lstat(arena_z(&w->s.arena, path_join(&w->s.arena, str_z(folder), str_z(path))), st) < 0)
		fail_msg("'%s' is not there", path);
}

static void
files_modes_and_links_are_as_the_layer_says(void **state)
{
	static const struct member m[] = { { "usr/", NULL, NULL, 0755 },
					   { "usr/bin/tool", "x", NULL, 0755 },
					   { "usr/bin/su", "x", NULL, 04755 },
					   { "etc/secret", "x", NULL, 0600 },
					   { "bin", NULL, "usr/bin" },
					   { "usr/bin/same", NULL, "usr/bin/tool", 0, '1' } };
	struct world *w = *state;
	struct err e;
	struct stat st, other;
	const char *folder = unpack(w, m, sizeof m / sizeof *m, &e);
	if (!folder)
		fail_msg("%s", e.text);
	stat_in(w, folder, "usr/bin/tool", &st);
	assert_int_equal(st.st_mode & 07777, 0755);
	stat_in(w, folder, "usr/bin/same", &other);
	assert_int_equal(st.st_ino, other.st_ino);
	stat_in(w, folder, "usr/bin/su", &st);
	assert_int_equal(st.st_mode & 07777, geteuid() == 0 ? 04755 : 0755);
	stat_in(w, folder, "etc/secret", &st);
	assert_int_equal(st.st_mode & 07777, 0600);
	stat_in(w, folder, "bin", &st);
	assert_true(S_ISLNK(st.st_mode));
}

static void
whiteouts_become_overlays_own(void **state)
{
	static const struct member m[] = { { "etc/.wh.gone", "" }, { "opt/.wh..wh..opq", "" }, { "opt/new", "x" } };
	struct world *w = *state;
	struct err e;
	struct stat st;
	char value[4];
	const char *folder = unpack(w, m, sizeof m / sizeof *m, &e);
	if (!folder)
		fail_msg("%s", e.text);
	stat_in(w, folder, "etc/gone", &st);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(st.st_rdev, 0);
	const char *opt = arena_z(&w->s.arena, path_join(&w->s.arena, str_z(folder), STR("opt")));
	const char *name = geteuid() == 0 ? "trusted.overlay.opaque" : "user.overlay.opaque";
	assert_int_equal(getxattr(opt, name, value, sizeof value), 1);
	assert_int_equal(value[0], 'y');
}

static void
hostile_layers_are_refused_and_leave_nothing(void **state)
{
	static const struct {
		struct member m[3];
		const char *expect;
	} rows[] = {
		{ { { "../up", "x" } }, "leads out" },
		{ { { "/abs", "x" } }, "absolute" },
		{ { { "l", NULL, "/tmp" }, { "l/x", "y" } }, "through a link" },
		{ { { "a/.wh...", "" } }, "whiteout" },
		{ { { "d/", NULL, NULL, 0755 }, { "h", NULL, "missing", 0, '1' } }, "hard link" },
	};
	struct world *w = *state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e;
		struct file_entry *left;
		size_t n;
		if (unpack(w, rows[i].m, 3, &e))
			fail_msg("row %zu was unpacked", i);
		if (!strstr(e.text, rows[i].expect))
			fail_msg("row %zu: '%s' lacks '%s'", i, e.text, rows[i].expect);
		const char *roots = arena_z(&w->s.arena, path_join(&w->s.arena, w->cache->folder, STR("roots")));
		assert_int_equal(file_list(AT_FDCWD, roots, &w->s.arena, &left, &n, &e), 0);
		assert_int_equal(n, 0);
	}
}

static void
a_second_time_is_the_same_folder(void **state)
{
	static const struct member m[] = { { "x", "x" } };
	struct world *w = *state;
	struct err e;
	const char *one = unpack(w, m, 1, &e), *two = unpack(w, m, 1, &e);
	assert_non_null(one);
	assert_string_equal(one, two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_modes_and_links_are_as_the_layer_says, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whiteouts_become_overlays_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hostile_layers_are_refused_and_leave_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_second_time_is_the_same_folder, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
