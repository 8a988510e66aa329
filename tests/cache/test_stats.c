/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <pthread.h>

#include "cache/stats.h"
#include "sys/clock.h"

#define LOCK_MS 20000

static void
write_file(const char *path, struct str bytes)
{
	struct err e = { 0 };
	OK(file_replace(AT_FDCWD, path, bytes, 0644, false, &e));
}

/* Both times long ago, as far as the file system lets one say: ctime cannot be set, so the clock of the trust rule is met by waiting
 * until the kernel's clock has moved on by itself. */
static void
settle(const char *path)
{
	struct err e = { 0 };
	struct file_stat st;
	OK(file_stat(AT_FDCWD, path, true, &st, &e));
	const struct stat_sig sig = stat_sig_of(&st);
	while (!content_settled(&sig, clock_real()))
		;
}

static bool
is(const struct content *c, struct str bytes)
{
	const struct digest d = digest_of(bytes);
	return c->size == bytes.n && digest_eq(&c->digest, &d) && fp_eq(c->fp, fp_of(bytes));
}

/* What is known is told without reading: shown by telling it something untrue. */
static struct content
lie(size_t size)
{
	return (struct content){ .digest = digest_of(STR("a lie")), .fp = fp_of(STR("a lie")), .size = size };
}

static void
content_is_read_once(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct content c;
	struct file_stat st;
	struct stats *s = stats_new(NULL);
	write_file(in(dir, "f"), STR("abc"));
	OK(stats_content(s, AT_FDCWD, in(dir, "f"), NULL, &c, &e));
	assert_true(is(&c, STR("abc")));
	settle(in(dir, "f"));
	OK(file_stat(AT_FDCWD, in(dir, "f"), true, &st, &e));
	const struct content known = lie(3);
	stats_know(s, &st, &known, clock_real());
	OK(stats_content(s, AT_FDCWD, in(dir, "f"), &st, &c, &e));
	assert_true(digest_eq(&c.digest, &known.digest));
	/* Of another size, it is not believed in the first place. */
	const struct content absurd = lie(4);
	stats_know(s, &st, &absurd, clock_real());
	OK(stats_content(s, AT_FDCWD, in(dir, "f"), NULL, &c, &e));
	assert_int_equal(c.size, 3);
	/* Any change of the signature ends it. */
	assert_int_equal(chmod(in(dir, "f"), 0755), 0);
	OK(stats_content(s, AT_FDCWD, in(dir, "f"), NULL, &c, &e));
	assert_true(is(&c, STR("abc")));
	stats_free(s);
	stats_free(NULL);
	scratch_free(dir);
}

static void
what_may_still_change_unseen_is_read_again(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct content c;
	struct file_stat st;
	struct stats *s = stats_new(NULL);
	write_file(in(dir, "f"), STR("abc"));
	OK(file_stat(AT_FDCWD, in(dir, "f"), true, &st, &e));
	const struct content known = lie(3);
	stats_know(s, &st, &known, st.mtime); /* hashed in the very tick of the change */
	OK(stats_content(s, AT_FDCWD, in(dir, "f"), NULL, &c, &e));
	assert_true(is(&c, STR("abc")));
	stats_free(s);
	scratch_free(dir);
}

static void
knowledge_survives_in_records(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct content c;
	struct file_stat st;
	struct records *r;
	struct batch b = { 0 };
	OK(records_open(in(dir, "records"), false, &r, &e));
	struct stats *s = stats_new(r);
	write_file(in(dir, "f"), STR("abc"));
	write_file(in(dir, "young"), STR("young"));
	settle(in(dir, "f"));
	OK(file_stat(AT_FDCWD, in(dir, "f"), true, &st, &e));
	const struct content known = lie(3);
	stats_know(s, &st, &known, clock_real());
	struct file_stat young;
	OK(file_stat(AT_FDCWD, in(dir, "young"), true, &young, &e));
	const struct content unsure = lie(5);
	stats_know(s, &young, &unsure, young.mtime);
	stats_save(s, &b);
	assert_int_equal(b.n, 1); /* what cannot be trusted is not kept */
	stats_save(s, &b);
	assert_int_equal(b.n, 1); /* and nothing twice */
	OK(records_commit(r, &b, true, LOCK_MS, &e));
	stats_free(s);
	records_close(r);
	OK(records_open(in(dir, "records"), false, &r, &e));
	s = stats_new(r);
	OK(stats_content(s, AT_FDCWD, in(dir, "f"), NULL, &c, &e));
	assert_true(digest_eq(&c.digest, &known.digest));
	assert_true(fp_eq(c.fp, known.fp));
	stats_free(s);
	/* Values of another length or version are misses. */
	const uint64_t key[2] = { st.dev, st.ino };
	static const char *const values[] = { "", "\1", "\2abc", "\1 much too short to be one" };
	for (size_t i = 0; i < 4; i++) {
		batch_put(&b, TABLE_STAT, (struct str){ (const char *)key, sizeof key }, str_z(values[i]));
		OK(records_commit(r, &b, true, LOCK_MS, &e));
		s = stats_new(r);
		OK(stats_content(s, AT_FDCWD, in(dir, "f"), NULL, &c, &e));
		assert_true(is(&c, STR("abc")));
		stats_free(s);
	}
	records_close(r);
	scratch_free(dir);
}

static void
what_is_no_file_is_refused(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct content c;
	struct stats *s = stats_new(NULL);
	FAILS(ERR_MISSING, stats_content(s, AT_FDCWD, in(dir, "none"), NULL, &c, &e));
	FAILS(ERR_INPUT, stats_content(s, AT_FDCWD, dir, NULL, &c, &e));
	assert_int_equal(mkfifo(in(dir, "fifo"), 0644), 0);
	FAILS(ERR_INPUT, stats_content(s, AT_FDCWD, in(dir, "fifo"), NULL, &c, &e));
	stats_free(s);
	scratch_free(dir);
}

struct crowd {
	struct stats *s;
	const char *dir;
};

static void *
ask(void *ctx)
{
	struct crowd *w = ctx;
	struct err e = { 0 };
	char path[700], text[30];
	for (int i = 0; i < 300; i++) {
		struct content c;
		snprintf(path, sizeof path, "%s/%d", w->dir, i % 100);
		snprintf(text, sizeof text, "content %d", i % 100);
		if (stats_content(w->s, AT_FDCWD, path, NULL, &c, &e) < 0 || !is(&c, str_z(text)))
			return w;
	}
	return NULL;
}

static void
threads_ask_at_once(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct records *r;
	char name[20], text[30];
	OK(records_open(in(dir, "records"), false, &r, &e));
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "%d", i);
		snprintf(text, sizeof text, "content %d", i);
		write_file(in(dir, name), str_z(text));
	}
	struct crowd w = { stats_new(r), dir };
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, ask, &w), 0);
	for (int i = 0; i < 4; i++) {
		void *wrong;
		pthread_join(t[i], &wrong);
		assert_null(wrong);
	}
	struct tree tree;
	struct arena a = { 0 };
	const struct tree_reader reader = stats_tree_reader(w.s);
	OK(file_mkdirs(AT_FDCWD, in(dir, "tree/sub"), &e));
	write_file(in(dir, "tree/sub/f"), STR("in a tree"));
	OK(tree_scan(AT_FDCWD, in(dir, "tree"), &reader, &a, &tree, &e));
	assert_int_equal(tree.n, 2);
	arena_done(&a);
	stats_free(w.s);
	records_close(r);
	scratch_free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_is_read_once),
		cmocka_unit_test(what_may_still_change_unseen_is_read_again),
		cmocka_unit_test(knowledge_survives_in_records),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(threads_ask_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
