/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml: a YAML text as a tree in which every key and value knows its place. The one door to libyaml.
 *
 * Plain scalars are typed by the YAML 1.2 core schema: null, true and false, integers, reals; all else is
 * text, so `no`, `yes` and `on` are texts. `text` always keeps the scalar as it was written, so that a reader
 * who wants a text may take `3.10` for one. Merge keys (<<) are merged already: a map's own keys win, then
 * the earlier of several.
 *
 * Aliases share the node they name: the tree is in truth a graph without cycles, and a walk over it costs its
 * `weight`. Weight, depth, size and merges are limited, so every walk ends soon; beyond a limit is a mistake
 * like any other. Everything lives in the arena. Columns count characters.
 */
#ifndef PAWL_RULES_YAML_H
#define PAWL_RULES_YAML_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/js.h"

#define YAML_MAX_BYTES ((size_t)32 << 20) /* of one file */
#define YAML_MAX_NODES 3000000u           /* with aliases written out */
#define YAML_MAX_MERGED 1000000u          /* entries that merge keys look at */
#define YAML_MAX_DEPTH 64u

enum yaml_kind { YAML_NULL, YAML_BOOL, YAML_INT, YAML_REAL, YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_mark {
	uint32_t line, column, length; /* as in struct place */
};

struct yaml_entry {
	struct str key;
	struct yaml_mark mark; /* of the key; the file is the value's */
	struct yaml_node *value;
};

struct yaml_node {
	const struct str *file;
	struct yaml_mark mark;
	uint8_t kind;    /* enum yaml_kind */
	uint8_t height;  /* of the tree below: 0 for a scalar */
	bool open;       /* private: being read */
	struct str text; /* a scalar as written, quotes and escapes resolved */
	union {
		bool truth;
		int64_t num;
		double real;
		struct yaml_node **items;   /* YAML_LIST */
		struct yaml_entry *entries; /* YAML_MAP */
	};
	uint32_t n;      /* items or entries */
	uint32_t weight; /* nodes in it with aliases written out, itself included */
};

/* Reads one document. Mistakes go to d under `file`. 0: *out is the tree, though d may have got duplicate
 * keys and the like; -1: there is no tree, and d says why. An empty text gives a YAML_NULL node. */
int yaml_read(struct str file, struct str text, struct arena *a, struct diags *d, struct yaml_node **out);

/* What a plain scalar means by the core schema; sets kind and value of n from its text. false: a number that
 * 64 bits cannot hold. */
bool yaml_resolve(struct yaml_node *n);

/* NULL is accepted as "not there" by all of these. */
const struct yaml_entry *yaml_entry(const struct yaml_node *map,
				    const char *key); /* NULL: not there, or no map */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
bool yaml_is(const struct yaml_node *n, enum yaml_kind kind);
bool yaml_scalar(const struct yaml_node *n); /* bool, number or text */
struct place yaml_at(const struct yaml_node *n);
struct place yaml_key_at(const struct yaml_entry *entry);
const char *yaml_kind_name(const struct yaml_node *n); /* "a list" */

struct js *yaml_js(const struct yaml_node *n); /* the caller's */

const char *yaml_version(void); /* of libyaml */

#endif
