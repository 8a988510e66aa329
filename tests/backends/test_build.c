/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/backends/scratch.h"

#include <grp.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/archive.h"
#include "backends/build_run.h"
#include "backends/sandbox.h"
#include "sys/jail.h"

#define BUSYBOX "/bin/busybox"

struct world {
	struct scratch s;
	struct str roots[2];
	bool works;
};

static const char *
in(struct world *w, const char *path)
{
	return arena_z(&w->s.arena, path_join(&w->s.arena, str_z(w->s.folder), str_z(path)));
}

static void
put(struct world *w, const char *path, const char *text, mode_t mode)
{
	struct err e;
	if (file_mkdirs_parent(AT_FDCWD, in(w, path), &e) < 0 || file_replace(AT_FDCWD, in(w, path), str_z(text), mode, false, &e) < 0)
		fail_msg("%s", e.text);
}

/* Two roots: busybox and some files; one that changes a few of them. */
static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct err e;
	*state = w;
	scratch_open(&w->s);
	assert_int_equal(chmod(w->s.folder, 0755), 0);
	w->works = file_exists(AT_FDCWD, BUSYBOX) && jail_works(&e) == 0;
	if (!w->works)
		return 0;
	put(w, "one/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\n", 0644);
	put(w, "one/etc/a", "a", 0644);
	put(w, "one/etc/b", "b", 0644);
	put(w, "one/opt/x/1", "1", 0644);
	put(w, "one/opt/x/2", "2", 0644);
	put(w, "one/opt/y/sub/3", "3", 0644);
	put(w, "two/etc/b", "b of two", 0644);
	put(w, "two/etc/c", "c", 0644);
	put(w, "one/bin/sh", "", 0755);
	AUTO_FD from = file_open(AT_FDCWD, BUSYBOX, O_RDONLY, 0, &e);
	AUTO_FD to = file_open(AT_FDCWD, in(w, "one/bin/sh"), O_WRONLY, 0, &e);
	assert_int_equal(file_copy_fd(from, to, &e), 0);
	assert_int_equal(symlink("a", in(w, "one/etc/link")), 0);
	w->roots[0] = str_z(in(w, "one"));
	w->roots[1] = str_z(in(w, "two"));
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	scratch_close(&w->s);
	free(w);
	return 0;
}

#define NEED_BUILDS(w)                                                         \
	do {                                                                   \
		if (!(w)->works) {                                             \
			print_message("needs busybox-static and namespaces\n"); \
			skip();                                                \
		}                                                              \
	} while (0)

static const char *const ENV[] = { "PATH=/bin", NULL };

static struct build *
open_build(struct world *w)
{
	struct build *b;
	struct err e;
	if (build_open(&(struct build_opts){ .roots = w->roots, .nroots = 2, .scratch = str_z(in(w, "scratch")) }, &b, &e) < 0)
		fail_msg("%s", e.text);
	return b;
}

static void
sh(struct world *w, struct build *b, const char *command)
{
	struct build_end end;
	struct err e;
	const char *const argv[] = { "sh", "-ec", command, NULL };
	if (build_run(b, &(struct build_command){ .argv = argv, .envp = ENV }, &w->s.arena, &end, &e) < 0)
		fail_msg("%s", e.text);
	if (end.status != 0)
		fail_msg("'%s' ended with %d: " STR_FMT, command, end.status, STR_ARG(end.nlast ? end.last[end.nlast - 1] : STR("")));
}

/* What changed, as lines "path type mode uid:gid content or target [attributes]". */
static struct str
changes(struct world *w, struct build *b, const struct str *omit, size_t nomit)
{
	struct layer *l = layer_new();
	struct layer_info info;
	struct archive_reader *r;
	struct archive_item x;
	struct err e;
	int got;
	AUTO_BUF out = { 0 };
	if (build_diff(b, omit, nomit, l, &e) < 0 || layer_write(l, w->s.blobs, LAYER_TAR, &info, &e) < 0)
		fail_msg("%s", e.text);
	layer_free(l);
	if (archive_open_blob(w->s.blobs, &info.digest, "layer", &(struct archive_opts){ .links = ARCHIVE_LINKS_ROOT, .skip_devices = true }, &r, &e) < 0)
		fail_msg("%s", e.text);
	while ((got = archive_next(r, &x, &e)) == 1) {
		static const char *const types[] = { "file", "folder", "link", "hardlink" };
		AUTO_BUF text = { 0 };
		if (x.type == ARCHIVE_FILE_ENTRY)
			(void)archive_read_all(r, 1 << 20, &text, &e);
		buf_printf(&out, STR_FMT " %s %o %u:%u", STR_ARG(x.path), types[x.type], x.mode, x.uid, x.gid);
		if (x.type != ARCHIVE_FOLDER_ENTRY)
			buf_printf(&out, " " STR_FMT, STR_ARG(x.type == ARCHIVE_FILE_ENTRY ? buf_str(&text) : x.target));
		for (size_t i = 0; i < x.nxattrs; i++)
			buf_printf(&out, " " STR_FMT, STR_ARG(x.xattrs[i].name));
		buf_putc(&out, '\n');
	}
	if (got < 0)
		fail_msg("%s", e.text);
	archive_close(r);
	return arena_str(&w->s.arena, buf_str(&out));
}

static void
a_layer_tells_what_a_command_changed(void **state)
{
#define ETC "etc folder 755 0:0\n"
#define OPT "opt folder 755 0:0\n"
	static const struct {
		const char *command, *expect;
	} rows[] = {
		{ "true", "" },
		{ "touch /etc/a /etc/b /opt; chmod 644 /etc/c", "" },
		{ "echo -n a > /etc/a", "" },
		{ "echo -n B > /etc/b", ETC "etc/b file 644 0:0 B\n" },
		{ "rm /etc/a", ETC "etc/.wh.a file 644 0:0 \n" },
		{ "rm -r /opt/y", OPT "opt/.wh.y file 644 0:0 \n" },
		{ "rm -r /opt/x; mkdir /opt/x; echo -n n > /opt/x/new",
		  OPT "opt/x folder 755 0:0\nopt/x/.wh..wh..opq file 644 0:0 \nopt/x/new file 644 0:0 n\n" },
		{ "rm -r /opt/x; mkdir /opt/x; echo -n 1 > /opt/x/1", OPT "opt/x folder 755 0:0\nopt/x/.wh.2 file 644 0:0 \n" },
		{ "rm -r /opt/y; mkdir -p /opt/y/sub; echo -n 3 > /opt/y/sub/3", "" },
		{ "rm -r /opt/y; mkdir -p /opt/y/sub; echo -n 4 > /opt/y/sub/3",
		  OPT "opt/y folder 755 0:0\nopt/y/sub folder 755 0:0\nopt/y/sub/3 file 644 0:0 4\n" },
		{ "rm -r /opt/y; echo -n f > /opt/y", OPT "opt/y file 644 0:0 f\n" },
		{ "rm /etc/a; mkdir /etc/a", ETC "etc/a folder 755 0:0\n" },
		{ "chmod 700 /opt", "opt folder 700 0:0\n" },
		{ "echo -n s > /etc/suid; chmod 4755 /etc/suid; mkdir /etc/st; chmod 1777 /etc/st",
		  ETC "etc/st folder 1777 0:0\netc/suid file 4755 0:0 s\n" },
		{ "ln -sf b /etc/link", ETC "etc/link link 777 0:0 b\n" },
		{ "ln -sf a /etc/link", "" },
		{ "echo -n h > /h1; ln /h1 /h0; ln /h1 /opt/h2",
		  "h0 file 644 0:0 h\nh1 hardlink 644 0:0 h0\n" OPT "opt/h2 hardlink 644 0:0 h0\n" },
		{ "ln /etc/a /etc/a2", ETC "etc/a file 644 0:0 a\netc/a2 hardlink 644 0:0 etc/a\n" },
		{ "mkdir /tmp; echo -n t > /tmp/t", "tmp folder 755 0:0\ntmp/t file 644 0:0 t\n" },
		{ "mkdir -p /proc /dev /run; test -d /proc/self", "run folder 755 0:0\n" },
		{ "mkdir /deep; cd /deep; for i in $(seq 200); do mkdir dddddddddd; cd dddddddddd; done; cd /; rm -r /deep", "" },
		{ "mv /opt/y /etc/y", ETC "etc/y folder 755 0:0\netc/y/sub folder 755 0:0\netc/y/sub/3 file 644 0:0 3\n" OPT
				      "opt/.wh.y file 644 0:0 \n" },
	};
	struct world *w = *state;
	NEED_BUILDS(w);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct build *b = open_build(w);
		sh(w, b, rows[i].command);
		const struct str have = changes(w, b, NULL, 0);
		if (!str_is(have, rows[i].expect))
			fail_msg("'%s': expected\n%sgot\n" STR_FMT, rows[i].command, rows[i].expect, STR_ARG(have));
		const struct str folder = arena_str(&w->s.arena, build_folder(b));
		build_close(b);
		assert_false(file_exists(AT_FDCWD, folder.p));
	}
}

static void
several_commands_are_one_layer(void **state)
{
	struct world *w = *state;
	NEED_BUILDS(w);
	struct build *b = open_build(w);
	const struct str omit[] = { STR("var/log/"), STR("etc/c"), STR("tmp/**") };
	sh(w, b, "mkdir -p /var/log/x /tmp/y/z; echo 1 > /var/log/x/y; echo -n 1 > /etc/new");
	sh(w, b, "test -s /etc/new; rm /etc/c; echo -n 2 > /var/two");
	const struct str have = changes(w, b, omit, 3);
	if (!str_is(have, ETC "etc/new file 644 0:0 1\ntmp folder 755 0:0\nvar folder 755 0:0\nvar/log folder 755 0:0\nvar/log/x folder 755 0:0\nvar/two file 644 0:0 2\n"))
		fail_msg("got\n" STR_FMT, STR_ARG(have));
	build_close(b);
}

static void
as_root_owners_and_capabilities_are_told(void **state)
{
	struct world *w = *state;
	NEED_BUILDS(w);
	struct build *b = open_build(w);
	sh(w, b, "chown 1000:50 /etc/a; mkdir /srv; chown 33:33 /srv; echo -n c > /srv/cap");
	const char *cap = arena_printf(&w->s.arena, STR_FMT "/upper/srv/cap", STR_ARG(build_folder(b))).p;
	static const unsigned char net_bind[20] = { 1, 0, 0, 2, 0, 4 };
	assert_int_equal(setxattr(cap, "security.capability", net_bind, sizeof net_bind, 0), 0);
	assert_int_equal(setxattr(cap, "user.note", "n", 1, 0), 0);
	const struct str have = changes(w, b, NULL, 0);
	if (!str_is(have, ETC "etc/a file 644 1000:50 a\nsrv folder 755 33:33\nsrv/cap file 644 0:0 c security.capability user.note\n"))
		fail_msg("got\n" STR_FMT, STR_ARG(have));
	const char *device = arena_printf(&w->s.arena, STR_FMT "/upper/srv/dev", STR_ARG(build_folder(b))).p;
	struct layer *l = layer_new();
	struct err e;
	if (mknod(device, S_IFCHR | 0600, makedev(1, 3)) == 0) {
		assert_int_equal(build_diff(b, NULL, 0, l, &e), -1);
		assert_non_null(strstr(e.text, "/srv/dev"));
	}
	layer_free(l);
	build_close(b);
}

struct heard {
	char text[4096];
};

static void
hear(void *ctx, int stream, struct str text)
{
	struct heard *h = ctx;
	const size_t n = strlen(h->text);
	(void)snprintf(h->text + n, sizeof h->text - n, "%d " STR_FMT "\n", stream, STR_ARG(text));
}

static void
mounts_are_there_and_leave_nothing(void **state)
{
	struct world *w = *state;
	struct err e;
	struct build_end end;
	struct heard heard = { 0 };
	NEED_BUILDS(w);
	put(w, "share/in", "shared", 0644);
	put(w, "three/lib/x", "tree", 0644);
	const struct str three = str_z(in(w, "three")), trees[] = { w->roots[0], three };
	const struct build_mount mounts[] = {
		{ .type = BUILD_BIND, .from = str_z(in(w, "share")), .to = STR("/mnt/deep/share") },
		{ .type = BUILD_BIND, .from = str_z(in(w, "share")), .to = STR("/mnt/ro"), .read_only = true },
		{ .type = BUILD_TREE, .roots = trees, .nroots = 2, .to = STR("/mnt/tree"), .read_only = true },
		{ .type = BUILD_TREE, .roots = &three, .nroots = 1, .from = STR("/lib"), .to = STR("/mnt/sub") },
		{ .type = BUILD_TREE, .roots = &three, .nroots = 1, .from = STR("lib/x"), .to = STR("/mnt/file") },
		{ .type = BUILD_TMPFS, .to = STR("/scratch"), .size = 1 << 20 },
		{ .type = BUILD_SECRET, .to = STR("/run/secrets/token"), .bytes = STR("hush-hush"), .mode = 0400 },
	};
	struct masks masks;
	const struct str secret = STR("hush-hush");
	masks_init(&masks, &secret, 1);
	const char *const argv[] = { "sh", "-ec",
				     "cat /mnt/deep/share/in; echo; cat /mnt/tree/lib/x /mnt/tree/etc/a /mnt/sub/x /mnt/file; echo\n"
				     "echo out > /mnt/deep/share/out; ! echo x > /mnt/ro/x 2> /dev/null; ! echo x > /mnt/tree/x 2> /dev/null\n"
				     "echo lost > /mnt/sub/x; echo y > /scratch/y\n"
				     "cat /run/secrets/token >&2; test $(stat -c %a /run/secrets/token) = 400; pwd",
				     NULL };
	struct build *b = open_build(w);
	const struct build_command c = { .argv = argv, .envp = ENV, .mounts = mounts, .nmounts = sizeof mounts / sizeof *mounts,
					 .workdir = STR("/work/dir"), .line = hear, .ctx = &heard, .masks = &masks };
	if (build_run(b, &c, &w->s.arena, &end, &e) < 0)
		fail_msg("%s", e.text);
	if (end.status != 0)
		fail_msg("%d\n%s", end.status, heard.text);
	masks_done(&masks);
	assert_non_null(strstr(heard.text, "1 shared\n"));
	assert_non_null(strstr(heard.text, "1 treeatreetree\n"));
	assert_non_null(strstr(heard.text, "2 ***\n"));
	assert_non_null(strstr(heard.text, "1 /work/dir\n"));
	assert_true(file_exists(AT_FDCWD, in(w, "share/out")));
	assert_false(file_exists(AT_FDCWD, in(w, "share/x")));
	const struct str have = changes(w, b, NULL, 0);
	if (have.n > 0)
		fail_msg("got\n" STR_FMT, STR_ARG(have));
	AUTO_BUF text = { 0 };
	assert_int_equal(file_read(AT_FDCWD, in(w, "three/lib/x"), 100, &text, &e), 0);
	assert_true(str_is(buf_str(&text), "tree"));
	build_close(b);
}

static void
a_failure_is_told_with_its_last_lines(void **state)
{
	static const struct {
		const char *argv[4];
		int status;
		size_t nlast;
		const char *last;
	} rows[] = {
		{ { "sh", "-c", "for i in $(seq 50); do echo line $i; done; exit 3" }, 3, 20, "line 50" },
		{ { "sh", "-c", "echo -n no newline >&2; kill -9 $$" }, 137, 1, "no newline" },
		{ { "no-such-program" }, 127, 1, "pawl: 'no-such-program' cannot be started in the image: No such file or directory" },
		{ { "sh", "-c", "(sleep 100 &) ; echo gone" }, 0, 1, "gone" },
		{ { "sh", "-c", "env | grep -v -e PATH -e PWD -e SHLVL; cat; umask" }, 0, 1, "0022" },
	};
	struct world *w = *state;
	NEED_BUILDS(w);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct build *b = open_build(w);
		struct build_end end;
		struct err e;
		if (build_run(b, &(struct build_command){ .argv = rows[i].argv, .envp = ENV }, &w->s.arena, &end, &e) < 0)
			fail_msg("%s", e.text);
		assert_int_equal(end.status, rows[i].status);
		assert_int_equal(end.nlast, rows[i].nlast);
		assert_true(str_is(end.last[end.nlast - 1], rows[i].last));
		build_close(b);
	}
}

static void
raise_flag(void *ctx, int stream, struct str text)
{
	(void)stream;
	(void)text;
	atomic_store((atomic_bool *)ctx, true);
}

static void
a_stopped_build_ends_with_all_its_processes(void **state)
{
	struct world *w = *state;
	NEED_BUILDS(w);
	atomic_bool stop = false;
	struct build_end end;
	struct err e = { 0 };
	const char *const argv[] = { "sh", "-c", "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo started; wait", NULL };
	struct build *b = open_build(w);
	const struct build_command c = { .argv = argv, .envp = ENV, .line = raise_flag, .ctx = &stop, .stop = &stop };
	assert_int_equal(build_run(b, &c, &w->s.arena, &end, &e), -1);
	assert_int_equal(e.code, ERR_INTERRUPTED);
	build_close(b);
}

static void
users_are_those_of_the_image(void **state)
{
	static const struct {
		const char *user, *command;
		int status; /* -1: the sandbox refuses */
	} rows[] = {
		{ "ann", "test $(id -u):$(id -g) = 1000:1000", 0 },
		{ "1000:7", "test $(id -u):$(id -g) = 1000:7", 0 },
		{ "0", "test $(id -u) = 0", 0 },
		{ "ann", "echo x > /etc/a", 1 },
		{ "bob", "true", -1 },
	};
	struct world *w = *state;
	NEED_BUILDS(w);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct build *b = open_build(w);
		struct build_end end;
		struct err e;
		const char *const argv[] = { "sh", "-ec", rows[i].command, NULL };
		const struct build_command c = { .argv = argv, .envp = ENV, .user = str_z(rows[i].user) };
		const int ret = build_run(b, &c, &w->s.arena, &end, &e);
		if (rows[i].status < 0)
			assert_true(ret < 0 && strstr(e.text, "no user 'bob'"));
		else if (ret < 0)
			fail_msg("%s", e.text);
		else
			assert_int_equal(end.status, rows[i].status);
		build_close(b);
	}
}

/* Without root: owners are those that the caller has subordinate ids for, or stay what they are. */
static void
without_root_owners_are_what_they_can_be(void **state)
{
	struct world *w = *state;
	NEED_BUILDS(w);
	struct build *b = open_build(w);
	sh(w, b, "echo -n n > /etc/new; chown 1000:50 /etc/new; mkdir /etc/closed; echo -n x > /etc/closed/x; chmod 0 /etc/closed/x /etc/closed\n"
		 "chown -R 7:7 /etc/closed");
	const bool many = getenv("TEST_SUBIDS") != NULL;
	const struct str have = changes(w, b, NULL, 0);
	const char *want = many ? ETC "etc/closed folder 0 7:7\netc/closed/x file 0 7:7 x\netc/new file 644 1000:50 n\n"
				: ETC "etc/closed folder 0 0:0\netc/closed/x file 0 0:0 x\netc/new file 644 0:0 n\n";
	if (!str_is(have, want))
		fail_msg("expected\n%sgot\n" STR_FMT, want, STR_ARG(have));
	const struct str folder = arena_str(&w->s.arena, build_folder(b));
	build_close(b);
	assert_false(file_exists(AT_FDCWD, folder.p));
}

#define NOBODY 65534

/* With ranges of ids for that user, seen by this process alone. */
static bool
give_subids(const char *file)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(file, "/etc/subuid", NULL, MS_BIND, NULL) == 0 && mount(file, "/etc/subgid", NULL, MS_BIND, NULL) == 0;
}

/* These tests again as an ordinary user: 0; 77 when that cannot be had here. */
static int
run_as_nobody(const char *program, const char *subids)
{
	int raw = 0;
	(void)fflush(stdout); /* or the other process says it again */
	const pid_t pid = fork();
	if (pid == 0) {
		if (subids && !give_subids(subids))
			_exit(77);
		if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(77);
		if (subids)
			(void)setenv("TEST_SUBIDS", "1", 1);
		(void)!freopen("/dev/null", "w", stdout); /* what fails is said on stderr */
		execl(program, program, (char *)NULL);
		_exit(78);
	}
	assert_int_equal(waitpid(pid, &raw, 0), pid);
	assert_true(WIFEXITED(raw));
	return WEXITSTATUS(raw);
}

static void
the_same_holds_for_an_ordinary_user(void **state)
{
	struct world *w = *state;
	struct err e;
	NEED_BUILDS(w);
	put(w, "program", "", 0755);
	put(w, "subids", "65534:1000000:65536\n", 0644);
	AUTO_FD from = file_open(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, &e);
	AUTO_FD to = file_open(AT_FDCWD, in(w, "program"), O_WRONLY, 0, &e);
	assert_int_equal(file_copy_fd(from, to, &e), 0);
	assert_int_equal(file_close(&to, "program", &e), 0);
	assert_int_equal(run_as_nobody(in(w, "program"), NULL), 0);
	if (!file_exists(AT_FDCWD, "/usr/bin/newuidmap") || !file_exists(AT_FDCWD, "/etc/subuid"))
		return;
	const int status = run_as_nobody(in(w, "program"), in(w, "subids"));
	assert_true(status == 0 || status == 77);
}

/* The thread sanitizer runs a thread of its own, and the kernel gives no user namespace to a process with threads. */
#ifdef __SANITIZE_THREAD__
#define USER_NAMESPACES 0
#else
#define USER_NAMESPACES 1
#endif

int
main(int argc, char **argv)
{
	const struct CMUnitTest everybody[] = {
		cmocka_unit_test_setup_teardown(a_layer_tells_what_a_command_changed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(several_commands_are_one_layer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mounts_are_there_and_leave_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failure_is_told_with_its_last_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stopped_build_ends_with_all_its_processes, set_up, tear_down),
	};
	const struct CMUnitTest root[] = {
		cmocka_unit_test_setup_teardown(as_root_owners_and_capabilities_are_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(users_are_those_of_the_image, set_up, tear_down),
	};
	const struct CMUnitTest root_with_namespaces[] = {
		cmocka_unit_test_setup_teardown(the_same_holds_for_an_ordinary_user, set_up, tear_down),
	};
	const struct CMUnitTest user_with_namespaces[] = {
		cmocka_unit_test_setup_teardown(without_root_owners_are_what_they_can_be, set_up, tear_down),
	};
	struct err e;
	if (argc > 1 && strcmp(argv[1], SANDBOX_VERB) == 0) { /* we are the program that the sandbox starts again */
		if (sandbox_main(argc - 1, argv + 1, &e) < 0)
			fprintf(stderr, "%s\n", e.text);
		return 3;
	}
	const bool is_root = geteuid() == 0;
	int failed = cmocka_run_group_tests(everybody, NULL, NULL);
	if (is_root)
		failed += cmocka_run_group_tests(root, NULL, NULL);
	if (USER_NAMESPACES)
		failed += is_root ? cmocka_run_group_tests(root_with_namespaces, NULL, NULL) : cmocka_run_group_tests(user_with_namespaces, NULL, NULL);
	return failed;
}
