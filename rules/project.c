/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/project.h"

#include <stdlib.h>
#include <string.h>

#include "backends/orchestrator.h"
#include "base/suggest.h"
#include "cache/stats.h"
#include "hashing/fp.h"
#include "rules/code.h"
#include "rules/dockerfile.h"
#include "rules/image.h"
#include "rules/kept.h"
#include "rules/load.h"
#include "rules/madepaths.h"
#include "rules/notes.h"
#include "rules/platforms.h"
#include "rules/rules.h"
#include "rules/rundirs.h"
#include "rules/share.h"
#include "rules/snapshot.h"
#include "rules/tool.h"
#include "sys/file.h"

int
project_find(struct str start, struct str file, struct arena *a, struct str *root, struct err *e)
{
	for (struct str at = start;; at = path_dir(at)) {
		struct arena tmp = { 0 };
		bool there = file_exists(AT_FDCWD, arena_z(&tmp, path_join(&tmp, at, file)));
		arena_done(&tmp);
		if (there) {
			*root = arena_str(a, at);
			return 0;
		}
		if (at.n <= 1)
			break;
	}
	return err_set(e, ERR_INPUT,
		       "there is no '" STR_FMT "' in '" STR_FMT "' or a folder above it; 'pawl init' writes one",
		       STR_ARG(file), STR_ARG(start));
}

static int
choose_stack(struct project *p, struct err *e)
{
	p->stack = ir_stack(&p->ir, p->opts.stack);
	if (p->stack)
		return 0;
	struct str *names = arena_array(&p->arena, struct str, p->ir.nstacks);
	for (size_t i = 0; i < p->ir.nstacks; i++)
		names[i] = p->ir.stacks[i].name;
	struct str near = suggest(p->opts.stack, names, p->ir.nstacks);
	if (near.n)
		return err_set(e, ERR_INPUT, "there is no stack '" STR_FMT "'; did you mean '" STR_FMT "'?",
			       STR_ARG(p->opts.stack), STR_ARG(near));
	return err_set(e, ERR_INPUT, "there is no stack '" STR_FMT "'; 'pawl stack list' shows them",
		       STR_ARG(p->opts.stack));
}

struct str
project_name(struct str root, struct str pipeline, struct arena *a)
{
	struct str parts[] = { root, pipeline };
	struct fp fp = fp_of_list(parts, 2);
	return arena_str(a, (struct str){ (const char *)&fp, sizeof fp });
}

static int
read_ir(struct project *p, struct diags *d, struct err *e)
{
	if (p->opts.part) {
		p->ir = *p->opts.part;
		return 0;
	}
	const struct load_opts o = {
		.root = p->fd,
		.file = p->opts.file,
		.params = p->opts.params,
		.nparams = p->opts.nparams,
		.params_files = p->opts.params_files,
		.nparams_files = p->opts.nparams_files,
		.user_file = p->opts.user_file,
		.unfold = p->opts.unfold,
	};
	if (load(&o, &p->arena, d, &p->ir, e) < 0)
		return -1;
	platforms_expand(&p->ir, &p->arena);
	return 0;
}

static int
open_parts(struct project *p, struct diags *d, struct err *e)
{
	p->fd = file_open_dir(AT_FDCWD, arena_z(&p->arena, p->root), e);
	if (p->fd < 0)
		return -1;
	leaves_root(p->leaves, p->fd);
	if (read_ir(p, d, e) < 0)
		return -1;
	p->lock.locked = p->opts.locked;
	if (choose_stack(p, e) < 0 || lock_load(p->fd, &p->lock, d, e) < 0)
		return -1;
	p->id = project_name(p->root, p->ir.pipeline, &p->arena);
	return 0;
}

int
project_open(const struct project_opts *o, struct cache *c, struct project **out, struct diags *d, struct err *e)
{
	struct project *p = mem_zalloc(sizeof *p);
	p->opts = *o;
	p->cache = c;
	p->fd = -1;
	p->root = arena_str(&p->arena, o->root);
	p->leaves = leaves_new();
	p->notes = notes_new();
	int rc = open_parts(p, d, e);
	if (rc < 0 && !d->n) {
		project_close(p);
		return -1;
	}
	*out = p; /* mistakes are shown with the text of their files, which is in its arena */
	return rc;
}

void
project_close(struct project *p)
{
	if (!p)
		return;
	project_rest(p);
	code_state_free(p->code);
	tool_state_free(p->tool);
	image_state_free(p->image);
	docker_state_free(p->docker);
	kept_free(p->kept);
	shares_free(p->shares);
	madepaths_free(p->made);
	rundirs_free(p->rundirs);
	lock_done(&p->lock);
	graph_done(&p->graph);
	leaves_free(p->leaves);
	notes_free(p->notes);
	diags_done(&p->diags);
	file_closep(&p->fd);
	arena_done(&p->arena);
	free(p);
}

static void
report_own_file(struct project *p, struct str path)
{
	struct file_stat st;
	struct content c;
	char *z = arena_z(&p->arena, path);
	if (file_stat(p->fd, z, true, &st, NULL) < 0) {
		leaves_path(p->leaves, path, NULL);
		return;
	}
	/* A signature of this moment proves nothing about what was read before it: the content is hashed after the stat and
	 * the stat table knows whether both times are old enough. */
	struct stat_sig sig = stat_sig_of(&st);
	if (stats_content(p->cache->stats, p->fd, z, &st, &c, NULL) == 0)
		leaves_path(p->leaves, path, &sig);
	else
		leaves_never(p->leaves);
}

/* The files that the IR was read from decide as well: pawl.yaml, what it includes, pawl.lock, and those whose lines are elements of maps. */
static void
report_own_files(struct project *p)
{
	for (size_t i = 0; i < p->ir.files.n; i++)
		report_own_file(p, p->ir.files.v[i]);
	report_own_file(p, STR("pawl.lock"));
	for (size_t i = 0; i < p->ir.nsteps; i++)
		for (size_t k = 0; k < p->ir.steps[i].nforeach; k++)
			if (p->ir.steps[i].foreach[k].kind == FOREACH_LINES)
				report_own_file(p, p->ir.steps[i].foreach[k].file);
}

int
project_mistake(struct project *p, struct place at, const struct err *e)
{
	if (e && !p->diags.nerrors && at.line && (e->code == ERR_INPUT || e->code == ERR_MISSING))
		diags_add(&p->diags, SEVERITY_ERROR, at, "unusable", (struct str){ 0 }, "%s", e->text);
	return -1;
}

int
project_graph(struct project *p, struct err *e)
{
	if (!p->opts.part) /* else a snapshot of before has vouched for them */
		report_own_files(p);
	if (add_steps(p, e) < 0)
		return -1;
	for (size_t i = 0; i < p->ir.nenvironments && !p->opts.part; i++)
		if (add_image(p, &p->ir.environments[i], e).i == NODE_NONE.i)
			return project_mistake(p, p->ir.environments[i].at, e);
	if (code_link(p, e) < 0)
		return -1;
	if (graph_seal(&p->graph, e) < 0)
		return -1;
	p->made = madepaths_new(&p->graph, &p->ir.made);
	return 0;
}

int
project_ready(struct project *p, struct loop *l, struct err *e)
{
	p->loop = l;
	if (!str_is(p->stack->orchestrator, orchestrator_local.name))
		return err_set(e, ERR_INPUT,
			       "stack '" STR_FMT "' wants the orchestrator '" STR_FMT "'; this version has 'local' alone",
			       STR_ARG(p->stack->name), STR_ARG(p->stack->orchestrator));
	p->orchestrator = orchestrator_local.open(l, e);
	return p->orchestrator ? 0 : -1;
}

void
project_rest(struct project *p)
{
	if (p->orchestrator)
		orchestrator_local.close(p->orchestrator);
	p->orchestrator = NULL;
	p->loop = NULL;
}

const char *
project_env(const struct project *p, struct str name)
{
	for (const char *const *v = p->opts.environ_; v && *v; v++)
		if (strncmp(*v, name.p, name.n) == 0 && (*v)[name.n] == '=')
			return *v + name.n + 1;
	return NULL;
}
