/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pyclosure.h"

#include <stdlib.h>
#include <string.h>

#include "sys/file.h"

#define CHAIN_MAX 1000

void
closure_init(struct closure *c, struct pyfiles *files, struct arena *a)
{
	*c = (struct closure){ .files = files, .arena = a };
}

void
closure_done(struct closure *c)
{
	VEC_DONE(&c->modules);
	VEC_DONE(&c->queue);
	VEC_DONE(&c->waiting);
	VEC_DONE(&c->packages);
	VEC_DONE(&c->made);
	VEC_DONE(&c->added);
	VEC_DONE(&c->contents);
	map_done(&c->by_path);
	map_done(&c->seen);
}

static void
push(struct closure *c, int kind, uint32_t module, uint32_t unit, struct str chain)
{
	struct closure_item item = { .module = module, .unit = unit, .chain = chain, .by = c->now };
	item.kind = kind;
	VEC_PUSH(&c->queue, item);
}

static void
make_room(struct closure *c, uint32_t m, const struct pyfacts *f)
{
	c->modules.v[m].reached = arena_array(c->arena, bool, f->nunits + 1);
	c->modules.v[m].cause = arena_array(c->arena, struct pycause, f->nunits + 1);
	c->modules.v[m].target = arena_array(c->arena, uint32_t, f->nimports + 1);
}

static void
unit(struct closure *c, uint32_t m, uint32_t u)
{
	struct pymodule *x = &c->modules.v[m];
	if (!x->reached || x->reached[u])
		return;
	x->reached[u] = true;
	x->cause[u] = c->now;
	push(c, ITEM_UNIT, m, u, STR(""));
}

/* What is left of a chain that has led to a module. */
static void
follow(struct closure *c, uint32_t m, struct str rest)
{
	const struct str_cut cut = str_cut(rest, '.');
	static const char *const harmless[] = { "__name__", "__file__", "__doc__", "__package__", "__spec__", "__loader__" };
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		if (str_is(cut.head, harmless[i]))
			return;
	if (str_is(cut.head, "__path__")) {
		closure_package(c, c->modules.v[m].folder, c->modules.v[m].from, c->modules.v[m].line);
		return;
	}
	if (rest.n == 0 || str_is(cut.head, "__dict__")) {
		if (!c->modules.v[m].why_wide)
			c->modules.v[m].why_wide = "it is used as a value";
		push(c, ITEM_WIDEN, m, 0, STR(""));
		return;
	}
	if (rest.n > CHAIN_MAX)
		return;
	const struct str key = arena_printf(c->arena, "%u:" STR_FMT, m, STR_ARG(rest));
	if (map_get(&c->seen, key) != MAP_NONE)
		return;
	map_put(&c->seen, key, 1);
	push(c, ITEM_NAME, m, 0, str_drop(key, str_find_char(key, ':') + 1));
}

static struct str
folder_up(struct closure *c, const struct pymodule *m, uint32_t level)
{
	struct str folder = m->folder;
	for (uint32_t i = 1; i < level; i++) {
		if (str_is(folder, "."))
			return (struct str){ 0 };
		folder = path_dir(folder);
	}
	(void)c;
	return folder;
}

void
closure_third_party(struct closure *c, struct str dotted)
{
	const struct str top = str_cut(dotted, '.').head;
	if (top.n == 0 || str_is(top, "__main__"))
		return;
	for (size_t i = 0; i < c->packages.n; i++)
		if (str_eq(c->packages.v[i], top))
			return;
	VEC_PUSH(&c->packages, top);
}

/* The module that an import statement names (without the name behind `import`); UINT32_MAX: not ours, or not there. */
static uint32_t
target(struct closure *c, uint32_t m, const struct pyimport *i)
{
	if (i->level == 0) {
		bool ours = i->standard;
		const uint32_t found = closure_find(c, i->module, m, i->line, &ours);
		/* A folder that may be a namespace package comes after what is installed under its name. */
		const bool folder = found != UINT32_MAX && c->modules.v[found].kind == PYMOD_NAMESPACE;
		if (((found == UINT32_MAX && !ours) || folder) && !i->standard)
			closure_third_party(c, i->module);
		return found;
	}
	const struct str folder = folder_up(c, &c->modules.v[m], i->level);
	if (!folder.n)
		return UINT32_MAX;
	if (i->module.n)
		return closure_inside(c, folder, i->module, m, i->line);
	struct pyfile *init = closure_look(c, path_clean(c->arena, path_join(c->arena, folder, STR("__init__.py"))));
	const uint32_t found = init->type == PYFILE_FILE ? closure_at(c, init, folder, PYMOD_PACKAGE) : closure_at(c, NULL, folder, PYMOD_NAMESPACE);
	if (found != UINT32_MAX)
		closure_import(c, found, m, i->line);
	return found;
}

/* A module of the same name as what is asked of a package. */
static uint32_t
submodule(struct closure *c, uint32_t m, struct str name)
{
	const struct pymodule *x = &c->modules.v[m];
	if (x->kind != PYMOD_PACKAGE && x->kind != PYMOD_NAMESPACE)
		return UINT32_MAX;
	return closure_inside(c, x->folder, name, x->from, x->line);
}

static const struct pyfacts *
facts_of(const struct closure *c, uint32_t m)
{
	const struct pymodule *x = &c->modules.v[m];
	return x->file && x->kind != PYMOD_EXTENSION ? x->file->facts : NULL;
}

/* True: its facts will come, and are not here yet. */
static bool
pending(const struct closure *c, uint32_t m)
{
	const struct pymodule *x = &c->modules.v[m];
	return x->file && x->kind != PYMOD_EXTENSION && x->file->wanted && !x->file->facts;
}

static bool
is_place(const struct pyimport *i)
{
	return i->name.n && (i->name.p[0] == '<' || i->name.p[0] == '>' || i->name.p[0] == '=' || i->name.p[0] == '!');
}

static void
executed(struct closure *c, uint32_t m, uint32_t number)
{
	const struct pyfacts *f = facts_of(c, m);
	const struct pyimport *i = &f->imports[number];
	if (is_place(i)) {
		closure_place(c, m, i);
		return;
	}
	if (str_is(i->name, "?")) {
		const struct str folder = folder_up(c, &c->modules.v[m], i->level);
		if (i->module.n == 0) {
			if (folder.n)
				closure_package(c, i->level ? folder : STR("."), m, i->line);
			return;
		}
		const struct pyimport package = { .level = i->level, .module = i->module, .line = i->line };
		const uint32_t t = target(c, m, &package);
		if (t != UINT32_MAX)
			closure_package(c, c->modules.v[t].folder, m, i->line);
		return;
	}
	const uint32_t t = target(c, m, i);
	if (t == UINT32_MAX || i->name.n == 0)
		return;
	/* `from t import name`: which of the two it is, is known when t's facts are */
	push(c, ITEM_NAME, m, number + 1, i->name);
}

/* `from t import name` was executed in m: a name of t, else a module below it. */
static void
imported_name(struct closure *c, uint32_t m, uint32_t number)
{
	const struct pyimport i = facts_of(c, m)->imports[number];
	const uint32_t t = target(c, m, &i);
	if (t == UINT32_MAX)
		return;
	const struct pyfacts *f = facts_of(c, t);
	const bool bound = f && pyfacts_find(f, i.name);
	if (str_is(i.name, "*") || (!bound && submodule(c, t, i.name) != UINT32_MAX))
		return;
	c->modules.v[m].target[number] = t + 1;
}

/* The value that an import binds, and the rest of a chain behind it. */
static void
through_import(struct closure *c, uint32_t m, uint32_t number, bool root, struct str rest)
{
	struct pyimport i = facts_of(c, m)->imports[number];
	if (str_is(i.name, "?") || str_is(i.name, "*") || is_place(&i))
		return;
	if (root)
		i.module = str_cut(i.module, '.').head;
	const uint32_t t = target(c, m, &i);
	if (t == UINT32_MAX)
		return;
	if (i.name.n == 0)
		follow(c, t, rest);
	else
		follow(c, t, rest.n ? arena_printf(c->arena, STR_FMT "." STR_FMT, STR_ARG(i.name), STR_ARG(rest)) : i.name);
}

static bool
exports(const struct pyfacts *f, struct str name)
{
	if (!f || f->all == PY_ALL_COMPUTED)
		return true;
	if (f->all == PY_ALL_NONE)
		return name.n == 0 || name.p[0] != '_';
	for (size_t i = 0; i < f->nnames; i++)
		if (str_eq(f->names[i], name))
			return true;
	return false;
}

/* The line of the first statement that binds a name. */
static uint32_t
first_line(const struct pyfacts *f, const struct pybind *b)
{
	uint32_t first = UINT32_MAX;
	for (size_t i = 0; i < b->n; i++) {
		const uint32_t n = b->v[i].n;
		const uint32_t line = b->v[i].kind == PY_UNIT ? f->units[n].line : f->imports[n].line;
		first = line < first ? line : first;
	}
	return first;
}

static bool
is_alias(const struct pyfacts *f, uint32_t u)
{
	return (f->units[u].flags & PY_ALIAS) && f->units[u].nrefs == 1;
}

static void reference(struct closure *c, uint32_t m, struct str ref);

/* NAME: head.rest asked of module m. What a star import brings counts unless the name is bound behind it. */
static void
name(struct closure *c, uint32_t m, struct str chain)
{
	const struct str_cut cut = str_cut(chain, '.');
	const struct pyfacts *f = facts_of(c, m);
	const struct pybind *b = f ? pyfacts_find(f, cut.head) : NULL;
	for (size_t i = 0; b && i < b->n; i++) {
		if (b->v[i].kind != PY_UNIT)
			through_import(c, m, b->v[i].n, b->v[i].kind == PY_BOUND_ROOT, cut.tail);
		else
			unit(c, m, b->v[i].n);
		if (b->v[i].kind == PY_UNIT && is_alias(f, b->v[i].n)) {
			const struct str other = f->units[b->v[i].n].refs[0];
			reference(c, m, cut.ok ? arena_printf(c->arena, STR_FMT "." STR_FMT, STR_ARG(other), STR_ARG(cut.tail)) : other);
		}
	}
	const uint32_t sub = b ? UINT32_MAX : submodule(c, m, cut.head);
	const uint32_t bound = b ? first_line(f, b) : 0;
	if (sub != UINT32_MAX)
		follow(c, sub, cut.tail);
	for (size_t i = 0; f && i < f->nimports; i++) {
		if (!str_is(f->imports[i].name, "*") || f->imports[i].line < bound)
			continue;
		const uint32_t t = target(c, m, &f->imports[i]);
		if (t == UINT32_MAX || t == m)
			continue;
		if (pending(c, t)) { /* what it exports is not known yet */
			const struct closure_item again = { .kind = ITEM_NAME, .module = m, .chain = chain, .by = c->now };
			VEC_PUSH(&c->waiting, again);
		} else if (exports(facts_of(c, t), cut.head)) {
			follow(c, t, chain);
		}
	}
	const struct pybind *hook = f && !b && sub == UINT32_MAX ? pyfacts_find(f, STR("__getattr__")) : NULL;
	for (size_t i = 0; hook && i < hook->n; i++)
		if (hook->v[i].kind == PY_UNIT)
			unit(c, m, hook->v[i].n);
}

static bool
is_package(const struct pymodule *x)
{
	return x->kind == PYMOD_PACKAGE || x->kind == PYMOD_NAMESPACE;
}

/* Is x a module directly in that package? */
static bool
lies_in(const struct pymodule *x, const struct pymodule *package)
{
	return x != package && is_package(package) &&
	       str_eq(is_package(x) ? path_dir(x->folder) : x->folder, package->folder) && (is_package(x) || x->file);
}

/* Modules are attributes of their package: whoever has it as a value has them. */
static void
widen_below(struct closure *c, uint32_t package)
{
	for (uint32_t i = 0; i < c->modules.n; i++) {
		if (!c->modules.v[i].loaded || !lies_in(&c->modules.v[i], &c->modules.v[package]))
			continue;
		if (!c->modules.v[i].why_wide)
			c->modules.v[i].why_wide = "its package is used as a value";
		push(c, ITEM_WIDEN, i, 0, STR(""));
	}
}

static void
widen(struct closure *c, uint32_t m)
{
	struct pymodule *x = &c->modules.v[m];
	if (x->wide)
		return;
	x->wide = true;
	c->wide_packages = c->wide_packages || is_package(x);
	if (is_package(x))
		widen_below(c, m);
	const struct pyfacts *f = facts_of(c, m);
	for (size_t i = 0; f && i < f->nunits; i++)
		if (f->units[i].kind != PY_MAIN || c->modules.v[m].main)
			unit(c, m, (uint32_t)i);
	for (uint32_t i = 0; f && i < f->nunits; i++)
		if (is_alias(f, i)) /* its value may be what somebody takes */
			reference(c, m, f->units[i].refs[0]);
	for (size_t i = 0; f && i < f->nbinds; i++)
		for (size_t k = 0; k < f->binds[i].n; k++)
			if (f->binds[i].v[k].kind != PY_UNIT)
				through_import(c, m, f->binds[i].v[k].n, f->binds[i].v[k].kind == PY_BOUND_ROOT, STR(""));
	for (size_t i = 0; f && i < f->nimports; i++) {
		const uint32_t t = str_is(f->imports[i].name, "*") ? target(c, m, &f->imports[i]) : UINT32_MAX;
		if (t != UINT32_MAX)
			closure_widen(c, t, "a module that is used as a value has its names");
	}
}

void
closure_widen(struct closure *c, uint32_t m, const char *why)
{
	if (!c->modules.v[m].why_wide)
		c->modules.v[m].why_wide = why;
	push(c, ITEM_WIDEN, m, 0, STR(""));
}

void
closure_content(struct closure *c, struct pyfile *x)
{
	for (size_t i = 0; i < c->contents.n; i++)
		if (c->contents.v[i] == x)
			return;
	VEC_PUSH(&c->contents, x);
}

void
closure_follow(struct closure *c, uint32_t m, struct str chain)
{
	follow(c, m, chain);
}

static void
reference(struct closure *c, uint32_t m, struct str ref)
{
	if (ref.n && ref.p[0] == '#') {
		const bool root = ref.n > 1 && ref.p[1] == '#';
		const struct str_cut cut = str_cut(str_drop(ref, root ? 2 : 1), '.');
		uint64_t number;
		if (str_u64(cut.head, &number) && number < facts_of(c, m)->nimports)
			through_import(c, m, (uint32_t)number, root, cut.tail);
		return;
	}
	follow(c, m, ref);
}

/* Somebody asks for classes without naming them. */
static void
classes(struct closure *c, uint32_t m)
{
	const struct pyfacts *f = facts_of(c, m);
	for (uint32_t i = 0; f && c->modules.v[m].loaded && i < f->nunits; i++)
		if (f->units[i].kind == PY_CLASS)
			unit(c, m, i);
}

static void
flags(struct closure *c, uint32_t m, unsigned f)
{
	c->docs = c->docs || (f & PY_READS_DOCS);
	c->source = c->source || (f & PY_READS_SOURCE);
	c->unpickles = c->unpickles || (f & PY_UNPICKLES);
	c->points = c->points || (f & PY_POINTS);
	if ((f & PY_SUBCLASSES) && !c->subclasses) {
		c->subclasses = true;
		for (uint32_t i = 0; i < c->modules.n; i++)
			classes(c, i);
	}
	if (!(f & (PY_WIDE | PY_EVALUATES)))
		return;
	if (!c->modules.v[m].why_wide)
		c->modules.v[m].why_wide = f & PY_WIDE ? "it reads its own names" : "it evaluates a text";
	push(c, ITEM_WIDEN, m, 0, STR(""));
}

static void
step(struct closure *c, const struct closure_item *item)
{
	const uint32_t m = item->module;
	if (pending(c, m)) {
		VEC_PUSH(&c->waiting, *item);
		return;
	}
	const struct pyfacts *f = facts_of(c, m);
	if (f && !c->modules.v[m].reached)
		make_room(c, m, f);
	c->now = item->kind == ITEM_UNIT ? (struct pycause){ m, item->unit } :
		 item->kind == ITEM_NAME ? item->by : (struct pycause){ UINT32_MAX, 0 };
	switch (item->kind) {
	case ITEM_IMPORT:
		for (uint32_t i = 0; c->wide_packages && i < c->modules.n; i++)
			if (c->modules.v[i].wide && lies_in(&c->modules.v[m], &c->modules.v[i]))
				widen_below(c, i);
		for (size_t i = 0; f && i < f->nunits; i++)
			if (f->units[i].always || (f->units[i].kind == PY_MAIN && c->modules.v[m].main))
				unit(c, m, (uint32_t)i);
		if (c->subclasses)
			classes(c, m);
		break;
	case ITEM_UNIT:
		if (!f)
			break;
		for (size_t i = 0; i < f->units[item->unit].nimports; i++)
			executed(c, m, f->units[item->unit].imports[i]);
		for (size_t i = 0; i < f->units[item->unit].nrefs && !is_alias(f, item->unit); i++)
			reference(c, m, f->units[item->unit].refs[i]);
		flags(c, m, f->units[item->unit].flags);
		break;
	case ITEM_NAME:
		if (item->unit == 0) {
			name(c, m, item->chain);
		} else if (f) {
			const uint32_t t = target(c, m, &f->imports[item->unit - 1]);
			if (t != UINT32_MAX && pending(c, t))
				VEC_PUSH(&c->waiting, *item);
			else
				imported_name(c, m, item->unit - 1);
		}
		break;
	case ITEM_WIDEN:
		widen(c, m);
		break;
	}
}

void
closure_work(struct closure *c)
{
	for (size_t i = 0; i < c->waiting.n; i++)
		VEC_PUSH(&c->queue, c->waiting.v[i]);
	c->waiting.n = 0;
	for (size_t i = 0; i < c->queue.n && !c->cut; i++) {
		const struct closure_item item = c->queue.v[i];
		step(c, &item);
	}
	c->queue.n = 0;
}

bool
closure_waits(const struct closure *c)
{
	return c->waiting.n > 0 && !c->cut;
}

bool
closure_module(struct closure *c, struct str dotted)
{
	bool ours = false;
	uint32_t m = closure_find(c, dotted, UINT32_MAX, 0, &ours);
	if (m == UINT32_MAX) {
		if (!ours)
			closure_third_party(c, dotted);
		return false;
	}
	if (c->modules.v[m].kind == PYMOD_PACKAGE || c->modules.v[m].kind == PYMOD_NAMESPACE) {
		m = closure_inside(c, c->modules.v[m].folder, STR("__main__"), m, 0);
		if (m == UINT32_MAX)
			return true;
	}
	c->modules.v[m].main = true;
	return true;
}

bool
closure_file(struct closure *c, struct pyfile *x, bool whole)
{
	if (x->type != PYFILE_FILE)
		return false;
	const uint32_t m = closure_at(c, x, x->is_text ? STR(".") : path_dir(x->path), PYMOD_FILE);
	if (m == UINT32_MAX)
		return false;
	c->modules.v[m].main = c->modules.v[m].main || !whole;
	closure_import(c, m, UINT32_MAX, 0);
	if (whole) {
		c->modules.v[m].why_wide = "code: names it";
		push(c, ITEM_WIDEN, m, 0, STR(""));
	}
	return true;
}

void
closure_add(struct closure *c, const struct closure *b)
{
	for (size_t i = 0; i < b->modules.n; i++) {
		const struct pymodule *x = &b->modules.v[i];
		if (!x->loaded)
			continue;
		const uint32_t m = closure_at(c, x->file, x->folder, x->kind);
		if (m == UINT32_MAX)
			return;
		closure_import(c, m, x->from == UINT32_MAX ? UINT32_MAX : m, x->line);
		const struct pyfacts *f = facts_of(c, m);
		if (!x->reached || !x->file->facts)
			continue;
		if (!f || !digest_eq(&f->digest, &x->file->facts->digest)) { /* read again meanwhile: its units have other numbers */
			push(c, ITEM_WIDEN, m, 0, STR(""));
			continue;
		}
		if (!c->modules.v[m].reached)
			make_room(c, m, f);
		c->now = (struct pycause){ UINT32_MAX, 0 };
		for (size_t u = 0; u < f->nunits; u++) /* a program that ran there does not run here; what it defines may be in the pickle */
			if (x->reached[u] && (f->units[u].kind == PY_DEF || f->units[u].kind == PY_CLASS) && !x->main)
				unit(c, m, (uint32_t)u);
	}
}
