/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"
#include "cli/verbs.h"
#include "cli/versions.h"
#include "rules/rules.h"

int
verb_version(struct args *a, struct err *e)
{
	struct version_entry libs[32];
	size_t n = a->json || a->verbose ? versions(libs, 32) : 0; /* asking loads them */
	AUTO_BUF b = { 0 };
	(void)e;
	if (a->json) {
		struct js *o = js_set(js_map(), "schema", js_int(1)), *l = js_map(), *k = js_map();
		for (size_t i = 0; i < n; i++)
			js_set(l, libs[i].name, js_textz(libs[i].version));
		for (size_t i = 0; all_rules[i]; i++) { /* of those that share a kind, the newest */
			const struct js *old = js_get(k, all_rules[i]->kind);
			if (js_num(old) < (int64_t)all_rules[i]->schema)
				js_set(k, all_rules[i]->kind, js_int(all_rules[i]->schema));
		}
		js_set(o, "version", js_textz(PAWL_VERSION));
		js_set(o, "schemas", k);
		text_json(js_set(o, "libraries", l));
		return 0;
	}
	buf_puts(&b, "pawl " PAWL_VERSION "\n");
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "  %-12s %s\n", libs[i].name, libs[i].version);
	text_out(buf_str(&b));
	return 0;
}
