/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scratch.h"

#include <errno.h>

#include "sys/clock.h"

static void
replaces_and_reads(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	AUTO_BUF b = { 0 };
	assert_ok(file_replace(s->fd, "f", STR("one"), 0644, true, &e), &e);
	assert_ok(file_replace(s->fd, "f", STR("two"), 0600, false, &e), &e);
	buf_puts(&b, "<");
	assert_ok(file_read(s->fd, "f", 3, &b, &e), &e);
	assert_str(buf_str(&b), "<two");
	assert_fails(file_read(s->fd, "f", 2, &b, &e), &e, ERR_INPUT);
	assert_string_equal(e.text, "read 'f': it is larger than the limit of 2 bytes");
	assert_str(buf_str(&b), "<two");
	assert_fails(file_read(s->fd, "no", 9, &b, &e), &e, ERR_MISSING);
	assert_string_equal(e.text, "open 'no': No such file or directory");
	assert_fails(file_read(s->fd, ".", 9, &b, &e), &e, ERR_WORLD);
	assert_fails(file_replace(s->fd, "no/f", STR("x"), 0644, false, &e), &e, ERR_MISSING);
	assert_ok(file_mkdirs(s->fd, "dir", &e), &e);
	assert_int_equal(file_replace(s->fd, "dir", STR("x"), 0644, false, &e), -1);
	struct file_entry *v;
	size_t n;
	assert_ok(file_list(s->fd, ".", &s->arena, &v, &n, &e), &e);
	assert_int_equal(n, 2); /* no temporary file is left */
	assert_str(v[0].name, "dir");
	assert_int_equal(v[0].type, FILE_FOLDER);
	assert_str(v[1].name, "f");
	assert_int_equal(v[1].type, FILE_REGULAR);
}

static void
reads_files_of_every_size(void **state)
{
	struct scratch *s = *state;
	struct err e;
	for (size_t size = 0; size < 300000; size = size * 3 + 1) {
		AUTO_BUF in = { 0 };
		AUTO_BUF out = { 0 };
		while (in.n < size)
			buf_putc(&in, (char)(in.n * 31));
		assert_ok(file_replace(s->fd, "f", buf_str(&in), 0644, false, &e), &e);
		assert_ok(file_read(s->fd, "f", size, &out, &e), &e);
		assert_true(str_eq(buf_str(&in), buf_str(&out)));
		assert_int_equal(buf_z(&out)[out.n], 0);
		assert_ok(file_read(s->fd, "f", SIZE_MAX, &out, &e), &e);
		assert_int_equal(out.n, 2 * size);
	}
	AUTO_BUF proc = { 0 }; /* has bytes and no size */
	assert_ok(file_read(AT_FDCWD, "/proc/self/maps", 1 << 24, &proc, &e), &e);
	assert_true(proc.n > 100);
	assert_fails(file_read(AT_FDCWD, "/proc/self/maps", 10, &proc, &e), &e, ERR_INPUT);
}

static void
stats(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	struct file_stat st;
	scratch_write(s, "f", "abc");
	assert_int_equal(symlinkat("f", s->fd, "l"), 0);
	assert_int_equal(symlinkat("gone", s->fd, "broken"), 0);
	assert_ok(file_stat(s->fd, "f", false, &st, &e), &e);
	assert_int_equal(st.size, 3);
	assert_int_equal(st.type, FILE_REGULAR);
	assert_true(st.mtime > 0 && st.mtime <= clock_real() && st.mtime > clock_real() - 100 * NS_PER_S);
	assert_ok(file_stat(s->fd, "l", false, &st, &e), &e);
	assert_int_equal(st.type, FILE_LINK);
	assert_ok(file_stat(s->fd, "l", true, &st, &e), &e);
	assert_int_equal(st.type, FILE_REGULAR);
	assert_fails(file_stat(s->fd, "broken", true, &st, &e), &e, ERR_MISSING);
	assert_fails(file_stat(s->fd, "f/x", true, &st, &e), &e, ERR_MISSING);
	assert_true(file_exists(s->fd, "broken"));
	assert_false(file_exists(s->fd, "gone"));
	struct str target;
	assert_ok(file_link_read(s->fd, "l", &s->arena, &target, &e), &e);
	assert_str(target, "f");
	assert_int_equal(file_link_read(s->fd, "f", &s->arena, &target, &e), -1);
	assert_ok(file_stat_fd(s->fd, &st, &e), &e);
	assert_int_equal(st.type, FILE_FOLDER);
	int fd = file_open(s->fd, "f", O_RDONLY, 0, &e);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_ok(file_close(&fd, "f", &e), &e);
	assert_int_equal(fd, -1);
	assert_fails(file_open_dir(s->fd, "f", &e), &e, ERR_MISSING);
}

static void
makes_folders(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	assert_ok(file_mkdirs(s->fd, "a//b/c/", &e), &e);
	assert_ok(file_mkdirs(s->fd, "a/b/c", &e), &e);
	assert_ok(file_mkdirs(s->fd, ".", &e), &e);
	assert_ok(file_mkdirs(AT_FDCWD, arena_printf(&s->arena, "%s/x/y", s->path).p, &e), &e);
	assert_true(file_exists(s->fd, "a/b/c") && file_exists(s->fd, "x/y"));
	scratch_write(s, "f", "");
	assert_fails(file_mkdirs(s->fd, "f", &e), &e, ERR_MISSING);
	assert_fails(file_mkdirs(s->fd, "f/g", &e), &e, ERR_MISSING);
	assert_ok(file_mkdirs_parent(s->fd, "p/q/file", &e), &e);
	assert_true(file_exists(s->fd, "p/q") && !file_exists(s->fd, "p/q/file"));
	assert_ok(file_mkdirs_parent(s->fd, "file", &e), &e);
	assert_int_equal(symlinkat("a", s->fd, "l"), 0);
	assert_ok(file_mkdirs(s->fd, "l/new", &e), &e);
	assert_true(file_exists(s->fd, "a/new"));
}

static void
removes_trees(void **state)
{
	struct scratch *s = *state;
	struct err e;
	for (int i = 0; i < 300; i++)
		scratch_write(s, arena_printf(&s->arena, "t/%d/%d/f%d", i % 5, i % 17, i).p, "x");
	scratch_write(s, "keep/f", "x");
	scratch_write(s, "t/3/locked/f", "x");
	assert_int_equal(symlinkat("../keep", s->fd, "t/link"), 0);
	assert_int_equal(fchmodat(s->fd, "t/3/locked", 0, 0), 0);
	assert_int_equal(fchmodat(s->fd, "t/2", 0555, 0), 0);
	assert_ok(file_remove_tree(s->fd, "t", &e), &e);
	assert_false(file_exists(s->fd, "t"));
	assert_true(file_exists(s->fd, "keep/f"));
	assert_ok(file_remove_tree(s->fd, "t", &e), &e);
	assert_ok(file_remove_tree(s->fd, "no/such/folder", &e), &e);
	assert_int_equal(symlinkat("keep", s->fd, "l"), 0);
	assert_ok(file_remove_tree(s->fd, "l", &e), &e);
	assert_false(file_exists(s->fd, "l"));
	assert_ok(file_remove_tree(s->fd, "keep/f", &e), &e);
	assert_false(file_exists(s->fd, "keep/f"));
}

/* Deeper than the longest path and than the number of descriptors that a process may have. */
static void
removes_a_very_deep_tree(void **state)
{
	struct scratch *s = *state;
	struct err e;
	enum { DEPTH = 5000 };
	assert_ok(file_mkdirs(s->fd, "deep", &e), &e);
	AUTO_FD fd = file_open_dir(s->fd, "deep", &e);
	for (int i = 0; i < DEPTH; i++) {
		assert_int_equal(mkdirat(fd, "d", 0777), 0);
		AUTO_FD next = file_open_dir(fd, "d", &e);
		assert_true(next >= 0);
		file_closep(&fd);
		fd = next;
		next = -1;
	}
	assert_ok(file_remove_tree(s->fd, "deep", &e), &e);
	assert_false(file_exists(s->fd, "deep"));
}

static void
copies(void **state)
{
	struct scratch *s = *state;
	struct err e;
	for (size_t size = 0; size < 3000000; size = size * 20 + 1) {
		AUTO_BUF in = { 0 };
		AUTO_BUF out = { 0 };
		while (in.n < size)
			buf_printf(&in, "%zu ", in.n);
		assert_ok(file_replace(s->fd, "src", buf_str(&in), 0644, false, &e), &e);
		AUTO_FD src = file_open(s->fd, "src", O_RDONLY, 0, &e);
		AUTO_FD dst = file_open(s->fd, "dst", O_RDWR | O_CREAT | O_TRUNC, 0644, &e);
		assert_int_equal(lseek(src, (off_t)(size / 2), SEEK_SET), size / 2);
		assert_ok(file_copy_fd(src, dst, &e), &e);
		assert_ok(file_read(s->fd, "dst", SIZE_MAX, &out, &e), &e);
		assert_true(str_eq(buf_str(&in), buf_str(&out)));
	}
	AUTO_BUF out = { 0 };
	AUTO_BUF want = { 0 };
	AUTO_FD src = file_open(AT_FDCWD, "/proc/self/status", O_RDONLY, 0, &e); /* another file system, and no size */
	AUTO_FD dst = file_open(s->fd, "dst", O_RDWR | O_CREAT | O_TRUNC, 0644, &e);
	assert_ok(file_copy_fd(src, dst, &e), &e);
	assert_ok(file_read(s->fd, "dst", SIZE_MAX, &out, &e), &e);
	assert_true(str_starts(buf_str(&out), STR("Name:")));
}

static void
scratch_folders_are_private(void **state)
{
	struct scratch *s = *state;
	struct err e;
	struct str one, two;
	struct file_stat st;
	assert_ok(file_scratch_dir(s->path, "x-", &s->arena, &one, &e), &e);
	assert_ok(file_scratch_dir(s->path, "x-", &s->arena, &two, &e), &e);
	assert_false(str_eq(one, two));
	assert_ok(file_stat(AT_FDCWD, one.p, false, &st, &e), &e);
	assert_int_equal(st.mode & 07777, 0700);
	assert_fails(file_scratch_dir("/no/such", "x", &s->arena, &one, &e), &e, ERR_MISSING);
}

static void
a_full_disk_is_told(void **state)
{
	(void)state;
	struct err e = { 0 };
	AUTO_FD fd = file_open(AT_FDCWD, "/dev/full", O_WRONLY, 0, &e);
	if (fd < 0)
		skip();
	assert_fails(file_write_all(fd, STR("x"), &e), &e, ERR_FULL);
	assert_int_equal(e.os, ENOSPC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(replaces_and_reads),
		SCRATCH_TEST(reads_files_of_every_size),
		SCRATCH_TEST(stats),
		SCRATCH_TEST(makes_folders),
		SCRATCH_TEST(removes_trees),
		SCRATCH_TEST(removes_a_very_deep_tree),
		SCRATCH_TEST(copies),
		SCRATCH_TEST(scratch_folders_are_private),
		cmocka_unit_test(a_full_disk_is_told),
	};
	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
