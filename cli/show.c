/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include "base/js.h"
#include "cli/answer.h"
#include "cli/grid.h"
#include "cli/text.h"
#include "cli/unfolding.h"

static const char *
state_text(enum plan_state s, bool image)
{
	switch (s) {
	case PLAN_HIT:
		return "up to date";
	case PLAN_RUN:
		return image ? "will be built" : "will run";
	case PLAN_MAYBE:
		return image ? "may be built" : "may run";
	case PLAN_SKIP:
		return "is skipped";
	case PLAN_UNUSED:
	case PLAN_UNSEEN:
		break;
	}
	return image ? "unused: no step that runs needs it" : "not asked for";
}

static void
show_node(struct session *s, uint32_t i, struct grid *t)
{
	const struct node *n = &s->project->graph.node[i];
	const struct plan_node *p = &s->plan.node[i];
	bool image = n->rule == &rule_image;
	AUTO_BUF text = { 0 };
	struct buf *out = &text;
	grid_put(t, image ? n->name : answer_name(n), &s->arena);
	buf_puts(out, state_text(p->state, image));
	if (p->state == PLAN_HIT && !p->in_place)
		buf_puts(out, ", its outputs are put back");
	if (p->reason.code != REASON_NONE)
		buf_printf(out, ": " STR_FMT, STR_ARG(p->reason.text));
	if ((p->state == PLAN_RUN || p->state == PLAN_MAYBE) && p->estimate_s >= 0) {
		buf_puts(out, "  (about ");
		text_seconds(out, p->estimate_s);
		buf_puts(out, ")");
	}
	grid_put(t, arena_str(&s->arena, buf_str(out)), &s->arena);
}

void
show_plan(struct session *s, struct buf *out)
{
	const struct graph *g = &s->project->graph;
	size_t hit = 0, run = 0, maybe = 0, skip = 0;
	bool verbose = s->args->verbose;
	struct grid t = { .columns = 2 };
	const size_t unknown = unfolding_explain(s);
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const struct plan_node *p = &s->plan.node[i];
		bool step = g->node[i].rule == &rule_step, image = g->node[i].rule == &rule_image;
		if ((!step && !image) || (step && !p->wanted))
			continue;
		if (step) {
			hit += p->state == PLAN_HIT;
			run += p->state == PLAN_RUN;
			maybe += p->state == PLAN_MAYBE;
			skip += p->state == PLAN_SKIP;
		}
		bool idle = (p->state == PLAN_HIT && p->in_place) || p->state == PLAN_UNUSED || p->state == PLAN_UNSEEN;
		if (verbose || !idle)
			show_node(s, i, &t);
	}
	grid_print(&t, "  ", out);
	buf_printf(out, "plan: %zu to run, %zu may run, %zu up to date", run, maybe, hit);
	if (skip)
		buf_printf(out, ", %zu skipped", skip);
	if (unknown) {
		buf_puts(out, "; the elements of ");
		text_count(out, unknown, "step");
		buf_puts(out, " are not known yet");
	}
	buf_putc(out, '\n');
}

static void
show_value(const struct key_field *f, struct buf *out)
{
	if (!f) {
		buf_puts(out, "(none)");
	} else if (f->has_value) {
		struct str v = f->value;
		bool digest = str_starts(v, STR("sha256:")) && v.n == DIGEST_TEXT; /* enough of it to tell two apart */
		bool cut = v.n > 120;
		if (digest)
			v = str_take(v, 7 + 12);
		for (size_t i = 0; i < (cut ? 120 : v.n); i++)
			buf_putc(out, (unsigned char)v.p[i] < ' ' ? ' ' : v.p[i]);
		if (cut)
			buf_puts(out, "...");
	} else {
		char hex[DIGEST_HEX + 1];
		digest_hex(&f->hash, hex);
		buf_printf(out, "#%.12s", hex);
	}
}

static void
show_change(const struct key_change *c, struct buf *out)
{
	const struct key_field *f = c->b ? c->b : c->a;
	if (!f)
		return;
	buf_printf(out, STR_FMT "%s" STR_FMT ": ", STR_ARG(f->tag), f->name.n ? " " : "", STR_ARG(f->name));
	show_value(c->a, out);
	buf_puts(out, " -> ");
	show_value(c->b, out);
}

/* What `run --verify` found of the result. */
static void
show_verified(const struct result *r, struct buf *out)
{
	struct js *info = NULL;
	if (!r || !r->info.n || js_parse(r->info, "info", &info, NULL) < 0)
		return;
	const struct js *v = js_get(info, "verified");
	if (v && js_true(js_get(v, "same")))
		buf_puts(out, "  verified: the same came out when it was executed again\n");
	else if (v)
		buf_printf(out, "  unsteady: it came out otherwise when it was executed again: " STR_FMT "\n",
			   STR_ARG(js_str(js_get(v, "text"))));
	js_free(info);
}

void
show_why(struct session *s, node_id n, const struct why *w, struct buf *out)
{
	const struct graph *g = &s->project->graph;
	const struct node *node = &g->node[n.i];
	bool image = node->rule == &rule_image;
	buf_printf(out, STR_FMT "  %s", STR_ARG(image ? node->name : answer_name(node)), state_text(w->state, image));
	if (w->reason.code != REASON_NONE)
		buf_printf(out, ": " STR_FMT, STR_ARG(w->reason.text));
	buf_putc(out, '\n');
	show_verified(s->plan.node[n.i].result, out);
	for (size_t i = 0; i < w->nchain; i++) {
		const struct why_link *l = &w->chain[i];
		buf_printf(out, "%*s" STR_FMT "  " STR_FMT "\n", (int)(2 * i + 2), "", STR_ARG(g->node[l->node.i].name),
			   STR_ARG(l->reason.text));
		if (!l->change.a && !l->change.b)
			continue;
		buf_printf(out, "%*s", (int)(2 * i + 4), "");
		show_change(&l->change, out);
		buf_putc(out, '\n');
	}
	if (w->nchanges > 1) {
		buf_puts(out, "  all that differs:\n");
		for (size_t i = 0; i < w->nchanges; i++) {
			buf_puts(out, "    ");
			show_change(&w->changes[i], out);
			buf_putc(out, '\n');
		}
	}
	if (!w->never_made)
		buf_printf(out, "  unchanged: %zu of %zu fields\n", w->unchanged, w->unchanged + w->nchanges);
}
