/* SPDX-License-Identifier: Apache-2.0
 *
 * How the listener comes to us: the child sends it over a socket pair before it executes (observe_enter); the thread waits there first. The
 * message is an errno: 0 with a descriptor, or why there is none.
 *
 *	WAITING --message 0--> SERVING --POLLHUP: all observed processes ended, or woken by observe_end--> over
 *	   `--message errno, or the other end closed--> over
 */
#include "sys/observe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "sys/file.h"
#include "sys/observe_calls.h"

/* Linux 6.6: whoever calls and whoever answers change places on one CPU, which is several times faster than to wake each other on two. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum { NAME_MOST = 4096, PIECE = 256, PAGE = 4096, STACK_SIZE = 256 * 1024 };

struct observe_entry {
	struct sock_fprog prog;
	int socket; /* the child's end */
};

struct observer {
	struct arena arena;
	struct observe_opts o;
	struct observe_entry entry;
	struct sock_filter filter[OBSERVE_FILTER_MOST];
	pthread_t thread;
	int socket, wake;
	/* the thread's until it has been joined */
	int listener;
	int os;      /* why there is none; 0 with listener -1: nobody came */
	bool ended;  /* all observed processes have */
	char whole[2 * NAME_MOST], clean[2 * NAME_MOST];
};

#define NO_SANITIZE __attribute__((no_sanitize("address", "thread", "undefined")))

NO_SANITIZE static void
send_listener(int socket, int os, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = &os, .iov_len = sizeof os };
	struct msghdr m;

	for (size_t i = 0; i < sizeof control.room; i++)
		control.room[i] = 0;
	m.msg_name = NULL;
	m.msg_namelen = 0;
	m.msg_iov = &iov;
	m.msg_iovlen = 1;
	m.msg_control = os ? NULL : control.room;
	m.msg_controllen = os ? 0 : sizeof control.room;
	m.msg_flags = 0;
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof fd);
	*(int *)(void *)CMSG_DATA(&control.head) = fd;
	(void)syscall(SYS_sendmsg, socket, &m, MSG_NOSIGNAL);
}

NO_SANITIZE static long
install(const struct sock_fprog *prog)
{
	const unsigned long listener = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	/* Kernels before 5.19 do not know the second flag: then a signal to a waiting caller makes the call come twice. */
	const long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listener | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, prog);

	return fd >= 0 || errno != EINVAL ? fd : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listener, prog);
}

NO_SANITIZE int
observe_enter(const struct observe_entry *x)
{
	long fd = install(&x->prog);

	if (fd < 0 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		fd = install(&x->prog);
	const int os = fd < 0 ? errno : 0;

	send_listener(x->socket, os, (int)fd);
	if (fd >= 0)
		(void)close((int)fd);
	return fd < 0 ? -1 : 0;
}

/* The text at an address of another process. SIZE_MAX: it cannot be read, or is longer than any name. */
static size_t
read_name(pid_t tid, uint64_t at, char *to)
{
	size_t n = 0;

	while (n < NAME_MOST) {
		const size_t page = PAGE - (size_t)((at + n) % PAGE); /* what lies behind may not be mapped */
		const size_t piece = page < PIECE ? page : PIECE;

		if (!observe_peek(tid, at + n, to + n, n + piece > NAME_MOST ? NAME_MOST - n : piece))
			return SIZE_MAX;
		const char *end = memchr(to + n, '\0', n + piece > NAME_MOST ? NAME_MOST - n : piece);

		if (end != NULL)
			return (size_t)(end - to);
		n += piece;
	}
	return SIZE_MAX;
}

/* Where a relative name begins. */
static size_t
read_folder(pid_t tid, int dir, char *to)
{
	char link[64];

	if (dir == AT_FDCWD)
		snprintf(link, sizeof link, "/proc/%d/cwd", (int)tid);
	else
		snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)tid, dir);
	const ssize_t n = readlink(link, to, NAME_MOST);

	return n <= 0 || n == NAME_MOST || to[0] != '/' ? SIZE_MAX : (size_t)n;
}

/* "/a/./b//../c" -> "/a/c"; in is absolute. */
static size_t
clean(const char *in, size_t n, char *out)
{
	size_t put = 0;

	for (size_t i = 0; i < n;) {
		while (i < n && in[i] == '/')
			i++;
		const char *slash = memchr(in + i, '/', n - i);
		const size_t len = slash != NULL ? (size_t)(slash - (in + i)) : n - i;

		if (len == 2 && in[i] == '.' && in[i + 1] == '.') {
			while (put > 0 && out[--put] != '/')
				continue;
		} else if (len > 0 && !(len == 1 && in[i] == '.')) {
			out[put++] = '/';
			memmove(out + put, in + i, len);
			put += len;
		}
		i += len;
	}
	if (put == 0)
		out[put++] = '/';
	out[put] = '\0';
	return put;
}

static size_t
folder_of(const struct observer *o, struct str path)
{
	for (size_t i = 0; i < o->o.nfolders; i++)
		if (path_inside(path, o->o.folders[i]))
			return i;
	return SIZE_MAX;
}

static void
tell(struct observer *o, pid_t tid, const struct observe_name *x)
{
	size_t head = 0;
	char *name = o->whole + NAME_MOST; /* the folder goes in front */
	size_t n = read_name(tid, x->name, name);
	struct observe_event ev = { .tid = tid, .what = x->what, .folder = SIZE_MAX, .path = STR("") };

	if (n != SIZE_MAX && n > 0) {
		char *from = name;

		ev.absolute = name[0] == '/';
		if (!ev.absolute) {
			char folder[NAME_MOST];

			head = read_folder(tid, x->dir, folder);
			if (head == SIZE_MAX || head + 1 > NAME_MOST)
				return;
			from = name - head - 1;
			memcpy(from, folder, head);
			from[head] = '/';
			n += head + 1;
		}
		const struct str path = { o->clean, clean(from, n, o->clean) };

		ev.folder = folder_of(o, path);
		if (ev.folder != SIZE_MAX) {
			const size_t drop = o->o.folders[ev.folder].n;

			ev.path = path.n == drop ? STR(".") : str_drop(path, drop + (drop > 1));
		}
	}
	if (ev.folder != SIZE_MAX || (ev.what & OBSERVE_EXEC))
		o->o.seen(o->o.ctx, &ev);
}

static bool
go_on(int listener, uint64_t id)
{
	struct seccomp_notif_resp r = { .id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

	while (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) < 0)
		if (errno != EINTR)
			return false; /* the caller died meanwhile */
	return true;
}

static void
serve_one(struct observer *o)
{
	struct seccomp_notif call = { 0 };
	struct observe_name v[2];

	if (ioctl(o->listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return; /* the caller was killed before we came */
	const pid_t tid = (pid_t)call.pid;
	const size_t n = observe_names(tid, &call.data, v);

	for (size_t i = 0; i < n; i++)
		tell(o, tid, &v[i]);
	(void)go_on(o->listener, call.id);
}

static void
serve(struct observer *o)
{
	struct pollfd fds[] = { { .fd = o->listener, .events = POLLIN }, { .fd = o->wake, .events = POLLIN } };

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue; /* EINTR */
		if (fds[0].revents & POLLIN)
			serve_one(o);
		else if (fds[0].revents) {
			o->ended = true;
			return;
		} else if (fds[1].revents)
			return;
	}
}

/* Waits for the child's message. */
static void
receive_listener(struct observer *o)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	int os = 0;
	struct iovec iov = { .iov_base = &os, .iov_len = sizeof os };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room };
	ssize_t n;

	do
		n = recvmsg(o->socket, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof os)
		return;
	o->os = os;
	const struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (os != 0 || c == NULL || c->cmsg_type != SCM_RIGHTS)
		return;
	memcpy(&o->listener, CMSG_DATA(c), sizeof o->listener);
	(void)ioctl(o->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP); /* older kernels: slower */
}

static void *
thread_main(void *arg)
{
	struct observer *o = arg;

	receive_listener(o);
	if (o->listener >= 0)
		serve(o);
	return NULL;
}

static int
start_thread(struct observer *o)
{
	pthread_attr_t attr;
	sigset_t all, old;

	if (pthread_attr_init(&attr) != 0)
		return -1;
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE); /* the default is fine as well */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	errno = pthread_create(&o->thread, &attr, thread_main, o);
	const int os = errno;

	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	errno = os;
	return os == 0 ? 0 : -1;
}

struct observer *
observe_new(const struct observe_opts *opts, struct err *e)
{
	struct observer *o = mem_zalloc(sizeof *o);
	int ends[2];
	struct str *folders = arena_array(&o->arena, struct str, opts->nfolders);

	for (size_t i = 0; i < opts->nfolders; i++)
		folders[i] = arena_str(&o->arena, opts->folders[i]);
	o->o = *opts;
	o->o.folders = folders;
	o->listener = o->socket = o->entry.socket = -1;
	o->entry.prog = (struct sock_fprog){ .len = observe_filter(o->filter), .filter = o->filter };
	o->wake = eventfd(0, EFD_CLOEXEC);
	if (o->wake < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		err_os(e, "observe a process: make a socket for its listener");
		goto fail;
	}
	o->socket = ends[0];
	o->entry.socket = ends[1];
	if (start_thread(o) < 0) {
		err_os(e, "observe a process: start a thread");
		goto fail;
	}
	return o;
fail:
	file_closep(&o->wake);
	file_closep(&o->socket);
	file_closep(&o->entry.socket);
	arena_done(&o->arena);
	free(o);
	return NULL;
}

const struct observe_entry *
observe_entry(const struct observer *o)
{
	return &o->entry;
}

void
observe_started(struct observer *o)
{
	file_closep(&o->entry.socket); /* now the thread sees it when the child's own is gone */
}

/* Its whole life: say "go on" until nobody is left. Only async-signal-safe calls: it is a fork of a process with threads. */
static void
keep_serving(int listener)
{
	struct pollfd fd = { .fd = listener, .events = POLLIN };

	for (;;) {
		struct seccomp_notif call;

		if (poll(&fd, 1, -1) < 0)
			continue;
		if (!(fd.revents & POLLIN))
			_exit(0);
		memset(&call, 0, sizeof call);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) == 0)
			(void)go_on(listener, call.id);
	}
}

/* Without a listener every observed call fails. What a step leaves behind on purpose must go on working. */
static void
leave_behind(int listener)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	const pid_t pid = fork();

	if (pid == 0) {
		/* Twice, so that it is nobody's child: we are no zombie's parent. */
		if (fork() != 0)
			_exit(0);
		setsid();
		prctl(PR_SET_NAME, "pawl-observe");
		if (listener != 3) {
			dup2(listener, 3);
			listener = 3;
		}
		close_range(0, 2, 0);
		close_range(4, ~0U, 0);
		(void)!chdir("/");
		keep_serving(listener);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid > 0)
		(void)syscall(SYS_waitid, 1 /* P_PID */, pid, NULL, 4 /* WEXITED */, NULL);
}

bool
observe_end(struct observer *o, struct err *why)
{
	const uint64_t one = 1;

	if (o == NULL)
		return false;
	observe_started(o);
	(void)shutdown(o->socket, SHUT_RDWR); /* a thread that still waits there sees the end */
	(void)!write(o->wake, &one, sizeof one); /* cannot fail: it is written once */
	pthread_join(o->thread, NULL);
	const bool seen = o->listener >= 0;

	if (seen && !o->ended)
		leave_behind(o->listener);
	if (!seen) {
		errno = o->os;
		if (o->os == EBUSY)
			err_set(why, ERR_BUSY, "what runs under another observer cannot be observed a second time");
		else
			err_os(why, "observe a process: install a filter for its system calls");
	}
	file_closep(&o->listener);
	file_closep(&o->wake);
	file_closep(&o->socket);
	arena_done(&o->arena);
	free(o);
	return seen;
}
