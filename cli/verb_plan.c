/* SPDX-License-Identifier: Apache-2.0
 *
 * plan, why, compile, graph: verbs that look and change nothing.
 */
#include "cli/answer.h"
#include "cli/codetext.h"
#include "cli/graphtext.h"
#include "cli/history.h"
#include "cli/planning.h"
#include "cli/show.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "hashing/digest.h"

static bool
has_work(struct session *s)
{
	const struct graph *g = &s->project->graph;
	for (uint32_t i = 0; i < g->nnodes; i++) {
		bool counts = g->node[i].rule == &rule_step || g->node[i].rule == &rule_image;
		if (counts && s->plan.node[i].state == PLAN_RUN)
			return true;
	}
	return false;
}

int
verb_plan_of(struct args *a, enum session_targets t, struct err *e)
{
	struct session s;
	int status = -1;
	session_init(&s, a);
	if (session_open(&s, e) == 0 && session_plan(&s, t, e) == 0) {
		AUTO_BUF b = { 0 };
		if (a->json) {
			text_json(answer_plan(&s));
		} else {
			show_plan(&s, &b);
			text_out(buf_str(&b));
		}
		session_notes(&s);
		status = a->exit_code && has_work(&s);
	}
	session_done(&s);
	return status;
}

int
verb_plan(struct args *a, struct err *e)
{
	return verb_plan_of(a, TARGET_STEPS, e);
}

static struct js *
change_js(const struct key_change *c)
{
	const struct key_field *f = c->b ? c->b : c->a;
	const struct key_field *side[] = { c->a, c->b };
	static const char *const names[] = { "old", "new" };
	struct js *o = js_map();
	if (!f)
		return o;
	js_set(o, "tag", js_text(f->tag));
	js_set(o, "name", js_text(f->name));
	for (int i = 0; i < 2; i++) {
		char text[DIGEST_TEXT + 1];
		if (side[i])
			digest_text(&side[i]->hash, text);
		js_set(o, names[i],
		       !side[i]              ? js_null()
		       : side[i]->has_value ? js_text(side[i]->value)
					     : js_textz(text));
	}
	return o;
}

static struct js *
why_js(struct session *s, node_id n, const struct why *w)
{
	static const char *const states[] = { "unseen", "hit", "run", "maybe", "skip", "unused" };
	const struct graph *g = &s->project->graph;
	struct js *o = js_map(), *chain = js_list(), *changes = js_list();
	for (size_t i = 0; i < w->nchain; i++) {
		struct js *l = js_map();
		js_set(l, "node", js_text(g->node[w->chain[i].node.i].name));
		js_set(l, "reason", answer_reason(&w->chain[i].reason));
		js_set(l, "change", change_js(&w->chain[i].change));
		js_push(chain, l);
	}
	for (size_t i = 0; i < w->nchanges; i++)
		js_push(changes, change_js(&w->changes[i]));
	js_set(o, "schema", js_int(1));
	js_set(o, "node", js_text(g->node[n.i].name));
	js_set(o, "state", js_textz(states[w->state]));
	js_set(o, "reason", answer_reason(&w->reason));
	js_set(o, "chain", chain);
	js_set(o, "changes", changes);
	return js_set(o, "unchanged", js_int((int64_t)w->unchanged));
}

/* The encoded key that a step had in an earlier run; empty without --against. */
static int
against(struct session *s, node_id n, struct str *key, struct err *e)
{
	struct js *run;
	struct digest d;
	struct view *v;
	*key = (struct str){ 0 };
	if (!s->args->against)
		return 0;
	if (history_find(s, str_z(s->args->against), &run, e) < 0)
		return -1;
	struct str name = answer_name(&s->project->graph.node[n.i]), value;
	const struct js *step = history_step(run, name);
	bool known = digest_parse(js_str(js_get(step, "key")), false, &d);
	js_free(run);
	if (!known)
		return err_set(e, ERR_INPUT, "'" STR_FMT "' had no key in run %s", STR_ARG(name), s->args->against);
	if (view_begin(s->cache->records, &v, e) < 0)
		return -1;
	struct result r;
	bool there = view_get(v, TABLE_RESULT, (struct str){ (const char *)d.b, sizeof d.b }, &value) &&
		     result_decode(value, &s->arena, &r, NULL) == 0;
	if (there)
		*key = arena_str(&s->arena, r.key);
	view_end(v);
	if (!there)
		return err_set(e, ERR_MISSING, "the record of '" STR_FMT "' in run %s is no longer in the cache",
			       STR_ARG(name), s->args->against);
	return 0;
}

int
verb_why(struct args *a, struct err *e)
{
	struct session s;
	struct why w;
	node_id n;
	struct str old;
	int status = -1;
	if (a->words.n != 1)
		return err_set(e, ERR_INPUT, "why takes one step or environment: pawl why STEP");
	session_init(&s, a);
	const struct words asked = a->words;
	a->words.n = 0; /* the plan is over everything: a step's reason may lie anywhere above it */
	if (session_open(&s, e) == 0 && session_plan(&s, TARGET_ANY, e) == 0 &&
	    session_node(&s, str_z(asked.v[0]), TARGET_ANY, &n, e) == 0 && against(&s, n, &old, e) == 0 &&
	    explain(&s.plan_opts, &s.plan, n, old, &s.arena, &w, e) == 0) {
		AUTO_BUF b = { 0 };
		if (a->json) {
			text_json(why_js(&s, n, &w));
		} else {
			show_why(&s, n, &w, &b);
			text_out(buf_str(&b));
		}
		status = 0;
	}
	session_done(&s);
	return status;
}

int
verb_compile(struct args *a, struct err *e)
{
	struct session s;
	session_init(&s, a);
	int status = session_open(&s, e);
	if (status == 0) {
		AUTO_BUF b = { 0 };
		ir_write(&s.project->ir, &b);
		if (a->digest) {
			struct digest d = digest_of(buf_str(&b));
			char text[DIGEST_TEXT + 1];
			digest_text(&d, text);
			buf_reset(&b);
			buf_printf(&b, "%s\n", text);
		}
		text_out(buf_str(&b));
	}
	session_done(&s);
	return status;
}

/* pawl graph code:STEP: what the code of a step consists of. */
static int
graph_code(struct session *s, struct str asked, bool json, struct err *e)
{
	struct code_item *v;
	size_t n;
	AUTO_BUF b = { 0 };
	if (!str_starts(asked, STR("code:")))
		return err_set(e, ERR_INPUT, "graph shows one node only if it is code:STEP, not '" STR_FMT "'", STR_ARG(asked));
	const struct str name = str_drop(asked, 5);
	if (code_list(s->project, name, &s->arena, &v, &n, e) < 0)
		return -1;
	if (json)
		codetext_json(name, v, n, &b);
	else
		codetext_print(name, v, n, &b);
	text_out(buf_str(&b));
	return 0;
}

int
verb_graph(struct args *a, struct err *e)
{
	struct session s;
	enum graph_format format;
	const struct words asked = a->words;
	if (asked.n > 1)
		return err_set(e, ERR_INPUT, "graph takes one node at most: pawl graph code:STEP");
	session_init(&s, a);
	a->words.n = 0;
	int status = graph_format_parse(a->json ? "json" : a->format, &format, e);
	if (status == 0)
		status = session_open(&s, e);
	if (status == 0) /* what recorded outputs say belongs to it */
		status = unfold_any(&s.project->ir) ? session_plan(&s, TARGET_ANY, e) : project_graph(s.project, e);
	if (status == 0 && asked.n) {
		status = graph_code(&s, str_z(asked.v[0]), format == GRAPH_JSON, e);
	} else if (status == 0) {
		AUTO_BUF b = { 0 };
		graph_print(s.project, format, &b);
		text_out(buf_str(&b));
	}
	session_done(&s);
	return status;
}
