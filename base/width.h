/* SPDX-License-Identifier: Apache-2.0
 *
 * width: code points of UTF-8, and the columns that they take on a terminal.
 *
 * No locale: the tables are our own (combining marks 0, East Asian wide and emoji 2, all else 1). Nothing allocates or
 * fails. Any thread.
 */
#ifndef PAWL_BASE_WIDTH_H
#define PAWL_BASE_WIDTH_H

#include "base/str.h"

#define UTF8_BAD 0xfffdu /* the replacement character */

/* Takes one code point off the front of s (not empty). Ill-formed: takes one byte, gives UTF8_BAD, returns false. */
bool utf8_next(struct str *s, uint32_t *point);
/* Writes point as UTF-8; returns the number of bytes. */
size_t utf8_put(uint32_t point, char out[4]);

unsigned width_point(uint32_t point); /* 0, 1 or 2; a control character counts as 1 */
size_t width_str(struct str s);       /* an ill-formed byte counts as 1 */
/* C0, C1, DEL and the bidirectional controls: what may not reach a terminal from somebody else's text. */
bool width_is_control(uint32_t point);

#endif
