/* SPDX-License-Identifier: Apache-2.0
 *
 * watch: runs what changes, and answers other invocations meanwhile.
 *
 *	IDLE --a notice that matters--> (a moment of quiet) --> RUNNING: pawl run, a process of its own --> [ended] look --> IDLE
 *	                                                                             `--something changed meanwhile--> RUNNING
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cache/claim.h"
#include "cli/args.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "cli/watch_serve.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/proc.h"

#define QUIET (30 * NS_PER_MS)     /* without a notice before a run begins: editors and checkouts write many files */
#define WAIT_MOST (500 * NS_PER_MS)
#define POLL (2 * NS_PER_S)        /* between comparisons where not everything can be watched */

struct watching {
	struct watch_server w;
	struct session s;
	struct args run_args;      /* as `run` would have been called */
	struct str question;
	struct loop *loop;
	loop_id hearing, timer, poll, exit;
	struct proc proc;
	bool running, stopping, told_lack;
	int signal;
	int64_t since;             /* clock_mono of the first notice that waits; 0: none does */
	bool again;                /* this run follows one because of what it left */
	struct err err;
};

static void start(struct watching *x);
static void hear(struct watching *x);

static bool
busy(void *ctx)
{
	return ((const struct watching *)ctx)->running;
}

struct argv {
	VEC_FIELDS(const char *);
};

static void
option(struct argv *v, const char *name, const char *value)
{
	if (!value)
		return;
	VEC_PUSH(v, name);
	VEC_PUSH(v, value);
}

static void
options(struct argv *v, const char *name, const struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		option(v, name, w->v[i]);
}

/* The command line of the run; ends with NULL. */
static void
command(const struct args *a, const char *self, struct argv *v)
{
	static const char *const colors[] = { "auto", "always", "never" };
	VEC_PUSH(v, self);
	option(v, "-f", a->file);
	option(v, "--stack", a->stack);
	option(v, "--events", a->events);
	option(v, "--color", colors[a->color]);
	if (a->json)
		VEC_PUSH(v, "--json");
	if (a->quiet)
		VEC_PUSH(v, "-q");
	if (a->verbose)
		VEC_PUSH(v, "-v");
	VEC_PUSH(v, "run");
	options(v, "-p", &a->params);
	options(v, "--params", &a->params_files);
	option(v, "-j", a->jobs);
	if (a->keep_going)
		VEC_PUSH(v, "-k");
	if (a->offline)
		VEC_PUSH(v, "--offline");
	if (a->locked)
		VEC_PUSH(v, "--locked");
	VEC_PUSH(v, "--");
	for (size_t i = 0; i < a->words.n; i++)
		VEC_PUSH(v, a->words.v[i]);
	VEC_PUSH(v, NULL);
}

static void
end(struct watching *x)
{
	loop_remove(x->loop, x->hearing);
	loop_remove(x->loop, x->timer);
	loop_remove(x->loop, x->poll);
	x->hearing = x->timer = x->poll = 0;
	loop_stop(x->loop);
}

static void
fail(struct watching *x, const struct err *e)
{
	x->err = *e;
	end(x);
}

/* Outputs of steps: what a run writes itself is no reason to run again. All of them, also of elements. */
static bool
only_outputs(struct watching *x)
{
	struct session s;
	struct args a = x->run_args;
	struct err e;
	bool only = true;
	a.json = false;
	session_init(&s, &a);
	s.cache = x->s.cache;
	if (session_open(&s, &e) < 0 || project_graph(s.project, &e) < 0)
		only = x->w.cover.changed.n == 0; /* it is broken: any edit may mend it */
	for (size_t i = 0; only && s.project && i < x->w.cover.changed.n; i++) {
		bool output = false;
		for (uint32_t n = 0; !output && n < s.project->graph.nnodes; n++) {
			const struct step_data *d = s.project->graph.node[n].rule == &rule_step ? s.project->graph.node[n].data : NULL;
			for (size_t k = 0; d && k < d->ir->noutputs; k++)
				output |= d->output_paths[k].n && (path_inside(x->w.cover.changed.v[i], d->output_paths[k]) ||
								   path_inside(d->output_paths[k], x->w.cover.changed.v[i]));
		}
		only = output;
	}
	s.cache = NULL;
	session_done(&s);
	return only;
}

static void
idle(struct watching *x)
{
	const struct watch_cover *c = &x->w.cover;
	if (c->lacks && !x->told_lack) {
		AUTO_BUF b = { 0 };
		buf_printf(&b, "note: %s; changes are found by comparing every %d s\n", c->why.text, (int)(POLL / NS_PER_S));
		text_err(buf_str(&b));
		x->told_lack = true;
	}
	x->since = 0;
	hear(x);
}

static void
polled(void *ctx)
{
	struct watching *x = ctx;
	x->poll = 0;
	if (x->running)
		return;
	if (watch_look(&x->w, x->question) == WATCH_CHANGED)
		start(x);
	else
		hear(x);
}

static void
ended(void *ctx, uint32_t events)
{
	struct watching *x = ctx;
	struct proc_end how = { 0 };
	struct err e;
	(void)events;
	loop_remove(x->loop, x->exit);
	x->exit = 0;
	x->running = false;
	if (proc_reap(&x->proc, &how, &e) < 0)
		how.status = 3;
	if (x->stopping) {
		end(x);
		return;
	}
	cover_read(&x->w.cover);
	const bool edited = x->w.cover.changed.n && (how.status != 0 || x->again) && !only_outputs(x);
	enum watch_seen seen = watch_look(&x->w, x->question);
	if (seen == WATCH_SAME && x->w.cover.tree) {
		x->w.cover.gone = true; /* from now on only what the snapshot names matters */
		seen = watch_look(&x->w, x->question);
	}
	if (seen == WATCH_NOTHING && !x->w.cover.tree)
		cover_tree(&x->w.cover);
	/* Another run when an edit came too late for this one; but not for ever for what a run itself leaves behind. */
	if ((edited && seen != WATCH_SAME) || (seen == WATCH_CHANGED && how.status == 0 && !x->again)) {
		x->again = !edited;
		start(x);
		return;
	}
	x->again = false;
	idle(x);
}

static void
start(struct watching *x)
{
	char self[4096];
	struct argv v = { 0 };
	struct err e;
	const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n > 0 ? n : 0] = '\0';
	command(&x->run_args, self, &v);
	const struct proc_opts o = { .argv = v.v, .in = -1, .out = STDOUT_FILENO, .err = STDERR_FILENO, .group = true, .die_with_parent = true };
	x->since = 0;
	x->w.cover.changed.n = 0;
	const int rc = proc_spawn(&o, &x->proc, &e);
	VEC_DONE(&v);
	if (rc == 0) {
		x->running = true;
		x->exit = loop_fd(x->loop, x->proc.pidfd, EPOLLIN, ended, x, &e);
	}
	if (rc < 0 || x->exit == 0)
		fail(x, &e);
}

static void
quiet(void *ctx)
{
	struct watching *x = ctx;
	x->timer = 0;
	if (!x->running)
		start(x);
}

static void
heard(void *ctx, uint32_t events)
{
	struct watching *x = ctx;
	const uint64_t before = x->w.cover.generation;
	(void)events;
	cover_read(&x->w.cover);
	if (x->w.cover.generation == before || x->running)
		return;
	const int64_t now = clock_mono();
	if (x->since == 0)
		x->since = now;
	if (x->timer && now - x->since > WAIT_MOST)
		return;
	loop_remove(x->loop, x->timer);
	x->timer = loop_timer(x->loop, now + QUIET, quiet, x);
}

/* The queue is a new one when everything began anew. */
static void
hear(struct watching *x)
{
	struct err e;
	loop_remove(x->loop, x->hearing);
	x->hearing = loop_fd(x->loop, notice_fd(x->w.cover.notice), EPOLLIN, heard, x, &e);
	if (!x->hearing)
		fail(x, &e);
	if (x->w.cover.lacks && !x->poll)
		x->poll = loop_timer(x->loop, clock_mono() + POLL, polled, x);
}

static void
queue(void *ctx, bool open)
{
	struct watching *x = ctx;
	if (open) {
		hear(x);
		return;
	}
	loop_remove(x->loop, x->hearing);
	x->hearing = 0;
}

static void
on_signal(void *ctx, int signal)
{
	struct watching *x = ctx;
	x->stopping = true;
	x->signal = x->signal ? x->signal : signal;
	if (!x->running) {
		end(x);
		return;
	}
	proc_kill_group(x->proc.pid, signal); /* it ends its steps, and then we hear of it */
}

static int
watch_project(struct watching *x, struct err *e)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	AUTO_FD claim = claim_try(x->s.cache, arena_printf(&x->s.arena, "watch " STR_FMT, STR_ARG(x->s.root)), e);
	if (claim < 0)
		return e->code == ERR_BUSY ? err_set(e, ERR_BUSY, "another 'pawl watch' watches this project already") : -1;
	x->loop = loop_new(e);
	if (!x->loop)
		return -1;
	x->w.busy = busy;
	x->w.queue = queue;
	x->w.ctx = x;
	int rc = watch_open(&x->w, &x->s, x->loop, e);
	if (rc == 0)
		rc = loop_signals(x->loop, signals, sizeof signals / sizeof *signals, on_signal, x, e);
	if (rc == 0) {
		cover_tree(&x->w.cover); /* until the first run has left a snapshot */
		hear(x);
		start(x);
		rc = loop_run(x->loop, e);
	}
	if (rc == 0 && x->err.code != ERR_NONE) {
		*e = x->err;
		rc = -1;
	}
	watch_close(&x->w);
	loop_free(x->loop);
	return rc;
}

static const struct verb *
verb_named(const char *name)
{
	const struct verb *v = verbs;
	while (v->name && strcmp(v->name, name) != 0)
		v++;
	return v;
}

int
verb_watch(struct args *a, struct err *e)
{
	struct watching x = { .run_args = *a };
	int status = -1;
	x.run_args.verb = verb_named("run");
	session_init(&x.s, &x.run_args);
	if (session_find(&x.s, e) == 0 && session_cache(&x.s, e) == 0) {
		x.question = session_question(&x.s, &x.s.arena);
		if (watch_project(&x, e) == 0)
			status = x.signal ? 128 + x.signal : 0;
	}
	session_done(&x.s);
	return status;
}
