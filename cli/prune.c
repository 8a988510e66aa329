/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prune.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"
#include "cli/history.h"
#include "hashing/fp.h"
#include "rules/kept.h"

enum { PROJECT = sizeof(struct fp), SET = 32 }; /* bytes of a run's key that name its project; hex digits of a set's name */

struct pruning {
	struct session *s;
	struct batch *b;
	int64_t before, now;
	size_t n;
	VEC(struct str) runs; /* keys, in order */
	struct map gone;      /* keys of runs that go */
	struct map sets;      /* named by runs that stay */
};

static bool
note_run(void *ctx, struct str key, struct str value)
{
	struct pruning *p = ctx;
	(void)value;
	if (key.n > PROJECT)
		VEC_PUSH(&p->runs, arena_str(&p->s->arena, key));
	return true;
}

static void
choose_runs(struct pruning *p)
{
	const size_t keep = p->s->args->keep_runs ? (size_t)strtoull(p->s->args->keep_runs, NULL, 10) : PRUNE_RUNS; /* checked before */
	for (size_t from = 0, to; from < p->runs.n; from = to) {
		const struct str project = str_take(p->runs.v[from], PROJECT);
		for (to = from; to < p->runs.n && str_starts(p->runs.v[to], project);)
			to++;
		if (to - from <= keep)
			continue;
		struct str *gone;
		const size_t n = history_prune(p->s, project, keep, p->b, &gone);
		for (size_t i = 0; i < n; i++)
			(void)map_put(&p->gone, gone[i], 0);
		p->n += n;
	}
}

/* "set":"..." of a run that stays. Inside a text the quotes would be escaped; a parameter of that name keeps one set too many. */
static bool
note_set(void *ctx, struct str key, struct str value)
{
	static const struct str mark = STR_INIT("\"set\":\"");
	struct pruning *p = ctx;
	if (map_get(&p->gone, key) != MAP_NONE)
		return true;
	for (size_t at; (at = str_find(value, mark)) != SIZE_MAX;) {
		value = str_drop(value, at + mark.n);
		if (map_get(&p->sets, str_take(value, SET)) == MAP_NONE)
			(void)map_put(&p->sets, arena_str(&p->s->arena, str_take(value, SET)), 0);
	}
	return true;
}

static bool
check_misc(void *ctx, struct str key, struct str value)
{
	static const struct str steps = STR_INIT("steps ");
	struct pruning *p = ctx;
	const bool unnamed = str_starts(key, steps) && map_get(&p->sets, str_drop(key, steps.n)) == MAP_NONE;
	if (unnamed || kept_is_over(key, value, p->now)) {
		batch_del(p->b, TABLE_MISC, key);
		p->n++;
	}
	return true;
}

static bool
check_seen(void *ctx, struct str key, struct str value)
{
	struct pruning *p = ctx;
	struct rd r = { .rest = value };
	const int64_t at = (int64_t)rd_u64(&r);
	if (r.bad || at < p->before) {
		batch_del(p->b, TABLE_SEEN, key);
		p->n++;
	}
	return true;
}

size_t
prune(void *ctx, struct cache *c, int64_t now, int64_t max_age, struct batch *b)
{
	struct pruning p = { .s = ctx, .b = b, .before = now - max_age, .now = now };
	struct view *v;
	if (view_begin(c->records, &v, NULL) == 0) {
		view_each(v, TABLE_RUN, (struct str){ 0 }, note_run, &p);
		view_end(v);
	}
	choose_runs(&p);
	if (view_begin(c->records, &v, NULL) == 0) {
		view_each(v, TABLE_RUN, (struct str){ 0 }, note_set, &p);
		view_each(v, TABLE_MISC, (struct str){ 0 }, check_misc, &p);
		view_each(v, TABLE_SEEN, (struct str){ 0 }, check_seen, &p);
		view_end(v);
	}
	VEC_DONE(&p.runs);
	map_done(&p.gone);
	map_done(&p.sets);
	return p.n;
}
