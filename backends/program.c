/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "backends/tail.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/proc.h"

#define LOOK_MS 50 /* how often `stop` is looked at */
#define PATIENCE (10 * NS_PER_S)

struct watch {
	const struct program *program;
	struct tail tail;
	int64_t asked; /* to end; 0: not yet */
};

static void
keep(void *ctx, struct str text)
{
	struct watch *w = ctx;
	tail_add(&w->tail, text);
	if (w->program->line)
		w->program->line(w->program->ctx, text);
}

/* What is there now. False: the other end is closed. */
static bool
drain(int fd, struct lines *l)
{
	char room[16 * 1024];
	for (;;) {
		const ssize_t n = read(fd, room, sizeof room);
		if (n > 0)
			lines_feed(l, (struct str){ room, (size_t)n });
		else if (n == 0)
			return false;
		else if (errno != EINTR)
			return errno == EAGAIN;
	}
}

static void
stop_if_asked(struct watch *w, pid_t group)
{
	const int64_t now = clock_mono();
	if (!w->program->stop || !atomic_load(w->program->stop))
		return;
	if (w->asked == 0) {
		proc_kill_group(group, SIGTERM);
		w->asked = now;
	} else if (now - w->asked > PATIENCE) {
		proc_kill_group(group, SIGKILL);
	}
}

/* Until the program itself has ended; what it left behind may keep the pipe open. */
static void
attend(struct watch *w, const struct proc *p, int fd, struct lines *l)
{
	bool open = true;
	for (;;) {
		struct pollfd f[2] = { { .fd = p->pidfd, .events = POLLIN }, { .fd = open ? fd : -1, .events = POLLIN } };
		(void)poll(f, 2, w->program->stop ? LOOK_MS : -1);
		if (open)
			open = drain(fd, l);
		if (f[0].revents)
			return;
		stop_if_asked(w, p->pid);
	}
}

static int
started(const struct program *p, int out, struct proc *proc, struct err *e)
{
	AUTO_FD in = p->input.n > 0 ? proc_input(p->input, e) : -1;
	AUTO_FD folder = p->folder ? file_open(AT_FDCWD, p->folder, O_PATH | O_DIRECTORY, 0, e) : -1;
	if ((p->input.n > 0 && in < 0) || (p->folder && folder < 0))
		return -1;
	const struct proc_opts o = { .argv = p->argv, .envp = p->envp, .cwd = p->folder ? folder : AT_FDCWD, .in = in, .out = out, .err = out,
				     .group = true };
	return proc_spawn(&o, proc, e);
}

int
program_run(const struct program *p, struct arena *a, struct program_end *out, struct err *e)
{
	int fd[2];
	struct proc proc;
	struct proc_end end = { 0 };
	if (pipe2(fd, O_CLOEXEC) < 0)
		return err_os(e, "make a pipe for '%s'", p->argv[0]);
	AUTO_FD ours = fd[0];
	AUTO_FD its = fd[1];
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return err_os(e, "set up a pipe for '%s'", p->argv[0]);
	if (started(p, its, &proc, e) < 0)
		return err_wrap(e, "run '%s'", p->argv[0]);
	file_closep(&its);
	static const struct masks none;
	struct watch w = { .program = p };
	struct lines l = { .masks = p->masks ? p->masks : &none, .line = keep, .ctx = &w };
	attend(&w, &proc, ours, &l);
	lines_end(&l);
	const int bad = proc_reap(&proc, &end, e);
	out->status = end.status;
	out->tail = tail_text(&w.tail, a);
	tail_done(&w.tail);
	if (bad == 0 && w.asked)
		return err_set(e, ERR_INTERRUPTED, "'%s' was ended before it was done", p->argv[0]);
	return bad;
}
