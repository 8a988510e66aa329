/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the code of steps: entry points to closures, words to files. All steps in step, so that one run of the interpreter serves them all.
 */
#include <stdlib.h>
#include <string.h>

#include "cache/stats.h"
#include "rules/code_state.h"
#include "rules/notes.h"
#include "rules/snapshot.h"
#include "rules/wants.h"
#include "sys/file.h"

#define MAX_ROUNDS 2000 /* each reads at least one file, or begins anew with one more folder */
#define MAX_MORE 200    /* folders that code puts on sys.path */

/* The module that a program of the command leads to, where it is a console script of a local package. */
static struct str
script_module(const struct code *c, struct str program)
{
	const struct ir_step *ir = c->step->ir;

	if (ir->isolation == ISOLATION_NONE || !ir->environment.n || str_find_char(program, '/') != SIZE_MAX)
		return (struct str){ 0 };
	return environment_script(c->step->project, ir_environment(&c->step->project->ir, ir->environment), program);
}

static bool
has_python(const struct code *c)
{
	if (c->entries.n)
		return true;
	for (size_t i = 0; i < c->step->ir->code.n; i++)
		if (str_ends(c->step->ir->code.v[i], STR(".py")))
			return true;
	for (size_t i = 0; i < c->entries.nprograms; i++)
		if (script_module(c, c->entries.programs[i]).n)
			return true;
	return false;
}

static struct pyhost *
host_of(struct project *p, const struct code *c)
{
	struct pyhost *h = NULL;
	if (!has_python(c))
		return NULL;
	if (c->step->ir->isolation == ISOLATION_NONE)
		for (size_t i = 0; i < c->entries.n; i++)
			if (pyhost_find(p, c->entries.v[i].program, &h, NULL) == 0)
				return h;
	if (pyhost_find(p, STR("python3"), &h, NULL) == 0 || pyhost_find(p, STR("python"), &h, NULL) == 0)
		return h;
	notes_add(p->notes, "no python3 in PATH: whole Python files count as code");
	return NULL;
}

static struct pyfiles *
files_of(struct project *p, struct code_state *s, struct pyhost *h)
{
	for (size_t i = 0; i < s->files.n; i++)
		if (s->files.v[i]->host == h)
			return s->files.v[i];
	struct pyfiles *f = arena_new(&p->arena, struct pyfiles);
	*f = (struct pyfiles){ .project = p, .host = h, .mades = &s->mades, .arena = &p->arena };
	VEC_PUSH(&s->files, f);
	return f;
}

/* A path as the project has it: relative; false: it lies outside. */
static bool
relative(const struct project *p, struct str path, struct arena *a, struct str *out)
{
	if (path.n && path.p[0] == '/') {
		if (!path_inside(path, p->root))
			return false;
		path = str_drop(path, p->root.n + (path.n > p->root.n));
	}
	*out = path_clean(a, path);
	return !str_is(*out, "..") && !str_starts(*out, STR("../")) && (*out).n > 0;
}

static void
add_search(struct code *c, struct str folder)
{
	struct closure *k = &c->closure;
	for (size_t i = 0; i < k->nsearch; i++)
		if (str_eq(k->search[i], folder))
			return;
	struct str *v = arena_array(&c->arena, struct str, k->nsearch + 1);
	if (k->nsearch)
		memcpy(v, k->search, k->nsearch * sizeof *v);
	v[k->nsearch++] = folder;
	k->search = v;
}

/* In the order of sys.path: the program's folder, PYTHONPATH, then what is installed from the project itself. */
static void
search_path(struct project *p, struct code *c)
{
	struct str path;
	for (size_t i = 0; i < c->nmore; i++)
		if (c->more[i].front)
			add_search(c, c->more[i].folder);
	for (size_t i = 0; i < c->entries.n; i++) {
		const struct entry *x = &c->entries.v[i];
		if (relative(p, x->kind == ENTRY_FILE ? path_dir(x->what) : x->folder, &c->arena, &path))
			add_search(c, path);
	}
	for (struct str_cut cut = { .tail = c->search, .ok = c->search.n > 0 }; cut.ok;) {
		cut = str_cut(cut.tail, ':');
		if (cut.head.n && relative(p, cut.head, &c->arena, &path))
			add_search(c, path);
	}
	if (c->step->ir->code.n && !c->entries.n)
		add_search(c, STR("."));
	if (pyfiles_look(c->files, STR("src"))->type == PYFILE_FOLDER)
		add_search(c, STR("src"));
	for (size_t i = 0; i < c->nmore; i++)
		if (!c->more[i].front)
			add_search(c, c->more[i].folder);
	const struct str *local = NULL;
	const size_t nlocal = c->step->ir->isolation == ISOLATION_NONE || !c->step->ir->environment.n ? 0 :
		environment_code(p, ir_environment(&p->ir, c->step->ir->environment), &local);
	for (size_t i = 0; i < nlocal; i++)
		add_search(c, local[i]);
	struct pyhost *h = c->files->host;
	for (size_t i = 0; h && h->asked && i < h->npaths; i++)
		if (str_starts(h->paths[i], STR("/")) && relative(p, h->paths[i], &c->arena, &path) &&
		    str_find(path, STR("site-packages")) == SIZE_MAX)
			add_search(c, path);
}

static void
globs(struct project *p, struct code *c)
{
	for (size_t i = 0; i < c->step->ir->code.n; i++) {
		struct str *v;
		size_t n;
		if (path_glob(p->fd, c->step->ir->code.v[i], &c->arena, &v, &n, NULL) < 0)
			continue;
		for (size_t k = 0; k < n; k++)
			if (str_ends(v[k], STR(".py")))
				(void)closure_file(&c->closure, closure_look(&c->closure, v[k]), true);
	}
}

static void
enter(struct project *p, struct code *c)
{
	closure_done(&c->closure);
	arena_done(&c->arena);
	closure_init(&c->closure, c->files, &c->arena);
	search_path(p, c);
	for (size_t i = 0; i < c->entries.n; i++) {
		const struct entry *x = &c->entries.v[i];
		struct str path;
		switch (x->kind) {
		case ENTRY_MODULE:
			(void)closure_module(&c->closure, x->what);
			break;
		case ENTRY_TEXT:
			(void)closure_file(&c->closure, pyfiles_text(c->files, x->what), false);
			break;
		case ENTRY_FILE:
			if (!relative(p, x->what, &c->arena, &path))
				break;
			if (closure_look(&c->closure, path)->type == PYFILE_FOLDER)
				path = path_join(&c->arena, path, STR("__main__.py"));
			(void)closure_file(&c->closure, closure_look(&c->closure, path), false);
			break;
		}
	}
	for (size_t i = 0; i < c->entries.nprograms; i++) {
		const struct str module = script_module(c, c->entries.programs[i]);
		bool ours = false;
		const uint32_t m = module.n ? closure_find(&c->closure, module, UINT32_MAX, 0, &ours) : UINT32_MAX;
		if (m != UINT32_MAX)
			closure_widen(&c->closure, m, "a console script names it");
	}
	globs(p, c);
}

/* Code that puts folders on sys.path is followed once more from the beginning, with them. */
static bool
more_search(struct project *p, struct code *c)
{
	const size_t had = c->nmore;
	for (size_t i = 0; i < c->closure.added.n && c->nmore < MAX_MORE; i++) {
		struct search_add *v = arena_array(&p->arena, struct search_add, c->nmore + 1);
		if (c->nmore)
			memcpy(v, c->more, c->nmore * sizeof *v);
		v[c->nmore] = c->closure.added.v[i];
		v[c->nmore].folder = arena_str(&p->arena, v[c->nmore].folder);
		c->more = v;
		c->nmore++;
	}
	return c->nmore > had;
}

/* Until nothing waits for facts. */
static int
work(struct project *p, struct code **v, size_t n, struct err *e)
{
	for (int round = 0; round < MAX_ROUNDS; round++) {
		bool waits = false;
		for (size_t i = 0; i < n; i++) {
			closure_work(&v[i]->closure);
			if (!closure_waits(&v[i]->closure) && more_search(p, v[i]))
				enter(p, v[i]);
			if (!closure_waits(&v[i]->closure) && closure_points(&v[i]->closure))
				closure_work(&v[i]->closure);
			waits = waits || closure_waits(&v[i]->closure) || v[i]->closure.queue.n;
		}
		if (!waits)
			return 0;
		for (size_t i = 0; i < n; i++)
			if (v[i]->files->nwanted && pyfiles_read(v[i]->files, e) < 0)
				return -1;
	}
	return err_set(e, ERR_BUG, "the imports of the project's Python files have no end");
}

/* Packages that are installed from the project itself (in editable mode) are found by asking the interpreter; then all begins again. */
static bool
editable(struct project *p, struct code *c)
{
	const struct pyhost *h = c->files->host;
	if (!h || h->asked || (c->closure.packages.n == 0 && !c->closure.points) || c->step->ir->isolation != ISOLATION_NONE)
		return false;
	return pyhost_packages(p, c->files->host, NULL) == 0;
}

/* What a pickle that an earlier step made may hold: the code of the steps that lead here. */
static bool
pickles(struct code_state *s, struct code *c)
{
	VEC(const struct ir_step *) todo = { 0 };
	bool added = false;
	if (!c->closure.unpickles)
		return false;
	VEC_PUSH(&todo, c->step->ir);
	for (size_t i = 0; i < todo.n && i < 10000; i++) {
		for (size_t k = 0; k < todo.v[i]->ninputs; k++) {
			const struct ir_input *in = &todo.v[i]->inputs[k];
			const struct ir_step *from = in->kind == INPUT_STEP ? ir_step(&s->project->ir, in->step) : NULL;
			bool there = from == NULL;
			for (size_t j = 0; j < todo.n; j++)
				there = there || todo.v[j] == from;
			if (!there)
				VEC_PUSH(&todo, from);
		}
	}
	for (size_t i = 1; i < todo.n; i++)
		for (size_t k = 0; k < s->v.n; k++)
			if (s->v.v[k]->step->ir == todo.v[i] && s->v.v[k]->found) {
				closure_add(&c->closure, &s->v.v[k]->closure);
				added = true;
			}
	VEC_DONE(&todo);
	return added;
}

bool
code_declares(const struct project *p, const struct code *c, const struct pyfile *x)
{
	const struct ir_step *ir = c->step->ir;
	for (size_t i = 0; i < ir->noutputs; i++)
		if (c->step->output_paths[i].n && path_inside(x->path, c->step->output_paths[i]))
			return true;
	for (size_t i = 0; i < ir->ninputs; i++) {
		const struct ir_input *in = &ir->inputs[i];
		if (in->kind == INPUT_PATH && path_inside(x->path, in->path))
			return true;
		if (in->kind == INPUT_GLOB && path_match(in->path, x->path))
			return true;
		if (in->kind != INPUT_STEP || x->made_by.i == UINT32_MAX)
			continue;
		const struct step_data *maker = p->graph.node[x->made_by.i].data;
		if (str_eq(maker->ir->name, in->step) && str_eq(x->port, in->output))
			return true;
	}
	return false;
}

struct fields {
	VEC_FIELDS(struct code_field);
};

static void
content_field(struct code *c, struct fields *out, const struct pyfile *x)
{
	const struct code_field f = { .content = true,
				      .reach = { .name = arena_printf(&c->arena, STR_FMT " (content)", STR_ARG(x->path)), .file = x->path,
						 .hash = digest_str(&x->content.digest, &c->arena), .kind = PY_EFFECT } };
	for (size_t i = 0; i < out->n; i++)
		if (out->v[i].content && str_eq(out->v[i].reach.name, f.reach.name))
			return;
	VEC_PUSH(out, f);
}

static void
files(struct project *p, struct code *c, struct fields *out)
{
	for (size_t i = 0; i < c->entries.nwords; i++) {
		struct str path;
		if (!relative(p, c->entries.words[i].path, &c->arena, &path) || str_is(path, "."))
			continue;
		struct pyfile *x = closure_look(&c->closure, path);
		if (x->type == PYFILE_FILE && !code_declares(p, c, x))
			content_field(c, out, x);
	}
	for (size_t i = 0; i < c->step->ir->code.n; i++) {
		struct str *v, last = { 0 };
		size_t n;
		const struct str pattern = c->step->ir->code.v[i];
		for (struct str folder = path_dir(pattern);; folder = path_dir(folder)) {
			if (!path_has_glob(folder))
				leaves_folder(p->leaves, folder);
			if (!path_has_glob(folder))
				break;
		}
		if (path_glob(p->fd, pattern, &c->arena, &v, &n, NULL) < 0)
			continue;
		for (size_t k = 0; k < n; k++) {
			struct pyfile *x = closure_look(&c->closure, v[k]);
			if (!str_eq(path_dir(v[k]), last))
				leaves_folder(p->leaves, path_dir(v[k]));
			last = path_dir(v[k]);
			if (x->type == PYFILE_FILE && !(str_ends(v[k], STR(".py"))))
				content_field(c, out, x);
		}
	}
}

static int
compare(const void *a, const void *b)
{
	const struct code_field *x = a, *y = b;
	return str_cmp(x->reach.name, y->reach.name);
}

static void
finish(struct project *p, struct code *c)
{
	struct fields all = { 0 };
	struct pyreach *v;
	size_t n;
	files(p, c, &all);
	for (size_t i = 0; i < c->closure.contents.n; i++)
		content_field(c, &all, c->closure.contents.v[i]);
	closure_result(&c->closure, &c->arena, &v, &n);
	for (size_t i = 0; i < n; i++) {
		const struct code_field f = { .reach = v[i] };
		VEC_PUSH(&all, f);
	}
	if (all.n)
		qsort(all.v, all.n, sizeof *all.v, compare);
	c->fields = all.n ? arena_array(&c->arena, struct code_field, all.n) : NULL; /* most steps of a large pipeline have none */
	if (all.n)
		memcpy(c->fields, all.v, all.n * sizeof *all.v);
	c->nfields = all.n;
	c->found = true;
	c->cover = NULL;
	VEC_DONE(&all);
}

static int
find_all(struct project *p, struct code_state *s, struct code **v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		enter(p, v[i]);
	if (work(p, v, n, e) < 0)
		return -1;
	bool again = false;
	for (size_t i = 0; i < n; i++)
		again = editable(p, v[i]) || again;
	for (size_t i = 0; again && i < n; i++)
		enter(p, v[i]);
	if (again && work(p, v, n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		v[i]->found = true;
	again = false;
	for (size_t i = 0; i < n; i++)
		again = pickles(s, v[i]) || again;
	if (again && work(p, v, n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		finish(p, v[i]);
	return 0;
}

bool
code_same(struct project *p, const struct code *c)
{
	struct arena scratch = { 0 };
	bool same = true;
	for (size_t i = 0; same && i < c->nfields; i++) {
		const struct str path = c->fields[i].reach.file;
		const uint32_t at = path.n ? map_get(&c->files->by_path, path) : MAP_NONE;
		struct file_stat st;
		struct content now;
		if (at == MAP_NONE || (i > 0 && str_eq(path, c->fields[i - 1].reach.file)))
			continue;
		const char *z = arena_z(&scratch, path);
		if (file_stat(p->fd, z, true, &st, NULL) < 0 || st.type != FILE_REGULAR ||
		    stats_content(p->cache->stats, p->fd, z, &st, &now, NULL) < 0 ||
		    !digest_eq(&now.digest, &c->files->v.v[at]->content.digest))
			same = false;
	}
	arena_done(&scratch);
	return same;
}

int
code_find(struct project *p, struct code *c, struct err *e)
{
	struct code_state *s = code_state(p);
	code_collect(p);
	if (c->found && !c->alone && (!c->looked || code_same(p, c)))
		return 0;
	if (c->found) { /* a step makes part of it: look again, with fresh eyes */
		struct pyhost *h = c->files->host;
		pyfiles_done(&c->own);
		c->own = (struct pyfiles){ .project = p, .host = h, .mades = &s->mades, .arena = &p->arena };
		c->files = &c->own;
		return find_all(p, s, &c, 1, e);
	}
	for (size_t i = 0; i < s->v.n; i++)
		s->v.v[i]->files = files_of(p, s, host_of(p, s->v.v[i]));
	return find_all(p, s, s->v.v, s->v.n, e);
}
