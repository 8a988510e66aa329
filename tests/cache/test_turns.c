/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <signal.h>
#include <sys/wait.h>

#include "cache/turns.h"

static struct cache *
open_in(const char *dir)
{
	struct err e = { 0 };
	struct cache *c;
	OK(cache_open(str_z(dir), &c, &e));
	return c;
}

static struct turns *
opened(struct cache *c, uint64_t capacity)
{
	struct err e = { 0 };
	struct turns *t;
	OK(turns_open(c, STR("gpus"), capacity, &t, &e));
	return t;
}

static uint64_t
join(struct turns *t, uint64_t amount)
{
	struct err e = { 0 };
	uint64_t ticket;
	OK(turns_join(t, amount, &ticket, &e));
	return ticket;
}

static bool
ask(struct turns *t, uint64_t ticket)
{
	struct err e = { 0 };
	bool yes;
	OK(turns_ask(t, ticket, &yes, &e));
	return yes;
}

/* Two invocations, as far as the file can tell: two open files. */
static void
each_in_its_turn(void **state)
{
	char *dir = scratch_new(true);
	struct cache *c = open_in(dir);
	struct turns *a = opened(c, 1000), *b = opened(c, 1000);
	(void)state;
	const uint64_t one = join(a, 1000), two = join(b, 1000), three = join(a, 1000);
	assert_false(ask(b, two)); /* one stands before it, though it has not asked */
	assert_true(ask(a, one));
	assert_true(ask(a, one));
	assert_false(ask(b, two));
	assert_false(ask(a, three));
	turns_leave(a, one);
	assert_false(ask(a, three));
	assert_true(ask(b, two));
	turns_leave(b, two);
	assert_true(ask(a, three));
	turns_close(a); /* gives up what is left */
	const uint64_t four = join(b, 1000);
	assert_true(ask(b, four));
	turns_close(b);
	cache_close(c);
	scratch_free(dir);
}

static void
nobody_passes_anybody(void **state)
{
	char *dir = scratch_new(true);
	struct cache *c = open_in(dir);
	struct turns *a = opened(c, 1000), *b = opened(c, 1000);
	(void)state;
	const uint64_t half = join(a, 500), all = join(b, 5000), quarter = join(a, 250);
	assert_true(ask(a, half));
	assert_false(ask(b, all));     /* more than there is: all of it */
	assert_false(ask(a, quarter)); /* would fit, but all was first */
	turns_leave(a, half);
	assert_true(ask(b, all));
	assert_false(ask(a, quarter));
	turns_leave(b, all);
	assert_true(ask(a, quarter));
	turns_close(a);
	turns_close(b);
	cache_close(c);
	scratch_free(dir);
}

static void
the_dead_hold_nothing(void **state)
{
	char *dir = scratch_new(true);
	struct cache *c = open_in(dir);
	struct turns *mine = opened(c, 1000);
	int pipe_fd[2];
	char x;
	(void)state;
	assert_int_equal(pipe(pipe_fd), 0);
	const pid_t pid = fork();
	if (pid == 0) {
		struct turns *t = opened(c, 1000);
		const bool yes = ask(t, join(t, 1000));
		(void)join(t, 1000);
		_exit(write(pipe_fd[1], yes ? "y" : "n", 1) == 1 && pause() ? 0 : 1);
	}
	assert_int_equal(read(pipe_fd[0], &x, 1), 1);
	assert_int_equal(x, 'y');
	const uint64_t ticket = join(mine, 1000);
	assert_false(ask(mine, ticket));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(ask(mine, ticket));
	turns_close(mine);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	cache_close(c);
	scratch_free(dir);
}

/* Whatever the file says, the living get on. */
static void
a_damaged_file_is_begun_anew(void **state)
{
	static const char *const texts[] = { "", "x", "not a line of turns at all, but long enough to be read as one", "\xff\xff\xff\xff\xff\xff\xff\xff" };
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char *dir = scratch_new(true);
		struct cache *c = open_in(dir);
		struct turns *t = opened(c, 1000);
		struct file_entry *v;
		struct arena a = { 0 };
		struct err e = { 0 };
		size_t n;
		OK(file_list(c->fd, "pools", &a, &v, &n, &e));
		assert_int_equal(n, 1);
		const char *path = arena_printf(&a, "pools/" STR_FMT, STR_ARG(v[0].name)).p;
		AUTO_FD fd = file_open(c->fd, path, O_WRONLY | O_TRUNC, 0, &e);
		OK(file_write_all(fd, str_z(texts[i]), &e));
		const uint64_t ticket = join(t, 1000);
		assert_true(ask(t, ticket));
		turns_close(t);
		arena_done(&a);
		cache_close(c);
		scratch_free(dir);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_in_its_turn),
		cmocka_unit_test(nobody_passes_anybody),
		cmocka_unit_test(the_dead_hold_nothing),
		cmocka_unit_test(a_damaged_file_is_begun_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
