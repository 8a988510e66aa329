/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/madepaths.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"
#include "rules/rules.h"
#include "sys/file.h"

struct madepaths {
	struct map paths;
	VEC(struct str) all; /* borrowed of the graph */
	pthread_mutex_t mu;  /* over all below */
	struct arena arena;
	struct map listed;
};

/* And the folders above, as far as they are new. */
static void
add(struct madepaths *m, struct str path)
{
	while (path.n && !str_is(path, ".") && !str_is(path, "/") && map_put(&m->paths, path, 0) == MAP_NONE) {
		VEC_PUSH(&m->all, path);
		path = path_dir(path);
	}
}

struct madepaths *
madepaths_new(const struct graph *g, const struct ir_texts *more)
{
	struct madepaths *m = mem_zalloc(sizeof *m);
	(void)pthread_mutex_init(&m->mu, NULL);
	add(m, STR("pawl.lock"));
	for (uint32_t i = 0; i < g->nnodes; i++) {
		const struct step_data *d = g->node[i].rule == &rule_step ? g->node[i].data : NULL;
		for (size_t k = 0; d && k < d->ir->noutputs; k++)
			add(m, d->output_paths[k]);
	}
	for (size_t i = 0; i < more->n; i++)
		add(m, more->v[i]);
	return m;
}

void
madepaths_free(struct madepaths *m)
{
	if (!m)
		return;
	map_done(&m->paths);
	map_done(&m->listed);
	VEC_DONE(&m->all);
	arena_done(&m->arena);
	(void)pthread_mutex_destroy(&m->mu);
	free(m);
}

bool
madepaths_has(const struct madepaths *m, struct str path)
{
	return m && map_get(&m->paths, path) != MAP_NONE;
}

void
madepaths_listed(struct madepaths *m, struct str folder)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->mu);
	if (map_get(&m->listed, folder) == MAP_NONE)
		(void)map_put(&m->listed, arena_str(&m->arena, folder), 0);
	pthread_mutex_unlock(&m->mu);
}

struct ir_texts
madepaths_in_listed(struct madepaths *m, struct arena *a)
{
	struct ir_texts t = { 0 };
	if (!m)
		return t;
	pthread_mutex_lock(&m->mu);
	t.v = arena_array(a, struct str, m->all.n);
	for (size_t i = 0; i < m->all.n; i++)
		if (map_get(&m->listed, path_dir(m->all.v[i])) != MAP_NONE)
			t.v[t.n++] = m->all.v[i];
	pthread_mutex_unlock(&m->mu);
	return t;
}
