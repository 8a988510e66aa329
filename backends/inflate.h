/* SPDX-License-Identifier: Apache-2.0
 *
 * inflate: gzip streams of any number of members, piece by piece; the one door to zlib. What is read may be hostile: every call gives out at most what its
 * input can hold, through a buffer of a fixed size. One thread at a time.
 */
#ifndef PAWL_BACKENDS_INFLATE_H
#define PAWL_BACKENDS_INFLATE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct inflate;

struct inflate *inflate_new(void (*out)(void *ctx, struct str bytes), void *ctx);
void inflate_free(struct inflate *z); /* NULL is fine */
int inflate_add(struct inflate *z, struct str bytes, struct err *e); /* ERR_DAMAGED */
bool inflate_whole(const struct inflate *z);                         /* between two members, or at the end */

#endif
