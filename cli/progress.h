/* SPDX-License-Identifier: Apache-2.0
 *
 * progress: what a person and a machine see while it happens. Plain lines on stderr; on a terminal also one live line at the
 * bottom; JSON Lines to --events. The callbacks of engine/run.h and rules/project.h end here. Loop thread.
 *
 * Events, one object a line, each with "schema", "event", "t" (seconds since 1970) and "node" (null for the run):
 *	run.start  pipeline, run             node.start  reason
 *	node.end   as in the final object    log         stream (1, 2), text
 *	progress   text                      run.end     status, summary
 */
#ifndef PAWL_CLI_PROGRESS_H
#define PAWL_CLI_PROGRESS_H

#include "cli/session.h"
#include "engine/run.h"

struct progress {
	struct session *s;
	int events;          /* descriptor, -1: none */
	bool events_failed;
	bool quiet, color, live;
	bool drawn;          /* the live line is on the screen */
	uint32_t running, done, total;
	int64_t began;       /* clock_mono */
	node_id last;        /* whose output line came last */
};

/* --events fd:N names a descriptor of the caller's: ask before anything else is opened, which would take its number. */
int progress_check(const struct args *a, struct err *e);
/* Appends a line of a program as a terminal may get it: only colours are left of what steers one, and those where color. */
void progress_shown(struct str s, bool color, struct buf *out);
int progress_open(struct progress *p, struct session *s, struct err *e); /* opens --events */
void progress_close(struct progress *p);
void progress_begin(struct progress *p, struct str run_id);
void progress_round(struct progress *p, uint32_t total); /* a graph is being carried out; of a pipeline that unfolds one after the other */
void progress_end(struct progress *p, const struct js *answer); /* run.end with what the final object says */
struct run_watch progress_run_watch(struct progress *p);
struct project_watch progress_project_watch(struct progress *p);

#endif
