/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/lower.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "rules/schema.h"
#include "rules/template.h"
#include "sys/file.h"

struct str
lower_text(const struct yaml_node *n)
{
	return yaml_scalar(n) ? n->text : STR("");
}

bool
lower_truth(const struct yaml_node *n, bool absent)
{
	return yaml_is(n, YAML_BOOL) ? n->truth : absent;
}

int64_t
lower_int(const struct yaml_node *n, int64_t absent)
{
	return yaml_is(n, YAML_INT) ? n->num : absent;
}

int64_t
lower_duration(const struct yaml_node *n)
{
	int64_t ns;

	return yaml_is(n, YAML_TEXT) && duration_parse(n->text, &ns) ? ns : 0;
}

struct ir_texts
lower_texts(struct lower *l, const struct yaml_node *n)
{
	struct ir_texts t = { 0 };

	if (yaml_scalar(n) && n->text.n) {
		t.v = arena_new(l->a, struct str);
		t.v[t.n++] = n->text;
	}
	if (!yaml_is(n, YAML_LIST))
		return t;
	t.v = arena_array(l->a, struct str, n->n);
	for (uint32_t i = 0; i < n->n; i++)
		if (yaml_scalar(n->items[i]))
			t.v[t.n++] = n->items[i]->text;
	return t;
}

static int
by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

void
lower_sort_texts(struct ir_texts *t)
{
	size_t kept = 0;

	if (t->n > 1)
		qsort(t->v, t->n, sizeof *t->v, by_text);
	for (size_t i = 0; i < t->n; i++)
		if (kept == 0 || !str_eq(t->v[i], t->v[kept - 1]))
			t->v[kept++] = t->v[i];
	t->n = kept;
}

struct ir_texts
lower_set(struct lower *l, const struct yaml_node *n)
{
	struct ir_texts t = lower_texts(l, n);

	lower_sort_texts(&t);
	return t;
}

struct ir_pairs
lower_pairs(struct lower *l, const struct yaml_node *n)
{
	struct ir_pairs p = { 0 };

	if (!yaml_is(n, YAML_MAP))
		return p;
	p.v = arena_array(l->a, struct ir_pair, n->n);
	for (uint32_t i = 0; i < n->n; i++)
		if (n->entries[i].value->kind < YAML_LIST)
			p.v[p.n++] = (struct ir_pair){ n->entries[i].key, lower_text(n->entries[i].value) };
	if (p.n > 1)
		qsort(p.v, p.n, sizeof *p.v, by_text); /* the name is the first field */
	return p;
}

struct ir_template
lower_template(struct lower *l, const struct yaml_node *n, struct str text, const char *what)
{
	struct ir_template t = { 0 };
	struct err e;

	if (template_cut(text, l->a, &t, &e) < 0)
		LOWER_ERROR(l, yaml_at(n), "bad-substitution", STR(""), "%s: %s", what, e.text);
	return t;
}

const struct js *
lower_js(struct lower *l, const struct yaml_node *n)
{
	return js_keep(l->a, yaml_js(n));
}

static bool
amount(struct str name, const struct yaml_node *n, int64_t *out)
{
	if (str_is(name, "memory"))
		return (yaml_is(n, YAML_TEXT) || yaml_is(n, YAML_INT)) && size_parse(n->text, out);
	if (yaml_is(n, YAML_INT))
		return amount_of((double)n->num, out);
	return yaml_is(n, YAML_REAL) && amount_of(n->real, out);
}

struct ir_resource *
lower_resources(struct lower *l, const struct yaml_node *n, size_t *count)
{
	*count = 0;
	if (!yaml_is(n, YAML_MAP))
		return NULL;
	struct ir_resource *v = arena_array(l->a, struct ir_resource, n->n);

	for (uint32_t i = 0; i < n->n; i++) {
		v[*count].name = n->entries[i].key;
		if (amount(n->entries[i].key, n->entries[i].value, &v[*count].amount))
			++*count;
	}
	if (*count > 1)
		qsort(v, *count, sizeof *v, by_text);
	return v;
}

bool
lower_path(struct lower *l, const struct yaml_node *n, struct str text, struct str *out)
{
	const struct str clean = path_clean(l->a, text);

	if (text.n && path_inside(clean, STR(".")) && text.n < 4000 &&
	    str_find_char(text, '\0') == SIZE_MAX) {
		*out = clean;
		return true;
	}
	if (text.n)
		LOWER_ERROR(l, yaml_at(n), "outside-project",
			    STR("write it relative to the folder of the pipeline file"),
			    "the path '" STR_FMT "' leaves the project", STR_ARG(str_take(text, 200)));
	return false;
}

static int
by_name(const void *pa, const void *pb)
{
	const struct lower_entry *a = pa, *b = pb;
	const int c = str_cmp(a->name, b->name);

	return c ? c : (a->file > b->file) - (a->file < b->file);
}

/* A name that two files have: for parameters the main file's counts, everything else is a mistake. */
static void
report_twice(struct lower *l, const struct lower_entry *first, const struct lower_entry *second,
	     const char *noun)
{
	const struct place at = yaml_key_at(first->entry);

	if (str_is(STR("parameter"), noun) && first->file == 0)
		return;
	LOWER_ERROR(l, yaml_key_at(second->entry), "duplicate-name", STR("give one of them another name"),
		    "the %s '" STR_FMT "' is there twice; the first is in " STR_FMT ":%u", noun,
		    STR_ARG(second->name), STR_ARG(at.file), at.line);
}

static void
collect(struct lower *l, const char *key, const char *noun, struct lower_entries *out)
{
	VEC(struct lower_entry) all = { 0 };
	size_t kept = 0;

	for (size_t i = 0; i < l->nroots; i++) {
		const struct yaml_node *map = yaml_get(l->roots[i], key);

		for (uint32_t k = 0; yaml_is(map, YAML_MAP) && k < map->n; k++)
			VEC_PUSH(&all, ((struct lower_entry){ map->entries[k].key, &map->entries[k],
							      (uint32_t)i }));
	}
	if (all.n > 1)
		qsort(all.v, all.n, sizeof *all.v, by_name);
	for (size_t i = 0; i < all.n; i++) {
		if (kept && str_eq(all.v[kept - 1].name, all.v[i].name))
			report_twice(l, &all.v[kept - 1], &all.v[i], noun);
		else
			all.v[kept++] = all.v[i];
	}
	*out = (struct lower_entries){ .v = arena_array(l->a, struct lower_entry, kept), .n = kept };
	if (kept)
		memcpy(out->v, all.v, kept * sizeof *all.v);
	for (size_t i = 0; i < kept; i++)
		(void)map_put(&out->by_name, out->v[i].name, (uint32_t)i);
	VEC_DONE(&all);
}

void
lower_collect(struct lower *l)
{
	collect(l, "params", "parameter", &l->params);
	collect(l, "environments", "environment", &l->environments);
	collect(l, "steps", "step", &l->steps);
	collect(l, "stacks", "stack", &l->stacks);
}

void
lower_entries_done(struct lower *l)
{
	map_done(&l->params.by_name);
	map_done(&l->environments.by_name);
	map_done(&l->steps.by_name);
	map_done(&l->stacks.by_name);
}
