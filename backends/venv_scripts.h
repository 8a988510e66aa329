/* SPDX-License-Identifier: Apache-2.0
 *
 * venv_scripts: scripts that were unpacked for no venv in particular get the interpreter of theirs, and RECORD their new hashes.
 */
#ifndef PAWL_BACKENDS_VENV_SCRIPTS_H
#define PAWL_BACKENDS_VENV_SCRIPTS_H

#include "base/err.h"
#include "base/str.h"

#define VENV_PLACEHOLDER "/pawl/venv/python" /* in the first line of scripts of unpacked wheels */

/* folder: the venv being built; lib: its site-packages, relative; python: absolute, what the first lines shall name. Files are replaced,
 * never changed: they are links to shared ones. */
int venv_scripts_fix(struct str folder, struct str lib, struct str python, struct err *e);

#endif
