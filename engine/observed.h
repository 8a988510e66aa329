/* SPDX-License-Identifier: Apache-2.0
 *
 * observed: results that also depend on what their maker looked at beside its inputs. Private to engine/.
 *
 * What a maker will look at is not known before it has run, so it cannot be in the key that is asked first (the base key). With that key the
 * records keep lists of questions, one list for each set of things that a run has looked at (TABLE_OBSERVED); the answers become further fields,
 * tag "observed", and the digest of the key with them names the result. To look up: take each list, answer its questions now (rule->observe), look
 * for the result of that key. So there are as many results as there were different answers, and going back to earlier ones finds theirs.
 * A base key without a list names its result itself, as do the lists without a question.
 *
 * Encoded (little endian, append only), newest list first:
 *	u32 version 1 | u32 nlists x { u32 n x text question, sorted }
 */
#ifndef PAWL_ENGINE_OBSERVED_H
#define PAWL_ENGINE_OBSERVED_H

#include "engine/facts.h"

#define OBSERVED_TAG "observed"
enum { OBSERVED_LISTS_MOST = 16, OBSERVED_QUESTIONS_MOST = 20000 };

struct observed_list {
	const struct str *v; /* questions */
	size_t n;
};

struct observed_lists {
	struct observed_list v[OBSERVED_LISTS_MOST];
	size_t n;
};

/* False: none, or damaged. In the arena. */
bool observed_find(struct view *v, const struct digest *base, struct arena *a, struct observed_lists *out);
bool observed_decode(struct str bytes, struct arena *a, struct observed_lists *out);
void observed_encode(const struct observed_lists *l, struct buf *out);
/* This list becomes the newest. An empty one counts only where there are others. */
void observed_put(struct view *v, struct batch *b, const struct digest *base, const struct observed_fact *facts, size_t n);

/* A copy of k without its observed fields, with room for more. */
void observed_base(const struct key *k, size_t more, struct arena *a, struct key *out);
/* The base key with the present answers to the questions. */
void observed_ask(const struct facts *f, node_id n, const struct key *base, const struct observed_list *l, struct arena *a, struct key *out);
/* Adds to p->key the present answers to the questions whose answers an earlier key has. */
void observed_again(const struct facts *f, node_id n, const struct key *earlier, struct plan_node *p);

#endif
