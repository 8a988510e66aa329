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
#include "rules/reqfile.h"
#include "rules/wheels.h"

struct wants {
	const struct ir_environment *env;
	struct reqset set;
	bool exact;
	struct otherlock lock;              /* exact */
	struct digest digest;               /* exact: of the lock's text and what is asked of it */
	const struct otherlock_folder *folders; /* packages that are code */
	size_t nfolders;
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
/* Nothing for a resolver to do? */
bool wants_nothing(const struct wants *w);

/* Reading a file of the user for the above: reported as a leaf, by its content. ctx: the project. */
int wants_read(void *ctx, struct str path, struct buf *out, struct err *e);

#endif
