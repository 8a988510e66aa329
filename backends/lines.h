/* SPDX-License-Identifier: Apache-2.0
 *
 * lines: bytes of a program's output, cut into lines, with secrets masked.
 *
 * Bytes come in any portions; a line is given out when it is whole, so a secret is found however the reads fell. A line
 * longer than LINES_MAX comes in pieces, cut where no secret can lie across the cut. A carriage return before the newline is dropped.
 * Of a secret with several lines every line of at least 4 bytes is masked. One thread at a time.
 */
#ifndef PAWL_BACKENDS_LINES_H
#define PAWL_BACKENDS_LINES_H

#include "base/buf.h"
#include "base/str.h"

#define LINES_MAX 65536

struct masks {
	struct str *v; /* longest first; copies */
	size_t n;
};

void masks_init(struct masks *m, const struct str *secrets, size_t n);
void masks_done(struct masks *m);
/* Appends text with every secret replaced by ***; a longer secret wins at the same place. */
void masks_apply(const struct masks *m, struct str text, struct buf *out);

struct lines {
	const struct masks *masks; /* borrowed */
	void (*line)(void *ctx, struct str text); /* borrowed text, during the call */
	void *ctx;
	struct buf pending, masked; /* private */
};

void lines_feed(struct lines *l, struct str bytes);
void lines_end(struct lines *l); /* gives out what is left and releases all memory */

#endif
