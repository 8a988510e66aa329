/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_job: a build and its image as the JSON that travels (backends/remote_wire.h).
 */
#ifndef PAWL_BACKENDS_REMOTE_JOB_H
#define PAWL_BACKENDS_REMOTE_JOB_H

#include "backends/builder.h"
#include "base/js.h"

/* {"schema", "dockerfile", "context", "target", "platform", "args": [], "parents": [{"name", image}], "secrets": [{"id", "value"}],
 * "blobs": [{"digest", "size"}]}; the caller's. */
struct js *remote_job_write(const struct builder_build *j, struct blobs *b);
/* environ_, settings, line and stop are not in it. Texts are in the arena. ERR_WORLD: it is no job, or another version's. */
int remote_job_read(const struct js *doc, struct arena *a, struct builder_build *out, struct err *e);

/* {"manifest", "manifest_size", "config", "layers": [...], "blobs": [...]} */
struct js *remote_image_write(const struct layout_read *i, struct blobs *b);
int remote_image_read(const struct js *doc, struct arena *a, struct layout_read *out, uint64_t *manifest_size, struct err *e);

#endif
