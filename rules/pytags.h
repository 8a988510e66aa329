/* SPDX-License-Identifier: Apache-2.0
 *
 * pytags: which wheel files fit a Python (PEP 425, 427, 600, 656), best first, for CPython on Linux. Evaluated for the target, never for the
 * machine that runs this. All results live in the arena. Any thread.
 */
#ifndef PAWL_RULES_PYTAGS_H
#define PAWL_RULES_PYTAGS_H

#include "base/arena.h"

struct wheel_name { /* of "numpy-2.1.0-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl" */
	struct str name;     /* normalised (PEP 503) */
	struct str version;  /* normalised (PEP 440) */
	struct str build;    /* may be empty */
	struct str python, abi, platform; /* as in the name: sets with '.' between */
};

/* False: no file name of a wheel. */
bool wheel_name_parse(struct str file, struct arena *a, struct wheel_name *out);

struct pytags {
	struct str *v; /* "cp311-cp311-manylinux_2_36_x86_64", best first */
	size_t n;
};

/* version "3.11"; platform "linux/amd64"; glibc "2.36", empty: unknown, then PYTAGS_GLIBC; "musl 1.2": musl. False: not understood. */
#define PYTAGS_GLIBC "2.28"
bool pytags_of(struct str version, struct str platform, struct str glibc, struct arena *a, struct pytags *out);
/* The position of the best tag that the wheel has; SIZE_MAX: it does not fit. Smaller is better. */
size_t pytags_rank(const struct pytags *t, const struct wheel_name *w);
/* "linux/arm64" -> "aarch64"; empty: not known. Static. */
struct str pytags_machine(struct str platform);
/* The platform tags alone, best first. */
void pytags_platforms(struct str platform, struct str glibc, struct arena *a, struct pytags *out);

#endif
