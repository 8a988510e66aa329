/* SPDX-License-Identifier: Apache-2.0
 *
 * gate: many inside, or one alone who changes what those inside stand on.
 *
 *	OPEN -> SHUTTING [gate_shut] -> SHUT [the last one inside left] -> OPEN [gate_reopen]; SHUTTING -> OPEN after the deadline
 *
 * gate_enter waits while the gate is not open. Who is inside must not shut it: that ends at the deadline. Any thread.
 */
#ifndef PAWL_CACHE_GATE_H
#define PAWL_CACHE_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct gate {
	pthread_mutex_t mu;
	pthread_cond_t turn; /* one of the two below changed */
	size_t inside;
	bool shut;
};

void gate_init(struct gate *g);
void gate_done(struct gate *g);
void gate_enter(struct gate *g);
void gate_leave(struct gate *g);
bool gate_shut(struct gate *g, int timeout_ms); /* false: somebody stayed inside past the deadline */
void gate_reopen(struct gate *g);

#endif
