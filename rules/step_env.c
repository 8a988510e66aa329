/* SPDX-License-Identifier: Apache-2.0
 *
 * Variables and command line. In a shell text every value is put in single quotes; several words stay several. In a list a word that is
 * one reference becomes as many arguments as it has words; inside a longer word they are joined by blanks. Nothing is expanded twice.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/vec.h"
#include "rules/foreach.h"
#include "rules/notes.h"
#include "rules/rundirs.h"
#include "rules/step.h"
#include "rules/template.h"
#include "rules/wants.h"
#include "sys/file.h"

struct rendering {
	struct step_call *c;
	const struct ir_pair *env; /* what ${env.N} may name */
	size_t nenv;
	bool shell;
};

static void
put_word(const struct rendering *r, struct str word, struct buf *out)
{
	if (!r->shell) {
		buf_put(out, word);
		return;
	}
	buf_putc(out, '\'');
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, word.p[i]);
	buf_putc(out, '\'');
}

static const struct step_paths *
paths_of(const struct step_call *c, struct str input)
{
	const struct step_input *in = step_input(c->step, input);

	return in != NULL ? &c->inputs[in - c->step->inputs] : NULL;
}

/* The one word that the reference stands for; inputs are put by their callers. False: there is none of that name. */
static bool
single(const struct rendering *r, const struct ir_piece *piece, struct str *out)
{
	const struct step_call *c = r->c;
	const struct step_data *d = &c->step->d;

	switch (piece->kind) {
	case PIECE_OUTPUT:
		for (size_t i = 0; i < d->ir->noutputs; i++)
			if (str_eq(d->ir->outputs[i].name, piece->text)) {
				*out = c->outputs[i];
				return true;
			}
		return false;
	case PIECE_PARAM: {
		const struct ir_param *p = ir_param(&c->project->ir, piece->text);

		if (p != NULL)
			*out = p->text;
		return p != NULL;
	}
	case PIECE_ITEM: {
		const struct str *item = foreach_item(&d->items, piece->text);

		if (item != NULL)
			*out = *item;
		return item != NULL;
	}
	case PIECE_ENV:
		for (size_t i = 0; i < r->nenv; i++)
			if (str_eq(r->env[i].name, piece->text)) {
				*out = r->env[i].value;
				return true;
			}
		return false;
	case PIECE_RUN_DIR:
		*out = c->run_dir;
		return true;
	case PIECE_TEXT:
	case PIECE_INPUT:
		break;
	}
	return false;
}

static int
value(void *ctx, const struct ir_piece *piece, struct buf *out, struct err *e)
{
	const struct rendering *r = ctx;
	struct str word;

	if (piece->kind == PIECE_INPUT) {
		const struct step_paths *p = paths_of(r->c, piece->text);

		if (p == NULL)
			return err_set(e, ERR_BUG, "there is no input '" STR_FMT "'", STR_ARG(piece->text));
		for (size_t i = 0; i < p->n; i++) {
			if (i > 0)
				buf_putc(out, ' ');
			put_word(r, p->v[i], out);
		}
		return 0;
	}
	if (!single(r, piece, &word))
		return err_set(e, ERR_FAILED, "${%s." STR_FMT "} has no value%s", template_space(piece->kind), STR_ARG(piece->text),
			       piece->kind == PIECE_ENV ? ": the variable is not set" : "");
	put_word(r, word, out);
	return 0;
}

static int
render(const struct rendering *r, const struct ir_template *t, struct str *out, struct err *e)
{
	AUTO_BUF b = { 0 };

	if (template_render(t, value, (void *)(uintptr_t)r, &b, e) < 0)
		return -1;
	*out = arena_str(r->c->arena, buf_str(&b));
	return 0;
}

/* Variables, the later of one name wins. */
struct variables {
	VEC_FIELDS(struct ir_pair);
};

static void
set(struct variables *v, struct str name, struct str text)
{
	for (size_t i = 0; i < v->n; i++)
		if (str_eq(v->v[i].name, name)) {
			v->v[i].value = text;
			return;
		}
	VEC_PUSH(v, ((struct ir_pair){ name, text }));
}

static void
pass(const struct step_call *c, struct variables *v, struct str name)
{
	const char *text = project_env(c->project, name);

	if (text != NULL)
		set(v, name, str_z(text));
}

static void
of_image(const struct step_call *c, struct variables *v)
{
	const struct js *env = js_get(c->image_config, "Env");

	set(v, STR("PATH"), STR("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
	set(v, STR("HOME"), STR("/root"));
	for (size_t i = 0; i < js_len(env); i++) {
		const struct str_cut one = str_cut(js_str(js_at(env, i)), '=');

		if (one.ok)
			set(v, one.head, one.tail);
	}
}

static void
of_host(const struct step_call *c, struct variables *v)
{
	static const struct str passed[] = { STR_INIT("PATH"), STR_INIT("HOME"), STR_INIT("USER"), STR_INIT("TMPDIR") };

	for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
		pass(c, v, passed[i]);
	if (c->venv.n > 0) {
		const char *path = project_env(c->project, STR("PATH"));

		set(v, STR("VIRTUAL_ENV"), c->venv);
		set(v, STR("PATH"),
		    arena_printf(c->arena, STR_FMT ":%s", STR_ARG(c->venv_bin), path != NULL ? path : "/usr/local/bin:/usr/bin:/bin"));
	}
	const struct ir_environment *env = c->step->environment;

	for (size_t i = 0; env != NULL && i < env->env.n; i++)
		set(v, env->env.v[i].name, env->env.v[i].value);
}

/* Packages that are code are found behind what the user's own PYTHONPATH has. */
static void
local_packages(const struct step_call *c, struct variables *v)
{
	const bool image = c->image_config != NULL;
	struct str path = { 0 };

	if (!image && !c->venv.n)
		return;
	for (size_t i = 0; i < v->n; i++)
		if (str_is(v->v[i].name, "PYTHONPATH"))
			path = v->v[i].value;
	path = environment_python_path(c->project, c->step->environment, image ? c->workdir : (struct str){ 0 }, path, c->arena);
	if (path.n)
		set(v, STR("PYTHONPATH"), path);
}

static int
environment(struct step_call *c, struct variables *v, struct err *e)
{
	const struct ir_step *ir = c->step->d.ir;

	if (c->image_config != NULL)
		of_image(c, v);
	else
		of_host(c, v);
	set(v, STR("LC_ALL"), STR("C.UTF-8"));
	set(v, STR("TZ"), STR("UTC"));
	if (c->bytecode.n > 0)
		set(v, STR("PYTHONPYCACHEPREFIX"), c->bytecode);
	else
		set(v, STR("PYTHONDONTWRITEBYTECODE"), STR("1"));
	for (size_t i = 0; i < ir->pass_env.n; i++) {
		pass(c, v, ir->pass_env.v[i]);
		if (project_env(c->project, ir->pass_env.v[i]) == NULL)
			notes_add(c->project->notes, "step '" STR_FMT "': its 'pass_env' names " STR_FMT ", which is not set here: the step runs without it",
				  STR_ARG(c->step->d.name), STR_ARG(ir->pass_env.v[i]));
	}
	for (size_t i = 0; i < ir->env.n; i++) {
		const struct rendering r = { .c = c, .env = v->v, .nenv = v->n };
		struct str text;

		if (render(&r, &ir->env.t[i], &text, e) < 0)
			return err_wrap(e, "variable " STR_FMT, STR_ARG(ir->env.v[i].name));
		set(v, ir->env.v[i].name, text);
	}
	local_packages(c, v);
	c->secrets = arena_array(c->arena, struct str, ir->secrets.n);
	for (size_t i = 0; i < ir->secrets.n; i++) {
		const char *text = project_env(c->project, ir->secrets.v[i]);

		if (text == NULL) /* step_secrets was asked before */
			continue;
		c->secrets[c->nsecrets++] = arena_str(c->arena, str_z(text));
		set(v, ir->secrets.v[i], str_z(text));
	}
	return 0;
}

int
step_scratch(struct step_call *c, struct err *e)
{
	if (c->scratch.n > 0)
		return 0;
	if (rundirs_take(c->project->rundirs, c->arena, &c->scratch, e) < 0)
		return -1;
	c->run_dir = path_join(c->arena, c->scratch, STR("run"));
	return file_mkdirs(AT_FDCWD, c->run_dir.p, e);
}

bool
step_has_run_dir(const struct step *s)
{
	const struct ir_step *ir = s->d.ir;

	for (size_t i = 0; i < ir->noutputs; i++)
		if (s->outputs[i].path.n == 0)
			return true;
	for (size_t i = 0; i < ir->nwords; i++)
		if (template_has(&ir->words[i], PIECE_RUN_DIR))
			return true;
	for (size_t i = 0; i < ir->env.n; i++)
		if (template_has(&ir->env.t[i], PIECE_RUN_DIR))
			return true;
	return false;
}

/* What the kernel takes as one argument or variable, with its NUL. */
static size_t
one_max(void)
{
	return 32 * (size_t)sysconf(_SC_PAGESIZE);
}

static int
check_one(const char *what, size_t number, size_t size, struct err *e)
{
	if (size < one_max())
		return 0;
	return err_set(e, ERR_FAILED,
		       "%s %zu is %zu bytes long, and the kernel takes at most %zu for one; write 'run:' as one text, which has no such "
		       "limit, or hand the values over in a file",
		       what, number, size, one_max() - 1);
}

static int
shell_command(struct step_call *c, const struct rendering *r, struct err *e)
{
	struct str text;

	if (render(r, &c->step->d.ir->words[0], &text, e) < 0)
		return -1;
	c->argv = arena_array(c->arena, const char *, 4);
	c->argv[0] = "sh";
	c->argv[1] = "-euc";
	c->argv[2] = text.p;
	if (text.n + 1 < one_max())
		return 0;
	/* Too long for an argument: the same text as a file. */
	if (step_scratch(c, e) < 0)
		return -1;
	const struct str script = path_join(c->arena, c->scratch, STR("script"));
	AUTO_FD fd = file_open(AT_FDCWD, script.p, O_WRONLY | O_CREAT | O_TRUNC, 0600, e);

	if (fd < 0 || file_write_all(fd, text, e) < 0 || file_close(&fd, script.p, e) < 0)
		return -1;
	c->argv[1] = "-eu";
	c->argv[2] = script.p;
	return 0;
}

static int
list_command(struct step_call *c, const struct rendering *r, struct err *e)
{
	const struct ir_step *ir = c->step->d.ir;
	VEC(const char *) v = { 0 };
	int ret = 0;

	for (size_t i = 0; i < ir->nwords && ret == 0; i++) {
		const struct ir_template *t = &ir->words[i];
		const struct step_paths *p = t->n == 1 && t->v[0].kind == PIECE_INPUT ? paths_of(c, t->v[0].text) : NULL;
		struct str word;

		for (size_t k = 0; p != NULL && k < p->n; k++)
			VEC_PUSH(&v, arena_z(c->arena, p->v[k]));
		if (p != NULL)
			continue;
		ret = render(r, t, &word, e);
		if (ret == 0)
			ret = check_one("argument", i + 1, word.n + 1, e);
		if (ret == 0)
			VEC_PUSH(&v, word.p != NULL ? word.p : "");
	}
	VEC_PUSH(&v, NULL);
	c->argv = arena_array(c->arena, const char *, v.n);
	memcpy(c->argv, v.v, v.n * sizeof *v.v);
	VEC_DONE(&v);
	return ret;
}

int
step_command(struct step_call *c, struct err *e)
{
	struct variables v = { 0 };
	int ret = environment(c, &v, e);
	const struct rendering r = { .c = c, .env = v.v, .nenv = v.n, .shell = c->step->d.ir->shell };

	if (ret == 0)
		ret = r.shell ? shell_command(c, &r, e) : list_command(c, &r, e);
	c->envp = arena_array(c->arena, const char *, v.n + 1);
	for (size_t i = 0; i < v.n && ret == 0; i++) {
		const struct str one = arena_printf(c->arena, STR_FMT "=" STR_FMT, STR_ARG(v.v[i].name), STR_ARG(v.v[i].value));

		c->envp[i] = one.p;
		ret = check_one("variable", i + 1, one.n + 1, e);
	}
	VEC_DONE(&v);
	return ret;
}

int
step_secrets(struct project *p, const struct step *s, struct err *e)
{
	for (size_t i = 0; i < s->d.ir->secrets.n; i++) {
		const struct str name = s->d.ir->secrets.v[i];

		if (project_env(p, name) == NULL)
			return err_set(e, ERR_FAILED, "needs the secret " STR_FMT ", which is not set: export " STR_FMT " before you run pawl",
				       STR_ARG(name), STR_ARG(name));
	}
	return 0;
}
