/* SPDX-License-Identifier: Apache-2.0
 *
 *	a logical line -> name [begin] -> flags [flags] -> the rest by the instruction's own grammar (FORMS)
 */
#include "rules/docker_parse.h"

#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "base/vec.h"
#include "rules/docker_expand.h"

static const char *const NAMES[] = {
#define X(id, name) [id] = name,
	DOCKER_KINDS(X)
#undef X
};
#define NKINDS (sizeof NAMES / sizeof NAMES[0])

const char *
docker_kind_name(enum docker_kind k)
{
	return NAMES[k];
}

struct parser {
	struct docker_text *t;
	const struct docker_line *line;
	size_t index;
	struct docker_instruction *in;
	struct str rest;
	bool bad;
};

static const struct str NOTHING;

/* One mistake a line is enough. */
#define WRONG(p, part, code, hint, ...)                                                                            \
	do {                                                                                                       \
		if (!(p)->bad)                                                                                     \
			docker_mistake((p)->t, (p)->index, docker_place((p)->t, (p)->line, part), code, hint, __VA_ARGS__); \
		(p)->bad = true;                                                                                   \
	} while (0)

static bool
blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct str
trim_left(struct str s)
{
	while (s.n > 0 && blank(s.p[0]))
		s = str_drop(s, 1);
	return s;
}

static struct str
word_end(struct str s)
{
	size_t n = 0;
	while (n < s.n && !blank(s.p[n]))
		n++;
	return str_take(s, n);
}

static struct docker_word
word_of(const struct parser *p, struct str text)
{
	return (struct docker_word){ text, docker_place(p->t, p->line, text) };
}

/* ---- the name ---- */

static struct str
near_name(struct str word, struct arena *a)
{
	struct str names[NKINDS];
	char upper[64];
	size_t n = 0;
	for (size_t i = 1; i < NKINDS; i++)
		names[n++] = str_z(NAMES[i]);
	if (word.n >= sizeof upper)
		return NOTHING;
	for (size_t i = 0; i < word.n; i++)
		upper[i] = (char)(word.p[i] >= 'a' && word.p[i] <= 'z' ? word.p[i] - 'a' + 'A' : word.p[i]);
	const struct str near = suggest((struct str){ upper, word.n }, names, n);
	return near.n > 0 ? arena_printf(a, "did you mean '" STR_FMT "'?", STR_ARG(near)) : NOTHING;
}

static enum docker_kind
kind_of(struct str word)
{
	for (size_t i = 1; i < NKINDS; i++) {
		if (word.n == strlen(NAMES[i]) && strncasecmp(word.p, NAMES[i], word.n) == 0)
			return (enum docker_kind)i;
	}
	return DOCKER_BROKEN;
}

static void
begin(struct parser *p, struct str text)
{
	const struct str word = word_end(text);
	p->in->kind = p->in->named = kind_of(word);
	p->in->at = docker_place(p->t, p->line, word);
	p->rest = trim_left(str_drop(text, word.n));
	if (p->in->kind == DOCKER_BROKEN)
		WRONG(p, word, "unknown-instruction", near_name(word, p->t->a), "there is no instruction '" STR_FMT "'", STR_ARG(str_take(word, 60)));
	else if (p->rest.n == 0)
		WRONG(p, word, "bad-instruction", NOTHING, "%s has no arguments", NAMES[p->in->kind]);
}

/* ---- flags ---- */

/* many: may be there several times; plain: a switch. */
static const struct flag_row {
	enum docker_kind kind;
	const char *name;
	bool many, plain;
} FLAGS[] = {
	{ DOCKER_FROM, "platform", false, false },	  { DOCKER_RUN, "mount", true, false },
	{ DOCKER_RUN, "network", false, false },	  { DOCKER_RUN, "security", false, false },
	{ DOCKER_COPY, "from", false, false },		  { DOCKER_COPY, "chown", false, false },
	{ DOCKER_COPY, "chmod", false, false },		  { DOCKER_COPY, "link", false, true },
	{ DOCKER_COPY, "parents", false, true },	  { DOCKER_COPY, "exclude", true, false },
	{ DOCKER_ADD, "chown", false, false },		  { DOCKER_ADD, "chmod", false, false },
	{ DOCKER_ADD, "link", false, true },		  { DOCKER_ADD, "checksum", false, false },
	{ DOCKER_ADD, "keep-git-dir", false, true },	  { DOCKER_ADD, "unpack", false, true },
	{ DOCKER_ADD, "exclude", true, false },		  { DOCKER_HEALTHCHECK, "interval", false, false },
	{ DOCKER_HEALTHCHECK, "timeout", false, false },  { DOCKER_HEALTHCHECK, "start-period", false, false },
	{ DOCKER_HEALTHCHECK, "start-interval", false, false }, { DOCKER_HEALTHCHECK, "retries", false, false },
};
#define NFLAGS (sizeof FLAGS / sizeof FLAGS[0])

/* The word that s begins with: quotes may have blanks in them, a backslash takes the meaning off the next. *raw: as it stands. */
static struct str
flag_word(struct parser *p, struct str s, struct str *raw)
{
	AUTO_BUF b = { 0 };
	char quote = '\0';
	size_t i = 0;
	for (; i < s.n && (quote || !blank(s.p[i])); i++) {
		const char c = s.p[i];
		if (c == '\\' && i + 1 < s.n) {
			buf_putc(&b, s.p[++i]);
		} else if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? '\0' : c;
		} else {
			buf_putc(&b, c);
		}
	}
	*raw = str_take(s, i);
	return arena_str(p->t->a, buf_str(&b));
}

static const struct flag_row *
flag_row(enum docker_kind kind, struct str name)
{
	for (size_t i = 0; i < NFLAGS; i++) {
		if (FLAGS[i].kind == kind && str_is(name, FLAGS[i].name))
			return &FLAGS[i];
	}
	return NULL;
}

static struct str
near_flag(struct parser *p, struct str name)
{
	struct str names[NFLAGS];
	size_t n = 0;
	for (size_t i = 0; i < NFLAGS; i++) {
		if (FLAGS[i].kind == p->in->kind)
			names[n++] = str_z(FLAGS[i].name);
	}
	const struct str near = suggest(name, names, n);
	return near.n > 0 ? arena_printf(p->t->a, "did you mean '--" STR_FMT "'?", STR_ARG(near)) : NOTHING;
}

static void
one_flag(struct parser *p, struct str word, struct str raw, struct docker_flag *f)
{
	const struct str_cut c = str_cut(str_drop(word, 2), '=');
	const struct flag_row *row = flag_row(p->in->kind, c.head);
	const size_t eq = str_find_char(raw, '=');
	const struct str value = eq == SIZE_MAX ? str_drop(raw, raw.n) : str_drop(raw, eq + 1);
	*f = (struct docker_flag){ .name = c.head, .value = { c.tail, docker_place(p->t, p->line, value.n > 0 ? value : raw) },
				   .has_value = c.ok, .at = docker_place(p->t, p->line, raw) };
	if (!row)
		WRONG(p, raw, "unknown-flag", near_flag(p, c.head), "%s has no flag '--" STR_FMT "'", NAMES[p->in->kind], STR_ARG(str_take(c.head, 60)));
	else if (!row->plain && !c.ok)
		WRONG(p, raw, "bad-flag", NOTHING, "the flag '--%s' needs a value", row->name);
	else if (row->plain && c.ok && !str_is(c.tail, "true") && !str_is(c.tail, "false"))
		WRONG(p, value, "bad-flag", STR("expected true or false"), "the flag '--%s' is a switch", row->name);
	for (size_t i = 0; row && !row->many && i < p->in->nflags; i++) {
		if (str_eq(p->in->flags[i].name, c.head))
			WRONG(p, raw, "bad-flag", NOTHING, "the flag '--%s' is there twice", row->name);
	}
}

static void
one_mount(struct parser *p, const struct docker_flag *f, struct str raw)
{
	struct docker_mount *m = &p->in->mounts[p->in->nmounts];
	struct str wrong = raw;
	const char *why = NULL;
	if (docker_mount_parse(f->value.text, p->t->a, m, &wrong, &why)) {
		m->at = f->value.at;
		p->in->nmounts++;
		return;
	}
	/* Where it stands in the line, if it was not quoted there. */
	const size_t at = str_find(raw, wrong);
	WRONG(p, at == SIZE_MAX || wrong.n == 0 ? raw : ((struct str){ raw.p + at, wrong.n }), "bad-flag", NOTHING, "in a mount '" STR_FMT "' %s",
	      STR_ARG(str_take(wrong, 100)), why);
}

static void
flags(struct parser *p)
{
	size_t most = 0;
	for (size_t i = 0; i + 1 < p->rest.n; i++)
		most += p->rest.p[i] == '-' && p->rest.p[i + 1] == '-';
	p->in->flags = arena_array(p->t->a, struct docker_flag, most + 1);
	p->in->mounts = arena_array(p->t->a, struct docker_mount, most + 1);
	while (!p->bad && str_starts(p->rest, STR("--"))) {
		struct str raw;
		const struct str word = flag_word(p, p->rest, &raw);
		p->rest = trim_left(str_drop(p->rest, raw.n));
		if (str_is(word, "--"))
			break;
		struct docker_flag *f = &p->in->flags[p->in->nflags];
		one_flag(p, word, raw, f);
		p->in->nflags++;
		if (!p->bad && str_is(f->name, "mount"))
			one_mount(p, f, raw);
	}
}

const struct docker_flag *
docker_flag(const struct docker_instruction *in, const char *name)
{
	for (size_t i = in->nflags; i-- > 0;) {
		if (str_is(in->flags[i].name, name))
			return &in->flags[i];
	}
	return NULL;
}

bool
docker_flag_on(const struct docker_instruction *in, const char *name)
{
	const struct docker_flag *f = docker_flag(in, name);
	return f && (!f->has_value || str_is(f->value.text, "true"));
}

/* ---- forms ---- */

/* ["a", "b"]: true, and the words are taken. */
static bool
json(struct parser *p)
{
	struct str *v = NULL;
	size_t n = 0;
	const int is = docker_json_words(p->rest, p->t->a, &v, &n);
	if (is < 0)
		WRONG(p, p->rest, "bad-instruction", STR("put them in double quotes"), "the list of %s may have nothing but texts in it",
		      NAMES[p->in->kind]);
	if (is <= 0)
		return false;
	p->in->exec = true;
	p->in->words = arena_array(p->t->a, struct docker_word, n + 1);
	p->in->nwords = n;
	for (size_t i = 0; i < n; i++) {
		const size_t at = str_find(p->rest, v[i]);
		p->in->words[i] = (struct docker_word){ v[i], docker_place(p->t, p->line, at == SIZE_MAX || v[i].n == 0 ?
									   p->rest : (struct str){ p->rest.p + at, v[i].n }) };
	}
	return true;
}

static void
plain_words(struct parser *p)
{
	size_t most = 1;
	for (size_t i = 0; i < p->rest.n; i++)
		most += blank(p->rest.p[i]);
	p->in->words = arena_array(p->t->a, struct docker_word, most);
	for (struct str s = p->rest; s.n > 0;) {
		const struct str w = word_end(s);
		p->in->words[p->in->nwords++] = word_of(p, w);
		s = trim_left(str_drop(s, w.n));
	}
}

/* Words that may have quoted blanks in them; quotes and escapes stay. */
static struct str
quoted_word(const struct parser *p, struct str s)
{
	char quote = '\0';
	size_t i = 0;
	for (; i < s.n && (quote || !blank(s.p[i])); i++) {
		const char c = s.p[i];
		if (c == p->t->escape && quote != '\'' && i + 1 < s.n)
			i++;
		else if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? '\0' : c;
	}
	return str_take(s, i);
}

static struct docker_pair *
new_pair(struct parser *p, struct str name, struct str value, bool has_value)
{
	struct docker_pair *x = &p->in->pairs[p->in->npairs++];
	*x = (struct docker_pair){ word_of(p, name), word_of(p, value), has_value };
	if (name.n == 0)
		WRONG(p, value, "bad-instruction", NOTHING, "%s: a name is missing in front of '='", NAMES[p->in->kind]);
	return x;
}

/* NAME=value ...; for ENV and LABEL also `NAME the rest`; for ARG also NAME alone. */
static void
pairs(struct parser *p)
{
	size_t most = 1;
	for (size_t i = 0; i < p->rest.n; i++)
		most += blank(p->rest.p[i]);
	p->in->pairs = arena_array(p->t->a, struct docker_pair, most);
	const struct str first = quoted_word(p, p->rest);
	if (p->in->kind != DOCKER_ARG && str_find_char(first, '=') == SIZE_MAX) {
		const struct str name = word_end(p->rest), value = trim_left(str_drop(p->rest, name.n));
		if (value.n == 0)
			WRONG(p, name, "bad-instruction", STR("write NAME=value"), "%s: '" STR_FMT "' has no value", NAMES[p->in->kind],
			      STR_ARG(str_take(name, 60)));
		(void)new_pair(p, name, value, true);
		return;
	}
	for (struct str s = p->rest; s.n > 0 && !p->bad;) {
		const struct str w = quoted_word(p, s);
		const struct str_cut c = str_cut(w, '=');
		if (!c.ok && p->in->kind != DOCKER_ARG)
			WRONG(p, w, "bad-instruction", STR("write NAME=value, with quotes around a value that has blanks"),
			      "%s: there is no '=' in '" STR_FMT "'", NAMES[p->in->kind], STR_ARG(str_take(w, 60)));
		(void)new_pair(p, c.head, c.ok ? c.tail : str_drop(w, w.n), c.ok);
		s = trim_left(str_drop(s, w.n));
	}
}

static void
whole_rest(struct parser *p)
{
	p->in->rest = word_of(p, p->rest);
}

static void
command(struct parser *p)
{
	whole_rest(p);
	if (!json(p) || p->bad)
		return;
	if (p->in->nwords == 0 && p->in->kind == DOCKER_RUN)
		WRONG(p, p->rest, "bad-instruction", NOTHING, "RUN has no command");
}

static void
list(struct parser *p)
{
	if (!json(p) && !p->bad)
		plain_words(p);
	for (size_t i = 0; i < p->in->nwords && !p->bad; i++) {
		if (p->in->words[i].text.n == 0)
			WRONG(p, p->rest, "bad-instruction", NOTHING, "%s: an empty word", NAMES[p->in->kind]);
	}
	if (p->in->nwords == 0)
		WRONG(p, p->rest, "bad-instruction", NOTHING, "%s: an empty list", NAMES[p->in->kind]);
}

static void
copy(struct parser *p)
{
	list(p);
	if (!p->bad && p->in->nwords < 2)
		WRONG(p, p->rest, "bad-instruction", STR("the destination comes last"), "%s needs a source and a destination", NAMES[p->in->kind]);
}

static void
from(struct parser *p)
{
	plain_words(p);
	const size_t n = p->in->nwords;
	if (n == 1)
		return;
	if (n != 3 || p->in->words[1].text.n != 2 || strncasecmp(p->in->words[1].text.p, "as", 2) != 0) {
		WRONG(p, p->rest, "bad-instruction", STR("expected FROM image [AS name]"), "FROM is not understood");
		return;
	}
	const struct str name = p->in->words[2].text;
	bool good = name.n <= 128 && ((name.p[0] | 0x20) >= 'a' && (name.p[0] | 0x20) <= 'z');
	for (size_t i = 0; i < name.n && good; i++) {
		const char c = name.p[i];
		good = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
	}
	if (!good)
		WRONG(p, name, "bad-name", STR("letters, digits, '-', '_' and '.', a letter first"), "'" STR_FMT "' is no name of a stage",
		      STR_ARG(str_take(name, 60)));
}

static void
shell(struct parser *p)
{
	whole_rest(p);
	if (!json(p) || p->in->nwords == 0)
		WRONG(p, p->rest, "bad-instruction", STR("write it like [\"/bin/bash\", \"-c\"]"), "SHELL needs a list of words");
}

static void
healthcheck(struct parser *p)
{
	const struct str word = word_end(p->rest);
	p->in->none = word.n == 4 && strncasecmp(word.p, "none", 4) == 0;
	if (p->in->none && (word.n < p->rest.n || p->in->nflags > 0))
		WRONG(p, p->rest, "bad-instruction", NOTHING, "HEALTHCHECK NONE takes nothing else");
	if (p->in->none)
		return;
	if (word.n != 3 || strncasecmp(word.p, "cmd", 3) != 0) {
		WRONG(p, word, "bad-instruction", STR("expected NONE or CMD"), "HEALTHCHECK is not understood");
		return;
	}
	p->rest = trim_left(str_drop(p->rest, word.n));
	if (p->rest.n == 0)
		WRONG(p, word, "bad-instruction", NOTHING, "HEALTHCHECK CMD has no command");
	else
		command(p);
}

static void parse_line(struct parser *p, struct str text);

/* One within ONBUILD, whose trigger cannot be ONBUILD again: the depth is two. */
static void
onbuild(struct parser *p)
{
	struct docker_instruction *outer = p->in;
	const enum docker_kind kind = kind_of(word_end(p->rest));
	if (kind == DOCKER_ONBUILD || kind == DOCKER_FROM || kind == DOCKER_MAINTAINER) {
		WRONG(p, word_end(p->rest), "bad-instruction", NOTHING, "%s cannot be a trigger of ONBUILD", NAMES[kind]);
		return;
	}
	whole_rest(p);
	outer->trigger = arena_new(p->t->a, struct docker_instruction);
	*outer->trigger = (struct docker_instruction){ .line = outer->line, .source = p->rest, .heredocs = outer->heredocs,
						       .nheredocs = outer->nheredocs };
	p->in = outer->trigger;
	parse_line(p, p->rest);
	p->in = outer;
}

static void (*const FORMS[])(struct parser *) = {
	[DOCKER_BROKEN] = NULL,		 [DOCKER_ADD] = copy,		[DOCKER_ARG] = pairs,	     [DOCKER_CMD] = command,
	[DOCKER_COPY] = copy,		 [DOCKER_ENTRYPOINT] = command, [DOCKER_ENV] = pairs,	     [DOCKER_EXPOSE] = plain_words,
	[DOCKER_FROM] = from,		 [DOCKER_HEALTHCHECK] = healthcheck, [DOCKER_LABEL] = pairs, [DOCKER_MAINTAINER] = whole_rest,
	[DOCKER_ONBUILD] = onbuild,	 [DOCKER_RUN] = command,	[DOCKER_SHELL] = shell,	     [DOCKER_STOPSIGNAL] = whole_rest,
	[DOCKER_USER] = whole_rest,	 [DOCKER_VOLUME] = list,	[DOCKER_WORKDIR] = whole_rest,
};

static void
parse_line(struct parser *p, struct str text)
{
	begin(p, text);
	if (!p->bad)
		flags(p);
	if (!p->bad && p->rest.n == 0)
		WRONG(p, text, "bad-instruction", NOTHING, "%s has no arguments", NAMES[p->in->kind]);
	if (!p->bad)
		FORMS[p->in->kind](p);
	if (p->bad)
		p->in->kind = DOCKER_BROKEN;
}

struct docker_instruction *
docker_parse(struct docker_text *t, size_t *n)
{
	struct docker_instruction *v = arena_array(t->a, struct docker_instruction, t->nlines + 1);
	/* A mistake of the lexer (a here-document without an end) is the line's only one. */
	for (size_t i = 0; i < t->nlines; i++) {
		const struct docker_line *line = &t->lines[i];
		struct parser p = { .t = t, .line = line, .index = i, .in = &v[i] };
		for (size_t k = 0; k < t->mistakes.n; k++)
			p.bad = p.bad || t->mistakes.v[k].line == i;
		v[i] = (struct docker_instruction){ .line = i, .source = line->text, .heredocs = line->heredocs, .nheredocs = line->nheredocs };
		const bool before = p.bad;
		if (before) {
			v[i].named = kind_of(word_end(line->text));
			v[i].at = docker_place(t, line, word_end(line->text));
			continue;
		}
		parse_line(&p, line->text);
	}
	*n = t->nlines;
	return v;
}
