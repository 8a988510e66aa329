/* SPDX-License-Identifier: Apache-2.0
 *
 * schema: which keys pawl.yaml has, what each takes, its default and its meaning: one table (schema_table.c)
 * for checking, for "did you mean" and for docs/reference/pawl.yaml.md.
 *
 * schema_check looks at the shape alone: keys, kinds, spelling of names, durations and sizes. What a name
 * refers to is checked later (rules/check.c), and readers of the tree may meet values that were reported
 * here: they pass over them.
 */
#ifndef PAWL_RULES_SCHEMA_H
#define PAWL_RULES_SCHEMA_H

#include "base/diag.h"
#include "rules/units.h"
#include "rules/yaml.h"

enum { /* what a value may be; joined by | */
       TAKES_TEXT = 1,
       TAKES_BOOL = 2,
       TAKES_INT = 4,
       TAKES_NUMBER = 8, /* whole or not */
       TAKES_LIST = 16,
       TAKES_MAP = 32,
       TAKES_ANY = 64,
       TAKES_EMPTY = 128, /* a text may be empty */
};

enum schema_form {
	FORM_FREE,
	FORM_DURATION,
	FORM_SIZE,
	FORM_NAME,
	FORM_COUNT,
	FORM_CHOICE,
	FORM_FACTOR,
	FORM_AMOUNT
};

struct schema_value {
	const char *what; /* "a duration such as 5s": for messages and the reference */
	unsigned takes;
	enum schema_form form;            /* of a text or number */
	enum name_kind name;              /* FORM_NAME */
	const char *const *choices;       /* FORM_CHOICE, NULL at the end */
	const struct schema_value *item;  /* of a list */
	const struct schema_section *map; /* a map with known keys */
	const struct schema_value *each;  /* else: the values of a map with free keys */
	enum name_kind keys;              /* how those keys are spelt */
	const char *noun;                 /* what one of them is: "step" */
};

struct schema_key {
	const char *name;
	const struct schema_value *value;
	bool required;
	const char *standard; /* the default, for the reference; NULL: none */
	const char *text;     /* the meaning, one paragraph of Markdown */
};

struct schema_section {
	const char *title; /* heading in the reference */
	const char *text;
	const struct schema_key *keys;
	size_t n;
};

extern const struct schema_section schema_file;     /* pawl.yaml */
extern const struct schema_section schema_included; /* a file of `include:` */
extern const struct schema_section schema_user;     /* the user's configuration */
extern const struct schema_section schema_written;  /* what a dynamic step writes */

void schema_check(const struct yaml_node *root, const struct schema_section *section, struct diags *d);

/* " did you mean 'x'?" for the hint of an unknown name; else empty. */
struct str schema_suggest(struct str word, const struct str *names, size_t n, struct arena *a);

void schema_markdown(struct buf *out); /* docs/reference/pawl.yaml.md */

#endif
