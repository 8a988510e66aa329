/* SPDX-License-Identifier: Apache-2.0
 *
 * differ: where two results of the same step part: which output, which file in it, which byte.
 */
#ifndef PAWL_CLI_DIFFER_H
#define PAWL_CLI_DIFFER_H

#include "cache/blobs.h"
#include "engine/result.h"

struct differ {
	struct str output;
	struct str file;   /* in a folder; empty: the output is a file */
	uint64_t offset;   /* of the first byte that differs; UINT64_MAX: it is not content that differs, or it is unknown */
	struct str text;   /* one line */
};

/* True: they are the same. is NULL: there is none, since it failed with that error. Texts are in the arena. */
bool differ_results(struct blobs *b, const struct result *was, const struct result *is, const struct err *error, struct arena *a,
		    struct differ *out);

#endif
