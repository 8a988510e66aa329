/* SPDX-License-Identifier: Apache-2.0
 *
 * wheel_build: pins that are sources, built to wheels, once for each source and target; the built wheel is found by the pin's identity.
 */
#ifndef PAWL_RULES_WHEEL_BUILD_H
#define PAWL_RULES_WHEEL_BUILD_H

#include "rules/wheels.h"

/* The built wheel of a pin, where its blob is in the store. */
bool wheel_built(struct project *p, const struct wheel_pin *w, struct arena *a, struct digest *blob, struct str *file);
/* Build it. An archive's blob is in the store. Blocks; any thread. */
int wheel_build(struct project *p, const struct wheel_pin *w, const struct wheel_workshop *at, atomic_bool *stop, struct err *e);

#endif
