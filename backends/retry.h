/* SPDX-License-Identifier: Apache-2.0
 *
 * retry: whether a request is worth asking again, and the wait before it.
 *
 * Worth it: a connection that broke, a stall, and the answers 408, 425, 429, 500, 502, 503 and 504. The wait is what Retry-After says, else a quarter
 * of a second, doubled each time and shaken by half so that many who were sent away do not come back together. At most RETRY_TRIES times in a
 * row, RETRY_WAIT_MS of waiting in all; who is asked to wait longer gives up at once. A wait ends early when *stop becomes true. Zero value
 * ready. Only on threads that no event loop needs.
 */
#ifndef PAWL_BACKENDS_RETRY_H
#define PAWL_BACKENDS_RETRY_H

#include "backends/http.h"

#define RETRY_TRIES 5
#define RETRY_WAIT_MS 60000

struct retry {
	const atomic_bool *stop; /* may be NULL */
	unsigned most;           /* tries after the first; 0: RETRY_TRIES */
	unsigned tries;          /* set to 0 when something moved on meanwhile */
	int64_t waited_ms;
};

bool retry_status(int status); /* one of those that may pass */
/* Each waits and says true, or says false at once. */
bool retry_answer(struct retry *r, const struct http_answer *a);
bool retry_failure(struct retry *r, const struct http *h);

#endif
