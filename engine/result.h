/* SPDX-License-Identifier: Apache-2.0
 *
 * result: what making a node gave; stored under the digest of its key (TABLE_RESULT), shared by all projects.
 *
 * `digest` is what a consumer of the whole node depends on. When left zero by its maker, the engine sets it to SHA-256 over the
 * outputs (name, type, digest each, with lengths in front, sorted by name).
 *
 * Encoded (little endian, append only):
 *	u32 version 1 | text kind | text node | 32 digest | u64 made_at | u64 used_at | f64 seconds | f64 cpu_s | u64 peak | 32 log
 *	| u32 nout x { text name | u8 type | 32 digest | u64 size | text path } | text info | text key (hashing/key.h)
 */
#ifndef PAWL_ENGINE_RESULT_H
#define PAWL_ENGINE_RESULT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "hashing/digest.h"

enum output_type { OUTPUT_FILE = 1, OUTPUT_EXEC = 2, OUTPUT_TREE = 3, OUTPUT_VALUE = 4 };
_Static_assert(OUTPUT_TREE == 3, "on disk: append only");

struct output {
	struct str name;
	enum output_type type;  /* file; file with exec bit; folder (digest: its manifest, hashing/tree.h); no blob at all */
	struct digest digest;
	uint64_t size;          /* bytes; of a tree the sum of its files */
	struct str path;        /* where it was in the workspace; empty: only in the cache */
};

/* Something that the maker looked at beside its inputs: a question that the rule can ask again, and what it saw. */
struct observed_fact {
	struct str question, answer;
};

struct result {
	struct digest digest;
	struct str kind, node;
	int64_t made_at;        /* clock_real */
	int64_t used_at;        /* when somebody last began to use it again; for gc */
	double seconds, cpu_s;
	uint64_t peak;          /* bytes */
	struct digest log;      /* blob with its output lines; zero: none */
	struct output *outputs; /* sorted by name */
	size_t noutputs;
	struct str info;        /* the rule's own, canonical JSON; may be empty */
	struct str key;         /* encoded key that it was made under */
	/* From its maker to the engine alone, which makes fields of the key of it: sorted by question, each once. */
	const struct observed_fact *observed;
	size_t nobserved;
};

void result_encode(const struct result *r, struct buf *out);
/* Copies what it needs. ERR_DAMAGED for anything that result_encode does not write, and for an output path that is absolute or
 * leads up. */
int result_decode(struct str bytes, struct arena *a, struct result *out, struct err *e);
void result_sort(struct result *r); /* outputs by name */
const struct output *result_output(const struct result *r, struct str name);            /* NULL: none */
struct digest result_outputs_digest(const struct result *r);

#endif
