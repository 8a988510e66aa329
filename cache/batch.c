/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch in memory: n x { u8 table | u8 deletion | text key | text value }.
 */
#include <assert.h>

#include "cache/records.h"

struct str
record_table_name(enum table t)
{
	static const char *const names[] = {
#define X(id, name, key, value) name,
		RECORD_TABLES(X)
#undef X
	};
	return str_z(names[t]);
}

static void
add(struct batch *b, enum table t, bool del, struct str key, struct str value)
{
	assert(t < TABLE_COUNT);
	assert(key.n > 0 && key.n <= RECORD_KEY_MAX);
	buf_u8(&b->ops, (uint8_t)t);
	buf_u8(&b->ops, del);
	buf_text(&b->ops, key);
	buf_text(&b->ops, value);
	b->n++;
}

void
batch_put(struct batch *b, enum table t, struct str key, struct str value)
{
	add(b, t, false, key, value);
}

void
batch_del(struct batch *b, enum table t, struct str key)
{
	add(b, t, true, key, (struct str){ 0 });
}

void
batch_done(struct batch *b)
{
	buf_done(&b->ops);
	*b = (struct batch){ 0 };
}

bool
batch_next(struct rd *rest, struct batch_op *out)
{
	if (rest->rest.n == 0)
		return false;
	out->table = (enum table)rd_u8(rest);
	out->del = rd_u8(rest);
	out->key = rd_text(rest);
	out->value = rd_text(rest);
	return !rest->bad;
}
