/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/rundirs.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sys/file.h"
#include "sys/lock.h"

struct rundirs {
	struct arena arena;
	struct str cache, tmpdir;
	struct str base; /* empty: nothing was taken yet */
	int lock;
	uint64_t serial;
	pthread_mutex_t mutex;
};

struct rundirs *
rundirs_new(struct str cache, const char *tmpdir)
{
	struct rundirs *r = mem_zalloc(sizeof *r);

	r->cache = arena_str(&r->arena, cache);
	r->tmpdir = arena_str(&r->arena, tmpdir != NULL && *tmpdir == '/' ? str_z(tmpdir) : STR("/tmp"));
	r->lock = -1;
	pthread_mutex_init(&r->mutex, NULL);
	return r;
}

void
rundirs_free(struct rundirs *r)
{
	if (r == NULL)
		return;
	if (r->base.n > 0)
		(void)file_remove_tree(AT_FDCWD, r->base.p, NULL); /* the next one that begins removes what is left */
	file_closep(&r->lock);
	pthread_mutex_destroy(&r->mutex);
	arena_done(&r->arena);
	free(r);
}

/* One of a process that may be dead: its lock is free. */
static void
sweep_one(struct str path, struct arena *a)
{
	struct str lock = path_join(a, path, STR("lock"));

	if (!file_exists(AT_FDCWD, lock.p))
		return; /* it is just beginning, or was never locked: not ours to judge */
	AUTO_FD fd = lock_take(AT_FDCWD, lock.p, false, 0, NULL);

	if (fd >= 0)
		(void)file_remove_tree(AT_FDCWD, path.p, NULL); /* what cannot be removed stays */
}

static void
sweep(struct str folder)
{
	struct arena a = { 0 };
	struct file_entry *v;
	size_t n;

	if (file_list(AT_FDCWD, arena_z(&a, folder), &a, &v, &n, NULL) == 0)
		for (size_t i = 0; i < n; i++)
			if (v[i].type == FILE_FOLDER && str_starts(v[i].name, STR("run-")))
				sweep_one(path_join(&a, folder, v[i].name), &a);
	arena_done(&a);
}

static int
begin_in(struct rundirs *r, struct str folder, const char *prefix, struct err *e)
{
	struct str base;

	if (file_scratch_dir(arena_z(&r->arena, folder), prefix, &r->arena, &base, e) < 0)
		return -1;
	const struct str lock = path_join(&r->arena, base, STR("lock"));

	r->lock = lock_take(AT_FDCWD, lock.p, false, 0, e);
	if (r->lock < 0) {
		(void)file_remove_tree(AT_FDCWD, base.p, NULL);
		return -1;
	}
	r->base = base;
	return 0;
}

static int
begin(struct rundirs *r, struct err *e)
{
	const struct str tmp = path_join(&r->arena, r->cache, STR("tmp"));

	if (r->base.n > 0)
		return 0;
	if (r->cache.n > 0 && file_mkdirs(AT_FDCWD, tmp.p, NULL) == 0) {
		sweep(tmp);
		if (begin_in(r, tmp, "run-", NULL) == 0)
			return 0;
	}
	return begin_in(r, r->tmpdir, "pawl-run-", e);
}

int
rundirs_take(struct rundirs *r, struct arena *a, struct str *folder, struct err *e)
{
	pthread_mutex_lock(&r->mutex);
	int ret = begin(r, e);
	const uint64_t serial = ++r->serial;

	pthread_mutex_unlock(&r->mutex);
	if (ret < 0)
		return err_wrap(e, "make a scratch folder");
	const struct str path = arena_printf(a, STR_FMT "/%llu", STR_ARG(r->base), (unsigned long long)serial);

	if (file_mkdirs(AT_FDCWD, path.p, e) < 0)
		return err_wrap(e, "make a scratch folder");
	*folder = path;
	return 0;
}

void
rundirs_give(struct rundirs *r, struct str folder)
{
	struct arena a = { 0 };

	(void)r;
	(void)file_remove_tree(AT_FDCWD, arena_z(&a, folder), NULL); /* rundirs_free tries again */
	arena_done(&a);
}
