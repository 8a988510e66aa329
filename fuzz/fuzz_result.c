/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of results and of last keys: whatever is accepted encodes to the same bytes again, and its key can be read or is refused.
 */
#include <stdint.h>
#include <stdlib.h>

#include "engine/last.h"
#include "engine/result.h"
#include "hashing/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same(const struct buf *b, struct str bytes)
{
	if (!str_eq(buf_str(b), bytes))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str bytes = { (const char *)data, size };
	struct arena a = { 0 };
	struct result r;
	struct last l;
	struct key k;
	AUTO_BUF b = { 0 };
	AUTO_BUF c = { 0 };
	if (result_decode(bytes, &a, &r, NULL) == 0) {
		result_encode(&r, &b);
		same(&b, bytes);
		(void)result_outputs_digest(&r);
		(void)key_decode(r.key, &a, &k, NULL);
	}
	if (last_decode(bytes, &a, &l, NULL) == 0) {
		last_encode(&l, &c);
		same(&c, bytes);
		(void)key_decode(l.key, &a, &k, NULL);
	}
	arena_done(&a);
	return 0;
}
