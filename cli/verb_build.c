/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "backends/http.h"
#include "cli/answer.h"
#include "cli/make.h"
#include "cli/planning.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "rules/dockerfile.h"
#include "rules/image.h"

enum { TRIES_MOST = 200 }; /* layers of one image that turn out to be damaged, one after the other */

/* The image of a node and those of its environment for other platforms; 0: it is one of the others, or not all of them are made. */
static size_t
images_of(struct session *s, const struct made *m, node_id n, struct image_one **out)
{
	const struct graph *g = &s->project->graph;
	const struct ir *ir = &s->project->ir;
	const struct ir_environment *env = ir_environment(ir, answer_name(&g->node[n.i]));
	struct image_one *v = arena_array(&s->arena, struct image_one, ir->nenvironments + 1);
	size_t count = 0;
	if (!env || env->of.n || !m->run.node[n.i].result)
		return 0;
	v[count++] = (struct image_one){ env, m->run.node[n.i].result };
	for (size_t i = 0; i < ir->nenvironments; i++) {
		const struct ir_environment *other = &ir->environments[i];
		if (!other->of.n || !str_eq(other->of, env->name))
			continue;
		const node_id node = graph_find(g, arena_printf(&s->arena, "image:" STR_FMT, STR_ARG(other->name)));
		if (node.i == NODE_NONE.i || !m->run.node[node.i].result)
			return 0;
		v[count++] = (struct image_one){ other, m->run.node[node.i].result };
	}
	*out = v;
	return count;
}

/* Outputs and pushes of one made image; notes its reference in the answer. */
static int
deliver(struct session *s, struct js *image, node_id n, const struct made *m, struct err *e)
{
	const struct args *a = s->args;
	struct image_one *v;
	struct str ref;
	const size_t nv = images_of(s, m, n, &v);
	if (nv == 0)
		return 0;
	for (size_t i = 0; i < a->output.n; i++) {
		if (image_output(s->project, v, nv, str_z(a->output.v[i]), e) < 0)
			return err_wrap(e, STR_FMT ": write '%s'", STR_ARG(s->project->graph.node[n.i].name), a->output.v[i]);
	}
	if (!a->push)
		return 0;
	if (!s->project->stack->registry.n)
		return err_set(e, ERR_INPUT, "--push needs a stack with a registry: stacks: {" STR_FMT
			       ": {registry: HOST/PREFIX}}", STR_ARG(s->project->stack->name));
	if (image_push(s->project, v, nv, s->project->stack->registry, &s->arena, &ref, e) < 0)
		return err_wrap(e, "push " STR_FMT, STR_ARG(s->project->graph.node[n.i].name));
	js_set(image, "ref", js_text(ref));
	return 0;
}

static int
deliver_all(struct session *s, struct made *m, struct err *e)
{
	const struct graph *g = &s->project->graph;
	struct js *images = js_get(m->answer, "images");
	for (uint32_t i = 0; i < g->nnodes; i++) {
		if (g->node[i].rule != &rule_image)
			continue;
		for (size_t k = 0; k < js_len(images); k++) {
			struct js *o = js_at(images, k);
			if (str_eq(js_str(js_get(o, "environment")), answer_name(&g->node[i])) &&
			    deliver(s, o, (node_id){ i }, m, e) < 0)
				return -1;
		}
	}
	return 0;
}

static void
print_images(const struct js *answer)
{
	const struct js *images = js_get(answer, "images");
	AUTO_BUF b = { 0 };
	for (size_t i = 0; i < js_len(images); i++) {
		const struct js *o = js_at(images, i), *layers = js_get(o, "layers");
		size_t made = 0;
		for (size_t k = 0; k < js_len(layers); k++)
			made += str_is(js_str(js_get(js_at(layers, k), "state")), "made");
		buf_printf(&b, STR_FMT "  " STR_FMT, STR_ARG(js_str(js_get(o, "environment"))), STR_ARG(js_str(js_get(o, "state"))));
		if (js_type(js_get(o, "digest")) == JS_TEXT) {
			buf_printf(&b, "  " STR_FMT "  (%zu of ", STR_ARG(js_str(js_get(o, "digest"))), made);
			text_count(&b, js_len(layers), "layer");
			buf_puts(&b, " made)");
		}
		if (js_type(js_get(o, "ref")) == JS_TEXT)
			buf_printf(&b, "  " STR_FMT, STR_ARG(js_str(js_get(o, "ref"))));
		buf_putc(&b, '\n');
	}
	text_out(buf_str(&b));
}

/* One way through: made and delivered. */
static int
build(struct session *s, int *status, struct err *e)
{
	struct made m;
	if (make(s, TARGET_IMAGES, &m, e) < 0)
		return -1;
	const int rc = m.run.status == RUN_WAS_INTERRUPTED ? 0 : deliver_all(s, &m, e); /* who interrupts wants nothing sent any more */
	if (rc == 0) {
		*status = make_status(&m.run);
		if (s->args->json)
			text_json(js_copy(m.answer));
		else
			print_images(m.answer);
	}
	js_free(m.answer);
	return rc;
}

/* Blobs are checked while they are read, and a damaged one is taken out of the cache: then what made it runs again. Each time finds another one. */
static int
build_whole(struct args *a, struct session *s, struct err *e)
{
	int status = 0;
	struct err before = { 0 };
	for (unsigned tries = 0;; tries++) {
		struct err why = { 0 };
		if (build(s, &status, &why) == 0)
			return status;
		/* The same once more: making it again does not help. */
		const bool same = strcmp(why.text, before.text) == 0;
		const bool again = (why.code == ERR_DAMAGED || why.code == ERR_MISSING) && !same && tries < TRIES_MOST;
		if (!again) {
			*e = why;
			return -1;
		}
		before = why;
		AUTO_BUF note = { 0 };
		buf_printf(&note, "note: %s; that is done now\n", why.text);
		text_err(buf_str(&note));
		session_done(s);
		session_init(s, a);
		if (session_find(s, e) < 0 || session_cache(s, e) < 0)
			return -1;
	}
}

/* What failed stays failed, whatever is done there. */
static void
open_shell(struct session *s)
{
	struct err e;
	struct str what;
	int ignored;
	AUTO_BUF b = { 0 };
	if (dockerfile_shell(s->project, &what, NULL, &e) < 0)
		return;
	buf_printf(&b, "note: a shell in front of " STR_FMT "; 'exit' ends it, what it changes is lost\n", STR_ARG(str_take(what, 200)));
	text_err(buf_str(&b));
	if (dockerfile_shell(s->project, &what, &ignored, &e) == 0)
		return;
	buf_reset(&b);
	buf_printf(&b, "warning: no shell: %s\n", e.text);
	text_err(buf_str(&b));
}

/* What a push needs first takes as long to load as a small layer takes to make. */
static void *
load_http(void *unused)
{
	struct err e; /* who needs it says so */
	http_free(http_new(&e));
	return unused;
}

/* Signals go to the thread that expects them. */
static bool
begin_loading(pthread_t *out)
{
	sigset_t all, old;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	const bool begun = pthread_create(out, NULL, load_http, NULL) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return begun;
}

int
verb_build(struct args *a, struct err *e)
{
	struct session s;
	int status = -1;
	if (a->dry_run)
		return verb_plan_of(a, TARGET_IMAGES, e);
	session_init(&s, a);
	if (make_check(a, e) < 0 || session_find(&s, e) < 0)
		status = -1;
	else if (!a->output.n && !a->push && make_watched(&s))
		status = 0;
	else if (session_cache(&s, e) < 0)
		status = -1;
	else if (!a->output.n && !a->push && make_nothing(&s))
		status = 0;
	else {
		pthread_t loader;
		const bool loading = a->push && begin_loading(&loader);
		status = build_whole(a, &s, e);
		if (loading)
			(void)pthread_join(loader, NULL);
	}
	if (a->shell && s.project)
		open_shell(&s);
	session_done(&s);
	return status;
}
