/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/rundirs.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "backends/build_run.h"
#include "base/vec.h"
#include "rules/project.h"
#include "sys/file.h"
#include "sys/lock.h"

struct rundirs {
	struct arena arena;
	struct str cache, tmpdir;
	struct str base; /* empty: nothing was taken yet */
	int lock;
	uint64_t serial;
	VEC(struct str) spare; /* given back as they were taken */
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
rundirs_ready(struct project *p)
{
	if (p->rundirs == NULL)
		p->rundirs = rundirs_new(p->cache->folder, project_env(p, STR("TMPDIR")));
}

void
rundirs_free(struct rundirs *r)
{
	if (r == NULL)
		return;
	if (r->base.n > 0)
		(void)build_remove(r->base, NULL); /* the next one that begins removes what is left */
	VEC_DONE(&r->spare);
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
		(void)build_remove(path, NULL); /* what cannot be removed stays */
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
	const bool spare = ret == 0 && r->spare.n > 0;
	const uint64_t serial = spare ? 0 : ++r->serial;

	if (spare)
		*folder = arena_str(a, r->spare.v[--r->spare.n]);
	pthread_mutex_unlock(&r->mutex);
	if (spare)
		return 0;
	if (ret < 0)
		return err_wrap(e, "make a scratch folder");
	const struct str path = arena_printf(a, STR_FMT "/%llu", STR_ARG(r->base), (unsigned long long)serial);

	if (mkdir(path.p, 0777) < 0 || mkdir(path_join(a, path, STR("run")).p, 0777) < 0)
		return err_os(e, "make the scratch folder '" STR_FMT "'", STR_ARG(path));
	*folder = path;
	return 0;
}

static bool
as_made(const char *path)
{
	struct stat st, parent;
	struct arena a = { 0 };
	const bool same = lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && lstat(arena_z(&a, path_dir(str_z(path))), &parent) == 0 &&
			  st.st_mode == parent.st_mode && st.st_uid == parent.st_uid && st.st_gid == parent.st_gid;

	arena_done(&a);
	return same;
}

/* Nothing was left in it but an empty run/, which nobody has changed: to make and remove folders costs more than all else of a short step. */
static bool
is_fresh(struct str folder)
{
	struct arena a = { 0 };
	struct file_entry *v;
	size_t n;
	const char *run = arena_z(&a, path_join(&a, folder, STR("run")));
	const bool fresh = file_list(AT_FDCWD, arena_z(&a, folder), &a, &v, &n, NULL) == 0 && n == 1 && str_is(v[0].name, "run") &&
			   as_made(run) && file_list(AT_FDCWD, run, &a, &v, &n, NULL) == 0 && n == 0;

	arena_done(&a);
	return fresh;
}

void
rundirs_give(struct rundirs *r, struct str folder)
{
	struct arena a = { 0 };

	if (is_fresh(folder)) {
		pthread_mutex_lock(&r->mutex);
		VEC_PUSH(&r->spare, arena_str(&r->arena, folder));
		pthread_mutex_unlock(&r->mutex);
	} else {
		(void)build_remove(folder, NULL); /* rundirs_free tries again */
	}
	arena_done(&a);
}
