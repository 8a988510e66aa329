/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs: the mains of the verbs; the table is in cli/verbs.c. Each returns the exit status, or -1 with e: main prints it.
 */
#ifndef PAWL_CLI_VERBS_H
#define PAWL_CLI_VERBS_H

#include "cli/args.h"

int verb_artifact(struct args *a, struct err *e);
int verb_build(struct args *a, struct err *e);
int verb_cache(struct args *a, struct err *e);
int verb_compile(struct args *a, struct err *e);
int verb_diff(struct args *a, struct err *e);
int verb_doctor(struct args *a, struct err *e);
int verb_graph(struct args *a, struct err *e);
int verb_init(struct args *a, struct err *e);
int verb_lock(struct args *a, struct err *e);
int verb_log(struct args *a, struct err *e);
int verb_plan(struct args *a, struct err *e);
int verb_run(struct args *a, struct err *e);
int verb_runs(struct args *a, struct err *e);
int verb_stack(struct args *a, struct err *e);
int verb_version(struct args *a, struct err *e);
int verb_watch(struct args *a, struct err *e);
int verb_why(struct args *a, struct err *e);

#endif
