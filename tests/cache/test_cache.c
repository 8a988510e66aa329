/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache as a whole: what is acknowledged stays, whoever dies and however little room there is.
 */
#include "scratch.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/vec.h"
#include "cache/cache.h"
#include "cache/claim.h"
#include "cache/lease.h"
#include "cache/stats.h"
#include "sys/clock.h"

#define MUST(x)                                                                                              \
	do {                                                                                                 \
		if (!(x)) {                                                                                  \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #x, e.text);                  \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)

/* ---- the order of durability: calls of this process, in the order in which they were made ----------------------- */

static struct {
	bool on;
	struct buf log;
} watch;

static void
note(const char *what)
{
	if (watch.on)
		buf_printf(&watch.log, "%s ", what);
}

int
syncfs(int fd)
{
	note("data");
	return (int)syscall(SYS_syncfs, fd);
}

int
fdatasync(int fd)
{
	char path[600] = { 0 };
	(void)!readlink(in("/proc/self/fd", (char[12]){ (char)('0' + fd / 10), (char)('0' + fd % 10), 0 } + (fd < 10)), path,
			sizeof path - 1);
	note(strstr(path, "data.mdb") ? "records" : "data");
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	note("folder");
	return (int)syscall(SYS_fsync, fd);
}

int
renameat(int at, const char *from, int to_at, const char *to)
{
	note("name");
	return (int)syscall(SYS_renameat2, at, from, to_at, to, 0);
}

/* Runs of the same word once. */
static void
squeeze(struct buf *out)
{
	struct str all = buf_str(&watch.log), last = { 0 };
	while (all.n > 0) {
		const struct str_cut c = str_cut(all, ' ');
		if (!str_eq(c.head, last)) {
			buf_put(out, c.head);
			buf_putc(out, ' ');
		}
		last = c.head;
		all = c.tail;
	}
}

static void
blobs_are_durable_before_the_record_that_names_them(void **state)
{
	(void)state;
	static const int rows[] = { 1, 5, 100 };
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct cache *c;
	OK(cache_open(str_z(dir), &c, &e));
	for (size_t k = 0; k < 3; k++) {
		struct batch b = { 0 };
		for (int i = 0; i < rows[k]; i++) {
			char text[40];
			struct digest d;
			snprintf(text, sizeof text, "%d of %d", i, rows[k]);
			OK(blobs_put(c->blobs, str_z(text), &d, &e));
			batch_put(&b, TABLE_RESULT, (struct str){ (char *)d.b, 32 }, STR("named"));
		}
		watch.on = true;
		OK(cache_commit(c, &b, &e));
		watch.on = false;
		AUTO_BUF order = { 0 };
		squeeze(&order);
		assert_string_equal(buf_z(&order), "data name folder records ");
		buf_done(&watch.log);
	}
	cache_close(c);
	scratch_free(dir);
}

/* ---- the folder ------------------------------------------------------------------------------------------------- */

static void
the_folder_follows_the_environment(void **state)
{
	(void)state;
	static const struct {
		const char *pawl, *xdg, *home, *expected;
	} rows[] = {
		{ "/a/b", "/x", "/h", "/a/b" },
		{ "/a//b/", "/x", "/h", "/a/b" },
		{ NULL, "/x", "/h", "/x/pawl" },
		{ "", "/x", "/h", "/x/pawl" },
		{ NULL, NULL, "/h", "/h/.cache/pawl" },
		{ NULL, "", "/h", "/h/.cache/pawl" },
		{ NULL, "relative", "/h", "/h/.cache/pawl" },
		{ NULL, NULL, NULL, NULL },
		{ "", "", "", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena a = { 0 };
		struct str out;
		struct err e = { 0 };
		const int rc = cache_folder(rows[i].pawl, rows[i].xdg, rows[i].home, &a, &out, &e);
		assert_int_equal(rc, rows[i].expected ? 0 : -1);
		if (rows[i].expected)
			assert_true(str_is(out, rows[i].expected));
		else
			assert_int_equal(e.code, ERR_INPUT);
		arena_done(&a);
	}
}

static void
a_fresh_cache_has_its_parts_and_says_nothing(void **state)
{
	(void)state;
	static const char *const parts[] = { "records/data.mdb", "blobs/oci-layout", "blobs/index.json", "blobs/blobs/sha256", "locks" };
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct cache *c;
	FAILS(ERR_INPUT, cache_open(STR("relative"), &c, &e));
	OK(cache_open(str_z(in(dir, "new/cache")), &c, &e));
	assert_false(c->degraded);
	assert_int_equal(cache_notice(c).n, 0);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		assert_true(file_exists(c->fd, parts[i]));
	cache_close(c);
	cache_close(NULL);
	scratch_free(dir);
}

static void
a_folder_that_cannot_be_is_a_degraded_cache(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct cache *c;
	struct digest d;
	OK(file_replace(AT_FDCWD, in(dir, "file"), STR("x"), 0644, false, &e));
	OK(cache_open(str_z(in(dir, "file/cache")), &c, &e));
	assert_true(c->degraded);
	assert_true(cache_notice(c).n > 0);
	assert_int_equal(cache_notice(c).n, 0);
	OK(blobs_put(c->blobs, STR("still usable"), &d, &e));
	AUTO_BUF got = { 0 };
	OK(blobs_read(c->blobs, &d, 100, &got, &e));
	assert_string_equal(buf_z(&got), "still usable");
	struct batch b = { 0 };
	batch_put(&b, TABLE_MISC, STR("k"), STR("v"));
	OK(cache_commit(c, &b, &e));
	assert_int_equal(b.n, 0);
	AUTO_FD claim = claim_try(c, STR("project"), &e);
	assert_true(claim >= 0);
	OK(lease_take(c, &e));
	OK(lease_add(c, &d, &e));
	cache_close(c);
	scratch_free(dir);
}

/* ---- killed writers --------------------------------------------------------------------------------------------- */

static void
put_number(struct cache *c, uint64_t n, struct batch *b)
{
	struct err e = { 0 };
	char text[6000];
	struct digest d;
	const size_t size = 20 + n % 5 * 1200;
	memset(text, (int)(n % 251), size);
	snprintf(text, sizeof text, "%llu", (unsigned long long)n);
	MUST(blobs_put(c->blobs, (struct str){ text, size }, &d, &e) == 0);
	batch_put(b, TABLE_RESULT, (struct str){ (char *)&n, 8 }, (struct str){ (char *)d.b, 32 });
}

/* Commits numbers from `from` on and says so, until it is killed. */
static void
write_until_killed(const char *dir, uint64_t from, int out)
{
	struct cache *c;
	struct err e = { 0 };
	MUST(cache_open(str_z(dir), &c, &e) == 0);
	MUST(!c->degraded);
	for (uint64_t n = from;; n += 2) {
		struct batch b = { 0 };
		put_number(c, n, &b);
		put_number(c, n + 1, &b);
		MUST(cache_commit(c, &b, &e) == 0);
		MUST(!c->degraded);
		const uint64_t done = n + 2;
		MUST(write(out, &done, 8) == 8);
	}
}

static void
check_numbers(struct cache *c, uint64_t from, uint64_t to)
{
	struct err e = { 0 };
	struct view *v;
	OK(view_begin(c->records, &v, &e));
	for (uint64_t n = from; n < to; n++) {
		struct str value;
		struct digest d;
		char text[30];
		if (!view_get(v, TABLE_RESULT, (struct str){ (char *)&n, 8 }, &value))
			fail_msg("%llu was acknowledged and is not there", (unsigned long long)n);
		assert_int_equal(value.n, 32);
		memcpy(d.b, value.p, 32);
		AUTO_BUF got = { 0 };
		OK(blobs_read(c->blobs, &d, 10000, &got, &e));
		snprintf(text, sizeof text, "%llu", (unsigned long long)n);
		assert_string_equal(buf_z(&got), text);
	}
	view_end(v);
}

static void
what_killed_writers_acknowledged_is_there(void **state)
{
	(void)state;
	char *dir = scratch_new(true);
	uint64_t s = seed_new(), next = 0, checked = 0;
	struct err e = { 0 };
	for (int kill_no = 0; kill_no < 300; kill_no++) {
		int p[2], status;
		assert_int_equal(pipe(p), 0);
		fflush(stdout);
		const pid_t pid = fork();
		if (pid == 0) {
			close(p[0]);
			write_until_killed(dir, next, p[1]);
		}
		close(p[1]);
		/* After some acknowledgements, and a little later. */
		const uint64_t acks = rnd(&s) % 6;
		uint64_t done;
		for (uint64_t i = 0; i < acks && read(p[0], &done, 8) == 8; i++)
			next = done;
		const int64_t until = clock_mono() + (int64_t)(rnd(&s) % 1500000);
		while (clock_mono() < until)
			;
		kill(pid, SIGKILL);
		while (read(p[0], &done, 8) == 8)
			next = done;
		close(p[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		if (kill_no % 10 != 9)
			continue; /* the next writer opens what the dead one left */
		struct cache *c;
		OK(cache_open(str_z(dir), &c, &e));
		assert_false(c->degraded);
		assert_int_equal(cache_notice(c).n, 0);
		check_numbers(c, kill_no == 299 ? 0 : checked, next);
		checked = next;
		cache_close(c);
	}
	struct cache *c;
	struct arena a = { 0 };
	struct file_entry *v;
	size_t n;
	OK(cache_open(str_z(dir), &c, &e));
	OK(file_list(c->fd, "blobs/tmp", &a, &v, &n, &e));
	assert_true(n <= 1); /* the lock; nothing of the dead */
	size_t nchecked, nbad;
	OK(records_verify(c->records, false, &nchecked, &nbad, &e));
	assert_int_equal(nbad, 0);
	printf("  %llu numbers\n", (unsigned long long)next);
	cache_close(c);
	arena_done(&a);
	scratch_free(dir);
}

/* ---- little room ------------------------------------------------------------------------------------------------ */

/* A mount namespace of our own; false: not allowed here. */
static bool
own_mounts(void)
{
	const uid_t uid = getuid();
	const gid_t gid = getgid();
	if (unshare(CLONE_NEWNS) < 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			return false;
		struct err e = { 0 };
		char map[60];
		(void)file_replace(AT_FDCWD, "/proc/self/setgroups", STR("deny"), 0644, false, &e);
		const int u = open("/proc/self/uid_map", O_WRONLY), g = open("/proc/self/gid_map", O_WRONLY);
		(void)!write(u, map, (size_t)snprintf(map, sizeof map, "%u %u 1", uid, uid));
		(void)!write(g, map, (size_t)snprintf(map, sizeof map, "%u %u 1", gid, gid));
		close(u);
		close(g);
	}
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* Many commits; never an error, never a crash; all that was acknowledged before degrading is there for the next one. */
static void
work_in(const char *folder, bool *degraded)
{
	char dir[600];
	snprintf(dir, sizeof dir, "%s", folder);
	struct err e = { 0 };
	struct cache *c;
	uint64_t acknowledged = 0;
	MUST(cache_open(str_z(dir), &c, &e) == 0);
	for (uint64_t n = 0; n < 40; n++) {
		struct batch b = { 0 };
		put_number(c, n, &b);
		MUST(cache_commit(c, &b, &e) == 0);
		MUST(b.n == 0);
		if (!c->degraded)
			acknowledged = n + 1;
	}
	*degraded = c->degraded;
	MUST(c->degraded == (cache_notice(c).n > 0));
	MUST(cache_notice(c).n == 0);
	check_numbers(c, 0, acknowledged);
	cache_close(c);
	MUST(cache_open(str_z(dir), &c, &e) == 0);
	check_numbers(c, 0, acknowledged);
	cache_close(c);
}

/* In a child: 0 done, 77 not possible here. */
static void
in_child(void (*body)(const char *dir), const char *dir)
{
	int status;
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		body(dir);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
fill_disks(const char *dir)
{
	struct err e = { 0 };
	if (!own_mounts())
		_exit(77);
	int ndegraded = 0, nfine = 0;
	for (int kib = 4; kib <= 800; kib += 4) { /* the disk is full at each page in turn */
		char size[40];
		bool degraded;
		snprintf(size, sizeof size, "size=%dk", kib);
		if (mount("tmpfs", dir, "tmpfs", 0, size) < 0)
			_exit(77);
		work_in(in(dir, "cache"), &degraded);
		ndegraded += degraded;
		nfine += !degraded;
		MUST(umount(dir) == 0);
	}
	fprintf(stderr, "  %d disks were full, %d large enough\n", ndegraded, nfine);
	MUST(ndegraded > 20 && nfine > 0);
}

static void
a_full_disk_degrades_at_each_write(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	in_child(fill_disks, dir);
	scratch_free(dir);
}

static void
limit_files(const char *dir)
{
	struct err e = { 0 };
	(void)signal(SIGXFSZ, SIG_IGN);
	for (rlim_t size = 0; size < 120000; size += 4096 - 100) {
		const struct rlimit limit = { size, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };
		char name[30];
		bool degraded;
		snprintf(name, sizeof name, "c%u", (unsigned)size);
		MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
		if (size > 8000) { /* below, not even the blobs of the test fit */
			work_in(in(dir, name), &degraded);
		} else {
			struct cache *c;
			MUST(cache_open(str_z(in(dir, name)), &c, &e) == 0);
			cache_close(c);
		}
		MUST(setrlimit(RLIMIT_FSIZE, &none) == 0);
	}
}

static void
a_limit_on_file_sizes_degrades(void **state)
{
	(void)state;
	char *dir = scratch_new(true);
	in_child(limit_files, dir);
	scratch_free(dir);
}

static void
read_only_disk(const char *dir)
{
	struct err e = { 0 };
	struct cache *c;
	struct digest d;
	if (!own_mounts() || mount("tmpfs", dir, "tmpfs", 0, "size=20m") < 0)
		_exit(77);
	bool degraded;
	work_in(dir, &degraded);
	MUST(!degraded);
	MUST(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	MUST(cache_open(str_z(dir), &c, &e) == 0);
	MUST(c->degraded);
	MUST(cache_notice(c).n > 0);
	check_numbers(c, 0, 40);
	MUST(blobs_put(c->blobs, STR("new"), &d, &e) == 0);
	AUTO_BUF got = { 0 };
	MUST(blobs_read(c->blobs, &d, 100, &got, &e) == 0);
	struct batch b = { 0 };
	put_number(c, 100, &b);
	MUST(cache_commit(c, &b, &e) == 0);
	struct content content;
	MUST(stats_content(c->stats, c->fd, "blobs/oci-layout", NULL, &content, &e) == 0);
	MUST(lease_take(c, &e) == 0 && lease_add(c, &d, &e) == 0);
	cache_close(c);
	MUST(umount(dir) == 0);
}

static void
a_read_only_disk_is_read(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	in_child(read_only_disk, dir);
	scratch_free(dir);
}

/* ---- leases ----------------------------------------------------------------------------------------------------- */

static void
leases_of_the_living_are_read_and_of_the_dead_removed(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct arena a = { 0 };
	struct cache *c;
	struct digest *v, x = digest_of(STR("x")), y = digest_of(STR("y"));
	size_t n;
	int64_t oldest;
	OK(cache_open(str_z(dir), &c, &e));
	OK(lease_read(c, &a, &v, &n, &oldest, &e));
	assert_int_equal(n, 0);
	assert_true(oldest == INT64_MAX);
	const int64_t before = clock_real();
	OK(lease_take(c, &e));
	OK(lease_add(c, &x, &e));
	OK(lease_add(c, &y, &e));
	OK(lease_add(c, &x, &e));
	/* A dead one: no lock, and a torn last line. */
	AUTO_BUF dead = { 0 };
	char hex[DIGEST_HEX + 1];
	digest_hex(&x, hex);
	buf_printf(&dead, "%s\n%.10s", hex, hex);
	OK(file_replace(c->fd, "leases/1-1", buf_str(&dead), 0644, false, &e));
	OK(lease_read(c, &a, &v, &n, &oldest, &e));
	assert_int_equal(n, 2);
	assert_true(digest_cmp(&v[0], &v[1]) < 0);
	assert_true(oldest >= before && oldest <= clock_real());
	assert_false(file_exists(c->fd, "leases/1-1"));
	lease_drop(c);
	OK(lease_read(c, &a, &v, &n, &oldest, &e));
	assert_int_equal(n, 0);
	lease_drop(c);
	cache_close(c);
	arena_done(&a);
	scratch_free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_folder_follows_the_environment),
		cmocka_unit_test(a_fresh_cache_has_its_parts_and_says_nothing),
		cmocka_unit_test(blobs_are_durable_before_the_record_that_names_them),
		cmocka_unit_test(a_folder_that_cannot_be_is_a_degraded_cache),
		cmocka_unit_test(what_killed_writers_acknowledged_is_there),
		cmocka_unit_test(a_full_disk_degrades_at_each_write),
		cmocka_unit_test(a_limit_on_file_sizes_degrades),
		cmocka_unit_test(a_read_only_disk_is_read),
		cmocka_unit_test(leases_of_the_living_are_read_and_of_the_dead_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
