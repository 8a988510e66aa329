/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/make.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/js.h"
#include "cache/claim.h"
#include "cache/lease.h"
#include "cache/stats.h"
#include "cli/answer.h"
#include "cli/history.h"
#include "cli/hooks.h"
#include "cli/past.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/unfolding.h"
#include "cli/watch.h"
#include "rules/image.h"
#include "rules/kept.h"
#include "rules/snapshot.h"
#include "sys/clock.h"

/* What the line of a no-op says: counts and the time saved, as a snapshot keeps them; and the set of all steps (cli/history.h). */
static void
encode_line(const struct run_counts *c, struct str set, struct buf *out)
{
	buf_u32(out, (uint32_t)c->steps);
	buf_u32(out, (uint32_t)c->images);
	buf_u64(out, (uint64_t)(c->saved_s * 1000));
	buf_text(out, set);
}

static void
print_line(struct str encoded, int64_t began, bool watched)
{
	struct rd r = { .rest = encoded };
	uint32_t steps = rd_u32(&r), images = rd_u32(&r);
	double saved = (double)rd_u64(&r) / 1000;
	AUTO_BUF b = { 0 };
	buf_puts(&b, "up to date: ");
	if (steps || !images)
		text_count(&b, steps, "step");
	if (images) {
		buf_puts(&b, steps ? ", " : "");
		text_count(&b, images, "image");
	}
	buf_puts(&b, " (");
	text_seconds(&b, (double)(clock_mono() - began) / 1e9);
	buf_puts(&b, watched ? ", watched)" : ")");
	if (saved >= 0.001) {
		buf_puts(&b, ", ");
		text_seconds(&b, saved);
		buf_puts(&b, " saved");
	}
	buf_putc(&b, '\n');
	text_out(buf_str(&b));
}

/* After an edit of a few files: the steps that they reach. `build` makes images, whose nodes no part has. */
static void
find_part(struct session *s, struct view *v, const struct snapshot_key *key, const struct snapshot_seen *seen)
{
	struct session_part *part = arena_new(&s->arena, struct session_part);
	struct rd r = { .rest = seen->answer };
	part->steps = rd_u32(&r);
	part->images = rd_u32(&r);
	part->saved_s = (double)rd_u64(&r) / 1000;
	part->set = arena_str(&s->arena, rd_text(&r));
	if (!r.bad && part->set.n && !s->args->words.n && part_find(v, key, seen, &s->arena, &part->part))
		s->part = part;
}

/* Only the plain question has an answer that was prepared. */
static bool
is_plain(const struct args *a)
{
	return !(a->json || a->events || a->force_all || a->force.n || a->no_cache || a->verify || a->dry_run);
}

bool
make_watched(struct session *s)
{
	const int64_t began = clock_mono();
	struct str cache, answer;
	if (!is_plain(s->args) || session_cache_folder(s, &cache, NULL) < 0 ||
	    !watch_ask(cache, s->root, session_question(s, &s->arena), (const char *const *)environ, &s->arena, &answer))
		return false;
	print_line(answer, began, s->args->verbose);
	return true;
}

bool
make_nothing(struct session *s)
{
	const struct args *a = s->args;
	int64_t began = clock_mono();
	struct view *v = NULL;
	struct snapshot_seen seen;
	bool yes = false;
	if (!is_plain(a) || !s->cache->records || view_begin(s->cache->records, &v, NULL) < 0)
		return false;
	AUTO_FD root = file_open_dir(AT_FDCWD, arena_z(&s->arena, s->root), NULL);
	const struct snapshot_key key = { s->root, session_question(s, &s->arena) };
	switch (root < 0 ? SNAPSHOT_OTHER : snapshot_look(v, &key, root, (const char *const *)environ, &s->arena, &seen)) {
	case SNAPSHOT_SAME:
		print_line(seen.answer, began, false);
		yes = true;
		break;
	case SNAPSHOT_FEW:
		if (strcmp(a->verb->name, "run") == 0)
			find_part(s, v, &key, &seen);
		break;
	case SNAPSHOT_OTHER:
		break;
	}
	view_end(v);
	return yes;
}

/* One invocation at a time works in a project; the others wait here and then find its results. */
static int
claim_project(struct session *s, struct err *e)
{
	struct str name = arena_printf(&s->arena, "project " STR_FMT, STR_ARG(s->root));
	for (bool told = false;; told = true) {
		struct err busy;
		int fd = claim_try(s->cache, name, &busy);
		if (fd >= 0)
			return fd;
		if (busy.code != ERR_BUSY) {
			*e = busy;
			return -1;
		}
		s->part = NULL; /* what was found before the wait is old */
		if (!told && !s->args->quiet)
			text_err(STR("     Waiting for another pawl that works in this project\n"));
		clock_sleep(10 * NS_PER_MS);
	}
}

static int
jobs(const struct args *a, unsigned *out, struct err *e)
{
	uint64_t n;
	*out = 0;
	if (!a->jobs)
		return 0;
	if (!str_u64(str_z(a->jobs), &n) || n < 1 || n > 10000)
		return err_set(e, ERR_INPUT, "-j takes a number from 1 to 10000, not '%s'", a->jobs);
	*out = (unsigned)n;
	return 0;
}

int
make_check(const struct args *a, struct err *e)
{
	unsigned n;
	int64_t ns;
	return jobs(a, &n, e) < 0 || (a->timeout && args_duration(a->timeout, &ns, e) < 0) ? -1 : 0;
}

static const struct run_pool *
pools(struct session *s, size_t *n)
{
	const struct ir_stack *k = s->project->stack;
	const struct ir *ir = &s->project->ir;
	struct run_pool *v = arena_array(&s->arena, struct run_pool, k->npools + ir->nsteps);
	for (size_t i = 0; i < k->npools; i++)
		v[i] = (struct run_pool){ k->pools[i].name, k->pools[i].amount };
	*n = k->npools;
	for (size_t i = 0; i < ir->nsteps; i++)
		if (ir->steps[i].max_parallel)
			v[(*n)++] = (struct run_pool){ step_pool(&ir->steps[i], &s->arena), ir->steps[i].max_parallel };
	return v;
}

/* Everything hit, made or cut off and in place? Only then does a snapshot say "nothing to do". */
static bool
all_done(const struct run *r)
{
	if (r->status != RUN_OK)
		return false;
	for (uint32_t i = 0; i < r->graph->nnodes; i++)
		if (r->node[i].state == RUN_FAILED || r->node[i].state == RUN_CANCELLED)
			return false;
	return true;
}

static void
snapshot(struct session *s, struct batch *b, const struct run *r, struct str set)
{
	const struct run_counts c = answer_counts(s, r);
	const struct snapshot_key key = { s->root, session_question(s, &s->arena) };
	AUTO_BUF line = { 0 };
	encode_line(&c, set, &line);
	if (!s->part) {
		const uint64_t id = snapshot_put(b, &key, s->project->leaves, s->cache->stats, buf_str(&line));
		if (id && strcmp(s->args->verb->name, "run") == 0 && !s->args->words.n)
			part_put(b, &key, id, s->project);
		return;
	}
	struct view *v = NULL;
	if (view_begin(s->cache->records, &v, NULL) == 0)
		snapshot_put_part(v, b, &key, &s->part->part.own, s->project->leaves, s->cache->stats, buf_str(&line));
	view_end(v);
}

static bool
anything_ran(const struct run *r)
{
	for (uint32_t i = 0; i < r->graph->nnodes; i++) {
		enum run_state st = r->node[i].state;
		if (st == RUN_MADE || st == RUN_FAILED || st == RUN_RESTORED || st == RUN_CANCELLED)
			return true;
	}
	return false;
}

static void
record_into(struct session *s, struct batch *b, const struct run *r, const struct made *m)
{
	const bool ran = anything_ran(r);
	const struct str set = s->part ? s->part->set : history_set(s, b, r);
	if (ran)
		history_put(s, b, m->id, m->answer, set);
	if (all_done(r) && !s->args->force.n && !s->args->force_all && !s->args->no_cache)
		snapshot(s, b, r, set);
	if (ran)
		past_put(s, b);
}

static void
record(struct session *s, struct made *m)
{
	struct batch b = { 0 };
	struct err e;
	record_into(s, &b, &m->run, m);
	stats_save(s->cache->stats, &b);
	kept_records(s->project, &b);
	if (b.n && cache_commit(s->cache, &b, &e) < 0) {
		AUTO_BUF text = { 0 };
		buf_printf(&text, "warning: this run is not in the history: %s\n", e.text);
		text_err(buf_str(&text));
	}
	batch_done(&b);
}

/* What the run has to tell beside its states: results that are used but not recorded, and why. */
static void
tell_notes(struct session *s, const struct run *r)
{
	AUTO_BUF b = { 0 };
	for (uint32_t i = 0; i < r->graph->nnodes; i++)
		if (r->node[i].note.n)
			buf_printf(&b, "note: " STR_FMT "\n", STR_ARG(r->node[i].note));
	struct str notice = cache_notice(s->cache);
	if (notice.n)
		buf_printf(&b, "warning: " STR_FMT "\n", STR_ARG(notice));
	else if (r->unrecorded)
		buf_printf(&b, "warning: not all results are recorded: %s\n", r->unrecorded->text);
	text_err(buf_str(&b));
}

/* What rules learnt that is no result of a node. */
static void
learnt(void *ctx, struct batch *b)
{
	image_records(ctx, b);
	kept_records(ctx, b);
}

/* How many nodes the plan wants, sources aside. */
static uint32_t
to_do(const struct session *s)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->project->graph.nnodes; i++)
		n += s->plan.node[i].wanted && !s->project->graph.node[i].rule->source;
	return n;
}

struct rounds {
	struct session *s;
	enum session_targets t;
	struct loop *l;
	struct progress *p;
	struct unfolding_past past;
	struct made *out;
	bool begun;
	int64_t began; /* clock_real */
	bool one;      /* the round that is all, whose last commit takes what is recorded about the whole run */
	bool recorded;
	struct err lock_err;
};

/* The lock first: the snapshot looks at it. */
static void
last_records(void *ctx, struct run *r, struct batch *b)
{
	struct rounds *x = ctx;
	struct session *s = x->s;
	x->out->answer = answer_run(s, r, x->out->id, x->t == TARGET_IMAGES, s->args->json);
	x->recorded = lock_save(&s->project->lock, s->project->fd, &x->lock_err) == 0;
	if (x->recorded)
		record_into(s, b, r, x->out);
}

/* One round: what the plan wants now. */
static int
carry_out(struct rounds *x, struct err *e)
{
	struct session *s = x->s;
	struct run_opts o = { .plan = s->plan_opts, .keep_going = s->args->keep_going, .loop = x->l };
	o.pools = pools(s, &o.npools);
	if (jobs(s->args, &o.jobs, e) < 0 ||
	    (s->args->timeout && args_duration(s->args->timeout, &o.timeout, e) < 0))
		return -1;
	s->project->watch = progress_project_watch(x->p);
	o.watch = progress_run_watch(x->p);
	o.records = learnt;
	o.records_ctx = s->project;
	o.last = x->one ? last_records : NULL;
	o.last_ctx = x;
	if (project_ready(s->project, x->l, e) < 0)
		return -1;
	if (!x->begun)
		progress_begin(x->p, x->out->id);
	x->begun = true;
	progress_round(x->p, to_do(s));
	const int rc = run(&o, &s->plan, &s->arena, &x->out->run, e);
	session_notes(s);
	project_rest(s->project);
	return rc;
}

static const struct result *
ran(void *ctx, node_id n, bool *skipped)
{
	const struct run_node *r = &((struct run *)ctx)->node[n.i];
	*skipped = r->state == RUN_SKIPPED && r->reason.code != REASON_UPSTREAM;
	return r->state == RUN_FAILED ? NULL : r->result;
}

/* The plan over these nodes alone. */
static int
narrow(struct session *s, node_id *targets, size_t n, struct err *e)
{
	s->targets = targets;
	s->ntargets = n;
	return session_plan_targets(s, e);
}

/* The whole plan cannot be carried out, since something that it hangs on has failed: the rest of it as far as -k asks for that. */
static int
give_up(struct rounds *x, const struct plan *whole, struct err *e)
{
	struct session *s = x->s;
	struct run *r = &x->out->run;
	const struct run first = *r;
	node_id *rest;
	if (first.status == RUN_HAS_FAILED && s->args->keep_going) {
		const struct plan narrowed = s->plan;
		s->plan = *whole;
		const size_t n = unfolding_rest(s, &first, &rest);
		s->plan = narrowed;
		if (n && (narrow(s, rest, n, e) < 0 || carry_out(x, e) < 0))
			return -1;
		if (r->status == RUN_OK)
			r->status = RUN_HAS_FAILED;
	}
	unfolding_merge(s, whole, &x->past, r);
	return 0;
}

/* What lacking outputs stand on, round after round, until everything is known and *whole says so. */
static int
unfold(struct rounds *x, bool wanted, bool *ended, struct err *e)
{
	struct session *s = x->s;
	*ended = false;
	for (;;) {
		node_id *next;
		bool more;
		const size_t n = s->nlacking ? unfolding_next(s, wanted, &next) : 0;
		if (!n)
			return 0;
		const struct plan whole = s->plan;
		if (narrow(s, next, n, e) < 0 || carry_out(x, e) < 0)
			return -1;
		unfolding_keep(s, &x->out->run, &x->past);
		if (x->out->run.status != RUN_OK) {
			*ended = true;
			return give_up(x, &whole, e);
		}
		s->since = x->began;
		if (lock_save(&s->project->lock, s->project->fd, e) < 0 || unfolding_learn(s, ran, &x->out->run, &more, e) < 0)
			return -1;
		if (!more)
			return err_set(e, ERR_BUG, "what the pipeline hangs on was made, and is still not known");
		if (unfolding_reopen(s, e) < 0 || session_plan(s, x->t, e) < 0)
			return -1;
	}
}

/* Words that name nothing yet may name what a dynamic step is going to write, or an element that is going to be known. */
static int
plan_words(struct rounds *x, bool *ended, struct err *e)
{
	struct session *s = x->s;
	const struct words words = s->args->words;
	struct err why;
	*ended = false;
	if (session_plan(s, x->t, &why) == 0)
		return 0;
	if (why.code != ERR_INPUT || !s->nlacking || !words.n || !s->project) {
		*e = why;
		return -1;
	}
	s->args->words.n = 0;
	node_id *next;
	const size_t n = unfolding_next(s, false, &next);
	int rc = n ? narrow(s, next, n, e) : 0;
	if (rc == 0)
		rc = unfold(x, false, ended, e);
	s->args->words = words;
	return rc < 0 || *ended ? rc : session_choose(s, x->t, e);
}

static int
all_rounds(struct rounds *x, struct err *e)
{
	struct session *s = x->s;
	struct made *out = x->out;
	bool ended;
	out->id = history_new_id(&s->arena);
	x->began = clock_real();
	if (plan_words(x, &ended, e) < 0)
		return -1;
	if (!ended && unfold(x, true, &ended, e) < 0)
		return -1;
	if (!ended) {
		x->one = !x->begun;
		if (carry_out(x, e) < 0)
			return -1;
		unfolding_merge(s, NULL, &x->past, &out->run);
	}
	if (x->lock_err.code != ERR_NONE) {
		*e = x->lock_err;
		return -1;
	}
	if (!x->recorded) {
		out->answer = answer_run(s, &out->run, out->id, x->t == TARGET_IMAGES, s->args->json);
		if (lock_save(&s->project->lock, s->project->fd, e) < 0)
			return -1;
		record(s, out);
	}
	progress_end(x->p, out->answer);
	return 0;
}

static int
run_here(struct session *s, enum session_targets t, struct made *out, struct err *e)
{
	struct loop *l = loop_new(e);
	struct progress p;
	int rc = -1;
	if (!l)
		return -1;
	if (progress_open(&p, s, e) == 0) {
		struct rounds x = { .s = s, .t = t, .l = l, .p = &p, .out = out };
		rc = all_rounds(&x, e);
		unfolding_past_done(&x.past);
		s->before = NULL;
		progress_close(&p);
		if (rc < 0) {
			js_free(out->answer);
			out->answer = NULL;
		}
	}
	if (s->project) {
		session_notes(s);
		project_rest(s->project);
	}
	loop_free(l);
	return rc;
}

int
make(struct session *s, enum session_targets t, struct made *out, struct err *e)
{
	*out = (struct made){ 0 };
	AUTO_FD claim = claim_project(s, e);
	if (claim < 0 || lease_take(s->cache, e) < 0 || session_open(s, e) < 0 || (t == TARGET_LOCK && session_update(s, e) < 0) ||
	    run_here(s, t, out, e) < 0)
		return -1;
	tell_notes(s, &out->run);
	hooks_run(s, out);
	return 0;
}

int
make_status(const struct run *r)
{
	switch (r->status) {
	case RUN_OK:
		return 0;
	case RUN_HAS_FAILED:
		break;
	case RUN_WAS_INTERRUPTED:
		return 128 + r->signal;
	}
	for (uint32_t i = 0; i < r->graph->nnodes; i++) {
		const struct run_node *n = &r->node[i];
		if (n->state == RUN_FAILED && n->error && n->error->code != ERR_FAILED)
			return err_status(n->error->code);
	}
	return 1;
}
