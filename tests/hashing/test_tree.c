/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scratch.h"

#include "hashing/tree.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void
a_folder_becomes_its_manifest(void **state)
{
	struct scratch *s = *state;
	struct err e;
	scratch_write(s, "t/b", "abc");
	scratch_write(s, "t/a/x", "");
	scratch_write(s, "t/a.txt", "abc");
	scratch_write(s, "t/new\nline\\", "");
	assert_ok(file_mkdirs(s->fd, "t/empty/deep", &e), &e);
	assert_int_equal(fchmodat(s->fd, "t/b", 0755, 0), 0);
	assert_int_equal(symlinkat("../a b\n", s->fd, "t/link to"), 0);
	struct tree t;
	assert_ok(tree_scan(s->fd, "t", NULL, &s->arena, &t, &e), &e);
	AUTO_BUF b = { 0 };
	tree_write(&t, &b);
	assert_str(buf_str(&b), "d a\n"
				"f " ABC " 3 a.txt\n"
				"f " EMPTY " 0 a/x\n"
				"x " ABC " 3 b\n"
				"d empty\n"
				"d empty/deep\n"
				"l 8 ../a b\\n link to\n"
				"f " EMPTY " 0 new\\nline\\\\\n");
	struct tree back;
	AUTO_BUF again = { 0 };
	assert_ok(tree_parse(buf_str(&b), &s->arena, &back, &e), &e);
	tree_write(&back, &again);
	assert_str(buf_str(&again), buf_z(&b));
	assert_str(back.v[6].target, "../a b\n");
	assert_str(back.v[7].path, "new\nline\\");
	assert_int_equal(back.v[3].type, TREE_EXEC);
}

static void
empty_and_missing_folders(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	struct tree t;
	AUTO_BUF b = { 0 };
	assert_ok(tree_scan(s->fd, ".", NULL, &s->arena, &t, &e), &e);
	tree_write(&t, &b);
	assert_str(buf_str(&b), "");
	assert_ok(tree_parse(STR(""), &s->arena, &t, &e), &e);
	assert_int_equal(t.n, 0);
	assert_fails(tree_scan(s->fd, "no", NULL, &s->arena, &t, &e), &e, ERR_MISSING);
	assert_int_equal(mkfifoat(s->fd, "pipe", 0600), 0);
	assert_fails(tree_scan(s->fd, ".", NULL, &s->arena, &t, &e), &e, ERR_INPUT);
	assert_string_equal(e.text, "read folder '.': 'pipe' is neither a file, a folder nor a link");
}

static int
counting_reader(void *ctx, int at, const char *path, const struct file_stat *st, struct content *out, struct err *e)
{
	(void)at;
	__atomic_fetch_add((size_t *)ctx, 1, __ATOMIC_RELAXED);
	if (str_ends(str_z(path), STR("-77")) || str_ends(str_z(path), STR("-99")))
		return err_set(e, ERR_WORLD, "no '%s'", path);
	*out = (struct content){ .digest = digest_of(str_z(path)), .size = st->size };
	return 0;
}

static void
the_reader_is_asked_once_per_file(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	struct tree t;
	for (int i = 0; i < 60; i++)
		scratch_write(s, arena_printf(&s->arena, "t/%02d/f-%d", i % 7, i).p, "x");
	size_t count = 0;
	const struct tree_reader reader = { counting_reader, &count };
	assert_ok(tree_scan(s->fd, "t", &reader, &s->arena, &t, &e), &e);
	assert_int_equal(count, 60);
	assert_int_equal(t.n, 67);
	scratch_write(s, "t/03/f-77", "x");
	scratch_write(s, "t/03/f-99", "x");
	for (int i = 0; i < 20; i++) {
		t.n = 4711;
		assert_fails(tree_scan(s->fd, "t", &reader, &s->arena, &t, &e), &e, ERR_WORLD);
		assert_string_equal(e.text, "read folder 't': no 't/03/f-77'");
		assert_int_equal(t.n, 4711);
	}
}

static void
hostile_manifests_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"f " ABC " 3 a",                         /* no end of line */
		"\n",
		"f\n",
		"d \n",
		"d /etc\n",
		"d ..\n",
		"d .\n",
		"d a\nd a/..\n",
		"d a\nd a/../b\n",
		"d a\nd a//b\n",
		"d a/\n",
		"d ./a\n",
		"d b\nd a\n",                            /* not sorted */
		"d a\nd a\n",                            /* twice */
		"f " ABC " 3 a/b\n",                     /* in no folder */
		"f " ABC " 3 a\nf " ABC " 3 a/b\n",      /* below a file */
		"l 4 /etc a\nf " ABC " 3 a/passwd\n",    /* through a link */
		"f " ABC " 03 a\n",
		"f " ABC " -3 a\n",
		"f " ABC " 3\n",
		"f " ABC "\n",
		"f sha256:" ABC " 3 a\n",
		"f BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 a\n",
		"f " ABC " 99999999999999999999 a\n",
		"g " ABC " 3 a\n",
		"dd a\n",
		"d a\\x\n",
		"d a\\\n",
		"l 9999 t a\n",
		"l 18446744073709551615 t a\n",
		"l 0  a\n",
		"l 1 tt a\n",
		"l 1 t\n",
		"l x t a\n",
	};
	struct arena a = { 0 };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err e = { 0 };
		struct tree t = { .n = 4711 };
		ROW(i, bad[i]);
		assert_fails(tree_parse(str_z(bad[i]), &a, &t, &e), &e, ERR_DAMAGED);
		assert_int_equal(t.n, 4711);
	}
	struct err e = { 0 };
	struct tree t;
	assert_fails(tree_parse((struct str){ "d a\0b\n", 6 }, &a, &t, &e), &e, ERR_DAMAGED);
	char name[400];
	snprintf(name, sizeof name, "d %0300d\n", 0);
	assert_fails(tree_parse(str_z(name), &a, &t, &e), &e, ERR_DAMAGED);
	assert_ok(tree_parse(STR("d ...\nd ..a\nl 2 .. b\n"), &a, &t, &e), &e);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_folder_becomes_its_manifest),
		SCRATCH_TEST(empty_and_missing_folders),
		SCRATCH_TEST(the_reader_is_asked_once_per_file),
		cmocka_unit_test(hostile_manifests_are_refused),
	};
	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
