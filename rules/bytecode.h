/* SPDX-License-Identifier: Apache-2.0
 *
 * bytecode: no stale Python bytecode of the project is run.
 *
 * Python trusts a __pycache__ file when the source's size and its time in whole seconds are as they were: an edit within the second
 * is not seen. Steps write no bytecode (PYTHONDONTWRITEBYTECODE), but a person's own Python does. So before a step starts, bytecode that is
 * not younger than the last change of its source, both times of it, is removed. (PYTHONPYCACHEPREFIX would do it too, at the price of
 * compiling the standard library and all packages anew for every step.)
 */
#ifndef PAWL_RULES_BYTECODE_H
#define PAWL_RULES_BYTECODE_H

#include "base/str.h"

/* files: relative to root; those that do not end in .py are passed over. Any thread. */
void bytecode_sweep(int root, const struct str *files, size_t n);

#endif
