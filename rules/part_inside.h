/* SPDX-License-Identifier: Apache-2.0
 *
 * part_inside: the stored form of rules/part.h. Private to rules/part.c and rules/part_put.c.
 */
#ifndef PAWL_RULES_PART_INSIDE_H
#define PAWL_RULES_PART_INSIDE_H

#include "rules/part.h"

#define PART_VERSION 1

enum part_kind {
	PART_OTHER = 0,
	PART_FILE = 1,
	PART_STEP = 2,  /* with files as outputs alone */
	PART_TREES = 3, /* a step with a folder among its outputs */
	PART_IMAGE = 4,
};

struct part_head {
	uint32_t version, nnodes, nedges, nouts, npaths, nsteps, nfiles, rest_n, steps_n, texts_n;
	uint64_t id;
};

struct part_node {
	uint32_t kind, step; /* index of the IR's step; others: UINT32_MAX */
	uint32_t name;       /* steps alone */
	uint32_t in, nin, out, nout;
	uint32_t outs, nouts; /* paths of a step's outputs */
};

struct part_path {
	uint32_t path, node;
};

struct part_step {
	uint32_t name, json, njson, first, n;
};

#endif
