/* SPDX-License-Identifier: Apache-2.0
 *
 * One step being made. The stages that touch files run on threads of the loop's pool, one at a time; the state belongs to whichever stage is
 * at work.
 *
 *	step_start -> prepare and submit* -> prepared -> RUNNING -> ended --well--> collect* -> collected -> done
 *	                                                   |  failed
 *	                                                   +--> clean* -> cleaned --attempts left--> (delay) -> prepare*
 *	                                                                     `--> done                          * on a thread
 */
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backends/joblog.h"
#include "backends/orchestrator.h"
#include "backends/sandbox.h"
#include "base/js.h"
#include "cache/unpacked.h"
#include "hashing/fp.h"
#include "rules/bytecode.h"
#include "rules/code.h"
#include "rules/image.h"
#include "rules/notes.h"
#include "rules/observed.h"
#include "rules/rundirs.h"
#include "rules/snapshot.h"
#include "rules/step.h"
#include "rules/step_watch.h"
#include "rules/venv.h"
#include "rules/wants.h"
#include "sys/clock.h"

struct step_run {
	struct task *task;
	struct project *p;
	struct step *step;
	struct arena arena;
	struct joblog *log;
	struct job *submitted; /* by prepare, for prepared */
	struct job *job;       /* while it runs */
	loop_id timer;         /* while it waits for the next attempt */
	atomic_bool stopping;
	bool hard;             /* it was asked for the second time */
	struct err err;        /* code ERR_NONE: no failure so far */
	bool retryable;
	bool unstored;         /* the result may not be recorded */
	struct watch watch;
	struct observed *observed;
	struct observed_report seen;
	struct str *code;      /* project files of its code */
	size_t ncode;
	struct str venv, venv_bin;
	struct step_call call; /* of this attempt */
	struct sandbox_spec sandbox;
	struct sandbox_bind *binds;
	struct output *outputs;
	struct job_end end;
	double seconds, cpu_s; /* of all attempts */
	uint64_t peak;
	uint32_t attempt;      /* from 1 */
};

static void prepare(void *ctx);
static void prepared(void *ctx);
static void clean(void *ctx);
static void cleaned(void *ctx);

static struct str
info_of(struct step_run *r)
{
	AUTO_JS info = js_map();
	AUTO_BUF b = { 0 };

	js_set(info, "attempts", js_int(r->attempt));
	js_set(info, "exit", js_int(r->task->exit));
	js_write(info, &b);
	return arena_str(&r->arena, buf_str(&b));
}

/* "step 'train' ended with exit status 3", or "step 'train': ..." in front of what others say. */
static void
name_failure(struct step_run *r)
{
	static const char *const predicates[] = { "ended ", "ran ", "needs ", "wrote ", "read ", "is " };
	const struct err err = r->err;
	const char *between = ":";

	for (size_t i = 0; i < sizeof predicates / sizeof *predicates; i++)
		if (strncmp(err.text, predicates[i], strlen(predicates[i])) == 0)
			between = "";
	err_set(&r->err, err.code, "step '" STR_FMT "'%s %s", STR_ARG(r->step->d.name), between, err.text);
	r->err.os = err.os;
}

/* The one end. */
static void
finish(struct step_run *r)
{
	if (r->err.code != ERR_NONE)
		name_failure(r);
	struct task *t = r->task;
	const struct ir_cache *cache = &r->step->d.ir->cache;
	const struct result result = {
		.seconds = r->seconds,
		.cpu_s = r->cpu_s,
		.peak = r->peak,
		.log = joblog_end(r->log),
		.outputs = r->outputs,
		.noutputs = r->err.code == ERR_NONE ? r->step->d.ir->noutputs : 0,
		.info = info_of(r),
		.observed = r->seen.facts,
		.nobserved = r->err.code == ERR_NONE ? r->seen.nfacts : 0,
	};
	const struct err err = r->err;

	t->attempts = r->attempt;
	t->rule_data = NULL;
	if (err.code == ERR_NONE && !cache->on)
		leaves_never(r->p->leaves);
	if (err.code == ERR_NONE && cache->expires > 0)
		leaves_expiry(r->p->leaves, clock_real() + cache->expires);
	t->done(t, err.code == ERR_NONE || err.code == ERR_FAILED ? &result : NULL, r->unstored, err.code == ERR_NONE ? NULL : &err);
	observed_free(r->observed);
	arena_done(&r->arena);
	free(r);
}

static void
say(struct step_run *r, const char *text)
{
	joblog_line(r->log, 2, clock_real(), str_z(text));
	if (r->p->watch.line != NULL)
		r->p->watch.line(r->p->watch.ctx, r->step->d.node, 2, clock_real(), str_z(text));
}

void
step_start(struct task *t)
{
	struct project *p = t->ctx;
	struct step_run *r = mem_zalloc(sizeof *r);

	t->rule_data = r;
	r->task = t;
	r->p = p;
	r->step = step_of(t->inputs.graph, t->node);
	r->log = joblog_new(p->cache->blobs);
	r->attempt = 1;
	rundirs_ready(p);
	watch_init(&r->watch, r->step, &t->inputs, &r->arena);
	if (step_secrets(p, r->step, &r->err) < 0 ||
	    code_files(p, &r->step->d, &r->arena, &r->code, &r->ncode, &r->err) < 0 ||
	    (r->step->d.venv.i != NODE_NONE.i && venv_folder(p, r->step->d.venv, &r->arena, &r->venv, &r->venv_bin, &r->err) < 0)) {
		finish(r);
		return;
	}
	r->observed = observed_new(p, r->step, &t->inputs, &r->arena);
	loop_work(t->loop, prepare, prepared, r);
}

/* The place of one source of an input: in the workspace, or checked out into the scratch folder. */
static int
place_source(struct step_run *r, const struct step_source *s, struct step_paths *out, struct err *e)
{
	const struct result *res = step_source_result(&r->task->inputs, s);

	if (s->port.n == 0 && res != NULL && r->p->graph.node[s->from.i].rule == &rule_glob) {
		out->v = arena_array(&r->arena, struct str, res->noutputs);
		out->n = res->noutputs;
		for (size_t i = 0; i < res->noutputs; i++)
			out->v[i] = res->outputs[i].path;
		return 0;
	}
	struct str path = s->path;

	if (path.n == 0) {
		const struct output *o = res != NULL ? result_output(res, s->port) : NULL;

		if (o == NULL)
			return err_set(e, ERR_BUG, "output '" STR_FMT "' of what it needs is not known", STR_ARG(s->port));
		if (step_scratch(&r->call, e) < 0)
			return -1;
		path = arena_printf(&r->arena, STR_FMT "/in/" STR_FMT "/" STR_FMT, STR_ARG(r->call.scratch), STR_ARG(s->field),
				    STR_ARG(s->port));
		if (outputs_checkout(r->p, o, AT_FDCWD, path, e) < 0)
			return err_wrap(e, "fetch '" STR_FMT "' from the cache", STR_ARG(s->port));
	}
	out->v[out->n++] = path;
	return 0;
}

static int
place_inputs(struct step_run *r, struct err *e)
{
	const struct step *s = r->step;

	r->call.inputs = arena_array(&r->arena, struct step_paths, s->d.ir->ninputs);
	for (size_t i = 0; i < s->d.ir->ninputs; i++) {
		const struct step_input *in = &s->inputs[i];
		struct step_paths *out = &r->call.inputs[i];

		out->v = arena_array(&r->arena, struct str, in->n);
		for (size_t k = 0; k < in->n; k++)
			if (place_source(r, &in->v[k], out, e) < 0)
				return err_wrap(e, "input '" STR_FMT "'", STR_ARG(in->ir->name));
	}
	return 0;
}

static void
place_outputs(struct step_run *r)
{
	const struct step *s = r->step;

	r->call.outputs = arena_array(&r->arena, struct str, s->d.ir->noutputs);
	for (size_t i = 0; i < s->d.ir->noutputs; i++)
		r->call.outputs[i] = s->outputs[i].path.n > 0 ? s->outputs[i].path :
								path_join(&r->arena, r->call.run_dir, s->outputs[i].name);
}

/* A folder for the bytecode of an image's packages: named by the layers that may hold some, without those that the project covers. Files
 * in layers have no times that would tell one version from another, so the name has to. */
static struct str
image_bytecode(struct step_run *r, const struct result *res)
{
	struct image_layers layers;
	size_t n = 0;

	if (image_layers(r->p, r->step->d.ir->environment, res, &r->arena, &layers, NULL) < 0)
		return (struct str){ 0 };
	struct str *names = arena_array(&r->arena, struct str, layers.n);

	for (size_t i = 0; i < layers.n; i++)
		if (strcmp(layers.v[i].kind, "code") != 0 && strcmp(layers.v[i].kind, "include") != 0)
			names[n++] = (struct str){ (const char *)layers.v[i].digest.b, sizeof layers.v[i].digest.b };
	const struct fp fp = fp_of_list(names, n);

	return arena_printf(&r->arena, STR_FMT "/pyc/%016llx%016llx", STR_ARG(r->p->cache->folder), (unsigned long long)fp.hi,
			    (unsigned long long)fp.lo);
}

/* The image's roots, and the project and the scratch folder inside it. */
static int
place_image(struct step_run *r, struct err *e)
{
	struct step *s = r->step;
	struct str *roots;
	size_t n;

	if (s->d.image.i == NODE_NONE.i)
		return 0;
	const struct result *res = NULL;
	const struct node *x = &r->p->graph.node[s->d.node.i];

	for (uint32_t i = 0; i < x->nin; i++)
		if (r->p->graph.edge[x->in + i].from.i == s->d.image.i && r->p->graph.edge[x->in + i].kind == EDGE_NEED)
			res = r->task->inputs.of[i];
	if (res == NULL)
		return err_set(e, ERR_BUG, "the image that it runs in is not known");
	if (step_scratch(&r->call, e) < 0 || image_roots(r->p, s->environment, res, &r->arena, &roots, &n, e) < 0 ||
	    image_config(r->p, res, &r->arena, &r->call.image_config, e) < 0)
		return -1;
	struct str workdir = js_str(js_get(r->call.image_config, "WorkingDir"));

	if (workdir.n == 0 || workdir.p[0] != '/' || workdir.n == 1)
		workdir = STR("/workspace");
	const struct str *code;
	const size_t ncode = environment_code(r->p, s->environment, &code);

	r->call.workdir = workdir;
	r->binds = arena_array(&r->arena, struct sandbox_bind, 3 + ncode);
	r->binds[0] = (struct sandbox_bind){ .from = r->p->root, .to = workdir };
	r->binds[1] = (struct sandbox_bind){ .from = r->call.scratch, .to = r->call.scratch };
	r->sandbox = (struct sandbox_spec){ .roots = roots, .nroots = n, .binds = r->binds, .nbinds = 2, .workdir = workdir,
					    .user = js_str(js_get(r->call.image_config, "User")), .network = true };
	const struct str home = image_bytecode(r, res);

	if (home.n > 0 && bytecode_home(home, workdir)) {
		unpacked_use(r->p->cache, home.p + r->p->cache->folder.n + 1);
		r->call.bytecode = home;
		r->binds[r->sandbox.nbinds++] = (struct sandbox_bind){ .from = home, .to = home };
	}
	for (size_t i = 0; i < ncode; i++) {
		if (!str_starts(code[i], STR("../")) && !str_is(code[i], ".."))
			continue;
		r->binds[r->sandbox.nbinds++] = (struct sandbox_bind){ .from = path_clean(&r->arena, path_join(&r->arena, r->p->root, code[i])),
								       .to = wants_in_image(workdir, code[i], &r->arena), .read_only = true };
	}
	return 0;
}

static int
prepare_attempt(struct step_run *r, struct err *e)
{
	struct str changed;

	r->call = (struct step_call){ .step = r->step, .project = r->p, .arena = &r->arena, .venv = r->venv, .venv_bin = r->venv_bin };
	if ((step_has_run_dir(r->step) && step_scratch(&r->call, e) < 0) || place_inputs(r, e) < 0 || place_image(r, e) < 0)
		return -1;
	place_outputs(r);
	if (r->venv.n > 0) {
		const struct str home = path_join(&r->arena, r->venv, STR("pycache"));

		if (bytecode_home(home, r->p->root))
			r->call.bytecode = home;
	}
	bytecode_sweep(r->p->fd, r->code, r->ncode);
	watch_before(&r->watch, r->p, &changed);
	if (changed.n > 0 && !r->unstored) {
		r->unstored = true;
		notes_add(r->p->notes, STR_FMT " changed before step '" STR_FMT "' began: its result is used now, but not recorded",
			  STR_ARG(changed), STR_ARG(r->step->d.name));
	}
	return outputs_clear(r->p, r->step->outputs, r->step->d.ir->noutputs, e);
}

static void
got_line(void *ctx, int stream, int64_t at, struct str text)
{
	struct step_run *r = ctx;

	joblog_line(r->log, stream, at, text);
	if (r->p->watch.line != NULL)
		r->p->watch.line(r->p->watch.ctx, r->step->d.node, stream, at, text);
}

/* "5s", "300ms", "1h30m": as people write durations. */
static struct str
duration(struct arena *a, int64_t ns)
{
	if (ns < NS_PER_S)
		return arena_printf(a, "%lldms", (long long)(ns / NS_PER_MS));
	if (ns < 60 * NS_PER_S)
		return arena_printf(a, "%gs", (double)ns / (double)NS_PER_S);
	const long long s = ns / NS_PER_S;

	if (s < 3600)
		return s % 60 != 0 ? arena_printf(a, "%lldm%llds", s / 60, s % 60) : arena_printf(a, "%lldm", s / 60);
	return s / 60 % 60 != 0 ? arena_printf(a, "%lldh%lldm", s / 3600, s / 60 % 60) : arena_printf(a, "%lldh", s / 3600);
}

static void
judge(struct step_run *r)
{
	const int exit = r->end.exit;
	const char *signal = exit > 128 ? sigdescr_np(exit - 128) : NULL;

	r->task->exit = exit;
	if (r->end.stopped || r->stopping)
		err_set(&r->err, ERR_INTERRUPTED, "ended as asked");
	else if (r->end.timed_out)
		err_set(&r->err, ERR_FAILED, "ran longer than its timeout of " STR_FMT " and was ended",
			STR_ARG(duration(&r->arena, r->step->d.ir->timeout)));
	else if (signal != NULL)
		err_set(&r->err, ERR_FAILED, "ended with exit status %d (signal %d: %s)", exit, exit - 128, signal);
	else if (exit != 0)
		err_set(&r->err, ERR_FAILED, "ended with exit status %d", exit);
	r->retryable = r->err.code == ERR_FAILED;
}

static void
give_scratch(struct step_run *r)
{
	if (r->call.scratch.n > 0)
		rundirs_give(r->p->rundirs, r->call.scratch);
	r->call.scratch = STR("");
}

/* On a thread: the end of one that ended well. */
static void
collect(void *ctx)
{
	struct step_run *r = ctx;
	const struct str written = watch_after(&r->watch, r->p);
	bool unstored = false;

	if (written.n > 0)
		err_set(&r->err, ERR_FAILED, "wrote to its input '" STR_FMT "': an input must not change while a step runs; declare it as an output, or write elsewhere",
			STR_ARG(written));
	else if (outputs_collect(r->p, r->step->outputs, r->step->d.ir->noutputs, r->call.run_dir, &r->arena, &r->outputs, &unstored,
				 &r->err) == 0)
		r->unstored |= unstored;
	if (r->err.code == ERR_NONE)
		(void)observed_judge(r->observed, r->end.observed, &r->seen, &r->unstored, &r->err); /* what follows sees r->err */
	if (r->err.code == ERR_NONE)
		give_scratch(r);
}

static void
collected(void *ctx)
{
	struct step_run *r = ctx;

	if (r->err.code == ERR_NONE && r->stopping)
		err_set(&r->err, ERR_INTERRUPTED, "ended as asked");
	if (r->err.code == ERR_NONE) {
		finish(r);
		return;
	}
	if (r->task->exit == 0)
		r->retryable = false; /* it would write the same again */
	loop_work(r->task->loop, clean, cleaned, r);
}

static void
ended(void *ctx, const struct job_end *end, const struct err *e)
{
	struct step_run *r = ctx;

	r->job = NULL;
	r->end = *end;
	r->seconds += end->seconds;
	r->cpu_s += end->cpu_s;
	if (end->peak > r->peak)
		r->peak = end->peak;
	if (e != NULL)
		r->err = *e;
	else
		judge(r);
	if (r->err.code != ERR_NONE) {
		loop_work(r->task->loop, clean, cleaned, r);
		return;
	}
	r->task->ended(r->task); /* first, so that the next one is not behind what this one left */
	loop_work(r->task->loop, collect, collected, r);
}

static struct str
job_name(struct step_run *r)
{
	char hex[DIGEST_HEX + 1];

	digest_hex(&r->task->key_digest, hex);
	return arena_printf(&r->arena, STR_FMT "-%.8s", STR_ARG(r->step->d.ir->name), hex);
}

static int
submit(struct step_run *r, struct err *e)
{
	if (r->stopping)
		return err_set(e, ERR_INTERRUPTED, "ended as asked");
	if (step_command(&r->call, e) < 0)
		return -1;
	const struct job_spec spec = {
		.name = job_name(r),
		.argv = r->call.argv,
		.envp = r->call.envp,
		.cwd = arena_z(&r->arena, r->p->root),
		.timeout = r->step->d.ir->timeout,
		.sandbox = r->sandbox.nroots > 0 ? &r->sandbox : NULL,
		.secrets = r->call.secrets,
		.nsecrets = r->call.nsecrets,
		.observe = observed_job(r->observed, r->sandbox.nroots > 0 ? r->sandbox.workdir : r->p->root, r->call.scratch),
	};
	const struct job_calls calls = { .ctx = r, .line = got_line, .ended = ended };

	r->submitted = orchestrator_local.submit(r->p->orchestrator, &spec, &calls, e);
	if (r->submitted != NULL)
		return 0;
	/* A program that is not there is the step's failure, not the world's. */
	r->task->exit = 127;
	if (e->code == ERR_MISSING || e->code == ERR_DENIED)
		e->code = ERR_FAILED;
	if (e->os == E2BIG)
		err_set(e, ERR_FAILED, "its arguments and variables are together more than the kernel takes; hand the values over in a file");
	return -1;
}

/* On a thread. */
static void
prepare(void *ctx)
{
	struct step_run *r = ctx;

	if (prepare_attempt(r, &r->err) == 0)
		(void)submit(r, &r->err); /* prepared sees what r->err says */
}

static void
prepared(void *ctx)
{
	struct step_run *r = ctx;
	struct job *job = r->submitted;

	r->submitted = NULL;
	if (r->err.code == ERR_NONE && orchestrator_local.attend(job, &r->err) == 0) {
		r->job = job;
		if (r->stopping)
			orchestrator_local.stop(job, r->hard);
		return;
	}
	r->retryable = false;
	loop_work(r->task->loop, clean, cleaned, r);
}

/* On a thread: after a failure. */
static void
clean(void *ctx)
{
	struct step_run *r = ctx;

	/* Before outputs_clear nothing of the step's own is there: what lies in the workspace may be a person's. */
	if (r->call.outputs != NULL && (r->seconds > 0 || r->end.exit != 0))
		outputs_remove(r->p, r->step->outputs, r->step->d.ir->noutputs);
	give_scratch(r);
}

static void
again(void *ctx)
{
	struct step_run *r = ctx;

	r->timer = 0;
	r->attempt++;
	r->err = (struct err){ 0 };
	r->task->exit = 0;
	loop_work(r->task->loop, prepare, prepared, r);
}

static bool
may_retry(const struct step_run *r)
{
	const struct ir_retry *retry = &r->step->d.ir->retry;

	if (!r->retryable || r->stopping || r->attempt > retry->max)
		return false;
	for (size_t i = 0; i < retry->non; i++)
		if (retry->on[i] == r->end.exit)
			return true;
	return retry->non == 0;
}

static void
cleaned(void *ctx)
{
	struct step_run *r = ctx;
	const struct ir_retry *retry = &r->step->d.ir->retry;

	if (!may_retry(r)) {
		finish(r);
		return;
	}
	const double factor = retry->backoff > 0 ? pow(retry->backoff, r->attempt - 1) : 1;
	const double wait = (double)retry->delay * factor;
	const int64_t delay = wait < 1e18 ? (int64_t)wait : INT64_C(1000000000000000000);
	AUTO_BUF b = { 0 };

	buf_printf(&b, "pawl: attempt %u of %u %s; the next one begins in " STR_FMT, r->attempt, retry->max + 1, r->err.text,
		   STR_ARG(duration(&r->arena, delay)));
	say(r, buf_z(&b));
	r->timer = loop_timer(r->task->loop, clock_mono() + delay, again, r);
}

void
step_stop(struct task *t, bool hard)
{
	struct step_run *r = t->rule_data;

	if (r == NULL)
		return;
	r->stopping = true; /* a stage on a thread ends first, then this is seen */
	r->hard |= hard;
	if (r->job != NULL) {
		orchestrator_local.stop(r->job, hard);
	} else if (r->timer != 0) {
		loop_remove(t->loop, r->timer);
		r->timer = 0;
		err_set(&r->err, ERR_INTERRUPTED, "ended as asked");
		finish(r);
	}
}
