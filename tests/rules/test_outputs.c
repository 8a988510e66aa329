/* SPDX-License-Identifier: Apache-2.0
 *
 * Outputs of steps in a scratch project with a cache of its own.
 */
#include "cache/cache.h"
#include "rules/kept.h"
#include "rules/notes.h"
#include "rules/outputs.h"
#include "rules/snapshot.h"
#include "tests/scratch.h"

struct spot {
	struct arena arena;
	struct project p;
	struct str run_dir;
	int fd;
};

static void
spot_open(struct spot *x, const struct scratch *s)
{
	struct err e;

	*x = (struct spot){ 0 };
	x->p.root = path_join(&x->arena, str_z(s->path), STR("w"));
	x->run_dir = path_join(&x->arena, str_z(s->path), STR("run"));
	assert_ok(file_mkdirs(s->fd, "w", &e), &e);
	assert_ok(file_mkdirs(s->fd, "run", &e), &e);
	x->fd = x->p.fd = file_open_dir(AT_FDCWD, x->p.root.p, &e);
	assert_ok(x->p.fd, &e);
	assert_ok(cache_open(path_join(&x->arena, str_z(s->path), STR("cache")), &x->p.cache, &e), &e);
	x->p.leaves = leaves_new();
	leaves_root(x->p.leaves, x->p.fd);
	x->p.notes = notes_new();
}

static void
spot_done(struct spot *x)
{
	leaves_free(x->p.leaves);
	kept_free(x->p.kept);
	notes_free(x->p.notes);
	cache_close(x->p.cache);
	file_closep(&x->p.fd);
	arena_done(&x->arena);
}

static void
put(const struct spot *x, const char *path, const char *text, mode_t mode)
{
	struct err e;

	assert_ok(file_mkdirs_parent(x->fd, path, &e), &e);
	assert_ok(file_replace(x->fd, path, str_z(text), mode, false, &e), &e);
}

static void
assert_content(const struct spot *x, const char *path, const char *want)
{
	AUTO_BUF b = { 0 };
	struct err e;

	assert_ok(file_read(x->fd, path, 1 << 20, &b, &e), &e);
	assert_str(buf_str(&b), want);
}

static struct result
collect(struct spot *x, const struct out_spec *v, size_t n)
{
	struct result r = { .noutputs = n };
	struct err e;
	bool unstored = true;

	assert_ok(outputs_collect(&x->p, v, n, x->run_dir, &x->arena, &r.outputs, &unstored, &e), &e);
	assert_false(unstored);
	assert_ok(blobs_flush(x->p.cache->blobs, &e), &e);
	return r;
}

static const struct out_spec specs[] = {
	{ .name = STR_INIT("dir"), .path = STR_INIT("out/d"), .folder = true },
	{ .name = STR_INIT("file"), .path = STR_INIT("out/f.txt") },
	{ .name = STR_INIT("tool"), .path = STR_INIT("bin/tool") },
};

static void
make_all(struct spot *x)
{
	put(x, "out/f.txt", "content", 0644);
	put(x, "bin/tool", "#!/bin/sh\n", 0755);
	put(x, "out/d/a", "A", 0644);
	put(x, "out/d/sub/run", "B", 0755);
	assert_int_equal(mkdirat(x->fd, "out/d/empty", 0755), 0);
	assert_int_equal(symlinkat("../nowhere", x->fd, "out/d/link"), 0);
}

static void
what_was_collected_comes_back_whole(void **state)
{
	struct spot x;
	struct err e;
	struct stat st;
	char link[64] = { 0 };
	bool evicted = false;

	spot_open(&x, *state);
	make_all(&x);
	const struct result r = collect(&x, specs, COUNT(specs));

	assert_true(outputs_in_place(&x.p, &r, &evicted));
	outputs_remove(&x.p, specs, COUNT(specs));
	assert_false(file_exists(x.fd, "out/d"));
	assert_false(outputs_in_place(&x.p, &r, &evicted));
	assert_false(evicted);
	assert_ok(outputs_restore(&x.p, &r, &e), &e);
	assert_true(outputs_in_place(&x.p, &r, &evicted));
	assert_content(&x, "out/d/a", "A");
	assert_int_equal(fstatat(x.fd, "out/d/sub/run", &st, 0), 0);
	assert_true(st.st_mode & S_IXUSR);
	assert_int_equal(fstatat(x.fd, "out/d/empty", &st, 0), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(readlinkat(x.fd, "out/d/link", link, sizeof link - 1), 10);
	assert_string_equal(link, "../nowhere");
	assert_null(notes_get(x.p.notes, 0));
	spot_done(&x);
}

/* What a person did to the workspace, and that it is seen. */
static void
every_difference_is_seen_and_mended(void **state)
{
	static const struct {
		const char *what, *path, *text;
		mode_t mode;
	} rows[] = {
		{ "other content", "out/f.txt", "Content", 0644 },
		{ "exec bit on", "out/f.txt", "content", 0755 },
		{ "exec bit off", "bin/tool", "#!/bin/sh\n", 0644 },
		{ "a file more", "out/d/more", "x", 0644 },
		{ "a file in a folder changed", "out/d/sub/run", "b", 0755 },
		{ "exec bit in a folder", "out/d/a", "A", 0755 },
	};
	struct spot x;
	struct err e;

	spot_open(&x, *state);
	make_all(&x);
	const struct result r = collect(&x, specs, COUNT(specs));

	for (size_t i = 0; i < COUNT(rows); i++) {
		bool evicted = false;

		ROW(i, rows[i].what);
		put(&x, rows[i].path, rows[i].text, rows[i].mode);
		assert_false(outputs_in_place(&x.p, &r, &evicted));
		assert_ok(outputs_restore(&x.p, &r, &e), &e);
		assert_true(outputs_in_place(&x.p, &r, &evicted));
		assert_false(evicted);
	}
	assert_false(file_exists(x.fd, "out/d/more"));
	spot_done(&x);
}

static void
an_edit_by_hand_is_kept_and_named(void **state)
{
	struct spot x;
	struct err e;
	AUTO_BUF got = { 0 };

	spot_open(&x, *state);
	make_all(&x);
	const struct result r = collect(&x, specs, COUNT(specs));

	put(&x, "out/f.txt", "my own words", 0644);
	put(&x, "out/d/sub/new", "and these", 0644);
	assert_ok(outputs_restore(&x.p, &r, &e), &e);
	for (size_t i = 0; i < 2; i++) {
		const char *note = notes_get(x.p.notes, i);
		struct digest d;

		assert_non_null(note);
		assert_non_null(strstr(note, "edited by hand"));
		const char *at = strstr(note, "pawl artifact get ");

		assert_non_null(at);
		assert_true(digest_parse(str_z(at + strlen("pawl artifact get ")), false, &d));
		assert_ok(blobs_read(x.p.cache->blobs, &d, 1000, &got, &e), &e);
	}
	assert_str(buf_str(&got), "and thesemy own words");
	assert_null(notes_get(x.p.notes, 2));
	assert_content(&x, "out/f.txt", "content");
	spot_done(&x);
}

static void
room_is_made_before_a_step_starts(void **state)
{
	struct spot x;
	struct err e;

	spot_open(&x, *state);
	put(&x, "out/f.txt", "by hand", 0644);
	assert_ok(outputs_clear(&x.p, specs, COUNT(specs), &e), &e);
	assert_false(file_exists(x.fd, "out/f.txt"));
	assert_true(file_exists(x.fd, "bin"));
	assert_non_null(strstr(notes_get(x.p.notes, 0), "out/f.txt held other content"));
	spot_done(&x);
}

static void
what_is_missing_or_of_the_other_kind_fails(void **state)
{
	static const struct {
		struct out_spec o;
		const char *text;
	} rows[] = {
		{ { STR_INIT("n"), STR_INIT("never.txt"), false }, "did not write its output 'never.txt'" },
		{ { STR_INIT("n"), STR_INIT(""), false }, "did not write its output 'n' in ${run.dir}" },
		{ { STR_INIT("n"), STR_INIT("out/d"), false }, "declared as a file ('out/d'), but the step wrote a folder" },
		{ { STR_INIT("n"), STR_INIT("out/f.txt"), true }, "declared as a folder ('out/f.txt/'), but the step wrote a file" },
	};
	struct spot x;

	spot_open(&x, *state);
	make_all(&x);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = { 0 };
		struct output *o;
		bool unstored;

		ROW(i, rows[i].text);
		assert_int_equal(outputs_collect(&x.p, &rows[i].o, 1, x.run_dir, &x.arena, &o, &unstored, &e), -1);
		assert_int_equal(e.code, ERR_FAILED);
		assert_non_null(strstr(e.text, rows[i].text));
	}
	spot_done(&x);
}

static void
an_output_without_a_path_lives_in_the_cache(void **state)
{
	const struct out_spec spec = { .name = STR("model") };
	const struct scratch *s = *state;
	struct spot x;
	struct err e;
	bool evicted = false;

	spot_open(&x, s);
	scratch_write(s, "run/model", "weights");
	const struct result r = collect(&x, &spec, 1);
	const struct str to = path_join(&x.arena, str_z(s->path), STR("in/0/model"));

	assert_ok(outputs_checkout(&x.p, &r.outputs[0], AT_FDCWD, to, &e), &e);
	AUTO_BUF b = { 0 };

	assert_ok(file_read(s->fd, "in/0/model", 100, &b, &e), &e);
	assert_str(buf_str(&b), "weights");
	assert_true(outputs_in_place(&x.p, &r, &evicted));
	assert_ok(blobs_remove(x.p.cache->blobs, &r.outputs[0].digest, &e), &e);
	assert_false(outputs_in_place(&x.p, &r, &evicted));
	assert_true(evicted);
	spot_done(&x);
}

/* The store lost a file of a folder: nothing in the workspace may be touched by the vain attempt. */
static void
a_restore_that_cannot_be_whole_changes_nothing(void **state)
{
	struct spot x;
	struct err e = { 0 };
	const struct digest a = digest_of(STR("A"));
	struct file_entry *v;
	size_t n;

	spot_open(&x, *state);
	make_all(&x);
	const struct result r = collect(&x, specs, COUNT(specs));

	put(&x, "out/d/a", "edited", 0644);
	assert_ok(blobs_remove(x.p.cache->blobs, &a, &e), &e);
	assert_int_equal(outputs_restore(&x.p, &r, &e), -1);
	assert_int_equal(e.code, ERR_MISSING);
	assert_content(&x, "out/d/a", "edited");
	assert_ok(file_list(x.fd, "out", &x.arena, &v, &n, &e), &e);
	assert_int_equal(n, 2); /* d and f.txt: no half built folder is left */
	spot_done(&x);
}

static void
thousands_of_files_come_back(void **state)
{
	const struct out_spec spec = { .name = STR("d"), .path = STR("d"), .folder = true };
	struct spot x;
	struct err e;
	char name[32], text[32];
	bool evicted = false;

	spot_open(&x, *state);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "d/%d/f%d", i % 100, i);
		snprintf(text, sizeof text, "%d", i % 50);
		put(&x, name, text, 0644);
	}
	const struct result r = collect(&x, &spec, 1);

	outputs_remove(&x.p, &spec, 1);
	assert_ok(outputs_restore(&x.p, &r, &e), &e);
	assert_true(outputs_in_place(&x.p, &r, &evicted));
	spot_done(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(what_was_collected_comes_back_whole),
		SCRATCH_TEST(every_difference_is_seen_and_mended),
		SCRATCH_TEST(an_edit_by_hand_is_kept_and_named),
		SCRATCH_TEST(room_is_made_before_a_step_starts),
		SCRATCH_TEST(what_is_missing_or_of_the_other_kind_fails),
		SCRATCH_TEST(an_output_without_a_path_lives_in_the_cache),
		SCRATCH_TEST(a_restore_that_cannot_be_whole_changes_nothing),
		SCRATCH_TEST(thousands_of_files_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
