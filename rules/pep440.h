/* SPDX-License-Identifier: Apache-2.0
 *
 * pep440: Python versions and version specifiers, exactly as PEP 440 and the `packaging` library have them.
 *
 * Numbers are kept as digits without leading zeros, so that no version is too large. A text longer than PEP440_MAX is no version.
 * All results live in the arena. Any thread.
 */
#ifndef PAWL_RULES_PEP440_H
#define PAWL_RULES_PEP440_H

#include "base/arena.h"

#define PEP440_MAX 400 /* bytes */

struct pep440 {
	struct str epoch;           /* "0" when there is none */
	struct str *release;
	size_t nrelease;
	char pre;                   /* 'a', 'b', 'r' (rc), 0: none */
	struct str pre_n;
	bool post, dev;
	struct str post_n, dev_n;
	struct str *local;          /* pieces in lower case */
	size_t nlocal;
};

bool pep440_parse(struct str text, struct arena *a, struct pep440 *out);
/* The normal form: "v1.0-Alpha.1" -> "1.0a1". Trailing zeros stay: "~=1.0" and "~=1.0.0" differ. */
struct str pep440_text(const struct pep440 *v, struct arena *a);
int pep440_cmp(const struct pep440 *a, const struct pep440 *b);

enum pep440_op { OP_EQ, OP_NE, OP_LE, OP_GE, OP_LT, OP_GT, OP_COMPATIBLE, OP_ARBITRARY };
const char *pep440_op_text(enum pep440_op op); /* "==" */

struct pep440_spec {
	enum pep440_op op;
	struct str text;       /* normalised version; with ".*" behind it when any */
	bool any;              /* ==1.0.*, !=1.0.* */
	struct pep440 version; /* not for OP_ARBITRARY */
};

/* One clause such as ">= 1.0" or "==1.*"; false: it is none. */
bool pep440_spec_parse(struct str text, struct arena *a, struct pep440_spec *out);
/* Does it hold for v? Pre-releases are versions like all others here. */
bool pep440_spec_holds(const struct pep440_spec *s, const struct pep440 *v, struct arena *scratch);

#endif
