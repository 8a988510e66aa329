/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_glob: the three sorts of patterns that Dockerfiles and what belongs to them have.
 *
 *	SHELL    ${NAME#pattern}: * and ? match all but a line feed; \ takes the meaning off * ? \ (and is eaten before } and /)
 *	FILE     sources of COPY and ADD, as Go's filepath.Match: * and ? do not match '/'; [a-z] [^a-z]; \ takes the meaning off the next
 *	IGNORE   .dockerignore and --exclude: as FILE, and ** matches any number of folders, none included
 *
 * Matching walks the text once with all places of the pattern at a time: the cost is at most the product of both lengths. '?' and classes
 * take one code point. A pattern lives in its arena. Any thread.
 */
#ifndef PAWL_RULES_DOCKER_GLOB_H
#define PAWL_RULES_DOCKER_GLOB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum docker_glob_mode { DOCKER_GLOB_SHELL, DOCKER_GLOB_FILE, DOCKER_GLOB_IGNORE };

#define DOCKER_GLOB_MAX 4096 /* bytes of a pattern */

struct docker_glob_token;

struct docker_glob {
	struct docker_glob_token *v;
	size_t n;
	uint32_t barrier; /* what * and ? do not match: '/' or a line feed */
};

/* ERR_INPUT: a class that is not closed, an escape at the end, a pattern that is too long. */
int docker_glob_compile(enum docker_glob_mode mode, struct str pattern, struct arena *a, struct docker_glob *out, struct err *e);
bool docker_glob_match(const struct docker_glob *g, struct str text); /* the whole of it */
/* The same pattern for texts that are read backwards. */
void docker_glob_reverse(struct docker_glob *g);
/* Has it one of * ? [ that is not escaped? */
bool docker_glob_magic(struct str pattern);

/* A text as code points: what is no UTF-8 counts byte by byte. offset[n] is the length. */
struct docker_points {
	uint32_t *v;
	size_t *offset;
	size_t n;
};
struct docker_points docker_points_of(struct str text, struct arena *a);
/* Where matches that begin at `from` end; false: there is none. work counts steps up to a limit, past which there is none either. */
bool docker_glob_ends(const struct docker_glob *g, const struct docker_points *p, size_t from, uint64_t *work, size_t *first, size_t *last);
#define DOCKER_GLOB_WORK ((uint64_t)200000000)

#endif
