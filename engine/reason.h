/* SPDX-License-Identifier: Apache-2.0
 *
 * reason: why a node is made. Codes are the contract's; texts are for people.
 */
#ifndef PAWL_ENGINE_REASON_H
#define PAWL_ENGINE_REASON_H

#include "base/str.h"

#define REASONS(X)                                                          \
	X(REASON_NONE, "", "")                                              \
	X(REASON_NEW, "new", "never made")                                  \
	X(REASON_CODE, "code", "its code changed")                          \
	X(REASON_PARAMS, "params", "a parameter that it binds changed")     \
	X(REASON_INPUT, "input", "an input changed")                        \
	X(REASON_COMMAND, "command", "its command or its outputs changed")  \
	X(REASON_ENVIRONMENT, "environment", "its environment changed")     \
	X(REASON_ENV_VAR, "env-var", "a variable that it declares changed") \
	X(REASON_TOOL, "tool", "a program or a package that it uses changed") \
	X(REASON_OBSERVED, "observed", "a file that it read without declaring it changed") \
	X(REASON_EXPIRED, "expired", "its result is too old, or it is never cached") \
	X(REASON_EVICTED, "evicted", "its result is no longer in the cache") \
	X(REASON_FORCED, "forced", "--force")                               \
	X(REASON_UPSTREAM, "upstream", "something that it needs is made first") \
	X(REASON_FAILED_BEFORE, "failed-before", "it failed the last time")

enum reason_code {
#define X(id, text, doc) id,
	REASONS(X)
#undef X
};

struct reason {
	enum reason_code code;
	struct str text; /* one line */
	struct str file; /* when a file is the reason: relative to the project root */
	uint32_t line;   /* 0: unknown */
};

const char *reason_name(enum reason_code c); /* "failed-before" */
const char *reason_text(enum reason_code c); /* "it failed the last time": when nobody knows more */

#endif
