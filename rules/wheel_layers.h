/* SPDX-License-Identifier: Apache-2.0
 *
 * wheel_layers: which wheels of an environment have a layer of their own, and which share one.
 *
 * Up to `each` wheels: each has its own. More: those of at least `big` bytes have, at most as many as there is room for, the largest first; the others share
 * `buckets` layers by a hash of their names, so that a wheel that comes, goes or changes touches one bucket. An image stays below WHEEL_LAYERS_MOST layers. The
 * same wheels give the same layout everywhere.
 */
#ifndef PAWL_RULES_WHEEL_LAYERS_H
#define PAWL_RULES_WHEEL_LAYERS_H

#include "rules/layer.h"

#define WHEEL_LAYERS_MOST 99 /* registries and engines take 127 */

struct wheel_layout {
	uint64_t big;      /* bytes of the wheel */
	uint64_t buckets, each;
};

/* Of `python.layers:` as the IR has it (empty: the defaults 1 MiB, 16 and 40). NULL, or what is wrong with it. */
const char *wheel_layout_read(struct str layers, struct wheel_layout *out);
/* The layers of the wheels: the own ones in the order of names, then the buckets. out has room for set->n. taken: layers of the image beside them. */
size_t wheel_layers(const struct wheel_layout *w, const struct builder_kind *b, enum layer_compression c, const struct wheel_set *set,
		    const struct wheel_scheme *scheme, size_t taken, struct arena *a, struct layer_spec *out);

#endif
