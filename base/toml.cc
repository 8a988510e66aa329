/* SPDX-License-Identifier: Apache-2.0 */
/* The parser asserts before it looks at what a key begins with ("[[}"), and then reports it as a mistake: a text from outside must not end the program.
 * Without assertions the library would take them for promises to the compiler; so they are nothing. */
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
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

static constexpr toml::format_flags flags = toml::format_flags::quote_dates_and_times | toml::format_flags::quote_infinities_and_nans;

/* The same tree with places as texts; nesting is limited by the parser. */
static toml::array place_list(const toml::array &from);

static std::string
place_text(const toml::node &n)
{
	return std::to_string(n.source().begin.line) + ":" + std::to_string(n.source().begin.column);
}

static toml::table
place_table(const toml::table &from)
{
	toml::table to;

	for (auto &&[key, value] : from) {
		if (const toml::table *t = value.as_table())
			to.insert(key.str(), place_table(*t));
		else if (const toml::array *a = value.as_array())
			to.insert(key.str(), place_list(*a));
		else
			to.insert(key.str(), place_text(value));
	}
	return to;
}

static toml::array
place_list(const toml::array &from)
{
	toml::array to;

	for (auto &&value : from) {
		if (const toml::table *t = value.as_table())
			to.push_back(place_table(*t));
		else if (const toml::array *a = value.as_array())
			to.push_back(place_list(*a));
		else
			to.push_back(place_text(value));
	}
	return to;
}

static char *
json_of(const toml::table &t)
{
	std::ostringstream s;

	s << toml::json_formatter{ t, flags };
	return strdup(s.str().c_str());
}

int
toml_to_json(const char *p, size_t n, char **out, char **places, unsigned *line, unsigned *column)
{
	const toml::parse_result r = toml::parse(std::string_view{ p, n });

	if (!r) {
		*line = r.error().source().begin.line;
		*column = r.error().source().begin.column;
		*out = strdup(std::string(r.error().description()).c_str());
		return -1;
	}
	*out = json_of(r.table());
	if (places)
		*places = json_of(place_table(r.table()));
	return 0;
}
