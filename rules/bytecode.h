/* SPDX-License-Identifier: Apache-2.0
 *
 * bytecode: none of the project's is kept or run stale, that of packages is made once.
 *
 * Python trusts a __pycache__ file when the source's size and its time in whole seconds are as they were: an edit within the second
 * is not seen. Steps write no bytecode into the project, but a person's own Python does. So before a step starts, bytecode that is
 * not younger than the last change of its source, both times of it, is removed.
 *
 * A step that runs in a virtual environment or an image of ours gets a folder outside of it all (PYTHONPYCACHEPREFIX), one for each set of
 * packages, since those never change: their bytecode is made by the first step that imports them. In the place of the project's part of that folder
 * lies a file, so that Python can keep nothing for the project. Any other step has PYTHONDONTWRITEBYTECODE.
 */
#ifndef PAWL_RULES_BYTECODE_H
#define PAWL_RULES_BYTECODE_H

#include <stdbool.h>

#include "base/str.h"

/* files: relative to root; those that do not end in .py are passed over. Any thread. */
void bytecode_sweep(int root, const struct str *files, size_t n);

/* home: absolute folder of one set of packages, made if missing; project: absolute, as the step sees it. False: bytecode cannot be kept apart there. */
bool bytecode_home(struct str home, struct str project);

#endif
