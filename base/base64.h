/* SPDX-License-Identifier: Apache-2.0
 *
 * base64: RFC 4648, both alphabets.
 */
#ifndef PAWL_BASE_BASE64_H
#define PAWL_BASE_BASE64_H

#include "base/buf.h"

/* url: '-' and '_' instead of '+' and '/', and no padding (as in RECORD files of wheels). Appended to out. */
void base64_put(struct buf *out, struct str bytes, bool url);
/* The standard alphabet, padding needed; false on anything else, out is then as it was. */
bool base64_get(struct str text, struct buf *out);

#endif
