/* SPDX-License-Identifier: Apache-2.0
 *
 * suggest: "did you mean", by optimal string alignment distance (a swap of neighbours costs one).
 */
#ifndef PAWL_BASE_SUGGEST_H
#define PAWL_BASE_SUGGEST_H

#include "base/str.h"

/* The nearest of n names if it is near enough to be a slip: edits up to a third of the longer one's length, or one in short
 * names, and fewer than its length. Else the empty text; a name equal to word is no suggestion. The first of equals wins.
 * Names beyond 64 bytes are not compared. */
struct str suggest(struct str word, const struct str *names, size_t n);
unsigned suggest_distance(struct str a, struct str b); /* in bytes; 65 when one is longer than 64 */

#endif
