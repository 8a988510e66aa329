/* SPDX-License-Identifier: Apache-2.0
 *
 *	instructions -> stages [split] -> global arguments, references [globals, bases] -> what the target needs [needs] -> mistakes [report]
 */
#include "rules/docker_stages.h"

#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/vec.h"
#include "rules/docker_expand.h"

static const struct str NOTHING;

/* ---- arguments ---- */

bool
docker_pair_get(const struct ir_pairs *p, struct str name, struct str *value)
{
	for (size_t i = p->n; i-- > 0;) {
		if (str_eq(p->v[i].name, name)) {
			*value = p->v[i].value;
			return true;
		}
	}
	return false;
}

bool
docker_platform_arg(const struct docker_settings *s, struct str name, struct arena *a, struct str *value)
{
	struct str rest = name, platform;
	if (str_starts(name, STR("TARGET"))) {
		platform = s->platform;
		rest = str_drop(name, 6);
	} else if (str_starts(name, STR("BUILD"))) {
		platform = s->build_platform;
		rest = str_drop(name, 5);
	} else {
		return false;
	}
	const struct str_cut os = str_cut(platform, '/'), arch = str_cut(os.tail, '/');
	if (str_is(rest, "PLATFORM"))
		*value = platform;
	else if (str_is(rest, "OS"))
		*value = os.head;
	else if (str_is(rest, "ARCH"))
		*value = arch.head;
	else if (str_is(rest, "VARIANT"))
		*value = arch.tail;
	else if (str_is(name, "TARGETSTAGE"))
		*value = s->target.n > 0 ? s->target : STR("default");
	else
		return false;
	*value = arena_str(a, *value);
	return true;
}

struct scope {
	struct docker_file *f;
	struct arena *a;
};

static bool
get_global(void *ctx, struct str name, struct str *value)
{
	const struct scope *s = ctx;
	return docker_pair_get(&s->f->globals, name, value) || docker_platform_arg(&s->f->settings, name, s->a, value);
}

static int
expand_global(struct docker_file *f, const struct docker_word *w, size_t line, struct str *out)
{
	struct scope s = { f, f->text.a };
	const struct docker_expand x = { .escape = f->text.escape, .get = get_global, .ctx = &s };
	struct err e = { 0 };
	if (docker_expand(&x, w->text, f->text.a, out, NULL, &e) == 0)
		return 0;
	docker_mistake(&f->text, line, w->at, "bad-substitution", NOTHING, "%s", e.text);
	return -1;
}

static void
global_args(struct docker_file *f, const struct docker_instruction *in)
{
	for (size_t i = 0; i < in->npairs; i++) {
		struct ir_pair p = { 0 };
		if (expand_global(f, &in->pairs[i].name, in->line, &p.name) < 0)
			return;
		if (!docker_pair_get(&f->settings.args, p.name, &p.value)) {
			if (!in->pairs[i].has_value || expand_global(f, &in->pairs[i].value, in->line, &p.value) < 0)
				continue;
		}
		f->globals.v[f->globals.n++] = p;
	}
}

/* ---- stages ---- */

static struct str
lower(struct str s, struct arena *a)
{
	char *z = arena_z(a, s);
	for (size_t i = 0; i < s.n; i++) {
		if (z[i] >= 'A' && z[i] <= 'Z')
			z[i] = (char)(z[i] - 'A' + 'a');
	}
	return (struct str){ z, s.n };
}

static bool
same_name(struct str a, struct str lowered)
{
	if (a.n != lowered.n || a.n == 0)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		const char c = a.p[i] >= 'A' && a.p[i] <= 'Z' ? (char)(a.p[i] - 'A' + 'a') : a.p[i];
		if (c != lowered.p[i])
			return false;
	}
	return true;
}

static void
split(struct docker_file *f)
{
	struct docker_stage *stage = NULL;
	size_t nargs = 1;
	for (size_t i = 0; i < f->ninstructions; i++) {
		f->nstages += f->instructions[i].named == DOCKER_FROM;
		nargs += f->instructions[i].npairs;
	}
	f->globals.v = arena_array(f->text.a, struct ir_pair, nargs);
	f->stages = arena_array(f->text.a, struct docker_stage, f->nstages + 1);
	f->nstages = 0;
	for (size_t i = 0; i < f->ninstructions; i++) {
		const struct docker_instruction *in = &f->instructions[i];
		if (in->named == DOCKER_FROM) {
			stage = &f->stages[f->nstages];
			*stage = (struct docker_stage){ .index = f->nstages++, .from = in };
			stage->v = arena_array(f->text.a, const struct docker_instruction *, f->ninstructions - i);
			if (in->nwords == 3)
				stage->name = lower(in->words[2].text, f->text.a);
		} else if (stage) {
			stage->v[stage->n++] = in;
		} else if (in->kind == DOCKER_ARG) {
			global_args(f, in);
		} else if (in->kind != DOCKER_BROKEN) {
			docker_mistake(&f->text, SIZE_MAX, in->at, "bad-instruction", STR("only ARG may come before FROM"),
				       "%s comes before the first FROM", docker_kind_name(in->kind));
		}
	}
}

static size_t
stage_by_name(const struct docker_file *f, size_t before, struct str name)
{
	for (size_t i = before; i-- > 0;) {
		if (same_name(name, f->stages[i].name))
			return i;
	}
	return SIZE_MAX;
}

struct docker_origin
docker_origin_of(const struct docker_file *f, size_t stage, struct str name)
{
	struct str ignored;
	uint64_t number;
	if (docker_pair_get(&f->settings.contexts, name, &ignored))
		return (struct docker_origin){ .kind = DOCKER_NAMED, .name = name };
	const size_t at = stage_by_name(f, stage, name);
	if (at != SIZE_MAX)
		return (struct docker_origin){ .kind = DOCKER_STAGE, .stage = at, .name = name };
	if (str_u64(name, &number) && number < stage)
		return (struct docker_origin){ .kind = DOCKER_STAGE, .stage = (size_t)number, .name = name };
	return (struct docker_origin){ .kind = DOCKER_IMAGE, .name = name };
}

static void
base(struct docker_file *f, struct docker_stage *s)
{
	const struct docker_flag *platform = docker_flag(s->from, "platform");
	struct str ref, ignored;
	s->platform = f->settings.platform;
	if (s->from->kind == DOCKER_BROKEN || expand_global(f, &s->from->words[0], s->from->line, &ref) < 0)
		return;
	if (platform && expand_global(f, &platform->value, s->from->line, &s->platform) < 0)
		return;
	if (s->platform.n == 0)
		docker_mistake(&f->text, s->from->line, platform->value.at, "bad-reference", NOTHING, "the platform is empty");
	if (ref.n == 0) {
		docker_mistake(&f->text, s->from->line, s->from->words[0].at, "bad-reference",
			       STR("give the argument a value before the first FROM, or under 'args:'"), "the image of FROM is empty");
		return;
	}
	if (docker_pair_get(&f->settings.contexts, ref, &ignored)) {
		s->base = (struct docker_origin){ .kind = DOCKER_NAMED, .name = ref };
		return;
	}
	const size_t at = stage_by_name(f, s->index, ref);
	s->base = at != SIZE_MAX ? (struct docker_origin){ .kind = DOCKER_STAGE, .stage = at, .name = ref } :
				   (struct docker_origin){ .kind = DOCKER_IMAGE, .name = ref };
}

/* What a stage leaves for those that stand on it comes first there. */
static void
triggers(struct docker_file *f, struct docker_stage *s)
{
	if (s->base.kind != DOCKER_STAGE)
		return;
	const struct docker_stage *b = &f->stages[s->base.stage];
	size_t n = 0;
	for (size_t i = 0; i < b->n; i++)
		n += b->v[i]->kind == DOCKER_ONBUILD;
	if (n == 0)
		return;
	const struct docker_instruction **v = arena_array(f->text.a, const struct docker_instruction *, s->n + n);
	n = 0;
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i]->kind == DOCKER_ONBUILD)
			v[n++] = b->v[i]->trigger;
	}
	memcpy(v + n, s->v, s->n * sizeof *v);
	s->v = v;
	s->n += n;
}

/* ---- what is needed ---- */

static void
mark(struct docker_file *f, size_t stage, const struct docker_word *from)
{
	if (str_find_char(from->text, '$') != SIZE_MAX)
		return; /* a mistake, reported by check_from */
	const struct docker_origin o = docker_origin_of(f, stage, from->text);
	if (o.kind == DOCKER_STAGE)
		f->stages[o.stage].needed = true;
}

/* Stages only refer to earlier ones: from the target downwards once is enough. */
static void
needs(struct docker_file *f)
{
	f->stages[f->target].needed = true;
	for (size_t i = f->target + 1; i-- > 0;) {
		struct docker_stage *s = &f->stages[i];
		if (!s->needed)
			continue;
		if (s->base.kind == DOCKER_STAGE)
			f->stages[s->base.stage].needed = true;
		for (size_t k = 0; k < s->n; k++) {
			const struct docker_flag *from = docker_flag(s->v[k], "from");
			if (from)
				mark(f, i, &from->value);
			for (size_t m = 0; m < s->v[k]->nmounts; m++) {
				if (s->v[k]->mounts[m].from.n > 0)
					mark(f, i, &(struct docker_word){ s->v[k]->mounts[m].from, s->v[k]->mounts[m].at });
			}
		}
	}
}

/* ---- mistakes ---- */

static void
check_from(struct docker_file *f, size_t line, const struct docker_word *from)
{
	if (str_find_char(from->text, '$') != SIZE_MAX)
		docker_mistake(&f->text, line, from->at, "bad-flag", STR("make a stage of it: FROM with an ARG from before the first FROM"),
			       "'from' takes no variables");
	else if (from->text.n == 0)
		docker_mistake(&f->text, line, from->at, "bad-flag", NOTHING, "'from' is empty");
}

static void
check_stage(struct docker_file *f, const struct docker_stage *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct docker_instruction *in = s->v[i];
		const struct docker_flag *from = docker_flag(in, "from");
		if (from)
			check_from(f, in->line, &from->value);
		for (size_t m = 0; m < in->nmounts; m++) {
			if (in->mounts[m].from.n > 0)
				check_from(f, in->line, &(struct docker_word){ in->mounts[m].from, in->mounts[m].at });
		}
	}
}

static bool
line_needed(const struct docker_file *f, size_t line)
{
	bool in_stage = false;
	if (line == SIZE_MAX)
		return true;
	for (size_t i = 0; i < f->nstages; i++) {
		const struct docker_stage *s = &f->stages[i];
		const size_t first = s->from->line, end = i + 1 < f->nstages ? f->stages[i + 1].from->line : SIZE_MAX;
		if (line >= first && line < end) {
			in_stage = true;
			if (s->needed)
				return true;
		}
	}
	return !in_stage;
}

static int
report(struct docker_file *f, struct diags *d, struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < f->text.mistakes.n; i++) {
		const struct docker_mistake *m = &f->text.mistakes.v[i];
		if (!line_needed(f, m->line))
			continue;
		diags_add(d, SEVERITY_ERROR, m->at, m->code, m->hint, STR_FMT, STR_ARG(m->message));
		n++;
	}
	return n == 0 ? 0 : err_set(e, ERR_INPUT, "'" STR_FMT "' has %zu mistake%s", STR_ARG(f->text.file), n, n == 1 ? "" : "s");
}

static void
find_target(struct docker_file *f)
{
	const struct str name = f->settings.target;
	uint64_t number;
	f->target = f->nstages - 1;
	if (name.n == 0)
		return;
	const size_t at = stage_by_name(f, f->nstages, name);
	if (at != SIZE_MAX) {
		f->target = at;
	} else if (str_u64(name, &number) && number < f->nstages) {
		f->target = (size_t)number;
	} else {
		struct str *names = arena_array(f->text.a, struct str, f->nstages);
		for (size_t i = 0; i < f->nstages; i++)
			names[i] = f->stages[i].name;
		const struct str near = suggest(name, names, f->nstages);
		docker_mistake(&f->text, SIZE_MAX, (struct place){ .file = f->text.file }, "unknown-stage",
			       near.n > 0 ? arena_printf(f->text.a, "did you mean '" STR_FMT "'?", STR_ARG(near)) : NOTHING,
			       "the target '" STR_FMT "' is no stage of it", STR_ARG(str_take(name, 100)));
	}
}

int
docker_file_read(struct str file, struct str text, const struct docker_settings *s, struct arena *a, struct diags *d, struct docker_file *out,
		 struct err *e)
{
	struct docker_file *f = out;
	*f = (struct docker_file){ .settings = *s };
	docker_lex(file, text, a, &f->text);
	diags_source(d, file, text);
	f->instructions = docker_parse(&f->text, &f->ninstructions);
	split(f);
	if (f->nstages == 0 || f->nstages > DOCKER_STAGES_MAX) {
		docker_mistake(&f->text, SIZE_MAX, (struct place){ .file = file, .line = 1 }, "missing-key", NOTHING,
			       f->nstages == 0 ? "a Dockerfile without FROM" : "a Dockerfile with too many stages");
		return report(f, d, e);
	}
	for (size_t i = 0; i < f->nstages; i++) {
		base(f, &f->stages[i]);
		triggers(f, &f->stages[i]);
	}
	find_target(f);
	needs(f);
	for (size_t i = 0; i < f->nstages; i++)
		check_stage(f, &f->stages[i]);
	return report(f, d, e);
}
