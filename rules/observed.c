/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/observed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/vec.h"
#include "cache/stats.h"
#include "rules/code.h"
#include "rules/notes.h"
#include "rules/observed_ask.h"
#include "rules/snapshot.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/observe.h"

enum { QUESTIONS_MOST = 20000 }; /* as engine/observed.h: more are not recorded */

/* One path that the step has used. */
struct used {
	struct str path;
	unsigned what;          /* of OBSERVE_LOOK, READ, LIST, LINK: what it learnt of what was there before it */
	bool declared;          /* nothing else of it is kept */
	bool product;           /* the step made what is there */
	bool written;
	bool changed;           /* it is no longer what the step saw first, by another hand or its own */
	bool there;             /* at the first look; then: */
	struct file_stat first;
	bool hashed;            /* digest: of a file so young that its signature proves nothing */
	struct digest digest;
	struct str names, link;
};

struct texts {
	VEC_FIELDS(struct str);
};

struct observed {
	struct project *p;
	const struct step *step;
	struct arena *arena;          /* the caller's; the observer's thread has its own: */
	struct arena own;
	const struct code_cover *cover;
	struct texts inside;          /* declared: these paths and what is in them */
	struct texts patterns;        /* of inputs and of code */
	struct map above;             /* folders that lead to something declared */
	struct job_observe job;
	VEC(struct used) v;
	struct map index;             /* by path */
	struct map venvs;             /* by folder: 1 in a virtual environment, else 0 */
	struct map programs;          /* by thread that began a program: how many it began */
	struct map listed;            /* by thread, program, folder: index in times */
	VEC(int64_t) times;           /* mtime of the folder when the interpreter listed it */
};

static void
lead_to(struct observed *o, struct str path)
{
	for (struct str at = path_dir(path); map_put(&o->above, at, 1) == MAP_NONE; at = path_dir(at))
		continue; /* "." and "/" lead to themselves */
}

static void
declare(struct observed *o, struct str path)
{
	if (path.n == 0)
		return;
	VEC_PUSH(&o->inside, path);
	lead_to(o, path);
}

static void
declare_inputs(struct observed *o, const struct inputs *in)
{
	for (size_t i = 0; i < o->step->d.ir->ninputs; i++) {
		const struct step_input *input = &o->step->inputs[i];

		for (size_t k = 0; k < input->n; k++) {
			const struct result *r = step_source_result(in, &input->v[k]);

			if (input->ir->kind != INPUT_GLOB) {
				declare(o, input->v[k].path);
				continue;
			}
			VEC_PUSH(&o->patterns, input->ir->path);
			for (size_t j = 0; r != NULL && j < r->noutputs; j++)
				lead_to(o, r->outputs[j].path);
		}
	}
}

/* A folder of ours that happens to lie in the project. */
static void
leave_alone(struct observed *o, struct str folder)
{
	const struct str root = o->p->root;

	if (path_inside(folder, root) && folder.n > root.n)
		declare(o, str_drop(folder, root.n + 1));
}

struct observed *
observed_new(struct project *p, const struct step *s, const struct inputs *in, struct arena *a)
{
	struct observed *o = mem_zalloc(sizeof *o);

	o->p = p;
	o->step = s;
	o->arena = a;
	o->cover = code_cover(p, &s->d);
	declare_inputs(o, in);
	for (size_t i = 0; i < s->d.ir->code.n; i++)
		VEC_PUSH(&o->patterns, s->d.ir->code.v[i]);
	for (size_t i = 0; i < s->d.ir->noutputs; i++)
		declare(o, s->outputs[i].path);
	leave_alone(o, p->cache->folder);
	return o;
}

void
observed_free(struct observed *o)
{
	if (o == NULL)
		return;
	VEC_DONE(&o->inside);
	VEC_DONE(&o->patterns);
	VEC_DONE(&o->v);
	VEC_DONE(&o->times);
	map_done(&o->above);
	map_done(&o->index);
	map_done(&o->venvs);
	map_done(&o->programs);
	map_done(&o->listed);
	arena_done(&o->own);
	free(o);
}

/* Is there a virtual environment at the folder or above it? The project itself is none. */
static bool
in_venv(struct observed *o, struct str folder)
{
	if (str_is(folder, "."))
		return false;
	const uint32_t known = map_get(&o->venvs, folder);

	if (known != MAP_NONE)
		return known == 1;
	const char *mark = path_join(&o->own, folder, STR("pyvenv.cfg")).p;
	bool yes = file_exists(o->p->fd, mark);

	for (struct str at = path_dir(folder); !yes && !str_is(at, "."); at = path_dir(at))
		yes = file_exists(o->p->fd, path_join(&o->own, at, STR("pyvenv.cfg")).p);
	map_put(&o->venvs, folder, yes);
	return yes;
}

static bool
hidden(struct str path)
{
	for (struct str_cut c = { .tail = path, .ok = true }; c.ok;) {
		c = str_cut(c.tail, '/');
		if (ask_hidden(c.head))
			return true;
	}
	return false;
}

/* path is in our own memory. */
static bool
declared(struct observed *o, struct str path)
{
	if (hidden(path) || code_cover_file(o->cover, path))
		return true;
	for (size_t i = 0; i < o->inside.n; i++)
		if (path_inside(path, o->inside.v[i]))
			return true;
	for (size_t i = 0; i < o->patterns.n; i++)
		if (path_match(o->patterns.v[i], path))
			return true;
	return in_venv(o, path) || in_venv(o, path_dir(path));
}

/* A folder that leads to what is declared is there, or that would not be. */
static bool
leads(const struct observed *o, struct str path)
{
	return str_is(path, ".") || map_get(&o->above, path) != MAP_NONE || code_cover_folder(o->cover, path);
}

/* Did the step make the folder, or one above it? */
static bool
made_above(const struct observed *o, struct str path)
{
	for (struct str at = path_dir(path); !str_is(at, "."); at = path_dir(at)) {
		const uint32_t i = map_get(&o->index, at);

		if (i != MAP_NONE && o->v.v[i].product)
			return true;
	}
	return false;
}

static struct used *
use(struct observed *o, struct str path)
{
	const uint32_t i = map_get(&o->index, path);

	if (i != MAP_NONE)
		return &o->v.v[i];
	struct used u = { .path = arena_str(&o->own, path) };

	u.declared = declared(o, u.path);
	if (!u.declared) {
		u.product = made_above(o, u.path);
		u.there = file_stat(o->p->fd, u.path.p, true, &u.first, NULL) == 0;
	}
	map_put(&o->index, u.path, (uint32_t)o->v.n);
	VEC_PUSH(&o->v, u);
	return &o->v.v[o->v.n - 1];
}

/* Is it a folder in which a declared pattern looks? Which of its names match is in the key. */
static bool
in_pattern(const struct observed *o, struct str folder)
{
	for (size_t i = 0; i < o->patterns.n; i++) {
		const struct str dir = path_dir(o->patterns.v[i]);
		const size_t deep = str_find(o->patterns.v[i], STR("**"));

		if (path_match(dir, folder) || (deep != SIZE_MAX && path_inside(folder, deep > 1 ? str_take(dir, deep - 1) : STR("."))))
			return true;
	}
	return false;
}

/* Is it the interpreter of a program that this thread began, looking for modules? Once for each folder, and again when that changed. */
static bool
searches_modules(struct observed *o, const struct observe_event *ev)
{
	char key[4400], exe[4096];
	struct file_stat st;

	if (!ev->absolute || !code_cover_folder(o->cover, ev->path) || ev->path.n > 4096)
		return false;
	snprintf(key, sizeof key, "%d", (int)ev->tid);
	const uint32_t program = map_get(&o->programs, str_z(key));

	snprintf(key, sizeof key, "/proc/%d/exe", (int)ev->tid);
	const ssize_t n = readlink(key, exe, sizeof exe);
	const struct str name = path_base((struct str){ exe, n > 0 ? (size_t)n : 0 });

	if (program == MAP_NONE || !(str_starts(name, STR("python")) || str_starts(name, STR("pypy"))) ||
	    file_stat(o->p->fd, ev->path.p, true, &st, NULL) < 0)
		return false;
	snprintf(key, sizeof key, "%d %u " STR_FMT, (int)ev->tid, program, STR_ARG(ev->path));
	const uint32_t i = map_get(&o->listed, str_z(key));

	if (i != MAP_NONE) {
		const bool again = o->times.v[i] != st.mtime;

		o->times.v[i] = st.mtime;
		return again;
	}
	map_put(&o->listed, arena_str(&o->own, str_z(key)), (uint32_t)o->times.n);
	VEC_PUSH(&o->times, st.mtime);
	return true;
}

static void
began_program(struct observed *o, pid_t tid)
{
	char key[32];

	snprintf(key, sizeof key, "%d", (int)tid);
	const uint32_t n = map_get(&o->programs, str_z(key));

	if (n == MAP_NONE)
		map_put(&o->programs, arena_str(&o->own, str_z(key)), 0);
	else
		map_put(&o->programs, arena_str(&o->own, str_z(key)), n + 1);
}

static bool
same_file(const struct file_stat *x, const struct file_stat *y)
{
	const struct stat_sig a = stat_sig_of(x), b = stat_sig_of(y);

	return stat_sig_eq(&a, &b);
}

/* The step is about to write there. */
static void
writes(struct observed *o, struct used *u, unsigned what)
{
	struct file_stat now;
	const bool there = file_stat(o->p->fd, u->path.p, false, &now, NULL) == 0;

	if ((what & OBSERVE_NEW) && there)
		return; /* it will fail */
	u->written = true;
	if ((what & OBSERVE_FRESH) || !there)
		u->product = true;
	else if ((what & OBSERVE_READ) && !u->product) /* it may read there what was there before */
		u->changed = true;
}

static void
read_file(struct observed *o, struct used *u)
{
	const struct stat_sig sig = stat_sig_of(&u->first);
	struct content c;

	u->what |= OBSERVE_READ;
	if (content_settled(&sig, clock_real()))
		return;
	u->hashed = stats_content(o->p->cache->stats, o->p->fd, u->path.p, NULL, &c, NULL) == 0;
	if (u->hashed)
		u->digest = c.digest;
}

/* The step is about to learn something of what lies there. */
static void
reads(struct observed *o, struct used *u, unsigned what)
{
	struct file_stat now;
	const bool there = file_stat(o->p->fd, u->path.p, true, &now, NULL) == 0;

	if (u->what == 0 && !u->written) {
		u->there = there; /* time may have passed since it was looked at for another reason */
		u->first = now;
	}
	u->what |= OBSERVE_LOOK;
	if (!u->there || !there) {
		u->changed |= there != u->there && (what & ~(unsigned)OBSERVE_LOOK);
		return;
	}
	if (u->first.type == FILE_FOLDER) {
		if ((what & (OBSERVE_READ | OBSERVE_LIST)) && !(u->what & OBSERVE_LIST)) {
			u->what |= OBSERVE_LIST;
			u->names = ask_names(o->p, o->step, u->path, false, &o->own);
		}
	} else if (what & (OBSERVE_READ | OBSERVE_LIST)) {
		u->changed |= u->written || !same_file(&now, &u->first);
		if (!(u->what & OBSERVE_READ))
			read_file(o, u);
	}
	if ((what & OBSERVE_LINK) && !(u->what & OBSERVE_LINK)) {
		u->what |= OBSERVE_LINK;
		u->link = ask_link(o->p, u->path, false, &o->own);
	}
}

static void
seen(void *ctx, const struct observe_event *ev)
{
	struct observed *o = ctx;
	const unsigned learns = ev->what & (OBSERVE_LOOK | OBSERVE_READ | OBSERVE_LIST | OBSERVE_LINK);

	if (ev->what & OBSERVE_EXEC)
		began_program(o, ev->tid);
	if (ev->folder == SIZE_MAX)
		return;
	if ((ev->what & OBSERVE_LIST) && (in_pattern(o, ev->path) || searches_modules(o, ev)))
		return;
	if (learns == OBSERVE_LOOK && leads(o, ev->path))
		return;
	struct used *u = use(o, ev->path);

	if (u->declared || u->product)
		return;
	if (learns && (learns & ~u->what))
		reads(o, u, learns);
	else if (learns & OBSERVE_READ)
		u->changed |= u->written; /* what it reads now is in part its own */
	if (ev->what & OBSERVE_WRITE)
		writes(o, u, ev->what);
}

const struct job_observe *
observed_job(struct observed *o, struct str inside, struct str scratch)
{
	struct str *folder = arena_new(o->arena, struct str);

	*folder = inside;
	leave_alone(o, scratch);
	o->job = (struct job_observe){ .folders = folder, .nfolders = 1, .ctx = o, .seen = seen };
	return &o->job;
}

struct reporting {
	struct observed *o;
	struct observed_report *out;
	VEC(struct observed_fact) facts;
	struct texts reads, writes;
};

static void
fact(struct reporting *r, const char *ask, struct str path, struct str answer)
{
	const struct observed_fact f = { .question = arena_printf(r->o->arena, "%s" STR_FMT, ask, STR_ARG(path)),
					 .answer = arena_str(r->o->arena, answer) };

	VEC_PUSH(&r->facts, f);
}

/* The content that the step saw, if it is still there. */
static void
report_file(struct reporting *r, struct used *u)
{
	struct arena a = { 0 };
	struct file_stat now;
	const struct str answer = ask_file(r->o->p, u->path, true, &a);
	bool same = file_stat(r->o->p->fd, u->path.p, true, &now, NULL) == 0;

	if (same && u->hashed)
		same = str_ends(answer, digest_str(&u->digest, &a));
	else if (same)
		same = same_file(&now, &u->first);
	u->changed |= !same;
	fact(r, ASK_FILE, u->path, answer);
	arena_done(&a);
}

static struct str
there_answer(const struct used *u, struct arena *a)
{
	if (!u->there)
		return STR("missing");
	if (u->first.type == FILE_FOLDER)
		return STR("folder");
	return u->first.type == FILE_REGULAR ? arena_printf(a, "file %llu", (unsigned long long)u->first.size) : STR("other");
}

/* What the step saw first. Where that is no longer so (it made the file that it had looked for, for example), the next plan must look. */
static void
fact_then(struct reporting *r, const char *ask, struct str path, struct str then, struct str now)
{
	fact(r, ask, path, then);
	if (!str_eq(then, now))
		leaves_never(r->o->p->leaves);
}

static void
report_reads(struct reporting *r, struct used *u)
{
	struct arena a = { 0 };
	struct project *p = r->o->p;

	if (u->what & OBSERVE_READ)
		report_file(r, u);
	if (u->what & OBSERVE_LIST)
		fact_then(r, ASK_NAMES, u->path, u->names, ask_names(p, r->o->step, u->path, true, &a));
	if (u->what & OBSERVE_LINK && !str_is(u->link, "no link"))
		fact_then(r, ASK_LINK, u->path, u->link, ask_link(p, u->path, true, &a));
	if (!(u->what & (OBSERVE_READ | OBSERVE_LIST)))
		fact_then(r, ASK_THERE, u->path, there_answer(u, &a), ask_there(p, u->path, true, &a));
	/* Every import of Python lists the project's root: that is recorded, and worth no word. */
	const bool root = str_is(u->path, ".") && !(u->what & OBSERVE_READ);
	if ((u->what & (OBSERVE_READ | OBSERVE_LIST)) && u->there && !root)
		VEC_PUSH(&r->reads, u->path);
	if (u->changed && r->out->changed.n == 0)
		r->out->changed = arena_str(r->o->arena, u->path);
	arena_done(&a);
}

/* Of what the step made and left there, the uppermost. */
static bool
left_behind(const struct observed *o, const struct used *u)
{
	return !made_above(o, u->path) && (!u->product || file_exists(o->p->fd, u->path.p));
}

static int
by_question(const void *a, const void *b)
{
	return str_cmp(((const struct observed_fact *)a)->question, ((const struct observed_fact *)b)->question);
}

static int
by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static struct str *
sorted(struct texts *t, struct arena *a, size_t *n)
{
	struct str *v = arena_array(a, struct str, t->n);

	if (t->n > 0)
		qsort(t->v, t->n, sizeof *t->v, by_text);
	for (size_t i = 0; i < t->n; i++)
		v[i] = arena_str(a, t->v[i]);
	*n = t->n;
	VEC_DONE(t);
	return v;
}

void
observed_end(struct observed *o, struct observed_report *out)
{
	struct reporting r = { .o = o, .out = out };

	*out = (struct observed_report){ .changed = STR("") };
	for (size_t i = 0; i < o->v.n; i++) {
		struct used *u = &o->v.v[i];

		if (u->declared)
			continue;
		if (u->what != 0)
			report_reads(&r, u);
		if (u->written && left_behind(o, u))
			VEC_PUSH(&r.writes, u->path);
	}
	out->too_many = r.facts.n > QUESTIONS_MOST;
	if (out->too_many)
		r.facts.n = 0;
	if (r.facts.n > 0)
		qsort(r.facts.v, r.facts.n, sizeof *r.facts.v, by_question);
	out->facts = arena_array(o->arena, struct observed_fact, r.facts.n);
	out->nfacts = r.facts.n;
	if (r.facts.n > 0)
		memcpy(out->facts, r.facts.v, r.facts.n * sizeof *r.facts.v);
	out->reads = sorted(&r.reads, o->arena, &out->nreads);
	out->writes = sorted(&r.writes, o->arena, &out->nwrites);
	VEC_DONE(&r.facts);
}

static void
names(struct buf *b, const struct str *v, size_t n)
{
	enum { SHOWN = 3 };

	for (size_t i = 0; i < n && i < SHOWN; i++)
		buf_printf(b, "%s" STR_FMT, i > 0 ? ", " : "", STR_ARG(v[i]));
	if (n > SHOWN)
		buf_printf(b, " and %zu more", n - SHOWN);
}

int
observed_judge(struct observed *o, bool watched, struct observed_report *out, bool *unstored, struct err *e)
{
	const struct str step = o->step->d.name;
	const bool strict = o->step->d.ir->strict;
	AUTO_BUF b = { 0 };

	if (!watched)
		return strict ? err_set(e, ERR_FAILED, "is strict, but what it reads cannot be observed here: the kernel has no seccomp "
						       "listeners, or pawl itself runs in a step of another pawl") : 0;
	observed_end(o, out);
	if (out->nreads > 0)
		names(&b, out->reads, out->nreads);
	if (out->nreads > 0 && strict)
		return err_set(e, ERR_FAILED, "read " STR_FMT " without declaring %s, and it is strict: declare %s under inputs:",
			       STR_ARG(buf_str(&b)), out->nreads > 1 ? "them" : "it", out->nreads > 1 ? "them" : "it");
	if (out->nreads > 0) {
		notes_add(o->p->notes, "step '" STR_FMT "' read " STR_FMT " without declaring %s: it runs again when that changes", STR_ARG(step),
			  STR_ARG(buf_str(&b)), out->nreads > 1 ? "them" : "it");
	}
	for (size_t i = 0; i < out->nreads; i++) {
		const struct step_data *maker = code_maker(o->p, out->reads[i]);

		if (maker != NULL)
			notes_add(o->p->notes, "step '" STR_FMT "' read " STR_FMT ", which step '" STR_FMT "' makes: without an input that names it nothing "
					       "says which of the two goes first", STR_ARG(step), STR_ARG(out->reads[i]), STR_ARG(maker->name));
	}
	buf_reset(&b);
	if (out->nwrites > 0) {
		names(&b, out->writes, out->nwrites);
		notes_add(o->p->notes, "step '" STR_FMT "' wrote " STR_FMT ", which %s none of its outputs: nobody puts %s back", STR_ARG(step),
			  STR_ARG(buf_str(&b)), out->nwrites > 1 ? "are" : "is", out->nwrites > 1 ? "them" : "it");
	}
	if (out->too_many)
		notes_add(o->p->notes, "step '" STR_FMT "' used more than %d files that it does not declare: its result is not recorded; declare their "
				       "folder under inputs:", STR_ARG(step), (int)QUESTIONS_MOST);
	else if (out->changed.n > 0)
		notes_add(o->p->notes, STR_FMT " changed while step '" STR_FMT "' ran: its result is used now, but not recorded", STR_ARG(out->changed),
			  STR_ARG(step));
	*unstored |= out->too_many || out->changed.n > 0;
	return 0;
}
