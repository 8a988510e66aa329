/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/wants.h"

#include <string.h>

#include "base/vec.h"
#include "rules/notes.h"
#include "rules/pyhost.h"
#include "rules/pyproject.h"
#include "rules/snapshot.h"
#include "rules/wheelset.h"
#include "sys/file.h"

/*
 * A set for a resolver. Local packages are code, but what they require is wanted, and they may name further local packages:
 *	sources -> reqset_read -> folders -> the dependencies of their pyproject.toml are sources, too -> again, until no folder is new
 */

#define ROUNDS_MAX 100 /* of folders that name folders */

struct collecting {
	struct project *p;
	struct wants *w;
	struct pyproject_list sources;
	VEC(struct otherlock_folder) folders; /* visited, with their names */
	VEC(struct str) asked;                /* by folder: the extras that were asked for, in one text */
	struct marker_env markers;
};

static struct reqfile_source
source_of(struct project *p, const struct ir_environment *env, struct str text, bool constraint)
{
	struct reqfile_source s = { .constraint = constraint, .at = env->python_at };
	struct str path = path_clean(&p->arena, text);
	bool named = str_ends(text, STR(".txt")) || str_ends(text, STR(".in"));
	struct file_stat st;

	if (named || (text.n < 4096 && file_stat(p->fd, arena_z(&p->arena, path), true, &st, NULL) == 0 && st.type == FILE_REGULAR &&
		      !reqref_is_archive(path)))
		s.path = path;
	else
		s.text = text;
	return s;
}

/* ---- pyproject: ---- */

static int
add_pyproject(struct collecting *c, struct err *e)
{
	const struct ir_environment *env = c->w->env;
	struct str folder = env->python.pyproject;
	struct pyproject t;
	struct err why = { 0 };

	if (str_is(path_base(folder), "pyproject.toml"))
		folder = path_dir(folder);
	if (pyproject_read(c->p, folder, &t, &why) < 0) {
		if (why.code == ERR_MISSING)
			diags_add(&c->p->diags, SEVERITY_ERROR, env->python_at, "pyproject", (struct str){ 0 },
				  "the folder '" STR_FMT "' has no pyproject.toml", STR_ARG(folder));
		return err_set(e, why.code == ERR_MISSING ? ERR_INPUT : why.code, "%s", why.text);
	}
	if (t.dynamic || (!t.has_project && !js_get(t.doc, "dependency-groups"))) {
		diags_add(&c->p->diags, SEVERITY_ERROR, (struct place){ .file = t.path }, "pyproject",
			  STR("name the tool's lock file under 'lock', or a requirements file"), "%s",
			  t.dynamic ? "its dependencies are dynamic: only its build backend knows them" : "it has no [project] table (PEP 621)");
		return err_set(e, ERR_INPUT, STR_FMT ": no dependencies to read", STR_ARG(t.path));
	}
	if (pyproject_dependencies(c->p, &t, NULL, 0, &c->sources, e) < 0)
		return -1;
	for (size_t i = 0; i < env->python.groups.n; i++)
		if (pyproject_group(c->p, &t, env->python.groups.v[i], env->python_at, &c->sources, e) < 0)
			return -1;
	VEC_PUSH(&c->folders, ((struct otherlock_folder){ t.name, path_clean(&c->p->arena, folder) }));
	VEC_PUSH(&c->asked, ((struct str){ 0 }));
	return 0;
}

/* ---- local packages ---- */

static size_t
folder_index(struct collecting *c, struct str path)
{
	for (size_t i = 0; i < c->folders.n; i++)
		if (str_eq(c->folders.v[i].path, path))
			return i;
	return SIZE_MAX;
}

static bool
asked_before(const struct collecting *c, size_t i, struct str extra)
{
	for (struct str_cut cut = { .tail = c->asked.v[i], .ok = true }; cut.ok;) {
		cut = str_cut(cut.tail, ',');
		if (str_eq(cut.head, extra))
			return true;
	}
	return false;
}

static void
undeclared(struct collecting *c, struct str folder)
{
	notes_add(c->p->notes, "'" STR_FMT "' is taken as code, but what it requires is not known: it has no [project] table with dependencies in a "
			       "pyproject.toml; list them under 'requirements'",
		  STR_ARG(folder));
}

/* What it requires, once, and each of its extras once. */
static int
add_folder(struct collecting *c, const struct reqset_folder *f, bool *more, struct err *e)
{
	struct pyproject t = { 0 };
	struct err why = { 0 };
	struct file_stat st;
	bool on = true;
	size_t at;

	if (f->marker.n && marker_parse(f->marker, &c->markers, &c->p->arena, NULL, &on, &at, NULL) == 0 && !on)
		return 0;
	if (file_stat(c->p->fd, arena_z(&c->p->arena, f->path), true, &st, NULL) < 0 || st.type != FILE_FOLDER) {
		diags_add(&c->p->diags, SEVERITY_ERROR, f->at, "requirement-folder", (struct str){ 0 }, "there is no folder '" STR_FMT "'", STR_ARG(f->path));
		return err_set(e, ERR_INPUT, "there is no folder '" STR_FMT "'", STR_ARG(f->path));
	}
	size_t i = folder_index(c, f->path);
	const bool known = i != SIZE_MAX;
	if (pyproject_read(c->p, f->path, &t, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, "%s", why.text);
	if (!known) {
		if (t.dynamic || !t.has_project)
			undeclared(c, f->path);
		VEC_PUSH(&c->folders, ((struct otherlock_folder){ t.name, f->path }));
		VEC_PUSH(&c->asked, ((struct str){ 0 }));
		i = c->folders.n - 1;
		*more = true;
		if (pyproject_dependencies(c->p, &t, NULL, 0, &c->sources, e) < 0)
			return -1;
	}
	for (size_t k = 0; k < f->nextras; k++) {
		if (asked_before(c, i, f->extras[k]))
			continue;
		c->asked.v[i] = arena_printf(&c->p->arena, STR_FMT "," STR_FMT, STR_ARG(c->asked.v[i]), STR_ARG(f->extras[k]));
		*more = true;
		struct pyproject extra = t;
		if (pyproject_group(c->p, &extra, f->extras[k], f->at, &c->sources, e) < 0)
			return -1;
	}
	return 0;
}

static bool
is_local(const struct collecting *c, struct str name)
{
	for (size_t i = 0; i < c->folders.n; i++)
		if (name.n && str_eq(c->folders.v[i].name, name))
			return true;
	return false;
}

/* A local package is there already, whoever else wants it by its name. */
static size_t
without_local(const struct collecting *c, struct requirement *v, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (!is_local(c, v[i].r.name))
			v[k++] = v[i];
	return k;
}

/* ---- local files ---- */

/* A wheel or source distribution by path is what it holds: its hash is part of what is asked. */
static int
hash_files(struct collecting *c, struct requirement *v, size_t n, struct err *e)
{
	struct project *p = c->p;
	int bad = 0;

	for (size_t i = 0; i < n; i++) {
		struct requirement *q = &v[i];
		struct digest d;
		struct err why = { 0 };
		char hex[DIGEST_HEX + 1];
		bool ok = q->nhashes == 0;
		if (q->ref.kind != REQREF_PATH)
			continue;
		if (wants_file(p, q->ref.path, &d, &q->size, &why) < 0) {
			diags_add(&p->diags, SEVERITY_ERROR, q->at, "requirement-file", (struct str){ 0 }, "%s", why.text);
			bad = err_set(e, ERR_INPUT, "%s", why.text);
			continue;
		}
		digest_hex(&d, hex);
		for (size_t k = 0; k < q->nhashes; k++)
			ok = ok || str_is(q->hashes[k], hex);
		if (!ok) {
			diags_add(&p->diags, SEVERITY_ERROR, q->at, "requirement-hash", (struct str){ 0 }, "'" STR_FMT "' has sha256 %s, which is none of those given",
				  STR_ARG(q->ref.path), hex);
			bad = err_set(e, ERR_INPUT, "'" STR_FMT "' has another hash", STR_ARG(q->ref.path));
			continue;
		}
		q->hashes = arena_new(&p->arena, struct str);
		q->hashes[0] = arena_str(&p->arena, str_z(hex));
		q->nhashes = 1;
		q->text = arena_printf(&p->arena, STR_FMT " --hash=sha256:%s", STR_ARG(pep508_text(&q->r, true, &p->arena)), hex);
	}
	return bad;
}

/* ---- all of it ---- */

static void
keep_folders(struct collecting *c)
{
	struct otherlock_folder *v = arena_array(&c->p->arena, struct otherlock_folder, c->folders.n);

	if (c->folders.n)
		memcpy(v, c->folders.v, c->folders.n * sizeof *v);
	c->w->folders = v;
	c->w->nfolders = c->folders.n;
}

static int
collect(struct collecting *c, struct err *e)
{
	const struct ir_python *py = &c->w->env->python;
	const struct reqfile_reader reader = wants_reader(c->p);
	struct reqset *set = &c->w->set;
	bool more = true;

	for (size_t i = 0; i < py->requirements.n; i++)
		VEC_PUSH(&c->sources, source_of(c->p, c->w->env, py->requirements.v[i], false));
	for (size_t i = 0; i < py->constraints.n; i++)
		VEC_PUSH(&c->sources, source_of(c->p, c->w->env, py->constraints.v[i], true));
	if (py->pyproject.n && add_pyproject(c, e) < 0)
		return -1;
	for (size_t i = 0; i < py->index.n; i++) {
		const char *option = i ? "--extra-index-url" : "--index-url";
		VEC_PUSH(&c->sources, ((struct reqfile_source){ .text = arena_printf(&c->p->arena, "%s " STR_FMT, option, STR_ARG(py->index.v[i])),
								.at = c->w->env->python_at }));
	}
	for (int round = 0; more && round < ROUNDS_MAX; round++) {
		more = false;
		if (reqset_read(c->sources.v, c->sources.n, &reader, &c->p->arena, &c->p->diags, set, e) < 0)
			return -1;
		for (size_t i = 0; i < set->nfolders; i++)
			if (add_folder(c, &set->folders[i], &more, e) < 0)
				return -1;
	}
	wants_note(c->p, set);
	set->n = without_local(c, set->v, set->n);
	set->nconstraints = without_local(c, set->constraints, set->nconstraints);
	keep_folders(c);
	if (hash_files(c, set->v, set->n, e) < 0)
		return -1;
	return hash_files(c, set->constraints, set->nconstraints, e);
}

int
wants_set(struct project *p, struct wants *w, struct err *e)
{
	struct collecting c = { .p = p, .w = w, .markers = wants_markers(p, w->env) };
	const int bad = collect(&c, e);

	VEC_DONE(&c.sources);
	VEC_DONE(&c.folders);
	VEC_DONE(&c.asked);
	return bad;
}

/* ---- replicate: what the caller's interpreter has ---- */

struct origin {
	bool local, direct;
	struct str folder;  /* local: where it is */
	struct str text;    /* direct: what stands behind '@' */
};

/* direct_url.json (PEP 610): a folder of this machine, or something from elsewhere. */
static void
origin_of(struct project *p, const struct pydist *d, struct origin *out)
{
	AUTO_BUF text = { 0 };
	AUTO_JS v = NULL;

	*out = (struct origin){ .local = path_inside(d->folder, p->root) && str_find(d->folder, STR("site-packages")) == SIZE_MAX &&
					 str_find(d->folder, STR("dist-packages")) == SIZE_MAX };
	if (wants_read(p, path_join(&p->arena, d->folder, STR("direct_url.json")), &text, NULL) < 0 ||
	    js_parse(buf_str(&text), "direct_url.json", &v, NULL) < 0)
		return;
	struct str url = js_str(js_get(v, "url")), sub = js_str(js_get(v, "subdirectory"));
	const struct js *vcs = js_get(v, "vcs_info");
	const char *hash = sub.n ? "#subdirectory=" : "";
	if (js_get(v, "dir_info")) {
		struct reqref f;
		out->local = true;
		if (reqref_parse(url, &p->arena, &f, NULL) == 0 && f.kind == REQREF_PATH)
			out->folder = f.path;
	} else if (vcs) {
		out->direct = true;
		out->text = arena_printf(&p->arena, STR_FMT "+" STR_FMT "@" STR_FMT "%s" STR_FMT, STR_ARG(js_str(js_get(vcs, "vcs"))), STR_ARG(url),
					 STR_ARG(js_str(js_get(vcs, "commit_id"))), hash, STR_ARG(sub));
	} else if (url.n) {
		out->direct = true;
		out->text = arena_printf(&p->arena, STR_FMT "%s" STR_FMT, STR_ARG(url), hash, STR_ARG(sub));
	}
}

/* Tools that an environment has by itself, unless something there asks for them. */
static bool
is_tool(const struct pyhost *h, const struct pydist *d)
{
	if (str_is(d->name, "pip"))
		return true;
	if (!str_is(d->name, "setuptools") && !str_is(d->name, "wheel") && !str_is(d->name, "distribute"))
		return false;
	for (size_t i = 0; i < h->ndists; i++)
		for (size_t k = 0; k < h->dists[i].nrequires; k++)
			if (str_eq(h->dists[i].requires[k], d->name))
				return false;
	return true;
}

static void
add_installed(struct collecting *c, const struct pydist *d)
{
	struct project *p = c->p;
	struct origin from;
	struct place at = c->w->env->python_at;

	origin_of(p, d, &from);
	if (from.local) {
		struct str path = path_inside(from.folder, p->root) ? str_drop(from.folder, p->root.n + 1) : from.folder;
		struct file_stat st;
		if (from.folder.n && file_stat(p->fd, arena_z(&p->arena, path_clean(&p->arena, path)), true, &st, NULL) == 0 && st.type == FILE_FOLDER) {
			VEC_PUSH(&c->folders, ((struct otherlock_folder){ d->name, path_clean(&p->arena, path) }));
		}
		return;
	}
	struct str text = from.direct ? arena_printf(&p->arena, STR_FMT " @ " STR_FMT, STR_ARG(d->name), STR_ARG(from.text)) :
					arena_printf(&p->arena, STR_FMT "==" STR_FMT, STR_ARG(d->name), STR_ARG(d->version));
	VEC_PUSH(&c->sources, ((struct reqfile_source){ .text = text, .at = at }));
}

static int
installed(struct collecting *c, struct err *e)
{
	const struct reqfile_reader reader = wants_reader(c->p);
	struct pyhost *h;

	if (pyhost_find(c->p, STR("python3"), &h, e) < 0 || pyhost_packages(c->p, h, e) < 0)
		return err_wrap(e, "replicate what is installed");
	for (size_t i = 0; i < h->ndists; i++)
		if (!is_tool(h, &h->dists[i]))
			add_installed(c, &h->dists[i]);
	if (reqset_read(c->sources.v, c->sources.n, &reader, &c->p->arena, &c->p->diags, &c->w->set, e) < 0)
		return -1;
	c->w->set.no_deps = true;
	keep_folders(c);
	return hash_files(c, c->w->set.v, c->w->set.n, e);
}

int
wants_installed(struct project *p, struct wants *w, struct err *e)
{
	struct collecting c = { .p = p, .w = w, .markers = wants_markers(p, w->env) };
	const int bad = installed(&c, e);

	VEC_DONE(&c.sources);
	VEC_DONE(&c.folders);
	VEC_DONE(&c.asked);
	return bad;
}
