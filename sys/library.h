/* SPDX-License-Identifier: Apache-2.0
 *
 * library: shared libraries that are loaded when they are first needed.
 *
 * libcurl and libarchive bring forty others along, which cost every start of the program five milliseconds: too much for an invocation that finds
 * everything up to date. Their doors fill a table of functions through here, once; it stays for the life of the process.
 */
#ifndef PAWL_SYS_LIBRARY_H
#define PAWL_SYS_LIBRARY_H

#include <stddef.h>

#include "base/err.h"

struct library_function {
	const char *name;
	void *to; /* address of a function pointer */
};

/* ERR_MISSING: the library or one of its functions is not there; the text says which package has it. Any thread; the same table may be filled
 * twice at once. */
int library_load(const char *soname, const char *package, const struct library_function *v, size_t n, struct err *e);

#endif
