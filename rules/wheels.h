/* SPDX-License-Identifier: Apache-2.0
 *
 * wheels: the resolved Python packages of an environment, as pawl.lock has them. What rules/requirements.c resolves, and what wheel
 * layers, venvs and environment identities are made of.
 */
#ifndef PAWL_RULES_WHEELS_H
#define PAWL_RULES_WHEELS_H

#include <stdatomic.h>

#include "rules/project.h"

/* What a wheel is built from, where there is none: an archive with its hash, or a commit. */
struct wheel_source {
	enum { WHEEL_READY, WHEEL_OF_ARCHIVE, WHEEL_OF_GIT } kind;
	struct digest sha256;  /* of the archive; its name is the pin's file */
	struct str repository; /* URL, without user part */
	struct str commit, subdirectory;
};

struct wheel_pin {
	struct str name;      /* normalised (PEP 503) */
	struct str version, file; /* "numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.whl"; of a source its archive, "foo-1.0.tar.gz", or "foo-1.0.git" */
	struct digest sha256; /* of the wheel; of a source: of it and of what it is built for, since the wheel is not known before it is built */
	struct wheel_source source;
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
/* Where sources are built: by an interpreter of this machine, or in the sandbox of an image. */
struct parent_info;
struct wheel_workshop {
	struct str interpreter;           /* absolute; empty: in the image */
	const struct ir_environment *env; /* of the image */
	const struct parent_info *parent;
	/* Several times, on threads of the pool, never two at once; may be NULL. */
	void (*progress)(void *ctx, size_t done, size_t n, uint64_t bytes);
	void *ctx;
};
/* A progress function: ctx is the task whose node it is told of. */
void wheel_arrived(void *ctx, size_t done, size_t n, uint64_t bytes);
/* Have the blobs of all wheels of the set in the store, several at a time; sources are built. Any thread. stop: may be NULL. */
int wheels_fetch(struct project *p, const struct wheel_set *s, const struct wheel_workshop *w, atomic_bool *stop, struct err *e);
/* The blob of a wheel that wheels_fetch was asked for, and its file's name: of the built wheel where the pin is a source. ERR_MISSING. Any thread. */
int wheel_blob(struct project *p, const struct wheel_pin *w, struct arena *a, struct digest *blob, struct str *file, struct err *e);
/* The target of an environment: its parent's Python (images), or the caller's python3 (venv, no parent). */
int environment_target(struct project *p, const struct ir_environment *env, bool image, struct arena *a, struct python_target *out,
		       struct err *e);

#endif
