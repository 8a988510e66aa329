/* SPDX-License-Identifier: Apache-2.0
 *
 * history: finished runs of a project (TABLE_RUN), as the final JSON objects.
 *
 * Key: fingerprint of the project's id (16 bytes) + run id "YYYYMMDD-HHMMSS-xxxx".
 * Value: the object of `run --json` with "log" digests in its steps, "t" (seconds since 1970), "params", "set", and where the project is in
 * a git repository, "git" with its commit and branch. Steps that were plain hits are left out: they are what the latest run before says
 * of them. Which steps the run had is in TABLE_MISC under "steps " + "set": written once for each set of steps.
 */
#ifndef PAWL_CLI_HISTORY_H
#define PAWL_CLI_HISTORY_H

#include "cli/session.h"
#include "engine/run.h"

struct str history_new_id(struct arena *a); /* from the clock and some random bits */
/* The name of the set of steps that the run had; the set goes into b unless it is known. */
struct str history_set(struct session *s, struct batch *b, const struct run *r);
void history_put(struct session *s, struct batch *b, struct str id, const struct js *answer, struct str set);
/* All runs, oldest first, as they are stored; each value is the caller's. */
int history_all(struct session *s, struct js ***out, size_t *n, struct err *e);
/* By id, a unique beginning of one, or "last", "last~1"; with all its steps. ERR_INPUT. The caller's. */
int history_find(struct session *s, struct str name, struct js **out, struct err *e);
/* The names of all steps that the run had, a line each; in the session's arena. */
struct str history_names(struct session *s, const struct js *run);
/* All but the newest `keep` runs of a project (fp of its id) go; the oldest that stays is written anew with all its steps, so that every later one still finds
 * what its hits were. Returns how many go; *gone: their keys in TABLE_RUN, in the session's arena. */
size_t history_prune(struct session *s, struct str project, size_t keep, struct batch *b, struct str **gone);
/* The step's object in a run; borrowed, NULL: not in it. */
const struct js *history_step(const struct js *run, struct str step);

#endif
