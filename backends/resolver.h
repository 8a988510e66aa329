/* SPDX-License-Identifier: Apache-2.0
 *
 * resolver: from requirements to exact versions and their wheel files. A vtable per program: uv and pip, run as they are installed and
 * configured: indexes, credentials, proxies and certificates are the caller's own, none is named here.
 *
 * Functions block; call them on a thread of the pool. A stop flag ends the program that runs (ERR_INTERRUPTED).
 * What a program prints is not trusted: sizes, names and digests are checked.
 */
#ifndef PAWL_BACKENDS_RESOLVER_H
#define PAWL_BACKENDS_RESOLVER_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"
#include "hashing/digest.h"

struct resolver_question {
	const struct str *requirements; /* in normal form, without hashes */
	size_t nrequirements;
	const struct str *constraints;
	size_t nconstraints;
	const struct str *prefer;       /* "six==1.16.0": versions to keep where nothing speaks against them */
	size_t nprefer;
	const struct str *options;      /* lines such as "--find-links /srv/wheels"; may hold secrets, so they are told in a file only */
	size_t noptions;
	const struct str *from_source;  /* names, or ":all:": their wheels are not taken */
	size_t nfrom_source;
	bool pre, no_deps, offline;
	bool sources;                   /* some of them can only be built from source */
	bool wheels_only;               /* never fall back to sources */
	bool native;                    /* the target is the interpreter itself */
	struct str python;              /* "3.11" */
	struct str full;                /* "3.11.7": what packages that need more than "3.11" are measured by; empty: the first of its series */
	struct str machine;             /* "x86_64" */
	struct str glibc;               /* "2.36"; "musl ..." */
	const struct str *platforms;    /* wheel platform tags, best first */
	size_t nplatforms;
	struct str interpreter;         /* absolute path of a Python that uv may ask; empty: it looks for one. pip is the pip of python3 in PATH */
	const char *const *envp;        /* the caller's variables */
	int cwd;                        /* descriptor of the project root: configuration files are found from there */
	struct str scratch;             /* absolute, existing, private folder */
	atomic_bool *stop;              /* may be NULL */
};

struct resolver_file {
	struct str file;      /* "six-1.16.0-py2.py3-none-any.whl" */
	struct str url;       /* without user part; https, http or file */
	struct digest sha256; /* zero: the index did not say */
	uint64_t size;        /* 0: unknown */
};

/* What a wheel can be built from, where no wheel fits. */
enum resolver_source_kind { SOURCE_NONE, SOURCE_ARCHIVE, SOURCE_GIT };
struct resolver_source {
	enum resolver_source_kind kind;
	struct resolver_file file; /* an archive: its sha256 is there */
	struct str repository;     /* git: URL without user part */
	struct str commit;         /* git: 40 or 64 hex digits */
	struct str subdirectory;   /* may be empty */
};

struct resolver_package {
	struct str name, version; /* as the program gave them */
	struct resolver_file *v;  /* wheels */
	size_t n;
	struct resolver_source source;
};

struct resolver_answer {
	struct resolver_package *v;
	size_t n;
};

struct resolver {
	const char *name; /* "uv" */
	/* Can it be run with these variables? Looks at PATH only. */
	bool (*find)(const struct resolver_question *q, struct arena *a, struct str *program);
	/* ERR_INPUT: the requirements contradict each other or name what is not there; the text is the program's explanation.
	 * ERR_WORLD: no network, no index, the program is broken or missing. */
	int (*resolve)(const struct resolver_question *q, struct arena *a, struct resolver_answer *out, struct err *e);
};

extern const struct resolver resolver_uv, resolver_pip;

/* Wheel files by "name==version" and hash, into folder, by pip: for indexes that only it can talk to. lines: "six==1.16.0 --hash=sha256:...".
 * ERR_MISSING: there is no pip. */
int pip_download(const struct resolver_question *q, const struct str *lines, size_t nlines, struct str folder, struct arena *a, struct err *e);

#endif
