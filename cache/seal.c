/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/seal.h"

#include <string.h>

#include "hashing/fp.h"

_Static_assert(TABLE_RESULT == 0 && TABLE_STAT == 2 && TABLE_MISC == 7, "in seals: append only");

void
seal_make(enum table t, struct str key, struct str value, uint8_t out[SEAL])
{
	const char id = (char)t;
	const struct str pieces[] = { { &id, 1 }, key, value };
	const struct fp f = fp_of_list(pieces, 3);
	memcpy(out, &f.hi, 8);
	memcpy(out + 8, &f.lo, 8);
}

bool
seal_open(enum table t, struct str key, struct str stored, struct str *value)
{
	if (stored.n < SEAL)
		return false;
	const struct str v = str_drop(stored, SEAL);
	uint8_t want[SEAL];
	seal_make(t, key, v, want);
	if (memcmp(want, stored.p, SEAL) != 0)
		return false;
	*value = v;
	return true;
}
