/* SPDX-License-Identifier: Apache-2.0
 *
 * The IR's JSON from somebody else: what is accepted is written in one form, which reads back to itself.
 */
#include <stdint.h>
#include <stdlib.h>

#include "rules/foreach.h"
#include "rules/ir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	struct ir ir, again;
	struct err e;
	AUTO_BUF first = { 0 };
	AUTO_BUF second = { 0 };

	if (ir_read((struct str){ (const char *)data, size }, &a, &ir, &e) == 0) {
		ir_write(&ir, &first);
		if (ir_read(buf_str(&first), &a, &again, &e) < 0)
			abort();
		ir_write(&again, &second);
		if (!str_eq(buf_str(&first), buf_str(&second)))
			abort();
	}
	arena_done(&a);
	return 0;
}
