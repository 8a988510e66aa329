/* SPDX-License-Identifier: Apache-2.0
 *
 * runs, log, diff: verbs that read what was.
 */
#include <stdlib.h>
#include <unistd.h>

#include "backends/joblog.h"
#include "base/suggest.h"
#include "cli/answer.h"
#include "cli/history.h"
#include "cli/past.h"
#include "cli/progress.h"
#include "cli/rundiff.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "engine/last.h"
#include "sys/clock.h"

static void
print_run(const struct js *run, struct buf *b)
{
	const struct js *summary = js_get(run, "summary"), *steps = js_get(summary, "steps");
	static const char *const states[] = { "made", "restored", "cutoff", "hit", "failed", "skipped", "cancelled" };
	bool first = true;
	buf_printf(b, STR_FMT "  ", STR_ARG(js_str(js_get(run, "run"))));
	text_time(b, (int64_t)(js_double(js_get(run, "t")) * 1e9));
	buf_printf(b, "  %-11.*s  ", STR_ARG(js_str(js_get(run, "status"))));
	text_seconds(b, js_double(js_get(summary, "seconds")));
	buf_puts(b, "  ");
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		long long n = (long long)js_num(js_get(steps, states[i]));
		if (n)
			buf_printf(b, "%s%lld %s", first ? "" : ", ", n, states[i]);
		first = first && !n;
	}
	struct str commit = js_str(js_get(js_get(run, "git"), "commit"));
	if (commit.n)
		buf_printf(b, "  at " STR_FMT, STR_ARG(str_take(commit, 10)));
	buf_putc(b, '\n');
}

int
verb_runs(struct args *a, struct err *e)
{
	struct session s;
	struct js **all = NULL;
	size_t n = 0;
	session_init(&s, a);
	int status = past_open(&s, e);
	if (status == 0)
		status = history_all(&s, &all, &n, e);
	if (status == 0) {
		AUTO_BUF b = { 0 };
		struct js *list = js_list();
		for (size_t i = n; i-- > 0;) { /* newest first */
			print_run(all[i], &b);
			js_push(list, all[i]);
		}
		if (!n)
			buf_puts(&b, "no runs yet\n");
		if (a->json)
			text_json(js_set(js_set(js_map(), "schema", js_int(1)), "runs", js_copy(list)));
		else
			text_out(buf_str(&b));
		js_free(list);
		free(all);
	}
	session_done(&s);
	return status;
}

struct printing {
	const struct args *args;
	struct buf out;
	struct js *list; /* --json */
	bool tame, color; /* a terminal reads it: nothing may steer it */
};

static bool
print_line(void *ctx, int stream, int64_t at, struct str text)
{
	struct printing *p = ctx;
	if (p->list) {
		struct js *o = js_map();
		js_set(o, "t", js_real((double)at / 1e9));
		js_set(o, "stream", js_int(stream));
		js_push(p->list, js_set(o, "text", js_text(text)));
		return true;
	}
	if (p->args->verbose) {
		text_time(&p->out, at);
		buf_printf(&p->out, ".%03d  ", (int)(at / NS_PER_MS % 1000));
	}
	if (p->tame)
		progress_shown(text, p->color, &p->out);
	else
		buf_put(&p->out, text);
	buf_putc(&p->out, '\n');
	if (p->out.n > 1 << 16) {
		text_out(buf_str(&p->out));
		buf_reset(&p->out);
	}
	return true;
}

/* The log of the step's last execution here, a failed one too; else of the result that the plan finds. A zero digest: it printed nothing. */
static int
find_log(struct session *s, struct str node, const struct result *r, struct digest *out, struct err *e)
{
	struct view *v = NULL;
	struct last l;
	*out = (struct digest){ 0 };
	if (s->cache->records && view_begin(s->cache->records, &v, e) < 0)
		return -1;
	bool ran = last_find(v, s->id, node, &s->arena, &l);
	view_end(v);
	if (ran && (l.failed || !r))
		*out = l.log;
	else if (r)
		*out = r->log;
	else
		return err_set(e, ERR_MISSING, "'" STR_FMT "' has not run yet", STR_ARG(str_cut(node, ':').tail));
	return 0;
}

/* The log of a step that the pipeline as it is now does not have, or that is asked for without a pipeline file. */
static int
find_old_log(struct session *s, struct str word, struct digest *out, struct err *e)
{
	const struct str node = str_starts(word, STR("step:")) ? word : arena_printf(&s->arena, "step:" STR_FMT, STR_ARG(word));
	struct past_node *v;
	size_t n;
	if (find_log(s, node, NULL, out, e) == 0)
		return 0;
	struct err why;
	if (past_nodes(s, &v, &n, &why) < 0)
		return -1;
	struct str *names = arena_array(&s->arena, struct str, n + 1);
	size_t nnames = 0;
	for (size_t i = 0; i < n; i++)
		if (str_starts(v[i].name, STR("step:")))
			names[nnames++] = str_drop(v[i].name, 5);
	const struct str near = suggest(word, names, nnames);
	if (near.n)
		return err_set(e, ERR_INPUT, "no run here had a step '" STR_FMT "'; did you mean '" STR_FMT "'?", STR_ARG(word), STR_ARG(near));
	return err_set(e, ERR_INPUT, "no run here had a step '" STR_FMT "'", STR_ARG(word));
}

static int
locate_log(struct session *s, struct str word, struct digest *out, struct err *e)
{
	node_id n;
	struct err now, old;
	if (!s->project)
		return find_old_log(s, word, out, e);
	if (session_plan(s, TARGET_STEPS, e) < 0)
		return e->code == ERR_INPUT ? find_old_log(s, word, out, e) : -1;
	if (session_node(s, word, TARGET_STEPS, &n, &now) == 0)
		return find_log(s, s->project->graph.node[n.i].name, s->plan.node[n.i].result, out, e);
	if (find_old_log(s, word, out, &old) == 0)
		return 0;
	*e = now; /* of the two the more useful one */
	return -1;
}

int
verb_log(struct args *a, struct err *e)
{
	struct session s;
	struct digest d;
	int status = -1;
	if (a->words.n != 1)
		return err_set(e, ERR_INPUT, "log takes one step: pawl log STEP");
	session_init(&s, a);
	const struct words asked = a->words;
	a->words.n = 0;
	if (past_open(&s, e) == 0) {
		struct printing p = { .args = a, .list = a->json ? js_list() : NULL,
				      .tame = isatty(STDOUT_FILENO), .color = text_color(a, STDOUT_FILENO) };
		status = locate_log(&s, str_z(asked.v[0]), &d, e);
		if (status == 0 && !digest_is_zero(&d))
			status = joblog_read(s.cache->blobs, &d, print_line, &p, e);
		if (p.list && status < 0)
			js_free(p.list);
		else if (p.list)
			text_json(js_set(js_set(js_map(), "schema", js_int(1)), "lines", p.list));
		text_out(buf_str(&p.out));
		buf_done(&p.out);
	}
	session_done(&s);
	return status;
}

static void
print_differences(const struct js *list, struct buf *b)
{
	for (size_t i = 0; i < js_len(list); i++) {
		const struct js *o = js_at(list, i);
		struct str step = js_str(js_get(o, "step"));
		buf_printf(b, STR_FMT "%s" STR_FMT ": ", STR_ARG(step), step.n ? "  " : "",
			   STR_ARG(js_str(js_get(o, "what"))));
		js_write(js_get(o, "a"), b);
		buf_puts(b, " -> ");
		js_write(js_get(o, "b"), b);
		buf_putc(b, '\n');
	}
	if (!js_len(list))
		buf_puts(b, "no difference\n");
}

int
verb_diff(struct args *a, struct err *e)
{
	struct session s;
	struct js *x = NULL, *y = NULL;
	int status = -1;
	if (a->words.n != 2)
		return err_set(e, ERR_INPUT, "diff takes two runs: pawl diff last~1 last");
	session_init(&s, a);
	if (past_open(&s, e) == 0 && history_find(&s, str_z(a->words.v[0]), &x, e) == 0 &&
	    history_find(&s, str_z(a->words.v[1]), &y, e) == 0) {
		struct js *list = rundiff(&s, x, y);
		AUTO_BUF b = { 0 };
		print_differences(list, &b);
		if (a->json) {
			struct js *o = js_set(js_map(), "schema", js_int(1));
			js_set(o, "a", js_copy(js_get(x, "run")));
			js_set(o, "b", js_copy(js_get(y, "run")));
			text_json(js_set(o, "differences", js_copy(list)));
		} else {
			text_out(buf_str(&b));
		}
		js_free(list);
		status = 0;
	}
	js_free(x);
	js_free(y);
	session_done(&s);
	return status;
}
