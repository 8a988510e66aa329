/* SPDX-License-Identifier: Apache-2.0
 *
 * wheels: the resolved Python packages of an environment, as pawl.lock has them. What rules/requirements.c resolves, and what wheel
 * layers, venvs and environment identities are made of.
 */
#ifndef PAWL_RULES_WHEELS_H
#define PAWL_RULES_WHEELS_H

#include <stdatomic.h>

#include "rules/project.h"

struct wheel_pin {
	struct str name;      /* normalised (PEP 503) */
	struct str version, file; /* "numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.whl" */
	struct digest sha256;
	uint64_t size;        /* 0: unknown */
	struct str index;     /* alias; empty: the default index */
	struct str python;    /* "3.11": what it was chosen for; a hint for finding it again, no part of the pin */
};

struct wheel_set {
	struct wheel_pin *v;  /* sorted by name */
	size_t n;
	struct digest digest; /* over name, version, sha256 of all */
};

/* What packages are resolved for. */
struct python_target {
	struct str version;   /* "3.11" */
	struct str full;      /* "3.11.7"; empty: unknown. For markers in locks that are read as they are; it is in no question */
	struct str platform;  /* "linux/amd64" */
	struct str glibc;     /* "2.36"; "musl"; empty: unknown, then PYTAGS_GLIBC (rules/pytags.h). Of the caller's Python at most that one, so that
			       * machines with different C libraries share one lock */
};

/* The wheels that the result of a requirements node names (its info); ERR_DAMAGED for what is none. */
struct result;
int wheel_set_of(const struct result *r, struct arena *a, struct wheel_set *out, struct err *e);

/* The name of the requirements' question: normalised set, options, constraints, target. */
int requirements_question(struct project *p, const struct ir_environment *env, const struct python_target *t, struct arena *a,
			  struct digest *out, struct err *e);
/* Its answer, where nothing has to be resolved for it: from pawl.lock, or from a lock that is read as it is. */
bool requirements_known(struct project *p, const struct ir_environment *env, const struct python_target *t, struct arena *a,
			struct wheel_set *out);
/* Have the blobs of all wheels of the set in the store, several at a time. Any thread. stop: may be NULL. */
int wheels_fetch(struct project *p, const struct wheel_set *s, atomic_bool *stop, struct err *e);
/* The blob of a wheel: in the store already, or fetched and checked against its hash. Any thread. */
int wheel_fetch(struct project *p, const struct wheel_pin *w, struct err *e);
/* The target of an environment: its parent's Python (images), or the caller's python3 (venv, no parent). */
int environment_target(struct project *p, const struct ir_environment *env, bool image, struct arena *a, struct python_target *out,
		       struct err *e);

#endif
