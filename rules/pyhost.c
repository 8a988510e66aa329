/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pyhost.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/vec.h"
#include "cache/stats.h"
#include "rules/tool.h"
#include "rules/tool_state.h"
#include "sys/file.h"
#include "sys/proc.h"

#define FORMAT "host-2"
#define ANSWER_LIMIT (64u << 20)
#define ASK_MS 120000
#define RECORD_LIMIT (64u << 20)
#define SHIM_MAX 65536
#define MAX_DISTS 100000u

static const unsigned char script[] = {
#include "rules/pyhost.py.inc"
	0
};

/* What shims look at besides themselves: variables, and files in the project or in a folder above it. */
static const char *const shim_variables[] = { "PYENV_VERSION", "PYENV_ROOT", "ASDF_PYTHON_VERSION", "CONDA_PREFIX", "VIRTUAL_ENV" };
static const char *const shim_files[] = { ".python-version", ".tool-versions" };

static int
ask(struct project *p, struct str python, const char *what, struct buf *out, struct err *e)
{
	AUTO_BUF err = { 0 };
	const char *const argv[] = { arena_z(&p->arena, python), "-B", "-c", (const char *)script, what, NULL };
	VEC(const char *) env = { 0 };
	struct proc_end end;
	for (const char *const *v = p->opts.environ_; v && *v; v++)
		if (strncmp(*v, "PYTHON", 6) != 0)
			VEC_PUSH(&env, *v);
	VEC_PUSH(&env, NULL);
	const struct proc_opts o = { .argv = argv, .envp = env.v, .cwd = p->fd, .group = true, .die_with_parent = true };
	const int rc = proc_run(&o, (struct str){ 0 }, ANSWER_LIMIT, ASK_MS, out, &err, &end, e);
	VEC_DONE(&env);
	if (rc < 0)
		return err_wrap(e, "ask '" STR_FMT "' what it is", STR_ARG(python));
	if (end.status == 0)
		return 0;
	const struct str said = str_trim(buf_str(&err));
	const struct str_cut last = str_rcut(said, '\n');
	return err_set(e, ERR_WORLD, "ask '" STR_FMT "' what it is: it ended with status %d: " STR_FMT, STR_ARG(python), end.status,
		       STR_ARG(str_take(last.ok ? last.tail : said, 300)));
}

static struct str *
texts(const struct js *list, struct arena *a, size_t *n)
{
	*n = js_len(list) < MAX_DISTS ? js_len(list) : 0;
	struct str *v = arena_array(a, struct str, *n + 1);
	for (size_t i = 0; i < *n; i++)
		v[i] = arena_str(a, js_str(js_at(list, i)));
	return v;
}

static bool
absolute(struct str path)
{
	return path.n > 0 && path.p[0] == '/';
}

static int
read_who(struct str json, struct arena *a, struct pyhost *h, struct err *e)
{
	AUTO_JS v = NULL;
	if (js_parse(json, "the interpreter's answer", &v, e) < 0)
		return -1;
	h->executable = arena_str(a, js_str(js_get(v, "executable")));
	h->version = arena_str(a, js_str(js_get(v, "version")));
	h->implementation = arena_str(a, js_str(js_get(v, "implementation")));
	const struct str_cut minor = str_rcut(h->version, '.');
	h->series = minor.head;
	if (!absolute(h->executable) || !minor.ok)
		return err_set(e, ERR_WORLD, "its answer makes no sense: " STR_FMT, STR_ARG(str_take(json, 200)));
	h->suffixes = texts(js_get(v, "suffixes"), a, &h->nsuffixes);
	h->folders = texts(js_get(v, "folders"), a, &h->nfolders);
	return 0;
}

/* A text that describes the program for the cache: its content; of a script what it looks at, too. */
static int
describe(struct project *p, struct pyhost *h, struct buf *out, struct err *e)
{
	struct digest d;
	bool is_script;
	if (tool_content(p, h->path, &d, &is_script, e) < 0)
		return -1;
	buf_put(out, (struct str){ (const char *)d.b, sizeof d.b });
	/* A virtual environment's python is a link; the file beside its folder says of which. */
	struct str cfg = path_join(&p->arena, path_dir(path_dir(h->path)), STR("pyvenv.cfg"));
	if (tool_content(p, cfg, &d, NULL, NULL) == 0)
		buf_put(out, (struct str){ (const char *)d.b, sizeof d.b });
	if (!is_script)
		return 0;
	for (size_t i = 0; i < sizeof shim_variables / sizeof *shim_variables; i++) {
		const char *v = tool_variable(p, shim_variables[i]);
		buf_text(out, str_z(v));
	}
	for (size_t i = 0; i < sizeof shim_files / sizeof *shim_files; i++) {
		for (struct str folder = p->root;; folder = path_dir(folder)) {
			if (tool_content(p, path_join(&p->arena, folder, str_z(shim_files[i])), &d, NULL, NULL) == 0)
				buf_put(out, (struct str){ (const char *)d.b, sizeof d.b });
			if (folder.n <= 1)
				break;
		}
	}
	const char *home = project_env(p, STR("HOME")), *root = project_env(p, STR("PYENV_ROOT"));
	struct str pyenv = root ? str_z(root) : path_join(&p->arena, str_z(home ? home : "/"), STR(".pyenv"));
	struct str global = path_join(&p->arena, pyenv, STR("version"));
	if (absolute(global) && tool_content(p, global, &d, NULL, NULL) == 0)
		buf_put(out, (struct str){ (const char *)d.b, sizeof d.b });
	return 0;
}

static bool
known(struct project *p, struct str key, struct buf *out)
{
	struct view *v = NULL;
	struct str value;
	bool found = false;
	if (p->cache->records && view_begin(p->cache->records, &v, NULL) == 0) {
		found = view_get(v, TABLE_FACTS, key, &value);
		if (found)
			buf_put(out, value);
		view_end(v);
	}
	return found;
}

static void
keep(struct project *p, struct str key, struct str value)
{
	struct batch b = { 0 };
	batch_put(&b, TABLE_FACTS, key, value);
	if (p->cache->records)
		(void)records_commit(p->cache->records, &b, false, 1000, NULL); /* else it is asked again */
	batch_done(&b);
}

/* Short, whatever it describes. */
static struct str
cache_key(struct project *p, const char *what, struct str about, struct str description)
{
	const struct str pieces[] = { about, description };
	const struct fp f = fp_of_list(pieces, 2);
	return arena_printf(&p->arena, FORMAT " %s %016llx%016llx", what, (unsigned long long)f.hi, (unsigned long long)f.lo);
}

static int
identify(struct project *p, struct pyhost *h, struct err *e)
{
	AUTO_BUF about = { 0 }, answer = { 0 };
	if (describe(p, h, &about, e) < 0)
		return -1;
	const struct str key = cache_key(p, "who", h->path, buf_str(&about));
	if (known(p, key, &answer) && read_who(buf_str(&answer), &p->arena, h, NULL) == 0 &&
	    tool_content(p, h->executable, &h->content, NULL, NULL) == 0)
		return 0;
	buf_reset(&answer);
	if (ask(p, h->path, "who", &answer, e) < 0 || read_who(buf_str(&answer), &p->arena, h, e) < 0)
		return -1;
	keep(p, key, buf_str(&answer));
	return tool_content(p, h->executable, &h->content, NULL, e);
}

int
pyhost_find(struct project *p, struct str program, struct pyhost **out, struct err *e)
{
	struct tool_state *s = tool_state(p);
	for (struct pyhost *h = s->hosts; h; h = h->next) {
		if (!str_eq(h->program, program))
			continue;
		if (!h->executable.n)
			return err_set(e, ERR_MISSING, "there is no Python interpreter '" STR_FMT "' that can be asked", STR_ARG(program));
		*out = h;
		return 0;
	}
	struct pyhost *h = arena_new(&p->arena, struct pyhost);
	h->program = arena_str(&p->arena, program);
	h->next = s->hosts;
	s->hosts = h;
	if (!tool_path(p, program, &h->path))
		return err_set(e, ERR_MISSING, "there is no '" STR_FMT "' in PATH", STR_ARG(program));
	if (identify(p, h, e) < 0) {
		h->executable = (struct str){ 0 };
		return -1;
	}
	*out = h;
	return 0;
}

/* The folders of packages as they are now: their own signatures, and the contents of their .pth files. */
static void
describe_folders(struct project *p, struct pyhost *h, struct buf *out)
{
	for (size_t i = 0; i < h->nfolders; i++) {
		struct file_stat st;
		struct file_entry *v;
		size_t n;
		const char *path = arena_z(&p->arena, h->folders[i]);
		leaves_folder(p->leaves, h->folders[i]);
		buf_text(out, h->folders[i]);
		if (file_stat(AT_FDCWD, path, true, &st, NULL) < 0 || file_list(AT_FDCWD, path, &p->arena, &v, &n, NULL) < 0)
			continue;
		buf_u64(out, st.dev);
		buf_u64(out, st.ino);
		buf_u64(out, (uint64_t)st.mtime);
		for (size_t k = 0; k < n; k++) {
			struct digest d;
			const bool listed = str_ends(v[k].name, STR(".pth")) || str_ends(v[k].name, STR(".egg-link"));
			if (listed && tool_content(p, path_join(&p->arena, h->folders[i], v[k].name), &d, NULL, NULL) == 0)
				buf_put(out, (struct str){ (const char *)d.b, sizeof d.b });
			else if (str_ends(v[k].name, STR("-info")))
				buf_text(out, v[k].name);
		}
	}
}

static int
read_dists(struct str json, struct arena *a, struct pyhost *h, struct err *e)
{
	AUTO_JS v = NULL;
	if (js_parse(json, "the interpreter's list of packages", &v, e) < 0)
		return -1;
	const struct js *list = js_get(v, "dists");
	if (js_len(list) > MAX_DISTS)
		return err_set(e, ERR_WORLD, "the interpreter names more than %u packages", MAX_DISTS);
	h->paths = texts(js_get(v, "paths"), a, &h->npaths);
	h->ndists = 0;
	h->dists = arena_array(a, struct pydist, js_len(list) + 1);
	for (size_t i = 0; i < js_len(list); i++) {
		const struct js *x = js_at(list, i);
		struct pydist *d = &h->dists[h->ndists];
		d->name = arena_str(a, js_str(js_get(x, "name")));
		d->version = arena_str(a, js_str(js_get(x, "version")));
		d->folder = arena_str(a, js_str(js_get(x, "folder")));
		d->requires = texts(js_get(x, "requires"), a, &d->nrequires);
		d->top = texts(js_get(x, "top"), a, &d->ntop);
		d->scripts = texts(js_get(x, "scripts"), a, &d->nscripts);
		d->points = texts(js_get(x, "points"), a, &d->npoints);
		h->ndists += d->name.n > 0 && d->name.n < 200 && absolute(d->folder);
	}
	return 0;
}

int
pyhost_packages(struct project *p, struct pyhost *h, struct err *e)
{
	AUTO_BUF about = { 0 }, answer = { 0 };
	if (h->asked)
		return 0;
	describe_folders(p, h, &about);
	const struct str key = cache_key(p, "dists", h->executable, buf_str(&about));
	if (!known(p, key, &answer) || read_dists(buf_str(&answer), &p->arena, h, NULL) < 0) {
		buf_reset(&answer);
		if (ask(p, h->executable, "dists", &answer, e) < 0 || read_dists(buf_str(&answer), &p->arena, h, e) < 0)
			return -1;
		keep(p, key, buf_str(&answer));
	}
	h->asked = true;
	return 0;
}

/* Lines of RECORD that say what is installed, without those that differ from place to place: scripts, bytecode, who installed it. */
static bool
counts(struct str line)
{
	static const char *const others[] = { "/INSTALLER,", "/REQUESTED,", "/direct_url.json,", "/RECORD,", ".pyc,", "__pycache__/" };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (str_find(line, str_z(others[i])) != SIZE_MAX)
			return false;
	return line.n > 0 && !str_starts(line, STR("../"));
}

static int
compare(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int
read_record(struct project *p, struct pydist *d, struct err *e)
{
	static const char *const names[] = { "RECORD", "METADATA", "PKG-INFO" };
	AUTO_BUF text = { 0 };
	struct digest unused;
	size_t i = 0;
	struct str path;
	for (; i < 3; i++) {
		path = path_join(&p->arena, d->folder, str_z(names[i]));
		if (tool_content(p, path, &unused, NULL, NULL) == 0)
			break;
	}
	if (i == 3)
		return 0;
	if (file_read(AT_FDCWD, arena_z(&p->arena, path), RECORD_LIMIT, &text, e) < 0)
		return -1;
	VEC(struct str) lines = { 0 };
	for (struct str_cut c = { .tail = buf_str(&text) }; c.tail.n;) {
		c = str_cut(c.tail, '\n');
		if (counts(str_trim(c.head)))
			VEC_PUSH(&lines, str_trim(c.head));
	}
	if (lines.n)
		qsort(lines.v, lines.n, sizeof *lines.v, compare);
	AUTO_BUF all = { 0 };
	for (size_t k = 0; k < lines.n; k++)
		buf_text(&all, lines.v[k]);
	VEC_DONE(&lines);
	d->record = digest_of(buf_str(&all));
	return 0;
}

int
pyhost_dist_fields(struct project *p, struct pyhost *h, struct pydist *d, bool *seen, struct key *k, struct err *e)
{
	VEC(size_t) todo = { 0 };
	int rc = 0;
	if (!seen[d - h->dists])
		VEC_PUSH(&todo, (size_t)(d - h->dists));
	while (todo.n && rc == 0) {
		const size_t i = todo.v[--todo.n];
		struct pydist *x = &h->dists[i];
		if (seen[i])
			continue;
		seen[i] = true;
		if (!x->known && read_record(p, x, e) < 0) {
			rc = -1;
			break;
		}
		x->known = true;
		const struct str name = key_find(k, STR("package"), x->name) ? x->folder : x->name;
		key_text(k, "package", name, arena_printf(&p->arena, STR_FMT " " STR_FMT, STR_ARG(x->version),
							  STR_ARG(digest_str(&x->record, &p->arena))));
		for (size_t r = 0; r < x->nrequires; r++)
			for (size_t j = 0; j < h->ndists; j++)
				if (!seen[j] && str_eq(h->dists[j].name, x->requires[r]))
					VEC_PUSH(&todo, j);
	}
	VEC_DONE(&todo);
	return rc;
}

int
pyhost_fields(struct project *p, struct pyhost *h, struct str module, bool *seen, struct key *k, struct err *e)
{
	bool found = false;
	for (size_t i = 0; i < h->ndists; i++) {
		for (size_t t = 0; t < h->dists[i].ntop; t++) {
			if (!str_eq(h->dists[i].top[t], module))
				continue;
			found = true;
			if (pyhost_dist_fields(p, h, &h->dists[i], seen, k, e) < 0)
				return -1;
		}
	}
	if (!found)
		key_text(k, "module", module, STR("none"));
	return 0;
}

struct pydist *
pyhost_script(struct pyhost *h, struct str name)
{
	for (size_t i = 0; i < h->ndists; i++)
		for (size_t t = 0; t < h->dists[i].nscripts; t++)
			if (str_eq(h->dists[i].scripts[t], name))
				return &h->dists[i];
	return NULL;
}
