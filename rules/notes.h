/* SPDX-License-Identifier: Apache-2.0
 *
 * notes: things to tell the person that are neither the answer nor a failure ("out/x was edited by hand; get it back with ...").
 * Collected here, below cli/, and printed there. In the order of their coming, each text once. Any thread.
 */
#ifndef PAWL_RULES_NOTES_H
#define PAWL_RULES_NOTES_H

#include "base/arena.h"
#include "base/str.h"

struct notes;
struct notes *notes_new(void);
void notes_free(struct notes *n);
void notes_add(struct notes *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Those from index on; NULL at the end. Borrowed until notes_free. */
const char *notes_get(struct notes *n, size_t index);

#endif
