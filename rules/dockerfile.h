/* SPDX-License-Identifier: Apache-2.0
 *
 * dockerfile: an environment's Dockerfile as nodes. The last of them, "dockerfile:base", has the result of a parent (rules/parent.h), so that wheels, code,
 * config and pushes come on top of it as on any other.
 *
 * Per stage and instruction, of the stages that the target needs alone:
 *
 *	from:E/S      made    the config that a stage begins with, of its parent; from a stage: none, that stage's last config is it
 *	config:E/S/n  source  the config behind instruction n (docker_config.h)
 *	files:E/S/n   source  the layers behind it
 *	copy:E/S/n    source  COPY, ADD: words with their values, and the files of the context that they name, by content
 *	place:E/S/n   made    COPY, ADD, WORKDIR: where in the image below it goes, what is there already, numbers of users' names
 *	layer:E/S/n   made    RUN, COPY, ADD, WORKDIR: what the instruction adds to the files
 *
 * A layer of COPY depends on copy: and place:, so that neither the layers below nor the config are in its key; one of RUN on files: and on what of
 * config: a command sees. With E the environment, S the stage's name or number.
 */
#ifndef PAWL_RULES_DOCKERFILE_H
#define PAWL_RULES_DOCKERFILE_H

#include "hashing/key.h"
#include "rules/project.h"

node_id add_dockerfile(struct project *p, const struct ir_environment *env, struct err *e);
/* What the environment is without building it: edges into a node that stands for it, and fields. */
int dockerfile_identity(struct project *p, const struct ir_environment *env, node_id to, struct err *e);
void dockerfile_fields(struct project *p, const struct ir_environment *env, struct key *k);
/* The parent that the target stands on at last, as an environment of its own; NULL: it is scratch, or the graph has no such node. */
const struct ir_environment *dockerfile_base(struct project *p, const struct ir_environment *env);
/* After a run in which a RUN failed: the caller's terminal in a sandbox with the files, variables, folder and user that it began with. *what: the instruction.
 * status NULL: only says whether there is one (ERR_MISSING). Blocks until the shell has ended. */
int dockerfile_shell(struct project *p, struct str *what, int *status, struct err *e);

struct docker_state;
void docker_state_free(struct docker_state *s); /* NULL is fine */

#endif
