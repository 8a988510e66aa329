/* SPDX-License-Identifier: Apache-2.0
 *
 * Results of these tests are JSON-free: u64 used_at | u64 seconds | n x 32 bytes digest.
 */
#include "scratch.h"

#include <signal.h>

#include "cache/claim.h"
#include "cache/gc.h"
#include "cache/lease.h"
#include "cache/stats.h"
#include "sys/clock.h"

#define DAY (INT64_C(86400) * NS_PER_S)

static bool
describe(void *ctx, struct cache *c, enum table t, struct str key, struct str value, struct arena *a, struct gc_item *out)
{
	(void)ctx;
	(void)c;
	(void)t;
	(void)key;
	struct rd r = { .rest = value };
	out->used_at = (int64_t)rd_u64(&r);
	out->seconds = (double)rd_u64(&r);
	out->nrefs = r.rest.n / 32;
	struct digest *refs = arena_array(a, struct digest, out->nrefs + 1);
	memcpy(refs, r.rest.p, out->nrefs * 32);
	out->refs = refs;
	return !r.bad && r.rest.n % 32 == 0;
}

/* A blob of `size` bytes that is old, unless it is to be young. */
static struct digest
blob(struct cache *c, char fill, size_t size, bool young)
{
	struct err e = { 0 };
	struct digest d;
	char *bytes = malloc(size);
	memset(bytes, fill, size);
	OK(blobs_put(c->blobs, (struct str){ bytes, size }, &d, &e));
	OK(blobs_flush(c->blobs, &e));
	free(bytes);
	char name[100] = "blobs/blobs/sha256/";
	digest_hex(&d, name + strlen(name));
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	if (!young)
		assert_int_equal(utimensat(c->fd, name, old, 0), 0);
	return d;
}

static void
record(struct cache *c, enum table t, struct str key, int64_t age_days, uint64_t seconds, const struct digest *refs, size_t n)
{
	struct err e = { 0 };
	AUTO_BUF v = { 0 };
	struct batch b = { 0 };
	buf_u64(&v, (uint64_t)(clock_real() - age_days * DAY));
	buf_u64(&v, seconds);
	buf_put(&v, (struct str){ (const char *)refs, n * 32 });
	batch_put(&b, t, key, buf_str(&v));
	OK(cache_commit(c, &b, &e));
}

static struct digest
result(struct cache *c, const char *name, int64_t age_days, uint64_t seconds, const struct digest *refs, size_t n)
{
	const struct digest key = digest_of(str_z(name));
	record(c, TABLE_RESULT, (struct str){ (const char *)key.b, 32 }, age_days, seconds, refs, n);
	return key;
}

static bool
has_result(struct cache *c, const struct digest *key)
{
	struct err e = { 0 };
	struct view *v;
	struct str value;
	OK(view_begin(c->records, &v, &e));
	const bool has = view_get(v, TABLE_RESULT, (struct str){ (const char *)key->b, 32 }, &value);
	view_end(v);
	return has;
}

static struct cache *
open_in(const char *dir)
{
	struct err e = { 0 };
	struct cache *c;
	OK(cache_open(str_z(dir), &c, &e));
	assert_false(c->degraded);
	return c;
}

static struct gc_report
collect(struct cache *c, struct gc_opts o)
{
	struct err e = { 0 };
	struct gc_report r;
	o.describe = describe;
	OK(gc_run(c, &o, &r, &e));
	return r;
}

static void
old_results_go_with_what_only_they_name(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct cache *c = open_in(dir);
	const struct digest both = blob(c, 'b', 100, false), mine = blob(c, 'm', 1000, false), loose = blob(c, 'l', 10, false);
	const struct digest kept = blob(c, 'k', 7, false), last = blob(c, 'x', 70, false);
	const struct digest olds[] = { both, mine };
	const struct digest old = result(c, "old", 31, 5, olds, 2), young = result(c, "young", 29, 5, &both, 1);
	const struct digest named = result(c, "named", 400, 5, &last, 1);
	record(c, TABLE_LAST, STR("project step"), 400, 0, &named, 1);
	struct gc_report r = collect(c, (struct gc_opts){ .dry_run = true, .keep = &kept, .nkeep = 1 });
	assert_int_equal(r.results, 3);
	assert_int_equal(r.results_removed, 1);
	assert_int_equal(r.blobs, 5);
	assert_int_equal(r.blobs_removed, 2);
	assert_int_equal(r.bytes, 1187);
	assert_int_equal(r.bytes_removed, 1010);
	assert_true(has_result(c, &old) && blobs_has(c->blobs, &mine, NULL) && blobs_has(c->blobs, &loose, NULL));
	const struct gc_report done = collect(c, (struct gc_opts){ .keep = &kept, .nkeep = 1 });
	assert_memory_equal(&done, &r, sizeof r);
	assert_false(has_result(c, &old));
	assert_true(has_result(c, &young) && has_result(c, &named));
	assert_false(blobs_has(c->blobs, &mine, NULL) || blobs_has(c->blobs, &loose, NULL));
	assert_true(blobs_has(c->blobs, &both, NULL) && blobs_has(c->blobs, &kept, NULL) && blobs_has(c->blobs, &last, NULL));
	assert_false(file_exists(c->fd, "blobs/grave"));
	cache_close(c);
	scratch_free(dir);
}

static void
the_cheapest_bytes_go_first(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct cache *c = open_in(dir);
	/* seconds per byte: dear 100/100, cheap 1/100, middle 10/100 */
	const struct digest bd = blob(c, 'd', 100, false), bc = blob(c, 'c', 100, false), bm = blob(c, 'm', 100, false);
	const struct digest dear = result(c, "dear", 40, 100, &bd, 1), cheap = result(c, "cheap", 40, 1, &bc, 1);
	const struct digest middle = result(c, "middle", 40, 10, &bm, 1);
	struct gc_report r = collect(c, (struct gc_opts){ .max_bytes = 300 });
	assert_int_equal(r.results_removed, 0); /* they fit */
	r = collect(c, (struct gc_opts){ .max_bytes = 250 });
	assert_int_equal(r.results_removed, 1);
	assert_false(has_result(c, &cheap));
	r = collect(c, (struct gc_opts){ .max_bytes = 100 });
	assert_false(has_result(c, &middle));
	assert_true(has_result(c, &dear));
	/* Young ones go when that is the only way, roots never. */
	const struct digest by = blob(c, 'y', 100, false), br = blob(c, 'r', 100, false);
	const struct digest young = result(c, "young", 1, 1000, &by, 1), root = result(c, "root", 1, 0, &br, 1);
	record(c, TABLE_LAST, STR("step"), 0, 0, &root, 1);
	r = collect(c, (struct gc_opts){ .max_bytes = 1 });
	assert_false(has_result(c, &dear) || has_result(c, &young));
	assert_true(has_result(c, &root) && blobs_has(c->blobs, &br, NULL));
	cache_close(c);
	scratch_free(dir);
}

static void
what_is_not_understood_goes(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct cache *c = open_in(dir);
	struct batch b = { 0 };
	batch_put(&b, TABLE_RESULT, STR("key"), STR("odd"));
	batch_put(&b, TABLE_LAST, STR("key"), STR("odd"));
	batch_put(&b, TABLE_MISC, STR("key"), STR("odd"));
	OK(cache_commit(c, &b, &e));
	const struct gc_report r = collect(c, (struct gc_opts){ 0 });
	assert_int_equal(r.results_removed, 1);
	struct view *v;
	OK(view_begin(c->records, &v, &e));
	assert_int_equal(view_count(v, TABLE_RESULT) + view_count(v, TABLE_LAST), 0);
	assert_int_equal(view_count(v, TABLE_MISC), 1);
	view_end(v);
	cache_close(c);
	scratch_free(dir);
}

static void
what_is_leased_or_newer_than_a_lease_stays(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct cache *c = open_in(dir), *runner = c;
	const struct digest leased = blob(c, 'l', 10, false), loose = blob(c, 'o', 10, false);
	int p[2], status;
	char byte;
	assert_int_equal(pipe(p), 0);
	cache_close(c);
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		runner = open_in(dir);
		if (lease_take(runner, &e) < 0 || lease_add(runner, &leased, &e) < 0)
			_exit(1);
		(void)!write(p[1], "x", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(p[0], &byte, 1), 1);
	c = open_in(dir);
	const struct digest young = blob(c, 'y', 10, true);
	struct gc_report r = collect(c, (struct gc_opts){ 0 });
	assert_int_equal(r.blobs_removed, 1);
	assert_false(blobs_has(c->blobs, &loose, NULL));
	assert_true(blobs_has(c->blobs, &leased, NULL) && blobs_has(c->blobs, &young, NULL));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	r = collect(c, (struct gc_opts){ 0 });
	assert_int_equal(r.blobs_removed, 2);
	close(p[0]);
	close(p[1]);
	cache_close(c);
	scratch_free(dir);
}

/* Somebody leases, or puts again, between the two looks of gc: while it asks about the last record. */
struct late {
	struct cache *runner;
	struct digest leased, again;
};

static bool
describe_late(void *ctx, struct cache *c, enum table t, struct str key, struct str value, struct arena *a, struct gc_item *out)
{
	struct late *l = ctx;
	struct err e = { 0 };
	struct digest d;
	OK(lease_add(l->runner, &l->leased, &e));
	OK(blobs_put(l->runner->blobs, STR("again"), &d, &e));
	return describe(NULL, c, t, key, value, a, out);
}

static void
what_is_leased_or_put_again_meanwhile_comes_back(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct cache *c = open_in(dir);
	const struct digest leased = blob(c, 'l', 10, false), loose = blob(c, 'o', 10, false);
	struct digest again;
	OK(blobs_put(c->blobs, STR("again"), &again, &e));
	OK(blobs_flush(c->blobs, &e));
	char name[100] = "blobs/blobs/sha256/";
	digest_hex(&again, name + strlen(name));
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	assert_int_equal(utimensat(c->fd, name, old, 0), 0);
	record(c, TABLE_LAST, STR("step"), 0, 0, NULL, 0);
	struct late l = { c, leased, again };
	OK(lease_take(c, &e));
	struct gc_report r;
	const struct gc_opts o = { .describe = describe_late, .ctx = &l };
	OK(gc_run(c, &o, &r, &e));
	assert_true(blobs_has(c->blobs, &leased, NULL));
	assert_true(blobs_has(c->blobs, &again, NULL));
	assert_false(blobs_has(c->blobs, &loose, NULL));
	assert_int_equal(r.blobs_removed, 1);
	assert_int_equal(r.bytes_removed, 10);
	cache_close(c);
	scratch_free(dir);
}

static void
one_gc_at_a_time(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct cache *c = open_in(dir);
	struct gc_report r;
	const struct gc_opts o = { .describe = describe };
	AUTO_FD claim = claim_try(c, STR("gc"), &e);
	assert_true(claim >= 0);
	FAILS(ERR_BUSY, gc_run(c, &o, &r, &e));
	cache_close(c);
	scratch_free(dir);
}

static void
verify_finds_and_repairs(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct arena a = { 0 };
	struct verify_report r;
	struct cache *c = open_in(dir);
	const struct digest sound = blob(c, 's', 100, false), bad = blob(c, 'b', 100, false);
	for (int i = 0; i < 50; i++) {
		char text[20];
		snprintf(text, sizeof text, "value-%06d", i);
		record(c, TABLE_MISC, str_z(text), 0, 0, &sound, 1);
	}
	OK(cache_verify(c, false, &a, &r, &e));
	assert_int_equal(r.records, 50);
	assert_int_equal(r.blobs, 2);
	assert_int_equal(r.bytes, 200);
	assert_int_equal(r.records_damaged + r.blobs_damaged + r.left + r.ndamaged, 0);
	cache_close(c);
	/* Two values and a blob are spoilt. */
	char name[100] = "blobs/blobs/sha256/";
	digest_hex(&bad, name + strlen(name));
	spoil(in(dir, name), 50, 4);
	AUTO_BUF data = { 0 };
	OK(file_read(AT_FDCWD, in(dir, "records/data.mdb"), 100 << 20, &data, &e));
	for (int i = 3; i < 5; i++) {
		char text[20];
		snprintf(text, sizeof text, "value-%06d", i);
		const size_t n = strlen(text);
		/* every copy of it, in pages that are in use and in free ones; the value begins with its seal */
		for (size_t at = 0; at + n + 30 < data.n; at++)
			if (memcmp(data.p + at, text, n) == 0)
				spoil(in(dir, "records/data.mdb"), (long)(at + n + 20), 1);
	}
	c = open_in(dir);
	OK(cache_verify(c, false, &a, &r, &e));
	assert_int_equal(r.records_damaged, 2);
	assert_int_equal(r.blobs_damaged, 1);
	assert_int_equal(r.left, 3);
	assert_int_equal(r.ndamaged, 1);
	assert_true(digest_eq(&r.damaged[0], &bad));
	assert_true(blobs_has(c->blobs, &bad, NULL)); /* looking changes nothing */
	OK(cache_verify(c, true, &a, &r, &e));
	assert_int_equal(r.records_damaged, 2);
	assert_int_equal(r.left, 0);
	assert_false(blobs_has(c->blobs, &bad, NULL));
	assert_true(blobs_has(c->blobs, &sound, NULL));
	OK(cache_verify(c, false, &a, &r, &e));
	assert_int_equal(r.records, 48);
	assert_int_equal(r.records_damaged + r.blobs_damaged + r.left, 0);
	cache_close(c);
	arena_done(&a);
	scratch_free(dir);
}

/* A stat record of a file with this inode, last asked for so many days ago. */
static void
stat_record(struct cache *c, uint64_t ino, int64_t age_days)
{
	struct err e = { 0 };
	struct batch b = { 0 };
	const struct file_stat st = { .dev = 1, .ino = ino, .size = 3, .mtime = 1, .ctime = 1, .mode = 0100644, .type = FILE_REGULAR };
	const struct content content = { .digest = digest_of(STR("abc")), .fp = fp_of(STR("abc")), .size = 3 };
	stats_know(c->stats, &st, &content, clock_real() - age_days * DAY);
	stats_save(c->stats, &b);
	OK(cache_commit(c, &b, &e));
}

static size_t
count(struct cache *c, enum table t)
{
	struct err e = { 0 };
	struct view *v;
	OK(view_begin(c->records, &v, &e));
	const size_t n = view_count(v, t);
	view_end(v);
	return n;
}

static void
files_that_nobody_asks_for_are_forgotten(void **state)
{
	static const struct {
		int64_t age_days;
		bool stays;
	} rows[] = { { 0, true }, { 29, true }, { 89, true }, { 91, false }, { 4000, false } };
	char *dir = scratch_new(true);
	struct cache *c = open_in(dir);
	struct gc_report r;
	struct err e = { 0 };
	size_t stay = 0;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		stat_record(c, 100 + i, rows[i].age_days);
		stay += rows[i].stays;
	}
	OK(gc_run(c, &(struct gc_opts){ .describe = describe, .dry_run = true }, &r, &e));
	assert_int_equal(r.records_removed, sizeof rows / sizeof *rows - stay);
	assert_int_equal(count(c, TABLE_STAT), sizeof rows / sizeof *rows);
	OK(gc_run(c, &(struct gc_opts){ .describe = describe }, &r, &e));
	assert_int_equal(count(c, TABLE_STAT), stay);
	cache_close(c);

	/* asked for: from then on it is as young as can be, and nothing was read for that */
	c = open_in(dir);
	const struct file_stat st = { .dev = 1, .ino = 102, .size = 3, .mtime = 1, .ctime = 1, .mode = 0100644, .type = FILE_REGULAR };
	struct content got;
	struct batch b = { 0 };
	OK(stats_content(c->stats, AT_FDCWD, "no-such-file", &st, &got, &e));
	stats_save(c->stats, &b);
	assert_true(b.n == 1);
	OK(cache_commit(c, &b, &e));
	OK(gc_run(c, &(struct gc_opts){ .describe = describe, .max_age = 2 * DAY }, &r, &e)); /* three times that: 6 days */
	assert_int_equal(count(c, TABLE_STAT), 2);
	cache_close(c);
	scratch_free(dir);
}

static size_t
forget_all_runs(void *ctx, struct cache *c, int64_t now, int64_t max_age, struct batch *b)
{
	assert_ptr_equal(ctx, c);
	assert_true(now > 0 && max_age == 30 * DAY);
	batch_del(b, TABLE_RUN, STR("a"));
	batch_put(b, TABLE_RUN, STR("b"), STR("anew"));
	return 1;
}

static void
other_tables_are_the_callers(void **state)
{
	char *dir = scratch_new(true);
	struct cache *c = open_in(dir);
	struct gc_report r;
	struct err e = { 0 };
	struct batch b = { 0 };
	(void)state;
	batch_put(&b, TABLE_RUN, STR("a"), STR("1"));
	batch_put(&b, TABLE_RUN, STR("b"), STR("2"));
	OK(cache_commit(c, &b, &e));
	OK(gc_run(c, &(struct gc_opts){ .describe = describe, .prune = forget_all_runs, .ctx = c, .dry_run = true }, &r, &e));
	assert_int_equal(r.records_removed, 1);
	assert_int_equal(count(c, TABLE_RUN), 2);
	OK(gc_run(c, &(struct gc_opts){ .describe = describe, .prune = forget_all_runs, .ctx = c }, &r, &e));
	assert_int_equal(count(c, TABLE_RUN), 1);
	cache_close(c);
	scratch_free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_results_go_with_what_only_they_name),
		cmocka_unit_test(the_cheapest_bytes_go_first),
		cmocka_unit_test(what_is_not_understood_goes),
		cmocka_unit_test(what_is_leased_or_newer_than_a_lease_stays),
		cmocka_unit_test(what_is_leased_or_put_again_meanwhile_comes_back),
		cmocka_unit_test(files_that_nobody_asks_for_are_forgotten),
		cmocka_unit_test(other_tables_are_the_callers),
		cmocka_unit_test(one_gc_at_a_time),
		cmocka_unit_test(verify_finds_and_repairs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
