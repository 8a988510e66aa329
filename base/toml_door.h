/* SPDX-License-Identifier: Apache-2.0
 *
 * toml_door: what base/toml.c asks of base/toml.cc. Nobody else includes it.
 */
#ifndef PAWL_BASE_TOML_DOOR_H
#define PAWL_BASE_TOML_DOOR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 0: *out is JSON. -1: *out is what is wrong, at line and column. free() it; NULL: no memory. */
int toml_to_json(const char *p, size_t n, char **out, unsigned *line, unsigned *column);

#ifdef __cplusplus
}
#endif

#endif
