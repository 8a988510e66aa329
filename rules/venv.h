/* SPDX-License-Identifier: Apache-2.0
 *
 * venv: virtual environments in the cache, shared by all projects whose locks name the same wheels for the same interpreter.
 *
 * Node venv:HASH (rule_venv), made: CACHE/venvs/DIGEST, built beside it and renamed; it never changes afterwards. A step that uses it has an
 * EDGE_INPUT from add_venv_identity (cheap, nothing is built for it) and an EDGE_NEED from add_venv.
 */
#ifndef PAWL_RULES_VENV_H
#define PAWL_RULES_VENV_H

#include "rules/rules.h"

/* The folder of a venv node, absolute: VIRTUAL_ENV; its "bin" belongs in front of PATH. Known once the node was hit or made (whoever needs
 * it starts later); ERR_BUG before that. */
int venv_folder(struct project *p, node_id venv, struct arena *a, struct str *folder, struct str *bin, struct err *e);

#endif
