/* SPDX-License-Identifier: Apache-2.0
 *
 * scratch: what the tests of this floor share: a folder that goes away, checked calls, seeds.
 */
#ifndef PAWL_TESTS_CACHE_SCRATCH_H
#define PAWL_TESTS_CACHE_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "sys/file.h"

#define OK(call)                                                                                   \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			fail_msg("%s: %s: %s", #call, err_name(e.code), e.text);                   \
	} while (0)
#define FAILS(code_, call)                                                                         \
	do {                                                                                       \
		e = (struct err){ 0 };                                                             \
		assert_true((call) < 0);                                                           \
		assert_string_equal(err_name(e.code), err_name(code_));                            \
	} while (0)

/* In memory where there is such a place (many small syncs), else in $TMPDIR. */
static inline char *
scratch_new(bool memory)
{
	const char *tmp = getenv("TMPDIR");
	const char *base = memory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : tmp && *tmp ? tmp : "/tmp";
	struct err e = { 0 };
	struct arena a = { 0 };
	struct str path;
	OK(file_scratch_dir(base, "pawl-test-", &a, &path, &e));
	char *z = strdup(path.p);
	arena_done(&a);
	return z;
}

static inline void
scratch_free(char *path)
{
	(void)file_remove_tree(AT_FDCWD, path, NULL);
	free(path);
}

__attribute__((noinline, unused)) static const char *
in(const char *folder, const char *name)
{
	static __thread char path[4][600];
	static __thread int i;
	i = (i + 1) % 4;
	snprintf(path[i], sizeof path[i], "%s/%s", folder, name);
	return path[i];
}

/* SEED=n repeats a run. */
static inline uint64_t
seed_new(void)
{
	const char *z = getenv("SEED");
	const uint64_t s = z ? strtoull(z, NULL, 10) : (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
	printf("SEED=%llu\n", (unsigned long long)s);
	return s;
}

static inline uint64_t
rnd(uint64_t *s)
{
	*s += 0x9E3779B97F4A7C15u;
	uint64_t z = *s;
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static inline void
spoil(const char *path, long at, unsigned char flip)
{
	struct err e = { 0 };
	assert_int_equal(chmod(path, 0644), 0);
	AUTO_FD fd = file_open(AT_FDCWD, path, O_RDWR, 0, &e);
	unsigned char c;
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= flip;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
}

#endif
