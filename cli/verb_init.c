/* SPDX-License-Identifier: Apache-2.0
 *
 * init: a pawl.yaml from what lies here. Never overwrites.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/text.h"
#include "cli/verbs.h"
#include "sys/file.h"

#define STEPS_MAX 20

struct found {
	struct str scripts[STEPS_MAX];
	size_t n;
	bool requirements, dockerfile;
};

static int
look(struct arena *a, struct found *f, struct err *e)
{
	struct file_entry *v;
	size_t n;
	if (file_list(AT_FDCWD, ".", a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (v[i].type != FILE_REGULAR)
			continue;
		bool script = str_ends(v[i].name, STR(".py")) || str_ends(v[i].name, STR(".sh"));
		bool plumbing = str_is(v[i].name, "setup.py") || str_is(v[i].name, "conftest.py") ||
				str_starts(v[i].name, STR("__")) || str_starts(v[i].name, STR("test_"));
		f->requirements = f->requirements || str_is(v[i].name, "requirements.txt");
		f->dockerfile = f->dockerfile || str_is(v[i].name, "Dockerfile");
		if (script && !plumbing && f->n < STEPS_MAX)
			f->scripts[f->n++] = v[i].name;
	}
	return 0;
}

/* A name that may stand in a node id: letters, digits, '_' and '-'. */
static struct str
plain_name(struct arena *a, struct str s, const char *otherwise)
{
	char *z = arena_z(a, s);
	for (char *p = z; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-')
			*p = '_';
	return isalpha((unsigned char)*z) ? str_z(z) : arena_printf(a, "%s%s", otherwise, z);
}

static void
print_step(struct arena *a, struct str script, bool environment, struct buf *out)
{
	struct str name = plain_name(a, str_rcut(script, '.').head, "step_");
	bool python = str_ends(script, STR(".py"));
	buf_printf(out, "  " STR_FMT ":\n", STR_ARG(name));
	buf_printf(out, "    run: %s " STR_FMT "\n", python ? "python3" : "sh", STR_ARG(script));
	if (environment && python)
		buf_puts(out, "    environment: base\n");
}

static void
print(struct arena *a, const struct found *f, struct str pipeline, struct buf *out)
{
	buf_printf(out,
		   "# A pawl pipeline: 'pawl run' makes what is out of date, 'pawl plan' says what that is and why.\n"
		   "version: 1\npipeline: " STR_FMT "\n\n"
		   "# Parameters of steps: named in `params:` of a step, used as ${params.NAME}, set with -p NAME=VALUE.\n"
		   "# params: {lr: 0.1}\n\n",
		   STR_ARG(pipeline));
	if (f->requirements || f->dockerfile) {
		buf_puts(out, "# What steps run in. Resolved once into pawl.lock.\nenvironments:\n  base:\n");
		buf_puts(out, f->requirements ? "    parent: {bootstrap: debian, suite: bookworm, packages: [python3]}  # of the image; or python:3.11-slim\n"
						"    python: {requirements: [requirements.txt]}\n"
					      : "    parent: scratch\n");
		if (f->dockerfile)
			buf_puts(out, "    # A Dockerfile is here as well: dockerfile: Dockerfile, context: .\n");
		buf_putc(out, '\n');
	}
	buf_puts(out, "# Each step: a command, what it reads (inputs) and what it writes (outputs).\nsteps:\n");
	for (size_t i = 0; i < f->n; i++)
		print_step(a, f->scripts[i], f->requirements, out);
	if (!f->n)
		buf_puts(out, "  hello:\n    run: echo hello > ${outputs.greeting}\n    outputs: {greeting: out/hello.txt}\n");
	buf_puts(out, "    # inputs: {table: data/table.csv, model: train.model}   # a file, a folder, a glob, or STEP.OUTPUT\n"
		      "    # outputs: {model: out/model.pkl}                       # ${outputs.model} in `run:`\n"
		      "    # params: [lr]\n");
}

int
verb_init(struct args *a, struct err *e)
{
	struct arena arena = { 0 };
	struct found f = { 0 };
	const char *to = a->out ? a->out : a->file ? a->file : "pawl.yaml";
	int rc = look(&arena, &f, e);
	if (rc == 0) {
		AUTO_BUF text = { 0 };
		char *here = getcwd(NULL, 0);
		struct str name = plain_name(&arena, path_base(here ? str_z(here) : STR("pipeline")), "p_");
		print(&arena, &f, name, &text);
		AUTO_FD fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0 && errno == EEXIST)
			rc = err_set(e, ERR_INPUT, "'%s' is there already; it is left as it is", to);
		else if (fd < 0)
			rc = err_os(e, "write '%s'", to);
		else if ((rc = file_write_all(fd, buf_str(&text), e)) == 0 && (rc = file_close(&fd, to, e)) == 0 && !a->quiet)
			text_out(arena_printf(&arena, "wrote %s: 'pawl plan' says what it would do\n", to));
		free(here);
	}
	arena_done(&arena);
	return rc;
}
