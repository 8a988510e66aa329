/* SPDX-License-Identifier: Apache-2.0
 *
 * verify: some of the hits of a run, executed again elsewhere: does the same come out?
 *
 * The files that the run has looked at are copied into a scratch folder, which is then a project of its own with the same keys. In it what the
 * chosen steps stand on is put back from the cache, and they are made again, those that stand on each other one after the other, each on recorded
 * inputs. Nothing is recorded of it and the workspace is not touched; the records of the chosen steps are marked with what was found.
 */
#ifndef PAWL_CLI_VERIFY_H
#define PAWL_CLI_VERIFY_H

#include "cli/make.h"

/* "20%", "20", "0.5%" to a share of 1. */
int verify_share(const char *text, double *share, struct err *e);
/* After make. Prints what comes out otherwise, adds "verified" and "unsteady" to m->answer; *nunsteady: how many steps. */
int verify(struct session *s, struct made *m, size_t *nunsteady, struct err *e);

#endif
