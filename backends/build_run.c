/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/build_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/build_inside.h"
#include "backends/sandbox.h"
#include "sys/clock.h"
#include "sys/proc.h"

#define LOOK_MS 50                  /* how often the stop flag is looked at */
#define GRACE NS_PER_S              /* between SIGTERM and SIGKILL */

/* One stream of a command: our end of its pipe, and its lines. */
struct stream {
	struct run *run;
	int fd, number;
	struct lines lines;
};

struct run {
	const struct build_command *c;
	struct stream out[2];
	struct tail last;
	int64_t started, killed;     /* ns; killed: when SIGTERM was sent */
	bool stopped, late;
	int told[2]; /* what the sandbox was told, see sandbox_command_private */
};

int
build_self(struct arena *a, const char **out, struct err *e)
{
	char path[4096];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
	if (n < 0 || (size_t)n >= sizeof path)
		return err_os(e, "find the running program in /proc/self/exe");
	*out = arena_z(a, (struct str){ path, (size_t)n });
	return 0;
}

int
build_open(const struct build_opts *o, struct build **out, struct err *e)
{
	struct build *b = mem_zalloc(sizeof *b);
	assert(o->nroots > 0);
	if (file_mkdirs(AT_FDCWD, arena_z(&b->arena, o->scratch), e) < 0 ||
	    file_scratch_dir(arena_z(&b->arena, o->scratch), "build-", &b->arena, &b->folder, e) < 0) {
		arena_done(&b->arena);
		free(b);
		return -1;
	}
	b->roots = arena_array(&b->arena, struct str, o->nroots);
	b->nroots = o->nroots;
	for (size_t i = 0; i < o->nroots; i++)
		b->roots[i] = arena_str(&b->arena, o->roots[i]);
	*out = b;
	return 0;
}

struct str
build_folder(const struct build *b)
{
	return b->folder;
}

/* ---- output ---------------------------------------------------------------------------------------------------- */

static void
got_line(void *ctx, struct str text)
{
	struct stream *s = ctx;
	tail_add(&s->run->last, text);
	if (s->run->c->line)
		s->run->c->line(s->run->c->ctx, s->number, text);
}

static void
drain(struct stream *s)
{
	char room[16384];
	while (s->fd >= 0) {
		const ssize_t n = read(s->fd, room, sizeof room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			file_closep(&s->fd);
		else
			lines_feed(&s->lines, (struct str){ room, (size_t)n });
	}
}

static int
open_stream(struct run *r, int i, int *theirs, struct err *e)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_os(e, "make a pipe for a command's output");
	*theirs = ends[1];
	r->out[i] = (struct stream){ .run = r, .fd = ends[0], .number = i + 1 };
	r->out[i].lines = (struct lines){ .masks = r->c->masks, .line = got_line, .ctx = &r->out[i] };
	return fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? err_os(e, "make a pipe non-blocking") : 0;
}

/* ---- mounts ---------------------------------------------------------------------------------------------------- */

static int
secret_file(const struct build_mount *m, int *fd, struct err *e)
{
	*fd = memfd_create("secret", MFD_CLOEXEC);
	if (*fd < 0)
		return err_os(e, "make a file in memory for '" STR_FMT "'", STR_ARG(m->to));
	return file_write_all(*fd, m->bytes, e);
}

/* fds: what has to stay open for the sandbox, appended. */
static int
translate(const struct build_mount *m, struct sandbox_bind *out, int *fds, size_t *nfds, struct err *e)
{
	static const enum jail_bind_type type[] = { JAIL_PATH, JAIL_TREE, JAIL_MEMORY, JAIL_BYTES };
	*out = (struct sandbox_bind){ .type = type[m->type], .from = m->from, .to = m->to, .read_only = m->read_only, .roots = m->roots,
				      .nroots = m->nroots, .fd = -1, .mode = m->mode, .uid = m->uid, .gid = m->gid, .size = m->size };
	if (m->to.n == 0 || m->to.p[0] != '/' || str_is(m->to, "/"))
		return err_set(e, ERR_INPUT, "a mount at '" STR_FMT "': expected an absolute path other than /", STR_ARG(m->to));
	if (m->type != BUILD_SECRET)
		return 0;
	if (secret_file(m, &out->fd, e) < 0) {
		file_closep(&out->fd);
		return -1;
	}
	fds[(*nfds)++] = out->fd;
	return 0;
}

/* The command's variables, and those by which programs find the host's CA bundle. */
static const char *const *
with_certificates(const struct build_command *c, struct arena *a)
{
	static const char *const names[] = { "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS" };
	enum { NAMES = sizeof names / sizeof names[0] };
	size_t n = 0;
	if (!c->network || !sandbox_has_certificates())
		return c->envp;
	while (c->envp[n])
		n++;
	const char **v = arena_array(a, const char *, n + NAMES + 1);
	if (n > 0)
		memcpy(v, c->envp, n * sizeof *v);
	for (size_t i = 0; i < NAMES; i++) {
		const size_t len = strlen(names[i]);
		bool has = false;
		for (size_t k = 0; c->envp[k]; k++)
			has |= strncmp(c->envp[k], names[i], len) == 0 && c->envp[k][len] == '=';
		if (!has)
			v[n++] = arena_printf(a, "%s=%s", names[i], SANDBOX_CERTIFICATES).p;
	}
	return v;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static void
look_at_ends(struct run *r, const struct proc *p)
{
	const int64_t now = clock_mono();
	const bool stop = r->c->stop && atomic_load(r->c->stop), late = r->c->timeout > 0 && now - r->started > r->c->timeout;
	if (r->killed == 0 && (stop || late)) {
		r->stopped = stop;
		r->late = !stop;
		r->killed = now;
		proc_kill_group(p->pid, SIGTERM);
		proc_kill_group(p->pid, SIGCONT);
	} else if (r->killed > 0 && now - r->killed > GRACE) {
		proc_kill_group(p->pid, SIGKILL);
	}
}

static int
attend(struct run *r, struct proc *p, struct build_end *end, struct err *e)
{
	struct proc_end how;
	for (bool ended = false; !ended;) {
		struct pollfd f[] = { { .fd = p->pidfd, .events = POLLIN },
				      { .fd = r->out[0].fd, .events = POLLIN },
				      { .fd = r->out[1].fd, .events = POLLIN } };
		if (poll(f, 3, r->c->stop || r->c->timeout > 0 ? LOOK_MS : -1) < 0 && errno != EINTR)
			return err_os(e, "wait for a command");
		ended = f[0].revents != 0; /* nobody is left in its namespace then: what is in the pipes is all */
		drain(&r->out[0]);
		drain(&r->out[1]);
		look_at_ends(r, p);
	}
	if (proc_reap(p, &how, e) < 0)
		return -1;
	end->status = how.status;
	return 0;
}

static int
start(struct run *r, const struct sandbox_spec *s, int *fds, size_t nfds, struct proc *p, struct err *e)
{
	struct arena a = { 0 };
	AUTO_FD out = -1;
	AUTO_FD err = -1;
	const char *self, *const *argv;
	int bad = build_self(&a, &self, e);
	if (bad == 0)
		bad = sandbox_command_private(s, r->c->argv, with_certificates(r->c, &a), self, &a, &argv, r->told, e);
	if (bad == 0 && (open_stream(r, 0, &out, e) < 0 || open_stream(r, 1, &err, e) < 0))
		bad = -1;
	if (bad == 0) {
		fds[nfds] = r->told[0];
		fds[nfds + 1] = r->told[1];
		/* of our variables it gets no more: the command can read those of its init */
		const char *ca = getenv("SSL_CERT_FILE");
		const char *const env[] = { ca ? arena_printf(&a, "SSL_CERT_FILE=%s", ca).p : NULL, NULL };
		const struct proc_opts o = { .argv = argv, .envp = env, .in = -1, .out = out, .err = err, .group = true, .die_with_parent = true,
					     .keep = fds, .nkeep = nfds + 2 };
		bad = proc_spawn(&o, p, e);
	}
	arena_done(&a);
	return bad;
}

static void
finish(struct run *r, struct arena *a, struct build_end *end)
{
	for (int i = 0; i < 2; i++) {
		file_closep(&r->out[i].fd);
		if (r->out[i].run)
			lines_end(&r->out[i].lines);
	}
	for (; end->nlast < tail_lines(&r->last); end->nlast++)
		end->last[end->nlast] = arena_str(a, tail_line(&r->last, end->nlast));
	tail_done(&r->last);
	end->seconds = (double)(clock_mono() - r->started) / (double)NS_PER_S;
}

static int
run_it(struct run *r, const struct sandbox_spec *s, int *fds, size_t nfds, struct build_end *end, struct err *e)
{
	struct proc p;
	if (start(r, s, fds, nfds, &p, e) < 0)
		return -1;
	if (attend(r, &p, end, e) < 0) {
		proc_kill_group(p.pid, SIGKILL);
		(void)proc_reap(&p, &(struct proc_end){ 0 }, NULL); /* e says what went wrong */
		return -1;
	}
	if (r->stopped)
		return err_set(e, ERR_INTERRUPTED, "the command was ended before it was done");
	if (r->late)
		return err_set(e, ERR_BUSY, "the command took longer than it may");
	return sandbox_reported(r->told[0], e);
}

int
build_run(struct build *b, const struct build_command *c, struct arena *a, struct build_end *end, struct err *e)
{
	struct run r = { .c = c, .started = clock_mono(), .out = { { .fd = -1 }, { .fd = -1 } }, .told = { -1, -1 } };
	struct arena own = { 0 };
	struct sandbox_bind *binds = arena_array(&own, struct sandbox_bind, c->nmounts + 1);
	int *fds = arena_array(&own, int, c->nmounts + 2), bad = 0;
	size_t n = 0, nfds = 0;
	struct build_end how = { 0 };
	while (bad == 0 && n < c->nmounts) {
		bad = translate(&c->mounts[n], &binds[n], fds, &nfds, e);
		n++;
	}
	const struct sandbox_spec s = { .roots = b->roots, .nroots = b->nroots, .binds = binds, .nbinds = n, .workdir = c->workdir, .user = c->user,
					.network = c->network, .upper = b->folder, .build = true };
	if (bad == 0)
		bad = run_it(&r, &s, fds, nfds, &how, e);
	finish(&r, a, &how);
	file_closep(&r.told[0]);
	file_closep(&r.told[1]);
	for (size_t i = 0; i < nfds; i++)
		file_closep(&fds[i]);
	arena_done(&own);
	*end = how;
	return bad;
}
