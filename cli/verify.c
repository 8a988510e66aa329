/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/js.h"
#include "cli/answer.h"
#include "cli/differ.h"
#include "cli/text.h"
#include "hashing/fp.h"
#include "rules/lock.h"
#include "rules/snapshot.h"
#include "sys/clock.h"
#include "sys/file.h"

/* A step that is executed again. */
struct chosen {
	node_id node;
	uint32_t level;        /* how many chosen ones stand on each other below it */
	struct fp lot;
	bool made;             /* it was executed, on the recorded inputs */
	bool same;
	struct differ what;    /* unless same */
};

struct verifying {
	struct session *s;     /* the run's */
	struct made *m;
	struct chosen *v;
	size_t n;
	struct str scratch;    /* absolute */
	int to;                /* its descriptor */
	struct err err;        /* of the copy; code ERR_NONE: none */
	struct session there;
};

int
verify_share(const char *text, double *share, struct err *e)
{
	char *end;
	const double n = strtod(text, &end);
	if (end == text || !(n >= 0 && n <= 100) || (*end && strcmp(end, "%") != 0))
		return err_set(e, ERR_INPUT, "--verify takes a share of the hits from 0%% to 100%%, not '%s'", text);
	*share = n / 100;
	return 0;
}

static int
by_lot(const void *a, const void *b)
{
	const struct chosen *x = a, *y = b;
	return x->lot.hi != y->lot.hi ? (x->lot.hi > y->lot.hi) - (x->lot.hi < y->lot.hi) : (x->node.i > y->node.i) - (x->node.i < y->node.i);
}

/* Other hits in each run: the lot is drawn from the run's name. */
static void
choose(struct verifying *f, double share)
{
	const struct run *r = &f->m->run;
	f->v = arena_array(&f->s->arena, struct chosen, r->graph->nnodes);
	for (uint32_t i = 0; i < r->graph->nnodes; i++) {
		const enum run_state st = r->node[i].state;
		if (r->graph->node[i].rule != &rule_step || !r->node[i].result || (st != RUN_HIT && st != RUN_RESTORED && st != RUN_CUTOFF))
			continue;
		const struct str parts[] = { f->m->id, r->graph->node[i].name };
		f->v[f->n++] = (struct chosen){ .node = { i }, .lot = fp_of_list(parts, 2) };
	}
	if (f->n)
		qsort(f->v, f->n, sizeof *f->v, by_lot);
	f->n = (size_t)ceil((double)f->n * share);
}

static uint32_t
set_levels(struct verifying *f)
{
	const struct graph *g = f->m->run.graph;
	uint32_t *level = mem_zalloc((g->nnodes + 1) * sizeof *level), most = 0;
	struct chosen **at = mem_zalloc((g->nnodes + 1) * sizeof *at);
	for (size_t i = 0; i < f->n; i++)
		at[f->v[i].node.i] = &f->v[i];
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const uint32_t n = g->order[i].i;
		for (uint32_t k = g->node[n].in; k < g->node[n].in + g->node[n].nin; k++) {
			const uint32_t from = g->edge[k].from.i, up = level[from] + (at[from] != NULL);
			level[n] = up > level[n] ? up : level[n];
		}
		if (at[n]) {
			at[n]->level = level[n];
			most = level[n] > most ? level[n] : most;
		}
	}
	free(level);
	free(at);
	return most;
}

static bool
is_output(const struct verifying *f, struct str path)
{
	const struct graph *g = f->m->run.graph;
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const struct step_data *d = g->node[i].rule == &rule_step ? g->node[i].data : NULL;
		for (size_t k = 0; d && k < d->ir->noutputs; k++)
			if (d->output_paths[k].n && path_inside(path, d->output_paths[k]))
				return true;
	}
	return false;
}

static int
copy_file(struct verifying *f, const char *path, const struct file_stat *st, struct err *e)
{
	if (file_exists(f->to, path))
		return 0;
	AUTO_FD in = file_open(f->s->project->fd, path, O_RDONLY, 0, e);
	if (in < 0 || file_mkdirs_parent(f->to, path, e) < 0)
		return -1;
	AUTO_FD out = file_open(f->to, path, O_WRONLY | O_CREAT | O_EXCL, st->mode & 0777, e);
	return out < 0 || file_copy_fd(in, out, e) < 0 || file_close(&out, path, e) < 0 ? -1 : 0;
}

/* A link stays one, when that leads to the same place; what it leads to comes along. */
static int
copy_link(struct verifying *f, struct str path, struct err *e)
{
	struct arena *a = &f->s->arena;
	struct str target;
	struct file_stat st;
	const char *z = arena_z(a, path);
	if (file_link_read(f->s->project->fd, z, a, &target, e) < 0 || file_mkdirs_parent(f->to, z, e) < 0)
		return -1;
	if (!file_exists(f->to, z) && symlinkat(target.p, f->to, z) < 0)
		return err_os(e, "make the link '%s'", z);
	const struct str real = path_clean(a, path_join(a, path_dir(path), target));
	if (target.p[0] == '/' || !path_inside(real, STR(".")) || file_stat(f->s->project->fd, real.p, true, &st, NULL) < 0)
		return 0;
	return st.type == FILE_REGULAR ? copy_file(f, real.p, &st, e) : st.type == FILE_FOLDER ? file_mkdirs(f->to, real.p, e) : 0;
}

static void
copy_one(void *ctx, struct str path, bool folder)
{
	struct verifying *f = ctx;
	struct file_stat st;
	const char *z = arena_z(&f->s->arena, path);
	struct err e = { 0 };
	int rc = 0;
	(void)folder;
	if (f->err.code != ERR_NONE || file_stat(f->s->project->fd, z, false, &st, NULL) < 0 || is_output(f, path))
		return;
	if (st.type == FILE_FOLDER)
		rc = file_mkdirs(f->to, z, &e);
	else if (st.type == FILE_LINK)
		rc = copy_link(f, path, &e);
	else if (st.type == FILE_REGULAR)
		rc = copy_file(f, z, &st, &e);
	if (rc < 0)
		f->err = e;
}

static int
copy_project(struct verifying *f, struct err *e)
{
	struct session *s = f->s;
	const struct str tmp = path_join(&s->arena, s->cache->folder, STR("tmp"));
	if (file_mkdirs(AT_FDCWD, tmp.p, e) < 0 || file_scratch_dir(tmp.p, "verify-", &s->arena, &f->scratch, e) < 0)
		return -1;
	f->to = file_open_dir(AT_FDCWD, f->scratch.p, e);
	if (f->to < 0)
		return -1;
	leaves_each(s->project->leaves, copy_one, f);
	for (size_t i = 0; i < s->project->ir.files.n; i++)
		copy_one(f, s->project->ir.files.v[i], false);
	copy_one(f, STR("pawl.lock"), false);
	if (f->err.code == ERR_NONE)
		return 0;
	*e = f->err;
	return err_wrap(e, "copy the project");
}

/* Makes the chosen ones of a level, in the copy. */
static int
make_level(struct verifying *f, uint32_t level, struct err *e)
{
	struct session *t = &f->there;
	struct arena *a = &t->arena;
	node_id *targets = arena_array(a, node_id, f->n);
	struct chosen **of = arena_array(a, struct chosen *, f->n);
	struct plan plan;
	struct run out;
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].level != level)
			continue;
		const node_id there = graph_find(&t->project->graph, f->m->run.graph->node[f->v[i].node.i].name);
		if (there.i == NODE_NONE.i)
			return err_set(e, ERR_BUG, "a step is not in the copy of its project");
		of[n] = &f->v[i];
		targets[n++] = there;
	}
	struct run_opts o = { .plan = t->plan_opts, .keep_going = true, .dry_records = true };
	o.plan.targets = o.plan.forced = targets;
	o.plan.ntargets = o.plan.nforced = n;
	o.plan.force = false;
	o.loop = loop_new(e);
	if (!o.loop)
		return -1;
	int rc = project_ready(t->project, o.loop, e);
	if (rc == 0)
		rc = plan_make(&o.plan, a, &plan, e);
	if (rc == 0)
		rc = run(&o, &plan, a, &out, e);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const struct run_node *was = &f->m->run.node[of[i]->node.i], *is = &out.node[targets[i].i];
		of[i]->made = is->state == RUN_MADE || is->state == RUN_FAILED;
		of[i]->same = differ_results(f->s->cache->blobs, was->result, is->state == RUN_MADE ? is->result : NULL, is->error,
					     &f->s->arena, &of[i]->what);
	}
	if (rc == 0 && out.status == RUN_WAS_INTERRUPTED)
		rc = err_set(e, ERR_INTERRUPTED, "interrupted while the hits were verified");
	project_rest(t->project);
	loop_free(o.loop);
	return rc;
}

static int
open_copy(struct verifying *f, struct args *a, struct err *e)
{
	*a = *f->s->args;
	a->words = a->force = (struct words){ 0 };
	a->force_all = a->no_cache = false;
	a->verify = NULL;
	a->json = true; /* nothing is printed of it, and mistakes cannot be there */
	session_init(&f->there, a);
	f->there.cache = f->s->cache;
	f->there.root = f->scratch;
	f->there.file = f->s->file;
	if (session_open(&f->there, e) < 0 || session_plan(&f->there, TARGET_STEPS, e) < 0)
		return err_wrap(e, "the copy of the project");
	return 0;
}

static struct js *
finding(const struct chosen *c)
{
	struct js *o = js_set(js_map(), "same", js_bool(c->same));
	js_set(o, "at", js_int(clock_real() / NS_PER_S));
	if (c->same)
		return o;
	js_set(o, "output", js_text(c->what.output));
	js_set(o, "file", c->what.file.n ? js_text(c->what.file) : js_null());
	js_set(o, "offset", c->what.offset == UINT64_MAX ? js_null() : js_int((int64_t)c->what.offset));
	return js_set(o, "text", js_text(c->what.text));
}

/* The record says what was found; the result itself stays. */
static void
mark(struct verifying *f, const struct chosen *c, struct view *v, struct batch *b)
{
	const struct digest *key = &f->m->run.node[c->node.i].key_digest;
	const struct str name = { (const char *)key->b, sizeof key->b };
	struct str bytes;
	struct result r;
	struct js *info = NULL;
	AUTO_BUF text = { 0 }, value = { 0 };
	if (!view_get(v, TABLE_RESULT, name, &bytes) || result_decode(bytes, &f->s->arena, &r, NULL) < 0)
		return;
	if (!r.info.n || js_parse(r.info, "info", &info, NULL) < 0)
		info = js_map();
	js_set(info, "verified", finding(c));
	js_write(info, &text);
	js_free(info);
	r.info = buf_str(&text);
	result_encode(&r, &value);
	batch_put(b, TABLE_RESULT, name, buf_str(&value));
}

static int
mark_all(struct verifying *f, struct err *e)
{
	struct view *v = NULL;
	struct batch b = { 0 };
	if (view_begin(f->s->cache->records, &v, e) < 0)
		return -1;
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].made)
			mark(f, &f->v[i], v, &b);
	view_end(v);
	const int rc = b.n ? cache_commit(f->s->cache, &b, e) : 0;
	batch_done(&b);
	return rc;
}

/* In the order of names, whatever the lot was. */
static int
by_node(const void *a, const void *b)
{
	const struct chosen *x = a, *y = b;
	return (x->node.i > y->node.i) - (x->node.i < y->node.i);
}

static size_t
tell(struct verifying *f)
{
	struct js *list = js_list();
	size_t made = 0, unsteady = 0;
	AUTO_BUF b = { 0 };
	if (f->n)
		qsort(f->v, f->n, sizeof *f->v, by_node);
	for (size_t i = 0; i < f->n; i++) {
		const struct chosen *c = &f->v[i];
		const struct str name = answer_name(&f->m->run.graph->node[c->node.i]);
		made += c->made;
		if (!c->made || c->same)
			continue;
		unsteady++;
		buf_printf(&b, "error: step '" STR_FMT "' came out otherwise when it was executed again: " STR_FMT "\n", STR_ARG(name),
			   STR_ARG(c->what.text));
		js_push(list, js_set(finding(c), "name", js_text(name)));
	}
	buf_puts(&b, "verified: ");
	text_count(&b, made, "hit");
	buf_printf(&b, " executed again, %zu came out otherwise\n", unsteady);
	text_err(buf_str(&b));
	js_set(f->m->answer, "verified", js_int((int64_t)made));
	js_set(f->m->answer, "unsteady", list);
	return unsteady;
}

static int
carry_out(struct verifying *f, struct err *e)
{
	struct args args;
	const uint32_t most = set_levels(f);
	int rc = copy_project(f, e);
	if (rc == 0)
		rc = open_copy(f, &args, e);
	for (uint32_t level = 0; rc == 0 && f->n && level <= most; level++)
		rc = make_level(f, level, e);
	f->there.cache = NULL; /* it is the run's */
	session_done(&f->there);
	return rc;
}

int
verify(struct session *s, struct made *m, size_t *nunsteady, struct err *e)
{
	struct verifying f = { .s = s, .m = m, .to = -1 };
	double share;
	if (verify_share(s->args->verify, &share, e) < 0)
		return -1;
	choose(&f, share);
	int rc = f.n ? carry_out(&f, e) : 0;
	file_closep(&f.to);
	if (f.scratch.n)
		(void)file_remove_tree(AT_FDCWD, f.scratch.p, NULL); /* what stays is in the cache's tmp/, which the next gc clears */
	if (rc == 0)
		rc = mark_all(&f, e);
	if (rc == 0)
		*nunsteady = tell(&f);
	return rc < 0 ? err_wrap(e, "verify") : 0;
}
