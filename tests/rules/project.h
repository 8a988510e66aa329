/* SPDX-License-Identifier: Apache-2.0
 *
 * project: a scratch folder with a pawl.yaml, loaded. Everything is released by loaded_done.
 */
#ifndef PAWL_TESTS_RULES_PROJECT_H
#define PAWL_TESTS_RULES_PROJECT_H

#include "rules/load.h"
#include "tests/scratch.h"

struct loaded {
	struct arena arena;
	struct diags diags;
	struct ir ir;
	struct err e;
	int rc;
};

static inline void
loaded_done(struct loaded *l)
{
	diags_done(&l->diags);
	arena_done(&l->arena);
}

#define AUTO_LOADED __attribute__((cleanup(loaded_done))) struct loaded

static inline void
load_text(const struct scratch *s, struct str text, const struct ir_pair *params, size_t nparams,
	  struct loaded *out)
{
	const struct load_opts o = {
		.root = s->fd, .file = STR("pawl.yaml"), .params = params, .nparams = nparams
	};
	struct err e;

	*out = (struct loaded){ 0 };
	assert_ok(file_replace(s->fd, "pawl.yaml", text, 0644, false, &e), &e);
	out->rc = load(&o, &out->arena, &out->diags, &out->ir, &out->e);
}

/* Prints what was said, for a failure. */
static inline void
loaded_print(const struct loaded *l)
{
	AUTO_BUF b = { 0 };

	diags_print(&l->diags, false, &b);
	for (size_t i = 0; i < l->diags.n; i++)
		buf_printf(&b, "[%u:%u " STR_FMT "]\n", l->diags.v[i].at.line, l->diags.v[i].at.column,
			   STR_ARG(l->diags.v[i].code));
	if (l->rc < 0)
		buf_printf(&b, "%s: %s\n", err_name(l->e.code), l->e.text);
	print_message("%s", buf_z(&b));
}

#define assert_loads(l)                                                                                      \
	do {                                                                                                 \
		if ((l)->rc < 0)                                                                             \
			loaded_print(l);                                                                     \
		assert_int_equal((l)->rc, 0);                                                                \
	} while (0)

#endif
