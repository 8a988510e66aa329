/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph.h"

/* "a>b b>c": nodes are single letters, in the order of the alphabet up to the last one that is named. */
static int
build(struct graph *g, const char *edges, struct err *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	char last = 'a';
	for (const char *p = edges; *p; p++)
		last = *p >= 'a' && *p > last ? *p : last;
	for (char c = 'a'; c <= last; c++)
		(void)graph_add(g, NULL, (struct str){ &letters[c - 'a'], 1 }, NULL);
	for (const char *p = edges; *p; p += p[3] ? 4 : 3)
		graph_edge(g, (node_id){ (uint32_t)(p[0] - 'a') }, (node_id){ (uint32_t)(p[2] - 'a') },
			   p[1] == '>' ? EDGE_INPUT : p[1] == '-' ? EDGE_ORDER : EDGE_NEED, p[1] == '>' ? "input" : NULL,
			   p[1] == '>' ? (struct str){ &letters[p[0] - 'a'], 1 } : STR(""), STR(""));
	return graph_seal(g, e);
}

static void
a_cycle_is_told_with_its_path(void **state)
{
	static const struct {
		const char *edges, *message;
	} rows[] = {
		{ "a>a", "a cycle: a -> a" },
		{ "a>b b>a", "a cycle: a -> b -> a" },
		{ "a>b b>c c>d d>b", "a cycle: b -> c -> d -> b" },
		{ "c>a a>b b>c", "a cycle: a -> b -> c -> a" },
		{ "b>a a-b", "a cycle: a -> b -> a" },
		{ "b=a a>b", "a cycle: a -> b -> a" },
		{ "a>b b>c c>b c>d d>e", "a cycle: b -> c -> b" }, /* what hangs behind it is not named */
		{ "a>b b>c c>d d>e e>f f>g g>h h>i i>j j>k k>l l>m m>n n>a",
		  "a cycle: a -> b -> c -> d -> e -> f -> g -> h -> i -> j -> k -> l -> ... 2 more -> a" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct graph g = { 0 };
		struct err e = { 0 };
		assert_int_equal(build(&g, rows[i].edges, &e), -1);
		assert_int_equal(e.code, ERR_INPUT);
		assert_string_equal(e.text, rows[i].message);
		graph_done(&g);
	}
}

static void
the_order_is_topological_and_stable(void **state)
{
	static const struct {
		const char *edges, *order;
	} rows[] = {
		{ "a>b", "ab" }, { "b>a", "ba" }, { "c>a c>b", "cab" }, { "d>a c-b a=c", "dacb" }, { "e>a a>b", "cdeab" }, { "a>b a>b a-b a-b", "ab" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct graph g = { 0 };
		char text[32] = "";
		assert_int_equal(build(&g, rows[i].edges, NULL), 0);
		for (uint32_t j = 0; j < g.nnodes; j++)
			(void)snprintf(text + j, sizeof text - j, STR_FMT, STR_ARG(g.node[g.order[j].i].name));
		assert_string_equal(text, rows[i].order);
		graph_done(&g);
	}
}

static void
edges_are_sorted_and_found(void **state)
{
	struct graph g = { 0 };
	(void)state;
	assert_int_equal(build(&g, "d=f c>f b-f a>f e>f a>f b-f", NULL), 0);
	const node_id f = graph_find(&g, STR("f"));
	const struct node *x = &g.node[f.i];
	const char *want = "aceb"; /* inputs by name, then order, then need; equal ones once */
	assert_int_equal(x->nin, 5);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(g.node[g.edge[x->in + i].from.i].name.p[0], want[i]);
	assert_int_equal(g.edge[x->in + 4].kind, EDGE_NEED);
	assert_int_equal(g.edge[graph_input(&g, f, STR("input"), STR("c"))].from.i, 2);
	assert_int_equal(graph_input(&g, f, STR("input"), STR("b")), UINT32_MAX);
	assert_int_equal(graph_input(&g, f, STR("code"), STR("c")), UINT32_MAX);
	assert_int_equal(graph_input(&g, (node_id){ 0 }, STR("input"), STR("c")), UINT32_MAX);
	assert_int_equal(graph_find(&g, STR("z")).i, UINT32_MAX);
	for (uint32_t i = 0; i < g.nnodes; i++)
		for (uint32_t j = 0; j < g.node[i].nout; j++)
			assert_int_equal(g.edge[g.out_edge[g.node[i].out + j]].from.i, i);
	graph_done(&g);
}

static void
one_field_has_one_source(void **state)
{
	struct graph g = { 0 };
	struct err e = { 0 };
	(void)state;
	const node_id a = graph_add(&g, NULL, STR("a"), NULL), b = graph_add(&g, NULL, STR("b"), NULL), c = graph_add(&g, NULL, STR("c"), NULL);
	graph_edge(&g, a, c, EDGE_INPUT, "input", STR("x"), STR(""));
	graph_edge(&g, b, c, EDGE_INPUT, "input", STR("x"), STR(""));
	assert_int_equal(graph_seal(&g, &e), -1);
	assert_int_equal(e.code, ERR_BUG);
	graph_done(&g);
	assert_int_equal(graph_seal(&g, &e), 0); /* an empty graph */
	graph_done(&g);
}

static void
a_million_nodes(void **state)
{
	enum { N = 1000000 };
	struct graph g = { 0 };
	char *names = malloc(N * 8);
	(void)state;
	assert_non_null(names);
	for (uint32_t i = 0; i < N; i++) {
		const int n = snprintf(names + i * 8, 8, "%x", i);
		(void)graph_add(&g, NULL, (struct str){ names + i * 8, (size_t)n }, NULL);
		for (uint32_t j = 1; j <= 3 && j <= i; j++)
			graph_edge(&g, (node_id){ (uint32_t)((uint64_t)i * j / 4) }, (node_id){ i }, j == 2 ? EDGE_ORDER : EDGE_NEED, NULL, STR(""), STR(""));
	}
	assert_int_equal(graph_seal(&g, NULL), 0);
	assert_int_equal(graph_find(&g, STR("f423f")).i, N - 1);
	graph_done(&g);
	free(names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cycle_is_told_with_its_path),   cmocka_unit_test(the_order_is_topological_and_stable),
		cmocka_unit_test(edges_are_sorted_and_found),      cmocka_unit_test(one_field_has_one_source),
		cmocka_unit_test(a_million_nodes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
