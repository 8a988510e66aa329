/* SPDX-License-Identifier: Apache-2.0
 *
 * observed_ask: the answers of rules/observed.h, as the world gives them now. Inside of rules/observed*.c. Any thread.
 */
#ifndef PAWL_RULES_OBSERVED_ASK_H
#define PAWL_RULES_OBSERVED_ASK_H

#include "rules/observed.h"

#define ASK_FILE "file "
#define ASK_THERE "there "
#define ASK_NAMES "names "
#define ASK_LINK "link "

struct str ask_file(struct project *p, struct str path, bool report, struct arena *a);
struct str ask_there(struct project *p, struct str path, bool report, struct arena *a);
struct str ask_names(struct project *p, const struct step *s, struct str path, bool report, struct arena *a);
struct str ask_link(struct project *p, struct str path, bool report, struct arena *a);

/* Is the path one of the step's outputs, or in one? */
bool ask_is_output(const struct step *s, struct str path);
/* A name that never counts: .git, __pycache__. */
bool ask_hidden(struct str name);

#endif
