/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_config: what the image's config is at each instruction of a stage, and what its variables are.
 *
 * A state is JSON: {"config": the map of the OCI specification, "args": {NAME: value}, "cmd": true once CMD was given in this stage, "author"}.
 * Applying an instruction changes the state and nothing else. RUN, COPY and ADD change nothing here. Any thread; nothing looks at the world.
 */
#ifndef PAWL_RULES_DOCKER_CONFIG_H
#define PAWL_RULES_DOCKER_CONFIG_H

#include "base/js.h"
#include "hashing/digest.h"
#include "rules/docker_expand.h"
#include "rules/docker_stages.h"

#define DOCKER_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The state that a stage begins with. image: the whole config of its parent; NULL: scratch. The caller's. */
struct js *docker_state_of_image(const struct js *image);
struct js *docker_state_of_stage(const struct js *last); /* of a stage's last state */

/* ERR_INPUT: wrong says where, in the words of the instruction (file empty: nowhere in a file). */
int docker_state_apply(const struct docker_file *f, const struct docker_stage *s, const struct docker_instruction *in, struct js *state,
		       struct arena *a, struct place *wrong, struct err *e);

/* Expand a word of an instruction in that state. */
int docker_state_expand(const struct docker_file *f, const struct js *state, const struct docker_word *w, struct arena *a, struct str *out,
			struct place *wrong, struct err *e);
/* The text of a here-document: variables only, quotes are characters. */
int docker_state_expand_text(const struct js *state, struct str text, struct arena *a, struct str *out, struct err *e);

/* Variables of a RUN: ENV, then arguments that are in scope and hidden by no ENV, "NAME=value", in the arena. */
size_t docker_state_env(const struct js *state, struct arena *a, struct str **out);
struct str docker_state_workdir(const struct js *state);
struct str docker_state_user(const struct js *state);
/* ["/bin/sh", "-c"] unless SHELL says otherwise. */
size_t docker_state_shell(const struct js *state, struct arena *a, struct str **out);

/* What a RUN sees of it (variables, folder, user, shell); arguments of proxies do not count. */
struct digest docker_state_run_digest(const struct js *state, struct arena *a);
/* What a WORKDIR makes: the folder, and whose it is. */
struct digest docker_state_folder_digest(const struct js *state);

#endif
