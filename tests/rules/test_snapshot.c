/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache/cache.h"
#include "cache/stats.h"
#include "rules/snapshot.h"
#include "sys/clock.h"

struct world {
	struct arena a;
	struct str top;
	int root;
	struct cache *cache;
	struct leaves *leaves;
};

static const char *const variables[] = { "ONE=1", "EMPTY=", NULL };

static void
put(struct world *w, const char *path, const char *text)
{
	struct err e;
	if (file_mkdirs_parent(w->root, path, &e) < 0 || file_replace(w->root, path, str_z(text), 0644, false, &e) < 0)
		fail_msg("%s", e.text);
}

/* As a rule does: hash through the stat table, report the signature. */
static void
report(struct world *w, const char *path)
{
	struct err e;
	struct file_stat st;
	struct content c;
	if (file_stat(w->root, path, false, &st, &e) < 0 || stats_content(w->cache->stats, w->root, path, &st, &c, &e) < 0)
		fail_msg("%s", e.text);
	struct stat_sig sig = stat_sig_of(&st);
	leaves_path(w->leaves, str_z(path), &sig);
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct err e;
	*state = w;
	if (file_scratch_dir("/tmp", "pawl-snapshot-", &w->a, &w->top, &e) < 0 ||
	    cache_open(path_join(&w->a, w->top, STR("cache")), &w->cache, &e) < 0)
		fail_msg("%s", e.text);
	const char *root = arena_z(&w->a, path_join(&w->a, w->top, STR("project")));
	assert_int_equal(file_mkdirs(AT_FDCWD, root, &e), 0);
	w->root = file_open_dir(AT_FDCWD, root, &e);
	w->leaves = leaves_new();
	leaves_root(w->leaves, w->root);
	put(w, "a.txt", "a\n");
	put(w, "sub/b.txt", "b\n");
	report(w, "a.txt");
	report(w, "sub/b.txt");
	leaves_path(w->leaves, STR("missing.txt"), NULL);
	leaves_folder(w->leaves, STR("sub"));
	leaves_var(w->leaves, STR("ONE"), "1");
	leaves_var(w->leaves, STR("EMPTY"), "");
	leaves_var(w->leaves, STR("UNSET"), NULL);
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	leaves_free(w->leaves);
	cache_close(w->cache);
	file_closep(&w->root);
	(void)file_remove_tree(AT_FDCWD, arena_z(&w->a, w->top), NULL);
	arena_done(&w->a);
	free(w);
	return 0;
}

static const struct snapshot_key question = { STR_INIT("/project"), STR_INIT("run") };

static void
save(struct world *w)
{
	struct batch b = { 0 };
	struct err e;
	snapshot_put(&b, &question, w->leaves, w->cache->stats, STR("the answer"));
	if (cache_commit(w->cache, &b, &e) < 0)
		fail_msg("%s", e.text);
	batch_done(&b);
}

static bool
same(struct world *w, const struct snapshot_key *k, const char *const *environ_)
{
	struct view *v;
	struct err e;
	struct str answer = { 0 };
	assert_int_equal(view_begin(w->cache->records, &v, &e), 0);
	bool yes = snapshot_check(v, k, w->root, environ_, &answer);
	if (yes)
		assert_true(str_is(answer, "the answer"));
	view_end(v);
	return yes;
}

static void
nothing_changed(void **state)
{
	struct world *w = *state;
	save(w);
	assert_true(same(w, &question, variables));
}

static void
edit_text(struct world *w)
{
	put(w, "a.txt", "b\n");
}

static void
edit_deep(struct world *w)
{
	put(w, "sub/b.txt", "c\n");
}

static void
make_missing(struct world *w)
{
	put(w, "missing.txt", "");
}

static void
make_neighbour(struct world *w)
{
	put(w, "sub/c.txt", "");
}

static void
remove_one(struct world *w)
{
	assert_int_equal(unlinkat(w->root, "a.txt", 0), 0);
}

static void
change_mode(struct world *w)
{
	assert_int_equal(fchmodat(w->root, "a.txt", 0755, 0), 0);
}

static void
become_folder(struct world *w)
{
	assert_int_equal(unlinkat(w->root, "a.txt", 0), 0);
	assert_int_equal(mkdirat(w->root, "a.txt", 0755), 0);
}

static void
lie_about_time(struct world *w)
{
	struct stat st;
	assert_int_equal(fstatat(w->root, "a.txt", &st, 0), 0);
	put(w, "a.txt", "z\n");
	const struct timespec t[2] = { st.st_atim, st.st_mtim };
	assert_int_equal(utimensat(w->root, "a.txt", t, 0), 0);
}

static void
changes_are_seen(void **state)
{
	static void (*const edits[])(struct world *) = { edit_text,   edit_deep,     make_missing,  make_neighbour, remove_one,
							 change_mode, become_folder, lie_about_time };
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		void *own = NULL;
		set_up(&own);
		save(own);
		assert_true(same(own, &question, variables));
		edits[i](own);
		if (same(own, &question, variables))
			fail_msg("edit %zu was not seen", i);
		tear_down(&own);
	}
	(void)state;
}

static void
a_file_that_came_and_went_changes_nothing(void **state)
{
	struct world *w = *state;
	save(w);
	put(w, "sub/.swap", "");
	assert_int_equal(unlinkat(w->root, "sub/.swap", 0), 0);
	assert_true(same(w, &question, variables));
}

static void
variables_count(void **state)
{
	static const char *const rows[][4] = { { "ONE=2", "EMPTY=", NULL },
					       { "EMPTY=", NULL },
					       { "ONE=1", "EMPTY=x", NULL },
					       { "ONE=1", NULL },
					       { "ONE=1", "EMPTY=", "UNSET=", NULL } };
	static const char *const fine[] = { "OTHER=x", "ONE=1", "EMPTY=", NULL };
	struct world *w = *state;
	save(w);
	assert_true(same(w, &question, fine));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_false(same(w, &question, rows[i]));
}

static void
other_questions_have_other_answers(void **state)
{
	static const struct snapshot_key others[] = { { STR_INIT("/project"), STR_INIT("build") },
						      { STR_INIT("/other"), STR_INIT("run") } };
	struct world *w = *state;
	save(w);
	for (size_t i = 0; i < 2; i++)
		assert_false(same(w, &others[i], variables));
}

static void
no_snapshot_when_something_is_never_known_or_has_expired(void **state)
{
	struct world *w = *state;
	leaves_expiry(w->leaves, clock_real() - 1);
	save(w);
	assert_false(same(w, &question, variables));
	leaves_never(w->leaves);
	save(w);
	assert_false(same(w, &question, variables));
}

static void
a_young_file_that_changed_before_the_save_makes_no_snapshot(void **state)
{
	struct world *w = *state;
	put(w, "a.txt", "other\n");
	save(w);
	assert_false(same(w, &question, variables));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nothing_changed),
		TEST(changes_are_seen),
		TEST(a_file_that_came_and_went_changes_nothing),
		TEST(variables_count),
		TEST(other_questions_have_other_answers),
		TEST(no_snapshot_when_something_is_never_known_or_has_expired),
		TEST(a_young_file_that_changed_before_the_save_makes_no_snapshot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
