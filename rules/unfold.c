/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/unfold.h"

#include "base/vec.h"

const struct unfold_output *
unfold_find(const struct unfold *u, struct str step, struct str output)
{
	for (size_t i = 0; u && i < u->n; i++)
		if (str_eq(u->v[i].step, step) && str_eq(u->v[i].output, output))
			return &u->v[i];
	return NULL;
}

static int
lines(struct str text, struct arena *a, const struct js **list, struct err *e)
{
	struct js *all = js_list();

	if (!str_utf8(text)) {
		js_free(all);
		return err_set(e, ERR_INPUT, "it is not UTF-8");
	}
	for (struct str_cut c = { .tail = text, .ok = true }; c.ok;) {
		c = str_cut(c.tail, '\n');
		const struct str line = str_trim(c.head);

		if (line.n)
			js_push(all, js_text(line));
	}
	*list = js_keep(a, all);
	return 0;
}

int
unfold_list(struct str text, struct arena *a, const struct js **list, struct err *e)
{
	struct js *v;

	if (!str_starts(str_trim(text), STR("[")))
		return lines(text, a, list, e);
	if (js_parse(text, "its list of values", &v, e) < 0) {
		if (e)
			e->code = ERR_INPUT;
		return -1;
	}
	(void)js_keep(a, v);
	for (size_t i = 0; i < js_len(v); i++)
		if (js_type(js_at(v, i)) == JS_LIST || js_type(js_at(v, i)) == JS_MAP)
			return err_set(e, ERR_INPUT, "value %zu of its list is neither a text nor a number", i + 1);
	*list = v;
	return 0;
}

struct outputs {
	VEC_FIELDS(struct unfold_output);
};

static void
lack(struct outputs *all, const struct unfold *u, struct unfold_output o)
{
	if (unfold_find(u, o.step, o.output))
		return;
	for (size_t i = 0; i < all->n; i++)
		if (str_eq(all->v[i].step, o.step) && str_eq(all->v[i].output, o.output))
			return;
	VEC_PUSH(all, o);
}

size_t
unfold_lacking(const struct ir *ir, const struct unfold *u, struct arena *a, struct unfold_output **out)
{
	struct outputs all = { 0 };

	for (size_t i = 0; i < ir->nsteps; i++) {
		const struct ir_step *s = &ir->steps[i];

		if (s->dynamic && s->noutputs == 1)
			lack(&all, u, (struct unfold_output){ .step = s->name, .output = s->outputs[0].name, .dynamic = true });
		for (size_t k = 0; k < s->nforeach; k++)
			if (s->foreach[k].kind == FOREACH_STEP)
				lack(&all, u, (struct unfold_output){ .step = s->foreach[k].step, .output = s->foreach[k].output });
	}
	const size_t n = all.n;

	*out = arena_array(a, struct unfold_output, n + 1);
	for (size_t i = 0; i < n; i++)
		(*out)[i] = all.v[i];
	VEC_DONE(&all);
	return n;
}

bool
unfold_any(const struct ir *ir)
{
	struct arena tmp = { 0 };
	struct unfold_output *v;
	const bool any = unfold_lacking(ir, NULL, &tmp, &v) > 0;

	arena_done(&tmp);
	return any;
}

static int
read_one(struct cache *c, const struct result *r, struct unfold_output *o, struct buf *text, struct err *e)
{
	const struct output *out = result_output(r, o->output);

	if (!out)
		return err_set(e, ERR_DAMAGED, "what is recorded of step '" STR_FMT "' has no output '" STR_FMT "'", STR_ARG(o->step), STR_ARG(o->output));
	if (out->type == OUTPUT_TREE)
		return err_set(e, ERR_INPUT, "output '" STR_FMT "." STR_FMT "' is a folder; %s stand in a file", STR_ARG(o->step), STR_ARG(o->output),
			       o->dynamic ? "further steps" : "the values of a foreach");
	o->path = out->path;
	return blobs_read(c->blobs, &out->digest, UNFOLD_MOST, text, e);
}

int
unfold_read(struct cache *c, const struct result *const *r, size_t n, struct unfold_output *o, struct arena *a, struct err *e)
{
	struct js *joined = js_list();
	AUTO_BUF all = { 0 };
	size_t there = 0;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct js *list = NULL;
		AUTO_BUF text = { 0 };

		if (!r[i])
			continue;
		there++;
		rc = read_one(c, r[i], o, &text, e);
		if (rc < 0 || (n == 1 && o->dynamic)) {
			buf_put(&all, buf_str(&text));
			break;
		}
		rc = unfold_list(buf_str(&text), a, &list, e);
		if (rc < 0)
			(void)err_wrap(e, "step '" STR_FMT "': output '" STR_FMT "'", STR_ARG(o->step), STR_ARG(o->output));
		for (size_t k = 0; rc == 0 && k < js_len(list); k++)
			js_push(joined, js_copy(js_at(list, k)));
	}
	if (rc == 0 && !all.n && !o->dynamic)
		js_write(joined, &all);
	js_free(joined);
	if (rc < 0)
		return -1;
	o->empty = there == 0;
	o->text = arena_str(a, buf_str(&all));
	o->path = arena_str(a, o->path);
	o->step = arena_str(a, o->step);
	o->output = arena_str(a, o->output);
	return 0;
}
