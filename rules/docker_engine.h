/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_engine: a Dockerfile made whole by the stack's image builder (docker, buildah, buildkit, kaniko, remote) instead of instruction by
 * instruction. The nodes that look at the world stay (parents, from:, config:, copy:), so that the key holds the instructions, the parents and exactly
 * the files that COPY and ADD name; "dockerfile:base" alone is made, by one job of the builder. Only for rules/dockerfile.c and rules/docker_*.c.
 *
 * docker_render.c: the Dockerfile that the builder gets: the stages that are needed, without the triggers that it runs itself, references to images as
 * the builder knows them.
 */
#ifndef PAWL_RULES_DOCKER_ENGINE_H
#define PAWL_RULES_DOCKER_ENGINE_H

#include "backends/builder.h"
#include "rules/docker_inside.h"

extern const struct rule rule_docker_engine;

/* Does the stack's builder make Dockerfiles its own way? NULL: no, `native` does it. */
const struct builder_kind *docker_engine_builder(const struct project *p);

/* How the builder is to call the image that an instruction names in FROM, --from= or from=. */
typedef struct str (*docker_render_name)(void *ctx, const struct docker_instruction *in, struct str written);
void docker_render(const struct docker_env *d, docker_render_name name, void *ctx, struct arena *a, struct buf *out);

#endif
