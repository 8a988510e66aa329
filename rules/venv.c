/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/venv.h"

#include <stdlib.h>
#include <string.h>

#include "backends/venv.h"
#include "cache/unpacked.h"
#include "rules/interpreter.h"
#include "rules/wheels.h"
#include "sys/file.h"
#include "sys/loop.h"

#define FOLDER_HEX 40 /* digits of a venv's name in the cache */

struct venv_data {
	struct project *project;
	const struct ir_environment *env;
	const struct interpreter *python;
	struct str name;  /* of its folder; empty: not known yet, its wheels are not */
};

static struct venv_data *
data_of(void *ctx, node_id n)
{
	return ((struct project *)ctx)->graph.node[n.i].data;
}

/* The folder's name: what it holds, and the place of the interpreter that it leads to. */
static struct str
folder_name(const struct interpreter *py, const struct digest *wheels, struct arena *a)
{
	struct key k;
	char hex[DIGEST_HEX + 1];

	key_init(&k, a, VENV_FORMAT, "venv-folder");
	key_text(&k, "interpreter", STR("executable"), py->executable);
	key_text(&k, "interpreter", STR("version"), py->version);
	key_digest(&k, "interpreter", STR("content"), &py->content);
	key_digest(&k, "wheels", (struct str){ 0 }, wheels);
	struct digest d = key_done(&k);
	digest_hex(&d, hex);
	return arena_str(a, str_take(str_z(hex), FOLDER_HEX));
}

void
interpreter_fields(const struct interpreter *py, struct key *k)
{
	key_text(k, "interpreter", STR("implementation"), py->implementation);
	key_text(k, "interpreter", STR("version"), py->version);
	key_text(k, "interpreter", STR("soabi"), py->soabi);
	key_digest(k, "interpreter", STR("content"), &py->content);
}

node_id
add_venv(struct project *p, const struct ir_environment *env, struct err *e)
{
	const struct interpreter *py;
	struct arena scratch = { 0 };
	struct key k;
	char hex[DIGEST_HEX + 1];

	node_id requirements = add_requirements(p, env, false, e);
	if (requirements.i == NODE_NONE.i || interpreter_find(p, &py, e) < 0)
		return NODE_NONE;
	struct python_target t;
	struct digest question;
	if (environment_target(p, env, false, &scratch, &t, e) < 0 || requirements_question(p, env, &t, &scratch, &question, e) < 0) {
		arena_done(&scratch);
		return NODE_NONE;
	}
	key_init(&k, &scratch, VENV_FORMAT, "venv-name");
	interpreter_fields(py, &k);
	key_digest(&k, "question", (struct str){ 0 }, &question);
	struct digest d = key_done(&k);
	arena_done(&scratch);
	digest_hex(&d, hex);
	struct str name = arena_printf(&p->arena, "venv:%.12s", hex);
	node_id n = graph_find(&p->graph, name);
	if (n.i != NODE_NONE.i)
		return n;
	struct venv_data *data = arena_new(&p->arena, struct venv_data);
	*data = (struct venv_data){ .project = p, .env = env, .python = py };
	n = graph_add(&p->graph, &rule_venv, name, data);
	graph_edge(&p->graph, requirements, n, EDGE_INPUT, "wheels", STR("wheels"), (struct str){ 0 });
	return n;
}

int
venv_folder(struct project *p, node_id venv, struct arena *a, struct str *folder, struct str *bin, struct err *e)
{
	const struct venv_data *d = data_of(p, venv);

	if (!d->name.n)
		return err_set(e, ERR_BUG, "the virtual environment of '" STR_FMT "' is not made yet", STR_ARG(d->env->name));
	*folder = venv_path(p->cache, d->name, a);
	unpacked_use(p->cache, arena_z(a, path_join(a, STR("venvs"), d->name)));
	*bin = path_join(a, *folder, STR("bin"));
	return 0;
}

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct venv_data *d = data_of(ctx, in->node);

	(void)e;
	interpreter_fields(d->python, k);
	return 0;
}

/* The info of a result: {"venv": NAME, "wheels": DIGEST}. The folder depends on this machine, so it is worked out anew. */
static bool
know_folder(struct venv_data *d, const struct result *r)
{
	AUTO_JS v = NULL;
	struct digest wheels;

	if (js_parse(r->info, "the record of a venv", &v, NULL) < 0 || !digest_parse(js_str(js_get(v, "wheels")), false, &wheels))
		return false;
	d->name = folder_name(d->python, &wheels, &d->project->arena);
	return true;
}

static enum usable
usable(void *ctx, node_id n, const struct result *r)
{
	return know_folder(data_of(ctx, n), r) ? USABLE_YES : USABLE_EVICTED;
}

static bool
in_place(void *ctx, node_id n, const struct result *r, bool *evicted)
{
	struct venv_data *d = data_of(ctx, n);

	*evicted = false;
	return know_folder(d, r) && venv_there(d->project->cache, d->name);
}

/* ---- making ---- */

struct making {
	struct task *task;
	struct project *project;
	struct venv_data *data;
	struct arena arena;
	struct wheel_set wheels;
	struct venv_wheel *files; /* by position of wheels; known once they are here */
	struct venv_spec spec;
	atomic_bool stop;
	bool bad;
	struct err err;
};

static void
work(void *ctx)
{
	struct making *m = ctx;

	const struct wheel_workshop w = { .interpreter = m->data->python->executable, .progress = wheel_arrived, .ctx = m->task };

	m->bad = wheels_fetch(m->project, &m->wheels, &w, &m->stop, &m->err) < 0;
	for (size_t i = 0; !m->bad && i < m->wheels.n; i++)
		m->bad = wheel_blob(m->project, &m->wheels.v[i], &m->arena, &m->files[i].digest, &m->files[i].file, &m->err) < 0;
	m->bad = m->bad || venv_make(m->project->cache, &m->spec, &m->err) < 0;
}

static void
end(struct making *m)
{
	struct task *t = m->task;
	struct err e = m->err;
	bool bad = m->bad;
	struct result r = { .kind = STR("venv"), .node = m->project->graph.node[t->node.i].name, .digest = t->key_digest };

	if (!bad) {
		r.info = arena_printf(t->arena, "{\"wheels\":\"" STR_FMT "\"}", STR_ARG(digest_str(&m->wheels.digest, &m->arena)));
		m->data->name = m->spec.name;
	} else {
		(void)err_wrap(&e, "environment '" STR_FMT "'", STR_ARG(m->data->env->name));
	}
	t->rule_data = NULL;
	arena_done(&m->arena);
	free(m);
	t->done(t, bad ? NULL : &r, false, bad ? &e : NULL);
}

static void
done(void *ctx)
{
	end(ctx);
}

static const struct result *
wheels_input(const struct task *t)
{
	const struct graph *g = t->inputs.graph;
	const struct node *n = &g->node[t->node.i];

	for (uint32_t i = 0; i < n->nin; i++)
		if (g->edge[n->in + i].kind == EDGE_INPUT && t->inputs.of[i])
			return t->inputs.of[i];
	return NULL;
}

static int
prepare(struct making *m, struct err *e)
{
	const struct result *r = wheels_input(m->task);
	const struct interpreter *py = m->data->python;

	if (!r)
		return err_set(e, ERR_BUG, "a virtual environment without requirements");
	if (wheel_set_of(r, &m->arena, &m->wheels, e) < 0)
		return -1;
	m->files = arena_array(&m->arena, struct venv_wheel, m->wheels.n);
	m->spec = (struct venv_spec){ .name = folder_name(py, &m->wheels.digest, &m->project->arena), .executable = py->executable,
				      .version = py->version, .series = py->series, .wheels = m->files, .nwheels = m->wheels.n, .stop = &m->stop };
	return 0;
}

static void
start(struct task *t)
{
	struct project *p = t->ctx;
	struct making *m = mem_zalloc(sizeof *m);

	m->task = t;
	m->project = p;
	m->data = data_of(p, t->node);
	t->rule_data = m;
	t->attempts = 1;
	if (p->cache->degraded)
		m->bad = err_set(&m->err, ERR_FULL, "the cache in '" STR_FMT "' cannot be written, and virtual environments are made there; "
				 "set PAWL_CACHE to a folder that can", STR_ARG(p->cache->folder)) < 0;
	m->bad = m->bad || prepare(m, &m->err) < 0;
	if (m->bad) {
		end(m);
		return;
	}
	if (p->watch.progress)
		p->watch.progress(p->watch.ctx, t->node, arena_printf(&m->arena, "installing %zu package%s for Python " STR_FMT, m->wheels.n,
								      m->wheels.n == 1 ? "" : "s", STR_ARG(m->spec.series)));
	loop_work(t->loop, work, done, m);
}

/* A recorded one that is not on this machine is made like a new one. */
static void
restore(struct task *t, const struct result *r)
{
	(void)r;
	start(t);
}

static void
stop(struct task *t, bool hard)
{
	struct making *m = t->rule_data;

	(void)hard;
	if (m)
		atomic_store(&m->stop, true);
}

static void
explain_change(void *ctx, node_id n, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct key_field *f = c->b ? c->b : c->a;

	(void)ctx, (void)n;
	*out = (struct reason){ .code = REASON_ENVIRONMENT };
	if (str_is(f->tag, "interpreter") && c->a && c->b && c->a->has_value && c->b->has_value && !str_is(f->name, "content"))
		out->text = arena_printf(a, "Python's " STR_FMT " " STR_FMT " -> " STR_FMT, STR_ARG(f->name), STR_ARG(c->a->value),
					 STR_ARG(c->b->value));
	else
		out->text = str_is(f->tag, "interpreter") ? STR("the Python interpreter changed") : STR("its packages changed");
}

const struct rule rule_venv = {
	.kind = "venv", .schema = VENV_FORMAT, .fields = fields, .usable = usable, .in_place = in_place, .restore = restore, .start = start,
	.stop = stop, .explain = explain_change,
};
