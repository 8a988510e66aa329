/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/resolver_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "sys/file.h"
#include "sys/proc.h"

#define LOOK_MS 100   /* how often the stop flag is looked at */
#define PATIENCE 30   /* looks between TERM and KILL */

static int
output_file(const struct resolver_question *q, const char *name, struct arena *a, struct err *e)
{
	struct str path = path_join(a, q->scratch, str_z(name));

	return file_open(AT_FDCWD, arena_z(a, path), O_WRONLY | O_CREAT | O_TRUNC, 0600, e);
}

/* Until it has ended; TERM when somebody raises the stop flag, KILL when that does not help. */
static bool
attend(const struct resolver_question *q, const struct proc *p)
{
	struct pollfd f = { .fd = p->pidfd, .events = POLLIN };
	unsigned asked = 0;

	for (;;) {
		int n = poll(&f, 1, LOOK_MS);
		if (n > 0 || (n < 0 && errno != EINTR))
			return asked > 0;
		if (!q->stop || !atomic_load(q->stop))
			continue;
		if (asked == 0)
			proc_kill_group(p->pid, SIGTERM);
		if (asked++ == PATIENCE)
			proc_kill_group(p->pid, SIGKILL);
	}
}

int
resolver_read(const struct resolver_question *q, const char *name, struct buf *out, struct err *e)
{
	struct arena a = { 0 };
	int r = file_read(AT_FDCWD, arena_z(&a, path_join(&a, q->scratch, str_z(name))), RESOLVER_OUTPUT, out, e);

	arena_done(&a);
	return r;
}

int
resolver_run(const struct resolver_question *q, struct resolver_args *argv, struct buf *out, struct buf *err, int *status,
	     struct err *e)
{
	struct arena a = { 0 };
	struct proc p;
	struct proc_end end;
	int bad = -1;

	VEC_PUSH(argv, NULL);
	AUTO_FD o = output_file(q, "stdout", &a, e);
	AUTO_FD f = o < 0 ? -1 : output_file(q, "stderr", &a, e);
	const struct proc_opts opts = { .argv = argv->v, .envp = q->envp, .cwd = q->cwd, .in = -1, .out = o, .err = f, .group = true,
					.die_with_parent = true };
	if (o >= 0 && f >= 0 && proc_spawn(&opts, &p, e) == 0) {
		bool stopped = attend(q, &p);
		bad = proc_reap(&p, &end, e);
		if (!bad && stopped)
			bad = err_set(e, ERR_INTERRUPTED, "ended before it was done");
	}
	if (!bad)
		bad = resolver_read(q, "stdout", out, e);
	if (!bad)
		bad = resolver_read(q, "stderr", err, e);
	if (!bad)
		*status = end.status;
	arena_done(&a);
	return bad;
}

int
resolver_lines(const struct resolver_question *q, const char *name, const struct str *lines, size_t n, struct arena *a, struct str *path,
	       struct err *e)
{
	AUTO_BUF text = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, STR_FMT "\n", STR_ARG(lines[i]));
	*path = path_join(a, q->scratch, str_z(name));
	return file_replace(AT_FDCWD, arena_z(a, *path), buf_str(&text), 0600, false, e);
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct str
resolver_url_file(struct str url, struct arena *a)
{
	AUTO_BUF b = { 0 };

	url = str_cut(str_cut(url, '#').head, '?').head;
	struct str_cut c = str_rcut(url, '/');
	struct str name = c.ok ? c.tail : url;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '%' && i + 2 < name.n && hex(name.p[i + 1]) >= 0 && hex(name.p[i + 2]) >= 0) {
			buf_putc(&b, (char)(hex(name.p[i + 1]) * 16 + hex(name.p[i + 2])));
			i += 2;
		} else {
			buf_putc(&b, name.p[i]);
		}
	}
	return arena_str(a, buf_str(&b));
}

struct str
resolver_url_plain(struct str url, struct arena *a)
{
	size_t at = str_find(url, STR("://"));

	url = str_cut(url, '#').head;
	if (at == SIZE_MAX)
		return arena_str(a, url);
	struct str scheme = str_take(url, at + 3), rest = str_drop(url, at + 3);
	struct str_cut host = str_cut(rest, '/');
	struct str_cut user = str_rcut(host.head, '@');
	if (!user.ok)
		return arena_str(a, url);
	return arena_printf(a, STR_FMT STR_FMT, STR_ARG(scheme), STR_ARG(str_drop(rest, user.head.n + 1)));
}

struct str
resolver_env(const struct resolver_question *q, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; q->envp && q->envp[i]; i++)
		if (!strncmp(q->envp[i], name, n) && q->envp[i][n] == '=')
			return str_z(q->envp[i] + n + 1);
	return (struct str){ 0 };
}
