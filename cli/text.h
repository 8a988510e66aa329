/* SPDX-License-Identifier: Apache-2.0
 *
 * text: how figures read for a person, and where texts go.
 *
 * stdout carries the answer, stderr the progress and the diagnostics.
 */
#ifndef PAWL_CLI_TEXT_H
#define PAWL_CLI_TEXT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/js.h"
#include "cli/args.h"

/* "0.4 ms", "26 ms", "3.2 s", "2 m 5 s", "2 h 14 m", "3 d 2 h". */
void text_seconds(struct buf *out, double seconds);
void text_bytes(struct buf *out, uint64_t bytes);                 /* "512 B", "17.1 MB" (powers of 1000) */
void text_count(struct buf *out, size_t n, const char *singular); /* "1 step", "3 steps" */
void text_time(struct buf *out, int64_t ns);                      /* "2026-11-23 22:45:01", local time */

bool text_color(const struct args *a, int fd); /* by --color, NO_COLOR, TERM and whether fd is a terminal */

/* Write all to stdout or stderr; a closed pipe is no failure. */
void text_out(struct str s);
void text_err(struct str s);
void text_json(struct js *v); /* takes v; one object and a newline on stdout */

#endif
