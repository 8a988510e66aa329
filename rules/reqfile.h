/* SPDX-License-Identifier: Apache-2.0
 *
 * reqfile: requirements files and requirement strings, read to a set: sorted, in normal form, each once, with its places.
 *
 * Grammar as pip has it: comments, continuations, -r and -c (relative to the file that has them), --hash, markers, extras, CRLF, byte
 * order mark. What is not supported yet (indexes, editable packages, URLs, local paths, variables) is a mistake at its place, as are
 * all others; they are collected, none ends the reading. Comments, order, case and white space do not change the set.
 */
#ifndef PAWL_RULES_REQFILE_H
#define PAWL_RULES_REQFILE_H

#include "base/diag.h"
#include "hashing/digest.h"
#include "rules/pep508.h"

#define REQFILE_LIMIT ((size_t)4 << 20) /* bytes of one file */
#define REQFILES_MAX 200                /* files of one set */
#define REQUIREMENTS_MAX 20000

struct requirement {
	struct pep508 r;
	struct str *hashes;   /* sha256 in hex, sorted; empty: any */
	size_t nhashes;
	struct str text;      /* normal form, marker and hashes included: what the set is sorted by */
	struct place at;      /* the first place that has it */
};

struct reqset {
	struct requirement *v;
	size_t n;
	struct requirement *constraints;
	size_t nconstraints;
	bool pre;             /* --pre */
	bool full;            /* a marker asks for more of Python's version than "3.11" */
	bool no_deps;         /* of a lock: nothing but what is in it */
	struct str *files;    /* what was read, clean, relative to the root, sorted */
	size_t nfiles;
};

/* How a file is read. Appends its text; a missing one is ERR_MISSING. */
struct reqfile_reader {
	int (*read)(void *ctx, struct str path, struct buf *out, struct err *e);
	void *ctx;
};

/* What to read: files by path, or requirements by themselves (file empty, at: where they are written). */
struct reqfile_source {
	struct str path;      /* a file; empty: text is one requirement */
	struct str text;
	bool constraint;
	struct place at;      /* where the file or the requirement is named */
};

/* 0: out is complete. -1 with ERR_INPUT: d has the mistakes; other codes: the world. */
int reqset_read(const struct reqfile_source *s, size_t n, const struct reqfile_reader *reader, struct arena *a, struct diags *d,
		struct reqset *out, struct err *e);

#endif
