/* SPDX-License-Identifier: Apache-2.0 */
#include "base/toml.h"

#include <stdlib.h>

#include "base/toml_door.h"

int
toml_parse(struct str text, const char *what, struct js **out, struct err *e)
{
	unsigned line = 0, column = 0;
	char *json = NULL;

	if (text.n > TOML_MAX)
		return err_set(e, ERR_INPUT, "%s: larger than %u MiB", what, TOML_MAX >> 20);
	int r = toml_to_json(text.p ? text.p : "", text.n, &json, &line, &column);
	if (!json)
		return err_set(e, ERR_WORLD, "%s: no memory left to read it", what);
	if (r < 0)
		r = err_set(e, ERR_INPUT, "%s: line %u, column %u: %s", what, line, column, json);
	else
		r = js_parse(str_z(json), what, out, e);
	free(json);
	return r;
}
