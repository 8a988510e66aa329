/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_lex: a Dockerfile's text as logical lines: directives, comments, continuations, here-documents; each byte knows its place.
 *
 * As BuildKit reads it: `# syntax=`, `# escape=` and `# check=` count before anything else only; a line whose first character is '#' is a
 * comment, also between continued lines; an escape character at a line's end joins it with the next; empty lines between continued
 * lines are passed over. Instructions that take here-documents (RUN, COPY, ADD, also behind ONBUILD) have theirs cut off. Everything
 * lives in the arena, or is borrowed from the text.
 */
#ifndef PAWL_RULES_DOCKER_LEX_H
#define PAWL_RULES_DOCKER_LEX_H

#include "base/arena.h"
#include "base/diag.h"

#define DOCKERFILE_LIMIT ((size_t)2 << 20) /* bytes */
#define DOCKER_LINES_MAX 5000

struct docker_piece { /* from `at` of a logical line on its bytes come from `source` of the file */
	size_t at, source;
};

struct docker_heredoc {
	struct str name;    /* EOF */
	struct str content; /* tabs in front taken off where <<- says so */
	bool expand;        /* the word was not quoted */
	bool chomp;         /* <<- */
};

struct docker_line {
	struct str text;    /* logical: joined, white space off both ends */
	struct docker_piece *pieces;
	size_t npieces;
	struct docker_heredoc *heredocs;
	size_t nheredocs;
};

/* A mistake, kept until it is known whether its stage is needed. */
struct docker_mistake {
	struct place at;
	const char *code;    /* static */
	struct str message, hint;
	size_t line;         /* index of the logical line; SIZE_MAX: of the whole file */
};

struct docker_mistakes {
	struct docker_mistake *v;
	size_t n, cap;       /* in the arena */
};

struct docker_text {
	struct arena *a;
	struct str file;     /* relative to the project root; empty: it is no file (a trigger of a parent) */
	struct str text;
	char escape;         /* '\\' unless a directive says '`' */
	struct str syntax, check;
	struct docker_line *lines;
	size_t nlines;
	struct docker_mistakes mistakes;
};

/* Always gives something; what is wrong is in out->mistakes. */
void docker_lex(struct str file, struct str text, struct arena *a, struct docker_text *out);
/* The place of a part of a logical line; part must lie within line->text (or be empty at its end). */
struct place docker_place(const struct docker_text *t, const struct docker_line *line, struct str part);
void docker_mistake(struct docker_text *t, size_t line, struct place at, const char *code, struct str hint, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* "<<EOF", "<<-'EOF'", "3<<X": a here-document's word? out without content. */
bool docker_heredoc_word(struct str word, struct arena *a, struct docker_heredoc *out);

#endif
