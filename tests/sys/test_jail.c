/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "sys/file.h"
#include "sys/jail.h"

#define BUSYBOX "/bin/busybox"

struct world {
	struct arena a;
	struct str top;
	const char *root, *shared;
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct err e;
	struct file_stat st;
	*state = w;
	if (!file_exists(AT_FDCWD, BUSYBOX) || jail_works(&e) < 0)
		return 0;
	assert_int_equal(file_scratch_dir("/tmp", "pawl-jail-", &w->a, &w->top, &e), 0);
	w->root = arena_z(&w->a, path_join(&w->a, w->top, STR("root")));
	w->shared = arena_z(&w->a, path_join(&w->a, w->top, STR("shared: a, b")));
	const char *bin = arena_z(&w->a, path_join(&w->a, w->top, STR("root/bin")));
	assert_int_equal(file_mkdirs(AT_FDCWD, bin, &e), 0);
	assert_int_equal(file_mkdirs(AT_FDCWD, w->shared, &e), 0);
	assert_int_equal(file_mkdirs(AT_FDCWD, arena_z(&w->a, path_join(&w->a, w->top, STR("root/etc"))), &e), 0);
	AUTO_FD from = file_open(AT_FDCWD, BUSYBOX, O_RDONLY, 0, &e);
	AUTO_FD to = file_open(AT_FDCWD, arena_z(&w->a, path_join(&w->a, w->top, STR("root/bin/sh"))),
			       O_WRONLY | O_CREAT, 0755, &e);
	assert_int_equal(file_copy_fd(from, to, &e), 0);
	assert_int_equal(symlink("/etc", arena_z(&w->a, path_join(&w->a, w->top, STR("root/out")))), 0);
	assert_int_equal(file_stat(AT_FDCWD, w->root, false, &st, &e), 0);
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	if (w->top.n)
		(void)file_remove_tree(AT_FDCWD, arena_z(&w->a, w->top), NULL);
	arena_done(&w->a);
	free(w);
	return 0;
}

/* The exit status of a shell command in the jail; -1: the jail was not built. In a child, because jail_run keeps its process. */
static int
run_as(struct world *w, unsigned uid, const char *to, bool read_only, const char *command)
{
	const char *const roots[] = { w->root };
	const struct jail_bind bind = { .from = w->shared, .to = to, .read_only = read_only };
	const char *const argv[] = { "sh", "-c", command, NULL }, *const envp[] = { "PATH=/bin", NULL };
	const struct jail j = { .roots = roots, .nroots = 1, .binds = &bind, .nbinds = 1, .workdir = "/work", .uid = uid,
				.gid = uid, .hostname = "pawl", .argv = argv, .envp = envp };
	pid_t pid = fork();
	int status = 0, raw;
	if (pid == 0) {
		struct err e;
		_exit(jail_run(&j, &status, &e) < 0 ? 255 : status);
	}
	assert_int_equal(waitpid(pid, &raw, 0), pid);
	assert_true(WIFEXITED(raw));
	return WEXITSTATUS(raw) == 255 ? -1 : WEXITSTATUS(raw);
}

#define NEED_JAIL(w)                                                           \
	do {                                                                   \
		if (!(w)->top.n) {                                             \
			print_message("needs busybox-static and namespaces\n"); \
			skip();                                                \
		}                                                              \
	} while (0)

static void
commands_end_with_their_status(void **state)
{
	static const struct {
		const char *command;
		int status;
	} rows[] = {
		{ "exit 0", 0 },
		{ "exit 7", 7 },
		{ "kill -9 $$", 137 },
		{ "no-such-program", 127 },
		{ "test \"$(pwd)\" = /work", 0 },
		{ "test -c /dev/null && echo x > /dev/null", 0 },
		{ "test -e /dev/kmsg", 1 },
		{ "echo x > /tmp/x && test -s /tmp/x", 0 },
		{ "test \"$$\" -lt 10", 0 },
		{ "ls /proc/1 > /dev/null", 0 },
		{ "echo x > /bin/new", 0 },
		{ "rm /bin/sh", 0 },
		{ "mount -t tmpfs none /tmp", 1 },
		{ "test \"$(hostname)\" = pawl", 0 },
		{ "cd /proc/1/root/../..; ls; test -e /bin/bash", 1 },
	};
	struct world *w = *state;
	NEED_JAIL(w);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("%s\n", rows[i].command);
		assert_int_equal(run_as(w, 0, "/app", false, rows[i].command), rows[i].status);
	}
}

static void
changes_stay_inside(void **state)
{
	struct world *w = *state;
	NEED_JAIL(w);
	assert_int_equal(run_as(w, 0, "/app", false, "rm /bin/sh; echo > /new; ls /bin/sh"), 1);
	assert_true(file_exists(AT_FDCWD, arena_z(&w->a, path_join(&w->a, w->top, STR("root/bin/sh")))));
	assert_false(file_exists(AT_FDCWD, arena_z(&w->a, path_join(&w->a, w->top, STR("root/new")))));
}

static void
binds_share_with_the_callers_owner(void **state)
{
	struct world *w = *state;
	struct file_stat st;
	NEED_JAIL(w);
	assert_int_equal(run_as(w, 1000, "/app", false, "test $(id -u) = 1000 && echo x > /app/from-1000"), 0);
	assert_int_equal(file_stat(AT_FDCWD, arena_z(&w->a, path_join(&w->a, str_z(w->shared), STR("from-1000"))), false, &st, NULL), 0);
	assert_int_equal(st.uid, geteuid());
	assert_int_not_equal(run_as(w, 0, "/app", true, "echo x > /app/read-only"), 0);
}

/* As root the other user has no rights over root's files, and nobody's id is a stranger's. */
static void
another_user_sees_owners_as_they_are(void **state)
{
	static const struct {
		const char *command;
		int status;
	} rows[] = {
		{ "test $(stat -c %u /bin/sh) = 0", 0 },
		{ "echo x > /bin/new", 1 },
		{ "test $(stat -c %u:%g /app) = 1000:1000", 0 },
		{ "mkdir /app/sub && echo x > /app/sub/y && chmod 700 /app/sub && rm -r /app/sub", 0 },
		{ "ln /bin/sh /app/sh", 1 },
	};
	struct world *w = *state;
	NEED_JAIL(w);
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("%s\n", rows[i].command);
		assert_int_equal(run_as(w, 1000, "/app", false, rows[i].command), rows[i].status);
	}
}

static void
targets_of_binds_do_not_leave_the_root(void **state)
{
	struct world *w = *state;
	NEED_JAIL(w);
	/* /out is a link of the image to /etc: inside, not the host's */
	assert_int_equal(run_as(w, 0, "/out/deep/app", false, "echo x > /etc/deep/app/through-a-link"), 0);
	assert_false(file_exists(AT_FDCWD, "/etc/deep"));
}

/* The thread sanitizer runs a thread of its own, and the kernel gives no user namespace to a process with threads. */
#ifdef __SANITIZE_THREAD__
#define USER_NAMESPACES 0
#else
#define USER_NAMESPACES 1
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commands_end_with_their_status, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changes_stay_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(targets_of_binds_do_not_leave_the_root, set_up, tear_down),
	};
	const struct CMUnitTest with_user_namespaces[] = {
		cmocka_unit_test_setup_teardown(binds_share_with_the_callers_owner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_user_sees_owners_as_they_are, set_up, tear_down),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return USER_NAMESPACES ? failed + cmocka_run_group_tests(with_user_namespaces, NULL, NULL) : failed;
}
