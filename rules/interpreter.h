/* SPDX-License-Identifier: Apache-2.0
 *
 * interpreter: the caller's python3, as PATH finds it: what venvs are made for.
 *
 * Asked once per invocation, and its answer kept in the cache by the content of the program, so that mostly nothing is started. A script in its
 * place (pyenv's shim) is asked each time, since its answer depends on more than itself.
 */
#ifndef PAWL_RULES_INTERPRETER_H
#define PAWL_RULES_INTERPRETER_H

#include "rules/reqfile.h"
#include "rules/wheels.h"

struct interpreter {
	struct str executable;     /* absolute; the real program, not a link, not one of a virtual environment */
	struct str version;        /* "3.11.7" */
	struct str series;         /* "3.11" */
	struct str implementation; /* "cpython" */
	struct str soabi;          /* "cpython-311-x86_64-linux-gnu" */
	struct str machine;        /* "x86_64" */
	struct str libc;           /* "glibc 2.36"; empty: unknown */
	struct digest content;     /* of the program */
};

/* What is known of Python in one invocation. Loop thread. */
struct python_state {
	struct interpreter interpreter;
	bool has_interpreter;
	struct wants *wants; /* by environment; rules/wants.h */
	struct wheel_places *places; /* where files are that a lock names; rules/wheelset.c */
};
struct python_state *python_state(struct project *p);

/* What of it enters keys: not its place. In rules/venv.c. */
struct key;
void interpreter_fields(const struct interpreter *py, struct key *k);

/* ERR_MISSING: there is no python3 in PATH; ERR_INPUT: it is none that can be used. Borrowed from the project. */
int interpreter_find(struct project *p, const struct interpreter **out, struct err *e);

#endif
