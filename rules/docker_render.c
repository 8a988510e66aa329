/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/docker_engine.h"

struct rendering {
	const struct docker_env *d;
	docker_render_name name;
	void *ctx;
	struct arena *a;
	struct buf *out;
};

/* Every stage has a name: numbers would be others without those that are not needed. */
static struct str
stage_name(const struct docker_stage *s, struct arena *a)
{
	return s->name.n > 0 ? s->name : arena_printf(a, "pawl-stage-%zu", s->index);
}

static struct str
origin_name(struct rendering *r, const struct docker_stage *s, const struct docker_instruction *in, struct str written)
{
	const struct docker_origin o = docker_origin_of(&r->d->file, s->index, written);
	return o.kind == DOCKER_STAGE ? stage_name(&r->d->file.stages[o.stage], r->a) : r->name(r->ctx, in, written);
}

/* source with the first `old` behind the first `before` replaced. */
static struct str
replaced(struct str source, struct str before, struct str old, struct str new, struct arena *a)
{
	const size_t at = str_find(source, before);
	if (at == SIZE_MAX)
		return source;
	const struct str rest = str_drop(source, at + before.n);
	const size_t k = str_find(rest, old);
	if (k == SIZE_MAX)
		return source;
	return arena_printf(a, STR_FMT STR_FMT STR_FMT STR_FMT, STR_ARG(str_take(source, at + before.n)), STR_ARG(str_take(rest, k)), STR_ARG(new),
			    STR_ARG(str_drop(rest, k + old.n)));
}

static struct str
with_origins(struct rendering *r, const struct docker_stage *s, const struct docker_instruction *in)
{
	const struct docker_flag *from = docker_flag(in, "from");
	struct str text = in->source;
	if (from)
		text = replaced(text, STR("--from="), from->value.text, origin_name(r, s, in, from->value.text), r->a);
	for (size_t i = 0; i < in->nmounts; i++) {
		const struct docker_mount *m = &in->mounts[i];
		if (m->from.n > 0)
			text = replaced(text, STR("--mount="), arena_printf(r->a, "from=" STR_FMT, STR_ARG(m->from)),
					arena_printf(r->a, "from=" STR_FMT, STR_ARG(origin_name(r, s, in, m->from))), r->a);
	}
	return text;
}

static void
put_instruction(struct rendering *r, const struct docker_stage *s, const struct docker_instruction *in)
{
	buf_put(r->out, with_origins(r, s, in));
	buf_putc(r->out, '\n');
	for (size_t i = 0; i < in->nheredocs; i++) {
		const struct docker_heredoc *h = &in->heredocs[i];
		buf_put(r->out, h->content);
		if (h->content.n > 0 && h->content.p[h->content.n - 1] != '\n')
			buf_putc(r->out, '\n');
		buf_put(r->out, h->name);
		buf_putc(r->out, '\n');
	}
}

static void
put_stage(struct rendering *r, const struct docker_stage *s)
{
	const struct docker_file *f = &r->d->file;
	const struct str base = s->base.kind == DOCKER_STAGE ? stage_name(&f->stages[s->base.stage], r->a) : r->name(r->ctx, s->from, s->base.name);
	buf_puts(r->out, "FROM ");
	if (!str_eq(s->platform, f->settings.platform))
		buf_printf(r->out, "--platform=" STR_FMT " ", STR_ARG(s->platform));
	buf_printf(r->out, STR_FMT " AS " STR_FMT "\n", STR_ARG(base), STR_ARG(stage_name(s, r->a)));
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i]->line > s->from->line) /* the builder runs triggers of other stages itself */
			put_instruction(r, s, s->v[i]);
	}
}

void
docker_render(const struct docker_env *d, docker_render_name name, void *ctx, struct arena *a, struct buf *out)
{
	struct rendering r = { .d = d, .name = name, .ctx = ctx, .a = a, .out = out };
	const struct docker_file *f = &d->file;
	if (f->text.syntax.n > 0)
		buf_printf(out, "# syntax=" STR_FMT "\n", STR_ARG(f->text.syntax));
	if (f->text.escape != '\\')
		buf_printf(out, "# escape=%c\n", f->text.escape);
	for (size_t i = 0; i < f->ninstructions && f->instructions[i].kind != DOCKER_FROM; i++) {
		if (f->instructions[i].kind == DOCKER_ARG)
			put_instruction(&r, &f->stages[0], &f->instructions[i]);
	}
	for (size_t i = 0; i < f->nstages; i++) {
		if (f->stages[i].needed)
			put_stage(&r, &f->stages[i]);
	}
}
