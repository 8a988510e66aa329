/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "rules/otherlock.h"

/* pylock.toml, PEP 751: packages with markers over the target, and over the extras and groups that are asked for. */

static struct str
normal(struct otherlock_walk *w, struct str name)
{
	struct str norm = name;

	(void)pep503_name(name, w->a, &norm);
	return norm;
}

static bool
lists(struct otherlock_walk *w, const struct js *list, struct str name)
{
	for (size_t i = 0; i < js_len(list); i++)
		if (str_eq(normal(w, js_str(js_at(list, i))), name))
			return true;
	return false;
}

/* The groups that it takes by default, and what the user names on top. */
static int
choose_groups(struct otherlock_walk *w)
{
	const struct js *extras = js_get(w->lock->doc, "extras"), *groups = js_get(w->lock->doc, "dependency-groups"),
			*defaults = js_get(w->lock->doc, "default-groups");
	const struct otherlock_question *q = w->q;
	struct str *e = arena_array(w->a, struct str, q->ngroups), *g = arena_array(w->a, struct str, q->ngroups + js_len(defaults));
	size_t ne = 0, ng = 0;

	for (size_t i = 0; i < js_len(defaults); i++)
		g[ng++] = normal(w, js_str(js_at(defaults, i)));
	for (size_t i = 0; i < q->ngroups; i++) {
		struct str name = normal(w, q->groups[i]);
		const bool extra = lists(w, extras, name), group = lists(w, groups, name);
		if (extra)
			e[ne++] = name;
		if (group)
			g[ng++] = name;
		if (!extra && !group && !lists(w, defaults, name)) {
			struct str known[64];
			size_t n = 0;
			for (size_t k = 0; k < js_len(extras) && n < 32; k++)
				known[n++] = js_str(js_at(extras, k));
			for (size_t k = 0; k < js_len(groups) && n < 64; k++)
				known[n++] = js_str(js_at(groups, k));
			return otherlock_no_group(w, q->groups[i], known, n);
		}
	}
	w->env.extras = e;
	w->env.nextras = ne;
	w->env.groups = g;
	w->env.ngroups = ng;
	return 0;
}

static int
for_this_target(struct otherlock_walk *w)
{
	const struct js *environments = js_get(w->lock->doc, "environments");
	struct str python = js_str(js_get(w->lock->doc, "requires-python"));
	bool on;

	if (otherlock_python(w, python, &on) < 0)
		return -1;
	if (!on)
		return err_set(w->e, ERR_INPUT, "it is for Python " STR_FMT ", and the environment has " STR_FMT, STR_ARG(python),
			       STR_ARG(w->env.python_full_version));
	on = js_len(environments) == 0;
	for (size_t i = 0; i < js_len(environments) && !on; i++)
		if (otherlock_marker(w, js_str(js_at(environments, i)), &on) < 0)
			return -1;
	if (!on)
		return err_set(w->e, ERR_INPUT, "none of its environments is Python " STR_FMT " on " STR_FMT, STR_ARG(w->env.python_full_version),
			       STR_ARG(w->env.platform_machine));
	return 0;
}

static struct str
sha256_of(struct otherlock_walk *w, const struct js *f)
{
	struct str hex = js_str(js_get(js_get(f, "hashes"), "sha256"));

	return hex.n ? arena_printf(w->a, "sha256:" STR_FMT, STR_ARG(hex)) : hex;
}

static int
file_of(struct otherlock_walk *w, const struct js *f, struct resolver_file *out)
{
	return otherlock_file(w, js_str(js_get(f, "url")), w->lock->folder, js_str(js_get(f, "path")), js_str(js_get(f, "name")), sha256_of(w, f),
			      js_num(js_get(f, "size")), out);
}

static int
add_vcs(struct otherlock_walk *w, const struct js *vcs, struct resolver_package *out)
{
	struct str type = js_str(js_get(vcs, "type")), url = js_str(js_get(vcs, "url")), path = js_str(js_get(vcs, "path"));
	struct str commit = js_str(js_get(vcs, "commit-id"));

	if (!str_is(type, "git"))
		return err_set(w->e, ERR_INPUT, "its version control '" STR_FMT "' is not known: only git is", STR_ARG(str_take(type, 40)));
	if (!otherlock_commit(commit))
		return err_set(w->e, ERR_INPUT, "its commit-id is not 40 or 64 hex digits");
	if (!url.n)
		url = arena_printf(w->a, "file://" STR_FMT, STR_ARG(otherlock_path(w, path)));
	out->source = (struct resolver_source){ .kind = SOURCE_GIT, .repository = arena_str(w->a, url), .commit = arena_str(w->a, commit),
						.subdirectory = arena_str(w->a, js_str(js_get(vcs, "subdirectory"))) };
	return 0;
}

static bool
is_wheel(const struct resolver_file *f)
{
	return str_ends(f->file, STR(".whl"));
}

static int
add_files(struct otherlock_walk *w, const struct js *p, struct resolver_package *out)
{
	const struct js *wheels = js_get(p, "wheels"), *sdist = js_get(p, "sdist"), *archive = js_get(p, "archive");
	size_t n = js_len(wheels);

	if (n > OTHERLOCK_FILES)
		return err_set(w->e, ERR_INPUT, "more than %d files", OTHERLOCK_FILES);
	out->v = arena_array(w->a, struct resolver_file, n + 1);
	for (size_t i = 0; i < n; i++)
		if (file_of(w, js_at(wheels, i), &out->v[i]) < 0)
			return -1;
	out->n = n;
	if (js_type(sdist) == JS_MAP) {
		out->source.kind = SOURCE_ARCHIVE;
		return file_of(w, sdist, &out->source.file);
	}
	if (js_type(archive) != JS_MAP)
		return 0;
	if (file_of(w, archive, &out->source.file) < 0)
		return -1;
	if (is_wheel(&out->source.file)) {
		out->v[out->n++] = out->source.file;
		out->source = (struct resolver_source){ 0 };
	} else {
		out->source.kind = SOURCE_ARCHIVE;
		out->source.subdirectory = arena_str(w->a, js_str(js_get(archive, "subdirectory")));
	}
	return 0;
}

static int
add_package(struct otherlock_walk *w, const struct js *p)
{
	const struct js *folder = js_get(p, "directory"), *vcs = js_get(p, "vcs");
	struct resolver_package r = { .name = arena_str(w->a, js_str(js_get(p, "name"))), .version = arena_str(w->a, js_str(js_get(p, "version"))) };
	struct str python = js_str(js_get(p, "requires-python"));
	bool on;

	if (!r.name.n)
		return err_set(w->e, ERR_INPUT, "a package without a name");
	int bad = otherlock_marker(w, js_str(js_get(p, "marker")), &on);
	if (!bad && !on)
		return 0;
	if (!bad)
		bad = otherlock_python(w, python, &on);
	if (!bad && !on)
		bad = err_set(w->e, ERR_INPUT, "it needs Python " STR_FMT ", and the environment has " STR_FMT, STR_ARG(python),
			      STR_ARG(w->env.python_full_version));
	if (!bad && js_type(folder) == JS_MAP)
		otherlock_add_folder(w, r.name, js_str(js_get(folder, "path")));
	else if (!bad)
		bad = js_type(vcs) == JS_MAP ? add_vcs(w, vcs, &r) : add_files(w, p, &r);
	if (bad)
		return err_wrap(w->e, "package '" STR_FMT "'", STR_ARG(str_take(r.name, 100)));
	if (js_type(folder) != JS_MAP)
		VEC_PUSH(&w->packages, r);
	return 0;
}

int
otherlock_pylock(struct otherlock_walk *w)
{
	const struct js *list = js_get(w->lock->doc, "packages");

	if (js_len(list) > OTHERLOCK_PACKAGES)
		return err_set(w->e, ERR_INPUT, "more than %d packages", OTHERLOCK_PACKAGES);
	if (for_this_target(w) < 0 || choose_groups(w) < 0)
		return -1;
	for (size_t i = 0; i < js_len(list); i++)
		if (add_package(w, js_at(list, i)) < 0)
			return -1;
	return 0;
}
