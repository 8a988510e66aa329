/* SPDX-License-Identifier: Apache-2.0
 *
 * pyclosure: what Python code an entry point reaches, by definitions.
 *
 * A module that is imported counts with every statement that may have an effect; its functions, classes and pure assignments count when a
 * name leads to them. What cannot be decided widens: a module that is used as a value, or reads its own names, counts whole; a computed import
 * takes every module of the package it names, or of the project. Sound before small.
 *
 * Work list of four kinds of items; those about a module whose facts are not read yet wait for the next round:
 *	IMPORT module    -> its effects are UNITs                     NAME module.a.b -> what a is bound to: UNIT, NAME, WIDEN
 *	UNIT module.unit -> its imports IMPORT, its references NAME    WIDEN module    -> every unit
 * closure_work does what can be done; the caller then lets pyfiles_read get facts for all closures at once, until nothing waits.
 */
#ifndef PAWL_RULES_PYCLOSURE_H
#define PAWL_RULES_PYCLOSURE_H

#include "rules/pyfiles.h"

#define CLOSURE_MAX_MODULES 20000

enum pymodule_kind { PYMOD_FILE, PYMOD_PACKAGE, PYMOD_NAMESPACE, PYMOD_EXTENSION };

/* What led to something: a unit of a module, or nothing (module UINT32_MAX). */
struct pycause {
	uint32_t module, unit;
};

struct pymodule {
	enum pymodule_kind kind;
	struct pyfile *file;    /* NULL: namespace */
	struct str folder;      /* where its relative imports and submodules begin */
	bool loaded, main, wide;
	bool *reached;          /* by unit; made when its facts are there */
	struct pycause *cause;  /* by unit: who named it first; module UINT32_MAX: the module's import, or its being wide */
	uint32_t *target;       /* by import of a name: the module that was asked for it, plus 1; 0: not executed */
	uint32_t from;          /* who imports it first, or UINT32_MAX */
	uint32_t line;
	const char *why_wide;   /* NULL: it is not */
};

struct pyreach {
	struct str name;   /* "src/x.py", or "src/x.py:zscore" */
	struct str hash;
	struct str file;   /* empty: a text of the command */
	uint32_t line;
	enum pyunit_kind kind; /* of a definition */
	bool there;        /* only whether the name is there counts */
	struct str from;   /* "steps/features.py:3", of the entry point, where the imports that lead to it begin; empty: it is one */
	struct str via;    /* the further ones, "a.py:3, b.py:7"; empty: from imports it itself */
};

struct search_add {
	struct str folder; /* relative to the root */
	bool front;
};

struct closure {
	struct pyfiles *files;
	struct arena *arena;
	struct str *search;     /* folders to search for absolute imports, in order */
	size_t nsearch;
	VEC(struct pymodule) modules;
	struct map by_path;
	VEC(struct closure_item) queue, waiting;
	struct pycause now;     /* of what is being done */
	struct map seen;        /* NAME items that were done */
	VEC(struct str) packages; /* top-level names that are neither ours nor the standard library's, each once */
	VEC(struct pyfile *) made; /* files of steps that it looked for, each once */
	bool docs, source, unpickles;
	bool wide_packages;     /* some package is wide */
	bool subclasses;        /* classes are found without their names: all of them count */
	bool points_read;
	bool points;            /* entry points of distributions are asked for */
	VEC(struct search_add) added; /* folders that code puts on sys.path, each once; to begin anew with */
	VEC(struct pyfile *) contents; /* files that count by content, each once */
	bool cut;               /* a limit was reached: contents of all modules count */
};

struct closure_item {
	enum { ITEM_IMPORT, ITEM_UNIT, ITEM_NAME, ITEM_WIDEN } kind;
	uint32_t module, unit;
	struct str chain;
	struct pycause by;
};

void closure_init(struct closure *c, struct pyfiles *files, struct arena *a);
void closure_done(struct closure *c);
/* Entry points. False: it is no first-party module (a package's then) or no file. */
bool closure_module(struct closure *c, struct str dotted);           /* python -m */
bool closure_file(struct closure *c, struct pyfile *x, bool whole);  /* python file.py; whole: all of it counts, not run as a program */
void closure_work(struct closure *c);
bool closure_waits(const struct closure *c);
/* Give what b reached to c as well: what a pickle made there may hold. */
void closure_add(struct closure *c, const struct closure *b);
/* What counts, sorted by name. */
void closure_result(struct closure *c, struct arena *a, struct pyreach **out, size_t *n);

/* The imports that lead to a module: the first, and the further ones; see struct pyreach. */
void closure_path(const struct closure *c, const struct pymodule *m, struct arena *a, struct str *from, struct str *via);

/* Inside: rules/pyfind.c */
uint32_t closure_find(struct closure *c, struct str dotted, uint32_t from, uint32_t line, bool *ours);
uint32_t closure_inside(struct closure *c, struct str folder, struct str dotted, uint32_t from, uint32_t line);
uint32_t closure_at(struct closure *c, struct pyfile *x, struct str folder, enum pymodule_kind kind);
void closure_import(struct closure *c, uint32_t m, uint32_t from, uint32_t line);
struct pyfile *closure_look(struct closure *c, struct str path);
/* Inside: rules/pyplace.c. An import of a place ("<", ">", "=", "!=", "!") was executed in m. */
void closure_place(struct closure *c, uint32_t m, const struct pyimport *i);
/* The entry points of distributions in the folders of the search path, once; true: there is work again. */
bool closure_points(struct closure *c);
void closure_target(struct closure *c, struct str target); /* "pkg.module:name", as entry points write it */
/* Inside: rules/pyclosure.c */
void closure_widen(struct closure *c, uint32_t m, const char *why);
void closure_content(struct closure *c, struct pyfile *x);
void closure_third_party(struct closure *c, struct str dotted); /* a package's module: its distribution counts */
void closure_follow(struct closure *c, uint32_t m, struct str chain);
void closure_package(struct closure *c, struct str folder, uint32_t from, uint32_t line);

#endif
