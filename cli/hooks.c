/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/hooks.h"

#include <string.h>
#include <unistd.h>

#include "base/vec.h"
#include "cli/answer.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "sys/proc.h"

#define OUTPUT_MOST ((size_t)1 << 20)
#define PATIENCE_MS (10 * 60 * 1000)

/* The caller's variables, and what the hook is about. */
static const char **
variables(struct session *s, const struct made *m, const char *status, struct str step)
{
	struct arena *a = &s->arena;
	VEC(const char *) v = { 0 };
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "PAWL_", 5) != 0 || strncmp(*e, "PAWL_CACHE=", 11) == 0)
			VEC_PUSH(&v, *e);
	VEC_PUSH(&v, arena_printf(a, "PAWL_RUN=" STR_FMT, STR_ARG(m->id)).p);
	VEC_PUSH(&v, arena_printf(a, "PAWL_PIPELINE=" STR_FMT, STR_ARG(s->project->ir.pipeline)).p);
	VEC_PUSH(&v, arena_printf(a, "PAWL_STATUS=%s", status).p);
	if (step.n)
		VEC_PUSH(&v, arena_printf(a, "PAWL_STEP=" STR_FMT, STR_ARG(step)).p);
	VEC_PUSH(&v, NULL);
	const char **copy = arena_array(a, const char *, v.n);
	memcpy(copy, v.v, v.n * sizeof *copy);
	VEC_DONE(&v);
	return copy;
}

static void
print_lines(struct str text, bool color, struct buf *b)
{
	while (text.n) {
		const struct str_cut line = str_cut(text, '\n');
		buf_puts(b, "hook | ");
		progress_shown(line.head, color, b);
		buf_putc(b, '\n');
		text = line.tail;
	}
}

static void
run_one(struct session *s, const struct made *m, struct str command, const char *status, struct str step)
{
	if (!command.n)
		return;
	const char *const argv[] = { "sh", "-euc", arena_z(&s->arena, command), NULL };
	const struct proc_opts o = { .argv = argv, .envp = (const char *const *)variables(s, m, status, step), .cwd = s->project->fd, .group = true,
				     .die_with_parent = true };
	AUTO_BUF out = { 0 }, err = { 0 }, b = { 0 };
	struct proc_end end = { 0 };
	struct err e = { 0 };
	const bool color = text_color(s->args, STDERR_FILENO);
	const int rc = proc_run(&o, (struct str){ 0 }, OUTPUT_MOST, PATIENCE_MS, &out, &err, &end, &e);
	print_lines(buf_str(&out), color, &b);
	print_lines(buf_str(&err), color, &b);
	if (rc < 0 || end.status != 0) {
		buf_puts(&b, "warning: the hook");
		if (step.n)
			buf_printf(&b, " of step '" STR_FMT "'", STR_ARG(step));
		if (rc < 0)
			buf_printf(&b, " could not be run: %s\n", e.text);
		else
			buf_printf(&b, " ended with exit status %d\n", end.status);
	}
	text_err(buf_str(&b));
}

void
hooks_run(struct session *s, const struct made *m)
{
	const struct graph *g = m->run.graph;
	bool executed = false;
	if (m->run.status == RUN_WAS_INTERRUPTED)
		return;
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const node_id n = g->order[i];
		const struct run_node *r = &m->run.node[n.i];
		if (g->node[n.i].rule != &rule_step || (r->state != RUN_MADE && r->state != RUN_FAILED))
			continue;
		const struct ir_hooks *h = &((const struct step_data *)g->node[n.i].data)->ir->hooks;
		const bool made = r->state == RUN_MADE;
		executed = true;
		run_one(s, m, made ? h->success : h->failure, made ? "made" : "failed", answer_name(&g->node[n.i]));
	}
	const struct ir_hooks *h = &s->project->ir.hooks;
	if (executed)
		run_one(s, m, m->run.status == RUN_OK ? h->success : h->failure, m->run.status == RUN_OK ? "ok" : "failed", (struct str){ 0 });
}
