/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_settle: small values of instructions, checked and put into the form of an image's config. Only for docker_config.c.
 */
#ifndef PAWL_RULES_DOCKER_SETTLE_H
#define PAWL_RULES_DOCKER_SETTLE_H

#include "base/js.h"
#include "rules/docker_parse.h"

/* "80", "8000-8010/udp", "ip:host:container" (only the container's port counts) into a map of "80/tcp". */
int docker_ports(struct str text, struct js *ports, struct arena *a, struct err *e);
bool docker_signal(struct str text); /* "SIGTERM", "term", "9", "SIGRTMIN+3" */
/* --interval=30s and its like into the map of a health check; durations in ns. */
int docker_health_flag(const struct docker_flag *f, struct js *check, struct err *e);

#endif
