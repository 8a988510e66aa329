/* SPDX-License-Identifier: Apache-2.0
 *
 * image_inside: parts of images. Only for rules/image*.c and rules/parent*.c.
 */
#ifndef PAWL_RULES_IMAGE_INSIDE_H
#define PAWL_RULES_IMAGE_INSIDE_H

#include <pthread.h>

#include "backends/layout.h"
#include "backends/registry.h"
#include "base/vec.h"
#include "rules/image.h"
#include "rules/layer.h"
#include "rules/rules.h"

struct image_data { /* of an image node */
	const struct ir_environment *env;
	node_id parent, requirements; /* NODE_NONE: none */
};

/* A layer that this invocation made. */
struct image_made {
	struct str environment; /* empty: whoever has it (a bootstrapped parent) */
	struct digest digest;
};

struct image_state {
	pthread_mutex_t mu;
	struct arena arena;
	struct batch batch;
	VEC(struct image_made) made;
};

/* parent_make.c: how registries are asked on behalf of a project. */
struct registry_opts project_registry(struct project *p, const atomic_bool *stop, struct arena *a);

struct image_state *image_state_of(struct project *p); /* made on first use: loop thread */
void image_note_made(struct project *p, struct str environment, const struct digest *d); /* any thread, once the state is there */

/* A file of the project that goes into a layer. */
struct image_file {
	struct str path;      /* in the project */
	struct digest digest;
	uint64_t size;
	bool exec;
};
struct image_files {
	struct image_file *v; /* sorted by path, each once */
	size_t n;
};

/* image_files.c: what include: names as it is now; from the results of the include edges; the code of the steps that use env. Loop thread. */
struct str image_include_pattern(struct project *p, struct str entry, struct arena *a);
int image_include_now(struct project *p, const struct ir_environment *env, struct arena *a, struct image_files *out, struct err *e);
void image_include_of(const struct inputs *in, struct arena *a, struct image_files *out);
int image_code_now(struct project *p, const struct ir_environment *env, struct arena *a, struct image_files *out, struct err *e);
struct digest image_files_digest(const struct image_files *f);

/* image_parts.c: the layers of our own, in order, with their keys. workdir: where files lie in the image. */
struct image_parts {
	struct layer_spec *v;
	size_t n;
};
int image_parts(struct project *p, const struct ir_environment *env, const struct parent_info *parent, const struct wheel_set *wheels,
		const struct image_files *include, const struct image_files *code, struct str workdir, struct arena *a, struct image_parts *out,
		struct err *e);
/* The parent's layers as layers of the image. */
void image_parent_layers(struct project *p, const struct parent_info *i, struct arena *a, struct image_layer *out);
enum layer_compression image_compression(const struct ir_environment *env);
struct str image_workdir(const struct ir_environment *env, const struct js *parent_config);

/* image_out.c: have the blobs of all layers in the store. Blocks; any thread. */
int image_have(struct project *p, const struct ir_environment *env, const struct result *r, struct err *e);
int image_as_layout(struct project *p, const struct ir_environment *env, const struct result *r, struct arena *a, struct layout_image *out,
		    struct err *e);
/* All images of an environment: the own one with the others and their index, which is in the store then. */
int image_as_index(struct project *p, const struct image_one *v, size_t n, struct arena *a, struct layout_image *out, struct err *e);
/* A part of a repository's or tag's name. */
struct str image_part_name(struct str s, bool tag, struct arena *a);
/* image_push.c: where it goes in a registry: HOST/PREFIX/PIPELINE:ENVIRONMENT. */
int image_reference(struct project *p, const struct ir_environment *env, struct str prefix, struct arena *a, struct registry_ref *out, struct err *e);

/* image_reuse.c: an image that somebody made of the same inputs, in the stack's registry under a tag made of the key. */
struct image_found {
	struct digest manifest, config; /* blobs that are in the store now */
	uint64_t manifest_size, config_size;
	struct image_layers layers;     /* with `from` */
};
/* Is there one? One request; whatever goes wrong only means no. Blocks; any thread, once the image state is there. */
bool image_reuse_find(struct project *p, const struct ir_environment *env, const struct digest *key, struct arena *a, struct image_found *out);
/* Take the parts of such an index apart, and check each against the digest that stands above it; manifest: appended. */
bool image_reuse_read(struct str text, struct arena *a, struct buf *manifest, struct str *config, struct image_layers *layers);
/* Leave one there for others. doubt: it may have forgotten what it is known to have. */
int image_reuse_leave(struct project *p, const struct result *r, const struct layout_image *i, const struct registry_ref *to, struct registry *session,
		      bool doubt, struct batch *seen, struct err *e);
/* The blobs of such an image's layers into the store. */
int image_reuse_fetch(struct project *p, const struct image_layers *l, struct err *e);

/* "churn:base", as an image is called in Docker and in layouts that hold several. */
struct str image_repo_tag(const struct project *p, const struct ir_environment *env, struct arena *a);
/* image_build.c */
void image_start(struct task *t);
void image_stop(struct task *t, bool hard);
/* image_info.c: what a result says. */
struct js *image_info_js(const struct image_layers *l);
int image_info_of(const struct js *doc, struct arena *a, struct image_layers *out, struct err *e);
int image_info_read(const struct result *r, struct arena *a, struct image_layers *out, struct err *e);

#endif
