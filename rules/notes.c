/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/notes.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"

struct notes {
	pthread_mutex_t mutex;
	struct arena arena;
	VEC(struct str) v; /* NUL-terminated */
	struct map seen;
};

struct notes *
notes_new(void)
{
	struct notes *n = mem_zalloc(sizeof *n);
	pthread_mutex_init(&n->mutex, NULL);
	return n;
}

void
notes_free(struct notes *n)
{
	if (!n)
		return;
	VEC_DONE(&n->v);
	map_done(&n->seen);
	arena_done(&n->arena);
	pthread_mutex_destroy(&n->mutex);
	free(n);
}

void
notes_add(struct notes *n, const char *fmt, ...)
{
	va_list ap;
	pthread_mutex_lock(&n->mutex);
	va_start(ap, fmt);
	struct str text = arena_vprintf(&n->arena, fmt, ap);
	va_end(ap);
	if (map_add(&n->seen, text, (uint32_t)n->v.n) == n->v.n)
		VEC_PUSH(&n->v, text);
	pthread_mutex_unlock(&n->mutex);
}

const char *
notes_get(struct notes *n, size_t index)
{
	pthread_mutex_lock(&n->mutex);
	const char *text = index < n->v.n ? n->v.v[index].p : NULL;
	pthread_mutex_unlock(&n->mutex);
	return text;
}
