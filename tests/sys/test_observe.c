/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scratch.h"

#include <signal.h>

#include "sys/observe.h"
#include "sys/proc.h"

/* Events as text, a line each, in their order. */
struct heard {
	struct buf text;
};

static void
seen(void *ctx, const struct observe_event *ev)
{
	static const char letters[] = "srlLwfnx"; /* in the order of the bits; s: looked for, l: listed, L: link */
	struct heard *h = ctx;

	if (ev->folder == SIZE_MAX)
		return;
	for (int i = 0; i < 8; i++)
		if (ev->what & (1u << i))
			buf_putc(&h->text, letters[i]);
	buf_printf(&h->text, " " STR_FMT "%s\n", STR_ARG(ev->path), ev->absolute ? " (abs)" : "");
}

static struct str
real(struct scratch *s, struct arena *a)
{
	char link[64], path[4096];

	snprintf(link, sizeof link, "/proc/self/fd/%d", s->fd);
	const ssize_t n = readlink(link, path, sizeof path);

	return arena_str(a, (struct str){ path, n > 0 ? (size_t)n : 0 });
}

/* Runs a script in the scratch folder. False: nothing can be observed here. */
static bool
observed(struct scratch *s, const char *script, struct heard *h, int *status)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	struct arena a = { 0 };
	struct err e = { 0 };
	struct str folder = real(s, &a);
	const struct observe_opts oo = { .folders = &folder, .nfolders = 1, .ctx = h, .seen = seen };
	struct observer *o = observe_new(&oo, &e);

	assert_non_null(o);
	const struct proc_opts po = { .argv = (const char *[]){ "sh", "-c", script, NULL }, .envp = env, .cwd = s->fd, .in = -1, .out = -1,
				      .err = -1, .observe = observe_entry(o) };
	struct proc p;
	struct proc_end end;

	assert_ok(proc_spawn(&po, &p, &e), &e);
	observe_started(o);
	assert_ok(proc_reap(&p, &end, &e), &e);
	*status = end.status;
	const bool ok = observe_end(o, &e);

	if (!ok)
		print_message("# not observed: %s\n", e.text);
	arena_done(&a);
	return ok;
}

static void
names_and_kinds(void **state)
{
	struct scratch *s = *state;
	static const struct {
		const char *script, *line; /* a line that must be there; with '!' in front: must not */
	} rows[] = {
		{ "cat a.txt", "r a.txt" },
		{ "cat ./sub/../a.txt", "r a.txt" },
		{ "cat \"$PWD/a.txt\"", "r a.txt (abs)" },
		{ "cd sub && cat b.txt", "r sub/b.txt" },
		{ "cd / && cat a.txt", "!r a.txt" },
		{ "cat missing", "r missing" },
		{ "test -e gone || true", "s gone" },
		{ "ls sub", "l sub" },
		{ "ls", "l ." },
		{ "readlink link", "L link" },
		{ "echo x > new", "wf new" },
		{ "echo x >> log", "w log" },
		{ "mkdir folder", "wn folder" },
		{ "echo x > one; mv one two", "wf two" },
		{ "rm -f a.bak; cp a.txt a.bak; rm a.bak", "w a.bak" },
		{ "./tool", "rx tool" },
		{ "(sh -c 'sh -c \"cat a.txt\"')", "r a.txt" },
		{ "cat /etc/passwd", "!r etc/passwd" },
	};

	scratch_write(s, "a.txt", "a");
	scratch_write(s, "tool", "#!/bin/sh\n");
	assert_int_equal(fchmodat(s->fd, "tool", 0755, 0), 0);
	assert_int_equal(mkdirat(s->fd, "sub", 0755), 0);
	scratch_write(s, "sub/b.txt", "b");
	assert_int_equal(symlinkat("a.txt", s->fd, "link"), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct heard h = { 0 };
		AUTO_BUF want = { 0 };
		int status;
		const bool not_there = rows[i].line[0] == '!';

		ROW(i, rows[i].script);
		if (!observed(s, rows[i].script, &h, &status))
			skip();
		buf_printf(&want, "%s\n", rows[i].line + not_there);
		AUTO_BUF all = { 0 };
		buf_printf(&all, "\n" STR_FMT, STR_ARG(buf_str(&h.text)));
		AUTO_BUF whole = { 0 };
		buf_printf(&whole, "\n" STR_FMT, STR_ARG(buf_str(&want)));
		if ((str_find(buf_str(&all), buf_str(&whole)) == SIZE_MAX) != not_there) {
			print_error("%s: %s '%s' in\n" STR_FMT, rows[i].script, not_there ? "not expected" : "expected", rows[i].line,
				    STR_ARG(buf_str(&h.text)));
			fail();
		}
		buf_done(&h.text);
	}
}

static void
status_and_signals_are_its_own(void **state)
{
	struct scratch *s = *state;
	static const struct {
		const char *script;
		int status;
	} rows[] = { { "exit 3", 3 }, { "kill -9 $$", 137 }, { "cat missing", 1 }, { "no-such-program", 127 } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct heard h = { 0 };
		int status;

		ROW(i, rows[i].script);
		if (!observed(s, rows[i].script, &h, &status))
			skip();
		assert_int_equal(status, rows[i].status);
		buf_done(&h.text);
	}
}

/* A daemon that a step leaves behind must still be able to open files. */
static void
what_is_left_behind_goes_on(void **state)
{
	struct scratch *s = *state;
	struct heard h = { 0 };
	struct err e;
	int status;

	assert_int_equal(mkfifoat(s->fd, "go", 0600), 0);
	assert_int_equal(mkfifoat(s->fd, "done", 0600), 0);
	if (!observed(s, "setsid sh -c 'read x < go; cat /etc/passwd > copy && echo ok > done' >/dev/null 2>&1 &", &h, &status))
		skip();
	buf_reset(&h.text);
	AUTO_FD go = file_open(s->fd, "go", O_WRONLY, 0, &e);
	assert_ok(go, &e);
	assert_ok(file_write_all(go, STR("x\n"), &e), &e);
	file_closep(&go);
	AUTO_FD done = file_open(s->fd, "done", O_RDONLY, 0, &e);
	AUTO_BUF text = { 0 };
	assert_ok(file_read_fd(done, 100, &text, &e), &e);
	assert_str(buf_str(&text), "ok\n");
	assert_int_equal(h.text.n, 0); /* nothing is heard after the end */
	buf_done(&h.text);
}

/* A program that cannot be started, and an observer whose child never came. */
static void
nobody_came(void **state)
{
	struct heard h = { 0 };
	struct err e = { 0 };
	struct str folder = STR("/no/such/folder");
	const struct observe_opts oo = { .folders = &folder, .nfolders = 1, .ctx = &h, .seen = seen };
	struct observer *o = observe_new(&oo, &e);

	(void)state;
	assert_non_null(o);
	const struct proc_opts po = { .argv = (const char *[]){ "/no/such/program", NULL }, .in = -1, .out = -1, .err = -1,
				      .observe = observe_entry(o) };
	struct proc p;

	assert_fails(proc_spawn(&po, &p, &e), &e, ERR_MISSING);
	(void)observe_end(o, &e);
	o = observe_new(&oo, &e);
	assert_non_null(o);
	assert_false(observe_end(o, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_and_kinds, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(status_and_signals_are_its_own, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(what_is_left_behind_goes_on, scratch_make, scratch_remove),
		cmocka_unit_test(nobody_came),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
