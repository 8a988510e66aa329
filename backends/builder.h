/* SPDX-License-Identifier: Apache-2.0
 *
 * builder: who makes the layers of an environment. A vtable per kind; `native` needs no daemon and no other program.
 *
 * A builder makes single layers from content described by data; manifest, config, outputs and pushes are not its business, and neither is whether a
 * layer must be made at all. Equal jobs give equal layers. Blocks; several jobs at once from several threads.
 */
#ifndef PAWL_BACKENDS_BUILDER_H
#define PAWL_BACKENDS_BUILDER_H

#include "backends/layer.h"
#include "backends/wheel.h"

enum builder_part { BUILDER_WHEEL, BUILDER_FILES };

struct builder_file {
	struct str path;        /* in the image */
	struct str target;      /* of a link; else empty, and: */
	const char *from;       /* where it is now, below `at` of the job */
	struct content content; /* what it must be */
	bool exec;
};

struct builder_job {
	enum builder_part part;
	enum layer_compression compression;
	struct digest wheel;    /* BUILDER_WHEEL: a blob of the store */
	struct str wheel_name;
	const struct wheel_scheme *scheme;
	int at;                 /* BUILDER_FILES: folder's descriptor */
	const struct builder_file *files;
	size_t nfiles;
};

struct builder_kind {
	const char *name;    /* as in a stack: "native" */
	/* Make the layer and put it into the store. Any thread. */
	int (*make)(const struct builder_job *j, struct blobs *b, struct layer_info *out, struct err *e);
	/* What enters the keys of its layers: other than those of another builder wherever the bytes may differ. Static text. */
	const char *(*identity)(enum builder_part part, enum layer_compression c);
};
extern const struct builder_kind builder_native; /* backends/builder_native.c */

/* By name; empty: native. NULL and ERR_INPUT with the names that there are. */
const struct builder_kind *builder_find(struct str name, struct err *e);

#endif
