/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

enum kind { FLAG, TEXT, LIST, FORCE, COLOR };

struct option {
	const char *name;
	char letter; /* 0: none */
	enum kind kind;
	size_t field;      /* offset in struct args */
	const char *value; /* what its value is called */
	const char *verbs; /* " run plan ", NULL: everywhere */
	const char *help;
};

#define AT(f) offsetof(struct args, f)
#define MAKING " run build plan "

static const struct option options[] = {
	{ "directory", 'C', TEXT, AT(dir), "DIR", NULL, "work as if started in DIR" },
	{ "file", 'f', TEXT, AT(file), "FILE", NULL, "the pipeline file (pawl.yaml here or above)" },
	{ "stack", 0, TEXT, AT(stack), "NAME", NULL, "the stack of the pipeline file to use" },
	{ "json", 0, FLAG, AT(json), NULL, NULL, "the answer as one JSON object on stdout" },
	{ "events", 0, TEXT, AT(events), "FILE", NULL, "stream JSON Lines to FILE (or fd:N) while it happens" },
	{ "color", 0, COLOR, AT(color), "WHEN", NULL, "auto, always or never" },
	{ "quiet", 'q', FLAG, AT(quiet), NULL, NULL, "no progress, only the answer and errors" },
	{ "verbose", 'v', FLAG, AT(verbose), NULL, NULL, "say more" },
	{ "help", 'h', FLAG, AT(help), NULL, NULL, "this text, or that of a verb" },
	{ "param", 'p', LIST, AT(params), "NAME=VALUE", MAKING "why compile graph lock watch ", "set a parameter" },
	{ "params", 0, LIST, AT(params_files), "FILE", MAKING "why compile graph lock watch ", "parameters from a YAML file" },
	{ "jobs", 'j', TEXT, AT(jobs), "N", " run build watch ", "steps at a time (the usable CPUs)" },
	{ "dry-run", 'n', FLAG, AT(dry_run), NULL, " run build cache ", "say what would be done, do nothing" },
	{ "keep-going", 'k', FLAG, AT(keep_going), NULL, " run build watch ",
	  "after a failure go on with what does not need it" },
	{ "force", 0, FORCE, AT(force), "STEP", MAKING, "make all steps again, or those named" },
	{ "no-cache", 0, FLAG, AT(no_cache), NULL, MAKING, "take no result from the cache" },
	{ "offline", 0, FLAG, AT(offline), NULL, MAKING "lock doctor watch ", "use no network" },
	{ "locked", 0, FLAG, AT(locked), NULL, MAKING "lock watch ", "fail if pawl.lock would change" },
	{ "timeout", 0, TEXT, AT(timeout), "DURATION", " run build ", "end after 30s, 5m, 1h ..." },
	{ "verify", 0, TEXT, AT(verify), "N%", " run ", "execute that share of the hits again and compare" },
	{ "push", 0, FLAG, AT(push), NULL, " build ", "push the images to the stack's registry" },
	{ "shell", 0, FLAG, AT(shell), NULL, " build ", "when a RUN of a Dockerfile fails: a shell in front of it" },
	{ "output", 'o', LIST, AT(output), "WHERE", " build ", "oci:DIR, docker or FILE.tar" },
	{ "output", 'o', TEXT, AT(out), "PATH", " artifact init ", "write to PATH" },
	{ "exit-code", 0, FLAG, AT(exit_code), NULL, " plan ", "exit 1 if there is work" },
	{ "against", 0, TEXT, AT(against), "RUN", " why ", "compare with that run instead of the last" },
	{ "digest", 0, FLAG, AT(digest), NULL, " compile ", "only the digest of the IR" },
	{ "format", 0, TEXT, AT(format), "FORMAT", " graph ", "text, dot, mermaid or json" },
	{ "update", 0, LIST, AT(update), "NAME", " lock ", "resolve that entry again" },
	{ "all", 0, FLAG, AT(all), NULL, " lock ", "resolve everything again" },
	{ "keep-runs", 0, TEXT, AT(keep_runs), "N", " cache ", "gc: how many finished runs of each project stay (200)" },
	{ "max-age", 0, TEXT, AT(max_age), "DURATION", " cache ", "gc: keep what is younger (30d)" },
	{ "max-size", 0, TEXT, AT(max_size), "SIZE", " cache ", "gc: remove results until below SIZE (10GiB)" },
	{ "repair", 0, FLAG, AT(repair), NULL, " cache ", "verify: remove what is damaged" },
};

static bool
belongs(const struct option *o, const struct verb *v)
{
	if (!o->verbs)
		return true;
	if (!v)
		return false;
	char name[32];
	snprintf(name, sizeof name, " %s ", v->name);
	return strstr(o->verbs, name) != NULL;
}

static const struct verb *
find_verb(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

static int
unknown_verb(const char *name, struct arena *a, struct err *e)
{
	struct str *names = arena_array(a, struct str, 64);
	size_t n = 0;
	for (const struct verb *v = verbs; v->name && n < 64; v++)
		names[n++] = str_z(v->name);
	struct str near = suggest(str_z(name), names, n);
	if (near.n)
		return err_set(e, ERR_INPUT, "'%s' is not a verb of pawl; did you mean '" STR_FMT "'?", name,
			       STR_ARG(near));
	return err_set(e, ERR_INPUT, "'%s' is not a verb of pawl; 'pawl --help' lists them", name);
}

static int
unknown_option(const char *word, const struct verb *v, struct arena *a, struct err *e)
{
	struct str *names = arena_array(a, struct str, sizeof options / sizeof *options);
	size_t n = 0;
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (belongs(&options[i], v))
			names[n++] = arena_printf(a, "--%s", options[i].name);
	struct str near = suggest(str_cut(str_z(word), '=').head, names, n);
	const char *verb = v ? v->name : "";
	if (near.n)
		return err_set(e, ERR_INPUT, "unknown option '%s'; did you mean '" STR_FMT "'?", word, STR_ARG(near));
	return err_set(e, ERR_INPUT, "unknown option '%s'; 'pawl%s%s --help' lists the options", word,
		       v ? " " : "", verb);
}

static void
push(struct words *w, const char *text, struct arena *a)
{
	if ((w->n & (w->n - 1)) == 0) { /* full at 0, 1, 2, 4 ... */
		const char **v = arena_array(a, const char *, w->n ? 2 * w->n : 1);
		for (size_t i = 0; i < w->n; i++)
			v[i] = w->v[i];
		w->v = v;
	}
	w->v[w->n++] = text;
}

static int
set_color(enum color *out, const char *value, struct err *e)
{
	static const char *const names[] = { "auto", "always", "never" };
	for (int i = 0; i < 3; i++)
		if (strcmp(names[i], value) == 0) {
			*out = (enum color)i;
			return 0;
		}
	return err_set(e, ERR_INPUT, "--color takes auto, always or never, not '%s'", value);
}

/* Apply an option; value NULL: none was given with '='. *used: the next word was taken as the value. */
static int
apply(const struct option *o, const char *value, const char *next, struct args *out, bool *used, struct arena *a,
      struct err *e)
{
	void *field = (char *)out + o->field;
	if (o->kind == FLAG) {
		if (value)
			return err_set(e, ERR_INPUT, "--%s takes no value", o->name);
		*(bool *)field = true;
		return 0;
	}
	if (o->kind == FORCE) {
		if (value)
			push(field, value, a);
		else
			out->force_all = true;
		return 0;
	}
	if (!value) {
		if (!next)
			return err_set(e, ERR_INPUT, "--%s needs a value: --%s %s", o->name, o->name, o->value);
		value = next;
		*used = true;
	}
	if (o->kind == COLOR)
		return set_color(field, value, e);
	if (o->kind == LIST)
		push(field, value, a);
	else
		*(const char **)field = value;
	return 0;
}

/* The one that belongs to the verb; else, before the verb is known, any that belongs everywhere. */
static const struct option *
find_option(struct str name, char letter, const struct verb *v)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		const struct option *o = &options[i];
		if (!belongs(o, v))
			continue;
		if (letter ? o->letter == letter : str_is(name, o->name))
			return o;
	}
	return NULL;
}

static int
parse_long(const char *word, const char *next, struct args *out, bool *used, struct arena *a, struct err *e)
{
	struct str_cut c = str_cut(str_z(word + 2), '=');
	const struct option *o = find_option(c.head, 0, out->verb);
	if (!o)
		return unknown_option(word, out->verb, a, e);
	return apply(o, c.ok ? c.tail.p : NULL, next, out, used, a, e);
}

/* "-j4", "-kv", "-p" "x=1". */
static int
parse_short(const char *word, const char *next, struct args *out, bool *used, struct arena *a, struct err *e)
{
	for (const char *p = word + 1; *p; p++) {
		const struct option *o = find_option((struct str){ 0 }, *p, out->verb);
		if (!o)
			return unknown_option(word, out->verb, a, e);
		bool takes = o->kind != FLAG;
		if (apply(o, takes && p[1] ? p + 1 : NULL, next, out, used, a, e) < 0)
			return -1;
		if (takes)
			return 0;
	}
	return 0;
}

int
args_parse(int argc, const char *const *argv, struct arena *a, struct args *out, struct err *e)
{
	bool only_words = false;
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		bool used = false;
		if (only_words || word[0] != '-' || !word[1]) {
			if (out->verb)
				push(&out->words, word, a);
			else if (!(out->verb = find_verb(word)))
				return unknown_verb(word, a, e);
		} else if (strcmp(word, "--") == 0) {
			only_words = true;
		} else if (strcmp(word, "--version") == 0) {
			out->verb = find_verb("version");
		} else if ((word[1] == '-' ? parse_long : parse_short)(word, next, out, &used, a, e) < 0) {
			return -1;
		}
		i += used;
	}
	return 0;
}

int
args_params(const struct args *a, struct arena *arena, struct ir_pair **out, struct err *e)
{
	struct ir_pair *v = arena_array(arena, struct ir_pair, a->params.n);
	for (size_t i = 0; i < a->params.n; i++) {
		struct str_cut c = str_cut(str_z(a->params.v[i]), '=');
		if (!c.ok || !c.head.n)
			return err_set(e, ERR_INPUT, "-p takes NAME=VALUE, not '%s'", a->params.v[i]);
		v[i] = (struct ir_pair){ c.head, c.tail };
	}
	*out = v;
	return 0;
}

static void
print_options(const struct verb *v, bool own, struct buf *out)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		const struct option *o = &options[i];
		if (own ? !o->verbs || !belongs(o, v) : o->verbs != NULL)
			continue;
		char left[64];
		char letter[8] = "    ";
		if (o->letter)
			snprintf(letter, sizeof letter, "-%c, ", o->letter);
		const char *open = !o->value ? "" : o->kind == FORCE ? "[=" : " ", *close = o->kind == FORCE ? "]" : "";
		snprintf(left, sizeof left, "%s--%s%s%s%s", letter, o->name, open, o->value ? o->value : "", close);
		buf_printf(out, "  %-26s  %s\n", left, o->help);
	}
}

void
args_usage(struct buf *out)
{
	buf_puts(out, "pawl: make for machine-learning pipelines and their container images\n\n"
		      "usage: pawl [OPTION...] VERB ...\n\n");
	for (const struct verb *v = verbs; v->name; v++) {
		char left[64];
		snprintf(left, sizeof left, "%s%s%s", v->name, v->words[0] ? " " : "", v->words);
		buf_printf(out, "  %-26s  %s\n", left, v->summary);
	}
	buf_puts(out, "\noptions of all verbs:\n");
	print_options(NULL, false, out);
	buf_puts(out, "\n'pawl VERB --help' shows the options of a verb.\n");
}

void
args_verb_usage(const struct verb *v, struct buf *out)
{
	buf_printf(out, "pawl %s%s%s: %s\n", v->name, v->words[0] ? " " : "", v->words, v->summary);
	buf_puts(out, "\noptions:\n");
	print_options(v, true, out);
	print_options(v, false, out);
}

int
args_duration(const char *text, int64_t *ns, struct err *e)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 } };
	struct str s = str_z(text);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		struct str unit = str_z(units[i].unit);
		double number;
		if (str_ends(s, unit) && str_double(str_take(s, s.n - unit.n), &number) && number >= 0 &&
		    number * units[i].ns < 9e18) {
			*ns = (int64_t)(number * units[i].ns);
			return 0;
		}
	}
	return err_set(e, ERR_INPUT, "'%s' is not a duration; write 300ms, 5s, 2m, 1h or 7d", text);
}
