/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "sys/clock.h"
#include "sys/loop.h"

/* What happened, letter by letter. */
struct trace {
	struct loop *l;
	struct buf text;
	loop_id id[4];
	int fd[2];
	unsigned n;
};

struct letter {
	struct trace *t;
	char c;
};

static void
put(void *ctx)
{
	const struct letter *x = ctx;
	buf_putc(&x->t->text, x->c);
}

static struct loop *
make(void)
{
	struct err e;
	struct loop *l = loop_new(&e);
	assert_non_null(l);
	return l;
}

static void
run(struct loop *l)
{
	struct err e;
	assert_ok(loop_run(l, &e), &e);
}

static void
an_empty_loop_ends_at_once(void **state)
{
	(void)state;
	struct loop *l = make();
	run(l);
	run(l);
	loop_free(l);
	loop_free(NULL);
}

static void
timers_fire_in_order(void **state)
{
	(void)state;
	struct trace t = { .l = make() };
	struct letter x[26];
	const int64_t now = clock_mono();
	static const int at[] = { 3, 1, 2, 1, 0, -5, 3, 2 };
	loop_id id[COUNT(at)];
	for (size_t i = 0; i < COUNT(at); i++) {
		x[i] = (struct letter){ &t, (char)('a' + i) };
		id[i] = loop_timer(t.l, now + at[i] * 1000, put, &x[i]);
		for (size_t k = 0; k < i; k++)
			assert_true(id[i] != id[k] && id[i] != 0);
	}
	loop_remove(t.l, id[2]);
	loop_remove(t.l, id[2]);
	loop_remove(t.l, 0);
	loop_remove(t.l, UINT64_MAX);
	run(t.l);
	assert_str(buf_str(&t.text), "febdhag");
	loop_free(t.l);
	buf_done(&t.text);
}

static void
many_timers_with_removals_stay_sorted(void **state)
{
	(void)state;
	enum { MANY = 2000 };
	struct trace t = { .l = make() };
	loop_id id[MANY];
	struct letter x = { &t, 'x' };
	uint64_t seed = 12345;
	const int64_t now = clock_mono();
	for (size_t i = 0; i < MANY; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		id[i] = loop_timer(t.l, now - (int64_t)(seed >> 40), put, &x);
	}
	for (size_t i = 0; i < MANY; i += 3)
		loop_remove(t.l, id[i]);
	run(t.l);
	assert_int_equal(t.text.n, MANY - (MANY + 2) / 3);
	loop_free(t.l);
	buf_done(&t.text);
}

static void
again(void *ctx)
{
	struct trace *t = ctx;
	if (++t->n < 100)
		loop_timer(t->l, 0, again, t);
}

static void
a_timer_may_make_timers(void **state)
{
	(void)state;
	struct trace t = { .l = make() };
	loop_timer(t.l, 0, again, &t);
	run(t.l);
	assert_int_equal(t.n, 100);
	loop_free(t.l);
}

static void
read_one(void *ctx, uint32_t events)
{
	struct trace *t = ctx;
	char c;
	assert_true(events & EPOLLIN);
	assert_int_equal(read(t->fd[0], &c, 1), 1);
	buf_putc(&t->text, c);
	if (c == 'z')
		loop_remove(t->l, t->id[0]);
}

static void
descriptors_are_level_triggered(void **state)
{
	(void)state;
	struct err e = { 0 };
	struct trace t = { .l = make() };
	assert_int_equal(pipe(t.fd), 0);
	t.id[0] = loop_fd(t.l, t.fd[0], EPOLLIN, read_one, &t, &e);
	assert_true(t.id[0] != 0);
	assert_int_equal(loop_fd(t.l, t.fd[0], EPOLLIN, read_one, &t, &e), 0); /* once at a time */
	assert_int_equal(loop_fd(t.l, -1, EPOLLIN, read_one, &t, &e), 0);
	assert_int_equal(write(t.fd[1], "abcz", 4), 4);
	run(t.l);
	assert_str(buf_str(&t.text), "abcz");
	const loop_id old = t.id[0];
	t.id[0] = loop_fd(t.l, t.fd[0], EPOLLIN, read_one, &t, &e);
	assert_true(t.id[0] != old);
	loop_remove(t.l, old); /* leads nowhere now */
	assert_int_equal(write(t.fd[1], "z", 1), 1);
	run(t.l);
	assert_str(buf_str(&t.text), "abczz");
	loop_free(t.l);
	close(t.fd[0]);
	close(t.fd[1]);
	buf_done(&t.text);
}

static void
remove_both(void *ctx, uint32_t events)
{
	struct trace *t = ctx;
	(void)events;
	t->n++;
	loop_remove(t->l, t->id[0]);
	loop_remove(t->l, t->id[1]);
}

static void
what_was_removed_in_this_round_is_not_called(void **state)
{
	(void)state;
	struct err e;
	struct trace t = { .l = make() };
	for (int i = 0; i < 2; i++) {
		t.fd[i] = eventfd(1, EFD_CLOEXEC);
		t.id[i] = loop_fd(t.l, t.fd[i], EPOLLIN, remove_both, &t, &e);
	}
	run(t.l);
	assert_int_equal(t.n, 1);
	close(t.fd[0]);
	close(t.fd[1]);
	loop_free(t.l);
}

struct sum {
	struct loop *l;
	pthread_t home;
	atomic_uint worked;
	unsigned done;
};

static void
work(void *ctx)
{
	struct sum *s = ctx;
	assert_false(pthread_equal(pthread_self(), s->home));
	atomic_fetch_add(&s->worked, 1);
}

static void
done(void *ctx)
{
	struct sum *s = ctx;
	assert_true(pthread_equal(pthread_self(), s->home));
	if (++s->done <= 500)
		loop_work(s->l, work, done, s);
}

static void
work_is_done_elsewhere_and_reported_here(void **state)
{
	(void)state;
	struct sum s = { .l = make(), .home = pthread_self() };
	for (int i = 0; i < 500; i++)
		loop_work(s.l, work, done, &s);
	run(s.l);
	assert_int_equal(s.worked, 1000);
	assert_int_equal(s.done, 1000);
	loop_free(s.l);
}

static void
work_that_waits_is_dropped_when_the_loop_ends(void **state)
{
	(void)state;
	struct sum s = { .l = make(), .home = pthread_self() };
	for (int i = 0; i < 500; i++)
		loop_work(s.l, work, done, &s);
	loop_free(s.l);
	assert_true(s.worked <= 500);
	assert_int_equal(s.done, 0);
}

static void
stop(void *ctx)
{
	loop_stop(((struct trace *)ctx)->l);
}

static void *
post_from_elsewhere(void *ctx)
{
	struct trace *t = ctx;
	static struct letter x;
	x = (struct letter){ t, 'p' };
	for (int i = 0; i < 1000; i++)
		loop_post(t->l, put, &x);
	loop_post(t->l, stop, t);
	return NULL;
}

static void
never(void *ctx)
{
	(void)ctx;
	fail();
}

static void
calls_are_posted_from_any_thread(void **state)
{
	(void)state;
	struct trace t = { .l = make() };
	pthread_t thread;
	loop_timer(t.l, clock_mono() + 3600 * NS_PER_S, never, NULL); /* keeps the loop alive */
	assert_int_equal(pthread_create(&thread, NULL, post_from_elsewhere, &t), 0);
	run(t.l);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(t.text.n, 1000);
	loop_free(t.l);
	buf_done(&t.text);
}

static void
stopping_keeps_what_waits(void **state)
{
	(void)state;
	struct trace t = { .l = make() };
	struct letter a = { &t, 'a' }, b = { &t, 'b' };
	loop_post(t.l, put, &a);
	loop_post(t.l, stop, &t);
	loop_post(t.l, put, &b);
	run(t.l);
	assert_str(buf_str(&t.text), "a");
	run(t.l);
	assert_str(buf_str(&t.text), "ab");
	loop_free(t.l);
	buf_done(&t.text);
}

static void
on_signal(void *ctx, int signal)
{
	struct trace *t = ctx;
	buf_printf(&t->text, "%s ", signal == SIGTERM ? "TERM" : signal == SIGINT ? "INT" : "?");
	if (signal == SIGTERM)
		loop_stop(t->l);
}

static void
raise_both(void *ctx)
{
	(void)ctx;
	raise(SIGINT);
	raise(SIGTERM);
}

static void
signals_arrive_in_the_loop(void **state)
{
	(void)state;
	struct err e;
	struct trace t = { .l = make() };
	static const int both[] = { SIGINT, SIGTERM };
	sigset_t before, after;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_ok(loop_signals(t.l, both, 2, on_signal, &t, &e), &e);
	run(t.l); /* watching signals does not keep it */
	loop_timer(t.l, clock_mono() + 3600 * NS_PER_S, never, NULL);
	loop_post(t.l, raise_both, NULL);
	run(t.l);
	assert_str(buf_str(&t.text), "INT TERM ");
	assert_ok(loop_signals(t.l, NULL, 0, NULL, NULL, &e), &e);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
	assert_ok(loop_signals(t.l, both, 2, on_signal, &t, &e), &e);
	loop_free(t.l);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
	buf_done(&t.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_loop_ends_at_once),
		cmocka_unit_test(timers_fire_in_order),
		cmocka_unit_test(many_timers_with_removals_stay_sorted),
		cmocka_unit_test(a_timer_may_make_timers),
		cmocka_unit_test(descriptors_are_level_triggered),
		cmocka_unit_test(what_was_removed_in_this_round_is_not_called),
		cmocka_unit_test(work_is_done_elsewhere_and_reported_here),
		cmocka_unit_test(work_that_waits_is_dropped_when_the_loop_ends),
		cmocka_unit_test(calls_are_posted_from_any_thread),
		cmocka_unit_test(stopping_keeps_what_waits),
		cmocka_unit_test(signals_arrive_in_the_loop),
	};
	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
