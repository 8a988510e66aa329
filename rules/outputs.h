/* SPDX-License-Identifier: Apache-2.0
 *
 * outputs: what a step wrote: stored, compared, put back, cleared away.
 *
 * A file is a blob and its exec bit; a folder is the blob of its manifest (hashing/tree.h) and a blob for each of its files. What a person put in
 * the place of an output (content that is no blob of the store) is never destroyed: it becomes a blob first, and a note says how to get
 * it. Any thread; two threads never work on one path.
 */
#ifndef PAWL_RULES_OUTPUTS_H
#define PAWL_RULES_OUTPUTS_H

#include "engine/result.h"
#include "rules/project.h"

struct out_spec {
	struct str name;
	struct str path; /* clean, relative to the project root; empty: kept in the cache only */
	bool folder;     /* for those with a path; the others may be either */
};

/* Are all outputs of r with a path there, and those without one in the store? Reports leaves. *evicted: something is missing or
 * differs and the store cannot put it back. Changes nothing. */
bool outputs_in_place(struct project *p, const struct result *r, bool *evicted);
/* Put back what is not in place: a file at once by a rename, a folder as a whole. ERR_MISSING and ERR_DAMAGED: the store has it no more. */
int outputs_restore(struct project *p, const struct result *r, struct err *e);
/* One output, to any path (absolute, or relative to the project): for a consumer of what is kept in the cache only. */
int outputs_checkout(struct project *p, const struct output *o, int at, struct str path, struct err *e);

/* Before a step starts: keep what a person put there, remove, make the folders above. */
int outputs_clear(struct project *p, const struct out_spec *v, size_t n, struct err *e);
void outputs_remove(struct project *p, const struct out_spec *v, size_t n); /* after a failure */
/* After a step ended well: all must be there (run_dir: absolute, for those without a path; empty: there are none). Stores them; out is in the arena.
 * *unstored: the cache could not take them (full, read-only); the result may be used, not recorded. */
int outputs_collect(struct project *p, const struct out_spec *v, size_t n, struct str run_dir, struct arena *a, struct output **out,
		    bool *unstored, struct err *e);

/* What lies at path, if it is not in the store, into the store with a note. ERR_FULL does not fail it: the note says that it is lost. */
int outputs_keep(struct project *p, struct str path, struct err *e);

/* Is the output with this path in the workspace exactly as recorded? Reported as a leaf. */
bool outputs_there(struct project *p, const struct output *o, struct arena *a);

#endif
