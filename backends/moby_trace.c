/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/moby_trace.h"

#include "backends/moby_trace.pb-c.h"
#include "base/base64.h"

#define VERTICES_MAX 100000

void
moby_trace_init(struct moby_trace *t, struct lines *out)
{
	*t = (struct moby_trace){ .out = out };
}

void
moby_trace_done(struct moby_trace *t)
{
	map_done(&t->told);
	arena_done(&t->arena);
}

static void
say_vertex(struct moby_trace *t, const Pawl__Trace__Vertex *v)
{
	const struct str id = str_z(v->digest), name = str_z(v->name);
	if (v->started.len == 0 || id.n == 0 || name.n == 0 || t->told.n >= VERTICES_MAX || map_get(&t->told, id) != MAP_NONE)
		return;
	if (str_starts(name, STR("[internal]")))
		return;
	map_put(&t->told, arena_str(&t->arena, id), 0);
	if (v->cached)
		lines_feed(t->out, STR("CACHED "));
	lines_feed(t->out, name);
	lines_feed(t->out, STR("\n"));
}

void
moby_trace_feed(struct moby_trace *t, struct str base64)
{
	AUTO_BUF bytes = { 0 };
	if (!base64_get(base64, &bytes))
		return;
	Pawl__Trace__Status *s = pawl__trace__status__unpack(NULL, bytes.n, (const uint8_t *)bytes.p);
	if (!s)
		return;
	for (size_t i = 0; i < s->n_vertexes; i++)
		say_vertex(t, s->vertexes[i]);
	for (size_t i = 0; i < s->n_logs; i++)
		lines_feed(t->out, (struct str){ (const char *)s->logs[i]->msg.data, s->logs[i]->msg.len });
	pawl__trace__status__free_unpacked(s, NULL);
}
