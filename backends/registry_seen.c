/* SPDX-License-Identifier: Apache-2.0
 *
 * TABLE_SEEN: what registries are known to have.
 *	host NUL repository NUL digest   ->  u64 time
 *	host NUL NUL digest              ->  u64 time | repository that had it last
 * It may be wrong any time; a registry that says so (MANIFEST_BLOB_UNKNOWN) is believed.
 */
#include "backends/registry_inside.h"
#include "sys/clock.h"

static void
put_key(struct str host, struct str repository, const struct digest *d, struct buf *out)
{
	buf_put(out, host);
	buf_putc(out, '\0');
	buf_put(out, repository);
	buf_putc(out, '\0');
	buf_put(out, (struct str){ (const char *)d->b, sizeof d->b });
}

static bool
look_up(const struct registry *r, struct str host, struct str where, const struct digest *d, struct arena *a, struct str *repository)
{
	struct view *v;
	struct str value;
	AUTO_BUF key = { 0 };
	if (!r->opts.records || view_begin(r->opts.records, &v, NULL) < 0)
		return false;
	put_key(host, where, d, &key);
	const bool there = key.n <= RECORD_KEY_MAX && view_get(v, TABLE_SEEN, buf_str(&key), &value);
	if (there && repository)
		*repository = arena_str(a, str_drop(value, sizeof(uint64_t)));
	view_end(v);
	return there;
}

bool
registry_seen(const struct registry *r, const struct registry_ref *to, const struct digest *d)
{
	return look_up(r, to->host, to->repository, d, NULL, NULL);
}

struct str
registry_seen_at(const struct registry *r, struct str host, const struct digest *d, struct arena *a)
{
	struct str repository = { 0 };
	(void)look_up(r, host, (struct str){ 0 }, d, a, &repository);
	return repository;
}

static void
put(struct batch *seen, struct str host, struct str where, const struct digest *d, struct str repository)
{
	AUTO_BUF key = { 0 }, value = { 0 };
	put_key(host, where, d, &key);
	buf_u64(&value, (uint64_t)clock_real());
	buf_put(&value, repository);
	if (key.n <= RECORD_KEY_MAX)
		batch_put(seen, TABLE_SEEN, buf_str(&key), buf_str(&value));
}

void
registry_note(const struct registry_ref *to, const struct digest *d, struct batch *seen)
{
	put(seen, to->host, to->repository, d, (struct str){ 0 });
	put(seen, to->host, (struct str){ 0 }, d, to->repository);
}
