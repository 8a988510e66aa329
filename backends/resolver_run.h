/* SPDX-License-Identifier: Apache-2.0
 *
 * resolver_run: what the resolvers share: running a program with its output in files, and files of requirements. Only for backends/uv.c, pip.c, wheel_make.c.
 */
#ifndef PAWL_BACKENDS_RESOLVER_RUN_H
#define PAWL_BACKENDS_RESOLVER_RUN_H

#include "backends/resolver.h"
#include "base/buf.h"
#include "base/vec.h"

#define RESOLVER_OUTPUT ((size_t)64 << 20) /* bytes that are read of what a program wrote */

struct resolver_args {
	VEC_FIELDS(const char *);
};

/* Runs argv (without NULL at the end) to its end; out and err: what it printed. status: exit status. */
int resolver_run(const struct resolver_question *q, struct resolver_args *argv, struct buf *out, struct buf *err, int *status,
		 struct err *e);
/* A file of lines in the scratch folder; its absolute path. */
int resolver_lines(const struct resolver_question *q, const char *name, const struct str *lines, size_t n, struct arena *a, struct str *path,
		   struct err *e);
int resolver_read(const struct resolver_question *q, const char *name, struct buf *out, struct err *e);

/* The last name of a URL's path, %-sequences decoded. */
struct str resolver_url_file(struct str url, struct arena *a);
/* Without "user:password@". */
struct str resolver_url_plain(struct str url, struct arena *a);
/* The value of a variable in q->envp, or empty. */
struct str resolver_env(const struct resolver_question *q, const char *name);

#endif
