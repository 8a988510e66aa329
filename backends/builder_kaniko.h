/* SPDX-License-Identifier: Apache-2.0
 *
 * builder_kaniko: the pod that kaniko's executor runs in, as data.
 */
#ifndef PAWL_BACKENDS_BUILDER_KANIKO_H
#define PAWL_BACKENDS_BUILDER_KANIKO_H

#include "backends/builder.h"
#include "base/js.h"

#define KANIKO_DOCKERFILE "Dockerfile.pawl"
#define KANIKO_CONTEXT_MAX ((size_t)2 << 30) /* bytes */

/* A Pod (v1) that builds the job from stdin and pushes to destination; the caller's. Settings as builder_kaniko.c says. */
struct js *kaniko_pod(const struct builder_build *j, struct str name, struct str destination);

#endif
