/* SPDX-License-Identifier: Apache-2.0
 *
 * Shell texts: any bytes give commands, and these a meaning; words lie in their limits.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "rules/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	struct commands c;
	struct entries x;

	words_scan((struct str){ (const char *)data, size }, &a, &c);
	if (c.n > WORDS_MAX_COMMANDS)
		abort();
	entries_of(&c, true, STR("."), &a, &x);
	for (size_t i = 0; i < x.nwords; i++)
		if (x.words[i].path.n == 0)
			abort();
	arena_done(&a);
	return 0;
}
