/* SPDX-License-Identifier: Apache-2.0
 *
 * wheel_make: a wheel from a source distribution or from a commit of a git repository, by uv, else pip, in an isolated build environment: on this
 * machine for one of its interpreters, or in the sandbox of an image for the image's Python. Building runs code of the package.
 *
 * Blocks; call it on a thread of the pool. The stop flag ends what runs (ERR_INTERRUPTED). The caller checks what comes out.
 */
#ifndef PAWL_BACKENDS_WHEEL_MAKE_H
#define PAWL_BACKENDS_WHEEL_MAKE_H

#include <stdatomic.h>

#include "backends/sandbox.h"

struct wheel_make {
	struct str archive;                 /* absolute path of the source distribution, with its own name; or: */
	struct str repository, commit;      /* URL, 40 or 64 hex digits */
	struct str subdirectory;            /* may be empty */
	struct str interpreter;             /* absolute: on this machine, or in the image */
	const struct sandbox_spec *sandbox; /* roots only; NULL: on this machine */
	const char *self;                   /* absolute path of the running program, for the sandbox */
	const char *const *envp;            /* the caller's variables */
	int cwd;                            /* descriptor of the project root: configuration is found from there */
	struct str scratch;                 /* absolute, existing, private folder */
	bool offline;
	atomic_bool *stop;                  /* may be NULL */
};

/* The absolute path of the one wheel that was built. ERR_FAILED: the package does not build, with its last lines. ERR_MISSING: no uv, pip or git. */
int wheel_make(const struct wheel_make *m, struct arena *a, struct str *path, struct err *e);

#endif
