/* SPDX-License-Identifier: Apache-2.0
 *
 * `pawl build --shell`: the caller's terminal in front of the RUN that failed. What is changed there is lost.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/sandbox.h"
#include "rules/docker_inside.h"
#include "sys/file.h"
#include "sys/proc.h"

static int
start(struct project *p, const struct docker_failed *f, struct str root, struct arena *a, int *status, struct err *e)
{
	const struct sandbox_spec s = { .roots = f->nroots > 0 ? f->roots : &root, .nroots = f->nroots > 0 ? f->nroots : 1, .workdir = f->workdir,
					.user = f->user, .network = f->network, .build = true };
	const char *shell[] = { f->nshell > 0 ? arena_z(a, f->shell[0]) : "/bin/sh", NULL };
	const char *term = project_env(p, STR("TERM"));
	const char **envp = arena_array(a, const char *, f->nenv + 2), *const *argv;
	char self[4096];
	struct proc child;
	struct proc_end end;
	const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n < 0)
		return err_os(e, "find the running program");
	self[n] = '\0';
	for (size_t i = 0; i < f->nenv; i++)
		envp[i] = arena_z(a, f->env[i]);
	envp[f->nenv] = term ? arena_printf(a, "TERM=%s", term).p : NULL;
	if (sandbox_command(&s, shell, envp, self, a, &argv, e) < 0)
		return -1;
	/* What is typed there is for the shell alone. */
	proc_ignore(SIGINT);
	proc_ignore(SIGQUIT);
	const struct proc_opts o = { .argv = argv, .envp = envp, .in = STDIN_FILENO, .out = STDOUT_FILENO, .err = STDERR_FILENO, .die_with_parent = true };
	if (proc_spawn(&o, &child, e) < 0 || proc_reap(&child, &end, e) < 0)
		return -1;
	*status = end.status;
	return 0;
}

int
dockerfile_shell(struct project *p, struct str *what, int *status, struct err *e)
{
	struct arena a = { 0 };
	struct str empty = { 0 };
	const struct docker_failed *f = p->docker ? p->docker->failed : NULL;
	if (!f)
		return err_set(e, ERR_MISSING, "no RUN of a Dockerfile failed");
	*what = f->what;
	if (!status)
		return 0;
	int bad = f->nroots > 0 ? 0 : docker_scratch(p, &a, &empty, e);
	if (bad == 0)
		bad = start(p, f, empty, &a, status, e);
	if (empty.n > 0)
		(void)file_remove_tree(AT_FDCWD, arena_z(&a, empty), NULL);
	arena_done(&a);
	return bad;
}
