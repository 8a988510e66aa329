/* SPDX-License-Identifier: Apache-2.0
 *
 * The code of a step: a source. code:STEP. Its fields are the definitions and files that count, tag "code".
 */
#include "rules/code.h"

#include <stdlib.h>

#include "rules/code_state.h"
#include "rules/tool_state.h"

struct code_state *
code_state(struct project *p)
{
	if (!p->code) {
		p->code = mem_zalloc(sizeof *p->code);
		p->code->project = p;
	}
	return p->code;
}

void
code_state_free(struct code_state *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->v.n; i++) {
		closure_done(&s->v.v[i]->closure);
		pyfiles_done(&s->v.v[i]->own);
		arena_done(&s->v.v[i]->arena);
	}
	for (size_t i = 0; i < s->files.n; i++)
		pyfiles_done(s->files.v[i]);
	VEC_DONE(&s->v);
	map_done(&s->by_name);
	VEC_DONE(&s->files);
	VEC_DONE(&s->mades.v);
	VEC_DONE(&s->mades.folders);
	map_done(&s->mades.by_path);
	map_done(&s->mades.parents);
	free(s);
}

struct code *
code_of(struct code_state *s, struct str name)
{
	const uint32_t i = map_get(&s->by_name, name);
	return i == MAP_NONE ? NULL : s->v.v[i];
}

void
code_collect(struct project *p)
{
	struct code_state *s = code_state(p);
	if (s->collected)
		return;
	s->collected = true;
	for (uint32_t i = 0; i < p->graph.nnodes; i++) {
		if (p->graph.node[i].rule != &rule_step)
			continue;
		const struct step_data *step = p->graph.node[i].data;
		for (size_t k = 0; k < step->ir->noutputs; k++) {
			const struct made m = { .path = step->output_paths[k], .folder = step->ir->outputs[k].folder, .node = { i },
						.port = step->ir->outputs[k].name };
			if (!m.path.n)
				continue;
			if (m.folder)
				VEC_PUSH(&s->mades.folders, (uint32_t)s->mades.v.n);
			map_put(&s->mades.by_path, m.path, (uint32_t)s->mades.v.n);
			for (struct str up = path_dir(m.path); !str_is(up, ".") && !str_is(up, "/"); up = path_dir(up))
				map_put(&s->mades.parents, up, 1);
			VEC_PUSH(&s->mades.v, m);
		}
	}
}

/* Do elements of a mapped step run different code? Only if their command or their variables name the element. */
static struct str
name_of(const struct step_data *s)
{
	const struct ir_step *ir = s->ir;
	for (size_t i = 0; i < ir->nwords; i++)
		for (size_t k = 0; k < ir->words[i].n; k++)
			if (ir->words[i].v[k].kind == PIECE_ITEM)
				return s->name;
	for (size_t i = 0; i < ir->env.n; i++)
		for (size_t k = 0; k < ir->env.t[i].n; k++)
			if (ir->env.t[i].v[k].kind == PIECE_ITEM)
				return s->name;
	return ir->name;
}

struct code *
code_of_step(struct project *p, const struct step_data *s)
{
	return code_of(code_state(p), name_of(s));
}

static struct code *
code_new(struct project *p, const struct step_data *s, struct str name, struct err *e)
{
	struct code_state *state = code_state(p);
	struct code *c = arena_new(&p->arena, struct code);
	c->step = s;
	c->name = name;
	c->packages = NODE_NONE;
	if (code_read(p, c, e) < 0)
		return NULL;
	c->node = graph_add(&p->graph, &rule_code, arena_printf(&p->arena, "code:" STR_FMT, STR_ARG(name)), c);
	map_put(&state->by_name, c->name, (uint32_t)state->v.n);
	VEC_PUSH(&state->v, c);
	if (s->ir->isolation == ISOLATION_NONE && (c->entries.n || s->ir->code.n))
		c->packages = add_packages(p, c, e);
	return c;
}

int
add_code(struct project *p, const struct step_data *s, node_id step, struct err *e)
{
	const struct str name = name_of(s);
	struct code *c = code_of(code_state(p), name);
	if (!c)
		c = code_new(p, s, name, e);
	if (!c)
		return -1;
	graph_edge(&p->graph, c->node, step, EDGE_INPUT, "code", STR(""), STR(""));
	if (s->ir->isolation == ISOLATION_IMAGE)
		return 0; /* its programs are the image's */
	if (c->packages.i != NODE_NONE.i)
		graph_edge(&p->graph, c->packages, step, EDGE_INPUT, "tool", STR("packages"), STR(""));
	for (size_t i = 0; i < c->entries.nprograms; i++) {
		const struct str program = c->entries.programs[i];
		bool again = false; /* a script may start what the command starts */
		for (size_t k = 0; k < i; k++)
			again = again || str_eq(c->entries.programs[k], program);
		if (again)
			continue;
		if (str_find_char(program, '/') != SIZE_MAX && program.p[0] != '/')
			continue; /* the project's own: code */
		if (entry_is_python(program) && s->ir->isolation == ISOLATION_VENV)
			continue; /* in the identity of the environment */
		const node_id n = add_tool(p, program, e);
		if (n.i == NODE_NONE.i)
			return -1;
		graph_edge(&p->graph, n, step, EDGE_INPUT, "tool", program, STR(""));
	}
	return 0;
}

int
code_link(struct project *p, struct err *e)
{
	struct code_state *s = code_state(p);
	code_collect(p);
	if (s->v.n && code_find(p, s->v.v[0], e) < 0)
		return -1;
	for (size_t i = 0; i < s->v.n; i++) {
		struct code *c = s->v.v[i];
		for (size_t k = 0; k < c->closure.made.n; k++) {
			const struct pyfile *x = c->closure.made.v[k];
			const struct step_data *maker = p->graph.node[x->made_by.i].data;
			if (maker->ir == c->step->ir || x->type == PYFILE_FOLDER || code_declares(p, c, x))
				continue;
			graph_edge(&p->graph, x->made_by, c->node, EDGE_INPUT, "generated", arena_str(&p->arena, x->path), x->port);
			c->alone = true;
		}
		if (c->alone && c->packages.i != NODE_NONE.i)
			graph_edge(&p->graph, c->node, c->packages, EDGE_ORDER, NULL, STR(""), STR(""));
	}
	return 0;
}

static int
look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	struct project *p = ctx;
	struct code *c = p->graph.node[in->node.i].data;
	struct key k;
	if (code_find(p, c, e) < 0)
		return err_wrap(e, "code of step '" STR_FMT "'", STR_ARG(c->name));
	key_init(&k, a, rule_code.schema, rule_code.kind);
	for (size_t i = 0; i < c->nfields; i++)
		key_hidden(&k, "code", c->fields[i].reach.name, c->fields[i].reach.hash);
	out->digest = key_done(&k);
	c->looked = true;
	return 0;
}

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	struct project *p = ctx;
	const struct code *c = p->graph.node[in->node.i].data;
	(void)e;
	for (size_t i = 0; c->found && i < c->nfields; i++)
		key_hidden(k, "code", c->fields[i].reach.name, c->fields[i].reach.hash);
	return 0;
}

static const struct code_field *
field(const struct code *c, struct str name)
{
	for (size_t i = 0; i < c->nfields; i++)
		if (str_eq(c->fields[i].reach.name, name))
			return &c->fields[i];
	return NULL;
}

/* "src/x.py:zscore" is in "src/x.py". */
static void
gone(struct str name, struct arena *a, struct reason *out)
{
	struct str_cut cut = str_rcut(name, ':');
	if (str_ends(name, STR(" (content)")))
		cut = (struct str_cut){ .head = str_take(name, name.n - 10) };
	out->file = arena_str(a, cut.head);
	out->text = cut.ok ? arena_printf(a, STR_FMT ": " STR_FMT " is no longer reached", STR_ARG(cut.head), STR_ARG(cut.tail)) :
			     arena_printf(a, STR_FMT " is no longer reached", STR_ARG(cut.head));
}

static void
explain(void *ctx, node_id n, const struct key_change *change, struct arena *a, struct reason *out)
{
	const struct code *c = ((struct project *)ctx)->graph.node[n.i].data;
	const struct key_field *k = change->b ? change->b : change->a;
	out->code = REASON_CODE;
	if (!str_is(k->tag, "code")) {
		out->text = str_is(k->tag, "generated") ? arena_printf(a, STR_FMT " was made anew", STR_ARG(k->name)) : STR("its code changed");
		out->file = str_is(k->tag, "generated") ? k->name : STR("");
		return;
	}
	const struct code_field *f = field(c, k->name);
	if (!f || !change->b) {
		gone(k->name, a, out);
		return;
	}
	const struct pyreach *r = &f->reach;
	out->file = arena_str(a, r->file);
	out->line = r->line;
	const bool definition = r->kind == PY_DEF || r->kind == PY_CLASS || r->kind == PY_ASSIGN;
	if (r->there) {
		const struct str name = str_take(str_drop(r->name, r->file.n + 1), r->name.n - r->file.n - 9);
		out->text = arena_printf(a, STR_FMT ": " STR_FMT " is %s (imported by " STR_FMT ")", STR_ARG(r->file), STR_ARG(name),
					 str_is(r->hash, "yes") ? "there" : "gone", STR_ARG(r->from));
		return;
	}
	const char *what = !change->a ? (definition ? "is reached now" : "counts now") : definition ? "definition changed" : "changed";
	AUTO_BUF b = { 0 };
	if (definition) {
		const struct str name = str_drop(r->name, r->file.n + 1);
		buf_printf(&b, STR_FMT ":%u " STR_FMT "%s %s", STR_ARG(r->file), r->line, STR_ARG(name), r->kind == PY_DEF ? "()" : "", what);
	} else {
		buf_printf(&b, STR_FMT " %s", STR_ARG(r->file.n ? r->file : STR("the Python text of the command")), what);
	}
	if (r->via.n)
		buf_printf(&b, " (reached from " STR_FMT " via " STR_FMT ")", STR_ARG(r->from), STR_ARG(r->via));
	else if (r->from.n)
		buf_printf(&b, " (imported by " STR_FMT ")", STR_ARG(r->from));
	out->text = arena_str(a, buf_str(&b));
}

static int
compare(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

int
code_files(struct project *p, const struct step_data *s, struct arena *a, struct str **out, size_t *n, struct err *e)
{
	struct code *c = code_of_step(p, s);
	if (!c)
		return err_set(e, ERR_BUG, "step '" STR_FMT "' has no code", STR_ARG(s->name));
	if (!c->found && code_find(p, c, e) < 0)
		return -1;
	struct str *v = arena_array(a, struct str, c->nfields + 1);
	size_t all = 0, put = 0;
	for (size_t i = 0; i < c->nfields; i++)
		if (c->fields[i].reach.file.n)
			v[all++] = arena_str(a, c->fields[i].reach.file);
	if (all)
		qsort(v, all, sizeof *v, compare);
	for (size_t i = 0; i < all; i++)
		if (put == 0 || !str_eq(v[put - 1], v[i]))
			v[put++] = v[i];
	*out = v;
	*n = put;
	return 0;
}

const struct rule rule_code = {
	.kind = "code",
	.schema = 1,
	.source = true,
	.look = look,
	.fields = fields,
	.explain = explain,
};
