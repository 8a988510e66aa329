/* SPDX-License-Identifier: Apache-2.0
 *
 * reqfile: requirements files and requirement strings, read to a set: sorted, in normal form, each once, with its places.
 *
 * Grammar as pip has it: comments, continuations, ${VARIABLE}, -r and -c (relative to the file that has them), -e, --hash, markers, extras, URLs,
 * paths, version control, indexes (by URL, or by an alias that has no "://"), --find-links, --no-binary, --only-binary, --pre, CRLF, byte order mark.
 * What it cannot mean here is a mistake at its place; mistakes are collected, none ends the reading. Comments, order, case and white space
 * do not change the set.
 */
#ifndef PAWL_RULES_REQFILE_H
#define PAWL_RULES_REQFILE_H

#include "base/diag.h"
#include "hashing/digest.h"
#include "rules/pep508.h"
#include "rules/reqline.h"
#include "rules/reqref.h"

#define REQFILE_LIMIT ((size_t)4 << 20) /* bytes of one file */
#define REQFILES_MAX 200                /* files of one set */
#define REQUIREMENTS_MAX 20000

struct requirement {
	struct pep508 r;
	struct str *hashes;   /* sha256 in hex, sorted; empty: any */
	size_t nhashes;
	struct reqref ref;    /* "name @ WHERE"; its path is relative to the root, or absolute; the name may be empty until somebody looked */
	uint64_t size;        /* of a local file */
	struct str text;      /* normal form, marker and hashes included, no secrets: what the set is sorted by */
	struct place at;      /* the first place that has it */
};

/* A local package: "-e ../lib", "./lib". Code, not a wheel. */
struct reqset_folder {
	struct str path;      /* clean, relative to the root, or absolute */
	struct str *extras;
	size_t nextras;
	struct str marker;    /* normal form; may be empty */
	struct place at;
};

struct reqset {
	struct requirement *v;
	size_t n;
	struct requirement *constraints;
	size_t nconstraints;
	bool pre;             /* --pre */
	bool full;            /* a marker asks for more of Python's version than "3.11" */
	bool no_deps;         /* of a lock: nothing but what is in it */
	struct reqset_folder *folders; /* in the order of the files */
	size_t nfolders;
	/* Where packages are: options in the order of the files, as a tool reads them, and the same without secrets and places of this machine */
	struct str *options, *plain;
	size_t noptions;
	struct str *from_source; /* --no-binary: names, sorted; ":all:" alone */
	size_t nfrom_source;
	bool wheels_only;     /* --only-binary :all: */
	struct str *files;    /* what was read, clean, relative to the root, sorted */
	size_t nfiles;
};

/* How a file is read. Appends its text; a missing one is ERR_MISSING. */
struct reqfile_reader {
	int (*read)(void *ctx, struct str path, struct buf *out, struct err *e);
	reqline_variable *variable;                        /* NULL: none is set */
	/* The URL that an alias of an index means, NULL: it is not known. May be NULL. */
	const char *(*index)(void *ctx, struct str alias);
	bool (*there)(void *ctx, struct str path);         /* is a file or folder there? NULL: nothing is */
	struct str root;                                   /* absolute path of the root, for tools */
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
