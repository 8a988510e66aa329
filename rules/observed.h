/* SPDX-License-Identifier: Apache-2.0
 *
 * observed: the files of the project that a running step uses and did not declare.
 *
 * What counts as declared is left alone: inputs, outputs, what patterns match and the names in their folders, what the closure of the code
 * covers (rules/code.h: a comment in a module must not count), folders that lead to any of these, ${run.dir}, the cache, .git, __pycache__,
 * and virtual environments, whose packages are part of the key.
 * What the step made itself is no input either.
 *
 * A file is looked at when the step first uses it, while the step waits (sys/observe.h). Of everything else a question and its answer are kept,
 * from which the engine makes fields of the key (engine/observed.h):
 *
 *	question     asked by                          answers
 *	file PATH    opening it                        sha256:HEX, "x sha256:HEX" (it may be executed), folder, other, missing
 *	there PATH   stat, access, opening in vain     "file SIZE", folder, other, missing
 *	names PATH   listing the folder                fingerprint of the sorted names in it, missing
 *	link PATH    readlink                          "-> TARGET", "no link", missing
 *
 * Of a folder's names those do not count that the step's own outputs have, nor .git and __pycache__. Python itself lists the folders in which it
 * searches modules, once each and again after they changed; the closure knows what it can find there, so these do not count; a step that lists such a
 * folder once more is told apart by that.
 *
 * Threads: observed_new, observed_end and observed_free in the loop's or a pool's thread, the events in the observer's; never two at once.
 */
#ifndef PAWL_RULES_OBSERVED_H
#define PAWL_RULES_OBSERVED_H

#include "backends/orchestrator.h"
#include "rules/step.h"

struct observed;

/* Loop thread. */
struct observed *observed_new(struct project *p, const struct step *s, const struct inputs *in, struct arena *a);
void observed_free(struct observed *o); /* NULL is fine */
/* What a job needs for it; in the arena. inside: the project's root as the step's processes name it, absolute and clean. scratch: a folder of the
 * step's own, absolute. */
const struct job_observe *observed_job(struct observed *o, struct str inside, struct str scratch);

struct observed_report {
	struct observed_fact *facts; /* sorted by question */
	size_t nfacts;
	struct str changed;          /* a file that changed after the step had begun to use it; empty: none */
	struct str *reads, *writes;  /* read or listed without being declared; written without being an output. Sorted */
	size_t nreads, nwrites;
	bool too_many;               /* more than the records take */
};
/* After the job. Reports leaves of what it looked at. All in the arena of observed_new. */
void observed_end(struct observed *o, struct observed_report *out);

/* The same, and notes for the person of what was not declared. *unstored: the result may not be recorded. ERR_FAILED: the step is strict. watched: as
 * job_end.observed says. */
int observed_judge(struct observed *o, bool watched, struct observed_report *out, bool *unstored, struct err *e);

/* What the answer is now, for rule_step. */
int observed_answer(struct project *p, const struct step *s, struct str question, struct arena *a, struct str *answer);
/* The path that a question is about, and what a person calls it. */
struct str observed_path(struct str question);

#endif
