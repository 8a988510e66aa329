/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/workspace.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cache/stats.h"
#include "rules/snapshot.h"
#include "sys/file.h"
#include "sys/pool.h"

enum { GRAIN = 16 };

static void
report_path(struct project *p, struct str path, const struct file_stat *st, enum report report)
{
	struct stat_sig sig;

	if (report == REPORT_NOT)
		return;
	if (st != NULL)
		sig = stat_sig_of(st);
	if (report == REPORT_OWN && st != NULL)
		leaves_own(p->leaves, path, &sig);
	else
		leaves_path(p->leaves, path, st != NULL ? &sig : NULL);
}

static int
look_file(struct project *p, int at, const char *path, const struct file_stat *st, enum report report, struct content *out,
	  struct err *e)
{
	if (stats_content(p->cache->stats, at, path, st, out, e) < 0)
		return -1;
	report_path(p, str_z(path), st, report);
	return 0;
}

struct folder_reader {
	struct project *p;
	enum report report;
};

static int
read_one(void *ctx, int at, const char *path, const struct file_stat *st, struct content *out, struct err *e)
{
	const struct folder_reader *r = ctx;

	return look_file(r->p, at, path, st, r->report, out, e);
}

/* Folders and links of a tree; its files were reported while they were read. */
static void
report_tree(struct project *p, int at, struct str path, const struct tree *t)
{
	struct arena a = { 0 };

	for (size_t i = 0; i < t->n; i++) {
		const struct str full = path_join(&a, path, t->v[i].path);
		struct file_stat st;

		if (t->v[i].type == TREE_FOLDER)
			leaves_folder(p->leaves, full);
		else if (t->v[i].type == TREE_LINK)
			report_path(p, full, file_stat(at, arena_z(&a, full), false, &st, NULL) == 0 ? &st : NULL, REPORT_SHARED);
	}
	arena_done(&a);
}

static int
look_folder(struct project *p, int at, const char *path, enum report report, struct arena *a, struct workspace_item *out, struct err *e)
{
	/* What lies in a folder may be a file of another node as well. */
	struct folder_reader r = { .p = p, .report = report == REPORT_OWN ? REPORT_SHARED : report };
	AUTO_BUF manifest = { 0 };
	struct workspace_item item = { .type = OUTPUT_TREE };

	if (report != REPORT_NOT)
		leaves_folder(p->leaves, str_z(path));
	if (tree_scan(at, path, &(struct tree_reader){ .content = read_one, .ctx = &r }, a, &item.tree, e) < 0)
		return -1;
	if (report != REPORT_NOT)
		report_tree(p, at, str_z(path), &item.tree);
	tree_write(&item.tree, &manifest);
	item.digest = digest_of(buf_str(&manifest));
	for (size_t i = 0; i < item.tree.n; i++)
		item.size += item.tree.v[i].size;
	*out = item;
	return 0;
}

int
workspace_look(struct project *p, int at, struct str path, enum report report, struct arena *a, struct workspace_item *out, struct err *e)
{
	const char *z = arena_z(a, path);
	struct file_stat st;
	struct content c;
	struct err why = { 0 };

	if (file_stat(at, z, true, &st, &why) < 0) {
		if (why.code == ERR_MISSING)
			report_path(p, path, NULL, report);
		return err_set(e, why.code, "%s", why.text);
	}
	if (st.type == FILE_FOLDER)
		return look_folder(p, at, z, report, a, out, e);
	if (st.type != FILE_REGULAR)
		return err_set(e, ERR_INPUT, "'%s' is neither a file nor a folder", z);
	if (look_file(p, at, z, &st, report, &c, e) < 0)
		return -1;
	*out = (struct workspace_item){
		.type = st.mode & S_IXUSR ? OUTPUT_EXEC : OUTPUT_FILE,
		.digest = c.digest,
		.size = c.size,
	};
	return 0;
}

struct many {
	struct project *p;
	const struct str *paths;
	struct workspace_item *items;
	enum report report;
	pthread_mutex_t mutex;
	size_t failed; /* least index, so that the message does not depend on the threads' order */
	struct err why;
};

static void
look_one(void *ctx, size_t i)
{
	struct many *m = ctx;
	struct arena a = { 0 };
	struct err why = { 0 };
	int ret = workspace_look(m->p, m->p->fd, m->paths[i], m->report, &a, &m->items[i], &why);

	if (ret == 0 && m->items[i].type == OUTPUT_TREE)
		ret = err_set(&why, ERR_INPUT, "'" STR_FMT "' is a folder; a file was expected", STR_ARG(m->paths[i]));
	m->items[i].tree = (struct tree){ 0 };
	arena_done(&a);
	if (ret == 0)
		return;
	pthread_mutex_lock(&m->mutex);
	if (i < m->failed) {
		m->failed = i;
		m->why = why;
	}
	pthread_mutex_unlock(&m->mutex);
}

int
workspace_look_files(struct project *p, const struct str *paths, size_t n, enum report report, struct workspace_item *items, struct err *e)
{
	struct many m = { .p = p, .paths = paths, .items = items, .report = report, .failed = SIZE_MAX };

	pthread_mutex_init(&m.mutex, NULL);
	pool_each(n, GRAIN, n <= GRAIN ? 1 : 0, look_one, &m);
	pthread_mutex_destroy(&m.mutex);
	return m.failed == SIZE_MAX ? 0 : err_set(e, m.why.code, "%s", m.why.text);
}

int
workspace_read(struct project *p, struct str path, size_t limit, struct buf *out, struct err *e)
{
	char *z = arena_z(&p->arena, path);
	struct file_stat st;
	struct content c;
	if (file_stat(p->fd, z, true, &st, e) < 0) {
		leaves_path(p->leaves, path, NULL);
		return -1;
	}
	if (st.type != FILE_REGULAR)
		return err_set(e, ERR_INPUT, "'" STR_FMT "' is no file", STR_ARG(path));
	const struct stat_sig sig = stat_sig_of(&st);
	if (stats_content(p->cache->stats, p->fd, z, &st, &c, e) < 0 || file_read(p->fd, z, limit, out, e) < 0)
		return -1;
	const struct digest d = digest_of(buf_str(out));
	if (digest_eq(&d, &c.digest))
		leaves_path(p->leaves, path, &sig);
	else /* what was read must be what the stat table remembers, or a later look at the signature would prove nothing */
		leaves_never(p->leaves);
	return 0;
}
