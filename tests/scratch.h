/* SPDX-License-Identifier: Apache-2.0
 *
 * scratch: an empty folder per test, removed after it. cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove);
 * in the test *state is a struct scratch.
 */
#ifndef PAWL_TESTS_SCRATCH_H
#define PAWL_TESTS_SCRATCH_H

#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"
#include "tests/unit.h"

struct scratch {
	struct arena arena;
	const char *path;
	int fd; /* of path */
};

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

static inline int
scratch_make(void **state)
{
	struct scratch *s = mem_zalloc(sizeof *s);
	struct err e;
	struct str path;
	const char *top = getenv("TMPDIR");
	if (file_scratch_dir(top ? top : "/tmp", "pawl-unit-", &s->arena, &path, &e) < 0)
		return -1;
	s->path = path.p;
	s->fd = file_open_dir(AT_FDCWD, path.p, &e);
	*state = s;
	return s->fd < 0 ? -1 : 0;
}

static inline int
scratch_remove(void **state)
{
	struct scratch *s = *state;
	struct err e;
	file_closep(&s->fd);
	const int r = file_remove_tree(AT_FDCWD, s->path, &e);
	arena_done(&s->arena);
	free(s);
	return r;
}

/* Writes a file and the folders above it. */
static inline void
scratch_write(const struct scratch *s, const char *path, const char *text)
{
	struct err e;
	assert_ok(file_mkdirs_parent(s->fd, path, &e), &e);
	assert_ok(file_replace(s->fd, path, str_z(text), 0666, false, &e), &e);
}

#endif
