/* SPDX-License-Identifier: Apache-2.0
 *
 * localwheel: what a local package has besides its code, as a small wheel that is made from its pyproject.toml: name and version for importlib.metadata, its
 * console scripts and other entry points. No code, and nothing of what it requires, so that only these make another wheel. The same bytes
 * everywhere.
 */
#ifndef PAWL_RULES_LOCALWHEEL_H
#define PAWL_RULES_LOCALWHEEL_H

#include "rules/pyproject.h"
#include "rules/wheels.h"

/* False: its pyproject.toml has no [project] with a name. All in the arena. */
bool localwheel_make(const struct pyproject *t, struct arena *a, struct wheel_pin *pin, struct str *bytes);
/* The module of a console script of it ("pkg.cli" of "pkg.cli:main"); empty: it has none of that name. */
struct str localwheel_script(const struct pyproject *t, struct str name);

#endif
