/* SPDX-License-Identifier: Apache-2.0
 *
 * image: the image of an environment: its layers in order, its config, where it goes.
 */
#ifndef PAWL_RULES_IMAGE_H
#define PAWL_RULES_IMAGE_H

#include "rules/rules.h"

struct image_state; /* of a project; made on first use */
void image_state_free(struct image_state *s); /* NULL is fine */

struct image_layer {
	struct str kind, name;  /* "parent", "bootstrap", "apt", "wheel", "include", "code"; "numpy" */
	bool hit;               /* it was there before this invocation */
	struct digest digest;   /* of the compressed blob; zero: not made yet */
	uint64_t size;
};

/* The layers of image node n, lowest first, as far as they are known. r: the image's result, NULL: not made. In the arena. */
size_t image_layers(struct project *p, node_id n, const struct result *r, struct arena *a, struct image_layer **out);

/* Write a made image to "oci:DIR", "docker" or "FILE.tar" (relative to cwd). */
int image_output(struct project *p, node_id n, const struct result *r, struct str where, struct err *e);
/* Push it to the stack's registry; its reference with digest. */
int image_push(struct project *p, node_id n, const struct result *r, struct arena *a, struct str *ref, struct err *e);

#endif
