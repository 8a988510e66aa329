/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/builder_program.h"

#include "sys/file.h"

int
builder_program_begin(struct builder_program *x, const struct builder_build *j, struct blobs *b, struct arena *a, struct err *e)
{
	*x = (struct builder_program){ .job = j, .blobs = b, .arena = a };
	if (builder_scratch(j, a, &x->scratch, e) < 0)
		return -1;
	builder_masks(j, a, &x->masks);
	return 0;
}

void
builder_program_end(struct builder_program *x)
{
	if (x->scratch.n > 0)
		(void)file_remove_tree(AT_FDCWD, arena_z(x->arena, x->scratch), NULL);
	masks_done(&x->masks);
	VEC_DONE(&x->argv);
}

char *
builder_program_path(const struct builder_program *x, const char *name)
{
	return arena_z(x->arena, arena_printf(x->arena, STR_FMT "/%s", STR_ARG(x->scratch), name));
}

void
builder_program_arg(struct builder_program *x, const char *text)
{
	VEC_PUSH(&x->argv, text);
}

void
builder_program_pair(struct builder_program *x, const char *name, struct str value)
{
	builder_program_arg(x, name);
	builder_program_arg(x, arena_z(x->arena, value));
}

static const char *
missing(const char *program)
{
	return str_is(str_z(program), "kubectl") ? "install kubectl" : "install it, or take another builder in the stack ('native' needs none)";
}

int
builder_program_run(struct builder_program *x, struct str input, struct program_end *end, struct err *e)
{
	VEC_PUSH(&x->argv, NULL);
	const struct program p = { .argv = x->argv.v, .envp = x->job->environ_, .input = input, .masks = &x->masks, .line = x->job->line, .ctx = x->job->ctx,
				   .stop = x->job->stop };
	const char *program = x->argv.v[0];
	struct err why = { 0 };
	const int bad = program_run(&p, x->arena, end, &why);
	x->argv.n = 0;
	if (bad < 0 && why.code == ERR_MISSING)
		return err_set(e, ERR_WORLD, "the image builder needs the program '%s', which is not in PATH: %s", program, missing(program));
	return bad < 0 ? err_set(e, why.code, "%s", why.text) : 0;
}

int
builder_program_must(struct builder_program *x, const char *what, struct err *e)
{
	struct program_end end;
	const char *program = x->argv.v[0];
	if (builder_program_run(x, (struct str){ 0 }, &end, e) < 0)
		return -1;
	if (end.status != 0)
		return err_set(e, ERR_FAILED, "%s could not %s (exit %d)%s", program, what, end.status, arena_z(x->arena, end.tail));
	return 0;
}

int
builder_program_files(struct builder_program *x, struct err *e)
{
	const char *dockerfile = builder_program_path(x, "Dockerfile");
	if (file_replace(AT_FDCWD, dockerfile, x->job->dockerfile, 0600, false, e) < 0)
		return -1;
	return builder_unpack_context(x->blobs, &x->job->context, builder_program_path(x, "context"), e);
}

int
builder_program_secret(struct builder_program *x, size_t i, struct str *path, struct err *e)
{
	*path = arena_printf(x->arena, STR_FMT "/secret-%zu", STR_ARG(x->scratch), i);
	return file_replace(AT_FDCWD, path->p, x->job->secrets[i].value, 0600, false, e);
}

int
builder_program_parent(struct builder_program *x, size_t i, struct str *folder, struct err *e)
{
	struct layout_image image = x->job->parents[i].image;
	image.name = STR("parent");
	*folder = arena_printf(x->arena, STR_FMT "/parent-%zu", STR_ARG(x->scratch), i);
	return layout_write(AT_FDCWD, folder->p, x->blobs, &image, e);
}
