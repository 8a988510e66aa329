/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/reason.h"

#include <assert.h>

static const char *const names[] = {
#define X(id, text, doc) text,
	REASONS(X)
#undef X
};
static const char *const docs[] = {
#define X(id, text, doc) doc,
	REASONS(X)
#undef X
};

const char *
reason_name(enum reason_code c)
{
	assert((size_t)c < sizeof names / sizeof *names);
	return names[c];
}

const char *
reason_text(enum reason_code c)
{
	assert((size_t)c < sizeof docs / sizeof *docs);
	return docs[c];
}
