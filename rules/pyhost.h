/* SPDX-License-Identifier: Apache-2.0
 *
 * pyhost: a Python interpreter of the caller, by the name that a command uses, and the distributions that are installed for it.
 *
 * Each is asked once; the answers are kept in the cache by the content of the program (and of what a shim of pyenv or asdf looks at), and
 * by the signatures of its package folders, so that mostly no Python starts. Everything that was looked at is reported as a leaf.
 * Loop thread.
 */
#ifndef PAWL_RULES_PYHOST_H
#define PAWL_RULES_PYHOST_H

#include "hashing/key.h"
#include "rules/project.h"

struct pydist {
	struct str name, version; /* normalised */
	struct str folder;        /* absolute: its .dist-info or .egg-info */
	struct str *requires, *top, *scripts;
	struct str *points;       /* "pkg.module:name" of its other entry points */
	size_t nrequires, ntop, nscripts, npoints;
	bool known;               /* record is computed */
	struct digest record;     /* of what is installed, without places */
};

struct pyhost {
	struct str program;    /* "python3" */
	struct str path;       /* where it was found */
	struct str executable; /* the real one, to be started directly */
	struct str version, series, implementation;
	struct digest content; /* of the real program */
	struct str *suffixes;  /* of extension modules */
	size_t nsuffixes;
	struct str *folders;   /* of packages */
	size_t nfolders;
	/* by pyhost_packages */
	bool asked;
	struct str *paths;     /* search path without the standard library */
	size_t npaths;
	struct pydist *dists;
	size_t ndists;
	struct pyhost *next;
};

/* ERR_MISSING: there is none; ERR_WORLD: it is none that can be asked. Both are remembered. Borrowed from the project. */
int pyhost_find(struct project *p, struct str program, struct pyhost **out, struct err *e);
int pyhost_packages(struct project *p, struct pyhost *h, struct err *e);

/* Add to k, as fields (tag "package", name, version and digest), the distributions that have the top-level module, and those that they
 * require, and so on. A module that no distribution has is a field "none". Each distribution once: seen is indexed like dists. */
int pyhost_fields(struct project *p, struct pyhost *h, struct str module, bool *seen, struct key *k, struct err *e);
/* The one whose console script this is; NULL: none. */
struct pydist *pyhost_script(struct pyhost *h, struct str name);
int pyhost_dist_fields(struct project *p, struct pyhost *h, struct pydist *d, bool *seen, struct key *k, struct err *e);

#endif
