/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/last.h"

#include <string.h>

#include "engine/codec.h"
#include "hashing/fp.h"

enum { VERSION = 1, NAME_MOST = 400 };
enum outcome { OUTCOME_MADE = 0, OUTCOME_FAILED = 1, OUTCOME_UNRECORDED = 2 };
_Static_assert(OUTCOME_UNRECORDED == 2, "on disk: append only");

static void
put_fp(struct buf *b, struct str s)
{
	const struct fp f = fp_of(s);
	buf_u64(b, f.hi);
	buf_u64(b, f.lo);
}

void
last_prefix(struct str project, struct buf *out)
{
	put_fp(out, project);
}

static void
record_key(struct buf *b, struct str project, struct str node)
{
	put_fp(b, project);
	if (node.n <= NAME_MOST) {
		buf_put(b, node);
		return;
	}
	buf_u8(b, 0xff);
	put_fp(b, node);
}

static enum outcome
outcome_of(const struct last *l)
{
	return l->failed ? OUTCOME_FAILED : l->unrecorded ? OUTCOME_UNRECORDED : OUTCOME_MADE;
}

void
last_encode(const struct last *l, struct buf *out)
{
	buf_u32(out, VERSION);
	buf_u8(out, (uint8_t)outcome_of(l));
	buf_u64(out, (uint64_t)l->at);
	put_double(out, l->seconds);
	put_digest(out, &l->key_digest);
	put_digest(out, &l->result_digest);
	put_digest(out, &l->log);
	buf_text(out, l->key);
}

/* Everything but the copies. */
static bool
read_last(struct str bytes, struct last *l)
{
	struct rd r = { .rest = bytes };
	const uint32_t version = rd_u32(&r);
	const uint8_t outcome = rd_u8(&r);
	l->failed = outcome == OUTCOME_FAILED;
	l->unrecorded = outcome == OUTCOME_UNRECORDED;
	l->at = (int64_t)rd_u64(&r);
	l->seconds = get_double(&r);
	l->key_digest = get_digest(&r);
	l->result_digest = get_digest(&r);
	l->log = get_digest(&r);
	l->key = rd_text(&r);
	return !r.bad && !r.rest.n && version == VERSION && outcome <= OUTCOME_UNRECORDED;
}

int
last_decode(struct str bytes, struct arena *a, struct last *out, struct err *e)
{
	struct last l;
	if (!read_last(bytes, &l))
		return err_set(e, ERR_DAMAGED, "the last record of a node: cut off, or of another version than %d", VERSION);
	l.key = arena_str(a, l.key);
	*out = l;
	return 0;
}

static bool
get(struct view *v, struct str project, struct str node, struct last *out)
{
	if (!v)
		return false;
	AUTO_BUF key = { 0 };
	struct str value;
	record_key(&key, project, node);
	return view_get(v, TABLE_LAST, buf_str(&key), &value) && read_last(value, out);
}

bool
last_find(struct view *v, struct str project, struct str node, struct arena *a, struct last *out)
{
	struct last l;
	if (!get(v, project, node, &l))
		return false;
	l.key = arena_str(a, l.key);
	*out = l;
	return true;
}

bool
last_is(struct view *v, struct str project, struct str node, const struct digest *key_digest, bool failed)
{
	struct last l;
	return get(v, project, node, &l) && digest_eq(&l.key_digest, key_digest) && l.failed == failed;
}

void
last_put(struct batch *b, struct str project, struct str node, const struct last *l)
{
	AUTO_BUF key = { 0 };
	AUTO_BUF value = { 0 };
	record_key(&key, project, node);
	last_encode(l, &value);
	batch_put(b, TABLE_LAST, buf_str(&key), buf_str(&value));
}
