/* SPDX-License-Identifier: Apache-2.0
 *
 * Real processes through orchestrator_local.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/lines.h"
#include "backends/orchestrator.h"
#include "sys/clock.h"
#include "sys/guard.h"

struct seen {
	struct loop *loop;
	struct job *job;
	struct buf text; /* "1 line\n" */
	struct job_end end;
	int64_t last_at;
	bool ended, ordered;
	pid_t child;     /* a number that the job printed as "pid N" */
	bool stop_then, hard;
};

static void
line(void *ctx, int stream, int64_t at, struct str text)
{
	struct seen *s = ctx;

	s->ordered = s->last_at <= at;
	s->last_at = at;
	buf_printf(&s->text, "%d " STR_FMT "\n", stream, STR_ARG(text));
	if (str_starts(text, STR("pid ")))
		s->child = atoi(text.p + 4);
	if (s->stop_then && s->job != NULL)
		orchestrator_local.stop(s->job, s->hard);
}

static void
ended(void *ctx, const struct job_end *end, const struct err *e)
{
	struct seen *s = ctx;

	assert_null(e);
	assert_false(s->ended);
	s->ended = true;
	s->end = *end;
}

static struct seen
run_job(const char *const *argv, const struct str *secrets, size_t nsecrets, int64_t timeout, int stop)
{
	static const char *const envp[] = { "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL };
	struct err e = { 0 };
	struct seen s = { .loop = loop_new(&e), .stop_then = stop != 0, .hard = stop > 1 };

	struct orchestrator *o = orchestrator_local.open(s.loop, &e);
	assert_non_null(o);
	const struct job_spec spec = { .name = STR("t"), .argv = argv, .envp = envp, .cwd = "/", .timeout = timeout,
				       .secrets = secrets, .nsecrets = nsecrets };

	s.job = orchestrator_local.submit(o, &spec, &(struct job_calls){ .ctx = &s, .line = line, .ended = ended }, &e);
	if (s.job == NULL || orchestrator_local.attend(s.job, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(loop_run(s.loop, &e), 0);
	assert_true(s.ended);
	orchestrator_local.close(o);
	loop_free(s.loop);
	return s;
}

static const char *const *
sh(const char *script)
{
	static const char *argv[] = { "sh", "-euc", NULL, NULL };

	argv[2] = script;
	return argv;
}

static void
output_comes_line_by_line(void **state)
{
	static const struct {
		const char *script, *text;
		int exit;
	} rows[] = {
		{ "true", "", 0 },
		{ "exit 3", "", 3 },
		{ "echo a; echo b >&2; exit 7", "1 a\n2 b\n", 7 },
		{ "printf 'no newline'", "1 no newline\n", 0 },
		{ "printf 'x\\r\\ny\\n\\nz'", "1 x\n1 y\n1 \n1 z\n", 0 },
		{ "kill -9 $$", "", 137 },
		{ "read x || echo empty", "1 empty\n", 0 },
		{ "kill -TERM $$; sleep 60", "", 143 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct seen s = run_job(sh(rows[i].script), NULL, 0, 0, 0);

		assert_string_equal(buf_z(&s.text), rows[i].text);
		assert_int_equal(s.end.exit, rows[i].exit);
		assert_false(s.end.timed_out);
		assert_true(s.end.peak > 0);
		buf_done(&s.text);
	}
}

/* A zombie still answers kill(pid, 0); nothing may be left at all. */
static void
gone(pid_t pid)
{
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void
what_is_left_of_the_group_ends_with_its_leader(void **state)
{
	(void)state;
	struct seen s = run_job(sh("sleep 60 & echo pid $!; sleep 60 & true"), NULL, 0, 0, 0);

	assert_int_equal(s.end.exit, 0);
	assert_true(s.child > 0);
	gone(s.child);
	assert_true(s.end.seconds < 30);
	buf_done(&s.text);
}

static void
a_timeout_ends_the_group(void **state)
{
	(void)state;
	struct seen s = run_job(sh("sleep 60 & echo pid $!; sleep 60"), NULL, 0, 50 * NS_PER_MS, 0);

	assert_true(s.end.timed_out);
	assert_int_equal(s.end.exit, 128 + SIGTERM);
	gone(s.child);
	buf_done(&s.text);
	s = run_job(sh("trap '' TERM; sleep 60 & echo pid $!; while :; do sleep 0.2; done"), NULL, 0, 50 * NS_PER_MS, 0);
	assert_true(s.end.timed_out);
	assert_int_equal(s.end.exit, 128 + SIGKILL);
	gone(s.child);
	buf_done(&s.text);
}

static void
stop_is_soft_or_hard(void **state)
{
	(void)state;
	struct seen s = run_job(sh("trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.01; done"), NULL, 0, 0, 1);

	assert_true(s.end.stopped);
	assert_int_equal(s.end.exit, 9);
	assert_non_null(strstr(buf_z(&s.text), "1 bye\n")); /* the shell may also say that its sleep was ended */
	buf_done(&s.text);
	s = run_job(sh("trap '' TERM; echo ready; while :; do sleep 0.01; done"), NULL, 0, 0, 2);
	assert_int_equal(s.end.exit, 128 + SIGKILL);
	buf_done(&s.text);
}

static void
a_process_that_left_the_group_does_not_hold_it_up(void **state)
{
	(void)state;
	struct seen s = run_job(sh("setsid sh -c 'echo pid $$; exec sleep 60' & sleep 0.2"), NULL, 0, 0, 0);

	assert_true(s.child > 0);
	assert_int_equal(kill(s.child, SIGKILL), 0); /* it was still there, and is ours to end here */
	assert_true(s.end.seconds < 30);
	buf_done(&s.text);
}

static void
secrets_are_masked_wherever_reads_fall(void **state)
{
	const struct str secrets[] = { STR("hunter2"), STR("hunter2-long"), STR(""), STR("key\nabcd\n}\nefgh") };

	(void)state;
	struct seen s = run_job(sh("printf 'a hun'; sleep 0.05; printf 'ter2 b\\n'; echo hunter2-long >&2; echo 'xabcdx } efgh'"), secrets, 4, 0, 0);

	assert_non_null(strstr(buf_z(&s.text), "1 a *** b\n"));
	assert_non_null(strstr(buf_z(&s.text), "2 ***\n"));
	assert_non_null(strstr(buf_z(&s.text), "1 x***x } ***\n"));
	assert_null(strstr(buf_z(&s.text), "hunter"));
	buf_done(&s.text);
}

static void
collect(void *ctx, struct str text)
{
	struct buf *b = ctx;

	assert_true(text.n <= 2 * LINES_MAX);
	buf_put(b, text);
}

/* Every place of a cut, and a secret over the end of every piece of a long line. */
static void
long_lines_are_cut_outside_of_secrets(void **state)
{
	const struct str secret = STR("SECRETSECRETS");
	struct masks m;

	(void)state;
	masks_init(&m, &secret, 1);
	for (size_t pad = LINES_MAX - 30; pad < LINES_MAX + 30; pad++) {
		AUTO_BUF got = { 0 };
		AUTO_BUF in = { 0 };
		AUTO_BUF want = { 0 };
		struct lines l = { .masks = &m, .line = collect, .ctx = &got };

		for (size_t i = 0; i < pad; i++)
			buf_putc(&in, 'x');
		buf_put(&want, buf_str(&in));
		buf_put(&in, secret);
		buf_puts(&in, "yy\n");
		buf_puts(&want, "***yy");
		for (struct str rest = buf_str(&in); rest.n > 0; rest = str_drop(rest, 4999))
			lines_feed(&l, str_take(rest, 4999));
		lines_end(&l);
		assert_true(str_eq(buf_str(&got), buf_str(&want)));
	}
	masks_done(&m);
}

static void
a_program_that_is_not_there_is_an_error_of_submit(void **state)
{
	static const char *const argv[] = { "no-such-program-here", NULL };
	static const char *const envp[] = { "PATH=/usr/bin:/bin", NULL };
	struct err e = { 0 };
	struct loop *loop = loop_new(&e);
	struct orchestrator *o = orchestrator_local.open(loop, &e);

	(void)state;
	assert_null(orchestrator_local.submit(o, &(struct job_spec){ .argv = argv, .envp = envp, .cwd = "/" },
					      &(struct job_calls){ .ended = ended }, &e));
	assert_int_equal(e.code, ERR_MISSING);
	assert_non_null(strstr(e.text, "no-such-program-here"));
	orchestrator_local.close(o);
	loop_free(loop);
}

/* A child of ours opens a guard, registers a group and is killed: the group must end. */
static void
a_guarded_group_ends_with_us(void **state)
{
	int ends[2];
	char c;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	const pid_t us = fork();

	if (us == 0) {
		struct guard *g = guard_open(NULL);
		const pid_t group = fork();

		if (group == 0) {
			setpgid(0, 0);
			dup2(ends[1], 0);
			close_range(3, ~0U, 0); /* as exec would */
			pause();                /* holds the pipe's other end */
		}
		setpgid(group, group);
		guard_add(g, group);
		close(ends[1]);
		kill(getpid(), SIGKILL);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &c, 1), 0); /* the end comes when the group is dead */
	close(ends[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_comes_line_by_line),
		cmocka_unit_test(what_is_left_of_the_group_ends_with_its_leader),
		cmocka_unit_test(a_timeout_ends_the_group),
		cmocka_unit_test(stop_is_soft_or_hard),
		cmocka_unit_test(a_process_that_left_the_group_does_not_hold_it_up),
		cmocka_unit_test(secrets_are_masked_wherever_reads_fall),
		cmocka_unit_test(long_lines_are_cut_outside_of_secrets),
		cmocka_unit_test(a_program_that_is_not_there_is_an_error_of_submit),
		cmocka_unit_test(a_guarded_group_ends_with_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
