/* SPDX-License-Identifier: Apache-2.0
 *
 * rundirs: scratch folders of steps that run, outside the project.
 *
 * CACHE/tmp/run-XXXXXX/ belongs to one process, which holds the lock of run-XXXXXX/lock as long as it lives; in it a numbered folder per
 * attempt, which is used again when nothing was left in it. Folders whose owner is dead are removed by the next one that begins.
 * Where the cache cannot be written: the same
 * under TMPDIR or /tmp. Any thread.
 */
#ifndef PAWL_RULES_RUNDIRS_H
#define PAWL_RULES_RUNDIRS_H

#include "base/arena.h"
#include "base/err.h"

struct rundirs;

struct rundirs *rundirs_new(struct str cache, const char *tmpdir); /* touches nothing yet; tmpdir may be NULL */
struct project;
void rundirs_ready(struct project *p);                             /* p->rundirs is there from now on. Loop thread */
void rundirs_free(struct rundirs *r);                              /* removes everything; NULL is fine */
int rundirs_take(struct rundirs *r, struct arena *a, struct str *folder, struct err *e); /* absolute; empty but for an empty run/ */
void rundirs_give(struct rundirs *r, struct str folder);

#endif
