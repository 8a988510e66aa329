/* SPDX-License-Identifier: Apache-2.0
 *
 * layer: the layers of our own in an image, each under the key of its content, shared by all images and projects.
 *
 * A wheel's layer depends on the wheel's digest, where it is installed, formats and compressor: not on the parent, not on the other wheels. A layer of
 * bucket of small wheels depends on the layers of its wheels, and is made of them without compressing anything again. A layer of
 * files depends on their paths in the image, contents and exec bits. Results are in TABLE_RESULT like those of nodes.
 */
#ifndef PAWL_RULES_LAYER_H
#define PAWL_RULES_LAYER_H

#include "backends/builder.h"
#include "hashing/key.h"
#include "rules/image.h"
#include "rules/wheels.h"

struct layer_spec {
	const char *kind;                 /* "wheel", "wheels", "include", "code" */
	struct str name;
	struct str history;               /* for the image's config: "wheel numpy 2.1.0" */
	struct wheel_pin wheel;           /* "wheel" */
	struct wheel_scheme scheme;
	enum layer_compression compression;
	struct layer_spec *parts;         /* "wheels": those of its wheels, sorted by name */
	size_t nparts;
	struct builder_file *files;       /* "include", "code" */
	size_t nfiles;
	struct key key;
	struct digest key_digest;
	struct image_layer out;           /* found or made */
};

struct layer_spec layer_of_wheel(const struct builder_kind *b, enum layer_compression c, const struct wheel_pin *w, const struct wheel_scheme *s,
				 struct arena *a);
struct layer_spec layer_of_files(const struct builder_kind *b, enum layer_compression c, const char *kind, struct str name,
				 struct builder_file *files, size_t n, struct arena *a);
/* A bucket: the layers of small wheels, joined. index: its number. Takes parts, specs of wheels sorted by name. */
struct layer_spec layer_of_wheels(const struct builder_kind *b, enum layer_compression c, unsigned index, struct layer_spec *parts, size_t n,
				  struct arena *a);
/* Is it in the store, and recorded? Then out is filled in, state HIT; else BUILD. */
bool layer_find(struct project *p, struct layer_spec *s, struct arena *a);
/* Make it (of a bucket: all its parts are found or made): out is filled in, state MADE, its encoded record appended to record. Blocks; any thread. */
int layer_make(struct project *p, const struct builder_kind *b, struct layer_spec *s, struct buf *record, struct err *e);
/* Put what layer_make gave as record under its key. */
void layer_record(const struct layer_spec *s, struct str record, struct batch *batch);

#endif
