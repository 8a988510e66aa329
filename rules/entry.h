/* SPDX-License-Identifier: Apache-2.0
 *
 * entry: what the commands of a step start and name: Python entry points, programs, words that may be files.
 *
 * Commands that start others are looked through (env, exec, time, nice, timeout, uv run, poetry run, sh -c ...). Nothing here looks at
 * the world: whether a word is a file of the project is asked later. Paths are clean and relative to the project root where they can be
 * (after a `cd` both readings are given). Everything lives in the arena.
 */
#ifndef PAWL_RULES_ENTRY_H
#define PAWL_RULES_ENTRY_H

#include "rules/words.h"

enum entry_kind { ENTRY_MODULE, ENTRY_FILE, ENTRY_TEXT };

struct entry {
	enum entry_kind kind;
	struct str what;    /* module, path, or Python source */
	struct str folder;  /* where it is started: "." or the folder of a `cd` */
	struct str program; /* "python3", "/usr/bin/python3.11" */
};

struct named { /* a word that may be the path of a project file */
	struct str path;
	bool data; /* an argument of a Python entry point: nothing but its content can matter */
};

struct script { /* a file that a shell reads, or a program of the project that may be one */
	struct str path, folder; /* folder: where it is started */
	bool sure;               /* sh FILE, or . FILE */
};

struct entries {
	struct entry *v;
	size_t n;
	struct str *programs; /* in order, each once; Python interpreters too */
	size_t nprograms;
	struct named *words;
	size_t nwords;
	struct script *scripts;
	size_t nscripts;
};

/* folder: where the commands are started, "." for the project root. */
void entries_of(const struct commands *c, bool shell, struct str folder, struct arena *a, struct entries *out);
bool entry_is_python(struct str program); /* python, python3, python3.11, /path/to/python3, pypy3 */

#endif
