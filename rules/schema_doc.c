/* SPDX-License-Identifier: Apache-2.0
 *
 * docs/reference/pawl.yaml.md, written from the table.
 */
#include "rules/schema.h"

enum { SECTIONS_MOST = 40 };

struct sections { /* in the order in which the table leads to them */
	const struct schema_section *v[SECTIONS_MOST];
	size_t n;
};

static const char head[] =
	"# pawl.yaml\n"
	"\n"
	"<!-- Written from the table in rules/schema_table.c: `UPDATE_DOCS=1 build/tests/rules/test_schema`. Do not edit. -->\n"
	"\n"
	"The pipeline file is `pawl.yaml` in the current folder or the nearest folder above that has one. Its folder is the project root; every path in\n"
	"it, and in the files that it includes, is relative to that root and stays inside it. All mistakes of a file are reported at once, each as\n"
	"`file:line:column: error: ...`; [errors.md](errors.md) explains the codes.\n"
	"\n"
	"## YAML\n"
	"\n"
	"The file is YAML 1.2 in UTF-8, one document. Scalars are typed by the core schema: `true`, `false`, `null`, numbers; `yes`, `no` and `on` are texts. Where\n"
	"a text belongs and a number is usual (`env`, words of a command) the number counts as it is written, so that `3.10` stays `3.10`. Anchors, aliases and merge\n"
	"keys (`<<`) work. A file has at most 32 MiB, 3,000,000 values with its aliases written out, and a depth of 64.\n"
	"\n"
	"## Names\n"
	"\n"
	"Steps, inputs, outputs, parameters and the names of `foreach:` have at most 100 letters, digits, `_` and `-`; the pipeline, environments, stacks and pools also\n"
	"dots; variables have letters, digits and `_`.\n"
	"\n"
	"## Substitutions\n"
	"\n"
	"| written | is | may stand in |\n"
	"| --- | --- | --- |\n"
	"| `${inputs.N}` | the path of an input, relative to the project root; of a glob or of a step with `foreach:` all of them, in order, as separate words | `run`, `env`; in `when`: its content |\n"
	"| `${outputs.N}` | the path of an output | `run`, `env` |\n"
	"| `${params.N}` | a parameter: a text as it is, all else as canonical JSON | `run`, `env`, paths of outputs: if the step's `params:` has it; `when`, `foreach`: any |\n"
	"| `${env.N}` | a variable of the step's `env:` or `pass_env:`, or of its environment | `run` |\n"
	"| `${item.N}` | the value of a `foreach:` name | `run`, `env`, `when`, paths of inputs and outputs |\n"
	"| `${run.dir}` | a scratch folder of this attempt, outside the project | `run`, `env` |\n"
	"| `$${` | a literal `${` | everywhere |\n"
	"\n"
	"These are the only ones; any other `${...}` is a mistake, and every other `$` is an ordinary character. A value that is put in is never looked at again. In a\n"
	"text for the shell every value is quoted, so that it arrives as it is.\n"
	"\n"
	"## What a step sees, and what counts\n"
	"\n"
	"A step runs in the project root with an empty stdin. `PATH`, `HOME`, `USER` and `TMPDIR` are passed and do not count (the tools that `PATH` finds do); `LC_ALL=C.UTF-8` and\n"
	"`TZ=UTC` are set; nothing else of the caller's environment reaches it but `pass_env:` and `secrets:`. A declared output is removed and its parent folders are made before the\n"
	"step starts; it must exist after it, and is removed when the step fails. Outputs without a path are written into `${run.dir}` under their names.\n"
	"\n"
	"Code is found by itself: Python entry points (`python -m mod`, `python file.py`) with all that they reach, and project files that the command names. Comments,\n"
	"formatting and docstrings that nothing reads are no code. `code:` adds globs where no scanner can see.\n"
	"\n"
	"## Elements\n"
	"\n"
	"A step with `foreach:` stands for one element for each value, named `train[lr=0.1]`; with two names for each pair, `train[a=1,b=2]`, names sorted. In the\n"
	"name, characters other than letters, digits and `. _ + - @ ~` are written `%20`, and a long value is cut and ends in a digest. A value that is there twice is one\n"
	"element. An input that names the output of such a step gets the outputs of all elements, in order. Each element has its own key: one that is added runs alone.\n"
	"\n"
	"The values may be an output of another step (`foreach: {x: list.names}`): its content is a JSON list of texts and numbers, or one value a line. They are known when that\n"
	"step is made; until then the plan says so. A step with `dynamic: true` writes further steps in the same way; see below.\n";

static void
add(struct sections *s, const struct schema_section *section)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i] == section)
			return;
	if (section && s->n < SECTIONS_MOST)
		s->v[s->n++] = section;
}

/* The sections below a value, through lists and maps of it. The table is finite and has no circle. */
static void
add_below(struct sections *s, const struct schema_value *v)
{
	while (v) {
		add(s, v->map);
		if (v->each && v->each != v)
			add(s, v->each->map);
		v = v->item;
	}
}

static void
put_section(const struct schema_section *s, struct buf *out)
{
	buf_printf(out, "\n## %s\n\n%s\n\n| key | takes | default | meaning |\n| --- | --- | --- | --- |\n", s->title, s->text);
	for (size_t i = 0; i < s->n; i++) {
		const struct schema_key *k = &s->keys[i];

		buf_printf(out, "| `%s` | %s | %s | %s |\n", k->name, k->value->what, k->required ? "must be there" : k->standard ? k->standard : "",
			   k->text);
	}
}

void
schema_markdown(struct buf *out)
{
	struct sections s = { .n = 0 };

	buf_puts(out, head);
	add(&s, &schema_file);
	for (size_t i = 0; i < s.n; i++)
		for (size_t k = 0; k < s.v[i]->n; k++)
			add_below(&s, s.v[i]->keys[k].value);
	add(&s, &schema_included);
	add(&s, &schema_written);
	add(&s, &schema_user);
	for (size_t i = 0; i < s.n; i++)
		put_section(s.v[i], out);
	buf_puts(out, "\nWhere a list of texts or names belongs, one text stands for a list of one.\n");
}
