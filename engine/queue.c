/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/queue.h"

static bool
before(const struct queue_item *a, const struct queue_item *b)
{
	return a->weight > b->weight || (a->weight == b->weight && a->place < b->place);
}

void
queue_push(struct queue *q, struct queue_item x)
{
	VEC_PUSH(q, x);
	size_t i = q->n - 1;
	for (; i && before(&x, &q->v[(i - 1) / 2]); i = (i - 1) / 2)
		q->v[i] = q->v[(i - 1) / 2];
	q->v[i] = x;
}

bool
queue_pop(struct queue *q, struct queue_item *out)
{
	if (!q->n)
		return false;
	*out = q->v[0];
	const struct queue_item x = q->v[--q->n];
	size_t i = 0;
	for (size_t c = 1; c < q->n; c = 2 * i + 1) {
		if (c + 1 < q->n && before(&q->v[c + 1], &q->v[c]))
			c++;
		if (!before(&q->v[c], &x))
			break;
		q->v[i] = q->v[c];
		i = c;
	}
	q->v[i] = x;
	return true;
}
