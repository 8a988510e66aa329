/* SPDX-License-Identifier: Apache-2.0
 *
 * pyfacts: what a Python file consists of, as rules/pyfacts.py finds it: units (statements of the module), the names that they bind and
 * refer to, and the imports that they execute. One run of an interpreter for many files; its answers are checked, not trusted.
 */
#ifndef PAWL_RULES_PYFACTS_H
#define PAWL_RULES_PYFACTS_H

#include "base/js.h"
#include "base/map.h"
#include "hashing/digest.h"
#include "rules/project.h"

#define PYFACTS_VERSION 3            /* raised when rules/pyfacts.py answers otherwise */
#define PYFACTS_LIMIT (256u << 20)   /* bytes of all answers of one run */

struct pyimport {
	uint32_t level;       /* dots in front */
	struct str module;
	struct str name;      /* empty: `import m`; "*"; "?": computed below module; "!": module as a program. Of places (rules/pyfacts_places.py),
			       * module is a path: "<" and ">" on sys.path, "=" a file that is loaded, "!=" one that is run */
	uint32_t line;
	bool standard;        /* the standard library has a module of that name */
};

enum pyunit_kind { PY_DEF, PY_CLASS, PY_ASSIGN, PY_IMPORT, PY_EFFECT, PY_MAIN };

#define PY_READS_DOCS 1u
#define PY_READS_SOURCE 2u
#define PY_WIDE 4u        /* reads the names of its own module */
#define PY_EVALUATES 8u
#define PY_UNPICKLES 16u
#define PY_ALIAS 32u      /* an assignment of another name, its one reference */
#define PY_SUBCLASSES 64u /* asks a class for its subclasses */
#define PY_POINTS 128u    /* asks for entry points of distributions */

struct pyunit {
	enum pyunit_kind kind;
	struct str name;
	uint32_t line;
	struct str hash, full; /* without and with docstrings and annotations */
	bool always;
	unsigned flags;
	struct str *refs;
	size_t nrefs;
	uint32_t *imports;
	size_t nimports;
};

enum pybound_kind { PY_UNIT, PY_BOUND_IMPORT, PY_BOUND_ROOT }; /* ROOT: `import a.b` binds a */
struct pybound {
	enum pybound_kind kind;
	uint32_t n; /* of the unit or the import */
};

struct pybind {
	struct str name;
	struct pybound *v;
	size_t n;
};

struct pyfacts {
	struct digest digest; /* of the bytes that were read */
	bool missing;         /* could not be read */
	bool broken;          /* no Python: its content counts */
	uint32_t error_line;
	struct str error;
	struct str doc;
	enum { PY_ALL_NONE, PY_ALL_LIST, PY_ALL_COMPUTED } all;
	struct str *names;    /* of __all__ */
	size_t nnames;
	struct pyimport *imports;
	size_t nimports;
	struct pyunit *units;
	size_t nunits;
	struct pybind *binds;
	size_t nbinds;
	struct map by_name;   /* name -> binds; released with the arena */
};

/* One line of the answer. ERR_WORLD when it is not what it has to be. */
int pyfacts_parse(struct str json, struct arena *a, struct pyfacts *out, struct err *e);
const struct pybind *pyfacts_find(const struct pyfacts *f, struct str name); /* NULL: not bound */

struct pysource {
	struct str path; /* relative to the project root */
	struct str text; /* used when path is empty */
};

/* Ask python (absolute path) about n sources; lines[i] is the answer about v[i], in the arena. */
int pyfacts_ask(struct project *p, struct str python, const struct pysource *v, size_t n, struct arena *a, struct str *lines,
		struct err *e);

#endif
