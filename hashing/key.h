/* SPDX-License-Identifier: Apache-2.0
 *
 * key: the name of a result before it is made: a hash over tagged, length-prefixed fields.
 *
 * A field is (tag, name, value): tag says what sort it is ("input", "param", "code"), name which one ("raw", "lr"), and may be
 * empty. Fields are sorted by (tag, name) before hashing, so the order of adding does not count; the same (tag, name) twice
 * is a bug (assert). Each field's own hash is kept, with its value where that is short text, so that two keys can be
 * compared field by field (why, diff). The key's digest is SHA-256 over: "pawl-key", schema, kind, then for each field
 * tag, name, hash of value, every one of them with its length in front (32 bits, little endian; schema is 4 bytes). All
 * texts are copied into the arena.
 *
 * Encoded form (stored in records; little endian; append only):
 *	u32 version 1 | u32 schema | text kind | u32 n | n x { text tag | text name | 32 bytes hash | u8 has_value | text value }
 */
#ifndef PAWL_HASHING_KEY_H
#define PAWL_HASHING_KEY_H

#include "base/buf.h"
#include "base/err.h"
#include "hashing/digest.h"

#define KEY_VALUE_MAX 400 /* bytes of a value that is kept as text, if it is UTF-8 */

struct key_field {
	struct str tag, name;
	struct digest hash;
	bool has_value;
	struct str value;
};

struct key {
	struct arena *arena;
	uint32_t schema;
	struct str kind;
	struct key_field *v;
	size_t n, cap;
	bool sorted;
};

void key_init(struct key *k, struct arena *a, uint32_t schema, const char *kind);
void key_text(struct key *k, const char *tag, struct str name, struct str value);
void key_digest(struct key *k, const char *tag, struct str name, const struct digest *value); /* kept as "sha256:..." text */
void key_num(struct key *k, const char *tag, struct str name, int64_t value);
/* As key_text, but the value is never kept: only its hash. */
void key_hidden(struct key *k, const char *tag, struct str name, struct str value);
struct digest key_done(struct key *k); /* sorts; may be called again */

void key_encode(struct key *k, struct buf *out);
int key_decode(struct str bytes, struct arena *a, struct key *out, struct err *e); /* ERR_DAMAGED */
const struct key_field *key_find(const struct key *k, struct str tag, struct str name);

/* Fields that differ, in the order of tag and name: only in a (b NULL), only in b (a NULL), or other hash. */
struct key_change {
	const struct key_field *a, *b;
};
size_t key_diff(struct key *a, struct key *b, struct arena *arena, struct key_change **out);

#endif
