/* SPDX-License-Identifier: Apache-2.0
 *
 * moby_trace: what BuildKit inside a Docker engine reports, as lines. The one door to protobuf-c (messages: moby_trace.proto).
 *
 * A vertex (an instruction) is a line when it begins to work ("[2/3] RUN make"), with "CACHED " in front when there was nothing to do; output of commands
 * comes as it is. Hostile input is left out. One thread at a time.
 */
#ifndef PAWL_BACKENDS_MOBY_TRACE_H
#define PAWL_BACKENDS_MOBY_TRACE_H

#include "backends/lines.h"
#include "base/arena.h"
#include "base/map.h"

struct moby_trace {
	struct lines *out; /* borrowed */
	struct map told;   /* vertices that had their line: digests */
	struct arena arena;
};

void moby_trace_init(struct moby_trace *t, struct lines *out);
void moby_trace_done(struct moby_trace *t);
/* One message, as base64 in the engine's answer. */
void moby_trace_feed(struct moby_trace *t, struct str base64);

#endif
