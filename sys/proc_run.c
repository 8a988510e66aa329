/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/file.h"
#include "sys/proc.h"

/* One stream of the program: our end of its pipe, and where its bytes go. */
struct stream {
	int fd; /* -1: none, or at its end */
	struct buf *to;
	size_t limit, got;
};

/* Reads what is there; bytes beyond the limit are read and dropped, so that the program never waits for us. */
static int
drain(struct stream *s, struct err *e)
{
	char chunk[16 * 1024];
	while (s->fd >= 0) {
		const ssize_t n = read(s->fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return err_os(e, "read its output");
		if (n == 0)
			file_closep(&s->fd);
		const struct str bytes = str_take((struct str){ chunk, (size_t)n }, s->limit - s->got);
		buf_put(s->to, bytes);
		s->got += bytes.n;
	}
	return 0;
}

/* Until the program has ended, or ERR_BUSY at the deadline (0: none). A process that it left behind may keep the pipes
 * open: they are read to what is there, not to their end. */
static int
attend(const struct proc *p, struct stream s[2], int64_t deadline, struct err *e)
{
	for (;;) {
		struct pollfd f[3] = {
			{ .fd = p->pidfd, .events = POLLIN },
			{ .fd = s[0].fd, .events = POLLIN },
			{ .fd = s[1].fd, .events = POLLIN },
		};
		int wait = -1;
		if (deadline) {
			const int64_t left = deadline - clock_mono();
			if (left <= 0)
				return err_set(e, ERR_BUSY, "it did not end in time");
			const int64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS;
			wait = ms > INT_MAX ? INT_MAX : (int)ms;
		}
		if (poll(f, 3, wait) < 0 && errno != EINTR)
			return err_os(e, "wait for it");
		if (drain(&s[0], e) < 0 || drain(&s[1], e) < 0)
			return -1;
		if (f[0].revents) /* it had ended before the pipes were drained */
			return 0;
	}
}

int
proc_input(struct str input, struct err *e)
{
	AUTO_FD fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return err_os(e, "make a file in memory");
	if (file_write_all(fd, input, e) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_os(e, "rewind");
	const int r = fd;
	fd = -1;
	return r;
}

static int
make_pipe(struct buf *to, int *ours, int *its, struct err *e)
{
	int fd[2];
	if (!to)
		return 0;
	if (pipe2(fd, O_CLOEXEC) < 0)
		return err_os(e, "make a pipe");
	*ours = fd[0];
	*its = fd[1];
	if (fcntl(fd[0], F_SETFL, O_NONBLOCK) < 0)
		return err_os(e, "set up a pipe");
	return 0;
}

static int
run(struct proc_opts o, struct str input, size_t limit, int timeout_ms, struct buf *bufs[2], struct proc_end *end,
    struct err *e)
{
	AUTO_FD out = -1;
	AUTO_FD err = -1;
	AUTO_FD out_child = -1;
	AUTO_FD err_child = -1;
	AUTO_FD in = input.n ? proc_input(input, e) : -1;
	if ((input.n && in < 0) || make_pipe(bufs[0], &out, &out_child, e) < 0 || make_pipe(bufs[1], &err, &err_child, e) < 0)
		return -1;
	o.in = in;
	o.out = out_child;
	o.err = err_child;
	o.group = true;
	struct proc p;
	const int64_t deadline = timeout_ms > 0 ? clock_mono() + timeout_ms * NS_PER_MS : 0;
	if (proc_spawn(&o, &p, e) < 0)
		return -1;
	file_closep(&out_child);
	file_closep(&err_child);
	struct stream s[2] = { { .fd = out, .to = bufs[0], .limit = limit }, { .fd = err, .to = bufs[1], .limit = limit } };
	out = err = -1; /* the streams own them */
	int r = attend(&p, s, deadline, e);
	if (r < 0)
		proc_kill_group(p.pid, SIGKILL);
	struct proc_end ended;
	if (proc_reap(&p, &ended, r < 0 ? NULL : e) < 0)
		r = -1;
	else if (r == 0 && end)
		*end = ended;
	file_closep(&s[0].fd);
	file_closep(&s[1].fd);
	return r;
}

int
proc_run(const struct proc_opts *o, struct str input, size_t limit, int timeout_ms, struct buf *out, struct buf *err,
	 struct proc_end *end, struct err *e)
{
	struct buf *bufs[2] = { out, err };
	const size_t before[2] = { out ? out->n : 0, err ? err->n : 0 };
	if (run(*o, input, limit, timeout_ms, bufs, end, e) == 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		if (!bufs[i] || !bufs[i]->p)
			continue;
		bufs[i]->n = before[i];
		bufs[i]->p[before[i]] = '\0';
	}
	return err_wrap(e, "run '%s'", o->argv[0]);
}
