/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "backends/orchestrator.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "sys/proc.h"

static struct js *
stack_js(const struct ir_stack *k, const struct ir_stack *chosen)
{
	struct js *o = js_set(js_map(), "name", js_text(k->name));
	js_set(o, "chosen", js_bool(k == chosen));
	js_set(o, "orchestrator", js_text(k->orchestrator));
	js_set(o, "builder", k->builder.n ? js_text(k->builder) : js_textz("native"));
	js_set(o, "registry", k->registry.n ? js_text(k->registry) : js_null());
	js_set(o, "store", k->store.n ? js_text(k->store) : js_null());
	return js_set(o, "remote", k->remote.n ? js_text(k->remote) : js_null());
}

static void
describe(const struct ir_stack *k, bool chosen, struct buf *b)
{
	const struct {
		const char *name;
		struct str value;
	} parts[] = { { "orchestrator", k->orchestrator }, { "builder", k->builder }, { "registry", k->registry },
		      { "store", k->store },               { "remote", k->remote } };
	buf_printf(b, STR_FMT "%s\n", STR_ARG(k->name), chosen ? "  (chosen)" : "");
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].value.n)
			buf_printf(b, "  %-13s " STR_FMT "\n", parts[i].name, STR_ARG(parts[i].value));
}

/* Is the program there that an image builder stands on? */
static size_t
check_builder(const struct ir_stack *k, struct buf *b)
{
	static const char *const programs[][2] = { { "buildah", "buildah" }, { "buildkit", "buildctl" }, { "kaniko", "kubectl" } };
	const char *path = getenv("PATH");
	struct arena a = { 0 };
	struct str found;
	size_t n = 0;
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		if (!str_is(k->builder, programs[i][0]) || proc_find(programs[i][1], path ? path : "", &a, &found))
			continue;
		buf_printf(b, STR_FMT ": the image builder '" STR_FMT "' needs the program '%s', which is not in PATH\n", STR_ARG(k->name), STR_ARG(k->builder),
			   programs[i][1]);
		n++;
	}
	arena_done(&a);
	return n;
}

/* What this version cannot do with a stack; the number of complaints. */
static size_t
check(const struct ir_stack *k, struct buf *b)
{
	size_t n = 0;
	if (!str_is(k->orchestrator, orchestrator_local.name)) {
		buf_printf(b, STR_FMT ": the orchestrator '" STR_FMT "' is not in this version; 'local' is\n", STR_ARG(k->name),
			   STR_ARG(k->orchestrator));
		n++;
	}
	n += check_builder(k, b);
	if (k->store.n || k->remote.n) {
		buf_printf(b, STR_FMT ": store and remote are not in this version; the cache of this machine is used\n",
			   STR_ARG(k->name));
		n++;
	}
	return n;
}

int
verb_stack(struct args *a, struct err *e)
{
	struct session s;
	struct words w = a->words;
	const char *what = w.n ? w.v[0] : "list";
	if ((strcmp(what, "list") && strcmp(what, "show") && strcmp(what, "check")) || w.n > 2)
		return err_set(e, ERR_INPUT, "usage: pawl stack list | show [NAME] | check [NAME]");
	if (w.n == 2)
		a->stack = w.v[1];
	session_init(&s, a);
	int status = session_open(&s, e);
	if (status == 0) {
		const struct ir *ir = &s.project->ir;
		struct js *list = js_list();
		size_t complaints = 0;
		AUTO_BUF b = { 0 };
		for (size_t i = 0; i < ir->nstacks; i++) {
			const struct ir_stack *k = &ir->stacks[i];
			if (what[0] != 'l' && k != s.project->stack)
				continue;
			js_push(list, stack_js(k, s.project->stack));
			if (what[0] == 'c')
				complaints += check(k, &b);
			else
				describe(k, k == s.project->stack, &b);
		}
		if (what[0] == 'c' && !complaints)
			buf_printf(&b, STR_FMT ": all of it is there\n", STR_ARG(s.project->stack->name));
		if (a->json)
			text_json(js_set(js_set(js_map(), "schema", js_int(1)), "stacks", js_copy(list)));
		else
			text_out(buf_str(&b));
		js_free(list);
		status = complaints ? 1 : 0;
	}
	session_done(&s);
	return status;
}
