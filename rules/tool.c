/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs of the host, and the Python packages that a step's code imports: sources. tool:NAME, tool:packages/STEP.
 */
#include "rules/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/stats.h"
#include "rules/code_state.h"
#include "rules/tool_state.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/proc.h"

#define FIRST_LINE 512

struct tool { /* data of a node */
	struct str program;  /* empty: packages */
	struct code *code;
	struct key *fields;  /* as looked at last; in the project's arena */
	struct tool_trail trail; /* of the last look; at 0: it does not tell all */
};

struct tool_state *
tool_state(struct project *p)
{
	if (!p->tool)
		p->tool = mem_zalloc(sizeof *p->tool);
	return p->tool;
}

void
tool_state_free(struct tool_state *s)
{
	free(s);
}

const char *
tool_variable(struct project *p, const char *name)
{
	const char *v = project_env(p, str_z(name));
	leaves_var(p->leaves, str_z(name), v);
	return v;
}

static void
report(struct project *p, struct str path, const struct file_stat *st)
{
	struct tool_met met = { .path = path, .missing = !st };
	if (st)
		met.sig = stat_sig_of(st);
	leaves_path(p->leaves, path, st ? &met.sig : NULL);
	if (tool_state(p)->trail)
		VEC_PUSH(&tool_state(p)->trail->v, met);
}

static bool
runnable(struct project *p, struct str path)
{
	struct file_stat st;
	const char *z = arena_z(&p->arena, path);
	if (file_stat(AT_FDCWD, z, false, &st, NULL) < 0) {
		report(p, path, NULL);
		return false;
	}
	report(p, path, &st);
	return file_stat(AT_FDCWD, z, true, &st, NULL) == 0 && st.type == FILE_REGULAR && faccessat(AT_FDCWD, z, X_OK, 0) == 0;
}

bool
tool_path(struct project *p, struct str program, struct str *path)
{
	if (str_find_char(program, '/') != SIZE_MAX) {
		*path = program.p[0] == '/' ? program : path_join(&p->arena, p->root, program);
		return runnable(p, *path);
	}
	const char *all = tool_variable(p, "PATH");
	for (struct str_cut cut = { .tail = str_z(all), .ok = all != NULL }; cut.ok;) {
		cut = str_cut(cut.tail, ':');
		if (!cut.head.n || cut.head.p[0] != '/')
			continue;
		*path = path_join(&p->arena, cut.head, program);
		if (runnable(p, *path))
			return true;
	}
	return false;
}

int
tool_content(struct project *p, struct str path, struct digest *out, bool *is_script, struct err *e)
{
	struct file_stat st;
	struct content c;
	const char *z = arena_z(&p->arena, path);
	if (file_stat(AT_FDCWD, z, false, &st, e) < 0) {
		report(p, path, NULL);
		return -1;
	}
	report(p, path, &st);
	for (int i = 0; st.type == FILE_LINK && i < 16; i++) { /* each link on the way, and what it leads to */
		struct str target;
		if (file_link_read(AT_FDCWD, z, &p->arena, &target, e) < 0)
			return -1;
		path = target.n && target.p[0] == '/' ? target : path_join(&p->arena, path_dir(path), target);
		z = arena_z(&p->arena, path);
		if (file_stat(AT_FDCWD, z, false, &st, e) < 0)
			return -1;
		report(p, path, &st);
	}
	if (st.type != FILE_REGULAR)
		return err_set(e, ERR_MISSING, "'%s' is no file", z);
	if (stats_content(p->cache->stats, AT_FDCWD, z, &st, &c, e) < 0)
		return -1;
	*out = c.digest;
	if (is_script) {
		char two[2];
		AUTO_FD fd = file_open(AT_FDCWD, z, O_RDONLY, 0, e);
		*is_script = fd >= 0 && pread(fd, two, 2, 0) == 2 && two[0] == '#' && two[1] == '!';
	}
	return 0;
}

static void
forget_trail(void *trail)
{
	VEC_DONE(&((struct tool_trail *)trail)->v);
}

static node_id
add(struct project *p, struct str name, struct str program, struct code *code)
{
	const node_id there = graph_find(&p->graph, name);
	if (there.i != NODE_NONE.i)
		return there;
	struct tool *t = arena_new(&p->arena, struct tool);
	t->program = arena_str(&p->arena, program);
	t->code = code;
	arena_defer(&p->arena, forget_trail, &t->trail);
	return graph_add(&p->graph, &rule_tool, name, t);
}

node_id
add_tool(struct project *p, struct str program, struct err *e)
{
	(void)e;
	return add(p, arena_printf(&p->arena, "tool:" STR_FMT, STR_ARG(program)), program, NULL);
}

node_id
add_packages(struct project *p, struct code *code, struct err *e)
{
	(void)e;
	return add(p, arena_printf(&p->arena, "tool:packages/" STR_FMT, STR_ARG(code->name)), STR(""), code);
}

static void
interpreter(const struct pyhost *h, struct key *k)
{
	key_text(k, "tool", STR("implementation"), h->implementation);
	key_text(k, "tool", STR("version"), h->version);
	key_digest(k, "tool", STR("content"), &h->content);
}

/* The interpreter that "#!" names: path, or the program behind env. */
static struct str
shebang(struct project *p, struct str path)
{
	char line[FIRST_LINE];
	AUTO_FD fd = file_open(AT_FDCWD, arena_z(&p->arena, path), O_RDONLY, 0, NULL);
	const ssize_t n = fd < 0 ? -1 : pread(fd, line, sizeof line, 0);
	if (n < 3)
		return (struct str){ 0 };
	struct str s = { line, (size_t)n };
	s = str_trim(str_drop(str_take(s, str_find_char(s, '\n')), 2));
	struct str_cut cut = str_cut(s, ' ');
	for (int i = 0; i < 4 && cut.ok && (str_is(path_base(cut.head), "env") || str_starts(cut.head, STR("-"))); i++)
		cut = str_cut(str_trim(cut.tail), ' ');
	return arena_str(&p->arena, cut.head);
}

/* A script that a distribution installed: the distribution counts, since the script itself stays the same when it is upgraded. */
static int
script(struct project *p, struct str path, struct key *k, struct err *e)
{
	const struct str by = shebang(p, path);
	struct digest d;
	struct str found;
	struct pyhost *h;
	if (!by.n || !tool_path(p, by, &found))
		return 0;
	if (!entry_is_python(by)) {
		if (tool_content(p, found, &d, NULL, NULL) == 0)
			key_digest(k, "tool", STR("interpreter"), &d);
		return 0;
	}
	if (pyhost_find(p, by, &h, NULL) < 0 || pyhost_packages(p, h, NULL) < 0)
		return 0;
	interpreter(h, k);
	struct pydist *dist = pyhost_script(h, path_base(path));
	if (!dist)
		return 0;
	bool *seen = arena_array(&p->arena, bool, h->ndists + 1);
	return pyhost_dist_fields(p, h, dist, seen, k, e);
}

/* whole: what it reported is all that its answer hangs on. */
static int
program(struct project *p, const struct tool *t, struct key *k, bool *whole, struct err *e)
{
	struct pyhost *h;
	struct str path;
	struct digest d;
	bool is_script = false;
	*whole = !entry_is_python(t->program);
	if (!*whole && pyhost_find(p, t->program, &h, NULL) == 0) {
		interpreter(h, k);
		return 0;
	}
	if (!tool_path(p, t->program, &path)) {
		key_text(k, "tool", STR("missing"), t->program);
		return 0;
	}
	if (tool_content(p, path, &d, &is_script, e) < 0)
		return -1;
	if (!is_script) {
		key_digest(k, "tool", STR("content"), &d);
		return 0;
	}
	*whole = false;
	const struct str by = shebang(p, path);
	if (!entry_is_python(by)) /* a Python script's first line names a folder; its distribution tells what it is */
		key_digest(k, "tool", STR("script"), &d);
	return script(p, path, k, e);
}

static int
packages(struct project *p, const struct tool *t, struct key *k, struct err *e)
{
	struct code *c = t->code;
	if (!c->found && code_find(p, c, e) < 0)
		return -1;
	struct pyhost *h = c->files->host;
	if (!h || (c->closure.packages.n == 0 && !c->closure.points))
		return 0;
	if (pyhost_packages(p, h, e) < 0)
		return -1;
	bool *seen = arena_array(&p->arena, bool, h->ndists + 1);
	for (size_t i = 0; i < c->closure.packages.n; i++)
		if (pyhost_fields(p, h, c->closure.packages.v[i], seen, k, e) < 0)
			return -1;
	for (size_t i = 0; c->closure.points && i < h->ndists; i++) /* any of them may be asked for */
		if (h->dists[i].npoints && pyhost_dist_fields(p, h, &h->dists[i], seen, k, e) < 0)
			return -1;
	return 0;
}

static int
look_program(struct project *p, struct tool *t, struct key *k, struct err *e)
{
	struct tool_state *s = tool_state(p);
	const int64_t at = clock_real();
	bool whole = true;
	t->trail.v.n = 0;
	t->trail.at = 0;
	s->trail = &t->trail;
	const int ret = program(p, t, k, &whole, e);
	s->trail = NULL;
	if (ret == 0 && whole)
		t->trail.at = at;
	return ret;
}

static bool
same(void *ctx, node_id n)
{
	const struct tool *t = ((struct project *)ctx)->graph.node[n.i].data;
	if (!t->trail.at)
		return false;
	for (size_t i = 0; i < t->trail.v.n; i++) {
		const struct tool_met *m = &t->trail.v.v[i];
		struct file_stat st;
		struct stat_sig sig;
		const bool there = file_stat(AT_FDCWD, m->path.p, false, &st, NULL) == 0;
		if (there)
			sig = stat_sig_of(&st);
		if (there == m->missing || (there && (!stat_sig_eq(&sig, &m->sig) || !content_settled(&m->sig, t->trail.at))))
			return false;
	}
	return true;
}

static int
look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	struct project *p = ctx;
	struct tool *t = p->graph.node[in->node.i].data;
	struct key *k = arena_new(&p->arena, struct key);
	(void)a;
	key_init(k, &p->arena, rule_tool.schema, rule_tool.kind);
	if ((t->code ? packages(p, t, k, e) : look_program(p, t, k, e)) < 0)
		return -1;
	out->digest = key_done(k);
	t->fields = k;
	return 0;
}

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct tool *t = ((struct project *)ctx)->graph.node[in->node.i].data;
	char tag[32];
	(void)e;
	for (size_t i = 0; t->fields && i < t->fields->n; i++) {
		const struct key_field *f = &t->fields->v[i];
		snprintf(tag, sizeof tag, STR_FMT, STR_ARG(str_take(f->tag, 31)));
		key_text(k, tag, f->name, f->value);
	}
	return 0;
}

static void
explain(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct tool *t = ((struct project *)ctx)->graph.node[n.i].data;
	const struct key_field *k = c->b ? c->b : c->a;
	out->code = REASON_TOOL;
	if (str_is(k->tag, "package") && c->a && c->b && c->a->has_value && c->b->has_value) {
		const struct str was = str_cut(c->a->value, ' ').head, is = str_cut(c->b->value, ' ').head;
		out->text = str_eq(was, is) ? arena_printf(a, "package " STR_FMT " " STR_FMT " is installed with other files", STR_ARG(k->name), STR_ARG(is)) :
					      arena_printf(a, "package " STR_FMT ": " STR_FMT " -> " STR_FMT, STR_ARG(k->name), STR_ARG(was), STR_ARG(is));
	} else if (str_is(k->tag, "package")) {
		out->text = arena_printf(a, "package " STR_FMT " %s", STR_ARG(k->name), c->b ? "is used now" : "is no longer used");
	} else if (str_is(k->tag, "module")) {
		out->text = arena_printf(a, "module " STR_FMT " is %s", STR_ARG(k->name), c->b ? "imported, and no package has it" : "no longer imported from nowhere");
	} else if (str_is(k->name, "version") && c->a && c->b) {
		out->text = arena_printf(a, STR_FMT ": version " STR_FMT " -> " STR_FMT, STR_ARG(t->program), STR_ARG(c->a->value), STR_ARG(c->b->value));
	} else {
		out->text = arena_printf(a, "program '" STR_FMT "' changed", STR_ARG(t->program));
	}
}

const struct rule rule_tool = {
	.kind = "tool",
	.schema = 1,
	.source = true,
	.look = look,
	.same = same,
	.fields = fields,
	.explain = explain,
};
