/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_add: what ADD can and COPY cannot. Only for rules/docker_*.c.
 *
 * A file of the project that is a tar (plain, or packed with gzip, bzip2, xz or zstd) is unpacked into the destination with owners and modes, unless
 * --unpack=false. A URL is fetched into the store, checked against --checksum; a repository is checked out by the git program. What place: fetched is
 * what layer: takes: its result says which content, which commit.
 */
#ifndef PAWL_RULES_DOCKER_ADD_H
#define PAWL_RULES_DOCKER_ADD_H

#include "rules/docker_inside.h"

bool docker_remote(struct str source);     /* a URL or a repository */
bool docker_repository(struct str source);

struct docker_added {
	struct ir_pairs fetched_before; /* source to "sha256:..." or commit, as place: found it; may be empty */
	struct docker_selection files;
	struct ir_pairs fetched;
	struct str scratch;             /* absolute folder of a checkout; empty: none */
};
/* Blocks; a thread of the pool. docker_added_done in any case. */
int docker_add_items(struct docker_work *w, const struct docker_operands *o, const struct docker_selection *in, struct docker_added *out,
		     struct err *e);
void docker_added_done(struct docker_added *x, struct arena *a);

#endif
