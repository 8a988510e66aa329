/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/step_watch.h"

#include "rules/workspace.h"

static void
add(struct watch *w, const struct output *o)
{
	w->v[w->n++] = (struct watched){ .path = o->path, .planned = o->digest, .planned_type = o->type };
}

/* The outputs of r that the source means. */
static size_t
meant(const struct step_source *s, const struct result *r, const struct output **first)
{
	if (s->port.n == 0) {
		*first = r->outputs;
		return r->noutputs;
	}
	*first = result_output(r, s->port);
	return *first != NULL ? 1 : 0;
}

void
watch_init(struct watch *w, const struct step *s, const struct inputs *in, struct arena *a)
{
	size_t n = 0;

	for (int counting = 1; counting >= 0; counting--) {
		for (size_t i = 0; i < s->d.ir->ninputs; i++)
			for (size_t k = 0; k < s->inputs[i].n; k++) {
				const struct result *r = step_source_result(in, &s->inputs[i].v[k]);
				const struct output *o = NULL;
				const size_t m = r != NULL ? meant(&s->inputs[i].v[k], r, &o) : 0;

				n += counting ? m : 0;
				for (size_t j = 0; j < m && !counting; j++)
					if (o[j].path.n > 0)
						add(w, &o[j]);
			}
		if (counting)
			*w = (struct watch){ .v = arena_array(a, struct watched, n) };
	}
}

static void
now(struct project *p, struct str path, struct digest *d, enum output_type *type)
{
	struct arena a = { 0 };
	struct workspace_item item = { 0 };

	if (workspace_look(p, p->fd, path, REPORT_NOT, &a, &item, NULL) < 0)
		item = (struct workspace_item){ 0 };
	*d = item.digest;
	*type = item.type;
	arena_done(&a);
}

void
watch_before(struct watch *w, struct project *p, struct str *changed)
{
	*changed = STR("");
	for (size_t i = 0; i < w->n; i++) {
		struct watched *x = &w->v[i];

		now(p, x->path, &x->before, &x->before_type);
		if (changed->n == 0 && (!digest_eq(&x->before, &x->planned) || x->before_type != x->planned_type))
			*changed = x->path;
	}
}

struct str
watch_after(const struct watch *w, struct project *p)
{
	for (size_t i = 0; i < w->n; i++) {
		struct digest d;
		enum output_type type;

		now(p, w->v[i].path, &d, &type);
		if (!digest_eq(&d, &w->v[i].before) || type != w->v[i].before_type)
			return w->v[i].path;
	}
	return STR("");
}
