/* SPDX-License-Identifier: Apache-2.0
 *
 * queue: nodes that could start, the most important first: the longest way to the end, then the place in the order. Private to engine/.
 */
#ifndef PAWL_ENGINE_QUEUE_H
#define PAWL_ENGINE_QUEUE_H

#include "base/vec.h"
#include "engine/graph.h"

struct queue_item {
	double weight;
	uint32_t place;
	node_id node;
};

struct queue {
	VEC_FIELDS(struct queue_item); /* a heap */
};

void queue_push(struct queue *q, struct queue_item x);
bool queue_pop(struct queue *q, struct queue_item *out); /* false: empty */

#endif
