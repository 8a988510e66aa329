/* SPDX-License-Identifier: Apache-2.0
 *
 * toml_door: what base/toml.cc offers to base/toml.c, its only caller.
 */
#ifndef PAWL_BASE_TOML_DOOR_H
#define PAWL_BASE_TOML_DOOR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 0: *out is JSON. -1: *out is what is wrong, at line and column. free() it; NULL: no memory.
 * places: NULL, or takes JSON of the same shape with "LINE:COLUMN" for each value that is no table or array; free() it. */
int toml_to_json(const char *p, size_t n, char **out, char **places, unsigned *line, unsigned *column);

#ifdef __cplusplus
}
#endif

#endif
