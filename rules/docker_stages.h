/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_stages: a Dockerfile's stages, what each stands on and copies from, and which of them the target needs.
 *
 * The arguments before the first FROM are evaluated here, and with them the references in FROM; everything else that has variables waits
 * for the parent's config. A stage that is not needed is never looked at further: its mistakes are none. Triggers (ONBUILD) of a stage
 * come in front of the instructions of each stage that stands on it. Nothing here looks at the world. Everything lives in the arena.
 */
#ifndef PAWL_RULES_DOCKER_STAGES_H
#define PAWL_RULES_DOCKER_STAGES_H

#include "rules/docker_parse.h"
#include "rules/ir.h"

#define DOCKER_STAGES_MAX 500

struct docker_settings {
	struct str target;          /* name or number of a stage; empty: the last */
	struct ir_pairs args;       /* build arguments, sorted by name */
	struct ir_pairs contexts;   /* named contexts: only the names count here */
	struct str platform;        /* "linux/amd64": of the image */
	struct str build_platform;  /* of this machine */
};

/* Where files come from: COPY --from, RUN --mount=from. */
enum docker_origin_kind { DOCKER_CONTEXT, DOCKER_STAGE, DOCKER_NAMED, DOCKER_IMAGE };
struct docker_origin {
	enum docker_origin_kind kind;
	size_t stage;               /* DOCKER_STAGE: index */
	struct str name;            /* DOCKER_NAMED: of the context; DOCKER_IMAGE: reference */
};

struct docker_stage {
	struct str name;            /* in lower case; empty: none */
	size_t index;
	const struct docker_instruction *from;
	struct docker_origin base;  /* DOCKER_STAGE, DOCKER_NAMED, or DOCKER_IMAGE ("scratch" is one) */
	struct str platform;        /* of its FROM, else the image's */
	const struct docker_instruction **v; /* triggers of the base's, then its own */
	size_t n;
	bool needed;
};

struct docker_file {
	struct docker_text text;
	struct docker_settings settings;
	struct docker_instruction *instructions;
	size_t ninstructions;
	struct ir_pairs globals;    /* ARG before FROM, and what is always there (TARGETPLATFORM ...) */
	struct docker_stage *stages;
	size_t nstages;
	size_t target;
};

/* 0: out is complete, all stages that are needed are sound. -1: mistakes of what is needed are in d; e says so (ERR_INPUT). */
int docker_file_read(struct str file, struct str text, const struct docker_settings *s, struct arena *a, struct diags *d,
		     struct docker_file *out, struct err *e);
/* What `--from=NAME` in that stage means. at: for mistakes. */
struct docker_origin docker_origin_of(const struct docker_file *f, size_t stage, struct str name);
/* "linux", "amd64", "v8" of TARGETPLATFORM and its like; false: it has no such name. */
bool docker_platform_arg(const struct docker_settings *s, struct str name, struct arena *a, struct str *value);
/* A value by name of a sorted list. */
bool docker_pair_get(const struct ir_pairs *p, struct str name, struct str *value);

#endif
