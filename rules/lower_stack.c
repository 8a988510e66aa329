/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "rules/lower.h"

/* A kind alone, or a map that has it. */
static struct str
kind_of(const struct yaml_node *n, struct str absent)
{
	const struct str kind = lower_text(yaml_is(n, YAML_MAP) ? yaml_get(n, "kind") : n);

	return kind.n ? kind : absent;
}

static void
lower_stack(struct lower *l, struct ir_stack *s, const struct lower_entry *e)
{
	const struct yaml_node *n = e->entry->value;

	s->name = e->name;
	s->orchestrator = kind_of(yaml_get(n, "orchestrator"), STR("local"));
	s->builder = kind_of(yaml_get(n, "builder"), STR("native"));
	s->registry = lower_text(yaml_get(n, "registry"));
	s->store = lower_text(yaml_get(n, "store"));
	s->remote = lower_text(yaml_get(n, "remote"));
	s->insecure = lower_truth(yaml_get(n, "insecure"), false);
	s->reuse = lower_truth(yaml_get(n, "reuse"), false);
	s->settings = yaml_is(n, YAML_MAP) ? lower_js(l, n) : js_keep(l->a, js_map());
	s->pools = lower_resources(l, yaml_get(n, "pools"), &s->npools);
}

static int
by_name(const void *a, const void *b)
{
	return str_cmp(((const struct ir_stack *)a)->name, ((const struct ir_stack *)b)->name);
}

/* Those of the user that the pipeline does not have. */
static void
add_users(struct lower *l)
{
	struct ir *ir = l->ir;
	const struct yaml_node *n = yaml_get(l->user, "stacks");
	const struct ir_stack *own = ir->stacks;
	const size_t nown = ir->nstacks;

	if (!yaml_is(n, YAML_MAP))
		return;
	ir->stacks = arena_array(l->a, struct ir_stack, nown + n->n);
	memcpy(ir->stacks, own, nown * sizeof *own);
	for (uint32_t i = 0; i < n->n; i++) {
		const struct lower_entry e = { .name = n->entries[i].key, .entry = &n->entries[i] };

		if (map_get(&l->stacks.by_name, e.name) != MAP_NONE || str_is(e.name, "local"))
			continue;
		lower_stack(l, &ir->stacks[ir->nstacks], &e);
		ir->stacks[ir->nstacks++].of_user = true;
	}
	qsort(ir->stacks, ir->nstacks, sizeof *ir->stacks, by_name);
}

void
lower_stacks(struct lower *l)
{
	struct ir *ir = l->ir;
	const bool local = map_get(&l->stacks.by_name, STR("local")) != MAP_NONE;
	size_t k = 0;

	ir->nstacks = l->stacks.n + !local;
	ir->stacks = arena_array(l->a, struct ir_stack, ir->nstacks);
	for (size_t i = 0; i <= l->stacks.n; i++) {
		const bool last = i == l->stacks.n;

		if (!local && k == i && (last || str_cmp(STR("local"), l->stacks.v[i].name) < 0))
			ir_stack_implied(&ir->stacks[k++], l->a);
		if (!last)
			lower_stack(l, &ir->stacks[k++], &l->stacks.v[i]);
	}
	add_users(l);
}
