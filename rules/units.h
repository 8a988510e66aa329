/* SPDX-License-Identifier: Apache-2.0
 *
 * units: durations, sizes and names as pipeline files write them. Nothing allocates; any thread.
 */
#ifndef PAWL_RULES_UNITS_H
#define PAWL_RULES_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* "300ms", "5s", "1.5h", "1h30m", "7d": ns, a whole number of milliseconds, at most 100 years. Zero is "0s".
 */
bool duration_parse(struct str text, int64_t *ns);

/* "4GiB", "4Gi", "500MB", "1024", "0.5GiB": bytes, whole, at most 2^53. K, M, G alone mean nothing. */
bool size_parse(struct str text, int64_t *bytes);

/* A thousandth is the unit of cpus, gpus and named resources: 0.5 is 500. False: negative, too fine or too
 * large. */
bool amount_of(double d, int64_t *thousandths);

enum name_kind {
	NAME_ANY,
	NAME_ID, /* steps, inputs, outputs, parameters, foreach: letters, digits, _ and -; at most 100 bytes
		  */
	NAME_DOTTED, /* pipeline, environments, stacks, pools: also dots, not at the front */
	NAME_VAR,    /* variables: letters, digits and _, no digit at the front */
};
bool name_ok(enum name_kind kind, struct str name);
const char *name_rule(enum name_kind kind); /* "letters, digits, '_' and '-'" */

#endif
