/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/cache.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/lease.h"
#include "cache/stats.h"
#include "cache/unpacked.h"
#include "sys/file.h"

#define COMMIT_LOCK_MS 10000

int
cache_folder(const char *pawl_cache, const char *xdg_cache_home, const char *home, struct arena *a, struct str *out, struct err *e)
{
	if (pawl_cache && pawl_cache[0] && pawl_cache[0] != '/') {
		struct str cwd;
		char *here = getcwd(NULL, 0);
		if (!here)
			return err_os(e, "find the current folder, which PAWL_CACHE '%s' is relative to", pawl_cache);
		cwd = arena_str(a, str_z(here));
		free(here);
		*out = path_clean(a, path_join(a, cwd, str_z(pawl_cache)));
		return 0;
	}
	if (pawl_cache && pawl_cache[0])
		*out = path_clean(a, str_z(pawl_cache));
	else if (xdg_cache_home && xdg_cache_home[0] == '/') /* a relative one is invalid, says its specification */
		*out = path_clean(a, path_join(a, str_z(xdg_cache_home), STR("pawl")));
	else if (home && home[0] == '/')
		*out = path_clean(a, path_join(a, str_z(home), STR(".cache/pawl")));
	else
		return err_set(e, ERR_INPUT, "no folder for the cache: set PAWL_CACHE, or HOME, to an absolute path");
	return 0;
}

static void
say(struct cache *c, struct str text)
{
	c->notice = c->notice.n ? arena_printf(&c->arena, STR_FMT "\n" STR_FMT, STR_ARG(c->notice), STR_ARG(text)) : text;
}

static void
degrade(struct cache *c, const struct err *why)
{
	if (c->degraded)
		return;
	c->degraded = true;
	say(c, arena_printf(&c->arena, "the cache in '" STR_FMT "' cannot be written, so nothing is kept from here on: %s", STR_ARG(c->folder),
			    why->text));
}

static void
open_records(struct cache *c)
{
	const char *folder = path_join(&c->arena, c->folder, STR("records")).p;
	struct err why = { 0 };
	if (!c->degraded && records_open(folder, false, &c->records, &why) == 0)
		return;
	if (!c->degraded)
		degrade(c, &why);
	if (records_open(folder, true, &c->records, &why) < 0)
		c->records = records_none();
}

static void
open_blobs(struct cache *c)
{
	const char *folder = path_join(&c->arena, c->folder, STR("blobs")).p;
	struct err why = { 0 };
	if (!c->degraded && blobs_open(folder, false, &c->blobs, &why) == 0)
		return;
	if (!c->degraded)
		degrade(c, &why);
	/* Read-only opening makes nothing and so does not fail; a missing folder is an empty one. */
	const int rc = blobs_open(folder, true, &c->blobs, &why);
	assert(rc == 0);
	(void)rc; /* without assertions */
}

int
cache_open(struct str folder, struct cache **out, struct err *e)
{
	if (folder.n == 0 || folder.p[0] != '/')
		return err_set(e, ERR_INPUT, "the cache's folder '" STR_FMT "' must be an absolute path", STR_ARG(folder));
	struct cache *c = mem_zalloc(sizeof *c);
	c->folder = arena_str(&c->arena, folder);
	c->fd = -1;
	struct err why = { 0 };
	if (file_mkdirs(AT_FDCWD, c->folder.p, &why) < 0)
		degrade(c, &why);
	c->fd = file_open_dir(AT_FDCWD, c->folder.p, &why);
	if (c->fd < 0)
		degrade(c, &why);
	else if (!c->degraded && (file_mkdirs(c->fd, "locks", &why) < 0 || file_mkdirs(c->fd, "leases", &why) < 0))
		degrade(c, &why);
	open_records(c);
	open_blobs(c);
	c->stats = stats_new(c->records);
	*out = c;
	return 0;
}

void
cache_close(struct cache *c)
{
	if (!c)
		return;
	lease_drop(c);
	unpacked_forget(c);
	stats_free(c->stats);
	blobs_close(c->blobs);
	records_close(c->records);
	file_closep(&c->fd);
	struct arena a = c->arena;
	free(c);
	arena_done(&a);
}

struct str
cache_notice(struct cache *c)
{
	const struct str r = records_notice(c->records);
	if (r.n > 0 && !c->told) {
		c->told = true;
		say(c, arena_str(&c->arena, r));
	}
	const struct str text = c->notice;
	c->notice = (struct str){ 0 };
	return text;
}

int
cache_commit(struct cache *c, struct batch *b, struct err *e)
{
	struct err why = { 0 };
	int rc = 0;
	if (!c->degraded) {
		rc = blobs_flush(c->blobs, &why);
		if (rc == 0)
			rc = records_commit(c->records, b, true, COMMIT_LOCK_MS, &why);
		if (rc < 0 && (why.code == ERR_FULL || why.code == ERR_DENIED)) {
			degrade(c, &why);
			rc = 0;
		}
	}
	if (rc < 0) {
		if (e)
			*e = why;
		return -1;
	}
	batch_done(b);
	return 0;
}
