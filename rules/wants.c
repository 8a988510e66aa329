/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/wants.h"

#include <string.h>

#include "base/toml.h"
#include "cache/stats.h"
#include "rules/interpreter.h"
#include "rules/localwheel.h"
#include "rules/pyproject.h"
#include "rules/snapshot.h"
#include "rules/wheelset.h"
#include "rules/workspace.h"
#include "sys/file.h"

int
wants_read(void *ctx, struct str path, struct buf *out, struct err *e)
{
	return workspace_read(ctx, path, TOML_MAX, out, e);
}

static int
read_small(void *ctx, struct str path, struct buf *out, struct err *e)
{
	if (wants_read(ctx, path, out, e) < 0)
		return -1;
	return out->n <= REQFILE_LIMIT ? 0 : err_set(e, ERR_INPUT, "'" STR_FMT "' is larger than %zu MiB", STR_ARG(path), REQFILE_LIMIT >> 20);
}

static const char *
variable(void *ctx, struct str name)
{
	struct project *p = ctx;
	const char *value = project_env(p, name);

	leaves_var(p->leaves, name, value);
	return value;
}

static bool
there(void *ctx, struct str path)
{
	struct project *p = ctx;

	return file_exists(p->fd, arena_z(&p->arena, path));
}

struct reqfile_reader
wants_reader(struct project *p)
{
	return (struct reqfile_reader){ .read = read_small, .variable = variable, .index = wants_index, .there = there, .root = p->root, .ctx = p };
}

void
wants_note(struct project *p, const struct reqset *s)
{
	for (size_t i = 0; i < s->noptions; i++)
		if (str_find(s->options[i], STR("://")) != SIZE_MAX)
			wheel_index_note(p, s->options[i]);
}

/* ---- indexes by alias ---- */

/* A named index of a uv.toml, or of [tool.uv] of a pyproject.toml. */
static const char *
index_in(struct project *p, struct str path, bool pyproject, struct str alias)
{
	AUTO_BUF text = { 0 };
	AUTO_JS doc = NULL;

	if (wants_read(p, path, &text, NULL) < 0 || toml_parse(buf_str(&text), "it", &doc, NULL) < 0)
		return NULL;
	const struct js *list = js_get(pyproject ? js_get(js_get(doc, "tool"), "uv") : doc, "index");
	for (size_t i = 0; i < js_len(list); i++)
		if (str_eq(js_str(js_get(js_at(list, i), "name")), alias) && js_str(js_get(js_at(list, i), "url")).n)
			return arena_z(&p->arena, js_str(js_get(js_at(list, i), "url")));
	return NULL;
}

/* PAWL_INDEX_CORP of the alias "corp". */
static const char *
index_variable(struct project *p, struct str alias)
{
	AUTO_BUF name = { 0 };

	buf_puts(&name, "PAWL_INDEX_");
	for (size_t i = 0; i < alias.n; i++) {
		char c = alias.p[i];
		buf_putc(&name, c >= 'a' && c <= 'z' ? (char)(c - 32) : (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_');
	}
	return variable(p, arena_str(&p->arena, buf_str(&name)));
}

const char *
wants_index(void *ctx, struct str alias)
{
	struct project *p = ctx;
	const char *url = index_variable(p, alias), *home = variable(p, STR("XDG_CONFIG_HOME")), *user = variable(p, STR("HOME"));

	if (url && *url)
		return url;
	for (struct str_cut c = { .tail = str_z(variable(p, STR("UV_INDEX"))), .ok = true }; c.ok;) {
		c = str_cut(c.tail, ' ');
		struct str_cut named = str_cut(c.head, '=');
		if (named.ok && str_eq(named.head, alias))
			return arena_z(&p->arena, named.tail);
	}
	url = index_in(p, STR("uv.toml"), false, alias);
	if (!url)
		url = index_in(p, STR("pyproject.toml"), true, alias);
	if (!url && home && *home == '/')
		url = index_in(p, path_join(&p->arena, str_z(home), STR("uv/uv.toml")), false, alias);
	else if (!url && user && *user == '/')
		url = index_in(p, path_join(&p->arena, str_z(user), STR(".config/uv/uv.toml")), false, alias);
	return url;
}

/* ---- all of it ---- */

static int
not_together(struct project *p, const struct wants *w, const char *a, const char *b, struct err *e)
{
	diags_add(&p->diags, SEVERITY_ERROR, w->env->python_at, "python-sources", (struct str){ 0 },
		  "environment '" STR_FMT "': '%s' and '%s' under 'python' exclude each other", STR_ARG(w->env->name), a, b);
	return err_set(e, ERR_INPUT, "'%s' and '%s' exclude each other", a, b);
}

static int
read_wants(struct project *p, struct wants *w, struct err *e)
{
	const struct ir_python *py = &w->env->python;
	const struct {
		bool there;
		const char *name;
	} table[] = { { py->lock.n > 0, "lock" }, { py->replicate, "replicate" }, { py->requirements.n > 0, "requirements" },
		      { py->pyproject.n > 0 && !py->lock.n, "pyproject" }, { py->constraints.n > 0, "constraints" } };

	for (size_t i = 0; i < 2; i++)
		for (size_t k = i + 1; table[i].there && k < sizeof table / sizeof *table; k++)
			if (table[k].there)
				return not_together(p, w, table[i].name, table[k].name, e);
	if (py->groups.n && !py->lock.n && !py->pyproject.n) {
		diags_add(&p->diags, SEVERITY_ERROR, w->env->python_at, "python-sources", STR("name where they are: 'pyproject' or 'lock'"),
			  "environment '" STR_FMT "': 'groups' without 'pyproject' or 'lock'", STR_ARG(w->env->name));
		return err_set(e, ERR_INPUT, "'groups' without 'pyproject' or 'lock'");
	}
	return py->lock.n ? wants_lock(p, w, e) : py->replicate ? wants_installed(p, w, e) : wants_set(p, w, e);
}

/* A folder of this machine as the project sees it: relative, with "../" in front where it lies outside. */
static struct str
from_root(struct project *p, struct str path)
{
	struct str up = { 0 }, folder = p->root;

	if (!path.n || path.p[0] != '/')
		return path_clean(&p->arena, path);
	while (!path_inside(path, folder) && folder.n > 1) {
		folder = path_dir(folder);
		up = arena_printf(&p->arena, "../" STR_FMT, STR_ARG(up));
	}
	struct str rest = str_drop(path, folder.n + (folder.n > 1 && path.n > folder.n));
	return path_clean(&p->arena, arena_printf(&p->arena, STR_FMT STR_FMT, STR_ARG(up), STR_ARG(rest)));
}

/* Their metadata and scripts; a pyproject.toml that is broken was a mistake before. */
static void
describe(struct project *p, struct wants *w)
{
	struct pyproject *t = arena_array(&p->arena, struct pyproject, w->nfolders);

	w->local.v = arena_array(&p->arena, struct wheel_pin, w->nfolders);
	for (size_t i = 0; i < w->nfolders; i++) {
		struct wheel_pin pin;
		struct str bytes;
		bool twice = false;
		if (pyproject_read(p, w->folders[i].path, &t[i], NULL) < 0 || !localwheel_make(&t[i], &p->arena, &pin, &bytes))
			continue;
		for (size_t k = 0; k < w->local.n; k++)
			twice = twice || str_eq(w->local.v[k].name, pin.name);
		if (twice)
			continue;
		w->local.v[w->local.n++] = pin;
		wheel_bytes_note(p, &pin.sha256, bytes);
	}
	w->projects = t;
}

static void
find_code(struct project *p, struct wants *w)
{
	struct str *code = arena_array(&p->arena, struct str, w->nfolders);
	struct otherlock_folder *folders = arena_array(&p->arena, struct otherlock_folder, w->nfolders);

	for (size_t i = 0; i < w->nfolders; i++) {
		folders[i] = (struct otherlock_folder){ w->folders[i].name, from_root(p, w->folders[i].path) };
		code[i] = pyproject_code(p, folders[i].path);
	}
	w->folders = folders;
	w->code = code;
	describe(p, w);
}

static bool
is_local(const struct wants *w, struct str name)
{
	for (size_t i = 0; i < w->local.n; i++)
		if (str_eq(w->local.v[i].name, name))
			return true;
	return false;
}

void
wants_without_local(const struct wants *w, const struct wheel_set *all, struct arena *a, struct wheel_set *out)
{
	struct wheel_set s = { .v = arena_array(a, struct wheel_pin, all->n) };

	for (size_t i = 0; i < all->n; i++)
		if (!is_local(w, all->v[i].name))
			s.v[s.n++] = all->v[i];
	wheel_set_settle(&s, a);
	*out = s;
}

void
wants_with_local(const struct wants *w, const struct wheel_set *resolved, struct arena *a, struct wheel_set *out)
{
	struct wheel_set s = { .v = arena_array(a, struct wheel_pin, resolved->n + w->local.n) };

	for (size_t i = 0; i < resolved->n; i++)
		if (!is_local(w, resolved->v[i].name))
			s.v[s.n++] = resolved->v[i];
	for (size_t i = 0; i < w->local.n; i++)
		s.v[s.n++] = w->local.v[i];
	wheel_set_settle(&s, a);
	*out = s;
}

struct str
environment_script(struct project *p, const struct ir_environment *env, struct str name)
{
	struct wants *w;
	struct str module = { 0 };

	if (!env || !env->python.on || environment_wants(p, env, &w, NULL) < 0)
		return module;
	for (size_t i = 0; i < w->nfolders && !module.n; i++)
		if (w->projects[i].doc)
			module = localwheel_script(&w->projects[i], name);
	return module;
}

size_t
environment_code(struct project *p, const struct ir_environment *env, const struct str **out)
{
	struct wants *w;

	if (!env || !env->python.on || environment_wants(p, env, &w, NULL) < 0)
		return 0;
	*out = w->code;
	return w->nfolders;
}

static bool
in_path(struct str path, struct str one)
{
	for (struct str_cut c = { .tail = path, .ok = path.n > 0 }; c.ok;) {
		c = str_cut(c.tail, ':');
		if (str_eq(c.head, one))
			return true;
	}
	return false;
}

struct str
environment_python_path(struct project *p, const struct ir_environment *env, struct str workdir, struct str path, struct arena *a)
{
	const struct str *code;
	const size_t n = environment_code(p, env, &code);

	for (size_t i = 0; i < n; i++) {
		struct str one = workdir.n ? wants_in_image(workdir, code[i], a) : path_clean(a, path_join(a, p->root, code[i]));
		if (!in_path(path, one))
			path = path.n ? arena_printf(a, STR_FMT ":" STR_FMT, STR_ARG(path), STR_ARG(one)) : one;
	}
	return path;
}

bool
wants_outside(const struct project *p, struct str path)
{
	for (const struct wants *w = p->python ? p->python->wants : NULL; w; w = w->next)
		for (size_t i = 0; i < w->nfolders; i++)
			if (path_inside(path, w->code[i]))
				return true;
	return false;
}

struct str
wants_in_image(struct str workdir, struct str path, struct arena *a)
{
	unsigned up = 0;

	path = path_clean(a, path);
	for (; str_starts(path, STR("../")) || str_is(path, ".."); up++)
		path = str_drop(path, 3);
	if (up)
		return path_clean(a, arena_printf(a, "/opt/pawl/up%u/" STR_FMT, up, STR_ARG(path)));
	return path_clean(a, arena_printf(a, "/" STR_FMT "/" STR_FMT, STR_ARG(workdir), STR_ARG(path)));
}

int
environment_wants(struct project *p, const struct ir_environment *env, struct wants **out, struct err *e)
{
	struct python_state *state = python_state(p);

	for (struct wants *w = state->wants; w; w = w->next)
		if (w->env == env) {
			*out = w;
			return 0;
		}
	struct wants *w = arena_new(&p->arena, struct wants);
	w->env = env;
	if (read_wants(p, w, e) < 0)
		return err_wrap(e, "environment '" STR_FMT "'", STR_ARG(env->name));
	find_code(p, w);
	w->next = state->wants;
	state->wants = w;
	*out = w;
	return 0;
}

bool
wants_nothing(const struct wants *w)
{
	return !w->exact && !w->set.n;
}
