/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "cache/records.h"
#include "sys/lock.h"

#define LOCK_MS 20000

static struct str
key_n(char *to, const char *prefix, int i)
{
	snprintf(to, 40, "%s%06d", prefix, i);
	return str_z(to);
}

/* Bytes that follow from the number, so that a wrong value shows. */
static struct str
value_n(char *to, int i, size_t n)
{
	for (size_t k = 0; k < n; k++)
		to[k] = (char)((size_t)i * 31 + k * 7 + k / 256);
	return (struct str){ to, n };
}

static bool
get(struct records *r, enum table t, struct str key, struct buf *out)
{
	struct err e = { 0 };
	struct view *v;
	struct str value;
	OK(view_begin(r, &v, &e));
	const bool ok = view_get(v, t, key, &value);
	if (ok)
		buf_put(out, value);
	view_end(v);
	return ok;
}

static void
put_one(struct records *r, enum table t, struct str key, struct str value)
{
	struct err e = { 0 };
	struct batch b = { 0 };
	batch_put(&b, t, key, value);
	OK(records_commit(r, &b, true, LOCK_MS, &e));
	assert_int_equal(b.n, 0);
}

static void
what_is_put_is_there_after_opening_again(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 100, 1999, 2000, 2100, 4096, 5000, 70000, 3000000 };
	char *dir = scratch_new(false), k[40];
	char *bytes = malloc(3000000);
	struct err e = { 0 };
	struct records *r;
	OK(records_open(in(dir, "records"), false, &r, &e));
	struct batch b = { 0 };
	for (int t = 0; t < TABLE_COUNT; t++)
		for (size_t i = 0; i < 10; i++)
			batch_put(&b, (enum table)t, key_n(k, "k", (int)i), value_n(bytes, (int)i + t, sizes[i]));
	OK(records_commit(r, &b, true, LOCK_MS, &e));
	for (int again = 0; again < 2; again++) {
		for (int t = 0; t < TABLE_COUNT; t++) {
			for (size_t i = 0; i < 10; i++) {
				AUTO_BUF got = { 0 };
				assert_true(get(r, (enum table)t, key_n(k, "k", (int)i), &got));
				assert_true(str_eq(buf_str(&got), value_n(bytes, (int)i + t, sizes[i])));
			}
		}
		records_close(r);
		OK(records_open(in(dir, "records"), again == 1, &r, &e));
	}
	assert_int_equal(records_notice(r).n, 0);
	records_close(r);
	free(bytes);
	scratch_free(dir);
}

static void
deleted_and_replaced(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct records *r;
	OK(records_open(in(dir, "records"), false, &r, &e));
	put_one(r, TABLE_MISC, STR("a"), STR("1"));
	put_one(r, TABLE_MISC, STR("a"), STR("22"));
	AUTO_BUF got = { 0 };
	assert_true(get(r, TABLE_MISC, STR("a"), &got));
	assert_string_equal(buf_z(&got), "22");
	assert_false(get(r, TABLE_LAST, STR("a"), &got));
	struct batch b = { 0 };
	batch_del(&b, TABLE_MISC, STR("a"));
	batch_del(&b, TABLE_MISC, STR("never was"));
	OK(records_commit(r, &b, true, LOCK_MS, &e));
	assert_false(get(r, TABLE_MISC, STR("a"), &got));
	assert_false(get(r, TABLE_MISC, STR(""), &got));
	char longest[RECORD_KEY_MAX + 1];
	memset(longest, 'x', sizeof longest);
	put_one(r, TABLE_MISC, (struct str){ longest, RECORD_KEY_MAX }, STR("long"));
	assert_true(get(r, TABLE_MISC, (struct str){ longest, RECORD_KEY_MAX }, &got));
	assert_false(get(r, TABLE_MISC, (struct str){ longest, RECORD_KEY_MAX + 1 }, &got));
	records_close(r);
	scratch_free(dir);
}

struct seen {
	int n, stop_after;
	struct buf keys;
};

static bool
see(void *ctx, struct str key, struct str value)
{
	struct seen *s = ctx;
	(void)value;
	buf_put(&s->keys, key);
	buf_putc(&s->keys, ' ');
	return ++s->n != s->stop_after;
}

static void
each_walks_a_prefix_in_order(void **state)
{
	(void)state;
	static const struct {
		const char *prefix;
		int stop_after;
		const char *expected;
	} rows[] = {
		{ "", 0, "a a/1 a/2 a/3 b b/1 " }, { "a/", 0, "a/1 a/2 a/3 " }, { "a/", 2, "a/1 a/2 " },
		{ "b", 0, "b b/1 " },              { "c", 0, "" },              { "a/2", 0, "a/2 " },
	};
	static const char *const keys[] = { "b/1", "a/3", "a", "b", "a/1", "a/2" };
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct records *r;
	OK(records_open(in(dir, "records"), false, &r, &e));
	for (size_t i = 0; i < 6; i++)
		put_one(r, TABLE_RUN, str_z(keys[i]), STR("v"));
	struct view *v;
	OK(view_begin(r, &v, &e));
	assert_int_equal(view_count(v, TABLE_RUN), 6);
	assert_int_equal(view_count(v, TABLE_MISC), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct seen s = { .stop_after = rows[i].stop_after };
		assert_int_equal(view_each(v, TABLE_RUN, str_z(rows[i].prefix), see, &s), 0);
		assert_string_equal(buf_z(&s.keys), rows[i].expected);
		buf_done(&s.keys);
	}
	view_end(v);
	view_end(NULL);
	records_close(r);
	scratch_free(dir);
}

static void
a_view_stays_as_it_was(void **state)
{
	(void)state;
	char *dir = scratch_new(true);
	struct err e = { 0 };
	struct records *r;
	struct view *v;
	struct str value;
	OK(records_open(in(dir, "records"), false, &r, &e));
	put_one(r, TABLE_MISC, STR("k"), STR("old"));
	OK(view_begin(r, &v, &e));
	for (int i = 0; i < 50; i++)
		put_one(r, TABLE_MISC, STR("k"), STR("new"));
	assert_true(view_get(v, TABLE_MISC, STR("k"), &value));
	assert_true(str_is(value, "old"));
	view_end(v);
	AUTO_BUF got = { 0 };
	assert_true(get(r, TABLE_MISC, STR("k"), &got));
	assert_string_equal(buf_z(&got), "new");
	records_close(r);
	scratch_free(dir);
}

static void
none_is_empty_and_full(void **state)
{
	(void)state;
	struct err e = { 0 };
	struct records *r = records_none();
	struct view *v;
	struct str value;
	size_t n, bad;
	OK(view_begin(r, &v, &e));
	assert_false(view_get(v, TABLE_MISC, STR("k"), &value));
	assert_int_equal(view_each(v, TABLE_MISC, STR(""), see, NULL), 0);
	assert_int_equal(view_count(v, TABLE_MISC), 0);
	view_end(v);
	struct batch b = { 0 };
	batch_put(&b, TABLE_MISC, STR("k"), STR("v"));
	FAILS(ERR_FULL, records_commit(r, &b, true, 0, &e));
	batch_done(&b);
	OK(records_verify(r, true, &n, &bad, &e));
	assert_int_equal(n + bad, 0);
	records_close(r);
	records_close(NULL);
}

static void
read_only_reads_and_writes_nothing(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct records *r;
	FAILS(ERR_MISSING, records_open(in(dir, "records"), true, &r, &e));
	assert_false(file_exists(AT_FDCWD, in(dir, "records")));
	OK(records_open(in(dir, "records"), false, &r, &e));
	put_one(r, TABLE_MISC, STR("k"), STR("v"));
	records_close(r);
	OK(records_open(in(dir, "records"), true, &r, &e));
	AUTO_BUF got = { 0 };
	assert_true(get(r, TABLE_MISC, STR("k"), &got));
	struct batch b = { 0 };
	batch_put(&b, TABLE_MISC, STR("k"), STR("w"));
	FAILS(ERR_FULL, records_commit(r, &b, true, 0, &e));
	batch_done(&b);
	records_close(r);
	scratch_free(dir);
}

/* Every descriptor that an open cache holds, LMDB's included. */
static void
descriptors_close_on_exec(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct records *r;
	OK(records_open(in(dir, "records"), false, &r, &e));
	put_one(r, TABLE_MISC, STR("k"), STR("v"));
	DIR *d = opendir("/proc/self/fd");
	int nours = 0;
	for (struct dirent *f = readdir(d); f; f = readdir(d)) {
		char to[600] = { 0 };
		if (readlink(in("/proc/self/fd", f->d_name), to, sizeof to - 1) < 0 || !str_starts(str_z(to), str_z(dir)))
			continue;
		nours++;
		assert_true(fcntl(atoi(f->d_name), F_GETFD) & FD_CLOEXEC);
	}
	closedir(d);
	assert_true(nours >= 3);
	records_close(r);
	scratch_free(dir);
}

static void
the_map_grows(void **state)
{
	(void)state;
	char *dir = scratch_new(true), k[40];
	char *bytes = malloc(100000);
	struct err e = { 0 };
	struct records *r;
	OK(records_open_sized(in(dir, "records"), false, 256 << 10, &r, &e));
	for (int i = 0; i < 40; i++)
		put_one(r, TABLE_MISC, key_n(k, "k", i), value_n(bytes, i, 100000));
	for (int i = 0; i < 40; i++) {
		AUTO_BUF got = { 0 };
		assert_true(get(r, TABLE_MISC, key_n(k, "k", i), &got));
		assert_true(str_eq(buf_str(&got), value_n(bytes, i, 100000)));
	}
	records_close(r);
	free(bytes);
	scratch_free(dir);
}

/* Runs body in a process of its own; the status is how many things it found wrong. */
static pid_t
child(void (*body)(const char *dir, int arg), const char *dir, int arg)
{
	fflush(stdout);
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		body(dir, arg);
		_exit(0);
	}
	return pid;
}

static void
ends_well(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define MUST(x)             \
	do {                \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			_exit(1); \
		}           \
	} while (0)

static void
grower(const char *dir, int arg)
{
	struct records *r;
	struct err e = { 0 };
	char k[40], *bytes = malloc(100000);
	MUST(records_open_sized(dir, false, 256 << 10, &r, &e) == 0);
	for (int i = arg; i < arg + 30; i++) {
		struct batch b = { 0 };
		batch_put(&b, TABLE_MISC, key_n(k, "k", i), value_n(bytes, i, 100000));
		MUST(records_commit(r, &b, false, LOCK_MS, &e) == 0);
	}
	records_close(r);
	free(bytes);
}

static void
growth_by_another_process_is_taken_over(void **state)
{
	(void)state;
	char *dir = scratch_new(true), k[40];
	char *bytes = malloc(100000);
	struct err e = { 0 };
	/* Reading first and writing first both meet it. */
	for (int writes = 0; writes < 2; writes++) {
		const char *folder = in(dir, writes ? "w" : "r");
		struct records *r;
		OK(records_open_sized(folder, false, 256 << 10, &r, &e));
		put_one(r, TABLE_MISC, STR("mine"), STR("1"));
		ends_well(child(grower, folder, 0));
		if (writes)
			put_one(r, TABLE_MISC, STR("mine"), STR("2"));
		for (int i = 0; i < 30; i++) {
			AUTO_BUF got = { 0 };
			assert_true(get(r, TABLE_MISC, key_n(k, "k", i), &got));
			assert_true(str_eq(buf_str(&got), value_n(bytes, i, 100000)));
		}
		records_close(r);
	}
	free(bytes);
	scratch_free(dir);
}

static void
writer(const char *dir, int arg)
{
	struct records *r;
	struct err e = { 0 };
	char k[40], v[300];
	MUST(records_open(dir, false, &r, &e) == 0);
	for (int i = 0; i < 200; i++) {
		struct batch b = { 0 };
		batch_put(&b, TABLE_MISC, key_n(k, arg ? "b" : "a", i), value_n(v, i + arg, 300));
		MUST(records_commit(r, &b, i % 10 == 0, LOCK_MS, &e) == 0);
	}
	records_close(r);
}

static void
two_processes_write_at_once(void **state)
{
	(void)state;
	char *dir = scratch_new(true), k[40], v[300];
	struct err e = { 0 };
	struct records *r;
	const pid_t a = child(writer, in(dir, "records"), 0), b = child(writer, in(dir, "records"), 1);
	ends_well(a);
	ends_well(b);
	OK(records_open(in(dir, "records"), false, &r, &e));
	assert_int_equal(records_notice(r).n, 0);
	for (int who = 0; who < 2; who++) {
		for (int i = 0; i < 200; i++) {
			AUTO_BUF got = { 0 };
			assert_true(get(r, TABLE_MISC, key_n(k, who ? "b" : "a", i), &got));
			assert_true(str_eq(buf_str(&got), value_n(v, i + who, 300)));
		}
	}
	records_close(r);
	scratch_free(dir);
}

static void
stopped(const char *dir, int arg)
{
	struct err e = { 0 };
	(void)arg;
	const int fd = lock_take(AT_FDCWD, in(dir, "write.lock"), false, 0, &e);
	MUST(fd >= 0);
	raise(SIGSTOP);
}

static void
a_stopped_writer_is_waited_for_until_the_deadline(void **state)
{
	(void)state;
	char *dir = scratch_new(true);
	struct err e = { 0 };
	struct records *r;
	int status;
	OK(records_open(in(dir, "records"), false, &r, &e));
	const pid_t pid = child(stopped, in(dir, "records"), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	struct batch b = { 0 };
	batch_put(&b, TABLE_MISC, STR("k"), STR("v"));
	FAILS(ERR_BUSY, records_commit(r, &b, true, 30, &e));
	assert_int_equal(b.n, 1);
	AUTO_BUF got = { 0 };
	assert_false(get(r, TABLE_MISC, STR("k"), &got));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	OK(records_commit(r, &b, true, LOCK_MS, &e));
	assert_true(get(r, TABLE_MISC, STR("k"), &got));
	records_close(r);
	scratch_free(dir);
}

/* Threads read while one commits: each sees its key whole, in one of its versions. */
struct shared {
	struct records *r;
	atomic_bool stop;
	atomic_int wrong;
};

static void *
reader(void *ctx)
{
	struct shared *s = ctx;
	char v[500];
	while (!atomic_load(&s->stop)) {
		struct view *view;
		struct err e = { 0 };
		struct str value;
		if (view_begin(s->r, &view, &e) < 0) {
			atomic_fetch_add(&s->wrong, 1);
			continue;
		}
		if (!view_get(view, TABLE_MISC, STR("k"), &value) || value.n != 500 ||
		    !str_eq(value, value_n(v, (uint8_t)value.p[0] * 223, 500)))
			atomic_fetch_add(&s->wrong, 1);
		view_end(view);
	}
	return NULL;
}

static void
threads_read_while_one_commits_and_the_map_grows(void **state)
{
	(void)state;
	char *dir = scratch_new(true), k[40];
	char *bytes = malloc(50000);
	struct err e = { 0 };
	struct shared s = { 0 };
	OK(records_open_sized(in(dir, "records"), false, 256 << 10, &s.r, &e));
	put_one(s.r, TABLE_MISC, STR("k"), value_n(bytes, 0, 500));
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader, &s), 0);
	for (int i = 0; i < 150; i++) {
		struct batch b = { 0 };
		batch_put(&b, TABLE_MISC, STR("k"), value_n(bytes, i, 500));
		batch_put(&b, TABLE_RUN, key_n(k, "k", i), value_n(bytes, i, 50000));
		OK(records_commit(s.r, &b, false, LOCK_MS, &e));
	}
	atomic_store(&s.stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(s.wrong, 0);
	records_close(s.r);
	free(bytes);
	scratch_free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_there_after_opening_again),
		cmocka_unit_test(deleted_and_replaced),
		cmocka_unit_test(each_walks_a_prefix_in_order),
		cmocka_unit_test(a_view_stays_as_it_was),
		cmocka_unit_test(none_is_empty_and_full),
		cmocka_unit_test(read_only_reads_and_writes_nothing),
		cmocka_unit_test(descriptors_close_on_exec),
		cmocka_unit_test(the_map_grows),
		cmocka_unit_test(growth_by_another_process_is_taken_over),
		cmocka_unit_test(two_processes_write_at_once),
		cmocka_unit_test(a_stopped_writer_is_waited_for_until_the_deadline),
		cmocka_unit_test(threads_read_while_one_commits_and_the_map_grows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
