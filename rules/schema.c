/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/schema.h"

#include <string.h>

#include "base/suggest.h"

/* The way from the root to the value at hand, for the front of messages: "step 'train': 'retry': ". */
struct way {
	const struct way *up;
	const char *noun; /* NULL: a key of a section */
	struct str name;
};

struct checker {
	struct diags *d;
	struct arena *scratch;
};

static struct str
front(struct checker *c, const struct way *w)
{
	const struct way *list[16];
	size_t n = 0;
	AUTO_BUF b = { 0 };

	for (; w && n < 16; w = w->up)
		if (w->name.n)
			list[n++] = w;
	while (n-- > 0)
		buf_printf(&b, "%s%s'" STR_FMT "': ", list[n]->noun ? list[n]->noun : "",
			   list[n]->noun ? " " : "", STR_ARG(str_take(list[n]->name, 80)));
	return arena_str(c->scratch, buf_str(&b));
}

struct str
schema_suggest(struct str word, const struct str *names, size_t n, struct arena *a)
{
	const struct str s = suggest(word, names, n);

	return s.n ? arena_printf(a, "did you mean '" STR_FMT "'?", STR_ARG(s)) : STR("");
}

static const struct schema_key *
key_of(const struct schema_section *s, struct str name)
{
	for (size_t i = 0; s && i < s->n; i++)
		if (str_is(name, s->keys[i].name))
			return &s->keys[i];
	return NULL;
}

static bool
fits(const struct schema_value *v, const struct yaml_node *n)
{
	switch ((enum yaml_kind)n->kind) {
	case YAML_NULL:
		return v->takes & (TAKES_LIST | TAKES_MAP | TAKES_ANY);
	case YAML_BOOL:
		return v->takes & (TAKES_BOOL | TAKES_ANY);
	case YAML_INT:
		return v->takes & (TAKES_INT | TAKES_NUMBER | TAKES_ANY);
	case YAML_REAL:
		return v->takes & (TAKES_NUMBER | TAKES_ANY);
	case YAML_TEXT:
		return v->takes & (TAKES_TEXT | TAKES_ANY);
	case YAML_LIST:
		return v->takes & (TAKES_LIST | TAKES_ANY);
	case YAML_MAP:
		return v->takes & (TAKES_MAP | TAKES_ANY);
	}
	return false;
}

static void
wrong_type(struct checker *c, const struct schema_value *v, const struct yaml_node *n, const struct way *w)
{
	const struct str f = front(c, w->up ? w->up : w);
	const bool quotes = (v->takes & TAKES_TEXT) && yaml_scalar(n);
	const struct str shown = str_take(n->text, 60);
	const bool scalar = yaml_scalar(n);
	const struct str hint = v->form == FORM_DURATION && scalar ? STR("give it a unit")
				: quotes                           ? STR("put it in quotes to make it a text")
								   : STR("");

	diags_add(c->d, SEVERITY_ERROR, yaml_at(n), "wrong-type", hint,
		  STR_FMT "%s%s" STR_FMT "%s must be %s, not %s%s" STR_FMT "%s", STR_ARG(f),
		  w->noun ? w->noun : "", w->noun ? " '" : "'", STR_ARG(w->name), "'", v->what,
		  yaml_kind_name(n), scalar ? " (" : "", STR_ARG(shown), scalar ? ")" : "");
}

static double
number_of(const struct yaml_node *n)
{
	return n->kind == YAML_INT ? (double)n->num : n->kind == YAML_REAL ? n->real : 0;
}

static const char *
bad_choice(struct checker *c, const struct schema_value *v, const struct yaml_node *n, struct str *hint)
{
	struct str names[16];
	size_t count = 0;

	for (; v->choices[count] && count < 16; count++) {
		names[count] = str_z(v->choices[count]);
		if (str_eq(names[count], n->text))
			return NULL;
	}
	*hint = schema_suggest(n->text, names, count, c->scratch);
	return "bad-choice";
}

/* The code of what is wrong with the spelling of a scalar; NULL: nothing. */
static const char *
bad_form(struct checker *c, const struct schema_value *v, const struct yaml_node *n, struct str *hint)
{
	int64_t i;

	switch (v->form) {
	case FORM_FREE:
		return NULL;
	case FORM_DURATION:
		return duration_parse(n->text, &i) ? NULL : "bad-duration";
	case FORM_SIZE:
		return size_parse(n->text, &i) ? NULL : "bad-size";
	case FORM_NAME:
		if (name_ok(v->name, n->text))
			return NULL;
		*hint = arena_printf(c->scratch, "a name has %s", name_rule(v->name));
		return "bad-name";
	case FORM_COUNT:
		return n->kind == YAML_INT && n->num >= 0 && n->num <= 1000000 ? NULL : "bad-number";
	case FORM_FACTOR:
		return number_of(n) >= 1 && number_of(n) <= 1000 ? NULL : "bad-number";
	case FORM_AMOUNT:
		return amount_of(number_of(n), &i) ? NULL : "bad-number";
	case FORM_CHOICE:
		return bad_choice(c, v, n, hint);
	}
	return NULL;
}

static void
check_scalar(struct checker *c, const struct schema_value *v, const struct yaml_node *n, const struct way *w)
{
	struct str hint = STR("");
	const struct str shown = str_take(n->text, 80);

	if (v->takes & TAKES_ANY)
		return;
	if (n->kind == YAML_TEXT && str_find_char(n->text, '\0') != SIZE_MAX) {
		const struct str f = front(c, w);

		diags_add(c->d, SEVERITY_ERROR, yaml_at(n), "encoding", STR(""),
			  STR_FMT "a NUL byte cannot be part of a value", STR_ARG(f));
		return;
	}
	if (n->kind == YAML_TEXT && n->text.n == 0 && !(v->takes & TAKES_EMPTY)) {
		const struct str f = front(c, w);

		diags_add(c->d, SEVERITY_ERROR, yaml_at(n), "empty", STR(""),
			  STR_FMT "an empty text where %s belongs", STR_ARG(f), v->what);
		return;
	}
	const char *code = bad_form(c, v, n, &hint);

	if (code) {
		const struct str f = front(c, w);

		diags_add(c->d, SEVERITY_ERROR, yaml_at(n), code, hint, STR_FMT "'" STR_FMT "' is not %s",
			  STR_ARG(f), STR_ARG(shown), v->what);
	}
}

static void
unknown_key(struct checker *c, const struct schema_section *s, const struct yaml_entry *e,
	    const struct way *w)
{
	struct str names[40], hint;
	AUTO_BUF all = { 0 };
	const struct str f = front(c, w), shown = str_take(e->key, 80);

	for (size_t i = 0; i < s->n && i < 40; i++) {
		names[i] = str_z(s->keys[i].name);
		buf_printf(&all, "%s%s", i ? ", " : "", s->keys[i].name);
	}
	hint = schema_suggest(e->key, names, s->n < 40 ? s->n : 40, c->scratch);
	if (hint.n == 0)
		hint = arena_printf(c->scratch, "there are %s", buf_z(&all));
	diags_add(c->d, SEVERITY_ERROR, yaml_key_at(e), "unknown-key", hint,
		  STR_FMT "unknown key '" STR_FMT "'", STR_ARG(f), STR_ARG(shown));
}

/* A slip in the key's name was reported already; that it is missing would be the same mistake again. */
static bool
misspelt(const struct schema_section *s, const struct yaml_node *map, const char *name)
{
	const struct str want = str_z(name);

	for (uint32_t i = 0; i < map->n; i++)
		if (!key_of(s, map->entries[i].key) && suggest(map->entries[i].key, &want, 1).n)
			return true;
	return false;
}

static void
check_required(struct checker *c, const struct schema_section *s, const struct yaml_node *n,
	       const struct place at, const struct way *w)
{
	for (size_t i = 0; i < s->n; i++) {
		if (!s->keys[i].required || yaml_entry(n, s->keys[i].name))
			continue;
		if (n->kind == YAML_MAP && misspelt(s, n, s->keys[i].name))
			continue;
		const struct str f = front(c, w);

		diags_add(c->d, SEVERITY_ERROR, at, "missing-key", STR(""), STR_FMT "the key '%s' is missing",
			  STR_ARG(f), s->keys[i].name);
	}
}

static void check_value(struct checker *c, const struct schema_value *v, const struct yaml_node *n,
			struct place key, const struct way *w);

static void
check_free_key(struct checker *c, const struct schema_value *v, const struct yaml_entry *e,
	       const struct way *w)
{
	if (name_ok(v->keys, e->key))
		return;
	const struct str f = front(c, w), shown = str_take(e->key, 80);
	const struct str hint = arena_printf(c->scratch, "a name has %s", name_rule(v->keys));
	const char *noun = v->noun ? v->noun : "key";

	diags_add(c->d, SEVERITY_ERROR, yaml_key_at(e), "bad-name", hint,
		  STR_FMT "'" STR_FMT "' cannot be the name of %s %s", STR_ARG(f), STR_ARG(shown),
		  strchr("aeiou", noun[0]) ? "an" : "a", noun);
}

/* The keys of a map: those that the section knows, and free ones where there may be. */
static void
check_map(struct checker *c, const struct schema_value *v, const struct yaml_node *n, struct place key,
	  const struct way *w)
{
	for (uint32_t i = 0; n->kind == YAML_MAP && i < n->n; i++) {
		const struct yaml_entry *e = &n->entries[i];
		const struct schema_key *k = key_of(v->map, e->key);

		if (k) {
			check_value(c, k->value, e->value, yaml_key_at(e), &(struct way){ w, NULL, e->key });
		} else if (v->each) {
			check_free_key(c, v, e, w);
			check_value(c, v->each, e->value, yaml_key_at(e),
				    &(struct way){ w, v->noun, e->key });
		} else {
			unknown_key(c, v->map, e, w);
		}
	}
	if (v->map)
		check_required(c, v->map, n, key, w);
}

/* Recursion over the table, which is finite, never over the user's nesting. */
static void
check_value(struct checker *c, const struct schema_value *v, const struct yaml_node *n, struct place key,
	    const struct way *w)
{
	if (!fits(v, n)) {
		wrong_type(c, v, n, w);
		return;
	}
	if (v->takes & TAKES_ANY)
		return;
	if (yaml_scalar(n)) {
		check_scalar(c, v, n, w);
	} else if (n->kind == YAML_LIST) {
		for (uint32_t i = 0; i < n->n; i++)
			check_value(c, v->item, n->items[i], key, w);
	} else if (v->takes & TAKES_MAP) {
		/* The names of free keys stand for their map: "step 'a'", not "'steps': step 'a'". */
		check_map(c, v, n, key, v->noun && !v->map ? w->up : w);
	}
}

static void
check_version(struct checker *c, const struct yaml_node *root)
{
	const struct yaml_node *n = yaml_get(root, "version");

	if (n && n->kind == YAML_INT && n->num != 1)
		diags_add(c->d, SEVERITY_ERROR, yaml_at(n), "bad-version", STR("write 'version: 1'"),
			  "version " STR_FMT " is not known: this pawl reads version 1", STR_ARG(n->text));
}

void
schema_check(const struct yaml_node *root, const struct schema_section *section, struct diags *d)
{
	struct arena scratch = { 0 };
	struct checker c = { d, &scratch };
	const struct schema_value v = { "a map", TAKES_MAP, .map = section };

	if (root->kind == YAML_NULL) {
		diags_add(d, SEVERITY_ERROR, (struct place){ .file = *root->file, .line = 1, .column = 1 },
			  "empty", STR("'pawl init' writes one to begin with"), "the file is empty");
	} else if (root->kind != YAML_MAP) {
		diags_add(d, SEVERITY_ERROR, yaml_at(root), "wrong-type", STR(""),
			  "the file must be a map with 'version', 'pipeline', 'steps', not %s",
			  yaml_kind_name(root));
	} else {
		check_map(&c, &v, root,
			  (struct place){ .file = *root->file,
					  .line = root->mark.line,
					  .column = root->mark.column,
					  .length = 1 },
			  &(struct way){ 0 });
		check_version(&c, root);
	}
	arena_done(&scratch);
}
