/* SPDX-License-Identifier: Apache-2.0
 *
 * words: the simple commands of a shell text, each with its words, without running anything.
 *
 * Careful and conservative: quotes, escapes, comments, operators, redirections, here-documents, assignments in front, reserved words, and
 * the texts of $(...) and `...` (which are scanned as texts of their own) are understood; what a word becomes only at run time makes
 * it not literal. Never fails: what is not understood gives fewer literal words. The byte WORDS_HOLE stands for a piece that is not
 * known (an input's path). Everything lives in the arena, texts that needed no change point into the source.
 */
#ifndef PAWL_RULES_WORDS_H
#define PAWL_RULES_WORDS_H

#include "base/arena.h"
#include "base/str.h"

#define WORDS_HOLE '\001'
#define WORDS_MAX_COMMANDS 20000
#define WORDS_MAX_TEXTS 2000 /* nested $(...) and `...` */

struct word {
	struct str text; /* quotes removed */
	bool literal;    /* the command gets exactly this text */
	bool quoted;     /* some of it was quoted: no reserved word */
	bool written;    /* of a redirection: > and >>, not < */
};

struct command {
	struct word *v; /* program and arguments; assignments in front and redirections are not here */
	size_t n;
	struct word *set; /* "NAME=value" in front of it */
	size_t nset;
	struct word *redirect; /* targets of < > >> */
	size_t nredirect;
	struct str heredoc; /* body of a here-document on its standard input */
	bool has_heredoc;
};

struct commands {
	struct command *v;
	size_t n;
	bool cut; /* a limit was reached: more than this is in the text */
};

void words_scan(struct str text, struct arena *a, struct commands *out);
/* A list that is executed directly: one command. */
void words_list(const struct str *v, size_t n, struct arena *a, struct commands *out);

#endif
