/* SPDX-License-Identifier: Apache-2.0
 *
 * watch_serve: answers to questions that were found right once and of which nothing has changed since; the side of `pawl watch` of cli/watch.h.
 *
 * An answer is right from watch_look, which compares the snapshot once with the world after everything in it is watched, until the next notice that
 * matters. A question that is not known is answered so at once, and looked at afterwards, so that it is known the next time. Loop thread.
 */
#ifndef PAWL_CLI_WATCH_SERVE_H
#define PAWL_CLI_WATCH_SERVE_H

#include "cli/session.h"
#include "cli/watch_cover.h"
#include "sys/loop.h"

struct watch_server {
	struct session *s;       /* root and cache */
	struct loop *loop;
	struct watch_cover cover;
	struct str folder;       /* watch_folder */
	int at, root, listener;  /* descriptors: of the folder, the project's root, the socket */
	loop_id accepting;
	VEC(struct watch_known *) known;
	VEC(struct watch_client *) clients;
	bool (*busy)(void *ctx);             /* something runs: what is unknown is not worth a look */
	void (*queue)(void *ctx, bool open); /* the cover's queue is about to be closed; another one is open */
	void *ctx;
};

int watch_open(struct watch_server *w, struct session *s, struct loop *l, struct err *e);
void watch_close(struct watch_server *w);

enum watch_seen { WATCH_SAME, WATCH_CHANGED, WATCH_NOTHING }; /* NOTHING: there is no snapshot */
/* Compare, and answer from now on. */
enum watch_seen watch_look(struct watch_server *w, struct str question);

#endif
