/* SPDX-License-Identifier: Apache-2.0
 *
 * seal: the fingerprint in front of each stored value (R1), over the table's number, key and value:
 *	u64 hi | u64 lo | value
 */
#ifndef PAWL_CACHE_SEAL_H
#define PAWL_CACHE_SEAL_H

#include <stdint.h>

#include "cache/records.h"

#define SEAL 16 /* bytes */

void seal_make(enum table t, struct str key, struct str value, uint8_t out[SEAL]);
/* The value in stored, borrowed, or false: it is not what was stored under that key. */
bool seal_open(enum table t, struct str key, struct str stored, struct str *value);

#endif
