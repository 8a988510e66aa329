/* SPDX-License-Identifier: Apache-2.0
 *
 * builder_inside: what builders by other programs share. Only for backends/builder_*.c.
 */
#ifndef PAWL_BACKENDS_BUILDER_INSIDE_H
#define PAWL_BACKENDS_BUILDER_INSIDE_H

#include "backends/builder.h"
#include "backends/lines.h"
#include "base/js.h"
#include "hashing/key.h"

/* A scratch folder of this build, below $TMPDIR of the job or /var/tmp; the caller removes it. */
int builder_scratch(const struct builder_build *j, struct arena *a, struct str *out, struct err *e);
/* A file without a name, in the same place. */
int builder_file(const struct builder_build *j, struct err *e);

/* A context as a tar written to fd from its start, with files in front that are not in it. */
struct builder_extra {
	struct str path, text;
};
int builder_context_tar(struct blobs *b, const struct digest *context, const struct builder_extra *extra, size_t n, int fd, struct err *e);

/* Takes an answer's body piece by piece (http.h) to a descriptor; what went wrong is in bad and err. */
struct builder_sink {
	int fd;
	bool bad;
	struct err err;
};
void builder_sink(void *sink, struct str bytes);

struct str builder_variable(const struct builder_build *j, const char *name); /* of environ_; empty: not set */
struct str builder_setting(const struct builder_build *j, const char *name);  /* a text of settings; empty: none */
void builder_say(const struct builder_build *j, struct str text);
/* The secrets of a job, for masking; masks_done is the caller's. */
void builder_masks(const struct builder_build *j, struct arena *a, struct masks *out);
/* 32 hexadecimal digits: the same for every job that would give the same image. */
struct str builder_job_name(const struct builder_build *j, const struct builder_kind *k, struct arena *a);
int builder_add_files(struct layer *l, int at, const struct builder_file *files, size_t n, struct err *e);
/* native's way of making single layers, which is everybody's. */
int builder_make(const struct builder_job *j, struct blobs *b, struct layer_info *out, struct err *e);
const char *builder_identity(enum builder_part part, enum layer_compression c);

#endif
