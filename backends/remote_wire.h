/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_wire: what two pawls say to each other when one builds for the other, over a pair of pipes (ssh, a container, a program).
 *
 * A message is a line of JSON {"digest": ..., "size": N, "type": ...} and then N bytes. The conversation:
 *
 *	client -> server   job      JSON: Dockerfile, context, parents, arguments, and the blobs that they stand on (remote_job_write)
 *	server -> client   need     JSON: list of digests that it lacks
 *	client -> server   blob     one each
 *	server -> client   line     text, while it builds, as often as it likes
 *	server -> client   image    JSON: manifest and blobs; or   failed   JSON: code and text; then it ends
 *	client -> server   need     digests that it lacks
 *	server -> client   blob     one each
 *
 * Only blobs that are missing travel. Both sides take the other for hostile: sizes have limits, blobs are checked against their digests. Secrets go in the job
 * and stay in memory. ERR_WORLD: the other side ended, or said what it must not. Blocks; one thread.
 */
#ifndef PAWL_BACKENDS_REMOTE_WIRE_H
#define PAWL_BACKENDS_REMOTE_WIRE_H

#include "backends/builder.h"
#include "base/js.h"

#define REMOTE_SCHEMA 1
#define REMOTE_VERB "__remote-build" /* of pawl: the server's end on stdin and stdout */
#define REMOTE_JSON_MAX ((uint64_t)32 << 20)

struct remote_wire {
	int in, out;
	const atomic_bool *stop; /* NULL, or: once it is true what waits for the other side ends, ERR_INTERRUPTED */
};

enum remote_type { REMOTE_JOB, REMOTE_NEED, REMOTE_BLOB, REMOTE_LINE, REMOTE_IMAGE, REMOTE_FAILED };

struct remote_message {
	enum remote_type type;
	struct digest digest; /* of a blob */
	uint64_t size;        /* bytes that follow */
};

int remote_receive(struct remote_wire *w, struct remote_message *out, struct err *e);
/* The bytes of a message: as text (at most REMOTE_JSON_MAX), as JSON, or as a blob of the store. */
int remote_text(struct remote_wire *w, const struct remote_message *m, struct buf *out, struct err *e);
int remote_js(struct remote_wire *w, const struct remote_message *m, struct js **out, struct err *e);
int remote_take_blob(struct remote_wire *w, const struct remote_message *m, struct blobs *b, struct err *e);

int remote_send(struct remote_wire *w, enum remote_type type, struct str bytes, struct err *e);
int remote_send_js(struct remote_wire *w, enum remote_type type, const struct js *doc, struct err *e);
int remote_send_blob(struct remote_wire *w, struct blobs *b, const struct digest *d, struct err *e);

/* Tell the other side which of the blobs in list (a list of {"digest", "size"}) the store lacks, and take them. */
int remote_fetch(struct remote_wire *w, struct blobs *b, const struct js *list, struct err *e);
/* Answer the other side's `need` with blobs, only such as are in list. */
int remote_serve(struct remote_wire *w, struct blobs *b, const struct js *list, struct err *e);

#endif
