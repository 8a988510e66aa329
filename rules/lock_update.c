/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"
#include "base/vec.h"
#include "rules/lock.h"

struct names {
	VEC_FIELDS(struct str);
};

static void
mark(struct lock *l, const char *section, struct str entry)
{
	struct js *of = js_get(l->stale, section);
	if (!of) {
		of = js_map();
		js_set(l->stale, section, of);
	}
	js_set_str(of, entry, js_bool(true));
}

static bool
has_package(const struct js *wheels, struct str package, struct names *known)
{
	bool found = false;
	for (size_t i = 0; i < js_len(wheels); i++) {
		struct str name = js_str(js_get(js_at(wheels, i), "name"));
		VEC_PUSH(known, name);
		found = found || str_eq(name, package);
	}
	return found;
}

/* Is the entry meant by this name? known collects what could have been meant, for the hint. */
static bool
meant(const char *section, struct str key, const struct js *entry, struct str name, struct names *known)
{
	struct str first = (struct str){ 0 }, second = first;
	if (section[0] == 'p') {
		first = str_rcut(key, '@').head;
	} else if (section[0] == 'b') {
		first = str_cut(js_str(js_get(entry, "name")), '+').head; /* "debian:bookworm+python3" */
		second = str_cut(first, ':').tail;
	} else {
		return has_package(js_get(entry, section[0] == 'a' ? "debs" : "wheels"), name, known);
	}
	VEC_PUSH(known, first);
	if (second.n)
		VEC_PUSH(known, second);
	return str_eq(key, name) || str_eq(first, name) || str_eq(second, name);
}

/* False: nothing has that name; name empty: everything has it. */
static bool
mark_all(struct lock *l, struct str name, struct names *known)
{
	static const char *const sections[] = { "parents", "bootstraps", "apt", "requirements" };
	bool found = false;
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		const struct js *s = js_get(l->doc, sections[i]);
		for (void *it = js_first(s); it; it = js_next(s, it)) {
			if (name.n && !meant(sections[i], js_key(it), js_value(it), name, known))
				continue;
			mark(l, sections[i], js_key(it));
			found = true;
		}
	}
	return found;
}

int
lock_update(struct lock *l, const struct str *names, size_t n, bool all, struct err *e)
{
	struct names known = { 0 };
	int rc = 0;
	if (!n && !all)
		return 0;
	l->stale = js_map();
	l->moving = js_map();
	l->moving_all = all;
	if (all)
		(void)mark_all(l, (struct str){ 0 }, &known); /* an empty lock has nothing to mark */
	for (size_t i = 0; i < n && rc == 0; i++) {
		js_set_str(l->moving, names[i], js_bool(true));
		if (mark_all(l, names[i], &known))
			continue;
		struct str near = suggest(names[i], known.v, known.n);
		rc = near.n ? err_set(e, ERR_INPUT, "--update: pawl.lock has no '" STR_FMT "'; did you mean '" STR_FMT "'?", STR_ARG(names[i]),
				      STR_ARG(near))
			    : err_set(e, ERR_INPUT,
				      "--update: pawl.lock has no '" STR_FMT "'; it takes the name of a package, of a parent, or of a suite",
				      STR_ARG(names[i]));
	}
	VEC_DONE(&known);
	return rc;
}

bool
lock_stale(const struct lock *l, const char *section, struct str name)
{
	return js_get_str(js_get(l->stale, section), name) != NULL;
}

bool
lock_moves(const struct lock *l, struct str package)
{
	return l->moving_all || js_get_str(l->moving, package) != NULL;
}
