/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts of Python files: any bytes are refused, or give facts whose numbers all lead somewhere.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "rules/pyfacts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	struct pyfacts *f = arena_new(&a, struct pyfacts);

	if (pyfacts_parse((struct str){ (const char *)data, size }, &a, f, NULL) == 0) {
		for (size_t i = 0; i < f->nunits; i++)
			for (size_t k = 0; k < f->units[i].nimports; k++)
				if (f->units[i].imports[k] >= f->nimports)
					abort();
		for (size_t i = 0; i < f->nbinds; i++)
			for (size_t k = 0; k < f->binds[i].n; k++)
				if (f->binds[i].v[k].n >= (f->binds[i].v[k].kind == PY_UNIT ? f->nunits : f->nimports))
					abort();
	}
	arena_done(&a);
	return 0;
}
