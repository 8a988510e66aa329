/* SPDX-License-Identifier: Apache-2.0
 *
 * image: what an image is made of, and where it goes.
 *
 * An image node ("image:base") has the manifest's digest as its result. Its layers are the parent's, then those of its
 * wheels (rules/wheel_layers.h), then what `include:` names, then the code of the steps that use the environment. Every layer of our own has a record of
 * its own under the key of its content, so that images share them and an image that is made again makes only the layers that changed.
 */
#ifndef PAWL_RULES_IMAGE_H
#define PAWL_RULES_IMAGE_H

#include "base/js.h"
#include "engine/result.h"
#include "rules/parent.h"
#include "rules/project.h"

enum image_layer_state { IMAGE_LAYER_HIT, IMAGE_LAYER_MADE, IMAGE_LAYER_BUILD }; /* BUILD: only in a plan */

struct image_layer {
	const char *kind;     /* "parent", "bootstrap", "run", "copy", "add", "workdir", "apt", "wheel", "wheels" (a bucket), "include", "code" */
	struct str name;      /* of a wheel its name; of a parent its reference; else the environment's */
	enum image_layer_state state;
	struct digest digest; /* zero: not known yet (BUILD) */
	struct digest diff_id;
	uint64_t size;
	struct str media;
};

struct image_layers {
	struct image_layer *v; /* lowest first */
	size_t n;
	struct str from;       /* "HOST/REPOSITORY" that has them all, where the image came from there; else empty */
};

/* r: the result of a hit or made image; which layers this invocation made is known from the project. */
int image_layers(struct project *p, struct str environment, const struct result *r, struct arena *a, struct image_layers *out,
		 struct err *e);
/* For a plan: looks layers up without making anything. What is not known yet (requirements to be resolved) is left out. */
int image_layers_planned(struct project *p, const struct ir_environment *env, struct arena *a, struct image_layers *out, struct err *e);

/* Absolute folders of the unpacked layers for a sandbox, lowest first; fetches and unpacks what is missing. Any thread. */
int image_roots(struct project *p, const struct ir_environment *env, const struct result *r, struct arena *a, struct str **roots,
		size_t *n, struct err *e);
/* The image's config (Env, WorkingDir, User, Entrypoint as in the OCI specification): the "config" map, in the arena. Any thread. */
int image_config(struct project *p, const struct result *r, struct arena *a, const struct js **out, struct err *e);

/* to: "oci:FOLDER", "docker", "FILE.tar" (an archive in both forms), "oci-archive:FILE" or "docker-archive:FILE" (one form). Relative to the project
 * root. */
struct image_one {
	const struct ir_environment *env;
	const struct result *result;
};
/* v: the environment's own image, then those for other platforms (rules/platforms.h). */
int image_output(struct project *p, const struct image_one *v, size_t n, struct str to, struct err *e);
/* Push to PREFIX/PIPELINE, tag ENVIRONMENT; *ref: "PREFIX/PIPELINE@sha256:...". */
int image_push(struct project *p, const struct image_one *v, size_t n, struct str prefix, struct arena *a, struct str *ref, struct err *e);

/* What this invocation learnt about layers and registries, for the next commit (run_opts.records). Any thread. */
void image_records(struct project *p, struct batch *b);
void image_state_free(struct image_state *s); /* project_close calls it; NULL is fine */

#endif
