/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pyfacts.h"

#include <string.h>

#include "sys/proc.h"

#define ASK_MS 300000
#define MAX_ITEMS 1000000u /* of any list in an answer */

static const unsigned char script[] = {
#include "rules/pyfacts_tree.py.inc"
#include "rules/pyfacts_pure.py.inc"
#include "rules/pyfacts_places.py.inc"
#include "rules/pyfacts.py.inc"
	0
};

static const char *const kinds[] = { "def", "class", "assign", "import", "effect", "main" };

static void
done_map(void *m)
{
	map_done(m);
}

static bool
fits(const struct js *list)
{
	return js_len(list) <= MAX_ITEMS;
}

static struct str *
texts(const struct js *list, struct arena *a, size_t *n)
{
	*n = js_len(list);
	struct str *v = arena_array(a, struct str, *n + 1);
	for (size_t i = 0; i < *n; i++)
		v[i] = arena_str(a, js_str(js_at(list, i)));
	return v;
}

static uint32_t
number(const struct js *v)
{
	const int64_t i = js_num(v);
	return i < 0 || i > INT32_MAX ? 0 : (uint32_t)i;
}

static void
read_imports(const struct js *list, struct arena *a, struct pyfacts *out)
{
	out->nimports = js_len(list);
	out->imports = arena_array(a, struct pyimport, out->nimports + 1);
	for (size_t i = 0; i < out->nimports; i++) {
		const struct js *x = js_at(list, i);
		out->imports[i] = (struct pyimport){ .level = number(js_at(x, 0)), .module = arena_str(a, js_str(js_at(x, 1))),
						     .name = arena_str(a, js_str(js_at(x, 2))), .line = number(js_at(x, 3)),
						     .standard = js_num(js_at(x, 4)) != 0 };
	}
}

static unsigned
flags_of(struct str letters)
{
	static const char known[] = "dsweplcn";
	unsigned flags = 0;
	for (size_t i = 0; known[i]; i++)
		if (str_find_char(letters, known[i]) != SIZE_MAX)
			flags |= 1u << i;
	return flags;
}

static int
read_unit(const struct js *x, const struct pyfacts *f, struct arena *a, struct pyunit *out, struct err *e)
{
	const struct str kind = js_str(js_get(x, "k"));
	size_t k = 0;
	while (k < sizeof kinds / sizeof *kinds && !str_is(kind, kinds[k]))
		k++;
	const struct js *refs = js_get(x, "r"), *imports = js_get(x, "i");
	if (k == sizeof kinds / sizeof *kinds || !fits(refs) || !fits(imports))
		return err_set(e, ERR_WORLD, "a unit makes no sense");
	*out = (struct pyunit){ .kind = (enum pyunit_kind)k, .name = arena_str(a, js_str(js_get(x, "n"))), .line = number(js_get(x, "l")),
				.hash = arena_str(a, js_str(js_get(x, "h"))), .full = arena_str(a, js_str(js_get(x, "d"))),
				.always = js_num(js_get(x, "a")) != 0, .flags = flags_of(js_str(js_get(x, "f"))) };
	if (out->hash.n != 32 || out->full.n != 32)
		return err_set(e, ERR_WORLD, "a unit has no hash");
	out->refs = texts(refs, a, &out->nrefs);
	out->nimports = js_len(imports);
	out->imports = arena_array(a, uint32_t, out->nimports + 1);
	for (size_t i = 0; i < out->nimports; i++) {
		out->imports[i] = number(js_at(imports, i));
		if (out->imports[i] >= f->nimports)
			return err_set(e, ERR_WORLD, "a unit has an import that is not there");
	}
	return 0;
}

/* 3 is a unit, "#3" an import, "##3" the first part of one. */
static int
read_bound(const struct js *x, const struct pyfacts *f, struct pybound *out, struct err *e)
{
	struct str t = js_str(x);
	uint64_t n = number(x);
	out->kind = PY_UNIT;
	if (js_type(x) == JS_TEXT) {
		out->kind = str_starts(t, STR("##")) ? PY_BOUND_ROOT : PY_BOUND_IMPORT;
		if (!str_starts(t, STR("#")) || !str_u64(str_drop(t, out->kind == PY_BOUND_ROOT ? 2 : 1), &n))
			return err_set(e, ERR_WORLD, "a name is bound to nothing");
	}
	if (n >= (out->kind == PY_UNIT ? f->nunits : f->nimports))
		return err_set(e, ERR_WORLD, "a name is bound to what is not there");
	out->n = (uint32_t)n;
	return 0;
}

static int
read_binds(const struct js *map, struct arena *a, struct pyfacts *out, struct err *e)
{
	out->binds = arena_array(a, struct pybind, js_len(map) + 1);
	arena_defer(a, done_map, &out->by_name);
	for (void *it = js_first(map); it; it = js_next(map, it)) {
		const struct js *list = js_value(it);
		struct pybind *b = &out->binds[out->nbinds];
		if (!fits(list))
			return err_set(e, ERR_WORLD, "a name is bound too often");
		*b = (struct pybind){ .name = arena_str(a, js_key(it)), .n = js_len(list) };
		b->v = arena_array(a, struct pybound, b->n + 1);
		for (size_t i = 0; i < b->n; i++)
			if (read_bound(js_at(list, i), out, &b->v[i], e) < 0)
				return -1;
		map_put(&out->by_name, b->name, (uint32_t)out->nbinds++);
	}
	return 0;
}

/* out must not move afterwards: its map is released with the arena. */
int
pyfacts_parse(struct str json, struct arena *a, struct pyfacts *out, struct err *e)
{
	AUTO_JS v = NULL;
	if (js_parse(json, "facts of a Python file", &v, e) < 0)
		return err_set(e, ERR_WORLD, "facts of a Python file: no JSON");
	memset(out, 0, sizeof *out);
	if (js_get(v, "missing")) {
		out->missing = true;
		out->error = arena_str(a, js_str(js_get(v, "missing")));
		return 0;
	}
	if (!digest_parse(js_str(js_get(v, "sha256")), true, &out->digest))
		return err_set(e, ERR_WORLD, "facts of a Python file: no digest");
	const struct js *error = js_get(v, "error"), *all = js_get(v, "all"), *units = js_get(v, "units");
	if (error) {
		out->broken = true;
		out->error_line = number(js_at(error, 0));
		out->error = arena_str(a, js_str(js_at(error, 1)));
		return 0;
	}
	out->doc = arena_str(a, js_str(js_get(v, "doc")));
	out->all = js_type(all) == JS_LIST ? PY_ALL_LIST : js_type(all) == JS_BOOL ? PY_ALL_COMPUTED : PY_ALL_NONE;
	if (!fits(all) || !fits(units) || !fits(js_get(v, "imports")) || !fits(js_get(v, "binds")))
		return err_set(e, ERR_WORLD, "facts of a Python file: too many");
	if (out->all == PY_ALL_LIST)
		out->names = texts(all, a, &out->nnames);
	read_imports(js_get(v, "imports"), a, out);
	out->nunits = js_len(units);
	out->units = arena_array(a, struct pyunit, out->nunits + 1);
	for (size_t i = 0; i < out->nunits; i++)
		if (read_unit(js_at(units, i), out, a, &out->units[i], e) < 0)
			return err_wrap(e, "facts of a Python file");
	if (read_binds(js_get(v, "binds"), a, out, e) < 0)
		return err_wrap(e, "facts of a Python file");
	return 0;
}

const struct pybind *
pyfacts_find(const struct pyfacts *f, struct str name)
{
	const uint32_t i = map_get(&f->by_name, name);
	return i == MAP_NONE ? NULL : &f->binds[i];
}

int
pyfacts_ask(struct project *p, struct str python, const struct pysource *v, size_t n, struct arena *a, struct str *lines,
	    struct err *e)
{
	AUTO_BUF in = { 0 }, out = { 0 }, err = { 0 };
	const char *const argv[] = { arena_z(a, python), "-I", "-S", "-B", "-c", (const char *)script, NULL };
	const struct proc_opts o = { .argv = argv, .envp = p->opts.environ_, .cwd = p->fd, .group = true, .die_with_parent = true };
	struct proc_end end;
	for (size_t i = 0; i < n; i++) {
		const struct str s = v[i].path.n ? v[i].path : v[i].text;
		buf_putc(&in, v[i].path.n ? 'f' : 't');
		buf_put(&in, str_take(s, str_find_char(s, 0))); /* a NUL is no Python */
		buf_putc(&in, 0);
	}
	if (proc_run(&o, buf_str(&in), PYFACTS_LIMIT, ASK_MS, &out, &err, &end, e) < 0)
		return err_wrap(e, "read %zu Python files with '" STR_FMT "'", n, STR_ARG(python));
	struct str rest = buf_str(&out);
	size_t i = 0;
	for (; i < n; i++) {
		const struct str_cut c = str_cut(rest, '\n');
		if (!c.ok)
			break;
		lines[i] = arena_str(a, c.head);
		rest = c.tail;
	}
	if (end.status != 0 || i < n) {
		const struct str said = str_trim(buf_str(&err));
		const struct str_cut last = str_rcut(said, '\n');
		return err_set(e, ERR_WORLD, "read %zu Python files with '" STR_FMT "': it ended with status %d after %zu: " STR_FMT, n,
			       STR_ARG(python), end.status, i, STR_ARG(str_take(last.ok ? last.tail : said, 300)));
	}
	return 0;
}
