/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_expand: variables, quotes and escapes in the words of a Dockerfile, as BuildKit reads them.
 *
 *	$NAME ${NAME} ${NAME:-word} ${NAME-word} ${NAME:+word} ${NAME+word} ${NAME:?word} ${NAME?word}
 *	${NAME#pattern} ${NAME##pattern} ${NAME%pattern} ${NAME%%pattern} ${NAME/pattern/text} ${NAME//pattern/text}
 *
 * '...' is literal, "..." expands; the escape character takes the meaning off the next one. Values never expand again. Patterns know
 * * ? and \. Nothing here looks at the world. Any thread.
 */
#ifndef PAWL_RULES_DOCKER_EXPAND_H
#define PAWL_RULES_DOCKER_EXPAND_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define DOCKER_EXPAND_DEPTH 64            /* ${a:-${b:-...}} */
#define DOCKER_EXPAND_LIMIT ((size_t)1 << 20) /* bytes of a result */

struct docker_expand {
	char escape;       /* '\\' or '`' */
	bool skip_quotes;  /* quotes are characters like others (here-documents) */
	bool raw_quotes;   /* quotes stay in the result, what they enclose is still read as quoted */
	bool raw_escapes;  /* escapes stay in the result */
	bool keep_unset;   /* $NAME stays as it is when nobody set it */
	bool (*get)(void *ctx, struct str name, struct str *value); /* false: not set; NULL: nothing is */
	void *ctx;
};

/* ERR_INPUT: the word is broken, or ${NAME:?...} is not set; *wrong is then the offset in it. */
int docker_expand(const struct docker_expand *x, struct str word, struct arena *a, struct str *out, size_t *wrong, struct err *e);
/* The same, and split at white space that is neither quoted nor escaped, also at such of a value. */
int docker_expand_words(const struct docker_expand *x, struct str text, struct arena *a, struct str **out, size_t *n, size_t *wrong,
			struct err *e);

/* The part of value that is left without its shortest or longest prefix (suffix) that matches. */
int docker_trim(struct str value, struct str pattern, bool suffix, bool longest, struct arena *a, struct str *out, struct err *e);
int docker_replace(struct str value, struct str pattern, struct str with, bool all, struct arena *a, struct str *out, struct err *e);

#endif
