/* SPDX-License-Identifier: Apache-2.0
 *
 * tool_state: what rules/tool.c and rules/pyhost.c share: finding programs and knowing their contents, with everything reported as a leaf.
 */
#ifndef PAWL_RULES_TOOL_STATE_H
#define PAWL_RULES_TOOL_STATE_H

#include "base/vec.h"
#include "rules/pyhost.h"
#include "rules/snapshot.h"
#include "rules/tool.h"

/* What a search for a program met on its way, to see quickly that nothing of it has changed. */
struct tool_met {
	struct str path;
	bool missing;
	struct stat_sig sig; /* links not followed */
};
struct tool_trail {
	VEC(struct tool_met) v;
	int64_t at; /* clock_real before the first */
};

struct tool_state {
	struct tool_trail *trail; /* being made; NULL: none */
	struct pyhost *hosts; /* in the project's arena */
	bool path_reported;
};
struct tool_state *tool_state(struct project *p);

const char *tool_variable(struct project *p, const char *name); /* the caller's; reported; NULL: not set */
/* Where the caller's PATH finds a program; one with '/' is taken as it is (relative to the project). In the project's arena. */
bool tool_path(struct project *p, struct str program, struct str *path);
/* Content of a file outside the project (links followed). is_script (may be NULL): it begins with "#!". A missing one is reported, too. */
int tool_content(struct project *p, struct str path, struct digest *out, bool *is_script, struct err *e);

#endif
