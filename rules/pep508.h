/* SPDX-License-Identifier: Apache-2.0
 *
 * pep508: a Python requirement (PEP 508) and its normal form: two requirements that mean the same give the same text.
 *
 *	Foo_Bar [b, A] >= 1.0, <2 ; python_version<'3.12'   ->   foo-bar[a,b]<2,>=1.0 ; python_version < "3.12"
 * Names as PEP 503 has them, extras and clauses sorted, versions as PEP 440, the operands of `and` and of `or` sorted. Markers are evaluated for
 * a target, never for the machine that runs this. All results live in the arena. Any thread.
 */
#ifndef PAWL_RULES_PEP508_H
#define PAWL_RULES_PEP508_H

#include "base/err.h"
#include "rules/pep440.h"

#define PEP508_MAX 8192 /* bytes of one requirement */

struct pep508 {
	struct str name;            /* normalised */
	struct str *extras;         /* normalised, sorted, each once */
	size_t nextras;
	struct pep440_spec *specs;  /* sorted by text, each once */
	size_t nspecs;
	struct str url;             /* "name @ URL": as written; empty: none */
	struct str marker;          /* normal form; empty: none */
};

/* The values of marker variables. */
struct marker_env {
	struct str python_version, python_full_version;         /* "3.11", "3.11.7" */
	struct str platform_machine;                            /* "x86_64" */
	struct str os_name, sys_platform, platform_system;      /* "posix", "linux", "Linux" */
	struct str implementation_name, platform_python_implementation, implementation_version;
	struct str platform_release, platform_version, extra;
	/* Of lock files (PEP 751): 'x' in extras, 'x' in dependency_groups. `extra` then equals each of extras. Normalised. */
	const struct str *extras, *groups;
	size_t nextras, ngroups;
};

/* PEP 503: lower case, runs of - _ . become one '-'. False: no name. */
bool pep503_name(struct str text, struct arena *a, struct str *out);

/* ERR_INPUT says what was expected; *at: the offset in text where. */
int pep508_parse(struct str text, struct arena *a, struct pep508 *out, size_t *at, struct err *e);
struct str pep508_text(const struct pep508 *r, bool with_marker, struct arena *a);

/* A marker alone. norm may be NULL. value: what it is for env; both may be NULL. */
int marker_parse(struct str text, const struct marker_env *env, struct arena *a, struct str *norm, bool *value, size_t *at,
		 struct err *e);

#endif
