/* SPDX-License-Identifier: Apache-2.0
 *
 * apt_inside: a script with apt in the file system of an image. Only for backends/apt*.c.
 */
#ifndef PAWL_BACKENDS_APT_INSIDE_H
#define PAWL_BACKENDS_APT_INSIDE_H

#include "backends/apt.h"

struct apt_run {
	const struct apt_job *job;
	const struct apt_question *question; /* with the network: sources and keys; else NULL */
	struct str archives;                 /* folder of the host that is /run/pawl/archives inside */
	const char *script;                  /* of sh -e; its arguments are args */
	const struct str *args;
	size_t nargs;
	bool network;
};

struct apt_diff { /* where the changes go, when the script succeeds */
	struct layer *into;
	const struct str *omit;
	size_t nomit;
};

/* diff NULL: the changes are thrown away. */
int apt_run(const struct apt_run *r, struct arena *a, struct build_end *end, const struct apt_diff *diff, struct err *e);

#endif
