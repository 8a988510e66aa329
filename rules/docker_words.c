/* SPDX-License-Identifier: Apache-2.0 */
#include "base/js.h"
#include "rules/docker_parse.h"

int
docker_json_words(struct str text, struct arena *a, struct str **out, size_t *n)
{
	AUTO_JS list = NULL;
	if (text.n == 0 || text.p[0] != '[' || js_parse(text, "list", &list, NULL) < 0 || js_type(list) != JS_LIST)
		return 0;
	const size_t count = js_len(list);
	struct str *v = arena_array(a, struct str, count + 1);
	for (size_t i = 0; i < count; i++) {
		if (js_type(js_at(list, i)) != JS_TEXT)
			return -1;
		v[i] = arena_str(a, js_str(js_at(list, i)));
	}
	*out = v;
	*n = count;
	return 1;
}
