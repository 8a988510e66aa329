/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths in the project: what steps read must be there, and what they write must be nobody else's.
 *
 * All elements of all steps are looked at, except those that only a run makes known. Every path looks itself
 * and the folders above it up in a table, so that the cost is the number of paths times their depth.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "rules/check.h"
#include "rules/foreach.h"
#include "rules/template.h"
#include "sys/file.h"

struct written {
	struct str path;
	const struct ir_step *step;
	const struct ir_output *output;
	struct str element;
};

struct reading {
	struct str path;
	const struct ir_step *step;
	const struct ir_input *input; /* of the original step: its place counts */
	bool glob;
};

struct paths {
	struct check *c;
	VEC(struct written) written;
	VEC(struct reading) readings;
	struct map by_written; /* path to index */
	struct map by_folder;  /* path of an input that is a folder, to index of the reading */
	struct map looked;     /* path or pattern to what the disk said */
};

enum { IS_MISSING, IS_FILE, IS_FOLDER };

static uint32_t
look(struct paths *p, struct str path, bool glob)
{
	struct file_stat st;
	struct str *found;
	size_t n = 0;
	uint32_t is = map_get(&p->looked, path);

	if (is != MAP_NONE)
		return is;
	if (p->c->root < 0)
		is = IS_FILE;
	else if (glob)
		is = path_glob(p->c->root, path, p->c->a, &found, &n, NULL) == 0 && n ? IS_FILE : IS_MISSING;
	else if (file_stat(p->c->root, arena_z(p->c->a, path), true, &st, NULL) < 0)
		is = IS_MISSING;
	else
		is = st.type == FILE_FOLDER ? IS_FOLDER : IS_FILE;
	(void)map_put(&p->looked, path, is);
	return is;
}

/* The entry for the path itself or the nearest folder above it. self: whether the path itself counts. */
static uint32_t
above(const struct map *m, struct str path, bool self, struct str *found)
{
	uint32_t i = self ? map_get(m, path) : MAP_NONE;

	while (i == MAP_NONE && !str_is(path, ".")) {
		path = path_dir(path);
		i = map_get(m, path);
	}
	*found = path;
	return i;
}

static void
report_same(struct paths *p, const struct written *w, const struct written *first)
{
	if (w->step == first->step && w->output == first->output)
		CHECK_ERROR(p->c, w->output->at, "same-output",
			    STR("put every ${item.N} of the step into the path"),
			    "step '" STR_FMT "': output '" STR_FMT "': the elements '" STR_FMT
			    "' and '" STR_FMT "' both write '" STR_FMT "'",
			    STR_ARG(w->step->name), STR_ARG(w->output->name), STR_ARG(first->element),
			    STR_ARG(w->element), STR_ARG(w->path));
	else
		CHECK_ERROR(p->c, w->output->at, "same-output", STR("give one of them another path"),
			    "step '" STR_FMT "': output '" STR_FMT "' writes '" STR_FMT
			    "', which is also output '" STR_FMT "' of step '" STR_FMT "'",
			    STR_ARG(w->element), STR_ARG(w->output->name), STR_ARG(w->path),
			    STR_ARG(first->output->name), STR_ARG(first->element));
}

static int
collect_outputs(struct paths *p, const struct ir_step *s, const struct foreach_element *el, size_t *reported)
{
	for (size_t i = 0; i < s->noutputs; i++) {
		struct written w = { .step = s, .output = &s->outputs[i], .element = el->name };
		struct err e;

		if (w.output->path.n == 0)
			continue;
		if (template_is_literal(&w.output->path)) {
			w.path = template_text(&w.output->path);
			if (!path_inside(w.path, STR(".")))
				continue; /* reported by lowering */
		} else if (template_path(&w.output->path, p->c->ir, &el->items, p->c->a, &w.path, &e) < 0) {
			if ((*reported)++ == 0)
				CHECK_ERROR(p->c, w.output->at, "bad-path", STR(""),
					    "step '" STR_FMT "': output '" STR_FMT "': %s", STR_ARG(el->name),
					    STR_ARG(w.output->name), e.text);
			continue;
		}
		const uint32_t next = (uint32_t)p->written.n, have = map_add(&p->by_written, w.path, next);

		if (have == next)
			VEC_PUSH(&p->written, w);
		else if ((*reported)++ == 0)
			report_same(p, &w, &p->written.v[have]);
	}
	return 0;
}

static void
collect_inputs(struct paths *p, const struct ir_step *s, const struct foreach_element *el)
{
	for (size_t i = 0; i < s->ninputs; i++) {
		const struct ir_input *in = &el->step->inputs[i];

		if ((in->kind != INPUT_PATH && in->kind != INPUT_GLOB) || in->path.n == 0 || in->item_path.n)
			continue;
		VEC_PUSH(&p->readings,
			 ((struct reading){ in->path, s, &s->inputs[i], in->kind == INPUT_GLOB }));
		/* Elements share what has no item in it. */
		if (el->items.n && s->inputs[i].item_path.n == 0 && p->readings.n > 1) {
			const struct reading *last = &p->readings.v[p->readings.n - 2];

			if (last->input == &s->inputs[i])
				p->readings.n--;
		}
	}
}

/* A mistake of the step that was reported already would come again as a strange one here. */
static bool
templates_ok(const struct check *c, const struct ir_step *s)
{
	for (size_t i = 0; i < s->noutputs; i++)
		for (size_t k = 0; k < s->outputs[i].path.n; k++) {
			const struct ir_piece *p = &s->outputs[i].path.v[k];

			if ((p->kind == PIECE_PARAM && !ir_param(c->ir, p->text)) ||
			    (p->kind == PIECE_ITEM && !ir_step_foreach(s, p->text)) ||
			    (p->kind != PIECE_PARAM && p->kind != PIECE_ITEM && p->kind != PIECE_TEXT))
				return false;
		}
	for (size_t i = 0; i < s->ninputs; i++)
		for (size_t k = 0; k < s->inputs[i].item_path.n; k++) {
			const struct ir_piece *p = &s->inputs[i].item_path.v[k];

			if (p->kind != PIECE_TEXT && (p->kind != PIECE_ITEM || !ir_step_foreach(s, p->text)))
				return false;
		}
	return true;
}

static bool
lines_there(struct paths *p, const struct ir_step *s)
{
	for (size_t i = 0; i < s->nforeach; i++) {
		const struct ir_foreach *f = &s->foreach[i];

		if (f->kind != FOREACH_LINES || f->file.n == 0 || look(p, f->file, false) == IS_FILE)
			continue;
		CHECK_ERROR(p->c, check_step_at(p->c, s, "foreach", f->name), "missing-file", STR(""),
			    "step '" STR_FMT "': foreach '" STR_FMT "': there is no file '" STR_FMT "'",
			    STR_ARG(s->name), STR_ARG(f->name), STR_ARG(f->file));
		return false;
	}
	return true;
}

static void
collect_step(struct paths *p, const struct ir_step *s)
{
	const struct foreach_source from = { .root = p->c->root, .unfold = p->c->unfold };
	struct foreach_element *v;
	size_t n, reported = 0;
	struct err e;

	if (!templates_ok(p->c, s) || !lines_there(p, s))
		return;
	if (p->c->root < 0 && s->nforeach)
		for (size_t i = 0; i < s->nforeach; i++)
			if (s->foreach[i].kind == FOREACH_LINES)
				return;
	if (foreach_expand(s, &from, p->c->a, &v, &n, &e) < 0) {
		CHECK_ERROR(p->c, check_step_at(p->c, s, "foreach", STR("")), "bad-foreach", STR(""), "%s",
			    e.text);
		return;
	}
	for (size_t i = 0; v && i < n; i++) {
		(void)collect_outputs(p, s, &v[i], &reported);
		collect_inputs(p, s, &v[i]);
	}
}

static void
report_made(struct paths *p, const struct reading *r, const struct written *w, struct str path)
{
	const bool part = !r->glob && !str_eq(path, r->path);
	const struct str hint =
		w->step == r->step
			? STR("a step cannot write over what it reads")
			: arena_printf(p->c->a,
				       "write '" STR_FMT "." STR_FMT "'%s, so that pawl knows the order",
				       STR_ARG(w->step->name), STR_ARG(w->output->name),
				       part ? " and take the part of it in the command" : "");

	CHECK_ERROR(p->c, r->input->at, "input-is-output", hint,
		    "step '" STR_FMT "': input '" STR_FMT "' names the path '" STR_FMT
		    "', which %s step '" STR_FMT "'",
		    STR_ARG(r->step->name), STR_ARG(r->input->name), STR_ARG(r->path),
		    w->step == r->step ? "is made by the same" : "is made by", STR_ARG(w->step->name));
}

static void
check_reading(struct paths *p, uint32_t number)
{
	const struct reading *r = &p->readings.v[number];
	struct str path;
	const uint32_t made = r->glob ? MAP_NONE : above(&p->by_written, r->path, true, &path);

	if (made != MAP_NONE) {
		report_made(p, r, &p->written.v[made], path);
		return;
	}
	const uint32_t is = look(p, r->path, r->glob);

	if (is == IS_FOLDER)
		(void)map_add(&p->by_folder, r->path, number);
	if (is != IS_MISSING)
		return;
	const struct str head = str_cut(r->path, '.').head;
	const struct str near =
		str_find_char(r->input->path, '/') == SIZE_MAX ? check_near_step(p->c, head) : STR("");
	struct str hint = STR("");

	if (near.n)
		hint = arena_printf(p->c->a, "did you mean '" STR_FMT STR_FMT "'?", STR_ARG(near),
				    STR_ARG(str_drop(r->path, head.n)));
	CHECK_ERROR(p->c, r->input->at, near.n ? "unknown-step" : "missing-file", hint,
		    r->glob ? "step '" STR_FMT "': input '" STR_FMT "': no file matches '" STR_FMT "'"
			    : "step '" STR_FMT "': input '" STR_FMT "' names '" STR_FMT
			      "', which is neither a step's output nor a file here",
		    STR_ARG(r->step->name), STR_ARG(r->input->name), STR_ARG(r->path));
}

static void
check_written(struct paths *p, const struct written *w)
{
	struct str path;
	uint32_t i = above(&p->by_written, w->path, false, &path);

	if (i != MAP_NONE) {
		const struct written *up = &p->written.v[i];

		CHECK_ERROR(p->c, w->output->at, "output-inside-output", STR("give it a path of its own"),
			    "step '" STR_FMT "': output '" STR_FMT "' lies in '" STR_FMT
			    "', which is output '" STR_FMT "' of step '" STR_FMT "'",
			    STR_ARG(w->element), STR_ARG(w->output->name), STR_ARG(up->path),
			    STR_ARG(up->output->name), STR_ARG(up->element));
		return;
	}
	i = above(&p->by_folder, w->path, true, &path);
	if (i != MAP_NONE) {
		const struct reading *r = &p->readings.v[i];

		CHECK_ERROR(p->c, w->output->at, "output-inside-input",
			    STR("write it to another folder, or name files or a glob as the input"),
			    "step '" STR_FMT "': output '" STR_FMT "' lies in the folder '" STR_FMT
			    "', which is input '" STR_FMT "' of step '" STR_FMT "'",
			    STR_ARG(w->element), STR_ARG(w->output->name), STR_ARG(r->path),
			    STR_ARG(r->input->name), STR_ARG(r->step->name));
		return;
	}
	if (str_is(w->path, ".git") || str_starts(w->path, STR(".git/")) ||
	    ir_texts_have(&p->c->ir->files, w->path))
		CHECK_ERROR(p->c, w->output->at, "bad-path", STR("give it another path"),
			    "step '" STR_FMT "': output '" STR_FMT "' would write over '" STR_FMT "'",
			    STR_ARG(w->element), STR_ARG(w->output->name), STR_ARG(w->path));
}

static int
by_path(const void *a, const void *b)
{
	return str_cmp(((const struct written *)a)->path, ((const struct written *)b)->path);
}

/* The part of a pattern in front of its first special character. */
static struct str
fixed_part(struct str pattern)
{
	size_t n = 0;

	while (n < pattern.n && str_find_char(STR("*?[\\"), pattern.p[n]) == SIZE_MAX)
		n++;
	return str_take(pattern, n);
}

/* Globs against outputs; written is sorted here, so this comes last. Long ranges are cut: it is a help, no
 * proof. */
static void
check_globs(struct paths *p)
{
	enum { TRIES_MOST = 5000 };
	const size_t n = p->written.n;

	if (n > 1)
		qsort(p->written.v, n, sizeof *p->written.v, by_path);
	for (size_t i = 0; i < p->readings.n; i++) {
		const struct reading *r = &p->readings.v[i];
		const struct str fixed = fixed_part(r->path);
		size_t low = 0, high = n;

		while (r->glob && low < high) {
			const size_t mid = low + (high - low) / 2;

			if (str_cmp(p->written.v[mid].path, fixed) < 0)
				low = mid + 1;
			else
				high = mid;
		}
		for (size_t k = low, end = low + TRIES_MOST;
		     r->glob && k < n && k < end && str_starts(p->written.v[k].path, fixed); k++)
			if (path_match(r->path, p->written.v[k].path)) {
				report_made(p, r, &p->written.v[k], p->written.v[k].path);
				break;
			}
	}
}

void
check_paths(struct check *c)
{
	struct paths p = { .c = c };

	for (size_t i = 0; i < c->ir->nsteps; i++)
		collect_step(&p, &c->ir->steps[i]);
	for (size_t i = 0; i < p.readings.n; i++)
		check_reading(&p, (uint32_t)i);
	for (size_t i = 0; i < p.written.n; i++)
		check_written(&p, &p.written.v[i]);
	check_globs(&p);
	VEC_DONE(&p.written);
	VEC_DONE(&p.readings);
	map_done(&p.by_written);
	map_done(&p.by_folder);
	map_done(&p.looked);
}
