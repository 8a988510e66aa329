/* SPDX-License-Identifier: Apache-2.0 */
#include "base/toml.h"

#include <stdlib.h>
#include <string.h>

#include "base/toml_door.h"

int
toml_parse_at(struct str text, const char *what, struct js **out, struct js **places, struct js_place *at, struct err *e)
{
	unsigned line = 0, column = 0;
	char *json = NULL, *where = NULL;
	struct js *doc = NULL;

	*at = (struct js_place){ 0 };
	if (text.n > TOML_MAX)
		return err_set(e, ERR_INPUT, "%s: larger than %u MiB", what, TOML_MAX >> 20);
	int r = toml_to_json(text.p ? text.p : "", text.n, &json, places ? &where : NULL, &line, &column);
	if (!json || (places && r == 0 && !where)) {
		r = err_set(e, ERR_WORLD, "%s: no memory left to read it", what);
	} else if (r < 0) {
		*at = (struct js_place){ line, column };
		r = err_set(e, ERR_INPUT, "%s: %s", what, json);
	} else {
		r = js_parse(str_z(json), what, &doc, e);
		if (!r && places && js_parse(str_z(where), what, places, e) < 0)
			r = -1;
	}
	free(json);
	free(where);
	if (r < 0)
		js_free(doc);
	else
		*out = doc;
	return r;
}

int
toml_parse(struct str text, const char *what, struct js **out, struct err *e)
{
	struct js_place at;
	struct err why = { 0 };

	if (toml_parse_at(text, what, out, NULL, &at, &why) == 0)
		return 0;
	if (!at.line) {
		if (e)
			*e = why;
		return -1;
	}
	struct str said = str_drop(str_z(why.text), strlen(what) + 2);
	return err_set(e, ERR_INPUT, "%s: line %u, column %u: " STR_FMT, what, at.line, at.column, STR_ARG(said));
}

struct js_place
toml_place(const struct js *place)
{
	struct str_cut c = str_cut(js_str(place), ':');
	uint64_t line, column;

	if (!c.ok || !str_u64(c.head, &line) || !str_u64(c.tail, &column))
		return (struct js_place){ 0 };
	return (struct js_place){ (uint32_t)line, (uint32_t)column };
}
