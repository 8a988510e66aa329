/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_docker: images into a running Docker (or Podman) engine, through the Engine API on its unix socket.
 *
 * Only layers that the engine lacks are sent: what its other images have in common with ours from below is left out.
 */
#ifndef PAWL_BACKENDS_ENGINE_DOCKER_H
#define PAWL_BACKENDS_ENGINE_DOCKER_H

#include "backends/layout.h"

/* docker_host: $DOCKER_HOST ("unix:///path"), or NULL: /var/run/docker.sock. ERR_WORLD with what to do when nobody answers there.
 * sent: layers that went over; may be NULL. */
int engine_docker_load(const char *docker_host, struct blobs *b, const struct layout_image *i, size_t *sent, struct err *e);

/* The socket that docker_host (as above) means: borrowed from it, or static. ERR_INPUT: it is no unix socket. */
int engine_docker_socket(const char *docker_host, const char **out, struct err *e);

#endif
