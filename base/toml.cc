/* SPDX-License-Identifier: Apache-2.0 */
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_UNRELEASED_FEATURES 0
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wshadow"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

#include <cstring>
#include <sstream>
#include <string>

#include "base/toml_door.h"

int
toml_to_json(const char *p, size_t n, char **out, unsigned *line, unsigned *column)
{
	const toml::parse_result r = toml::parse(std::string_view{ p, n });

	if (!r) {
		*line = r.error().source().begin.line;
		*column = r.error().source().begin.column;
		*out = strdup(std::string(r.error().description()).c_str());
		return -1;
	}
	std::ostringstream s;
	s << toml::json_formatter{ r.table(), toml::format_flags::quote_dates_and_times | toml::format_flags::quote_infinities_and_nans };
	*out = strdup(s.str().c_str());
	return 0;
}
