/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditions and templates: every text is cut or refused; what was cut is spelt again as it was.
 */
#include <stdint.h>
#include <stdlib.h>

#include "rules/ir_json.h"
#include "rules/template.h"
#include "rules/when.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
look(void *ctx, const struct ir_piece *ref, const struct js **value, struct err *e)
{
	(void)e;
	*value = ref->text.n % 2 ? ctx : NULL;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str text = { (const char *)data, size };
	struct arena a = { 0 };
	struct ir_template t;
	struct when w;
	struct err e;
	enum when_truth truth;
	AUTO_JS value = js_int(1);

	if (template_cut(text, &a, &t, &e) == 0 && !str_eq(ir_template_source(&t, &a), text))
		abort();
	if (when_parse(text, &a, &w, &e) == 0)
		(void)when_eval(&w, look, value, &truth,
				&e); /* kinds without an order are refused, and that is fine */
	arena_done(&a);
	return 0;
}
