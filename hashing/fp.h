/* SPDX-License-Identifier: Apache-2.0
 *
 * fp: fingerprints (XXH3-128): "did it change?", on this machine only. The one door to xxHash.
 */
#ifndef PAWL_HASHING_FP_H
#define PAWL_HASHING_FP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct fp {
	uint64_t hi, lo;
};

struct fp fp_of(struct str bytes);
bool fp_eq(struct fp a, struct fp b);
/* Over several pieces, each with its length in front, so that ("ab","c") and ("a","bc") differ. */
struct fp fp_of_list(const struct str *pieces, size_t n);

struct fp_stream; /* heap */
struct fp_stream *fp_begin(void);
void fp_add(struct fp_stream *s, struct str bytes);
struct fp fp_end(struct fp_stream *s); /* frees s */

const char *fp_version(void); /* of xxHash */

#endif
