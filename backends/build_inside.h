/* SPDX-License-Identifier: Apache-2.0
 *
 * build_inside: the inside of a build. Only for backends/build*.c.
 */
#ifndef PAWL_BACKENDS_BUILD_INSIDE_H
#define PAWL_BACKENDS_BUILD_INSIDE_H

#include <assert.h>

#include "backends/build_run.h"
#include "sys/file.h"

struct build {
	struct arena arena;
	struct str folder; /* upper/, work0/ ..., made */
	struct str *roots;
	size_t nroots;
};

int build_self(struct arena *a, const char **out, struct err *e); /* absolute path of the running program, links resolved */

#endif
