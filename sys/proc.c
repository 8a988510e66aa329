/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/proc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/observe.h"

/* How a program starts: the parent prepares every text and descriptor, clones with CLONE_VM | CLONE_VFORK, and sleeps until
 * the child has called exec or has ended. The child runs on a stack of its own in the parent's memory, makes system calls
 * only, and leaves what failed in `struct start`, where the parent finds it. */
enum { STACK = 64 * 1024 };

/* The thread sanitizer's own clone takes the child for a process with memory of its own and forgets this thread. */
#ifdef __SANITIZE_THREAD__
int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define clone __clone
#endif

enum stage { STAGE_NONE, STAGE_GROUP, STAGE_DEATH, STAGE_FOLDER, STAGE_FILES, STAGE_EXEC };

struct start {
	const struct proc_opts *o;
	const char *const *paths; /* candidates for exec, NULL at the end */
	const char **script;      /* argv for a file without "#!": "/bin/sh", the path, arguments */
	char *const *argv, *const *envp;
	int fd[3];                /* for 0, 1, 2; none is -1 */
	pid_t parent;
	sigset_t mask;            /* the child's */
	enum stage stage;         /* what failed */
	int os;                   /* its errno */
};

/* exec takes pointers to writable text that it never writes. */
static char *const *
as_argv(const char *const *v)
{
	union {
		const char *const *in;
		char *const *out;
	} u = { .in = v };
	return u.out;
}

#define NO_SANITIZE __attribute__((no_sanitize("address", "thread", "undefined")))

/* libc's sigaction refuses the two signals that it uses itself, which GNU make hands on ignored; its sigset_t has a place for each. */
NO_SANITIZE static long
kernel_sigaction(int signal, const unsigned long *set, unsigned long *old)
{
	return syscall(SYS_rt_sigaction, signal, set, old, (size_t)NSIG / 8);
}

NO_SANITIZE static bool
has_signal(const sigset_t *s, int signal)
{
	const unsigned bits = 8 * sizeof s->__val[0], i = (unsigned)signal - 1;
	return s->__val[i / bits] >> i % bits & 1;
}

/* Handlers of ours must not run in the child, which shares our memory; what we ignore, it shall not. */
NO_SANITIZE static void
reset_signals(const struct start *s)
{
	static const unsigned long plain[8] = { 0 }; /* SIG_DFL in the kernel's own layout */
	for (int i = 1; i < NSIG; i++)
		if (!s->o->signals || has_signal(s->o->signals, i))
			(void)kernel_sigaction(i, plain, NULL); /* fails for KILL and STOP */
	(void)sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

NO_SANITIZE static bool
place_files(const struct start *s)
{
	int fd[3];
	/* First out of the way of 0, 1 and 2, then into their places, where dup2 also takes close-on-exec off. */
	for (int i = 0; i < 3; i++) {
		fd[i] = s->fd[i] < 3 ? fcntl(s->fd[i], F_DUPFD_CLOEXEC, 3) : s->fd[i];
		if (fd[i] < 0)
			return false;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(fd[i], i) < 0)
			return false;
	/* What the process itself was given without close-on-exec; kernels before 5.11 cannot, and then it stays open. */
	(void)syscall(SYS_close_range, 3, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */);
	for (size_t i = 0; i < s->o->nkeep; i++)
		if (fcntl(s->o->keep[i], F_SETFD, 0) < 0)
			return false;
	return true;
}

/* Tries the candidates as a shell does: one that may not be run is remembered, one that is not there is not. */
NO_SANITIZE static int
exec_first(const struct start *s)
{
	int os = ENOENT;
	for (size_t i = 0; s->paths[i]; i++) {
		(void)execve(s->paths[i], s->argv, s->envp);
		if (errno == ENOEXEC) {
			s->script[1] = s->paths[i];
			(void)execve("/bin/sh", (char *const *)s->script, s->envp);
		}
		if (errno == EACCES)
			os = EACCES;
		else if (errno != ENOENT && errno != ENOTDIR)
			return errno;
	}
	return os;
}

NO_SANITIZE static enum stage
prepare(const struct start *s)
{
	const struct proc_opts *o = s->o;
	if (o->group && setpgid(0, 0) < 0)
		return STAGE_GROUP;
	if (o->die_with_parent) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			return STAGE_DEATH;
		if (getppid() != s->parent) /* it died before it could be asked for */
			_exit(128 + SIGKILL);
	}
	if (o->cwd != 0 && o->cwd != AT_FDCWD && fchdir(o->cwd) < 0)
		return STAGE_FOLDER;
	if (!place_files(s))
		return STAGE_FILES;
	if (o->observe)
		(void)observe_enter(o->observe); /* the observer learns why it is not */
	return STAGE_NONE;
}

NO_SANITIZE static int
child(void *arg)
{
	struct start *s = arg;
	reset_signals(s);
	s->stage = prepare(s);
	if (s->stage != STAGE_NONE) {
		s->os = errno;
		_exit(127);
	}
	s->os = exec_first(s);
	s->stage = STAGE_EXEC;
	_exit(127);
}

static const char *
variable(const char *const *envp, const char *name)
{
	const size_t n = strlen(name);
	for (; *envp; envp++)
		if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
			return *envp + n + 1;
	return NULL;
}

/* Paths to try for argv[0]. */
static const char *const *
candidates(const char *name, const char *const *envp, struct arena *a)
{
	if (strchr(name, '/')) {
		const char **v = arena_array(a, const char *, 2);
		v[0] = name;
		return v;
	}
	const char *path = variable(envp, "PATH");
	struct str rest = str_z(path ? path : "/usr/local/bin:/usr/bin:/bin");
	const size_t length = strlen(name);
	size_t n = 1;
	for (size_t i = 0; i < rest.n; i++)
		n += rest.p[i] == ':';
	const char **v = arena_array(a, const char *, n + 1);
	for (size_t i = 0; i < n; i++) {
		const struct str_cut c = str_cut(rest, ':');
		const struct str folder = c.head.n ? c.head : STR(".");
		char *one = arena_alloc(a, folder.n + length + 2);
		memcpy(one, folder.p, folder.n);
		one[folder.n] = '/';
		memcpy(one + folder.n + 1, name, length + 1);
		v[i] = one;
		rest = c.tail;
	}
	return v;
}

static bool
runnable(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

const char *
proc_program(const char *name, const char *const *envp, struct arena *a)
{
	if (strchr(name, '/'))
		return NULL;
	const char *const *v = candidates(name, envp, a);
	for (; *v && (*v)[0] == '/'; v++)
		if (runnable(*v))
			return *v;
	return NULL;
}

void
proc_signals(sigset_t *out)
{
	sigemptyset(out);
	for (int i = 1; i < NSIG; i++) {
		unsigned long old[8] = { 0 };
		const unsigned bits = 8 * sizeof out->__val[0], at = (unsigned)i - 1;
		if (kernel_sigaction(i, NULL, old) == 0 && (old[0] || old[1])) /* handler and flags, in this order or the other */
			out->__val[at / bits] |= 1ul << at % bits;
	}
}

static const char **
script_argv(const char *const *argv, struct arena *a)
{
	size_t n = 0;
	while (argv[n])
		n++;
	const char **v = arena_array(a, const char *, n + 2);
	v[0] = "/bin/sh";
	for (size_t i = 1; i < n; i++)
		v[i + 1] = argv[i];
	return v;
}

static int
failure(const struct start *s, struct err *e)
{
	const char *name = s->o->argv[0];
	errno = s->os;
	switch (s->stage) {
	case STAGE_NONE:
		break;
	case STAGE_GROUP:
		return err_os(e, "start '%s': make a process group", name);
	case STAGE_DEATH:
		return err_os(e, "start '%s': bind it to our life", name);
	case STAGE_FOLDER:
		return err_os(e, "start '%s': enter its folder", name);
	case STAGE_FILES:
		return err_os(e, "start '%s': give it its descriptors", name);
	case STAGE_EXEC:
		if (s->os != ENOENT)
			break;
		if (!strchr(name, '/'))
			return err_set(e, ERR_MISSING, "start '%s': no such program in PATH", name);
		const int at = s->o->cwd ? s->o->cwd : AT_FDCWD;
		if (file_exists(at, name))
			return err_set(e, ERR_MISSING, "start '%s': the interpreter that it names is not there", name);
		return err_set(e, ERR_MISSING, "start '%s': no such program", name);
	}
	err_os(e, "start '%s'", name);
	if (e && s->stage == STAGE_EXEC)
		e->code = ERR_WORLD;
	return -1;
}

static int
launch(struct start *s, struct proc *out, struct err *e)
{
	char *stack = mem_alloc(STACK); /* of the heap, whose pages are there already: a mapping would cost more than all else here */
	sigset_t all, old;
	sigfillset(&all);
	sigemptyset(&s->mask);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	int pidfd = -1;
	const pid_t pid = clone(child, (char *)((uintptr_t)(stack + STACK) & ~(uintptr_t)63), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, s, &pidfd);
	const int os = errno;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	free(stack);
	errno = os;
	if (pid < 0)
		return err_os(e, "start '%s'", s->o->argv[0]);
	if (s->stage != STAGE_NONE) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		(void)close(pidfd);
		return failure(s, e);
	}
	*out = (struct proc){ .pid = pid, .pidfd = pidfd };
	return 0;
}

int
proc_spawn(const struct proc_opts *o, struct proc *out, struct err *e)
{
	assert(o->argv && o->argv[0]);
	AUTO_FD null = -1;
	struct arena a = { 0 };
	const char *const *envp = o->envp ? o->envp : (const char *const *)environ;
	struct start s = {
		.o = o,
		.paths = o->program ? (const char *const[]){ o->program, NULL } : candidates(o->argv[0], envp, &a),
		.script = script_argv(o->argv, &a),
		.argv = as_argv(o->argv),
		.envp = as_argv(envp),
		.fd = { o->in, o->out, o->err },
		.parent = getpid(),
	};
	int r = 0;
	for (int i = 0; i < 3 && r == 0; i++) {
		if (s.fd[i] >= 0)
			continue;
		if (null < 0)
			null = file_open(AT_FDCWD, "/dev/null", O_RDWR, 0, e);
		s.fd[i] = null;
		r = null < 0 ? -1 : 0;
	}
	if (r == 0)
		r = launch(&s, out, e);
	if (r < 0 && s.stage == STAGE_EXEC && o->program) { /* it has moved */
		s.paths = candidates(o->argv[0], envp, &a);
		s.stage = STAGE_NONE;
		r = launch(&s, out, e);
	}
	arena_done(&a);
	return r;
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int
proc_reap(struct proc *p, struct proc_end *out, struct err *e)
{
	siginfo_t info = { 0 };
	struct rusage ru = { 0 };
	long r;
	/* libc's waitid leaves the fifth argument out. */
	do
		r = syscall(SYS_waitid, P_PIDFD, p->pidfd, &info, WEXITED, &ru);
	while (r < 0 && errno == EINTR);
	const int os = errno;
	file_closep(&p->pidfd);
	errno = os;
	if (r < 0)
		return err_os(e, "wait for process %d", (int)p->pid);
	const bool exited = info.si_code == CLD_EXITED;
	*out = (struct proc_end){
		.status = exited ? info.si_status : 128 + info.si_status,
		.signal = exited ? 0 : info.si_status,
		.cpu_s = seconds(ru.ru_utime) + seconds(ru.ru_stime),
		.peak = (uint64_t)ru.ru_maxrss * 1024,
	};
	return 0;
}

void
proc_kill_group(pid_t group, int signal)
{
	assert(group > 1);
	(void)kill(-group, signal); /* a group that has ended is fine */
}

bool
proc_find(const char *name, const char *path, struct arena *a, struct str *out)
{
	struct arena scratch = { 0 };
	const char *envp[] = { arena_printf(&scratch, "PATH=%s", path ? path : "").p, NULL };
	bool found = false;
	const char *const *v = candidates(name, envp, &scratch);
	for (size_t i = 0; v[i] && !found; i++) {
		found = runnable(v[i]);
		char *whole = found && v[i][0] != '/' ? realpath(v[i], NULL) : NULL;
		if (found)
			*out = arena_str(a, str_z(whole ? whole : v[i]));
		free(whole);
	}
	arena_done(&scratch);
	return found;
}

void
proc_ignore(int signal)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)sigaction(signal, &ignore, NULL); /* cannot fail for a signal that can be ignored */
}

int
proc_enter(const char *folder, struct err *e)
{
	return chdir(folder) < 0 ? err_os(e, "enter '%s'", folder) : 0;
}
