/* SPDX-License-Identifier: Apache-2.0
 *
 * Outputs put back from the store. A folder is built beside its place under ".NAME.pawl-PID", then the two change places, so that at every
 * moment there is the old one or the new one, whole. What a killed process left under such a name is removed by the next.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hashing/tree.h"
#include "rules/outputs.h"
#include "rules/workspace.h"
#include "sys/file.h"
#include "sys/pool.h"

enum { GRAIN = 16, MANIFEST_MAX = 1 << 30 };

struct checkout {
	struct project *p;
	const struct tree *tree;
	int at; /* the folder that is built */
	pthread_mutex_t mutex;
	size_t failed;
	struct err why;
};

static void
checkout_one(void *ctx, size_t i)
{
	struct checkout *c = ctx;
	const struct tree_entry *f = &c->tree->v[i];
	struct arena a = { 0 };
	struct file_stat st;
	struct err e = { 0 };

	if ((f->type == TREE_FILE || f->type == TREE_EXEC) &&
	    blobs_checkout(c->p->cache->blobs, &f->digest, c->at, arena_z(&a, f->path), f->type == TREE_EXEC ? 0755 : 0644, &st,
			   &e) < 0) {
		pthread_mutex_lock(&c->mutex);
		if (i < c->failed) {
			c->failed = i;
			c->why = e;
		}
		pthread_mutex_unlock(&c->mutex);
	}
	arena_done(&a);
}

/* Folders first, then files, links last: nothing is ever written through a link of the tree. */
static int
fill(struct project *p, int at, const struct tree *t, struct arena *a, struct err *e)
{
	struct checkout c = { .p = p, .tree = t, .at = at, .failed = SIZE_MAX };

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].type == TREE_FOLDER && file_mkdirs(at, arena_z(a, t->v[i].path), e) < 0)
			return -1;
	pthread_mutex_init(&c.mutex, NULL);
	pool_each(t->n, GRAIN, t->n <= GRAIN ? 1 : 0, checkout_one, &c);
	pthread_mutex_destroy(&c.mutex);
	if (c.failed != SIZE_MAX)
		return err_set(e, c.why.code, "%s", c.why.text);
	for (size_t i = 0; i < t->n; i++) {
		const struct tree_entry *l = &t->v[i];

		if (l->type == TREE_LINK && symlinkat(arena_z(a, l->target), at, arena_z(a, l->path)) < 0)
			return err_os(e, "make the link '" STR_FMT "'", STR_ARG(l->path));
	}
	return 0;
}

static int
build(struct project *p, const struct output *o, int at, const char *path, struct arena *a, struct err *e)
{
	AUTO_BUF manifest = { 0 };
	struct tree t;

	if (blobs_read(p->cache->blobs, &o->digest, MANIFEST_MAX, &manifest, e) < 0 ||
	    tree_parse(buf_str(&manifest), a, &t, e) < 0 || file_mkdirs(at, path, e) < 0)
		return -1;
	AUTO_FD folder = file_open_dir(at, path, e);

	return folder < 0 ? -1 : fill(p, folder, &t, a, e);
}

/* Left by processes that are dead. */
static void
sweep(int at, struct str folder, struct str prefix, struct arena *a)
{
	struct file_entry *v;
	size_t n;
	uint64_t pid;

	if (file_list(at, arena_z(a, folder), a, &v, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (str_starts(v[i].name, prefix) && str_u64(str_drop(v[i].name, prefix.n), &pid) && pid < INT32_MAX &&
		    pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH)
			(void)file_remove_tree(at, path_join(a, folder, v[i].name).p, NULL); /* tried again next time */
}

static int
put_folder(struct project *p, const struct output *o, int at, struct str path, struct arena *a, struct err *e)
{
	const struct str folder = path_dir(path);
	const struct str prefix = arena_printf(a, "." STR_FMT ".pawl-", STR_ARG(path_base(path)));
	const char *z = arena_z(a, path);

	sweep(at, folder, prefix, a);
	const char *temp = path_join(a, folder, arena_printf(a, STR_FMT "%ld", STR_ARG(prefix), (long)getpid())).p;

	int ret = file_remove_tree(at, temp, e);
	if (ret == 0)
		ret = build(p, o, at, temp, a, e);
	if (ret == 0 && file_exists(at, z)) {
		/* Not every file system can exchange; then there is a moment without either. */
		if (renameat2(at, temp, at, z, RENAME_EXCHANGE) < 0 &&
		    ((ret = file_remove_tree(at, z, e)) == 0))
			ret = file_rename(at, temp, at, z, e);
	} else if (ret == 0) {
		ret = file_rename(at, temp, at, z, e);
	}
	(void)file_remove_tree(at, temp, NULL); /* what was exchanged, or half built; swept later if it stays */
	return ret;
}

int
outputs_checkout(struct project *p, const struct output *o, int at, struct str path, struct err *e)
{
	struct arena a = { 0 };
	struct file_stat st;
	const char *z = arena_z(&a, path);
	int ret = file_mkdirs_parent(at, z, e);

	if (ret == 0 && o->type == OUTPUT_TREE)
		ret = put_folder(p, o, at, path, &a, e);
	else if (ret == 0) {
		if (file_stat(at, z, false, &st, NULL) == 0 && st.type == FILE_FOLDER)
			ret = file_remove_tree(at, z, e);
		if (ret == 0)
			ret = blobs_checkout(p->cache->blobs, &o->digest, at, z, o->type == OUTPUT_EXEC ? 0755 : 0644, &st, e);
	}
	arena_done(&a);
	return ret;
}

static int
restore_one(struct project *p, const struct output *o, struct arena *a, struct err *e)
{
	struct workspace_item now;

	if (outputs_there(p, o, a))
		return 0;
	/* Asked for before anything is moved: what cannot be put back must not cost what is there. */
	if (!blobs_has(p->cache->blobs, &o->digest, NULL))
		return err_set(e, ERR_MISSING, "'" STR_FMT "' is no longer in the cache", STR_ARG(o->path));
	if (outputs_keep(p, o->path, e) < 0 || outputs_checkout(p, o, p->fd, o->path, e) < 0)
		return -1;
	if (workspace_look(p, p->fd, o->path, REPORT_OWN, a, &now, e) < 0)
		return -1;
	if (now.type != o->type || !digest_eq(&now.digest, &o->digest))
		return err_set(e, ERR_WORLD, "'" STR_FMT "' was changed while it was put back", STR_ARG(o->path));
	return 0;
}

int
outputs_restore(struct project *p, const struct result *r, struct err *e)
{
	for (size_t i = 0; i < r->noutputs; i++) {
		const struct output *o = &r->outputs[i];
		struct arena a = { 0 };
		int ret = 0;

		if (o->path.n > 0)
			ret = restore_one(p, o, &a, e);
		else if (!blobs_has(p->cache->blobs, &o->digest, NULL))
			ret = err_set(e, ERR_MISSING, "output '" STR_FMT "' is no longer in the cache", STR_ARG(o->name));
		arena_done(&a);
		if (ret < 0)
			return err_wrap(e, "put back output '" STR_FMT "'", STR_ARG(o->name));
	}
	return 0;
}
