/* SPDX-License-Identifier: Apache-2.0
 *
 * wants: the Python packages that an environment asks for, read from where they are kept, once per invocation.
 *
 * Requirements files and texts, pyproject.toml and an installed set make a `set` that a resolver is asked about. A lock that names files is `exact`:
 * no resolver, its wheels are known as soon as the target is. A lock that names versions and hashes is a set with no_deps: an index only says where
 * their files are. Packages that are folders are code, whatever names them. Loop thread.
 */
#ifndef PAWL_RULES_WANTS_H
#define PAWL_RULES_WANTS_H

#include "rules/otherlock.h"
#include "rules/pyproject.h"
#include "rules/reqfile.h"
#include "rules/wheels.h"

struct wants {
	const struct ir_environment *env;
	struct reqset set;
	bool exact;
	struct otherlock lock;              /* exact */
	struct digest digest;               /* exact: of the lock's text and what is asked of it */
	const struct otherlock_folder *folders; /* packages that are code, each once */
	size_t nfolders;
	const struct str *code;             /* by position of folders: what has to be on Python's search path; may begin with "../" */
	const struct pyproject *projects;   /* by position of folders; doc is NULL where there is no pyproject.toml */
	struct wheel_set local;             /* what they have besides code: rules/localwheel.h */
	/* exact: the last answer */
	struct python_target target;
	struct wheel_set wheels;
	bool answered;
	struct wants *next;
};

/* Mistakes are in p->diags (ERR_INPUT). Borrowed from the project. */
int environment_wants(struct project *p, const struct ir_environment *env, struct wants **out, struct err *e);
/* Of an exact one: its wheels for a target. Places of files are remembered for wheels_fetch. */
int wants_wheels(struct project *p, struct wants *w, const struct python_target *t, const struct wheel_set **out, struct err *e);
/* What was resolved or is locked, and the local packages' own small wheels. */
void wants_with_local(const struct wants *w, const struct wheel_set *resolved, struct arena *a, struct wheel_set *out);
/* The same the other way: what pawl.lock keeps. */
void wants_without_local(const struct wants *w, const struct wheel_set *all, struct arena *a, struct wheel_set *out);
/* The module behind a console script of a local package; empty: there is none. */
struct str environment_script(struct project *p, const struct ir_environment *env, struct str name);
/* Nothing for a resolver to do? */
bool wants_nothing(const struct wants *w);

/* The search path of an environment's local packages, relative to the root; none where it has none or they cannot be read. */
size_t environment_code(struct project *p, const struct ir_environment *env, const struct str **out);
/* A PYTHONPATH with them behind what it has, each once: in an image with that workdir, or (workdir empty) on this machine. */
struct str environment_python_path(struct project *p, const struct ir_environment *env, struct str workdir, struct str path, struct arena *a);
/* Is a path that begins with "../" in one of the local packages that were asked for? */
bool wants_outside(const struct project *p, struct str path);
/* Where a path relative to the root lies in an image with that workdir; absolute. What is outside of the project has a place of its own. */
struct str wants_in_image(struct str workdir, struct str path, struct arena *a);

/* ---- inside: one file for each way ---- */

int wants_lock(struct project *p, struct wants *w, struct err *e);      /* rules/wants_lock.c */
int wants_set(struct project *p, struct wants *w, struct err *e);       /* rules/wants_set.c: requirements, pyproject */
int wants_installed(struct project *p, struct wants *w, struct err *e); /* rules/wants_set.c: replicate */
/* The marker variables of the machine's own Python or of a usual one: which folders are code does not wait for a parent. */
struct marker_env wants_markers(struct project *p, const struct ir_environment *env);
struct reqfile_reader wants_reader(struct project *p);
/* Remember where a set's packages are, for finding their files again. */
void wants_note(struct project *p, const struct reqset *s);
/* The URL of an index that the user's configuration knows by this name. ctx: the project. NULL: none. */
const char *wants_index(void *ctx, struct str alias);
/* The hash of a local file, which is a leaf then; ERR_MISSING. */
int wants_file(struct project *p, struct str path, struct digest *sha256, uint64_t *size, struct err *e);
/* Reading a file of the user for the above: reported as a leaf, by its content. ctx: the project. */
int wants_read(void *ctx, struct str path, struct buf *out, struct err *e);

#endif
