/* SPDX-License-Identifier: Apache-2.0
 *
 * past: what is known of a project without its pipeline file. A file that is broken or gone takes nobody's logs, runs and artifacts away: the
 * history is in the cache, and only the project root is needed.
 *
 * Each recorded run leaves the pipeline's name under the project's root and file (TABLE_MISC, "pipeline " and 32 hex digits of a fingerprint), for
 * the records of a project go by root and pipeline.
 */
#ifndef PAWL_CLI_PAST_H
#define PAWL_CLI_PAST_H

#include "cli/session.h"
#include "engine/last.h"

/* As session_open. Where that fails for the user's files, and runs of this project are recorded: s->root and s->id are there, s->project is NULL, and a
 * note on stderr says so. */
int past_open(struct session *s, struct err *e);
void past_put(struct session *s, struct batch *b); /* remember the pipeline's name */

/* A node of the project, as its last record and the result of that have it. */
struct past_node {
	struct str name; /* "step:train"; NUL-terminated */
	struct last last;
	struct result *result; /* NULL: it failed, is a source, or was collected */
};

/* All nodes that have a last record, by name. In the session's arena. */
int past_nodes(struct session *s, struct past_node **out, size_t *n, struct err *e);
/* By its full name; NULL: not there. */
const struct past_node *past_find(const struct past_node *v, size_t n, struct str name);
/* The node that gave what a field of a key says: the digest of a result or of an output. NULL: none. */
const struct past_node *past_giver(const struct past_node *v, size_t n, const struct key_field *f);

#endif
