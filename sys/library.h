/* SPDX-License-Identifier: Apache-2.0
 *
 * library: shared libraries that are loaded when they are first needed.
 *
 * libcurl and libarchive bring forty others along, which cost every start of the program five milliseconds: too much for an invocation that finds
 * everything up to date. A door names its functions in a table; library_use fills the pointers in, once, for the life of the process.
 */
#ifndef PAWL_SYS_LIBRARY_H
#define PAWL_SYS_LIBRARY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct library_function {
	const char *name;
	void *to; /* address of a function pointer */
};

struct library {
	const char *soname, *package; /* "libcurl.so.4", "libcurl4": who has it */
	const struct library_function *functions;
	size_t nfunctions;
	int (*begin)(struct err *e);  /* once after loading; NULL: nothing to do */
	pthread_mutex_t mutex;
	bool loaded;
};

/* A static one over a static table of functions. */
#define LIBRARY(soname_, package_, functions_, begin_)                                                                \
	{ .soname = (soname_), .package = (package_), .functions = (functions_), .nfunctions = sizeof(functions_) / sizeof *(functions_), \
	  .begin = (begin_), .mutex = PTHREAD_MUTEX_INITIALIZER }

/* ERR_MISSING: the library or one of its functions is not there; the text says which package has it. Any thread. */
int library_use(struct library *l, struct err *e);

#endif
