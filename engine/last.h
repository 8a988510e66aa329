/* SPDX-License-Identifier: Apache-2.0
 *
 * last: the key under which a node of a project was last made or last failed: what "changed" is measured against.
 *
 * A record of TABLE_LAST. Its key is fp(project) (16 bytes) + node name (a name beyond 400 bytes: 0xff + its fp). `project` is any
 * text that names the project here; the engine writes a second record under the pipeline's name, which serves a clone in another folder
 * until it has records of its own.
 *
 * Encoded (little endian, append only):
 *	u32 version 1 | u8 outcome | u64 at | f64 seconds | 32 key digest | 32 result digest | 32 log | text key
 * outcome: 0 made and recorded, 1 failed, 2 made but not recorded (never cached, or its inputs changed meanwhile). A source has outcome 0.
 */
#ifndef PAWL_ENGINE_LAST_H
#define PAWL_ENGINE_LAST_H

#include "cache/records.h"
#include "hashing/digest.h"

/* TABLE_MISC: KEPT_FIELDS + digest of a source's result -> the encoded key that describes what it saw. */
#define KEPT_FIELDS "fields "
#define KEPT_FIELDS_MOST 262144 /* bytes; larger ones are not kept */

struct last {
	bool failed, unrecorded;
	int64_t at;      /* clock_real */
	double seconds;
	struct digest key_digest, result_digest;
	struct digest log; /* blob with its output lines, of a failure too; zero: none */
	struct str key;  /* encoded, hashing/key.h */
};

int last_decode(struct str bytes, struct arena *a, struct last *out, struct err *e); /* ERR_DAMAGED; copies */
void last_encode(const struct last *l, struct buf *out);

/* What the keys of all records of a project begin with; node names follow. */
void last_prefix(struct str project, struct buf *out);
/* False: none, or damaged. v may be NULL: none. */
bool last_find(struct view *v, struct str project, struct str node, struct arena *a, struct last *out);
/* Is the last record of exactly this key, with this outcome? Cheaper than last_find. */
bool last_is(struct view *v, struct str project, struct str node, const struct digest *key_digest, bool failed);
void last_put(struct batch *b, struct str project, struct str node, const struct last *l);

#endif
