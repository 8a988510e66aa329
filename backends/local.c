/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes on this machine.
 *
 *	STARTED [local_submit] -> RUNNING [local_attend]
 *	RUNNING --leader's pidfd--> EMPTYING [leader_ended] --group has no member--> drained, ended() [finish]
 *	   |  timeout: TERM, 2 s later KILL   |  stop: TERM or KILL to the group
 *
 * Each job is a process group. When its leader has ended, what is left of the group is killed: a step is over when its command
 * is. We are the subreaper of all that: orphans of a group become our children and are reaped here, so that the group's number is
 * free again also where init reaps nothing (containers). A process that left its group on purpose (setsid) is not ours to end; it
 * cannot hold the job up either, since pipes are only drained, not read to their end, once the group is empty.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/lines.h"
#include "backends/orchestrator.h"
#include "backends/sandbox.h"
#include "base/vec.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/guard.h"
#include "sys/observe.h"
#include "sys/proc.h"

#define TERM_GRACE (2 * NS_PER_S)       /* between TERM and KILL after a timeout */
#define EMPTY_PATIENCE (10 * NS_PER_S)  /* for a killed group; longer only in uninterruptible sleep */
enum { FOUND_MOST = 64 };
#define READ_MAX 262144                 /* bytes of one pipe before others get their turn */

struct found {
	const char *name, *path; /* argv[0] and PATH */
	const char *program;     /* NULL: to be searched by each job itself */
};

struct orchestrator {
	struct loop *loop;
	pthread_mutex_t mutex; /* all below */
	/* With the first job: */
	struct guard *guard;
	int null;
	sigset_t signals;
	/* What one job has looked up and the next ones need again: */
	struct arena arena;
	VEC(struct found) found;
	const char *cwd;
	int folder;
};

struct stream {
	struct job *job;
	int fd, number;
	loop_id id;
	struct lines lines;
};

struct job {
	struct orchestrator *o;
	struct job_calls calls;
	struct proc proc;
	loop_id exit_id, timer;
	struct stream out, err;
	struct masks masks;
	struct observer *observer; /* NULL: none */
	struct job_end end;
	int64_t started;  /* clock_mono */
	int64_t timeout;  /* ns; 0: none */
	int64_t empty_by; /* clock_mono: patience with a killed group */
	int64_t wait;     /* ns until the next look at it */
	bool killed;
	bool over;        /* the leader is reaped: its group may not be signalled any more */
};

static struct orchestrator *
local_open(struct loop *l, struct err *e)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return err_os(e, "become the reaper of steps"), NULL;
	struct orchestrator *o = mem_zalloc(sizeof *o);

	o->loop = l;
	pthread_mutex_init(&o->mutex, NULL);
	o->null = o->folder = -1;
	return o;
}

static void
local_close(struct orchestrator *o)
{
	if (o == NULL)
		return;
	guard_close(o->guard);
	file_closep(&o->null);
	file_closep(&o->folder);
	VEC_DONE(&o->found);
	arena_done(&o->arena);
	pthread_mutex_destroy(&o->mutex);
	free(o);
}

static void
got_line(void *ctx, struct str text)
{
	struct stream *s = ctx;

	if (s->job->calls.line != NULL)
		s->job->calls.line(s->job->calls.ctx, s->number, clock_real(), text);
}

static void
stream_close(struct stream *s)
{
	if (s->id != 0)
		loop_remove(s->job->o->loop, s->id);
	s->id = 0;
	file_closep(&s->fd);
}

/* Reads what is there, at most `most` bytes; closes at the end of the pipe. */
static void
stream_read(struct stream *s, size_t most)
{
	char piece[65536];

	while (s->fd >= 0 && most > 0) {
		const ssize_t n = read(s->fd, piece, sizeof piece);

		if (n > 0) {
			lines_feed(&s->lines, (struct str){ piece, (size_t)n });
			most -= (size_t)n < most ? (size_t)n : most;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || errno != EAGAIN)
			stream_close(s);
		return;
	}
}

static void
stream_ready(void *ctx, uint32_t events)
{
	(void)events;
	stream_read(ctx, READ_MAX);
}

static void
job_free(struct job *j)
{
	stream_close(&j->out);
	stream_close(&j->err);
	lines_end(&j->out.lines);
	lines_end(&j->err.lines);
	masks_done(&j->masks);
	(void)observe_end(j->observer, NULL); /* of a job that could not be started */
	free(j);
}

static void
finish(struct job *j)
{
	/* A whole pipe and no more: somebody outside the group may go on writing for ever. */
	stream_read(&j->out, 4 << 20);
	stream_read(&j->err, 4 << 20);
	stream_close(&j->out);
	stream_close(&j->err);
	lines_end(&j->out.lines);
	lines_end(&j->err.lines);
	j->end.observed = observe_end(j->observer, NULL);
	j->observer = NULL;
	const struct job_calls calls = j->calls;
	const struct job_end end = j->end;

	job_free(j);
	calls.ended(calls.ctx, &end, NULL);
}

static void
guard(struct job *j, bool add)
{
	pthread_mutex_lock(&j->o->mutex);
	(add ? guard_add : guard_remove)(j->o->guard, j->proc.pid);
	pthread_mutex_unlock(&j->o->mutex);
}

static bool
nobody_in(pid_t group)
{
	return kill(-group, 0) < 0 && errno == ESRCH;
}

/* Is a process left in the group? Reaps those that became our children. */
static bool
group_empty(pid_t group)
{
	siginfo_t si = { 0 };

	if (nobody_in(group))
		return true;
	while (waitid(P_PGID, (id_t)group, &si, WEXITED | WNOHANG) == 0 && si.si_pid != 0)
		si.si_pid = 0;
	return nobody_in(group);
}

static void
look_at_group(void *ctx)
{
	struct job *j = ctx;
	const int64_t now = clock_mono();

	j->timer = 0;
	if (group_empty(j->proc.pid) || now >= j->empty_by) {
		guard(j, false);
		finish(j);
		return;
	}
	if (j->wait < 50 * NS_PER_MS)
		j->wait *= 2;
	j->timer = loop_timer(j->o->loop, now + j->wait, look_at_group, j);
}

static void
leader_ended(void *ctx, uint32_t events)
{
	struct job *j = ctx;
	struct proc_end end = { 0 };

	(void)events;
	loop_remove(j->o->loop, j->exit_id);
	j->exit_id = 0;
	if (j->timer != 0)
		loop_remove(j->o->loop, j->timer);
	/* Before the leader is reaped: until then its number cannot belong to anybody else. */
	proc_kill_group(j->proc.pid, SIGKILL);
	j->over = true;
	const pid_t group = j->proc.pid;

	if (proc_reap(&j->proc, &end, NULL) < 0)
		end.status = 255; /* somebody else reaped it: what it ended with is unknown, so it did not end well */
	j->proc.pid = group;
	j->end.exit = end.status;
	j->end.cpu_s = end.cpu_s;
	j->end.peak = end.peak;
	const int64_t now = clock_mono();

	j->end.seconds = (double)(now - j->started) / (double)NS_PER_S;
	j->empty_by = now + EMPTY_PATIENCE;
	j->wait = NS_PER_MS / 4;
	look_at_group(j);
}

static void
signal_group(struct job *j, int signal)
{
	if (j->over)
		return;
	proc_kill_group(j->proc.pid, signal);
	if (signal != SIGKILL)
		proc_kill_group(j->proc.pid, SIGCONT); /* a stopped process hears nothing else */
	j->killed |= signal == SIGKILL;
}

static void
kill_now(void *ctx)
{
	struct job *j = ctx;

	j->timer = 0;
	signal_group(j, SIGKILL);
}

static void
timed_out(void *ctx)
{
	struct job *j = ctx;

	j->end.timed_out = true;
	signal_group(j, SIGTERM);
	j->timer = loop_timer(j->o->loop, clock_mono() + TERM_GRACE, kill_now, j);
}

static void
local_stop(struct job *j, bool hard)
{
	j->end.stopped = true;
	signal_group(j, hard ? SIGKILL : SIGTERM);
}

/* Our own program, for the sandbox; links resolved. */
static int
self_path(char *to, size_t size, struct err *e)
{
	const ssize_t n = readlink("/proc/self/exe", to, size - 1);

	if (n < 0)
		return err_os(e, "find the running program in /proc/self/exe");
	to[n] = '\0';
	return 0;
}

static const char *
path_of(const char *const *envp)
{
	while (*envp != NULL && strncmp(*envp, "PATH=", 5) != 0)
		envp++;
	return *envp != NULL ? *envp + 5 : "";
}

/* Where argv[0] is, looked up once: a search costs as much as the rest of a start. NULL: the job searches. */
static const char *
program_of(struct orchestrator *o, const char *name, const char *const *envp)
{
	const char *path = path_of(envp);

	for (size_t i = 0; i < o->found.n; i++)
		if (strcmp(o->found.v[i].name, name) == 0 && strcmp(o->found.v[i].path, path) == 0)
			return o->found.v[i].program;
	if (o->found.n == FOUND_MOST)
		return NULL;
	const struct found f = {
		.name = arena_str(&o->arena, str_z(name)).p,
		.path = arena_str(&o->arena, str_z(path)).p,
		.program = proc_program(name, envp, &o->arena),
	};
	VEC_PUSH(&o->found, f);
	return f.program;
}

static int
folder_of(struct orchestrator *o, const char *cwd, struct err *e)
{
	if (o->folder >= 0 && strcmp(o->cwd, cwd) == 0)
		return o->folder;
	file_closep(&o->folder);
	o->cwd = arena_str(&o->arena, str_z(cwd)).p;
	return o->folder = file_open_dir(AT_FDCWD, cwd, e);
}

/* What all jobs share, made with the first one. */
static int
begin(struct orchestrator *o, struct err *e)
{
	if (o->guard != NULL)
		return 0;
	if (o->null < 0 && (o->null = file_open(AT_FDCWD, "/dev/null", O_RDWR, 0, e)) < 0)
		return -1;
	proc_signals(&o->signals);
	o->guard = guard_open(e);
	return o->guard == NULL ? -1 : 0;
}

static int
share(struct orchestrator *o, const char *const *argv, const struct job_spec *s, struct proc_opts *out, struct err *e)
{
	pthread_mutex_lock(&o->mutex);
	const int ret = begin(o, e) < 0 || folder_of(o, s->cwd, e) < 0 ? -1 : 0;

	if (ret == 0) {
		out->in = o->null;
		out->cwd = o->folder;
		out->signals = &o->signals;
		out->program = program_of(o, argv[0], s->envp);
	}
	pthread_mutex_unlock(&o->mutex);
	return ret;
}

static int
spawn(struct job *j, const struct job_spec *s, int out, int err, struct err *e)
{
	struct arena a = { 0 };
	const char *const *argv = s->argv;
	int ret = 0;
	char self[4096]; /* until the program is started: it is in its argv */

	if (s->sandbox != NULL) {
		ret = self_path(self, sizeof self, e);
		if (ret == 0)
			ret = sandbox_command(s->sandbox, s->argv, s->envp, self, &a, &argv, e);
	}
	if (ret == 0) {
		struct proc_opts o = {
			.argv = argv, .envp = s->envp, .out = out, .err = err, .group = true, .die_with_parent = true,
			.observe = j->observer != NULL ? observe_entry(j->observer) : NULL,
		};

		j->started = clock_mono();
		ret = share(j->o, argv, s, &o, e) < 0 ? -1 : proc_spawn(&o, &j->proc, e);
		if (j->observer != NULL)
			observe_started(j->observer);
	}
	arena_done(&a);
	return ret < 0 ? -1 : 0;
}

static int
pipe_for(struct stream *s, struct job *j, int number, int *theirs, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_os(e, "make a pipe for a step's output");
	*theirs = ends[1];
	s->fd = ends[0];
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0)
		return err_os(e, "make a pipe non-blocking");
	s->job = j;
	s->number = number;
	s->lines = (struct lines){ .masks = &j->masks, .line = got_line, .ctx = s };
	return 0;
}

/* Where a thread cannot be had the step runs unobserved, as where the kernel has no such filter. */
static struct observer *
observer_for(const struct job_observe *x)
{
	if (x == NULL)
		return NULL;
	return observe_new(&(struct observe_opts){ .folders = x->folders, .nfolders = x->nfolders, .ctx = x->ctx, .seen = x->seen }, NULL);
}

static struct job *
local_submit(struct orchestrator *o, const struct job_spec *s, const struct job_calls *c, struct err *e)
{
	AUTO_FD out = -1;
	AUTO_FD err = -1;
	struct job *j = mem_zalloc(sizeof *j);

	j->o = o;
	j->calls = *c;
	j->timeout = s->timeout;
	j->out = j->err = (struct stream){ .job = j, .fd = -1 };
	masks_init(&j->masks, s->secrets, s->nsecrets);
	j->observer = observer_for(s->observe);
	if (pipe_for(&j->out, j, 1, &out, e) < 0 || pipe_for(&j->err, j, 2, &err, e) < 0 || spawn(j, s, out, err, e) < 0) {
		job_free(j);
		return NULL;
	}
	guard(j, true);
	return j;
}

static int
local_attend(struct job *j, struct err *e)
{
	struct loop *l = j->o->loop;

	j->out.id = loop_fd(l, j->out.fd, EPOLLIN, stream_ready, &j->out, e);
	j->err.id = j->out.id == 0 ? 0 : loop_fd(l, j->err.fd, EPOLLIN, stream_ready, &j->err, e);
	j->exit_id = j->err.id == 0 ? 0 : loop_fd(l, j->proc.pidfd, EPOLLIN, leader_ended, j, e);
	if (j->exit_id == 0) {
		proc_kill_group(j->proc.pid, SIGKILL);
		guard(j, false);
		(void)proc_reap(&j->proc, &(struct proc_end){ 0 }, NULL); /* e already says what went wrong */
		job_free(j);
		return -1;
	}
	if (j->timeout > 0)
		j->timer = loop_timer(l, j->started + j->timeout, timed_out, j);
	return 0;
}

const struct orchestrator_kind orchestrator_local = {
	.name = "local",
	.open = local_open,
	.close = local_close,
	.submit = local_submit,
	.attend = local_attend,
	.stop = local_stop,
};
