/* SPDX-License-Identifier: Apache-2.0
 *
 * toml: TOML 1.0 texts as JSON values; the one door to toml++ (base/toml.cc, the only C++ in the house, no exceptions).
 *
 * Dates and times become texts. Nesting is limited by the library (256), the text by TOML_MAX. Any thread.
 */
#ifndef PAWL_BASE_TOML_H
#define PAWL_BASE_TOML_H

#include "base/js.h"

#define TOML_MAX (64u << 20) /* bytes */

/* what: what it is, for the message ("pylock.toml"). ERR_INPUT with "line L, column C". js_free the result. */
int toml_parse(struct str text, const char *what, struct js **out, struct err *e);
/* The same for a file of the user: on failure *at is where, and e says only what. places: NULL, or a tree of the same shape as *out that has the text
 * "LINE:COLUMN" for each value that is no table or array (toml_place reads it). js_free both. */
int toml_parse_at(struct str text, const char *what, struct js **out, struct js **places, struct js_place *at, struct err *e);
struct js_place toml_place(const struct js *place); /* zeros: it is none */

#endif
