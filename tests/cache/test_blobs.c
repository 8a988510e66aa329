/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <pthread.h>
#include <signal.h>

#include "base/js.h"
#include "cache/blobs.h"
#include "sys/clock.h"

struct fixture {
	char *dir;
	struct blobs *b;
	struct err e;
};

static void
begin(struct fixture *f)
{
	*f = (struct fixture){ .dir = scratch_new(false) };
	struct err e = { 0 };
	OK(blobs_open(in(f->dir, "blobs"), false, &f->b, &e));
}

static void
end(struct fixture *f)
{
	blobs_close(f->b);
	scratch_free(f->dir);
}

static void
again(struct fixture *f)
{
	struct err e = { 0 };
	blobs_close(f->b);
	OK(blobs_open(in(f->dir, "blobs"), false, &f->b, &e));
}

static struct digest
put(struct fixture *f, struct str bytes)
{
	struct err e = { 0 };
	struct digest d;
	OK(blobs_put(f->b, bytes, &d, &e));
	return d;
}

static const char *
final_path(struct fixture *f, const struct digest *d)
{
	char name[100] = "blobs/blobs/sha256/";
	digest_hex(d, name + strlen(name));
	return in(f->dir, name);
}

static bool
reads(struct fixture *f, const struct digest *d, struct str expected)
{
	AUTO_BUF got = { 0 };
	struct err e = { 0 };
	return blobs_read(f->b, d, 100 << 20, &got, &e) == 0 && str_eq(buf_str(&got), expected);
}

static void
a_pending_blob_is_found_and_a_flushed_one_stays(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	struct arena a = { 0 };
	struct str path;
	uint64_t size;
	begin(&f);
	const struct digest x = put(&f, STR("hello")), none = digest_of(STR("none"));
	assert_true(reads(&f, &x, STR("hello")));
	assert_true(blobs_has(f.b, &x, &size) && size == 5);
	assert_true(blobs_path(f.b, &x, &a, &path));
	assert_true(file_exists(AT_FDCWD, path.p));
	assert_false(file_exists(AT_FDCWD, final_path(&f, &x)));
	assert_false(blobs_has(f.b, &none, NULL));
	assert_false(blobs_path(f.b, &none, &a, &path));
	again(&f); /* not flushed: gone */
	assert_false(blobs_has(f.b, &x, NULL));
	put(&f, STR("hello"));
	put(&f, STR("hello"));
	OK(blobs_flush(f.b, &e));
	OK(blobs_flush(f.b, &e));
	assert_true(reads(&f, &x, STR("hello")));
	again(&f);
	assert_true(reads(&f, &x, STR("hello")));
	assert_true(blobs_path(f.b, &x, &a, &path));
	assert_string_equal(path.p, final_path(&f, &x));
	struct file_stat st;
	OK(file_stat(AT_FDCWD, path.p, false, &st, &e));
	assert_int_equal(st.mode & 07777, 0444);
	OK(blobs_remove(f.b, &x, &e));
	OK(blobs_remove(f.b, &x, &e));
	assert_false(blobs_has(f.b, &x, NULL));
	arena_done(&a);
	end(&f);
}

static void
the_folder_is_an_oci_layout(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	begin(&f);
	AUTO_BUF layout = { 0 }, index = { 0 };
	OK(file_read(AT_FDCWD, in(f.dir, "blobs/oci-layout"), 1000, &layout, &e));
	OK(file_read(AT_FDCWD, in(f.dir, "blobs/index.json"), 1000, &index, &e));
	AUTO_JS l = NULL;
	AUTO_JS i = NULL;
	OK(js_parse(buf_str(&layout), "oci-layout", &l, &e));
	OK(js_parse(buf_str(&index), "index.json", &i, &e));
	assert_true(str_is(js_str(js_get(l, "imageLayoutVersion")), "1.0.0"));
	assert_int_equal(js_num(js_get(i, "schemaVersion")), 2);
	assert_int_equal(js_type(js_get(i, "manifests")), JS_LIST);
	end(&f);
}

static void
sizes_from_nothing_to_megabytes(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 4095, 4096, 262143, 262144, 262145, (1 << 20) - 1, 1 << 20, 3000001 };
	struct fixture f;
	struct err e = { 0 };
	begin(&f);
	char *bytes = malloc(3000001), *piece = malloc(70000);
	for (size_t i = 0; i < 3000001; i++)
		bytes[i] = (char)(i * 7 + i / 256);
	for (int flushed = 0; flushed < 2; flushed++) {
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			const struct str want = { bytes, sizes[i] };
			const struct digest d = put(&f, want);
			if (flushed)
				OK(blobs_flush(f.b, &e));
			assert_true(reads(&f, &d, want));
			OK(blobs_check(f.b, &d, &e));
			struct blob_reader *r;
			AUTO_BUF got = { 0 };
			size_t n = 1;
			OK(blob_open(f.b, &d, &r, &e));
			while (n > 0) {
				OK(blob_next(r, piece, 70000, &n, &e));
				buf_put(&got, (struct str){ piece, n });
			}
			blob_close(r);
			assert_true(str_eq(buf_str(&got), want));
			struct file_stat st;
			OK(blobs_checkout(f.b, &d, AT_FDCWD, in(f.dir, "out"), 0755, &st, &e));
			assert_int_equal(st.mode & 07777, 0755);
			buf_reset(&got);
			OK(file_read(AT_FDCWD, in(f.dir, "out"), 100 << 20, &got, &e));
			assert_true(str_eq(buf_str(&got), want));
			if (sizes[i] > 0)
				FAILS(ERR_INPUT, blobs_read(f.b, &d, sizes[i] - 1, &got, &e));
			assert_true(str_eq(buf_str(&got), want));
		}
	}
	free(bytes);
	free(piece);
	end(&f);
}

/* How a final blob may be spoilt, and each way out. */
enum way { WAY_READ, WAY_STREAM, WAY_CHECKOUT, WAY_CHECK, WAYS };

static int
leave_by(struct fixture *f, enum way way, const struct digest *d, struct err *e)
{
	AUTO_BUF got = { 0 };
	struct blob_reader *r;
	char piece[1000];
	size_t n = 1, total = 0;
	int rc = 0;
	switch (way) {
	case WAY_READ:
		rc = blobs_read(f->b, d, 100 << 20, &got, e);
		assert_int_equal(got.n, 0);
		return rc;
	case WAY_STREAM:
		if (blob_open(f->b, d, &r, e) < 0)
			return -1;
		while (rc == 0 && n > 0) {
			rc = blob_next(r, piece, sizeof piece, &n, e);
			total += rc == 0 ? n : 0;
		}
		blob_close(r);
		assert_true(total < 5000); /* the last piece was kept back */
		return rc;
	case WAY_CHECKOUT:
		rc = blobs_checkout(f->b, d, AT_FDCWD, in(f->dir, "out"), 0644, NULL, e);
		assert_false(file_exists(AT_FDCWD, in(f->dir, "out")));
		return rc;
	case WAY_CHECK:
		return blobs_check(f->b, d, e);
	case WAYS:
		break;
	}
	return 0;
}

static void
damage_never_leaves(void **state)
{
	(void)state;
	struct err e = { 0 };
	char bytes[5000];
	memset(bytes, 'a', sizeof bytes);
	for (int spoil_by = 0; spoil_by < 4; spoil_by++) {
		for (int way = 0; way < WAYS; way++) {
			struct fixture f;
			begin(&f);
			const struct digest d = put(&f, (struct str){ bytes, sizeof bytes });
			OK(blobs_flush(f.b, &e));
			const char *path = final_path(&f, &d);
			if (spoil_by == 0)
				spoil(path, 4999, 1);
			else if (spoil_by == 1)
				spoil(path, 0, 0x80);
			assert_int_equal(chmod(path, 0644), 0);
			if (spoil_by == 2)
				assert_int_equal(truncate(path, 4000), 0);
			else if (spoil_by == 3)
				OK(file_replace(AT_FDCWD, path, STR(""), 0444, false, &e));
			FAILS(ERR_DAMAGED, leave_by(&f, (enum way)way, &d, &e));
			if (way != WAY_CHECK) { /* moved aside, so that it can be made again */
				FAILS(ERR_MISSING, leave_by(&f, (enum way)way, &d, &e));
				assert_false(blobs_has(f.b, &d, NULL));
				(void)put(&f, (struct str){ bytes, sizeof bytes });
				OK(blobs_flush(f.b, &e));
				assert_true(reads(&f, &d, (struct str){ bytes, sizeof bytes }));
			}
			end(&f);
		}
	}
}

static void
damage_to_a_pending_blob_is_found(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	struct arena a = { 0 };
	struct str path;
	AUTO_BUF got = { 0 };
	begin(&f);
	const struct digest d = put(&f, STR("pending"));
	assert_true(blobs_path(f.b, &d, &a, &path));
	spoil(path.p, 2, 1);
	FAILS(ERR_DAMAGED, blobs_read(f.b, &d, 100, &got, &e));
	FAILS(ERR_MISSING, blobs_read(f.b, &d, 100, &got, &e));
	(void)put(&f, STR("pending"));
	assert_true(reads(&f, &d, STR("pending")));
	arena_done(&a);
	end(&f);
}

static void
an_empty_file_under_a_name_is_no_blob(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	begin(&f);
	const struct digest d = digest_of(STR("content"));
	OK(file_replace(AT_FDCWD, final_path(&f, &d), STR(""), 0444, false, &e));
	assert_false(blobs_has(f.b, &d, NULL));
	(void)put(&f, STR("content"));
	assert_true(blobs_has(f.b, &d, NULL));
	OK(blobs_flush(f.b, &e));
	assert_true(reads(&f, &d, STR("content")));
	end(&f);
}

static void
writers_commit_or_vanish(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	struct blob_writer *w;
	struct digest d, x = digest_of(STR("one two")), other = digest_of(STR("other"));
	uint64_t size;
	begin(&f);
	OK(blob_begin(f.b, &w, &e));
	OK(blob_write(w, STR("one "), &e));
	OK(blob_write(w, STR("two"), &e));
	FAILS(ERR_DAMAGED, blob_commit(w, &other, &d, &size, &e));
	assert_false(blobs_has(f.b, &x, NULL));
	OK(blob_begin(f.b, &w, &e));
	OK(blob_write(w, STR("one "), &e));
	OK(blob_write(w, STR("two"), &e));
	OK(blob_commit(w, &x, &d, &size, &e));
	assert_true(digest_eq(&d, &x));
	assert_int_equal(size, 7);
	assert_true(reads(&f, &x, STR("one two")));
	OK(blob_begin(f.b, &w, &e));
	blob_abort(w);
	blob_abort(NULL);
	OK(blob_begin(f.b, &w, &e));
	OK(blob_commit(w, NULL, NULL, NULL, &e));
	end(&f);
}

static void
files_are_stored_as_they_are_named(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	struct content c, wrong, kept;
	begin(&f);
	OK(file_replace(AT_FDCWD, in(f.dir, "file"), STR("file content"), 0644, false, &e));
	OK(blobs_put_file(f.b, AT_FDCWD, in(f.dir, "file"), NULL, &c, &e));
	assert_int_equal(c.size, 12);
	const struct digest d = digest_of(STR("file content"));
	assert_true(digest_eq(&c.digest, &d));
	const struct fp fp = fp_of(STR("file content"));
	assert_true(fp_eq(c.fp, fp));
	assert_true(reads(&f, &d, STR("file content")));
	/* It changed since somebody looked. */
	wrong = c;
	wrong.digest = digest_of(STR("what it was"));
	FAILS(ERR_BUSY, blobs_put_file(f.b, AT_FDCWD, in(f.dir, "file"), &wrong, &kept, &e));
	assert_false(blobs_has(f.b, &wrong.digest, NULL));
	/* Known: not even opened. */
	OK(blobs_put_file(f.b, AT_FDCWD, in(f.dir, "no such file"), &c, &kept, &e));
	assert_true(digest_eq(&kept.digest, &d));
	FAILS(ERR_MISSING, blobs_put_file(f.b, AT_FDCWD, in(f.dir, "no such file"), NULL, &kept, &e));
	FAILS(ERR_INPUT, blobs_put_file(f.b, AT_FDCWD, f.dir, NULL, &kept, &e));
	assert_int_equal(mkfifo(in(f.dir, "fifo"), 0644), 0);
	FAILS(ERR_INPUT, blobs_put_file(f.b, AT_FDCWD, in(f.dir, "fifo"), NULL, &kept, &e));
	end(&f);
}

/* A file that another process rewrites all the time: whatever is stored is stored under its own name. */
static void
a_changing_file_is_never_stored_under_a_wrong_name(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	begin(&f);
	const char *path = strdup(in(f.dir, "file"));
	char *bytes = malloc(300000);
	memset(bytes, 'a', 300000);
	OK(file_replace(AT_FDCWD, path, (struct str){ bytes, 300000 }, 0644, false, &e));
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		const int fd = open(path, O_WRONLY);
		for (unsigned i = 0;; i++)
			(void)!pwrite(fd, &i, sizeof i, i * 4096 % 290000);
	}
	for (int i = 0; i < 100; i++) {
		struct content c;
		OK(blobs_put_file(f.b, AT_FDCWD, path, NULL, &c, &e));
		OK(blobs_check(f.b, &c.digest, &e));
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	free(bytes);
	free((void *)path);
	end(&f);
}

struct crowd {
	struct fixture *f;
	int id;
};

static void *
put_many(void *ctx)
{
	struct crowd *c = ctx;
	struct err e = { 0 };
	char text[30];
	for (int i = 0; i < 200; i++) {
		struct digest d;
		AUTO_BUF got = { 0 };
		snprintf(text, sizeof text, "blob %d", i); /* the same ones in all threads */
		if (blobs_put(c->f->b, str_z(text), &d, &e) < 0 || (i % 50 == c->id && blobs_flush(c->f->b, &e) < 0) ||
		    blobs_read(c->f->b, &d, 100, &got, &e) < 0 || !str_is(buf_str(&got), text))
			return c;
	}
	return NULL;
}

static void
threads_put_the_same_and_flush_at_once(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	pthread_t t[4];
	struct crowd c[4];
	begin(&f);
	for (int i = 0; i < 4; i++) {
		c[i] = (struct crowd){ &f, i };
		assert_int_equal(pthread_create(&t[i], NULL, put_many, &c[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		void *wrong;
		pthread_join(t[i], &wrong);
		assert_null(wrong);
	}
	OK(blobs_flush(f.b, &e));
	again(&f);
	for (int i = 0; i < 200; i++) {
		char text[30];
		snprintf(text, sizeof text, "blob %d", i);
		const struct digest d = digest_of(str_z(text));
		assert_true(reads(&f, &d, str_z(text)));
	}
	end(&f);
}

static bool
count(void *ctx, const struct digest *d, const struct file_stat *st)
{
	(void)d;
	(void)st;
	++*(int *)ctx;
	return true;
}

static void
processes_put_the_same_at_once(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	pid_t pid[3];
	begin(&f);
	again(&f);
	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			struct fixture own = { .dir = f.dir };
			if (blobs_open(in(f.dir, "blobs"), false, &own.b, &e) < 0 || put_many(&(struct crowd){ &own, i }) ||
			    blobs_flush(own.b, &e) < 0)
				_exit(1);
			blobs_close(own.b);
			_exit(0);
		}
	}
	for (int i = 0; i < 3; i++) {
		int status;
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	int n = 0;
	OK(blobs_each(f.b, count, &n, &e));
	assert_int_equal(n, 200);
	end(&f);
}

static void
what_the_dead_left_is_removed_and_the_living_keep_theirs(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	struct arena a = { 0 };
	struct file_entry *v;
	size_t n;
	int p[2];
	char byte;
	begin(&f);
	const struct digest d = put(&f, STR("mine"));
	assert_int_equal(pipe(p), 0);
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		struct blobs *b;
		struct digest x;
		if (blobs_open(in(f.dir, "blobs"), false, &b, &e) < 0 || blobs_put(b, STR("theirs"), &x, &e) < 0)
			_exit(1);
		(void)!write(p[1], "x", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(p[0], &byte, 1), 1);
	struct blobs *other;
	OK(blobs_open(in(f.dir, "blobs"), false, &other, &e));
	blobs_close(other);
	OK(file_list(AT_FDCWD, in(f.dir, "blobs/tmp"), &a, &v, &n, &e));
	assert_int_equal(n, 3); /* .lock, mine, theirs */
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	OK(blobs_open(in(f.dir, "blobs"), false, &other, &e));
	blobs_close(other);
	OK(file_list(AT_FDCWD, in(f.dir, "blobs/tmp"), &a, &v, &n, &e));
	assert_int_equal(n, 2);
	assert_true(reads(&f, &d, STR("mine")));
	close(p[0]);
	close(p[1]);
	arena_done(&a);
	end(&f);
}

static void
read_only_makes_nothing(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct blobs *b;
	struct digest d;
	AUTO_BUF got = { 0 };
	OK(blobs_open(in(dir, "none"), true, &b, &e));
	assert_false(file_exists(AT_FDCWD, in(dir, "none")));
	OK(blobs_put(b, STR("kept for this process"), &d, &e));
	OK(blobs_read(b, &d, 100, &got, &e));
	FAILS(ERR_FULL, blobs_flush(b, &e));
	OK(blobs_read(b, &d, 100, &got, &e));
	int n = 0;
	OK(blobs_each(b, count, &n, &e));
	assert_int_equal(n, 0);
	blobs_close(b);
	assert_false(file_exists(AT_FDCWD, in(dir, "none")));
	scratch_free(dir);
}

static void
the_buried_come_back_or_go(void **state)
{
	(void)state;
	struct fixture f;
	struct err e = { 0 };
	int64_t at;
	begin(&f);
	const struct digest x = put(&f, STR("x")), y = put(&f, STR("y"));
	OK(blobs_flush(f.b, &e));
	OK(blobs_bury(f.b, &x, &at, &e));
	assert_false(blobs_has(f.b, &x, NULL));
	FAILS(ERR_MISSING, blobs_bury(f.b, &x, &at, &e));
	OK(blobs_unbury(f.b, &x, &e));
	assert_true(reads(&f, &x, STR("x")));
	OK(blobs_bury(f.b, &x, &at, &e));
	again(&f);
	OK(blobs_unbury_all(f.b, &e));
	assert_true(reads(&f, &x, STR("x")));
	OK(blobs_bury(f.b, &y, &at, &e));
	OK(blobs_graves_empty(f.b, &e));
	OK(blobs_unbury_all(f.b, &e));
	assert_false(blobs_has(f.b, &y, NULL));
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pending_blob_is_found_and_a_flushed_one_stays),
		cmocka_unit_test(the_folder_is_an_oci_layout),
		cmocka_unit_test(sizes_from_nothing_to_megabytes),
		cmocka_unit_test(damage_never_leaves),
		cmocka_unit_test(damage_to_a_pending_blob_is_found),
		cmocka_unit_test(an_empty_file_under_a_name_is_no_blob),
		cmocka_unit_test(writers_commit_or_vanish),
		cmocka_unit_test(files_are_stored_as_they_are_named),
		cmocka_unit_test(a_changing_file_is_never_stored_under_a_wrong_name),
		cmocka_unit_test(threads_put_the_same_and_flush_at_once),
		cmocka_unit_test(processes_put_the_same_at_once),
		cmocka_unit_test(what_the_dead_left_is_removed_and_the_living_keep_theirs),
		cmocka_unit_test(read_only_makes_nothing),
		cmocka_unit_test(the_buried_come_back_or_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
