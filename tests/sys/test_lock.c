/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scratch.h"

#include <pthread.h>

#include "sys/lock.h"

/* Locks belong to open files, so that two descriptors of one process exclude each other as two processes do. */
static void
writers_exclude_all_and_readers_writers(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	AUTO_FD first = lock_take(s->fd, "lock", false, 0, &e);
	assert_ok(first, &e);
	assert_fails(lock_take(s->fd, "lock", false, 0, &e), &e, ERR_BUSY);
	assert_fails(lock_take(s->fd, "lock", true, 5, &e), &e, ERR_BUSY);
	assert_string_equal(e.text, "lock 'lock': another process holds it");
	file_closep(&first);
	AUTO_FD reader = lock_take(s->fd, "lock", true, 0, &e);
	AUTO_FD other = lock_take(s->fd, "lock", true, 0, &e);
	assert_true(reader >= 0 && other >= 0);
	assert_fails(lock_take(s->fd, "lock", false, 0, &e), &e, ERR_BUSY);
	assert_fails(lock_take(s->fd, "no/lock", false, 0, &e), &e, ERR_MISSING);
}

static void
bytes_of_one_file_are_locks_of_their_own(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	AUTO_FD one = lock_open(s->fd, "bytes", &e);
	AUTO_FD other = lock_open(s->fd, "bytes", &e);
	const uint64_t places[] = { 10, INT64_MAX - 1, 0, 12 };
	assert_true(one >= 0 && other >= 0);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		assert_ok(lock_byte(one, places[i], &e), &e);
		assert_fails(lock_byte(other, places[i], &e), &e, ERR_BUSY);
	}
	assert_ok(lock_byte(other, 11, &e), &e);
	lock_give_byte(one, 10);
	assert_ok(lock_byte(other, 10, &e), &e);
	assert_fails(lock_byte(other, 0, &e), &e, ERR_BUSY);
	file_closep(&one);
	assert_ok(lock_byte(other, 0, &e), &e);
}

struct waiter {
	const struct scratch *s;
	int timeout_ms, fd;
};

static void *
wait_for_it(void *arg)
{
	struct waiter *w = arg;
	struct err e;
	w->fd = lock_take(w->s->fd, "lock", false, w->timeout_ms, &e);
	return NULL;
}

static void
a_waiter_gets_it_when_it_is_given_up(void **state)
{
	struct scratch *s = *state;
	static const int timeouts[] = { -1, 60000 };
	for (size_t i = 0; i < COUNT(timeouts); i++) {
		struct err e;
		struct waiter w = { s, timeouts[i], -1 };
		pthread_t t;
		AUTO_FD fd = lock_take(s->fd, "lock", false, 0, &e);
		assert_ok(fd, &e);
		assert_int_equal(pthread_create(&t, NULL, wait_for_it, &w), 0);
		file_closep(&fd);
		assert_int_equal(pthread_join(t, NULL), 0);
		assert_true(w.fd >= 0);
		file_closep(&w.fd);
	}
}

static void
a_removed_file_is_no_lock(void **state)
{
	struct scratch *s = *state;
	struct err e;
	AUTO_FD old = lock_take(s->fd, "lock", false, 0, &e);
	assert_int_equal(unlinkat(s->fd, "lock", 0), 0);
	AUTO_FD fresh = lock_take(s->fd, "lock", false, 0, &e);
	assert_true(old >= 0 && fresh >= 0);
	assert_true(file_exists(s->fd, "lock"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(writers_exclude_all_and_readers_writers),
		SCRATCH_TEST(bytes_of_one_file_are_locks_of_their_own),
		SCRATCH_TEST(a_waiter_gets_it_when_it_is_given_up),
		SCRATCH_TEST(a_removed_file_is_no_lock),
	};
	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
