/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scratch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "sys/proc.h"

static const char *const PATH_ONLY[] = { "PATH=/usr/bin:/bin", NULL };

/* Runs sh -c script with the usual environment; returns its end. */
static struct proc_end
sh(const char *script, const char *input, struct buf *out, struct buf *err)
{
	struct err e;
	struct proc_end end = { 0 };
	const struct proc_opts o = { .argv = (const char *[]){ "sh", "-c", script, NULL }, .envp = PATH_ONLY };
	assert_ok(proc_run(&o, str_z(input), 1 << 20, 0, out, err, &end, &e), &e);
	return end;
}

static void
output_and_status(void **state)
{
	(void)state;
	static const struct {
		const char *script, *input, *out, *err;
		int status, signal;
	} rows[] = {
		{ "echo hello; echo no >&2; exit 3", "", "hello\n", "no\n", 3, 0 },
		{ "cat", "input", "input", "", 0, 0 },
		{ "cat", "", "", "", 0, 0 },
		{ "exit 0", "not read", "", "", 0, 0 },
		{ "kill -9 $$", "", "", "", 137, 9 },
		{ "kill -TERM $$", "", "", "", 143, 15 },
		{ "test $PPID -gt 1 && env | sort | grep -v -e ^_ -e ^PWD -e ^OLDPWD -e ^SHLVL", "", "PATH=/usr/bin:/bin\n", "", 0, 0 },
		{ "ls /proc/self/fd | tr '\\n' ' '", "", "0 1 2 3 ", "", 0, 0 }, /* 3 is what ls itself opens */
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_BUF out = { 0 };
		AUTO_BUF err = { 0 };
		ROW(i, rows[i].script);
		const struct proc_end end = sh(rows[i].script, rows[i].input, &out, &err);
		assert_str(buf_str(&out), rows[i].out);
		assert_str(buf_str(&err), rows[i].err);
		assert_int_equal(end.status, rows[i].status);
		assert_int_equal(end.signal, rows[i].signal);
		assert_true(end.peak > 0 && end.cpu_s >= 0);
	}
	const struct proc_end end = sh("echo x; exit 5", "", NULL, NULL);
	assert_int_equal(end.status, 5);
}

static void
large_streams_do_not_block(void **state)
{
	(void)state;
	AUTO_BUF in = { 0 };
	AUTO_BUF out = { 0 };
	AUTO_BUF err = { 0 };
	while (in.n < 1 << 20)
		buf_printf(&in, "%zu ", in.n);
	sh("tee /dev/stderr", buf_z(&in), &out, &err);
	assert_int_equal(out.n, 1 << 20);
	assert_int_equal(err.n, 1 << 20);
	assert_memory_equal(out.p, in.p, out.n);
}

static void
what_cannot_start_is_told(void **state)
{
	struct scratch *s = *state;
	scratch_write(s, "no_interpreter", "#!/no/such/interpreter\n");
	scratch_write(s, "not_executable", "x");
	scratch_write(s, "plain_script", "echo \"plain $1\"\n");
	assert_int_equal(fchmodat(s->fd, "no_interpreter", 0755, 0), 0);
	assert_int_equal(fchmodat(s->fd, "plain_script", 0755, 0), 0);
	static const struct {
		const char *name;
		enum err_code code;
		const char *text;
	} rows[] = {
		{ "no-such-program-anywhere", ERR_MISSING, "start 'no-such-program-anywhere': no such program in PATH" },
		{ "./no-such", ERR_MISSING, "start './no-such': no such program" },
		{ "./no_interpreter", ERR_MISSING, "start './no_interpreter': the interpreter that it names is not there" },
		{ "./not_executable", ERR_WORLD, "start './not_executable': Permission denied" },
		{ "/", ERR_WORLD, "start '/': Permission denied" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = { 0 };
		struct proc p = { .pid = 4711 };
		const struct proc_opts o = { .argv = (const char *[]){ rows[i].name, NULL }, .cwd = s->fd, .in = -1, .out = -1, .err = -1 };
		assert_fails(proc_spawn(&o, &p, &e), &e, rows[i].code);
		assert_string_equal(e.text, rows[i].text);
		assert_int_equal(p.pid, 4711);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
		assert_int_equal(errno, ECHILD);
	}
	AUTO_BUF out = { 0 };
	struct err e;
	struct proc_end end;
	const struct proc_opts o = { .argv = (const char *[]){ "./plain_script", "arg", NULL }, .cwd = s->fd };
	assert_ok(proc_run(&o, STR(""), 100, 0, &out, NULL, &end, &e), &e);
	assert_str(buf_str(&out), "plain arg\n");
	/* In PATH, one that may not be run does not hide a later one. */
	char path[4200];
	scratch_write(s, "first/tool", "exit 1");
	scratch_write(s, "second/tool", "#!/bin/sh\necho second\n");
	assert_int_equal(fchmodat(s->fd, "second/tool", 0755, 0), 0);
	snprintf(path, sizeof path, "PATH=%s/first:%s/second", s->path, s->path);
	const struct proc_opts tool = { .argv = (const char *[]){ "tool", NULL }, .envp = (const char *[]){ path, NULL } };
	buf_reset(&out);
	assert_ok(proc_run(&tool, STR(""), 100, 0, &out, NULL, &end, &e), &e);
	assert_str(buf_str(&out), "second\n");
	struct str found;
	assert_true(proc_find("tool", path + 5, &s->arena, &found));
	assert_true(str_ends(found, STR("/second/tool")));
	assert_true(proc_find("sh", "/usr/bin:/bin", &s->arena, &found));
	assert_false(proc_find("no-such-program-anywhere", "/usr/bin:/bin", &s->arena, &found));
	assert_false(proc_find("sh", "", &s->arena, &found));
	assert_false(proc_find("sh", NULL, &s->arena, &found));
}

static void
signals_are_as_in_a_new_program(void **state)
{
	(void)state;
	sigset_t set, old;
	struct sigaction ignore = { .sa_handler = SIG_IGN }, was;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
	assert_int_equal(sigaction(SIGPIPE, &ignore, &was), 0);
	AUTO_BUF out = { 0 };
	struct err e;
	const struct proc_opts o = { .argv = (const char *[]){ "grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status", NULL } };
	assert_ok(proc_run(&o, STR(""), 1000, 0, &out, NULL, NULL, &e), &e);
	assert_int_equal(sigaction(SIGPIPE, &was, NULL), 0);
	sigset_t now;
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, &now), 0);
	assert_true(sigismember(&now, SIGTERM) && !sigismember(&now, SIGINT)); /* ours is as it was */
	assert_true(str_find(buf_str(&out), STR("SigBlk:\t0000000000000000")) != SIZE_MAX);
	assert_true(str_find(buf_str(&out), STR("SigIgn:\t0000000000000000")) != SIZE_MAX);
}

static void
descriptors_land_where_they_belong(void **state)
{
	struct scratch *s = *state;
	struct err e;
	/* stdout and stderr swapped with files that lie at numbers 0 and 1 of ours would be lost by a naive dup2 chain. */
	AUTO_FD a = file_open(s->fd, "a", O_RDWR | O_CREAT, 0600, &e);
	AUTO_FD kept = file_open(s->fd, "kept", O_RDWR | O_CREAT, 0600, &e);
	const int saved0 = dup(0), saved1 = dup(1);
	assert_true(a > 2 && saved0 > 2 && saved1 > 2);
	scratch_write(s, "in", "from in\n");
	const int in = file_open(s->fd, "in", O_RDONLY, 0, &e);
	fflush(stdout);
	assert_int_equal(dup2(in, 1), 1); /* our 1 is the child's 0, and our 0 its 1 and 2 */
	assert_int_equal(dup2(a, 0), 0);
	const char *script = arena_printf(&s->arena, "cat; echo err >&2; echo kept >&%d", kept).p;
	const struct proc_opts o = { .argv = (const char *[]){ "sh", "-c", script, NULL },
				     .in = 1,
				     .out = 0,
				     .err = 0,
				     .keep = &kept,
				     .nkeep = 1 };
	struct proc p;
	const int r = proc_spawn(&o, &p, &e);
	assert_int_equal(dup2(saved0, 0), 0);
	assert_int_equal(dup2(saved1, 1), 1);
	close(saved0);
	close(saved1);
	close(in);
	assert_ok(r, &e);
	struct proc_end end;
	assert_ok(proc_reap(&p, &end, &e), &e);
	assert_int_equal(end.status, 0);
	assert_int_equal(p.pidfd, -1);
	AUTO_BUF b = { 0 };
	assert_ok(file_read(s->fd, "a", 100, &b, &e), &e);
	assert_str(buf_str(&b), "from in\nerr\n");
	buf_reset(&b);
	assert_ok(file_read(s->fd, "kept", 100, &b, &e), &e);
	assert_str(buf_str(&b), "kept\n");
	assert_int_equal(fcntl(kept, F_GETFD), FD_CLOEXEC); /* ours is as it was */
}

static void
a_group_dies_together(void **state)
{
	(void)state;
	struct err e;
	int fd[2];
	assert_int_equal(pipe(fd), 0);
	const struct proc_opts o = { .argv = (const char *[]){ "sh", "-c", "sleep 1000 & sleep 1000 & echo up; wait", NULL },
				     .in = -1,
				     .out = fd[1],
				     .err = -1,
				     .group = true,
				     .die_with_parent = true };
	struct proc p;
	assert_ok(proc_spawn(&o, &p, &e), &e);
	close(fd[1]);
	assert_int_equal(getpgid(p.pid), p.pid);
	char up[3];
	assert_int_equal(read(fd[0], up, 3), 3);
	struct pollfd f = { .fd = p.pidfd, .events = POLLIN };
	assert_int_equal(poll(&f, 1, 0), 0);
	proc_kill_group(p.pid, SIGKILL);
	assert_int_equal(read(fd[0], up, 1), 0); /* the end: all who held the pipe are gone */
	assert_int_equal(poll(&f, 1, -1), 1);
	struct proc_end end;
	assert_ok(proc_reap(&p, &end, &e), &e);
	assert_int_equal(end.signal, SIGKILL);
	close(fd[0]);
}

static void
limits_of_run(void **state)
{
	(void)state;
	struct err e = { 0 };
	AUTO_BUF out = { 0 };
	struct proc_end end = { .status = 77 };
	const struct proc_opts hang = { .argv = (const char *[]){ "sh", "-c", "echo x; sleep 1000", NULL } };
	buf_puts(&out, "<");
	assert_fails(proc_run(&hang, STR(""), 100, 50, &out, NULL, &end, &e), &e, ERR_BUSY);
	assert_string_equal(e.text, "run 'sh': it did not end in time");
	assert_str(buf_str(&out), "<");
	assert_int_equal(end.status, 77);
	const struct proc_opts chatty = { .argv = (const char *[]){ "sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x", NULL } };
	assert_ok(proc_run(&chatty, STR(""), 10, 0, &out, NULL, &end, &e), &e);
	assert_str(buf_str(&out), "<xxxxxxxxxx");
	/* A process left behind holds the pipe; it is not waited for. */
	buf_reset(&out);
	const struct proc_opts daemon = { .argv = (const char *[]){ "sh", "-c", "sleep 1000 & echo $!", NULL } };
	assert_ok(proc_run(&daemon, STR(""), 100, 0, &out, NULL, &end, &e), &e);
	uint64_t pid;
	assert_true(str_u64(str_trim(buf_str(&out)), &pid));
	assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
}

static void
long_arguments(void **state)
{
	(void)state;
	AUTO_BUF arg = { 0 };
	AUTO_BUF out = { 0 };
	struct err e = { 0 };
	struct proc_end end;
	while (arg.n < 120000)
		buf_putc(&arg, 'x');
	const struct proc_opts o = { .argv = (const char *[]){ "sh", "-c", "echo ${#1}", "sh", buf_z(&arg), NULL } };
	assert_ok(proc_run(&o, STR(""), 100, 0, &out, NULL, &end, &e), &e);
	assert_str(buf_str(&out), "120000\n");
	while (arg.n < 140000)
		buf_putc(&arg, 'x');
	const struct proc_opts p = { .argv = (const char *[]){ "sh", "-c", ":", buf_z(&arg), NULL } };
	assert_fails(proc_run(&p, STR(""), 100, 0, &out, NULL, &end, &e), &e, ERR_WORLD);
	assert_string_equal(e.text, "run 'sh': start 'sh': Argument list too long");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_status),
		cmocka_unit_test(large_streams_do_not_block),
		SCRATCH_TEST(what_cannot_start_is_told),
		cmocka_unit_test(signals_are_as_in_a_new_program),
		SCRATCH_TEST(descriptors_land_where_they_belong),
		cmocka_unit_test(a_group_dies_together),
		cmocka_unit_test(limits_of_run),
		cmocka_unit_test(long_arguments),
	};
	return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
