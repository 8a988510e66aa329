/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/history.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "backends/git.h"
#include "base/map.h"
#include "base/vec.h"
#include "cli/answer.h"
#include "hashing/fp.h"
#include "sys/clock.h"

struct str
history_new_id(struct arena *a)
{
	time_t t = (time_t)(clock_real() / NS_PER_S);
	struct tm tm;
	char text[32] = "";
	uint16_t random = 0;
	if (gmtime_r(&t, &tm))
		strftime(text, sizeof text, "%Y%m%d-%H%M%S", &tm);
	if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
		random = (uint16_t)clock_mono();
	return arena_printf(a, "%s-%04x", text, random);
}

static struct str
prefix(struct session *s, struct arena *a)
{
	struct fp fp = fp_of(s->id);
	return arena_str(a, (struct str){ (const char *)&fp, sizeof fp });
}

/* The names of the run's steps, each with a newline; *set names the list. */
static void
step_set(struct session *s, const struct run *r, struct buf *names, struct str *set)
{
	const struct graph *g = &s->project->graph;
	for (uint32_t i = 0; i < g->nnodes; i++)
		if (g->node[i].rule == &rule_step && r->node[i].state != RUN_NONE) {
			buf_put(names, answer_name(&g->node[i]));
			buf_putc(names, '\n');
		}
	struct fp fp = fp_of(buf_str(names));
	*set = arena_printf(&s->arena, "%016llx%016llx", (unsigned long long)fp.hi, (unsigned long long)fp.lo);
}

static struct str
set_key(struct session *s, struct str set)
{
	return arena_printf(&s->arena, "steps " STR_FMT, STR_ARG(set));
}

static void
put_set(struct session *s, struct batch *b, struct str set, struct str names)
{
	struct view *v;
	struct str value, key = set_key(s, set);
	bool there = false;
	if (view_begin(s->cache->records, &v, NULL) == 0) {
		there = view_get(v, TABLE_MISC, key, &value);
		view_end(v);
	}
	if (!there)
		batch_put(b, TABLE_MISC, key, names);
}

struct str
history_set(struct session *s, struct batch *b, const struct run *r)
{
	AUTO_BUF names = { 0 };
	struct str set;
	step_set(s, r, &names, &set);
	put_set(s, b, set, buf_str(&names));
	return set;
}

static bool
is_hit(const struct js *step)
{
	return str_is(js_str(js_get(step, "state")), "hit");
}

static struct js *
without_hits(const struct js *answer)
{
	const struct js *steps = js_get(answer, "steps");
	struct js *o = js_map(), *list = js_list();
	for (size_t i = 0; i < js_len(steps); i++)
		if (!is_hit(js_at(steps, i)))
			js_push(list, js_share(js_at(steps, i)));
	for (void *it = js_first(answer); it; it = js_next(answer, it))
		if (!str_is(js_key(it), "steps"))
			js_set_str(o, js_key(it), js_share(js_value(it)));
	return js_set(o, "steps", list);
}

void
history_put(struct session *s, struct batch *b, struct str id, const struct js *answer, struct str set)
{
	AUTO_BUF key = { 0 }, value = { 0 };
	struct git_head head;
	buf_put(&key, prefix(s, &s->arena));
	buf_put(&key, id);
	struct js *o = without_hits(answer), *params = js_map();
	js_set(o, "set", js_text(set));
	js_set(o, "t", js_real((double)clock_real() / 1e9));
	for (size_t i = 0; i < s->project->ir.nparams; i++) {
		const struct ir_param *p = &s->project->ir.params[i];
		js_set_str(params, p->name, js_copy(p->value));
	}
	js_set(o, "params", params);
	if (git_head_of(arena_z(&s->arena, s->root), &s->arena, &head, NULL) == 0) {
		struct js *git = js_set(js_map(), "commit", js_text(head.commit));
		js_set(o, "git", js_set(git, "branch", head.branch.n ? js_text(head.branch) : js_null()));
	}
	js_write(o, &value);
	js_free(o);
	batch_put(b, TABLE_RUN, buf_str(&key), buf_str(&value));
}

struct found {
	VEC_FIELDS(struct js *);
};

static bool
collect(void *ctx, struct str key, struct str value)
{
	struct found *f = ctx;
	struct js *run;
	(void)key;
	if (js_parse(value, "run", &run, NULL) == 0)
		VEC_PUSH(f, run);
	return true;
}

/* Two runs of one second have names in no order of their own. */
static int
by_time(const void *a, const void *b)
{
	double x = js_double(js_get(*(struct js *const *)a, "t")), y = js_double(js_get(*(struct js *const *)b, "t"));
	return (x > y) - (x < y);
}

static int
all_of(struct session *s, struct str project, struct js ***out, size_t *n, struct err *e)
{
	struct view *v;
	struct found f = { 0 };
	if (!s->cache->records) {
		*out = NULL;
		*n = 0;
		return 0;
	}
	if (view_begin(s->cache->records, &v, e) < 0)
		return -1;
	view_each(v, TABLE_RUN, project, collect, &f);
	view_end(v);
	if (f.n)
		qsort(f.v, f.n, sizeof *f.v, by_time);
	*out = f.v;
	*n = f.n;
	return 0;
}

int
history_all(struct session *s, struct js ***out, size_t *n, struct err *e)
{
	return all_of(s, prefix(s, &s->arena), out, n, e);
}

/* "last" is 0 from the end, "last~2" 2. */
static bool
from_end(struct str name, size_t n, size_t *index)
{
	uint64_t back = 0;
	if (!str_starts(name, STR("last")))
		return false;
	name = str_drop(name, 4);
	if (name.n && (!str_starts(name, STR("~")) || !str_u64(str_drop(name, 1), &back)))
		return false;
	if (back >= n)
		return false;
	*index = n - 1 - (size_t)back;
	return true;
}

static int
pick(struct js **all, size_t n, struct str name, size_t *index, struct err *e)
{
	size_t matches = 0;
	if (from_end(name, n, index))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (str_starts(js_str(js_get(all[i], "run")), name)) {
			*index = i;
			matches++;
		}
	if (matches == 1)
		return 0;
	if (matches)
		return err_set(e, ERR_INPUT, "%zu runs begin with '" STR_FMT "'; write more of the name", matches,
			       STR_ARG(name));
	return err_set(e, ERR_INPUT, "there is no run '" STR_FMT "' of this project; 'pawl runs' lists them",
		       STR_ARG(name));
}

struct str
history_names(struct session *s, const struct js *run)
{
	struct view *v;
	struct str names;
	if (view_begin(s->cache->records, &v, NULL) < 0)
		return (struct str){ 0 };
	bool there = view_get(v, TABLE_MISC, set_key(s, js_str(js_get(run, "set"))), &names);
	names = there ? arena_str(&s->arena, names) : (struct str){ 0 };
	view_end(v);
	return names;
}

/* The steps of all[index] that were plain hits, as the latest run before it knows them. */
static void
add_hits(struct session *s, struct js **all, size_t index)
{
	struct js *run = all[index], *steps = js_get(run, "steps");
	struct map own = { 0 };
	if (!steps)
		return;
	struct str names = history_names(s, run);
	for (size_t i = 0; i < js_len(steps); i++)
		map_put(&own, arena_str(&s->arena, js_str(js_get(js_at(steps, i), "name"))), 0);
	while (names.n) {
		struct str_cut line = str_cut(names, '\n');
		names = line.tail;
		const struct js *step = NULL;
		for (size_t k = index; k-- > 0 && !step && map_get(&own, line.head) == MAP_NONE;)
			step = history_step(all[k], line.head);
		if (step)
			js_push(steps, js_set(js_copy(step), "state", js_textz("hit")));
	}
	map_done(&own);
}

int
history_find(struct session *s, struct str name, struct js **out, struct err *e)
{
	struct js **all;
	size_t n, index = 0;
	if (history_all(s, &all, &n, e) < 0)
		return -1;
	int rc = pick(all, n, name, &index, e);
	if (rc == 0)
		add_hits(s, all, index);
	for (size_t i = 0; i < n; i++)
		if (rc < 0 || i != index)
			js_free(all[i]);
	if (rc == 0)
		*out = all[index];
	free(all);
	return rc;
}

static struct str
run_key(struct session *s, struct str project, const struct js *run)
{
	AUTO_BUF key = { 0 };
	buf_put(&key, project); /* may have NUL bytes */
	buf_put(&key, js_str(js_get(run, "run")));
	return arena_str(&s->arena, buf_str(&key));
}

size_t
history_prune(struct session *s, struct str project, size_t keep, struct batch *b, struct str **gone)
{
	struct js **all;
	size_t n, going = 0;
	if (all_of(s, project, &all, &n, NULL) < 0)
		return 0;
	if (n > keep)
		going = n - keep;
	*gone = arena_array(&s->arena, struct str, going + 1);
	if (going && going < n) {
		AUTO_BUF value = { 0 };
		add_hits(s, all, going);
		js_write(all[going], &value);
		batch_put(b, TABLE_RUN, run_key(s, project, all[going]), buf_str(&value));
	}
	for (size_t i = 0; i < n; i++) {
		if (i < going) {
			(*gone)[i] = run_key(s, project, all[i]);
			batch_del(b, TABLE_RUN, (*gone)[i]);
		}
		js_free(all[i]);
	}
	free(all);
	return going;
}

const struct js *
history_step(const struct js *run, struct str step)
{
	const struct js *steps = js_get(run, "steps");
	for (size_t i = 0; i < js_len(steps); i++)
		if (str_eq(js_str(js_get(js_at(steps, i), "name")), step))
			return js_at(steps, i);
	return NULL;
}
