/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/world.h"

/* raw -> load -> scale -> total, and alone. */
static struct world *
small(void)
{
	struct world *w = world_new();
	struct thing *raw = add(w, &leaf, "raw"), *load = add(w, &step, "load"), *scale = add(w, &step, "scale"),
		     *total = add(w, &step, "total");
	add(w, &step, "alone");
	load->pace = POSTED;
	scale->pace = ON_THREAD;
	input(w, raw, load);
	input(w, load, scale);
	input(w, scale, total);
	return w;
}

static void
a_second_run_finds_all(void **state)
{
	struct world *w = small();
	(void)state;
	plans(w, "load run new, scale run new, total run new, alone run new");
	go(w);
	states(w, "load made, scale made, total made, alone made");
	assert_int_equal(w->run.status, RUN_OK);
	plans(w, "load hit, scale hit, total hit, alone hit");
	go(w);
	states(w, "load hit, scale hit, total hit, alone hit");
	assert_int_equal(get(w, "load")->made, 1);
	world_free(w);
}

static void
the_wave_stops_where_a_result_is_the_same(void **state)
{
	struct world *w = small();
	(void)state;
	get(w, "load")->mod = 1;
	go(w);
	get(w, "raw")->value = 9;
	plans(w, "load run input, scale maybe upstream, total maybe upstream, alone hit");
	assert_string_equal(w->plan.node[get(w, "load")->n.i].reason.text.p, "raw changed");
	go(w);
	states(w, "load made, scale cutoff, total cutoff, alone hit");
	memset(&get(w, "total")->placed, 0, 32);
	get(w, "raw")->value = 10;
	go(w);
	states(w, "load made, scale cutoff, total restored, alone hit");
	world_free(w);
}

static void
a_revert_restores(void **state)
{
	struct world *w = small();
	(void)state;
	go(w);
	get(w, "raw")->value = 1;
	go(w);
	states(w, "load made, scale made, total made, alone hit");
	get(w, "raw")->value = 0;
	plans(w, "load hit, scale hit, total hit, alone hit");
	go(w);
	states(w, "load restored, scale restored, total restored, alone hit");
	go(w);
	states(w, "load hit, scale hit, total hit, alone hit");
	/* What changed is told against the revert, not against what was made last. */
	get(w, "raw")->value = 1;
	get(w, "load")->expired = true;
	plans(w, "load run expired, scale maybe upstream, total maybe upstream, alone hit");
	world_free(w);
}

static void
a_damaged_blob_is_made_again(void **state)
{
	struct world *w = small();
	(void)state;
	go(w);
	for (size_t i = 0; i < w->n; i++) {
		w->v[i].damaged = true;
		memset(&w->v[i].placed, 0, sizeof w->v[i].placed);
	}
	plans(w, "load hit, scale hit, total hit, alone hit");
	go(w);
	states(w, "load made, scale made, total made, alone made");
	assert_int_equal(w->run.node[get(w, "load")->n.i].reason.code, REASON_EVICTED);
	get(w, "alone")->evicted = true;
	memset(&get(w, "alone")->placed, 0, 32);
	plans(w, "load hit, scale hit, total hit, alone run evicted");
	world_free(w);
}

static void
what_comes_out_otherwise_is_followed(void **state)
{
	struct world *w = small();
	struct thing *load = get(w, "load");
	(void)state;
	go(w);
	load->damaged = true;
	load->noise = 1;
	memset(&load->placed, 0, 32);
	plans(w, "load hit, scale hit, total hit, alone hit");
	go(w);
	states(w, "load made, scale made, total made, alone hit");
	const struct reason *r = &w->run.node[get(w, "scale")->n.i].reason;
	assert_int_equal(r->code, REASON_INPUT);
	assert_true(str_is(r->text, "input load changed"));
	world_free(w);
}

static void
a_failure_is_never_a_hit(void **state)
{
	struct world *w = small();
	(void)state;
	get(w, "load")->fails = true;
	go(w);
	states(w, "load failed, scale skipped, total skipped, alone made");
	assert_true(str_is(w->run.node[get(w, "total")->n.i].reason.text, "load failed"));
	assert_int_equal(w->run.status, RUN_HAS_FAILED);
	assert_int_equal(w->run.node[get(w, "load")->n.i].exit, 7);
	plans(w, "load run failed-before, scale run new, total run new, alone hit");
	go(w);
	assert_int_equal(get(w, "load")->made, 2);
	get(w, "load")->param = 3;
	plans(w, "load run params, scale run new, total run new, alone hit");
	get(w, "load")->fails = false;
	go(w);
	states(w, "load made, scale made, total made, alone hit");
	world_free(w);
}

static void
without_keep_going_the_rest_is_cancelled(void **state)
{
	struct world *w = world_new();
	struct thing *bad = add(w, &step, "bad"), *after = add(w, &step, "after"), *good = add(w, &step, "good"),
		     *later = add(w, &step, "later");
	(void)state;
	input(w, bad, after);
	input(w, good, later);
	bad->fails = true;
	bad->pace = POSTED;
	good->pace = ON_THREAD;
	w->ropts.keep_going = false;
	go(w);
	states(w, "bad failed, after skipped, good made, later cancelled");
	w->ropts.keep_going = true;
	go(w);
	states(w, "bad failed, after skipped, good hit, later made");
	world_free(w);
}

/* bad fails; clean comes after it and always runs, notify needs what clean gives, other does not; blocked always runs, but needs what failed. */
static void
what_always_runs_runs_after_a_failure(void **state)
{
	static const bool keep[] = { false, true };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world *w = world_new();
		struct thing *bad = add(w, &step, "bad"), *clean = add(w, &step, "clean"), *notify = add(w, &step, "notify"),
			     *blocked = add(w, &step, "blocked"), *late = add(w, &step, "late"), *skipped = add(w, &step, "skipped");
		bad->fails = clean->always = notify->always = blocked->always = late->always = skipped->off = true;
		bad->pace = POSTED;
		edge(w, bad, clean, EDGE_ORDER);
		input(w, clean, notify);
		input(w, bad, blocked);
		edge(w, skipped, late, EDGE_ORDER);
		edge(w, clean, late, EDGE_ORDER);
		w->ropts.keep_going = keep[i];
		go(w);
		states(w, "bad failed, clean made, notify made, blocked skipped, late made, skipped skipped");
		assert_int_equal(w->run.status, RUN_HAS_FAILED);
		world_free(w);
	}
}

static void
reasons_are_told_apart(void **state)
{
	struct world *w = world_new();
	struct thing *f = add(w, &leaf, "lib/scale.py"), *c = add(w, &code, "code:a"), *a = add(w, &step, "a"), *b = add(w, &step, "b");
	(void)state;
	input(w, f, c);
	input(w, c, a);
	input(w, a, b);
	go(w);
	f->value++;
	plans(w, "a run code, b maybe upstream");
	assert_true(str_is(w->plan.node[a->n.i].reason.text, "lib/scale.py changed"));
	f->file = "lib/scale.py";
	plans(w, "a run code, b maybe upstream");
	assert_true(str_is(w->plan.node[a->n.i].reason.file, "lib/scale.py"));
	a->value++;
	plans(w, "a run command, b maybe upstream");
	b->param++;
	plans(w, "a run command, b run params");
	w->opts.force = true;
	plans(w, "a run forced, b run forced");
	w->opts.force = false;
	w->opts.forced = &a->n;
	w->opts.nforced = 1;
	plans(w, "a run forced, b run params");
	w->opts.nforced = 0;
	w->opts.no_cache = true;
	plans(w, "a run forced, b run forced");
	world_free(w);
}

static void
why_leads_to_the_leaf(void **state)
{
	struct world *w = world_new();
	struct thing *f = add(w, &leaf, "lib/scale.py"), *c = add(w, &code, "code:a"), *a = add(w, &step, "a"), *b = add(w, &step, "b");
	struct why why;
	(void)state;
	f->file = "lib/scale.py";
	input(w, f, c);
	input(w, c, a);
	input(w, a, b);
	make_plan(w);
	assert_int_equal(explain(&w->opts, &w->plan, b->n, STR(""), &w->arena, &why, &w->err), 0);
	assert_true(why.never_made);
	go(w);
	f->value++;
	make_plan(w);
	assert_int_equal(explain(&w->opts, &w->plan, b->n, STR(""), &w->arena, &why, &w->err), 0);
	assert_false(why.never_made);
	assert_int_equal(why.state, PLAN_MAYBE);
	assert_int_equal(why.nchain, 4); /* b waits for a, whose code, whose file changed */
	const node_id chain[] = { b->n, a->n, c->n, f->n };
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(why.chain[i].node.i, chain[i].i);
	assert_int_equal(why.chain[1].reason.code, REASON_CODE);
	assert_true(str_is(why.chain[3].reason.file, "lib/scale.py"));
	assert_int_equal(why.nchanges, 0);
	assert_int_equal(explain(&w->opts, &w->plan, a->n, STR(""), &w->arena, &why, &w->err), 0);
	assert_int_equal(why.nchanges, 1);
	assert_int_equal(why.unchanged, 3);
	assert_int_equal(explain(&w->opts, &w->plan, a->n, STR("rubbish"), &w->arena, &why, &w->err), -1);
	/* a is made alone: b's input is another one now, and a itself is as it was made last. */
	w->opts.targets = &a->n;
	w->opts.ntargets = 1;
	go(w);
	w->opts.targets = NULL;
	plans(w, "a hit, b run input");
	assert_int_equal(explain(&w->opts, &w->plan, b->n, STR(""), &w->arena, &why, &w->err), 0);
	assert_int_equal(why.nchain, 2);
	assert_true(str_is(why.chain[1].reason.text, "a was made since, and came out otherwise"));
	assert_true(str_is(why.reason.text, "input a changed"));
	assert_int_equal(why.unchanged, 3);
	world_free(w);
}

static void
uncachable_results_are_used_and_made_again(void **state)
{
	struct world *w = small();
	(void)state;
	get(w, "load")->uncachable = true;
	go(w);
	states(w, "load made, scale made, total made, alone made");
	plans(w, "load run expired, scale maybe upstream, total maybe upstream, alone hit");
	go(w);
	states(w, "load made, scale cutoff, total cutoff, alone hit");
	world_free(w);
}

static void
inputs_that_change_meanwhile_are_not_recorded(void **state)
{
	struct world *w = small();
	(void)state;
	get(w, "load")->edits = get(w, "raw");
	go(w);
	states(w, "load made, scale made, total made, alone made");
	assert_true(w->run.node[get(w, "load")->n.i].note.n > 0);
	get(w, "load")->edits = NULL;
	get(w, "raw")->value = 0;
	plans(w, "load run expired, scale maybe upstream, total maybe upstream, alone hit");
	world_free(w);
}

static void
targets_and_force(void **state)
{
	struct world *w = small();
	(void)state;
	const node_id scale = get(w, "scale")->n, alone = get(w, "alone")->n;
	w->opts.targets = &scale;
	w->opts.ntargets = 1;
	go(w);
	states(w, "load made, scale made, total , alone ");
	w->opts.targets = &alone;
	go(w);
	states(w, "load , scale , total , alone made");
	w->opts.ntargets = 0;
	go(w);
	states(w, "load , scale , total , alone "); /* no targets is not all targets */
	w->opts.targets = NULL;
	go(w);
	states(w, "load hit, scale hit, total made, alone hit");
	w->opts.forced = &scale;
	w->opts.nforced = 1;
	go(w);
	states(w, "load hit, scale made, total cutoff, alone hit");
	w->opts.nforced = 0;
	w->opts.no_cache = true;
	go(w);
	states(w, "load made, scale made, total made, alone made");
	w->opts.no_cache = false;
	go(w);
	states(w, "load hit, scale hit, total hit, alone hit");
	world_free(w);
}

static void
images_are_made_only_for_steps_that_run(void **state)
{
	struct world *w = world_new();
	struct thing *req = add(w, &leaf, "requirements"), *wheel = add(w, &image, "wheel"), *img = add(w, &image, "image"),
		     *src = add(w, &leaf, "src"), *a = add(w, &step, "a"), *b = add(w, &step, "b");
	(void)state;
	input(w, req, wheel);
	input(w, wheel, img);
	input(w, src, a);
	input(w, a, b);
	edge(w, img, b, EDGE_NEED);
	a->mod = 1;
	img->pace = ON_THREAD;
	plans(w, "wheel run new, image run new, a run new, b run new");
	go(w);
	states(w, "wheel made, image made, a made, b made");
	plans(w, "wheel unused, image unused, a hit, b hit");
	assert_int_equal(req->looked, 3); /* two plans, and once after the wheel; not for steps that hit */
	go(w);
	states(w, "wheel unused, image unused, a hit, b hit");
	req->value++;
	plans(w, "wheel unused, image unused, a hit, b hit");
	src->value++;
	plans(w, "wheel maybe input, image maybe upstream, a run input, b maybe upstream");
	go(w);
	states(w, "wheel unused, image unused, a made, b cutoff");
	b->param++;
	plans(w, "wheel run input, image maybe upstream, a hit, b run params");
	go(w);
	states(w, "wheel made, image made, a hit, b made");
	/* Damage found only while restoring: the image is looked at for the first time then. */
	b->damaged = true;
	memset(&b->placed, 0, 32);
	req->value++;
	plans(w, "wheel unused, image unused, a hit, b hit");
	go(w);
	states(w, "wheel made, image made, a hit, b made");
	wheel->fails = true;
	req->value++;
	b->param++;
	go(w);
	states(w, "wheel failed, image skipped, a hit, b skipped");
	/* An image asked for by name is a target. */
	wheel->fails = false;
	w->opts.targets = &img->n;
	w->opts.ntargets = 1;
	go(w);
	states(w, "wheel made, image made, a , b ");
	world_free(w);
}

static void
conditions_skip_what_hangs_on_them(void **state)
{
	struct world *w = small();
	struct thing *late = add(w, &step, "late");
	(void)state;
	edge(w, get(w, "scale"), late, EDGE_ORDER);
	get(w, "scale")->off = true;
	plans(w, "load run new, scale skip, total skip, alone run new, late run new");
	go(w);
	states(w, "load made, scale skipped, total skipped, alone made, late made");
	assert_int_equal(w->run.status, RUN_OK);
	world_free(w);
}

static void
a_generated_file_is_looked_at_when_it_is_there(void **state)
{
	struct world *w = world_new();
	struct thing *spec = add(w, &leaf, "spec"), *gen = add(w, &step, "gen"), *file = add(w, &leaf, "gen.py"),
		     *use = add(w, &step, "use");
	(void)state;
	input(w, spec, gen);
	edge(w, gen, file, EDGE_ORDER);
	input(w, file, use);
	gen->edits = file; /* its output is the file */
	plans(w, "gen run new, use run new");
	assert_int_equal(file->looked, 0);
	go(w);
	states(w, "gen made, use made");
	assert_int_equal(file->looked, 2); /* after gen, and again after use */
	plans(w, "gen hit, use hit");
	spec->value++;
	plans(w, "gen run input, use maybe upstream");
	go(w);
	states(w, "gen made, use made");
	gen->edits = NULL;
	spec->value++;
	go(w);
	states(w, "gen made, use hit"); /* cutoff is for inputs; this is an order */
	memset(&gen->placed, 0, 32);
	plans(w, "gen hit, use maybe upstream");
	go(w);
	states(w, "gen restored, use hit");
	world_free(w);
}

static void
a_missing_source_fails_what_needs_it(void **state)
{
	struct world *w = small();
	(void)state;
	get(w, "raw")->missing = true;
	plans(w, "load run input, scale run new, total run new, alone run new");
	assert_non_null(strstr(w->plan.node[get(w, "load")->n.i].reason.text.p, "no file 'raw'"));
	go(w);
	states(w, "load skipped, scale skipped, total skipped, alone made");
	assert_int_equal(w->run.node[get(w, "raw")->n.i].state, RUN_FAILED);
	world_free(w);
}

static void
a_clone_has_reasons_before_records_of_its_own(void **state)
{
	struct world *w = small();
	(void)state;
	go(w);
	w->opts.project = STR("/elsewhere");
	get(w, "raw")->value++;
	get(w, "alone")->param++;
	plans(w, "load run input, scale maybe upstream, total maybe upstream, alone run params");
	w->opts.pipeline = STR("");
	plans(w, "load run new, scale run new, total run new, alone run new");
	world_free(w);
}

static bool
count(void *ctx, struct str key, struct str value)
{
	struct buf *b = ctx;
	buf_text(b, key);
	buf_text(b, value);
	return true;
}

static void
when_nothing_changed_nothing_is_written(void **state)
{
	struct world *w = small();
	AUTO_BUF before = { 0 };
	AUTO_BUF after = { 0 };
	struct view *v;
	(void)state;
	go(w);
	assert_int_equal(view_begin(w->cache->records, &v, &w->err), 0);
	(void)view_each(v, TABLE_LAST, STR(""), count, &before);
	(void)view_each(v, TABLE_RESULT, STR(""), count, &before);
	view_end(v);
	assert_true(before.n > 1000);
	go(w);
	assert_int_equal(view_begin(w->cache->records, &v, &w->err), 0);
	(void)view_each(v, TABLE_LAST, STR(""), count, &after);
	(void)view_each(v, TABLE_RESULT, STR(""), count, &after);
	view_end(v);
	assert_true(str_eq(buf_str(&before), buf_str(&after)));
	world_free(w);
}

static void
without_a_cache_everything_is_made(void **state)
{
	struct world *w = small();
	(void)state;
	w->opts.cache = NULL;
	go(w);
	go(w);
	states(w, "load made, scale made, total made, alone made");
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_run_finds_all),
		cmocka_unit_test(the_wave_stops_where_a_result_is_the_same),
		cmocka_unit_test(a_revert_restores),
		cmocka_unit_test(a_damaged_blob_is_made_again),
		cmocka_unit_test(what_comes_out_otherwise_is_followed),
		cmocka_unit_test(a_failure_is_never_a_hit),
		cmocka_unit_test(without_keep_going_the_rest_is_cancelled),
		cmocka_unit_test(what_always_runs_runs_after_a_failure),
		cmocka_unit_test(reasons_are_told_apart),
		cmocka_unit_test(why_leads_to_the_leaf),
		cmocka_unit_test(uncachable_results_are_used_and_made_again),
		cmocka_unit_test(inputs_that_change_meanwhile_are_not_recorded),
		cmocka_unit_test(targets_and_force),
		cmocka_unit_test(images_are_made_only_for_steps_that_run),
		cmocka_unit_test(conditions_skip_what_hangs_on_them),
		cmocka_unit_test(a_generated_file_is_looked_at_when_it_is_there),
		cmocka_unit_test(a_missing_source_fails_what_needs_it),
		cmocka_unit_test(a_clone_has_reasons_before_records_of_its_own),
		cmocka_unit_test(when_nothing_changed_nothing_is_written),
		cmocka_unit_test(without_a_cache_everything_is_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
