/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/unpacked.h"

#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hashing/fp.h"
#include "sys/clock.h"

#define SEAL ".seal"
#define OUT ".old-"  /* on the way out */
#define NEW ".new-"  /* on the way in */
#define SEAL_SIZE 33 /* 32 hex digits and a line's end */

static const char *const PLACES[] = { UNPACKED_ROOTS, "venvs", "venvs/wheels", "pyc" };
#define NPLACES (sizeof PLACES / sizeof PLACES[0])

static const char *
seal_of(struct arena *a, const char *path)
{
	return arena_printf(a, "%s" SEAL, path).p;
}

static void
touch(int at, const char *path)
{
	const int64_t now = clock_real(); /* a lease begins by this clock, not by the coarser one of file systems */
	const struct timespec t = { .tv_sec = now / NS_PER_S, .tv_nsec = now % NS_PER_S };
	const struct timespec both[2] = { t, t };
	(void)utimensat(at, path, both, AT_SYMLINK_NOFOLLOW); /* in a cache that cannot be written nothing is removed either */
}

void
unpacked_use(struct cache *c, const char *path)
{
	struct arena a = { 0 };
	const char *seal = seal_of(&a, path);
	/* the folder of a layer may be mounted: its seal has the time */
	touch(c->fd, file_exists(c->fd, seal) ? seal : path);
	arena_done(&a);
}

/* ---- seals ----------------------------------------------------------------------------------------------------- */

static int
by_name(const FTSENT **x, const FTSENT **y)
{
	return strcmp((*x)->fts_name, (*y)->fts_name);
}

static void
add_entry(struct fp_stream *s, const FTSENT *f, size_t skip)
{
	const struct stat *st = f->fts_statp;
	const bool folder = S_ISDIR(st->st_mode);
	const uint64_t n[] = {
		st->st_mode, st->st_uid, st->st_gid, folder ? 0 : (uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec, (uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec,
		(uint64_t)st->st_rdev, f->fts_pathlen - skip,
	};
	fp_add(s, (struct str){ (const char *)n, sizeof n });
	fp_add(s, (struct str){ f->fts_path + skip, f->fts_pathlen - skip });
}

/* bytes and s may be NULL. -1 when something in it cannot be looked at. */
static int
walk(const char *folder, struct fp_stream *s, uint64_t *bytes)
{
	struct arena a = { 0 };
	char *paths[] = { arena_z(&a, str_z(folder)), NULL };
	FTS *t = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, s ? by_name : NULL);
	const size_t skip = strlen(folder);
	int rc = t ? 0 : -1;
	while (t) {
		errno = 0;
		const FTSENT *f = fts_read(t);
		if (!f)
			break;
		if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR || f->fts_info == FTS_NS)
			rc = -1;
		else if (f->fts_level == FTS_ROOTLEVEL && f->fts_info != FTS_D && f->fts_info != FTS_DP)
			rc = -1; /* no folder */
		else if (s && f->fts_info != FTS_DP && f->fts_level > FTS_ROOTLEVEL)
			add_entry(s, f, skip);
		if (bytes && f->fts_info == FTS_F && f->fts_statp->st_nlink > 0)
			*bytes += (uint64_t)f->fts_statp->st_size / f->fts_statp->st_nlink;
	}
	if (errno)
		rc = -1;
	if (t)
		(void)fts_close(t); /* it was only read */
	arena_done(&a);
	return rc;
}

struct unpacked_seen {
	struct unpacked_seen *next;
	char path[];
};

static bool
seen(struct cache *c, const char *path)
{
	for (const struct unpacked_seen *s = atomic_load(&c->seen); s; s = s->next)
		if (strcmp(s->path, path) == 0)
			return true;
	return false;
}

static void
see(struct cache *c, const char *path)
{
	const size_t n = strlen(path) + 1;
	struct unpacked_seen *s = mem_alloc(sizeof *s + n);
	memcpy(s->path, path, n);
	s->next = atomic_load(&c->seen);
	while (!atomic_compare_exchange_weak(&c->seen, &s->next, s))
		;
}

void
unpacked_forget(struct cache *c)
{
	struct unpacked_seen *s = atomic_exchange(&c->seen, NULL);
	while (s) {
		struct unpacked_seen *next = s->next;
		free(s);
		s = next;
	}
}

static int
seal_now(const char *folder, char out[SEAL_SIZE + 1])
{
	struct fp_stream *s = fp_begin();
	const int rc = walk(folder, s, NULL);
	const struct fp fp = fp_end(s);
	snprintf(out, SEAL_SIZE + 1, "%016" PRIx64 "%016" PRIx64 "\n", fp.hi, fp.lo);
	return rc;
}

int
unpacked_seal(struct cache *c, const char *path, const char *folder, struct err *e)
{
	struct arena a = { 0 };
	char text[SEAL_SIZE + 1];
	int rc = seal_now(folder, text) < 0 ? err_set(e, ERR_DAMAGED, "'%s' cannot be read again", folder) : 0;
	if (rc == 0)
		rc = file_replace(c->fd, seal_of(&a, path), str_z(text), 0644, false, e);
	if (rc == 0)
		see(c, path);
	arena_done(&a);
	return rc;
}

bool
unpacked_whole(struct cache *c, const char *path)
{
	struct arena a = { 0 };
	AUTO_BUF said = { 0 };
	if (seen(c, path) && file_exists(c->fd, path))
		return true;
	char text[SEAL_SIZE + 1];
	const bool whole = file_read(c->fd, seal_of(&a, path), SEAL_SIZE, &said, NULL) == 0 &&
			   seal_now(arena_z(&a, path_join(&a, c->folder, str_z(path))), text) == 0 && str_is(buf_str(&said), text);
	if (whole)
		see(c, path);
	arena_done(&a);
	return whole;
}

/* ---- going ----------------------------------------------------------------------------------------------------- */

/* Out of sight under another name, so that nobody meets half of it. */
static int
move_out(struct cache *c, const char *path, struct arena *a, const char **out, struct err *e)
{
	struct str scratch;
	const struct str place = path_join(a, c->folder, path_dir(str_z(path)));
	if (file_scratch_dir(arena_z(a, place), OUT, a, &scratch, e) < 0)
		return -1;
	*out = arena_z(a, path_join(a, scratch, STR("it")));
	if (renameat(c->fd, path, AT_FDCWD, *out) < 0 && errno != ENOENT) {
		const int rc = err_os(e, "move '%s' in the cache out of the way", path);
		(void)file_remove_tree(AT_FDCWD, scratch.p, NULL);
		return rc;
	}
	return 0;
}

static int
clear_out(const char *moved, struct arena *a, struct err *e)
{
	return file_remove_tree(AT_FDCWD, arena_z(a, path_dir(str_z(moved))), e);
}

int
unpacked_remove(struct cache *c, const char *path, struct err *e)
{
	struct arena a = { 0 };
	const char *moved;
	int rc = file_remove_tree(c->fd, seal_of(&a, path), e);
	if (rc == 0)
		rc = move_out(c, path, &a, &moved, e);
	if (rc == 0)
		rc = clear_out(moved, &a, e);
	arena_done(&a);
	return rc;
}

/* When it was used last, and whether it has a seal. */
static bool
used_at(struct cache *c, const char *path, struct arena *a, int64_t *at)
{
	struct file_stat st, seal;
	if (file_stat(c->fd, path, false, &st, NULL) < 0)
		return false;
	*at = st.mtime;
	if (file_stat(c->fd, seal_of(a, path), false, &seal, NULL) == 0)
		*at = seal.mtime;
	return true;
}

/* Gone, unless somebody used it between the look and the move. */
static int
let_go(struct cache *c, const char *path, int64_t seen, bool *gone, struct arena *a, struct err *e)
{
	const char *moved;
	const char *seal = seal_of(a, path);
	struct file_stat st;
	const bool sealed = file_exists(c->fd, seal);
	if (move_out(c, path, a, &moved, e) < 0)
		return -1;
	const bool found = sealed ? file_stat(c->fd, seal, false, &st, NULL) == 0 : file_stat(AT_FDCWD, moved, false, &st, NULL) == 0;
	if (found && st.mtime != seen && renameat(AT_FDCWD, moved, c->fd, path) == 0) {
		*gone = false;
		return clear_out(moved, a, e);
	}
	*gone = true;
	if (sealed && file_remove_tree(c->fd, seal, e) < 0)
		return -1;
	return clear_out(moved, a, e);
}

static bool
goes(const struct unpacked_opts *o, const char *place, struct str name, int64_t used)
{
	struct digest d;
	if (used >= o->oldest)
		return false;
	if (str_starts(name, STR(OUT)) || str_starts(name, STR(NEW)) || used < o->now - o->max_age)
		return true;
	if (strcmp(place, UNPACKED_ROOTS) != 0)
		return false;
	struct str hex = str_take(name, name.n < DIGEST_HEX ? name.n : DIGEST_HEX);
	return !digest_parse(hex, true, &d) || !o->needed(o->ctx, &d);
}

static int
sweep_one(struct cache *c, const struct unpacked_opts *o, const char *place, struct str name, struct unpacked_report *r, struct err *e)
{
	struct arena a = { 0 };
	const char *path = arena_z(&a, path_join(&a, str_z(place), name));
	uint64_t bytes = 0;
	int64_t used;
	int rc = 0;
	bool gone = false;
	if (used_at(c, path, &a, &used)) {
		(void)walk(arena_z(&a, path_join(&a, c->folder, str_z(path))), NULL, &bytes); /* what cannot be seen is not counted */
		gone = o && goes(o, place, name, used);
		if (gone && !o->dry_run)
			rc = let_go(c, path, used, &gone, &a, e);
		r->n++;
		r->bytes += bytes;
		r->removed += gone;
		r->bytes_removed += gone ? bytes : 0;
	}
	arena_done(&a);
	return rc;
}

int
unpacked_sweep(struct cache *c, const struct unpacked_opts *o, struct unpacked_report *out, struct err *e)
{
	struct arena a = { 0 };
	struct unpacked_report r = { 0 };
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < NPLACES; i++) {
		struct file_entry *v;
		size_t n;
		if (file_list(c->fd, PLACES[i], &a, &v, &n, NULL) < 0)
			continue;
		for (size_t k = 0; rc == 0 && k < n; k++) {
			const bool inner = str_is(v[k].name, "wheels") && strcmp(PLACES[i], "venvs") == 0;
			if (v[k].type == FILE_FOLDER && !inner)
				rc = sweep_one(c, o, PLACES[i], v[k].name, &r, e);
		}
	}
	arena_done(&a);
	if (rc == 0)
		*out = r;
	return rc;
}
